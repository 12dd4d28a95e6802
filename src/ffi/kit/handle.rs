//! Handles: how values become pointers that C owns, and how calls use them.

use super::guard::guard;
use crate::error::{Error, Result};
use std::fmt;
use std::ptr;
use std::sync::Arc;

/// Passes a value to C, which owns it until it calls [`free`]. All handles are shared ones,
/// so that a call can hold its own reference to what a callback may free.
pub fn give<T>(value: T) -> *mut T {
    Arc::into_raw(Arc::new(value)).cast_mut()
}

/// Passes the result of `make` to C; NULL for `None`.
pub fn give_some<T>(make: impl FnOnce() -> Option<T>) -> *mut T {
    guard(|| make().map_or(ptr::null_mut(), give)).unwrap_or(ptr::null_mut())
}

/// Ends C's ownership of a handle.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is given back once.
pub unsafe fn free<T>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: takes back the reference that `give` let go of.
    let handle = unsafe { Arc::from_raw(handle.cast_const()) };
    // A panic (a bug) cannot be reported from here.
    let _ = guard(|| drop(handle));
}

/// Takes a reference for this call, for calls that run callbacks, which may free the
/// handle.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not freed yet.
pub unsafe fn hold<T>(handle: *const T, name: &str) -> Result<Arc<T>> {
    if handle.is_null() {
        return Err(null(name));
    }
    // SAFETY: the caller's reference keeps the value alive while this one is added.
    unsafe {
        Arc::increment_strong_count(handle);
        Ok(Arc::from_raw(handle))
    }
}

/// Borrows a handle, for calls that run no callback before they are done with it.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not freed during `'a`.
pub unsafe fn borrow<'a, T>(handle: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: the caller keeps the handle alive.
    unsafe { handle.as_ref() }.ok_or_else(|| null(name))
}

/// Writes an output, unless the pointer is NULL.
///
/// # Safety
/// `out` is NULL or can be written.
pub unsafe fn set<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: not NULL, so it can be written.
        unsafe { out.write(value) };
    }
}

pub fn invalid(message: impl fmt::Display) -> Error {
    Error::invalid_argument(message)
}

/// The error for an argument that is NULL and must not be.
#[cold]
#[inline(never)]
pub fn null(name: &str) -> Error {
    invalid(format_args!("{name} is NULL"))
}
