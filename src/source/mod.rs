//! Built-in sources of images: OCI image layouts, OCI archives and what `docker save`
//! writes.
//!
//! What they hold is told apart by content, never by name. A source reads no more when it
//! is opened than it needs to know what it is; what it gives out later is verified by
//! whoever reads it, as that of any loader.

mod archive;
mod docker_save;
mod extent;
mod folder;
mod layout;
mod reference;
mod spool;
mod tar;
#[cfg(test)]
mod testing;

use crate::error::{Error, Result, Status};
use crate::loader::Loader;
use crate::text::Escaped;
use archive::Archive;
use docker_save::DockerSave;
use extent::Extent;
use folder::Folder;
use layout::{Files, Layout};
use reference::RefName;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only what has this name: entries of index.json by their annotations, images of
    /// `docker save` by their tags. "" is no name.
    pub ref_name: Option<String>,
    /// Bytes that a compressed archive may unpack to; 0 is no limit.
    pub max_unpacked_size: u64,
}

impl Options {
    fn ref_name(&self) -> Option<RefName<'_>> {
        let name = self.ref_name.as_deref()?;
        (!name.is_empty()).then(|| RefName::new(name))
    }
}

/// A folder as an OCI image layout, a file as an archive.
pub fn open(path: &Path, options: &Options) -> Result<Arc<dyn Loader>> {
    if !metadata(path)?.is_dir() {
        return open_archive(path, options);
    }
    let folder = Folder::open(path)?;
    if !folder.has(layout::MARKER) {
        return Err(unsupported(
            path,
            "found a folder without the file oci-layout, expected an OCI image layout or an archive",
        ));
    }
    Ok(Arc::new(Layout::open(folder, options)?))
}

/// An OCI image layout in a folder.
pub fn open_layout(path: &Path, options: &Options) -> Result<Arc<dyn Loader>> {
    // For the system a file in the place of the folder and one on the way to it are the same.
    metadata(path)?;
    Ok(Arc::new(Layout::open(Folder::open(path)?, options)?))
}

/// An OCI archive or one of `docker save`, as it is or compressed with gzip or zstd.
pub fn open_archive(path: &Path, options: &Options) -> Result<Arc<dyn Loader>> {
    let mut open = fs::OpenOptions::new();
    let file = open
        .read(true)
        .custom_flags(OPEN_FLAGS)
        .open(path)
        .map_err(|e| path_error(path, e))?;
    let file = Extent::of_file(file, path.as_os_str().as_bytes())?;
    let archive = Archive::read(spool::unpacked(file, options.max_unpacked_size)?)?;

    let is_layout = archive.has(layout::MARKER) && archive.has(layout::INDEX);
    let is_docker_save = archive.has(docker_save::MANIFEST);
    Ok(match (is_layout, is_docker_save) {
        (true, false) => Arc::new(Layout::open(archive, options)?),
        (true, true) if !layout::lists_nothing(&archive)? => {
            Arc::new(Layout::open(archive, options)?)
        }
        (_, true) => Arc::new(DockerSave::open(archive, options)?),
        (false, false) => {
            return Err(unsupported(
                path,
                "found a tar archive with neither oci-layout and index.json nor manifest.json, \
                 expected an OCI archive or one of docker save",
            ));
        }
    })
}

/// What is no regular file is found out by opening it: that must neither wait for the
/// other end of a FIFO nor make a terminal the process's own.
const OPEN_FLAGS: i32 = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;

fn metadata(path: &Path) -> Result<fs::Metadata> {
    fs::metadata(path).map_err(|e| path_error(path, e))
}

/// Why nothing could be opened at the path that the caller gave.
fn path_error(path: &Path, e: io::Error) -> Error {
    let status = match Errno::from_io_error(&e) {
        // Below a file there is nothing; which source's rule that breaks is not known.
        Some(Errno::NOTDIR) => Status::NotFound,
        _ => file_status(&e),
    };
    system_error(status, path.as_os_str().as_bytes(), &e)
}

/// Why a file with this name could not be opened or read.
fn file_error(name: &[u8], e: io::Error) -> Error {
    system_error(file_status(&e), name, &e)
}

fn system_error(status: Status, name: &[u8], e: &io::Error) -> Error {
    Error::new(status, format_args!("{}: {}", escaped(name), said(e)))
}

fn file_status(e: &io::Error) -> Status {
    match (e.kind(), Errno::from_io_error(e)) {
        // A link that leaves its folder, as cap-std tells it.
        (ErrorKind::PermissionDenied, None) => Status::Malformed,
        (_, Some(Errno::NOENT | Errno::NAMETOOLONG)) => Status::NotFound,
        // Too many links; a file in the place of a folder; a socket; a device that is not
        // there.
        (_, Some(Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::NODEV)) => Status::Malformed,
        _ => Status::Io,
    }
}

/// What the system says of a failure, as C programs know it.
fn said(e: &io::Error) -> String {
    let said = e.to_string();
    match said.rsplit_once(" (os error ") {
        Some((said, _)) => said.to_owned(),
        None => said,
    }
}

fn unsupported(path: &Path, message: &str) -> Error {
    let name = escaped(path.as_os_str().as_bytes());
    Error::unsupported(format_args!("{name}: {message}"))
}

/// A name, which may be any bytes, for an error message.
fn escaped(name: &[u8]) -> String {
    Escaped(&String::from_utf8_lossy(name)).to_string()
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn failures_of_the_system_have_a_status() {
        let rows = [
            (Errno::NOENT, Status::NotFound),
            (Errno::NAMETOOLONG, Status::NotFound),
            (Errno::LOOP, Status::Malformed),
            (Errno::NOTDIR, Status::Malformed),
            (Errno::NXIO, Status::Malformed),
            (Errno::NODEV, Status::Malformed),
            (Errno::ACCESS, Status::Io),
            (Errno::PERM, Status::Io),
            (Errno::IO, Status::Io),
            (Errno::MFILE, Status::Io),
        ];
        for (errno, status) in rows {
            let e = file_error(b"a\n\xff", errno.into());
            assert_eq!(e.status(), status, "{e}");
            assert!(e.message().starts_with("a\\n\u{fffd}: "), "{e}");
            assert!(!e.message().contains("os error"), "{e}");
        }
    }

    #[test]
    fn what_a_path_holds_is_told_by_its_content() {
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

        // What `open` says, then `open_layout`, then `open_archive`.
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
            (
                "less than a header",
                write("short", &oci[..511]),
                no_archive,
            ),
            (
                "bzip2",
                write("bz2", b"BZh9\x31\x41\x59\x26\x53\x59"),
                no_archive,
            ),
            ("xz", write("xz", b"\xFD7zXZ\0"), no_archive),
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
                write("no index", &archive(&[marker])),
                no_archive,
            ),
            (
                "no oci-layout",
                write("no marker", &archive(&[index])),
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
                open(&path, &Options::default())
                    .map(drop)
                    .map_err(|e| e.status())
            });
            assert_eq!(found, expected, "{row}");
        }
        for (name, says) in [
            ("bz2", "bzip2"),
            ("xz", "xz"),
            ("folder", "oci-layout"),
            ("other", "manifest.json"),
            ("twice", "compressed once"),
        ] {
            let e = open(&at(name), &Options::default()).map(drop).unwrap_err();
            assert!(e.message().contains(says), "{e}");
        }
    }
}
