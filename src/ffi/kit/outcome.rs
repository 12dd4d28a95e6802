//! Functions that return a status: they clear their outputs first, and report a failure
//! through `err`.

use super::guard::guard;
use super::handle::{give, null, set};
use crate::error::{Error, Result};
use crate::ffi::error::{code, ociimg_error, ociimg_status, ociimg_status_values};
use std::ptr;

/// Runs a function that can fail: clears `err` first, and puts the error there.
///
/// # Safety
/// `err` is NULL or can be written.
pub unsafe fn status(
    err: *mut *mut ociimg_error,
    run: impl FnOnce() -> Result<()>,
) -> ociimg_status {
    // SAFETY: the caller says the same of `err`.
    unsafe { set(err, ptr::null_mut()) };
    match guard(run).and_then(|result| result) {
        Ok(()) => ociimg_status_values::OCIIMG_STATUS_OK as ociimg_status,
        // SAFETY: as above.
        Err(error) => unsafe { report(err, error) },
    }
}

/// Puts an error where the caller wants it, and returns its status.
///
/// # Safety
/// `err` is NULL or can be written.
#[cold]
#[inline(never)]
unsafe fn report(err: *mut *mut ociimg_error, error: Error) -> ociimg_status {
    let status = code(error.status());
    if !err.is_null() {
        // SAFETY: not NULL, so it can be written.
        unsafe { err.write(give(error.into())) };
    }
    status
}

/// Runs a function that makes a handle: clears `out` first, and puts the handle there.
///
/// # Safety
/// `out` and `err` are NULL or can be written.
pub unsafe fn create<T>(
    out: *mut *mut T,
    err: *mut *mut ociimg_error,
    make: impl FnOnce() -> Result<T>,
) -> ociimg_status {
    // SAFETY: the caller says the same of both.
    unsafe {
        set(out, ptr::null_mut());
        status(err, || {
            if out.is_null() {
                return Err(null("out"));
            }
            out.write(give(make()?));
            Ok(())
        })
    }
}
