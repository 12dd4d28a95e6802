//! Failures of the operating system, as the built-in sinks report them.

use crate::error::{Error, Status};
use crate::source::system_error::{escaped, os_message};
use crate::text::Escaped;
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The error for a file or folder of this name that could not be written or read.
pub fn name_error(name: &str, e: impl Into<io::Error>) -> Error {
    let e = e.into();
    let errno = Errno::from_io_error(&e);
    let status = match (e.kind(), errno) {
        // cap-std reports a link that leaves the folder this way, without an errno.
        (ErrorKind::PermissionDenied, None) => Status::Malformed,
        (_, Some(Errno::XDEV)) => Status::Malformed,
        (_, Some(Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::NODEV | Errno::ISDIR)) => {
            Status::Malformed
        }
        _ => Status::Io,
    };
    let error = Error::new(
        status,
        format_args!("{}: {}", Escaped(name), os_message(&e)),
    );
    error.with_errno(errno.map_or(0, Errno::raw_os_error))
}

/// The error for a caller's path at which nothing could be created.
pub fn path_error(path: &Path, e: impl Into<io::Error>) -> Error {
    let e = e.into();
    let errno = Errno::from_io_error(&e);
    let status = match errno {
        Some(Errno::NOENT) => Status::NotFound,
        Some(Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL) => {
            Status::InvalidArgument
        }
        _ => Status::Io,
    };
    let error = Error::new(status, format_args!("{}: {}", shown(path), os_message(&e)));
    error.with_errno(errno.map_or(0, Errno::raw_os_error))
}

/// A path, which may be any bytes, for an error message.
pub fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_bytes())
}
