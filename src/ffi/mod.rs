//! The C surface: `include/ociimg.h` is generated from this module.
//!
//! Each file is one kind of handle, and each function only translates: pointers to
//! borrowed or owned values on the way in, handles, texts and statuses on the way out.
//! This is the one place with `unsafe`. What every block rests on is what the header asks
//! of its callers: a pointer is NULL or points to what its type says, for as long as the
//! call runs; a handle was given by this library and not freed yet; a text ends in NUL.

#![allow(unsafe_code)]
// What a caller must see to is said once, at the head of the header, in C's terms.
#![allow(clippy::missing_safety_doc)]
// The names are C's.
#![allow(non_camel_case_types)]

#[cfg(not(panic = "unwind"))]
compile_error!("what goes wrong in the library is only contained with panic = \"unwind\"");

mod options;

// In the order of the header; the blank lines keep rustfmt from sorting them.

mod version;

mod error;

mod context;

mod loader;

mod source;

mod platform;

mod matcher;

mod descriptor;

mod index;

mod image;

mod config;

mod layer;

mod reader;

pub use config::*;
pub use context::*;
pub use descriptor::*;
pub use error::*;
pub use image::*;
pub use index::*;
pub use layer::*;
pub use loader::*;
pub use matcher::*;
pub use platform::*;
pub use reader::*;
pub use source::*;
pub use version::*;

use crate::descriptor::Annotations;
use crate::error::{Error, Result};
use crate::text::{Text, TextRef};
use std::any::Any;
use std::ffi::{CStr, c_char};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::ptr;
use std::sync::Arc;

/// Runs what a function does. No panic gets past it: unwinding into C is undefined.
fn guard<R>(run: impl FnOnce() -> R) -> Result<R> {
    // A panic leaves no handle half-changed that could be seen: all are immutable but the
    // reader, which knows that it was left in the middle.
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|panic| Error::internal(format_args!("a bug in the library: {}", told(&*panic))))
}

fn told(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}

/// Runs a function of the program's. What unwinds out of it (a C++ exception) ends the
/// program here: further up, destructors would call the program again on the way to
/// [`guard`], which can't contain what is not Rust's.
fn call_out<R>(callback: impl FnOnce() -> R) -> R {
    struct Unwinding;
    impl Drop for Unwinding {
        fn drop(&mut self) {
            eprintln!("ociimg: something unwinds out of a callback, which is not allowed");
            process::abort();
        }
    }
    let unwinding = Unwinding;
    let returned = callback();
    mem::forget(unwinding);
    returned
}

/// Hands a value over to C, which owns it until it gives it to [`free`]. All handles are
/// shared ones, so that a call can hold its own reference to what a callback may free.
fn give<T>(value: T) -> *mut T {
    Arc::into_raw(Arc::new(value)).cast_mut()
}

/// Hands over what `make` gives; NULL for nothing.
fn give_some<T>(make: impl FnOnce() -> Option<T>) -> *mut T {
    guard(|| make().map_or(ptr::null_mut(), give)).unwrap_or(ptr::null_mut())
}

/// # Safety
/// `handle` is NULL or came from [`give`] and is given back once.
unsafe fn free<T>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: the reference that `give` let go of is taken back.
    let handle = unsafe { Arc::from_raw(handle.cast_const()) };
    // What panics here (a bug) has no way to be told.
    let _ = guard(|| drop(handle));
}

/// A reference of this call's own, for calls that run callbacks: one of those may free
/// the handle.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not freed yet.
unsafe fn hold<T>(handle: *const T, name: &str) -> Result<Arc<T>> {
    if handle.is_null() {
        return Err(null(name));
    }
    // SAFETY: the caller's reference keeps the value alive while this one is added.
    unsafe {
        Arc::increment_strong_count(handle);
        Ok(Arc::from_raw(handle))
    }
}

/// # Safety
/// `handle` is NULL or came from [`give`] and is not freed during `'a`.
unsafe fn borrow<'a, T>(handle: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: as the caller says.
    unsafe { handle.as_ref() }.ok_or_else(|| null(name))
}

/// What a getter gives: `absent` for NULL.
///
/// # Safety
/// As for [`borrow`].
unsafe fn get<T, R: Copy>(handle: *const T, absent: R, read: impl FnOnce(&T) -> R) -> R {
    // SAFETY: as the caller says.
    match unsafe { handle.as_ref() } {
        Some(value) => guard(|| read(value)).unwrap_or(absent),
        None => absent,
    }
}

/// A text that a handle lends.
///
/// # Safety
/// As for [`borrow`].
unsafe fn get_text<T>(handle: *const T, read: impl FnOnce(&T) -> Option<&Text>) -> *const c_char {
    // SAFETY: as the caller says.
    unsafe { get(handle, ptr::null(), |value| lend(read(value))) }
}

/// A text of a list that a handle lends.
///
/// # Safety
/// As for [`borrow`].
unsafe fn get_item<T>(
    handle: *const T,
    read: impl FnOnce(&T) -> Option<TextRef<'_>>,
) -> *const c_char {
    // SAFETY: as the caller says.
    unsafe { get(handle, ptr::null(), |value| lend_item(read(value))) }
}

