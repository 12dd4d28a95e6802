//! Callbacks: the call object that they receive, and how the library runs them.
//!
//! [`run`] is the only way to call back into the program, for the tables of both loaders
//! and sinks. It checks for cancellation first, clears the stack, and translates what the
//! callback returned and recorded. The caller first sets outputs to values that no callback
//! can return (NULL, `usize::MAX`) and checks them afterwards, with [`broke_contract`].
//!
//! ```text
//! let mut stream = ptr::null_mut();
//! run(Role::Sink, "begin_blob", ctx, |call| unsafe {
//!     (table.begin_blob)(table.state, descriptor, &raw mut stream, &raw mut offset, call)
//! })?;
//! if stream.is_null() {
//!     return Err(broke_contract("begin_blob", "left *stream NULL"));
//! }
//! ```
//!
//! Callbacks without a status (`close`, `destroy`, `abort_blob`) go through
//! [`call_out`](super::kit::guard::call_out) directly.

use super::boolean::ociimg_bool;
use super::context::UserData;
use super::error::{ociimg_status_values::OCIIMG_STATUS_CALLBACK, status_of};
use super::kit::get::{get, get_bool};
use super::kit::guard::{call_out, guard};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use libc::{c_char, c_void};
use std::ffi::CStr;
use std::fmt;
use std::hint::black_box;
use std::ptr;

/// The call that a callback serves. It is valid until the callback returns, on the thread
/// that runs it; the program never frees it.
pub struct ociimg_call {
    ctx: *const Context,
    failure: Option<Failure>,
}

/// The failure that a callback recorded.
struct Failure {
    code: i64,
    message: Option<String>,
}

impl ociimg_call {
    fn context(&self) -> &Context {
        // SAFETY: `run` borrows the context for as long as the callback runs.
        unsafe { &*self.ctx }
    }
}

/// Records the failure of the callback, and returns `status` (OCIIMG_STATUS_CALLBACK for
/// 0), so that a callback can end with
///
///     return ociimg_call_fail(call, OCIIMG_STATUS_NOT_FOUND, 404, "no such blob");
///
/// The last record counts; all are ignored if the callback then returns OCIIMG_STATUS_OK.
/// The returned status decides: OCIIMG_STATUS_NOT_FOUND, OCIIMG_STATUS_CANCELLED,
/// OCIIMG_STATUS_DENIED and OCIIMG_STATUS_UNAVAILABLE keep their meaning; from callbacks of
/// a sink OCIIMG_STATUS_INVALID_ARGUMENT, OCIIMG_STATUS_LIMIT_EXCEEDED,
/// OCIIMG_STATUS_EXISTS, OCIIMG_STATUS_RESTART and OCIIMG_STATUS_CONFLICT do too. Anything
/// else reaches the caller as OCIIMG_STATUS_CALLBACK. callback_code is then what
/// ociimg_error_callback_code returns, and message part of ociimg_error_message. message is
/// copied and may be NULL; bytes that are not UTF-8 are replaced, characters that are not
/// printable are escaped. A NULL call records nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_call_fail(
    call: *mut ociimg_call,
    status: i32,
    callback_code: i64,
    message: *const c_char,
) -> i32 {
    // SAFETY: NULL or the call that the running callback was given.
    if let Some(call) = unsafe { call.as_mut() } {
        // SAFETY: NULL or a C string.
        let message = unsafe { recorded_message(message) };
        call.failure = Some(Failure {
            code: callback_code,
            message,
        });
    }
    match status {
        0 => OCIIMG_STATUS_CALLBACK as i32,
        status => status,
    }
}

/// Copies the message of a failure that the program reports; `None` for NULL and "".
///
/// # Safety
/// `message` is NULL or ends in NUL.
pub(super) unsafe fn recorded_message(message: *const c_char) -> Option<String> {
    if message.is_null() {
        return None;
    }
    // SAFETY: not NULL, so it ends in NUL.
    let message = unsafe { CStr::from_ptr(message) };
    // A failure without its message is still a failure.
    let message = guard(|| message.to_string_lossy().into_owned()).unwrap_or_default();
    (!message.is_empty()).then_some(message)
}

/// Whether the call was cancelled, for callbacks that wait for something; false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_call_is_cancelled(call: Option<&ociimg_call>) -> ociimg_bool {
    get_bool(call, |call| call.context().is_cancelled())
}

