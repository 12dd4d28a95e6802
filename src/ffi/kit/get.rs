//! Getters: they run no callback and cannot fail.
//!
//! A handle arrives as `Option<&T>`, which is C's pointer that may be NULL. That is sound
//! only because nothing can free the handle during the call; functions that run callbacks
//! take a raw pointer and [`hold`](super::handle::hold) it.

use super::guard::guard;
use super::handle::{give_some, set};
use super::text::{lend, lend_item};
use crate::descriptor::Annotations;
use crate::ffi::boolean::ociimg_bool;
use crate::text::{Text, TextRef};
use libc::{c_char, size_t};
use std::ffi::CStr;
use std::ptr;

/// Reads from a handle; `absent` for NULL.
pub fn get<T, R: Copy>(handle: Option<&T>, absent: R, read: impl FnOnce(&T) -> R) -> R {
    match handle {
        Some(value) => guard(|| read(value)).unwrap_or(absent),
        None => absent,
    }
}

/// Tests a handle; false for NULL.
pub fn get_bool<T>(handle: Option<&T>, read: impl FnOnce(&T) -> bool) -> ociimg_bool {
    get(handle, false, read).into()
}

/// Lends a text of a handle.
pub fn get_text<T>(handle: Option<&T>, read: impl FnOnce(&T) -> Option<&Text>) -> *const c_char {
    get(handle, ptr::null(), |value| lend(read(value)))
}

/// Lends a text of a list of a handle.
pub fn get_item<T>(
    handle: Option<&T>,
    read: impl FnOnce(&T) -> Option<TextRef<'_>>,
) -> *const c_char {
    get(handle, ptr::null(), |value| lend_item(read(value)))
}

/// Makes a new handle from a handle; NULL if there is none.
pub fn get_new<T, N>(handle: Option<&T>, read: impl FnOnce(&T) -> Option<N>) -> *mut N {
    match handle {
        Some(value) => give_some(|| read(value)),
        None => ptr::null_mut(),
    }
}

/// Lends bytes of a handle, with their number.
///
/// # Safety
/// `len` is NULL or can be written.
pub unsafe fn get_bytes<T>(
    handle: Option<&T>,
    len: *mut size_t,
    read: impl FnOnce(&T) -> Option<&[u8]>,
) -> *const u8 {
    let (bytes, count) = get(handle, (ptr::null(), 0), |value| {
        read(value).map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()))
    });
    // SAFETY: the caller says the same of `len`.
    unsafe { set(len, count) };
    bytes
}

/// Lends the pair at a place of a list; NULL and false beyond its end.
///
/// # Safety
/// `key` and `value` are NULL or can be written.
pub unsafe fn get_pair<T>(
    handle: Option<&T>,
    i: size_t,
    key: *mut *const c_char,
    value: *mut *const c_char,
    list: impl FnOnce(&T) -> &Annotations,
) -> ociimg_bool {
    let absent = (ptr::null(), ptr::null());
    let pair = get(handle, absent, |handle| match list(handle).get(i) {
        Some((key, value)) => (lend_item(Some(key)), lend_item(Some(value))),
        None => absent,
    });
    // SAFETY: the caller says the same of both.
    unsafe {
        set(key, pair.0);
        set(value, pair.1);
    }
    (pair != absent).into()
}

/// Lends the value that a list has for a key.
///
/// # Safety
/// `key` is NULL or ends in NUL.
pub unsafe fn get_annotation<T>(
    handle: Option<&T>,
    key: *const c_char,
    list: impl FnOnce(&T) -> &Annotations,
) -> *const c_char {
    if key.is_null() {
        return ptr::null();
    }
    // SAFETY: not NULL, so it ends in NUL.
    let key = unsafe { CStr::from_ptr(key) };
    get_item(handle, |handle| {
        // Keys of documents are always UTF-8.
        list(handle).find(key.to_str().ok()?)
    })
}
