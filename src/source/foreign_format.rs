//! Recognises common formats that are not images, for helpful messages.

use super::docker_save::MANIFEST;
use super::files::Files;
use super::folder::Folder;
use crate::document::layout::{INDEX, MARKER};
use crate::text::Escaped;

/// The files that docker save wrote before it had manifest.json.
const REPOSITORIES: &str = "repositories";
const ROOT_FILE_SYSTEM: &str = "it looks like a root file system (docker export?), \
                                expected an image (docker save)";

/// Names the format of a file that starts with `head`.
pub fn file(head: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 14] = [
        (b"PK\x03\x04", "found a zip archive"),
        (b"hsqs", "found a squashfs file system"),
        (b"sqsh", "found a squashfs file system"),
        (b"7z\xBC\xAF\x27\x1C", "found a 7z archive"),
        (b"\x04\x22\x4D\x18", "found content compressed with lz4"),
        (b"QFI\xFB", "found a qcow2 disk image"),
        (b"070701", "found a cpio archive"),
        (b"070702", "found a cpio archive"),
        (b"!<arch>\n", "found an ar archive, as Debian packages are"),
        (
            b"#!/usr/bin/env run-singularity",
            "found an image of Singularity (SIF)",
        ),
        (
            b"\xEF\xBB\xBF",
            "found UTF-8 text with a byte order mark, as PowerShell may make of an archive: \
             write it with docker save -o",
        ),
        (
            b"version https://git-lfs.github.com/spec/",
            "found a Git LFS pointer: get the file itself with git lfs pull",
        ),
        (b"\xFF\xFE", UTF_16),
        (b"\xFE\xFF", UTF_16),
    ];
    const UTF_16: &str = "found UTF-16 text, as PowerShell's > makes of an archive: \
                          write it with docker save -o";
    if head.is_empty() {
        return Some("is empty");
    }
    if let Some((_, what)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let is_html = text.starts_with(b"<!doctype html") || text.starts_with(b"<html");
    if is_html {
        return Some("found an HTML page, perhaps a server's error message");
    }
    let is_json = text.starts_with(b"{") || text.starts_with(b"[");
    is_json.then_some("found JSON")
}

/// Whether content that is neither an archive nor compressed may be text.
pub fn is_text(head: &[u8]) -> bool {
    let is_control = |b: &u8| b.is_ascii_control() && !b.is_ascii_whitespace();
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // Cut within a character.
        Err(e) => e.error_len().is_none(),
    };
    is_utf8 && !head.iter().any(is_control)
}

/// Names the likely kind of a folder without oci-layout.
pub fn folder(folder: &Folder) -> String {
    let is_dir_image = || {
        let version = folder
            .find("version")
            .and_then(|file| file.read_document(1000));
        version.is_ok_and(|text| text.starts_with(b"Directory Transport Version"))
    };
    let has_manifest = folder.has(MANIFEST);
    let what = if has_manifest && is_dir_image() {
        "it looks like a dir: image of skopeo, copy it with skopeo copy dir:PATH oci:PATH"
    } else if has_manifest || folder.has(REPOSITORIES) {
        "it looks like an unpacked docker-save archive, pack its content with tar"
    } else if folder.has(INDEX) {
        return format!("found {INDEX} but no {MARKER}, expected both as in an OCI image layout");
    } else if is_root(|name| folder.has(name)) {
        ROOT_FILE_SYSTEM
    } else {
        "expected an OCI image layout or an archive"
    };
    format!("found a folder without the file {MARKER}: {what}")
}