/// The user_data of the context that the call runs under; NULL without one.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_call_user_data(call: Option<&ociimg_call>) -> *mut c_void {
    get(call, ptr::null_mut(), |call| {
        let user_data = call.context().user_data();
        user_data
            .and_then(|user_data| user_data.downcast_ref::<UserData>())
            .map_or(ptr::null_mut(), UserData::pointer)
    })
}

/// The owner of a callback, which decides the statuses that it may return to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Loader,
    Sink,
}

impl Role {
    /// The meaning of a number that a callback returned: anything not listed is CALLBACK.
    fn status(self, returned: i32) -> Status {
        use Status::*;
        match (self, status_of(returned)) {
            (_, Some(status @ (NotFound | Cancelled | Denied | Unavailable))) => status,
            (
                Self::Sink,
                Some(status @ (InvalidArgument | LimitExceeded | Exists | Restart | Conflict)),
            ) => status,
            _ => Callback,
        }
    }
}

/// Runs one callback, and makes an error from its status and its record.
pub(super) fn run(
    role: Role,
    name: &str,
    ctx: &Context,
    callback: impl FnOnce(*mut ociimg_call) -> i32,
) -> Result<()> {
    ctx.check()?;
    let mut call = ociimg_call { ctx, failure: None };
    clear_stack();
    let returned = call_out(|| callback(&raw mut call));
    if returned == 0 {
        return Ok(());
    }
    let status = role.status(returned);
    let (callback_code, message) = match call.failure {
        Some(failure) => (failure.code, failure.message),
        None => (0, None),
    };
    let message = message.unwrap_or_else(|| match status {
        Status::Callback => format!("failed with {returned}"),
        status => status.to_string(),
    });
    Err(Error::new(status, format_args!("{name}: {message}")).with_callback_code(callback_code))
}

/// The error of a callback that returned OK with invalid outputs.
pub(super) fn broke_contract(name: &str, found: impl fmt::Display) -> Error {
    Error::callback_contract(format_args!("{name} returned OK, but {found}"))
}

/// Clears the stack that a callback is about to run on.
///
/// Callbacks of other languages are often closures of libffi. One that raises before it
/// sets a result (Python's ctypes) returns stale stack bytes, which may happen to be a
/// valid status such as 2 (NOT_FOUND). Zeroing the stack makes that value 0, and the
/// pre-filled outputs then reveal that nothing was written. The arguments of the callback
/// are computed earlier, so they leave nothing on the stack. Such a closure keeps its
/// result within a few hundred bytes.
#[inline(never)]
fn clear_stack() {
    black_box(&mut [0u8; 1024]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::code;

    fn returned(role: Role, number: i32) -> Status {
        let result = run(role, "x", &Context::default(), |_| number);
        result.unwrap_err().status()
    }

    #[test]
    fn statuses_of_a_callback_keep_their_meaning_by_its_role() {
        use Status::*;
        for status in Status::ALL {
            let anyones = [NotFound, Cancelled, Denied, Unavailable].contains(&status);
            let sinks = [InvalidArgument, LimitExceeded, Exists, Restart, Conflict];
            for (role, keeps) in [
                (Role::Loader, anyones),
                (Role::Sink, anyones || sinks.contains(&status)),
            ] {
                let expected = if keeps { status } else { Callback };
                assert_eq!(returned(role, code(status)), expected, "{role:?}");
            }
        }
        for number in [-1, 99, i32::MIN] {
            assert_eq!(returned(Role::Sink, number), Callback);
        }
    }

    #[test]
    fn the_record_of_a_failure_counts_only_with_the_failure() {
        let record = |call, status| {
            // SAFETY: the call that this callback was given, and a C string.
            unsafe { ociimg_call_fail(call, status, 7, c"why\n".as_ptr()) }
        };
        let ctx = Context::default();
        let error = run(Role::Loader, "read", &ctx, |call| record(call, 0)).unwrap_err();
        assert_eq!(error.status(), Status::Callback);
        assert_eq!(error.callback_code(), 7);
        assert_eq!(&**error.message(), "read: why\\n");
        let fine = run(Role::Loader, "read", &ctx, |call| {
            record(call, 2);
            0
        });
        assert!(fine.is_ok());
        let bare = run(Role::Loader, "read", &ctx, |_| 2).unwrap_err();
        assert_eq!(&**bare.message(), "read: not found");
    }
}
