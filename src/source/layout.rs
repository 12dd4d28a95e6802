//! OCI image layouts, in a folder or in an archive.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use super::files::Files;
use super::listing::{Listed, listed};
use super::options::Options;
use crate::context::Context;
use crate::digest::Digest;
use crate::document::layout::{self, INDEX, MARKER, blob_path, index_of};
use crate::error::Result;
use crate::loader::{Loader, Stream};
use std::io::Cursor;
use std::sync::Arc;

pub struct Layout<F> {
    files: F,
    /// An index of the descriptors chosen by name, instead of index.json.
    chosen: Option<Arc<[u8]>>,
}

impl<F: Files> Layout<F> {
    pub fn open(files: F, options: &Options) -> Result<Self> {
        check_version(&files, options)?;
        let chosen = match options.ref_name() {
            None => None,
            Some(name) => {
                let index = read_index(&files, options)?;
                let listed = listed_in(&files, &index)?;
                let chosen: Vec<_> = listed.iter().filter(|one| one.has_name(&name)).collect();
                if chosen.is_empty() {
                    let names: Vec<_> = listed.iter().filter_map(Listed::name).collect();
                    return Err(name.not_found(&names).context(files.place(INDEX)));
                }
                Some(
                    index_of(chosen.into_iter().map(|one| one.raw))
                        .into_bytes()
                        .into(),
                )
            }
        };
        Ok(Self { files, chosen })
    }
}

impl<F: Files> Loader for Layout<F> {
    fn root_is_index(&self) -> bool {
        true
    }

    fn root_file(&self) -> Option<String> {
        Some(self.files.place(INDEX))
    }

    fn file(&self, digest: &Digest) -> Option<String> {
        Some(self.files.place(&blob_path(digest)))
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(match &self.chosen {
            Some(index) => Box::new(Cursor::new(index.clone())),
            None => Box::new(self.files.find(INDEX)?.document_stream()?),
        })
    }

    fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        self.open_blob(digest, ctx)
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        open_blob(&self.files, digest)
    }
}

pub fn open_blob(files: &impl Files, digest: &Digest) -> Result<Box<dyn Stream>> {
    let blob = files
        .find(&blob_path(digest))
        .map_err(|e| e.with_digest(digest.text()))?;
    Ok(Box::new(blob.stream()))
}

pub fn read_index(files: &impl Files, options: &Options) -> Result<Vec<u8>> {
    files.find(INDEX)?.read_document(options.max_document_size)
}

/// The descriptors of index.json, whose bytes are `index`.
pub fn listed_in<'a>(files: &impl Files, index: &'a [u8]) -> Result<Vec<Listed<'a>>> {
    listed(index).map_err(|e| e.context(files.place(INDEX)))
}

pub fn check_version(files: &impl Files, options: &Options) -> Result<()> {
    let document = files.find(MARKER)?;
    let document = document.read_document(options.max_document_size)?;
    layout::check_version(&document).map_err(|e| e.context(files.place(MARKER)))
}

#[cfg(test)]
mod tests {
    use super::super::open_layout;
    use super::super::testing::*;
    use super::*;
    use crate::error::Status;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use tempfile::TempDir;

    const INDEX_JSON: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

