//! Built-in sources of images: OCI image layouts, OCI archives and what `docker save`
//! writes.
//!
//! The content of a file or folder decides the format, never its name. Opening a source
//! reads only what is needed for that and for its root; its content is verified by readers,
//! like that of any loader.

mod archive;
mod docker_save;
mod extent;
mod files;
mod folder;
mod foreign_format;
mod hybrid;
mod layout;
mod listing;
mod options;
mod ref_name;
mod saved_images;
mod spool;
pub mod system_error;
mod tags;
mod temp_dir;
#[cfg(test)]
mod testing;

pub use extent::Extent;
pub use options::Options;
pub use temp_dir::temp_dir;

use crate::context::Context;
use crate::document::layout::{INDEX, MARKER};
use crate::error::{Error, Result};
use crate::loader::Loader;
use crate::tar::{self, End, Flaw};
use archive::Archive;
use docker_save::DockerSave;
use files::Files;
use folder::Folder;
use hybrid::Hybrid;
use layout::Layout;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use system_error::{escaped, no_regular_file, path_error};

/// A folder as an OCI image layout, a file as an archive.
pub fn open(path: &Path, options: &Options, ctx: &Context) -> Result<Arc<dyn Loader>> {
    if !metadata(path)?.is_dir() {
        return open_archive(path, options, ctx);
    }
    let folder = Folder::open(path, options.follow_links)?;
    if !folder.has(MARKER) {
        let what = foreign_format::folder(&folder);
        return Err(Error::unsupported(what).context(place(path)));
    }
    Ok(Arc::new(Layout::open(folder, options)?))
}

/// An OCI image layout in a folder.
pub fn open_layout(path: &Path, options: &Options, _ctx: &Context) -> Result<Arc<dyn Loader>> {
    // To the system, a file in the place of the folder and one on the way to it are the same.
    metadata(path)?;
    let folder = Folder::open(path, options.follow_links)?;
    if !folder.has(MARKER) {
        let what = foreign_format::folder(&folder);
        return Err(Error::not_found(what).context(place(path)));
    }
    Ok(Arc::new(Layout::open(folder, options)?))
}

/// An OCI archive or one of `docker save`, plain or compressed.
pub fn open_archive(path: &Path, options: &Options, ctx: &Context) -> Result<Arc<dyn Loader>> {
    // Opening a device may do something.
    if !metadata(path)?.is_file() {
        return Err(no_regular_file(place(path)));
    }
    let file = rustix::fs::open(path, folder::READ, rustix::fs::Mode::empty())
        .map_err(|e| path_error(path, e.into()))?;
    let file = Extent::of_file(File::from(file), &place(path))?;
    let unsupported = |what: &str| Error::unsupported(what).context(place(path));
    let head = file.head()?;
    // The first name in an archive may be any.
    if !tar::is_archive(&head)
        && let Some(what) = foreign_format::file(&head)
    {
        return Err(unsupported(&format!(
            "{what}, expected an OCI archive or one of docker save"
        )));
    }
    let file = spool::unpacked(file, options.max_unpacked_size, ctx)?;
    let head = file.head()?;
    if !tar::is_archive(&head) {
        return Err(spool::no_archive(place(path), &head));
    }
    let archive = Archive::read(file, ctx)?;

    let is_layout = archive.has(MARKER) && archive.has(INDEX);
    let is_docker_save = archive.has(docker_save::MANIFEST);
    let is_bare = archive.table().end() == End::Bare;
    // Without this, index.json is read only when it is loaded.
    let lists_something = is_layout && (is_docker_save || is_bare) && {
        let index = layout::read_index(&archive, options)?;
        !layout::listed_in(&archive, &index)?.is_empty()
    };
    if is_bare
        && !lists_something
        && !(is_docker_save && docker_save::is_complete(&archive, options)?)
    {
        return Err(cut_off(&archive));
    }
    Ok(match (is_layout, is_docker_save) {
        (true, true) if lists_something => Arc::new(Hybrid::open(archive, options, ctx)?),
        (_, true) => {
            if is_layout {
                layout::check_version(&archive, options)?;
            }
            Arc::new(DockerSave::open(&archive, options, ctx)?)
        }
        (true, false) => Arc::new(Layout::open(archive, options)?),
        (false, false) => {
            return Err(unsupported(&foreign_format::archive(
                archive.table().names(),
            )));
        }
    })
}

/// The error for an archive that may lack more than its blocks of zeros.
fn cut_off(archive: &Archive) -> Error {
    let flaw = Flaw::CutOff {
        at: archive.size(),
        size: archive.size(),
        missing: "a block of zeros".to_owned(),
    };
    flaw.into_error(archive.name())
}

fn metadata(path: &Path) -> Result<fs::Metadata> {
    fs::metadata(path).map_err(|e| path_error(path, e))
}