/// Names the likely kind of an archive with these names that is neither an OCI archive nor
/// one of docker save.
pub fn archive<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> String {
    let has = |wanted: &str| names.clone().any(|name| name == wanted.as_bytes());
    let has_folder = |wanted: &str| {
        let first = |name: &'a [u8]| name.split(|b| *b == b'/').next();
        names
            .clone()
            .any(|name| first(name) == Some(wanted.as_bytes()))
    };
    match (has(MARKER), has(INDEX)) {
        (true, _) => {
            return format!("found {MARKER} but neither {INDEX} nor {MANIFEST}, expected one");
        }
        (_, true) => {
            return format!("found {INDEX} but no {MARKER}, expected both as in an OCI archive");
        }
        _ => {}
    }
    let none = format!("found a tar archive without {MARKER}, {INDEX} and {MANIFEST}");
    if has(REPOSITORIES) {
        return format!(
            "{none}, but with {REPOSITORIES}: docker save wrote such archives before version \
             1.10, save the image anew"
        );
    }
    if is_root(has_folder) {
        return format!("{none}: {ROOT_FILE_SYSTEM}");
    }
    let is_chart =
        |name: &[u8]| name.ends_with(b"/Chart.yaml") && name.split(|b| *b == b'/').count() == 2;
    if names.clone().any(is_chart) {
        return format!("{none}: it looks like a Helm chart, which is no image");
    }
    let nested = names.clone().find_map(|name| {
        let (folder, file) = std::str::from_utf8(name).ok()?.split_once('/')?;
        [MARKER, MANIFEST].contains(&file).then_some(folder)
    });
    let packed = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"];
    let packed = |name: &&[u8]| packed.iter().any(|end| name.ends_with(end.as_bytes()));
    let mut archives = names.clone().filter(packed);
    match nested {
        None if let (Some(archive), None) = (archives.next(), archives.next()) => format!(
            "{none}, but with an archive \"{}\" in it: unpack that and open it",
            Escaped(&String::from_utf8_lossy(archive))
        ),
        Some(folder) => format!(
            "{none}, but with a folder \"{}\" that has them: pack the content of that folder",
            Escaped(folder)
        ),
        None => format!(
            "{none}, expected an OCI archive or one of docker save; a root file system (docker \
             export) is no image"
        ),
    }
}

fn is_root(has: impl Fn(&str) -> bool) -> bool {
    let folders = ["bin", "etc", "lib", "sbin", "usr", "var"];
    folders.iter().filter(|folder| has(folder)).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognized() {
        let rows: [(&[u8], Option<&str>); 14] = [
            (b"", Some("empty")),
            (b"PK\x03\x04 ", Some("zip")),
            (b"hsqs ", Some("squashfs")),
            (b"\xFF\xFEm\0", Some("UTF-16")),
            (b" \n<!DOCTYPE HTML>", Some("HTML")),
            (b"<html lang=en>", Some("HTML")),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                Some("git lfs pull"),
            ),
            (b"{}", Some("JSON")),
            (b"[{}]", Some("JSON")),
            (b"070701\0", Some("cpio")),
            (b"!<arch>\ndebian-binary", Some("Debian")),
            (b"#!/usr/bin/env run-singularity\n", Some("Singularity")),
            (b"\xEF\xBB\xBFblobs/\0", Some("PowerShell")),
            (b"blobs/\0", None),
        ];
        for (head, expected) in rows {
            match (file(head), expected) {
                (Some(what), Some(expected)) => assert!(what.contains(expected), "{what}"),
                (what, expected) => assert_eq!(what, expected),
            }
        }
    }

    #[test]
    fn text_is_recognized() {
        assert!(is_text(b"Error: no such image\r\n"));
        assert!(is_text(b"caf\xC3"), "cut within a character");
        assert!(!is_text(b"caf\xE9 "));
        assert!(!is_text(b"blobs/\0"));
    }

    #[test]
    fn archives_are_recognized() {
        let rows: [(&[&str], &str); 10] = [
            (&["oci-layout"], "neither index.json nor manifest.json"),
            (&["index.json"], "no oci-layout"),
            (&["repositories"], "1.10"),
            (&["bin/sh", "etc/passwd", "usr/bin"], "docker export"),
            (&["bin/sh", "etc/passwd"], "expected an OCI archive"),
            (&["a/oci-layout"], "the content of that folder"),
            (&["a/b/oci-layout"], "expected an OCI archive"),
            (&["a/Chart.yaml", "a/values.yaml"], "Helm chart"),
            (&["README", "out/image.tar.gz"], "\"out/image.tar.gz\""),
            (&["a.tar", "b.tar"], "expected an OCI archive"),
        ];
        for (names, expected) in rows {
            let what = archive(names.iter().map(|name| name.as_bytes()));
            assert!(what.contains(expected), "{names:?}: {what}");
        }
    }
}
