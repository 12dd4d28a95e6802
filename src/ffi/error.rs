//! Statuses and errors: the core's, with C's numbers.

use super::call::recorded_message;
use super::kit::get::{get, get_text};
use super::kit::handle::{free, give_some};
use crate::error::{Error, Status};
use libc::c_char;
use std::ffi::CString;
use std::sync::LazyLock;

/// How a call ended: one of the OCIIMG_STATUS_ constants. More may be added: take an
/// unknown number as a failure.
pub type ociimg_status = i32;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The values of ociimg_status.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_status_values {
    /// Success.
    OCIIMG_STATUS_OK = 0,
    /// NULL where it must not be, an index beyond the end, a text that is not UTF-8, an
    /// invalid platform or digest, an impossible struct_size, a call after the end of a writer
    /// or sink.
    OCIIMG_STATUS_INVALID_ARGUMENT = 1,
    /// The source has no such file, blob or manifest.
    OCIIMG_STATUS_NOT_FOUND = 2,
    /// A media type, digest algorithm, layout version or compression that this library does
    /// not know, a Docker schema 1 manifest, an edit that the format of the image has no form
    /// for, or an option of a newer library.
    OCIIMG_STATUS_UNSUPPORTED = 3,
    /// JSON, an archive or compressed data breaks its format.
    OCIIMG_STATUS_MALFORMED = 4,
    /// Content does not match its digest or diff ID.
    OCIIMG_STATUS_DIGEST_MISMATCH = 5,
    /// Content is longer or shorter than the size in its descriptor.
    OCIIMG_STATUS_SIZE_MISMATCH = 6,
    /// A limit of the options (size of a document or of all, index depth, entries, unpacked
    /// and uncompressed size, window, size of a layer), or one of those that
    /// ociimg_loader_open_archive, ociimg_sink_open_layout and ociimg_copy_run name.
    OCIIMG_STATUS_LIMIT_EXCEEDED = 7,
    /// The context was cancelled, or a callback reported that.
    OCIIMG_STATUS_CANCELLED = 8,
    /// A callback reported a failure of its own.
    OCIIMG_STATUS_CALLBACK = 9,
    /// A callback broke the rules of its table, ociimg_loader_vtable or ociimg_sink_vtable.
    OCIIMG_STATUS_CALLBACK_CONTRACT = 10,
    /// An operation of the operating system failed.
    OCIIMG_STATUS_IO = 11,
    /// The entry is an artifact, an attestation or unknown content.
    OCIIMG_STATUS_NOT_AN_IMAGE = 12,
    /// The handle is in use: by the call that runs this callback, by a change on another
    /// thread or, for a sink to be finished, by a copy.
    OCIIMG_STATUS_BUSY = 13,
    /// A bug in the library, contained: the handle concerned can no longer be used, all
    /// others can. Details are also written to stderr.
    OCIIMG_STATUS_INTERNAL = 14,
    /// A sink has the blob already, or a target exists that must be new.
    OCIIMG_STATUS_EXISTS = 15,
    /// From callbacks of a sink only: asks for the blob again, since its written bytes are lost.
    OCIIMG_STATUS_RESTART = 16,
    /// Another program changed the target meanwhile.
    OCIIMG_STATUS_CONFLICT = 17,
    /// Not logged in, or not allowed.
    OCIIMG_STATUS_DENIED = 18,
    /// The network or a server failed, after retries: it may work later.
    OCIIMG_STATUS_UNAVAILABLE = 19,
}

/// The number of a status in C.
pub(super) fn code(status: Status) -> ociimg_status {
    use ociimg_status_values::*;
    let value = match status {
        Status::InvalidArgument => OCIIMG_STATUS_INVALID_ARGUMENT,
        Status::NotFound => OCIIMG_STATUS_NOT_FOUND,
        Status::Unsupported => OCIIMG_STATUS_UNSUPPORTED,
        Status::Malformed => OCIIMG_STATUS_MALFORMED,
        Status::DigestMismatch => OCIIMG_STATUS_DIGEST_MISMATCH,
        Status::SizeMismatch => OCIIMG_STATUS_SIZE_MISMATCH,
        Status::LimitExceeded => OCIIMG_STATUS_LIMIT_EXCEEDED,
        Status::Cancelled => OCIIMG_STATUS_CANCELLED,
        Status::Callback => OCIIMG_STATUS_CALLBACK,
        Status::CallbackContract => OCIIMG_STATUS_CALLBACK_CONTRACT,
        Status::Io => OCIIMG_STATUS_IO,
        Status::NotAnImage => OCIIMG_STATUS_NOT_AN_IMAGE,
        Status::Busy => OCIIMG_STATUS_BUSY,
        Status::Internal => OCIIMG_STATUS_INTERNAL,
        Status::Exists => OCIIMG_STATUS_EXISTS,
        Status::Restart => OCIIMG_STATUS_RESTART,
        Status::Conflict => OCIIMG_STATUS_CONFLICT,
        Status::Denied => OCIIMG_STATUS_DENIED,
        Status::Unavailable => OCIIMG_STATUS_UNAVAILABLE,
    };
    value as ociimg_status
}

/// The status with this number, if there is one.
pub(super) fn status_of(code: i32) -> Option<Status> {
    Status::ALL
        .into_iter()
        .find(|&status| self::code(status) == code)
}

