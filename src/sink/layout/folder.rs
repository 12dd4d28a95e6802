//! The folder of a layout that a sink writes.

use crate::context::Context;
use crate::digest::Digest;
use crate::document::layout::MAX_DOCUMENT_SIZE;
use crate::error::{Error, Result, Status};
use crate::sink::system_error::{name_error, path_error, shown};
use crate::sink::temporary::{PREFIX, TempFile};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

/// Opening a special file must neither block nor make a terminal the controlling one.
const OPEN_FLAGS: i32 = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;

/// The age at which a temporary file of a killed writer is removed.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest pause between two tries to get the lock.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// A folder whose links cannot lead out of it: cap-std follows only links that stay below
/// it.
pub struct Folder {
    dir: Dir,
    /// The same folder, open for reading, to be synced and to create files in.
    fd: Arc<OwnedFd>,
    path: PathBuf,
    sync: bool,
}

impl Folder {
    /// Opens the folder; creates it if absent.
    pub fn open(path: &Path, sync: bool) -> Result<Self> {
        make_folders(path, sync)?;
        let dir = Dir::open_ambient_dir(path, ambient_authority());
        let dir = dir.map_err(|e| path_error(path, e))?;
        let fd = reopen(&dir).map_err(|e| path_error(path, e))?;
        Ok(Self {
            dir,
            fd: Arc::new(fd),
            path: path.to_owned(),
            sync,
        })
    }

    /// The path as given, for messages.
    pub fn shown(&self) -> String {
        shown(&self.path)
    }

    pub fn is_empty(&self) -> Result<bool> {
        let mut entries = self.dir.entries().map_err(|e| path_error(&self.path, e))?;
        Ok(entries.next().is_none())
    }

    pub fn create_temporary(&self) -> Result<TempFile> {
        TempFile::create(&self.fd).map_err(|e| path_error(&self.path, e))
    }

    /// Writes a document unless it exists. Returns whether it was absent.
    pub fn create_document(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        if rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Ok(false);
        }
        let mut temp = self.create_temporary()?;
        self.write_document(&mut temp, name, bytes)?;
        match temp.link(self.fd.as_fd(), name) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(e) => return Err(name_error(name, e)),
        }
        self.sync_folder()?;
        Ok(true)
    }

    /// Writes a document to a file that has no name yet, and syncs it.
    pub fn write_document(&self, temp: &mut TempFile, name: &str, bytes: &[u8]) -> Result<()> {
        let mut written = temp.write_all(bytes);
        if self.sync && written.is_ok() {
            written = temp.sync();
        }
        written.map_err(|e| name_error(name, e))
    }

    /// Gives a file this name, replacing any other file.
    pub fn rename(&self, mut temp: TempFile, name: &str) -> Result<()> {
        let renamed = temp.replace(self.fd.as_fd(), name);
        renamed.map_err(|e| name_error(name, e))
    }

    /// Reads a document; `None` if absent.
    pub fn read_document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(mut file) = open_file(&self.dir, name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = file
            .by_ref()
            .take(MAX_DOCUMENT_SIZE + 1)
            .read_to_end(&mut bytes);
        read.map_err(|e| name_error(name, e))?;
        if bytes.len() as u64 > MAX_DOCUMENT_SIZE {
            return Err(Error::limit_exceeded(format_args!(
                "{name}: found more than {MAX_DOCUMENT_SIZE} bytes"
            )));
        }
        Ok(Some(bytes))
    }

    /// Waits until links and renames in the folder itself are on the disk.
    pub fn sync_folder(&self) -> Result<()> {
        if self.sync {
            rustix::fs::fsync(&self.fd).map_err(|e| path_error(&self.path, e))?;
        }
        Ok(())
    }

    /// The folder of blobs with this algorithm; `None` if absent.
    pub fn find_blobs(&self, algorithm: &str) -> Result<Option<BlobFolder>> {
        let name = format!("blobs/{algorithm}");
        match self.dir.open_dir(&name) {
            Ok(dir) => Ok(Some(BlobFolder::new(dir, name, self.sync)?)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(name_error(&name, e)),
        }
    }

    /// Creates the folder that contains a folder for each algorithm.
    pub fn make_blob_root(&self) -> Result<()> {
        match make_folder(&self.dir, "blobs")? {
            true => self.sync_folder(),
            false => Ok(()),
        }
    }

    /// The folder of blobs with this algorithm; created if absent.
    pub fn make_blobs(&self, algorithm: &str) -> Result<BlobFolder> {
        if let Some(found) = self.find_blobs(algorithm)? {
            return Ok(found);
        }
        self.make_blob_root()?;
        let blobs = self.dir.open_dir("blobs").map_err(|e| match e.kind() {
            ErrorKind::NotFound => link_to_nothing("blobs"),
            _ => name_error("blobs", e),
        })?;
        if make_folder(&blobs, algorithm)? && self.sync {
            let fd = reopen(&blobs).map_err(|e| name_error("blobs", e))?;
            rustix::fs::fsync(fd).map_err(|e| name_error("blobs", e))?;
        }
        let name = format!("blobs/{algorithm}");
        self.find_blobs(algorithm)?
            .ok_or_else(|| link_to_nothing(&name))
    }

    /// Waits for the lock that writers of index.json hold. Each has a descriptor of its
    /// own, so that threads keep each other out too.
    pub fn lock(&self, ctx: &Context) -> Result<Lock> {
        let fd = reopen(&self.dir).map_err(|e| path_error(&self.path, e))?;
        let mut pause = Duration::from_micros(200);
        loop {
            ctx.check()?;
            match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock(fd)),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(e) => return Err(path_error(&self.path, e).context("cannot be locked")),
            }
            thread::sleep(pause);
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Removes temporary files that killed writers left. The caller has the lock.
    pub fn remove_abandoned(&self) -> Result<()> {
        let entries = self.dir.entries().map_err(|e| path_error(&self.path, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| path_error(&self.path, e))?;
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with(PREFIX) || !is_abandoned(&self.fd, &name) {
                continue;
            }
            // Another sink may remove it first, and a file that cannot be removed does no
            // harm.
            let _ = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
        }
        Ok(())
    }
}

