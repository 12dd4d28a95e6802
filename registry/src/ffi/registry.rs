use super::kit::{clear, guard, null, returned};
use super::options::{self, ociimg_registry_options};
use crate::client::Client;
use crate::error::Result;
use crate::ociimg_sys::*;
use std::ffi::{CStr, c_char};
use std::sync::Arc;

/// The version of this library, "0.2.0". Static text, never NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_registry_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no NUL"),
        };
    VERSION.as_ptr()
}

/// Connections, logins and tokens, shared by all loaders and sinks that are made from it. Any
/// number of threads may use one at once. Freed with ociimg_registry_free, at any time: loaders
/// and sinks keep what they need.
pub struct ociimg_registry(pub(super) Arc<Client>);

/// Makes a handle, without any request. opts may be NULL. Runs no callback. The caller frees
/// *out with ociimg_registry_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (out is NULL, an option is invalid, ca_file cannot
/// be read or has no certificate) or OCIIMG_STATUS_UNSUPPORTED (a flag or field that this
/// version does not know).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_registry_new(
    opts: *const ociimg_registry_options,
    out: *mut *mut ociimg_registry,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the caller's pointers, as the header has them.
    unsafe {
        clear(out);
        clear(err);
        let result = guard(|| {
            let out = out.as_mut().ok_or_else(|| null("out"))?;
            let options = options::read(opts)?;
            let client = Client::new(&options)?;
            *out = Box::into_raw(Box::new(ociimg_registry(Arc::new(client))));
            Ok(())
        });
        returned(result, err)
    }
}

/// Frees a handle; NULL does nothing. Loaders and sinks made from it stay usable. Any thread,
/// callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_registry_free(registry: *mut ociimg_registry) {
    if !registry.is_null() {
        // SAFETY: made by ociimg_registry_new and given back once.
        unsafe { super::kit::take_back::<ociimg_registry>(registry.cast()) };
    }
}

/// # Safety
/// `registry` is NULL or a handle that is not freed yet.
pub(super) unsafe fn client(registry: *const ociimg_registry) -> Result<Arc<Client>> {
    // SAFETY: as the caller says.
    let registry = unsafe { registry.as_ref() }.ok_or_else(|| null("registry"))?;
    Ok(registry.0.clone())
}
