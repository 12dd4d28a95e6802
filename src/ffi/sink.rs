//! The handle of a sink.

use super::context::{context, ociimg_context};
use super::error::{ociimg_error, ociimg_status};
use super::kit::handle::{free, hold, null};
use super::kit::options;
use super::kit::outcome::{create, status};
use super::sink_vtable::{CallbackSink, ociimg_sink_vtable};
use crate::sink::SharedSink;
use libc::c_void;
use std::sync::Arc;

/// Where images go: a program's table of callbacks, or a built-in sink. Any number of copies
/// may write to one at once, on any number of threads. Freed with ociimg_sink_free, at any
/// time: copies keep what they need.
///
/// An image is visible once the copy has put its root; archives, and some sinks of
/// programs, need ociimg_sink_finish for that.
pub struct ociimg_sink(pub(super) Arc<SharedSink>);

/// Makes a sink from the program's own callbacks. The table is copied; state is passed to
/// each callback and owned by the sink on success only: destroy is then called with it once,
/// when the last handle that could use the sink is gone. Runs no callback. The caller frees
/// *out with ociimg_sink_free.
///
/// Fails with the statuses of options; those of arguments also for a required callback that
/// is missing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_sink_new(
    vtable: *const ociimg_sink_vtable,
    state: *mut c_void,
    out: *mut *mut ociimg_sink,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the table says how large it is; outputs are NULL or can be written.
    unsafe {
        create(out, err, || {
            if vtable.is_null() {
                return Err(null("vtable"));
            }
            let sink = CallbackSink::new(options::read(vtable)?, state)?;
            Ok(ociimg_sink(Arc::new(SharedSink::new(sink))))
        })
    }
}

/// Completes the sink: an archive appears at its path when this succeeds. Nothing can be
/// written afterwards. Call it once, after all copies to the sink; a second call fails,
/// whether the first succeeded or not. May run the sink's callbacks, on this thread. ctx
/// may be NULL.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, or finished already),
/// OCIIMG_STATUS_BUSY (a copy to the sink is running; from inside its callbacks too) and
/// OCIIMG_STATUS_CANCELLED (before anything was done), which leave the sink unchanged. After
/// any other failure it is finished all the same. A sink of callbacks, and an archive that is
/// written to a callback, fail with the statuses of a callback; a layout or an archive with
/// OCIIMG_STATUS_EXISTS (it must be new: something is at the path of the archive, or another
/// program wrote to the layout), OCIIMG_STATUS_INVALID_ARGUMENT (a folder, link or device is
/// at the path of the archive now), OCIIMG_STATUS_IO, or the status with which writing failed
/// before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_sink_finish(
    sink: *mut ociimg_sink,
    ctx: *const ociimg_context,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        status(err, || {
            let sink = hold(sink.cast_const(), "sink")?;
            sink.0.finish(&context(ctx))
        })
    }
}

/// Frees this handle of a sink; NULL does nothing. Copies to it continue. When the last of
/// them is gone and ociimg_sink_finish did not succeed, everything that is not visible yet
/// is discarded. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_sink_free(sink: *mut ociimg_sink) {
    // SAFETY: a sink of ours or NULL, given back once.
    unsafe { free(sink) }
}
