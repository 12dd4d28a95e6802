//! Shared code of all functions: containing panics, returning errors, reading arguments.

use crate::cancel::Cancel;
use crate::error::{Error, Result, Status};
use crate::ociimg_sys::*;
use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the work of a function. A panic ends here: unwinding into C is undefined.
pub fn guard<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic_message(&*panic);
        Err(Error::internal(format!("a bug in the library: {message}")))
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// The status of a function; its error is stored in `err`.
///
/// # Safety
/// `err` is NULL or can be written.
pub unsafe fn returned(result: Result<()>, err: *mut *mut ociimg_error) -> ociimg_status {
    let error = match result {
        Ok(()) => return OCIIMG_STATUS_OK,
        Err(error) => error,
    };
    let status = code(error.status());
    if !err.is_null() {
        let message = c_text(error.message());
        // SAFETY: `err` as the caller says; the message is a text.
        unsafe { *err = ociimg_error_new(status, error.code(), message.as_ptr()) };
    }
    status
}

/// Turns an error of libociimg into one of this library, and frees it. It is INVALID_ARGUMENT,
/// since libociimg only checks arguments here.
///
/// # Safety
/// `err` is an error that the caller owns.
pub unsafe fn error_of(err: *mut ociimg_error) -> Error {
    // SAFETY: as the caller says; the text is copied before it goes.
    unsafe {
        let message = CStr::from_ptr(ociimg_error_message(err))
            .to_string_lossy()
            .into_owned();
        ociimg_error_free(err);
        Error::invalid(message)
    }
}

/// # Safety
/// `out` is NULL or can be written.
pub unsafe fn clear<T>(out: *mut *mut T) {
    if !out.is_null() {
        // SAFETY: as the caller says.
        unsafe { *out = std::ptr::null_mut() };
    }
}

pub fn null(name: &str) -> Error {
    Error::invalid(format!("{name} is NULL"))
}

pub fn c_text(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().filter(|b| *b != 0).collect();
    CString::new(bytes).expect("it has no NUL")
}

/// A text that may be absent; "" counts as absent.
///
/// # Safety
/// `text` is NULL or a text, which lives during `'a`.
pub unsafe fn optional_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    let text = unsafe { CStr::from_ptr(text) };
    let text = text
        .to_str()
        .map_err(|_| Error::invalid(format!("{name} is not UTF-8")))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// # Safety
/// As for [`optional_text`].
pub unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(null(name));
    }
    // SAFETY: as the caller says.
    Ok(unsafe { optional_text(text, name) }?.unwrap_or_default())
}

pub fn code(status: Status) -> ociimg_status {
    match status {
        Status::InvalidArgument => OCIIMG_STATUS_INVALID_ARGUMENT,
        Status::NotFound => OCIIMG_STATUS_NOT_FOUND,
        Status::Unsupported => OCIIMG_STATUS_UNSUPPORTED,
        Status::Malformed => OCIIMG_STATUS_MALFORMED,
        Status::LimitExceeded => OCIIMG_STATUS_LIMIT_EXCEEDED,
        Status::Cancelled => OCIIMG_STATUS_CANCELLED,
        Status::Callback => OCIIMG_STATUS_CALLBACK,
        Status::Internal => OCIIMG_STATUS_INTERNAL,
        Status::Restart => OCIIMG_STATUS_RESTART,
        Status::Denied => OCIIMG_STATUS_DENIED,
        Status::Unavailable => OCIIMG_STATUS_UNAVAILABLE,
    }
}

/// The context of a function.
pub struct Context(pub *const ociimg_context);

impl Cancel for Context {
    fn is_cancelled(&self) -> bool {
        // SAFETY: NULL or a context that lives as long as the function runs.
        unsafe { ociimg_context_is_cancelled(self.0) != 0 }
    }
}

/// The call that a callback serves.
pub struct Call(pub *mut ociimg_call);

impl Cancel for Call {
    fn is_cancelled(&self) -> bool {
        // SAFETY: it is valid until the callback returns.
        unsafe { ociimg_call_is_cancelled(self.0) != 0 }
    }
}

/// Runs a callback that libociimg called, and returns its status.
pub fn serve(call: *mut ociimg_call, run: impl FnOnce(&Call) -> Result<()>) -> i32 {
    let call = Call(call);
    let error = match guard(|| run(&call)) {
        Ok(()) => return OCIIMG_STATUS_OK,
        Err(error) => error,
    };
    let message = c_text(error.message());
    // SAFETY: the call is valid, the message a text.
    unsafe { ociimg_call_fail(call.0, code(error.status()), error.code(), message.as_ptr()) }
}

/// Passes the ownership of a value to C.
pub fn give<T>(value: T) -> *mut c_void {
    Box::into_raw(Box::new(value)).cast()
}

/// Drops a value that [`give`] passed; a panic meanwhile ends here.
///
/// # Safety
/// `value` came from `give::<T>` and is given back once.
pub unsafe fn take_back<T>(value: *mut c_void) {
    // SAFETY: as the caller says.
    let value = unsafe { Box::from_raw(value.cast::<T>()) };
    let _ = guard(|| {
        drop(value);
        Ok(())
    });
}
