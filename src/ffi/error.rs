use super::{free, get, get_text};
use crate::error::Error;
use std::ffi::c_char;

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
    /// NULL where it must not be, an index beyond the end, a text that is not UTF-8, a
    /// platform or digest that can't be parsed, a struct_size that can't be right.
    OCIIMG_STATUS_INVALID_ARGUMENT = 1,
    /// The source has no such file, blob or manifest.
    OCIIMG_STATUS_NOT_FOUND = 2,
    /// A media type, digest algorithm, layout version or compression that this library
    /// doesn't know, a Docker schema 1 manifest, or an option of a newer library.
    OCIIMG_STATUS_UNSUPPORTED = 3,
    /// JSON, an archive or compressed data breaks its format.
    OCIIMG_STATUS_MALFORMED = 4,
    /// Content is not what its digest or diff ID says.
    OCIIMG_STATUS_DIGEST_MISMATCH = 5,
    /// Content is longer or shorter than its descriptor says.
    OCIIMG_STATUS_SIZE_MISMATCH = 6,
    /// A limit of the options (size of a document or of all, index depth, entries, unpacked
    /// and uncompressed size, window), or one of those that ociimg_loader_open_archive
    /// names.
    OCIIMG_STATUS_LIMIT_EXCEEDED = 7,
    /// The context was cancelled, or a callback said so.
    OCIIMG_STATUS_CANCELLED = 8,
    /// A callback reported a failure of its own.
    OCIIMG_STATUS_CALLBACK = 9,
    /// A callback broke the rules of ociimg_loader_vtable.
    OCIIMG_STATUS_CALLBACK_CONTRACT = 10,
    /// The operating system failed a built-in source.
    OCIIMG_STATUS_IO = 11,
    /// The entry is an artifact, an attestation or an unknown thing.
    OCIIMG_STATUS_NOT_AN_IMAGE = 12,
    /// The reader is in use by the call that runs this callback.
    OCIIMG_STATUS_BUSY = 13,
    /// A bug in the library, contained: the handle concerned is of no more use, all
    /// others are. What went wrong is also written to stderr.
    OCIIMG_STATUS_INTERNAL = 14,
}

/// The name of a status without its prefix, "DIGEST_MISMATCH" for
/// OCIIMG_STATUS_DIGEST_MISMATCH; "UNKNOWN" for a number that is none. Static text, never
/// NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_status_name(status: ociimg_status) -> *const c_char {
    let name = match status {
        0 => c"OK",
        1 => c"INVALID_ARGUMENT",
        2 => c"NOT_FOUND",
        3 => c"UNSUPPORTED",
        4 => c"MALFORMED",
        5 => c"DIGEST_MISMATCH",
        6 => c"SIZE_MISMATCH",
        7 => c"LIMIT_EXCEEDED",
        8 => c"CANCELLED",
        9 => c"CALLBACK",
        10 => c"CALLBACK_CONTRACT",
        11 => c"IO",
        12 => c"NOT_AN_IMAGE",
        13 => c"BUSY",
        14 => c"INTERNAL",
        _ => c"UNKNOWN",
    };
    name.as_ptr()
}

/// Why a call failed. Immutable; several threads may read one at once. Owned by whoever
/// got it, and freed with ociimg_error_free.
pub struct ociimg_error(pub(super) Error);

/// The status that the call returned; OCIIMG_STATUS_OK for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_status(err: *const ociimg_error) -> ociimg_status {
    // SAFETY: an error of ours or NULL.
    unsafe { get(err, 0, |e| e.0.status() as ociimg_status) }
}

/// What was found and what was expected, in one line of UTF-8 without control characters
/// (what documents and callbacks say is escaped). Lives as long as the error. Never NULL:
/// "" for a NULL error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_message(err: *const ociimg_error) -> *const c_char {
    // SAFETY: an error of ours or NULL.
    let message = unsafe { get_text(err, |e| Some(e.0.message())) };
    if message.is_null() {
        c"".as_ptr()
    } else {
        message
    }
}

/// The digest of the content concerned, "sha256:..."; NULL where there is none. Lives as
/// long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_digest(err: *const ociimg_error) -> *const c_char {
    // SAFETY: an error of ours or NULL.
    unsafe { get_text(err, |e| e.0.digest()) }
}

/// The callback_code that a callback gave to ociimg_call_fail, else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_callback_code(err: *const ociimg_error) -> i64 {
    // SAFETY: an error of ours or NULL.
    unsafe { get(err, 0, |e| e.0.callback_code()) }
}

/// Frees an error; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_error_free(err: *mut ociimg_error) {
    // SAFETY: an error of ours or NULL, given back once.
    unsafe { free(err) }
}

#[cfg(test)]
mod tests {
    use super::ociimg_status_values::{self, *};
    use super::*;
    use crate::error::Status;
    use std::ffi::CStr;

    #[test]
    fn the_core_has_the_numbers_of_the_surface() {
        let rows: [(Status, ociimg_status_values, &str); 14] = [
            (
                Status::InvalidArgument,
                OCIIMG_STATUS_INVALID_ARGUMENT,
                "INVALID_ARGUMENT",
            ),
            (Status::NotFound, OCIIMG_STATUS_NOT_FOUND, "NOT_FOUND"),
            (
                Status::Unsupported,
                OCIIMG_STATUS_UNSUPPORTED,
                "UNSUPPORTED",
            ),
            (Status::Malformed, OCIIMG_STATUS_MALFORMED, "MALFORMED"),
            (
                Status::DigestMismatch,
                OCIIMG_STATUS_DIGEST_MISMATCH,
                "DIGEST_MISMATCH",
            ),
            (
                Status::SizeMismatch,
                OCIIMG_STATUS_SIZE_MISMATCH,
                "SIZE_MISMATCH",
            ),
            (
                Status::LimitExceeded,
                OCIIMG_STATUS_LIMIT_EXCEEDED,
                "LIMIT_EXCEEDED",
            ),
            (Status::Cancelled, OCIIMG_STATUS_CANCELLED, "CANCELLED"),
            (Status::Callback, OCIIMG_STATUS_CALLBACK, "CALLBACK"),
            (
                Status::CallbackContract,
                OCIIMG_STATUS_CALLBACK_CONTRACT,
                "CALLBACK_CONTRACT",
            ),
            (Status::Io, OCIIMG_STATUS_IO, "IO"),
            (
                Status::NotAnImage,
                OCIIMG_STATUS_NOT_AN_IMAGE,
                "NOT_AN_IMAGE",
            ),
            (Status::Busy, OCIIMG_STATUS_BUSY, "BUSY"),
            (Status::Internal, OCIIMG_STATUS_INTERNAL, "INTERNAL"),
        ];
        let name = |status| {
            // SAFETY: static text.
            unsafe { CStr::from_ptr(ociimg_status_name(status)) }
                .to_str()
                .unwrap()
        };
        for (i, (core, surface, text)) in rows.into_iter().enumerate() {
            assert_eq!(
                (core as i32, surface as i32),
                (i as i32 + 1, i as i32 + 1),
                "{text}"
            );
            assert_eq!(name(core as i32), text);
        }
        assert_eq!(name(OCIIMG_STATUS_OK as i32), "OK");
        assert_eq!((name(-1), name(15)), ("UNKNOWN", "UNKNOWN"));
    }
}