/// The name of a status without its prefix, "DIGEST_MISMATCH" for
/// OCIIMG_STATUS_DIGEST_MISMATCH; "UNKNOWN" for any other number. Static text, never NULL.
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_status_name(status: ociimg_status) -> *const c_char {
    static NAMES: LazyLock<Vec<CString>> = LazyLock::new(|| {
        let name = |status: Status| CString::new(status.name()).expect("no NUL in a name");
        Status::ALL.into_iter().map(name).collect()
    });
    if status == ociimg_status_values::OCIIMG_STATUS_OK as ociimg_status {
        return c"OK".as_ptr();
    }
    let place = Status::ALL
        .into_iter()
        .position(|known| code(known) == status);
    place.map_or(c"UNKNOWN".as_ptr(), |place| NAMES[place].as_ptr())
}

/// Why a call failed. Immutable; several threads may read one at once. Freed with
/// ociimg_error_free.
pub struct ociimg_error {
    error: Error,
    /// Usually that of `error`; an error made by the program may have a number that this
    /// version does not know.
    status: ociimg_status,
}

impl From<Error> for ociimg_error {
    fn from(error: Error) -> Self {
        Self {
            status: code(error.status()),
            error,
        }
    }
}

/// Makes an error of the program's own, for companion libraries and bindings: it has this
/// status, callback_code and message. status is kept as it is, also where this version does
/// not know it; NULL for OCIIMG_STATUS_OK. message is copied and may be NULL; bytes that
/// are not UTF-8 are replaced, unprintable characters are escaped. The caller frees the
/// error with ociimg_error_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_new(
    status: ociimg_status,
    callback_code: i64,
    message: *const c_char,
) -> *mut ociimg_error {
    // SAFETY: NULL or a C string.
    let message = unsafe { recorded_message(message) };
    give_some(|| {
        if status == ociimg_status_values::OCIIMG_STATUS_OK as ociimg_status {
            return None;
        }
        let known = status_of(status).unwrap_or(Status::Callback);
        let message = message.unwrap_or_else(|| known.to_string());
        let error = Error::new(known, message).with_callback_code(callback_code);
        Some(ociimg_error { error, status })
    })
}

/// The status that the call returned; OCIIMG_STATUS_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_error_status(err: Option<&ociimg_error>) -> ociimg_status {
    get(err, 0, |err| err.status)
}

/// Returns the message: one line of UTF-8 that names the value found and the value expected,
/// without control characters (text of documents and callbacks is escaped). Lives as long as
/// the error. Never NULL: "" for a NULL error.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_error_message(err: Option<&ociimg_error>) -> *const c_char {
    let message = get_text(err, |err| Some(err.error.message()));
    if message.is_null() {
        c"".as_ptr()
    } else {
        message
    }
}

/// The digest of the content concerned, "sha256:..."; NULL where there is none. Lives as
/// long as the error.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_error_digest(err: Option<&ociimg_error>) -> *const c_char {
    get_text(err, |err| err.error.digest())
}

/// The callback_code passed to ociimg_call_fail, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_error_callback_code(err: Option<&ociimg_error>) -> i64 {
    get(err, 0, |err| err.error.callback_code())
}

/// The operating system's error number (ENOENT, ENOSPC, ...) that caused an
/// OCIIMG_STATUS_IO or OCIIMG_STATUS_NOT_FOUND; 0 for other errors, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_error_errno(err: Option<&ociimg_error>) -> i32 {
    get(err, 0, |err| err.error.errno())
}

/// Frees an error; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_free(err: *mut ociimg_error) {
    // SAFETY: an error of ours or NULL, given back once.
    unsafe { free(err) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn name(status: ociimg_status) -> &'static str {
        // SAFETY: static text.
        let name = unsafe { CStr::from_ptr(ociimg_status_name(status)) };
        name.to_str().unwrap()
    }

    #[test]
    fn every_status_has_a_number_and_its_name() {
        for (i, status) in Status::ALL.into_iter().enumerate() {
            let number = i as ociimg_status + 1;
            assert_eq!(code(status), number);
            assert_eq!(status_of(number), Some(status));
            assert_eq!(name(number), status.name());
        }
        assert_eq!(Status::ALL.len(), 19);
        assert_eq!((name(0), name(5)), ("OK", "DIGEST_MISMATCH"));
        assert_eq!((name(-1), name(20)), ("UNKNOWN", "UNKNOWN"));
        assert_eq!((status_of(0), status_of(20)), (None, None));
    }

    #[test]
    fn an_error_of_the_program_keeps_its_number() {
        let new = |status, message| {
            // SAFETY: a C string or NULL.
            unsafe { ociimg_error_new(status, -3, message) }
        };
        let read = |err: *mut ociimg_error| {
            // SAFETY: an error just made, whose message lives as long.
            unsafe {
                let message = CStr::from_ptr(ociimg_error_message(err.as_ref()));
                let read = (
                    ociimg_error_status(err.as_ref()),
                    ociimg_error_callback_code(err.as_ref()),
                    message.to_str().unwrap().to_owned(),
                );
                ociimg_error_free(err);
                read
            }
        };
        assert!(new(0, c"fine".as_ptr()).is_null());
        assert_eq!(
            read(new(18, c"a\xff\n".as_ptr())),
            (18, -3, "a\u{fffd}\\n".into())
        );
        assert_eq!(read(new(17, std::ptr::null())), (17, -3, "conflict".into()));
        assert_eq!(read(new(77, c"".as_ptr())).0, 77);
    }
}
