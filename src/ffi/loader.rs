//! The handle of a loader.

use super::error::{ociimg_error, ociimg_status};
use super::kit::handle::{free, null};
use super::kit::options;
use super::kit::outcome::create;
use super::loader_vtable::{CallbackLoader, ociimg_loader_vtable};
use crate::loader::Loader;
use libc::c_void;
use std::sync::Arc;

/// Where images come from: a program's table of callbacks, or a built-in source. Immutable;
/// several threads may load from one at once. Freed with ociimg_loader_free, at any time:
/// loaded indexes keep what they need.
pub struct ociimg_loader(pub(super) Arc<dyn Loader>);

/// Makes a loader from the program's own callbacks. The table is copied; state is passed to
/// each callback and owned by the loader on success only: destroy is then called with it
/// once, when the last handle that could use the loader is gone. Runs no callback. The
/// caller frees *out with ociimg_loader_free.
///
/// Fails with the statuses of options; those of arguments also for a required callback that
/// is missing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_new(
    vtable: *const ociimg_loader_vtable,
    state: *mut c_void,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the table says how large it is; outputs are NULL or can be written.
    unsafe {
        create(out, err, || {
            if vtable.is_null() {
                return Err(null("vtable"));
            }
            let loader = CallbackLoader::new(options::read(vtable)?, state)?;
            Ok(ociimg_loader(Arc::new(loader)))
        })
    }
}

/// Frees this handle of a loader; NULL does nothing. Indexes, images, layers and readers
/// made from it stay usable. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_free(loader: *mut ociimg_loader) {
    // SAFETY: a loader of ours or NULL, given back once.
    unsafe { free(loader) }
}
