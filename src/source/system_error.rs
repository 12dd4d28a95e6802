//! Failures of the operating system, as errors with a status.

use crate::error::{Error, Status};
use crate::text::Escaped;
use rustix::io::Errno;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The error for a caller's path that could not be opened.
pub fn path_error(path: &Path, e: io::Error) -> Error {
    let status = match Errno::from_io_error(&e) {
        // The path leads through a file, so nothing can be there.
        Some(Errno::NOTDIR) => Status::NotFound,
        _ => file_status(&e),
    };
    system_error(status, escaped(path.as_os_str().as_bytes()), &e)
}

/// The error for the file `place` that could not be opened or read.
pub fn file_error(place: impl std::fmt::Display, e: io::Error) -> Error {
    system_error(file_status(&e), place, &e)
}

pub fn no_regular_file(place: impl std::fmt::Display) -> Error {
    Error::malformed(format_args!(
        "{place}: found no regular file where one was expected"
    ))
}

/// A name, which may be any bytes, for an error message.
pub fn escaped(name: &[u8]) -> String {
    Escaped(&String::from_utf8_lossy(name)).to_string()
}

/// The system's message for a failure; for EXDEV its meaning for a path that must stay
/// below a folder.
pub fn os_message(e: &io::Error) -> String {
    // "Invalid cross-device link" would mislead.
    if Errno::from_io_error(e) == Some(Errno::XDEV) {
        return "a link leads out of the layout, expected it to stay below".to_owned();
    }
    let message = e.to_string();
    match message.rsplit_once(" (os error ") {
        Some((message, _)) => message.to_owned(),
        None => message,
    }
}

fn system_error(status: Status, place: impl std::fmt::Display, e: &io::Error) -> Error {
    Error::new(status, format_args!("{place}: {}", os_message(e)))
        .with_errno(e.raw_os_error().unwrap_or(0))
}

fn file_status(e: &io::Error) -> Status {
    match Errno::from_io_error(e) {
        Some(Errno::NOENT | Errno::NAMETOOLONG) => Status::NotFound,
        // A link that leaves its folder; too many links; a file in the place of a folder; a
        // socket; a device that is not there.
        Some(Errno::XDEV | Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::NODEV) => {
            Status::Malformed
        }
        _ => Status::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_system_have_a_status_and_a_number() {
        let rows = [
            (Errno::NOENT, Status::NotFound),
            (Errno::NAMETOOLONG, Status::NotFound),
            (Errno::LOOP, Status::Malformed),
            (Errno::NOTDIR, Status::Malformed),
            (Errno::XDEV, Status::Malformed),
            (Errno::NXIO, Status::Malformed),
            (Errno::NODEV, Status::Malformed),
            (Errno::ACCESS, Status::Io),
            (Errno::PERM, Status::Io),
            (Errno::IO, Status::Io),
            (Errno::MFILE, Status::Io),
        ];
        for (errno, status) in rows {
            let e = file_error(escaped(b"a\n\xff"), errno.into());
            assert_eq!(e.status(), status, "{e}");
            assert_eq!(e.errno(), errno.raw_os_error(), "{e}");
            assert!(e.message().starts_with("a\\n\u{fffd}: "), "{e}");
            assert!(!e.message().contains("os error"), "{e}");
        }
        let below_a_file = path_error(Path::new("a"), Errno::NOTDIR.into());
        assert_eq!(below_a_file.status(), Status::NotFound);
    }
}