/// The path that the caller gave, for messages.
fn place(path: &Path) -> String {
    escaped(path.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use crate::error::Status;
    use std::path::PathBuf;

    #[test]
    fn content_decides_what_a_path_holds() {
        use Status::{Malformed, NotFound, Unsupported};
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, content: &[u8]| -> PathBuf {
            fs::write(at(name), content).unwrap();
            at(name)
        };
        let marker = file("oci-layout", VERSION_1);
        let index = file("index.json", r#"{"schemaVersion":2,"manifests":[]}"#);
        let oci = archive(&[marker.clone(), index.clone()]);
        let docker = archive(&[file("manifest.json", "[]")]);
        let mut broken = oci.clone();
        broken[0] ^= 1;
        let mut old_and_broken = broken.clone();
        old_and_broken[257..262].fill(0);
        fs::create_dir(at("layout")).unwrap();
        write("layout/oci-layout", VERSION_1.as_bytes());
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("layout", at("link")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        write("file", b"");
        let fifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(fifo.unwrap().success());

        // The messages of `open`, `open_layout` and `open_archive`.
        type Row<'a> = (&'a str, PathBuf, [Result<(), Status>; 3]);
        let no_archive = [Err(Unsupported), Err(Malformed), Err(Unsupported)];
        let an_archive = [Ok(()), Err(Malformed), Ok(())];
        let rows: Vec<Row<'_>> = vec![
            ("layout", at("layout"), [Ok(()), Ok(()), Err(Malformed)]),
            (
                "link to a layout",
                at("link"),
                [Ok(()), Ok(()), Err(Malformed)],
            ),
            (
                "other folder",
                at("folder"),
                [Err(Unsupported), Err(NotFound), Err(Malformed)],
            ),
            ("nothing", at("no"), [Err(NotFound); 3]),
            ("below a file", at("file/x"), [Err(NotFound); 3]),
            ("link loop", at("loop"), [Err(Malformed); 3]),
            ("FIFO", at("fifo"), [Err(Malformed); 3]),
            ("device", "/dev/zero".into(), [Err(Malformed); 3]),
            ("OCI archive", write("a.json", &oci), an_archive),
            ("docker save", write("a.zip", &docker), an_archive),
            ("gzip", write("a.tar", &gzip(&oci)), an_archive),
            ("zstd", write("a.tgz", &zstd(&docker)), an_archive),
            ("empty file", write("empty", b""), no_archive),
            ("text", write("text", &[b'x'; 2000]), no_archive),
            ("JSON", write("json", b"[{}]"), no_archive),
            (
                "less than a header",
                write("short", &oci[..511]),
                no_archive,
            ),
            ("bzip2", write("a.bz2", &bzip2(&oci)), an_archive),
            ("xz", write("a.xz", &xz(&docker)), an_archive),
            (
                "cut bzip2",
                write("bz2", b"BZh9\x31\x41\x59\x26\x53\x59"),
                [Err(Malformed); 3],
            ),
            ("cut xz", write("xz", b"\xFD7zXZ\0"), [Err(Malformed); 3]),
            (
                "an image for Singularity",
                write("squashfs", b"hsqs\x01\0\0\0"),
                no_archive,
            ),
            (
                "gzip of gzip",
                write("twice", &gzip(&gzip(&oci))),
                no_archive,
            ),
            ("gzip of nothing", write("nothing", &gzip(b"")), no_archive),
            (
                "empty archive",
                write("no entries", &archive(&[])),
                no_archive,
            ),
            (
                "other archive",
                write("other", &archive(&[file("a", "")])),
                no_archive,
            ),
            (
                "no index.json",
                write("no index", &archive(std::slice::from_ref(&marker))),
                no_archive,
            ),
            (
                "no oci-layout",
                write("no marker", &archive(std::slice::from_ref(&index))),
                no_archive,
            ),
            (
                "broken at its start",
                write("broken", &broken),
                [Err(Malformed); 3],
            ),
            (
                "broken and before POSIX",
                write("old", &old_and_broken),
                no_archive,
            ),
        ];
        for (row, path, expected) in rows {
            let found = [open, open_layout, open_archive].map(|open| {
                open(&path, &Options::default(), &Context::default())
                    .map(drop)
                    .map_err(|e| e.status())
            });
            assert_eq!(found, expected, "{row}");
        }
        for name in [
            "{}",
            "[",
            "<html>",
            "PK\x03\x04",
            "070701",
            "BZh91AY&SY",
            "\x1f",
        ] {
            let mut entries = vec![file(name, "")];
            entries.extend([marker.clone(), index.clone()]);
            let path = write("any", &archive(&entries));
            let opened = open(&path, &Options::default(), &Context::default());
            assert!(opened.is_ok(), "{name}");
        }
        for (name, says) in [
            ("bz2", "bzip2"),
            ("xz", "xz"),
            ("squashfs", "squashfs"),
            ("empty", "is empty"),
            ("text", "found text"),
            ("json", "found JSON"),
            ("folder", "oci-layout"),
            ("other", "manifest.json"),
            ("twice", "compressed once"),
        ] {
            let e = open(&at(name), &Options::default(), &Context::default())
                .map(drop)
                .unwrap_err();
            assert!(e.message().contains(says), "{e}");
            let path = at(name);
            assert!(e.message().starts_with(path.to_str().unwrap()), "{e}");
        }
    }
}