fn is_abandoned(folder: &OwnedFd, name: &std::ffi::OsStr) -> bool {
    let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return false;
    };
    let changed =
        SystemTime::UNIX_EPOCH + Duration::from_secs(stat.st_mtime.try_into().unwrap_or(0));
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && changed.elapsed().is_ok_and(|age| age > MAX_AGE)
}

/// The right to change index.json, until it is dropped.
pub struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that was forked meanwhile has the descriptor too: closing is not enough.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// The folder of the blobs of one algorithm.
pub struct BlobFolder {
    dir: Dir,
    fd: OwnedFd,
    name: String,
    sync: bool,
}

impl BlobFolder {
    fn new(dir: Dir, name: String, sync: bool) -> Result<Self> {
        let fd = reopen(&dir).map_err(|e| name_error(&name, e))?;
        Ok(Self {
            dir,
            fd,
            name,
            sync,
        })
    }

    /// The regular file of this blob; `None` if there is none, or something else that can
    /// be replaced by one.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<File>> {
        match open_file_as(&self.dir, digest.parts().1, &self.path(digest)) {
            Err(e) if e.status() == Status::Malformed => Ok(None),
            opened => opened.map_err(|e| e.with_digest(digest.text())),
        }
    }

    /// Gives a complete file the name of the blob, replacing any other file.
    pub fn publish(&self, mut temp: TempFile, digest: &Digest) -> Result<()> {
        let (_, name) = digest.parts();
        let failed = |e| self.blob_error(digest, e);
        if self.sync {
            temp.sync().map_err(failed)?;
        }
        match temp.link(self.fd.as_fd(), name) {
            // A file found wrong before, or written meanwhile; this content was verified.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                temp.replace(self.fd.as_fd(), name).map_err(failed)?;
            }
            linked => linked.map_err(failed)?,
        }
        if self.sync {
            rustix::fs::fsync(&self.fd).map_err(|e| name_error(&self.name, e))?;
        }
        Ok(())
    }

    pub fn blob_error(&self, digest: &Digest, e: io::Error) -> Error {
        name_error(&self.path(digest), e).with_digest(digest.text())
    }

    fn path(&self, digest: &Digest) -> String {
        format!("{}/{}", self.name, digest.parts().1)
    }
}

fn link_to_nothing(name: &str) -> Error {
    Error::malformed(format_args!(
        "{name}: found a link to nothing, expected no link"
    ))
}

fn open_file(dir: &Dir, name: &str) -> Result<Option<File>> {
    open_file_as(dir, name, name)
}

/// Opens a regular file; `None` if absent, MALFORMED if it is not a regular file.
fn open_file_as(dir: &Dir, name: &str, path: &str) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OPEN_FLAGS);
    let mut is_again = false;
    let file = loop {
        match dir.open_with(name, &options) {
            Ok(file) => break file.into_std(),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(name_error(path, e)),
        }
        match dir.symlink_metadata(name) {
            Err(_) => return Ok(None),
            Ok(metadata) if metadata.is_symlink() && is_again => return Err(link_to_nothing(path)),
            // Another writer may have created it in between.
            Ok(_) => is_again = true,
        }
    };
    let metadata = file.metadata().map_err(|e| name_error(path, e))?;
    if !metadata.is_file() {
        return Err(Error::malformed(format_args!(
            "{path}: found no regular file where one was expected"
        )));
    }
    Ok(Some(file))
}

/// The same folder with a descriptor of its own, open for reading.
fn reopen(dir: &Dir) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(dir, ".", flags, Mode::empty())
}

/// Creates a folder. Returns whether it was absent.
fn make_folder(dir: &Dir, name: &str) -> Result<bool> {
    match dir.create_dir(name) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(name_error(name, e)),
    }
}

/// Creates the folder and its missing parents, and syncs each in its parent.
fn make_folders(path: &Path, sync: bool) -> Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => {
            return Err(Error::invalid_argument(format_args!(
                "{}: found a file, expected a folder",
                shown(path)
            )));
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(path_error(path, e)),
    }
    let above = match path.parent() {
        Some(above) if above != Path::new("") => above,
        _ => Path::new("."),
    };
    make_folders(above, sync)?;
    match fs::create_dir(path) {
        Ok(()) => {}
        // Another process created it first, or a link leads to nothing.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(path_error(path, e)),
    }
    if sync {
        let above_file = File::open(above).map_err(|e| path_error(above, e))?;
        above_file.sync_all().map_err(|e| path_error(above, e))?;
    }
    Ok(())
}
