use super::kit::{Context, c_text, clear, guard, null, returned, text};
use super::reference;
use super::registry::{client, ociimg_registry};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::ociimg_sys::*;
use crate::tags;
use std::ffi::{c_char, c_void};

/// Calls visit with state and each tag of a repository ("localhost:5000/a/b"), in the order of
/// the registry, page after page, on this thread. tag is valid until visit returns. visit
/// returns OCIIMG_STATUS_OK to continue; any other number ends the call with
/// OCIIMG_STATUS_CALLBACK, and is its ociimg_error_callback_code. visit may call the library and
/// free registry; it must not unwind. state is never dereferenced. ctx may be NULL.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an invalid repository, a name with a tag or
/// digest), OCIIMG_STATUS_NOT_FOUND (no such repository; some registries also say so of one
/// without tags), OCIIMG_STATUS_DENIED (not logged in, or not allowed),
/// OCIIMG_STATUS_MALFORMED (the answer is no list of tags), OCIIMG_STATUS_LIMIT_EXCEEDED (a page
/// of more than 4 MiB), OCIIMG_STATUS_UNAVAILABLE (the network or the registry failed, after
/// retries, or its pages do not end), OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_CALLBACK (visit;
/// or the registry refused with another HTTP status, which is ociimg_error_callback_code).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_registry_list_tags(
    registry: *const ociimg_registry,
    repository: *const c_char,
    visit: Option<unsafe extern "C-unwind" fn(state: *mut c_void, tag: *const c_char) -> i32>,
    state: *mut c_void,
    ctx: *const ociimg_context,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the caller's pointers, as the header has them.
    unsafe {
        clear(err);
        let result = guard(|| {
            let client = client(registry)?;
            let repository = reference::repository(text(repository, "repository")?)?;
            let visit = visit.ok_or_else(|| null("visit"))?;
            let endpoint = Endpoint::of_registry(&repository);
            tags::list(&client, &endpoint, &Context(ctx), |tag| {
                let tag = c_text(tag);
                match call_out(|| visit(state, tag.as_ptr())) {
                    OCIIMG_STATUS_OK => Ok(()),
                    code => {
                        Err(Error::callback("visit ended the list of tags").with_code(code.into()))
                    }
                }
            })
        });
        returned(result, err)
    }
}

/// Runs a callback of the program. Unwinding out of it ends the program here.
fn call_out<R>(callback: impl FnOnce() -> R) -> R {
    struct Unwinding;
    impl Drop for Unwinding {
        fn drop(&mut self) {
            eprintln!("ociimg-registry: something unwinds out of a callback, which is not allowed");
            std::process::abort();
        }
    }
    let unwinding = Unwinding;
    let returned = callback();
    std::mem::forget(unwinding);
    returned
}