    fn layout() -> TempDir {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(MARKER), VERSION_1).unwrap();
        fs::write(folder.path().join(INDEX), INDEX_JSON).unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        folder
    }

    fn fifo(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    }

    fn status<T>(result: Result<T>) -> Result<T, Status> {
        result.map_err(|e| e.status())
    }

    #[test]
    fn the_root_is_index_json_and_blobs_go_by_digest() {
        let folder = layout();
        let digests = [b"sha256".as_slice(), b"other"].map(|content| {
            let digest = sha256(content);
            fs::write(folder.path().join(blob_name(&digest)), content).unwrap();
            digest
        });
        let sha512 = Digest::of(crate::digest::Algorithm::Sha512, b"sha512");
        fs::create_dir(folder.path().join("blobs/sha512")).unwrap();
        fs::write(folder.path().join(blob_name(&sha512)), "sha512").unwrap();

        let loader = open_layout(folder.path(), &Options::default(), &Context::default()).unwrap();
        assert!(loader.root_is_index());
        assert_eq!(loader.root_digest(&Context::default()).unwrap(), None);
        assert_eq!(root(&*loader).unwrap(), INDEX_JSON);
        assert_eq!(blob(&*loader, &digests[0]).unwrap(), b"sha256");
        assert_eq!(blob(&*loader, &sha512).unwrap(), b"sha512");
        let manifest = loader.open_manifest(&digests[1], &Context::default());
        assert_eq!(drain(manifest.unwrap()).unwrap(), b"other");
        let e = blob(&*loader, &sha256("absent")).unwrap_err();
        assert_eq!(e.status(), Status::NotFound);
        assert_eq!(e.digest(), Some(sha256("absent").text()));
    }

    #[test]
    fn the_layout_has_a_version() {
        let rows = [
            (r#"{"imageLayoutVersion":"1.0.0"}"#, Ok(())),
            (r#"{"imageLayoutVersion":"1.0.0","x":[]}"#, Ok(())),
            (
                r#"{"imageLayoutVersion":"1.0.1"}"#,
                Err(Status::Unsupported),
            ),
            (
                r#"{"imageLayoutVersion":"2.0.0"}"#,
                Err(Status::Unsupported),
            ),
            (r#"{"imageLayoutVersion":""}"#, Err(Status::Unsupported)),
            (r#"{"imageLayoutVersion":1}"#, Err(Status::Malformed)),
            (
                r#"{"imageLayoutVersion":"1.0.0\u0000"}"#,
                Err(Status::Malformed),
            ),
            (r#"{"imageLayoutVersion":null}"#, Err(Status::Malformed)),
            (r#"{"imagelayoutversion":"1.0.0"}"#, Err(Status::Malformed)),
            (r#"{}"#, Err(Status::Malformed)),
            (r#"["1.0.0"]"#, Err(Status::Malformed)),
            ("", Err(Status::Malformed)),
            (
                r#"{"imageLayoutVersion":"1.0.0"} 2"#,
                Err(Status::Malformed),
            ),
        ];
        for (document, expected) in rows {
            let folder = layout();
            fs::write(folder.path().join(MARKER), document).unwrap();
            let opened =
                open_layout(folder.path(), &Options::default(), &Context::default()).map(drop);
            assert_eq!(status(opened), expected, "{document}");
        }
        let folder = layout();
        let long = " ".repeat((4 << 20) + 1);
        fs::write(folder.path().join(MARKER), long).unwrap();
        let opened = open_layout(folder.path(), &Options::default(), &Context::default()).map(drop);
        assert_eq!(status(opened), Err(Status::LimitExceeded));
    }

    #[test]
    fn nothing_leads_out_of_the_folder_or_waits() {
        let digest = sha256("data");
        let outside = on_disk(b"data");
        // Each creates something at the first path, beside the folders below.
        type Make<'a> = &'a dyn Fn(&Path, &Path);
        let rows: [(&str, Make<'_>, Result<(), Status>); 15] = [
            ("file", &|blob, _| fs::write(blob, "data").unwrap(), Ok(())),
            (
                "link inside",
                &|blob, root| {
                    fs::write(root.join("x"), "data").unwrap();
                    symlink("../../x", blob).unwrap();
                },
                Ok(()),
            ),
            (
                "link to a folder inside",
                &|blob, root| {
                    fs::create_dir(root.join("y")).unwrap();
                    fs::write(root.join("y").join(blob.file_name().unwrap()), "data").unwrap();
                    fs::remove_dir(root.join("blobs/sha256")).unwrap();
                    symlink("../y", root.join("blobs/sha256")).unwrap();
                },
                Ok(()),
            ),
            ("nothing", &|_, _| (), Err(Status::NotFound)),
            (
                "no folder",
                &|_, root| fs::remove_dir(root.join("blobs/sha256")).unwrap(),
                Err(Status::NotFound),
            ),
            (
                "dangling link",
                &|blob, _| symlink("../x", blob).unwrap(),
                Err(Status::NotFound),
            ),
            (
                "absolute link",
                &|blob, _| symlink(outside.path(), blob).unwrap(),
                Err(Status::Malformed),
            ),
            (
                "absolute link to the inside",
                &|blob, root| symlink(root.join(INDEX), blob).unwrap(),
                Err(Status::Malformed),
            ),
            (
                "link that leads out",
                &|blob, _| symlink("../../../x", blob).unwrap(),
                Err(Status::Malformed),
            ),
            (
                "folder that leads out",
                &|_, root| {
                    fs::remove_dir(root.join("blobs/sha256")).unwrap();
                    symlink(root.parent().unwrap(), root.join("blobs/sha256")).unwrap();
                },
                Err(Status::Malformed),
            ),
            (
                "link loop",
                &|blob, _| symlink(blob.file_name().unwrap(), blob).unwrap(),
                Err(Status::Malformed),
            ),
            ("FIFO", &|blob, _| fifo(blob), Err(Status::Malformed)),
            (
                "socket",
                &|blob, root| {
                    // The path of a socket must be short.
                    UnixListener::bind(root.join("s")).unwrap();
                    fs::rename(root.join("s"), blob).unwrap();
                },
                Err(Status::Malformed),
            ),
            (
                "folder",
                &|blob, _| fs::create_dir(blob).unwrap(),
                Err(Status::Malformed),
            ),
            (
                "file in the place of the folder",
                &|_, root| {
                    fs::remove_dir(root.join("blobs/sha256")).unwrap();
                    fs::write(root.join("blobs/sha256"), "data").unwrap();
                },
                Err(Status::Malformed),
            ),
        ];
        for (row, make, expected) in rows {
            let folder = layout();
            make(&folder.path().join(blob_name(&digest)), folder.path());
            let loader =
                open_layout(folder.path(), &Options::default(), &Context::default()).unwrap();
            let read = blob(&*loader, &digest);
            assert_eq!(status(read.map(drop)), expected, "{row}");
        }
    }

    #[test]
    fn the_other_files_are_held_to_the_same_rules() {
        for (name, opens) in [(MARKER, false), (INDEX, true)] {
            let folder = layout();
            let path = folder.path().join(name);
            fs::remove_file(&path).unwrap();
            let read = || -> Result<()> {
                let loader = open_layout(folder.path(), &Options::default(), &Context::default());
                assert_eq!(loader.is_ok(), opens, "{name}");
                root(&*loader?).map(drop)
            };
            assert_eq!(status(read()), Err(Status::NotFound), "{name}");
            fifo(&path);
            assert_eq!(status(read()), Err(Status::Malformed), "{name}");
            fs::remove_file(&path).unwrap();
            symlink("/dev/zero", &path).unwrap();
            assert_eq!(status(read()), Err(Status::Malformed), "{name}");
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_caught() {
        let rows: [(u64, Status); 3] = [
            (0, Status::SizeMismatch),
            (INDEX_JSON.len() as u64 - 1, Status::SizeMismatch),
            (INDEX_JSON.len() as u64 + 1, Status::SizeMismatch),
        ];
        for (size, expected) in rows {
            let folder = layout();
            let loader =
                open_layout(folder.path(), &Options::default(), &Context::default()).unwrap();
            let stream = loader.open_root_manifest(&Context::default()).unwrap();
            let index = fs::File::options()
                .write(true)
                .open(folder.path().join(INDEX));
            index.unwrap().set_len(size).unwrap();
            assert_eq!(status(drain(stream)), Err(expected), "{size}");
        }
    }

    #[test]
    fn entries_are_chosen_by_name() {
        let entry = |id: u32, annotations: &str| {
            format!(r#"{{ "id" : {id}, "annotations":{annotations}}}"#)
        };
        let tag = |id, name: &str| {
            entry(
                id,
                &format!(r#"{{"org.opencontainers.image.ref.name":"{name}"}}"#),
            )
        };
        let full =
            |id, name: &str| entry(id, &format!(r#"{{"io.containerd.image.name":"{name}"}}"#));
        let both = |id, name: &str, tag: &str| {
            entry(
                id,
                &format!(
                    r#"{{"io.containerd.image.name":"{name}","org.opencontainers.image.ref.name":"{tag}"}}"#
                ),
            )
        };
        let entries = [
            tag(0, "v1"),
            tag(1, "v2"),
            entry(2, "{}"),
            r#"{"id":3}"#.to_string(),
            tag(4, "v1"),
            full(5, "docker.io/library/busybox:latest"),
            both(6, "docker.io/library/busybox:1", "1"),
            full(7, "v1"),
            entry(8, r#"{"a":1}"#),
            entry(9, "null"),
            "null".to_string(),
            tag(11, "docker.io/library/busybox:1"),
            // Not a valid name for docker, but a ref name may be any text.
            tag(12, "A B"),
            // As Go reads it, a null is "".
            entry(13, r#"{"a":null,"org.opencontainers.image.ref.name":"v3"}"#),
        ];
        let folder = layout();
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            entries.join(" , ")
        );
        fs::write(folder.path().join(INDEX), &index).unwrap();
        let rows: [(&str, &[usize]); 15] = [
            ("v1", &[0, 4, 7]),
            ("v2", &[1]),
            ("busybox", &[5]),
            ("busybox:latest", &[5]),
            ("library/busybox", &[5]),
            ("index.docker.io/busybox", &[5]),
            ("busybox:1", &[6]),
            ("docker.io/library/busybox:1", &[6, 11]),
            ("1", &[6]),
            ("A B", &[12]),
            ("v3", &[13]),
            ("v", &[]),
            ("V1", &[]),
            ("busybox:2", &[]),
            ("localhost/busybox", &[]),
        ];
        for (name, chosen) in rows {
            let options = Options {
                ref_name: Some(name.into()),
                ..Options::default()
            };
            let opened = open_layout(folder.path(), &options, &Context::default());
            if chosen.is_empty() {
                assert_eq!(status(opened.map(drop)), Err(Status::NotFound), "{name}");
                continue;
            }
            let chosen: Vec<_> = chosen.iter().map(|i| &*entries[*i]).collect();
            let expected = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
                chosen.join(",")
            );
            let loader = opened.unwrap();
            for _ in 0..2 {
                assert_eq!(root(&*loader).unwrap(), expected, "{name}");
            }
        }
        let loader = open_layout(folder.path(), &Options::default(), &Context::default());
        assert_eq!(root(&*loader.unwrap()).unwrap(), index);
    }

    #[test]
    fn choosing_demands_an_index() {
        use Status::{LimitExceeded, Malformed, NotFound, Unsupported};
        let long = format!("{INDEX_JSON}{}", " ".repeat(4 << 20));
        let rows = [
            (INDEX_JSON, NotFound),
            (r#"{"schemaVersion":2,"manifests":null}"#, NotFound),
            (r#"{"schemaVersion":2}"#, Malformed),
            (r#"{"schemaVersion":1,"manifests":[]}"#, Malformed),
            (r#"{"schemaVersion":2,"manifests":{}}"#, Malformed),
            (
                r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#,
                Malformed,
            ),
            (
                r#"{"schemaVersion":2,"config":{"mediaType":"a","digest":"a:b","size":0},"layers":[]}"#,
                Malformed,
            ),
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, Unsupported),
            ("", Malformed),
            (&long, LimitExceeded),
        ];
        for (document, expected) in rows {
            let folder = layout();
            fs::write(folder.path().join(INDEX), document).unwrap();
            let options = Options {
                ref_name: Some("v1".into()),
                ..Options::default()
            };
            let opened = open_layout(folder.path(), &options, &Context::default()).map(drop);
            assert_eq!(status(opened), Err(expected), "{document:.90}");
        }
    }
}
