//! Contexts: cancellation, and the program's own pointer.

use super::boolean::ociimg_bool;
use super::kit::get::{get, get_bool, get_new};
use super::kit::guard::call_out;
use super::kit::handle::{free, give_some};
use crate::context::Context;
use libc::c_void;
use std::sync::Arc;

/// Cancellation, and a user pointer for callbacks. Any number of threads may use one
/// context, and any number of calls run under it. Freed with ociimg_context_free.
///
/// Cancellation is checked before every callback and before every chunk of a reader; calls
/// and readers under a cancelled context end with OCIIMG_STATUS_CANCELLED, permanently.
#[derive(Clone)]
pub struct ociimg_context(Arc<Context>);

/// The program's own pointer and its destructor.
pub(super) struct UserData {
    pointer: *mut c_void,
    destroy: Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>,
}

// SAFETY: the pointer is never looked into, only handed back to the program, as the header
// says, on any thread.
unsafe impl Send for UserData {}
// SAFETY: as for Send.
unsafe impl Sync for UserData {}

impl UserData {
    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the program's function and pointer, called this one time.
            call_out(|| unsafe { destroy(self.pointer) });
        }
    }
}

/// The context of a call; for NULL a new one, which is never cancelled.
///
/// # Safety
/// `ctx` is NULL or a context that is not freed yet.
pub(super) unsafe fn context(ctx: *const ociimg_context) -> Arc<Context> {
    // SAFETY: NULL or a live context, says the caller.
    unsafe { ctx.as_ref() }.map_or_else(Arc::default, |ctx| ctx.0.clone())
}

/// Makes a context. user_data is never dereferenced and may be NULL; callbacks get it from
/// ociimg_call_user_data. destroy may be NULL; it is called once with user_data, when the
/// context, its clones and everything opened with it are gone, on the thread where that
/// happens. The caller owns the context and frees it with ociimg_context_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_context_new(
    user_data: *mut c_void,
    destroy: Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>,
) -> *mut ociimg_context {
    let user_data = UserData {
        pointer: user_data,
        destroy,
    };
    give_some(|| Some(ociimg_context(Arc::new(Context::with_user_data(user_data)))))
}

/// Returns another handle for the same context, for the code that cancels; it is freed
/// separately with ociimg_context_free. NULL for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_context_clone(ctx: Option<&ociimg_context>) -> *mut ociimg_context {
    get_new(ctx, |ctx| Some(ctx.clone()))
}

/// Cancels everything under the context, permanently. Any thread, signal handlers too. A
/// second call and NULL do nothing.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_context_cancel(ctx: Option<&ociimg_context>) {
    get(ctx, (), |ctx| ctx.0.cancel());
}

/// Whether the context was cancelled; false for NULL. Any thread, signal handlers too.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_context_is_cancelled(ctx: Option<&ociimg_context>) -> ociimg_bool {
    get_bool(ctx, |ctx| ctx.0.is_cancelled())
}

/// Frees this handle of a context; NULL does nothing. Calls and readers under it continue.
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_context_free(ctx: *mut ociimg_context) {
    // SAFETY: a context of ours or NULL, given back once.
    unsafe { free(ctx) }
}