/// A new handle that a handle gives; NULL where it has none.
///
/// # Safety
/// As for [`borrow`].
unsafe fn get_new<T, N>(handle: *const T, read: impl FnOnce(&T) -> Option<N>) -> *mut N {
    // SAFETY: as the caller says.
    match unsafe { handle.as_ref() } {
        Some(value) => give_some(|| read(value)),
        None => ptr::null_mut(),
    }
}

/// Bytes that a handle lends, and their number.
///
/// # Safety
/// As for [`borrow`]; `len` is NULL or can be written.
unsafe fn get_bytes<T>(
    handle: *const T,
    len: *mut usize,
    read: impl FnOnce(&T) -> Option<&[u8]>,
) -> *const u8 {
    // SAFETY: as the caller says.
    let (bytes, count) = unsafe {
        get(handle, (ptr::null(), 0), |value| {
            read(value).map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()))
        })
    };
    // SAFETY: as the caller says.
    unsafe { set(len, count) };
    bytes
}

/// The pair at a place of a list; NULL and false beyond its end.
///
/// # Safety
/// As for [`borrow`]; `key` and `value` are NULL or can be written.
unsafe fn get_pair<T>(
    handle: *const T,
    i: usize,
    key: *mut *const c_char,
    value: *mut *const c_char,
    list: impl FnOnce(&T) -> &Annotations,
) -> bool {
    let absent = (ptr::null(), ptr::null());
    // SAFETY: as the caller says.
    let pair = unsafe {
        get(handle, absent, |handle| match list(handle).get(i) {
            Some((key, value)) => (lend_item(Some(key)), lend_item(Some(value))),
            None => absent,
        })
    };
    // SAFETY: as the caller says.
    unsafe {
        set(key, pair.0);
        set(value, pair.1);
    }
    pair != absent
}

/// The value that a list has for a key.
///
/// # Safety
/// As for [`borrow`]; `key` is NULL or ends in NUL.
unsafe fn get_annotation<T>(
    handle: *const T,
    key: *const c_char,
    list: impl FnOnce(&T) -> &Annotations,
) -> *const c_char {
    if key.is_null() {
        return ptr::null();
    }
    // SAFETY: as the caller says.
    unsafe {
        get_item(handle, |handle| {
            // What is not UTF-8 is no key of any document.
            let key = CStr::from_ptr(key).to_str().ok()?;
            list(handle).find(key)
        })
    }
}

/// # Safety
/// `out` is NULL or can be written.
unsafe fn set<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: as the caller says.
        unsafe { out.write(value) };
    }
}

fn lend(text: Option<&Text>) -> *const c_char {
    lend_item(text.map(Text::borrowed))
}

fn lend_item(text: Option<TextRef<'_>>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.with_nul().as_ptr().cast())
}

/// Runs what a function that can fail does: `err` is cleared first, and gets what failed.
///
/// # Safety
/// `err` is NULL or can be written.
unsafe fn status(err: *mut *mut ociimg_error, run: impl FnOnce() -> Result<()>) -> ociimg_status {
    // SAFETY: as the caller says.
    unsafe { set(err, ptr::null_mut()) };
    match guard(run).and_then(|result| result) {
        Ok(()) => ociimg_status_values::OCIIMG_STATUS_OK as ociimg_status,
        Err(error) => {
            let status = error.status() as ociimg_status;
            if !err.is_null() {
                // SAFETY: as the caller says.
                unsafe { err.write(give(ociimg_error(error))) };
            }
            status
        }
    }
}

/// Runs what a function that makes a handle does: `out` is cleared first, and gets it.
///
/// # Safety
/// `out` and `err` are NULL or can be written.
unsafe fn create<T>(
    out: *mut *mut T,
    err: *mut *mut ociimg_error,
    make: impl FnOnce() -> Result<T>,
) -> ociimg_status {
    // SAFETY: as the caller says.
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

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::invalid_argument(message)
}

fn null(name: &str) -> Error {
    invalid(format_args!("{name} is NULL"))
}

/// A text that may be left out: NULL and "" are nothing.
///
/// # Safety
/// `text` is NULL or ends in NUL, and stands during `'a`.
unsafe fn optional_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    // SAFETY: as the caller says.
    let text = unsafe { list_item(text, name) }?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// A text that may be left out, and may be "".
///
/// # Safety
/// As for [`optional_text`].
unsafe fn list_item<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    let text = unsafe { CStr::from_ptr(text) }.to_str();
    text.map(Some).map_err(|e| {
        invalid(format_args!(
            "{name} is not UTF-8 from byte {} on",
            e.valid_up_to()
        ))
    })
}

/// A text that must be there.
///
/// # Safety
/// As for [`optional_text`].
unsafe fn required_text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as the caller says.
    match unsafe { list_item(text, name) }? {
        None => Err(null(name)),
        Some("") => Err(invalid(format_args!("{name} is \"\""))),
        Some(text) => Ok(text),
    }
}

/// What a caller wrote has no NUL: that is where it ended.
fn kept(text: &str) -> Text {
    Text::new(text).expect("a C string has no NUL inside")
}
