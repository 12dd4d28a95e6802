//! The target of an archive: a file, or a program's callback.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::sink::system_error::{path_error, shown};
use crate::sink::temporary::TempFile;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Receives the bytes of an archive, in their order.
pub trait Target: Send {
    /// Writes all bytes (more than 0) or fails.
    fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()>;

    /// Completes the target, after the last write.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A file that appears, or replaces another one, when it is complete.
pub struct FileTarget {
    path: PathBuf,
    folder: Arc<OwnedFd>,
    temp: TempFile,
    must_be_new: bool,
    sync: bool,
}

impl FileTarget {
    pub fn create(path: &Path, must_be_new: bool, sync: bool) -> Result<Self> {
        check_target(path, must_be_new)?;
        // The target of a link is replaced, not the link itself.
        let path = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => {
                fs::canonicalize(path).map_err(|e| path_error(path, e))?
            }
            _ => path.to_owned(),
        };
        let above = match path.parent() {
            Some(above) if above != Path::new("") => above,
            _ => Path::new("."),
        };
        let folder = File::open(above).map_err(|e| path_error(above, e))?;
        let folder = Arc::new(OwnedFd::from(folder));
        let temp = TempFile::create(&folder).map_err(|e| path_error(above, e))?;
        Ok(Self {
            path,
            folder,
            temp,
            must_be_new,
            sync,
        })
    }

    /// The file that is at the path now; found by its folder, since the working directory
    /// may have changed.
    fn check_again(&self) -> Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = match rustix::fs::statat(&self.folder, self.name(), flags) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(path_error(&self.path, e)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if self.must_be_new => Err(exists(&self.path)),
            FileType::RegularFile => Ok(()),
            FileType::Directory => Err(invalid(&self.path, "a folder")),
            FileType::Symlink => Err(invalid(&self.path, "a link")),
            _ => Err(invalid(&self.path, "a device, FIFO or socket")),
        }
    }

    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_else(|| OsStr::new(""))
    }

    fn publish(&mut self) -> std::io::Result<()> {
        let name = self.name().to_owned();
        if self.sync {
            self.temp.sync()?;
        }
        match self.temp.link(self.folder.as_fd(), &*name) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists && !self.must_be_new => {
                self.temp.replace(self.folder.as_fd(), &*name)?;
            }
            linked => linked?,
        }
        if self.sync {
            rustix::fs::fsync(&self.folder)?;
        }
        Ok(())
    }
}

impl Target for FileTarget {
    fn write(&mut self, bytes: &[u8], _ctx: &Context) -> Result<()> {
        let written = self.temp.write_all(bytes);
        written.map_err(|e| path_error(&self.path, e))
    }

    fn finish(&mut self) -> Result<()> {
        self.check_again()?;
        self.publish().map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => exists(&self.path),
            _ => path_error(&self.path, e),
        })
    }
}

/// Checks that the path is free or has a file that may be replaced.
fn check_target(path: &Path, must_be_new: bool) -> Result<()> {
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(invalid(path, "the path of a folder"));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(invalid(path, "a folder")),
        Ok(metadata) if !metadata.is_file() => Err(invalid(path, "a device, FIFO or socket")),
        Ok(_) if must_be_new => Err(exists(path)),
        Ok(_) => Ok(()),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(path_error(path, e)),
        Err(_) if fs::symlink_metadata(path).is_ok() => Err(invalid(path, "a link to nothing")),
        Err(_) => Ok(()),
    }
}

fn invalid(path: &Path, found: &str) -> Error {
    Error::invalid_argument(format_args!(
        "{}: found {found}, expected a regular file or nothing; \
         a sink of an archive as a stream (open_archive_stream) writes to anything",
        shown(path)
    ))
}

fn exists(path: &Path) -> Error {
    Error::exists(format_args!("{}: found a file, expected none", shown(path)))
}
