//! Texts: NUL-terminated UTF-8, in and out.

use super::handle::{invalid, null};
use crate::error::Result;
use crate::text::{Text, TextRef};
use libc::c_char;
use std::ffi::CStr;
use std::ptr;

/// Lends a text to C; NULL for `None`.
pub fn lend(text: Option<&Text>) -> *const c_char {
    lend_item(text.map(Text::borrowed))
}

/// Lends a text of a list to C; NULL for `None`.
pub fn lend_item(text: Option<TextRef<'_>>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.with_nul().as_ptr().cast())
}

/// Reads an optional text: NULL and "" are both absent.
///
/// # Safety
/// `text` is NULL, or ends in NUL and stays unchanged during `'a`.
pub unsafe fn optional_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    // SAFETY: the caller says the same of `text`.
    let text = unsafe { nullable_text(text, name) }?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Reads a text that may be NULL, and may be "".
///
/// # Safety
/// As for [`optional_text`].
pub unsafe fn nullable_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so it ends in NUL and outlives `'a`.
    let text = unsafe { CStr::from_ptr(text) }.to_str();
    text.map(Some).map_err(|e| {
        invalid(format_args!(
            "{name} is not UTF-8 from byte {} on",
            e.valid_up_to()
        ))
    })
}

/// Reads a text that must not be NULL or "".
///
/// # Safety
/// As for [`optional_text`].
pub unsafe fn required_text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the caller says the same of `text`.
    match unsafe { nullable_text(text, name) }? {
        None => Err(null(name)),
        Some("") => Err(invalid(format_args!("{name} is \"\""))),
        Some(text) => Ok(text),
    }
}

/// Copies a text of the caller, which as a C string has no NUL inside.
pub fn text_of_caller(text: &str) -> Text {
    Text::new(text).expect("a C string has no NUL inside")
}
