use super::kit::{Context, clear, give, guard, null, returned, serve, take_back, text};
use super::reference;
use super::registry::{client, ociimg_registry};
use crate::error::{Error, Result};
use crate::loader::{Loader, Stream};
use crate::ociimg_sys::*;
use std::ffi::{CStr, c_char, c_void};

/// Makes a loader of an image in a registry. reference is a name by Docker's rules: "busybox",
/// "quay.io/a/b:tag", "localhost:5000/a@sha256:..."; of a tag and a digest the digest counts.
///
/// A tag is resolved here, once: the manifest that the registry returns for it is the root of
/// the loader. With a digest, no request is made yet, and the loader knows the digest of its
/// root. ctx may be NULL; it applies to this call alone. Several threads may use the loader at
/// once. Runs no callback of the program. The caller frees *out with ociimg_loader_free.
///
/// No login is sent before the registry asks for one. No error contains a password or token.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an invalid name), OCIIMG_STATUS_NOT_FOUND
/// (no such tag or repository), OCIIMG_STATUS_DENIED (not logged in, or not allowed),
/// OCIIMG_STATUS_UNAVAILABLE (the network or the registry failed, after retries),
/// OCIIMG_STATUS_LIMIT_EXCEEDED (max_manifest_size), OCIIMG_STATUS_CANCELLED or
/// OCIIMG_STATUS_CALLBACK (the registry refused with another HTTP status, which is
/// ociimg_error_callback_code). Reading from the loader fails with the same statuses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_registry_loader(
    registry: *const ociimg_registry,
    reference: *const c_char,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the caller's pointers, as the header has them.
    unsafe {
        clear(out);
        clear(err);
        let loader = guard(|| {
            if out.is_null() {
                return Err(null("out"));
            }
            let client = client(registry)?;
            let reference = reference::reference(text(reference, "reference")?)?;
            Loader::new(client, &reference, media_types(), &Context(ctx))
        });
        match loader {
            Ok(loader) => new_loader(loader, out, err),
            Err(error) => returned(Err(error), err),
        }
    }
}

/// # Safety
/// `out` can be written, `err` too or it is NULL.
unsafe fn new_loader(
    loader: Loader,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    let table = ociimg_loader_vtable {
        struct_size: size_of::<ociimg_loader_vtable>(),
        root_digest: Some(root_digest),
        open_root_manifest: Some(open_root_manifest),
        open_manifest: Some(open_manifest),
        open_blob: Some(open_blob),
        read: Some(read),
        close: Some(close),
        destroy: Some(destroy),
    };
    let state = give(loader);
    // SAFETY: the functions below fit the table; the state is theirs.
    unsafe {
        let status = ociimg_loader_new(&raw const table, state, out, err);
        if status != OCIIMG_STATUS_OK {
            take_back::<Loader>(state);
        }
        status
    }
}

/// The media types that libociimg supports, for an Accept field.
fn media_types() -> String {
    let list = |at: unsafe extern "C" fn(usize) -> *const c_char| {
        // SAFETY: any number may be asked for; what comes is a static text or NULL.
        let texts = (0..)
            .map(move |i| unsafe { at(i) })
            .take_while(|text| !text.is_null());
        texts.map(|text| {
            unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned()
        })
    };
    let all = list(ociimg_supported_index_media_type_at)
        .chain(list(ociimg_supported_manifest_media_type_at));
    all.collect::<Vec<_>>().join(", ")
}

/// # Safety
/// `state` is a loader that was given to libociimg.
unsafe fn loader<'a>(state: *mut c_void) -> &'a Loader {
    // SAFETY: as the caller says; it lives until `destroy`.
    unsafe { &*state.cast::<Loader>() }
}

unsafe extern "C" fn root_digest(
    state: *mut c_void,
    buf: *mut c_char,
    cap: usize,
    call: *mut ociimg_call,
) -> i32 {
    serve(call, |_| {
        // SAFETY: libociimg's arguments.
        let Some(digest) = unsafe { loader(state) }.root_digest() else {
            return Ok(());
        };
        if digest.len() >= cap {
            return Err(Error::internal("a digest that does not fit"));
        }
        // SAFETY: there is room for it and its NUL.
        unsafe {
            std::ptr::copy_nonoverlapping(digest.as_ptr(), buf.cast(), digest.len());
            *buf.add(digest.len()) = 0;
        }
        Ok(())
    })
}

/// Opens a stream for libociimg.
fn opened(
    stream: *mut *mut c_void,
    call: *mut ociimg_call,
    open: impl FnOnce(&super::kit::Call) -> Result<Stream>,
) -> i32 {
    serve(call, |call| {
        let opened = open(call)?;
        // SAFETY: libociimg's output.
        unsafe { *stream = give(opened) };
        Ok(())
    })
}

unsafe extern "C" fn open_root_manifest(
    state: *mut c_void,
    stream: *mut *mut c_void,
    call: *mut ociimg_call,
) -> i32 {
    // SAFETY: libociimg's arguments.
    opened(stream, call, |ctx| unsafe { loader(state) }.open_root(ctx))
}

unsafe extern "C" fn open_manifest(
    state: *mut c_void,
    digest: *const c_char,
    stream: *mut *mut c_void,
    call: *mut ociimg_call,
) -> i32 {
    // SAFETY: libociimg's arguments.
    opened(stream, call, |ctx| unsafe {
        loader(state).open_manifest(text(digest, "digest")?, ctx)
    })
}

unsafe extern "C" fn open_blob(
    state: *mut c_void,
    digest: *const c_char,
    stream: *mut *mut c_void,
    call: *mut ociimg_call,
) -> i32 {
    // SAFETY: libociimg's arguments.
    opened(stream, call, |ctx| unsafe {
        loader(state).open_blob(text(digest, "digest")?, ctx)
    })
}

unsafe extern "C" fn read(
    _state: *mut c_void,
    stream: *mut c_void,
    buf: *mut u8,
    cap: usize,
    n: *mut usize,
    call: *mut ociimg_call,
) -> i32 {
    serve(call, |ctx| {
        // SAFETY: a stream of ours, which no other thread uses; the buffer is initialised,
        // as libociimg promises.
        unsafe {
            let stream = &mut *stream.cast::<Stream>();
            *n = stream.read(std::slice::from_raw_parts_mut(buf, cap), ctx)?;
        }
        Ok(())
    })
}

unsafe extern "C" fn close(_state: *mut c_void, stream: *mut c_void) {
    // SAFETY: a stream of ours, closed once.
    unsafe { take_back::<Stream>(stream) };
}

unsafe extern "C" fn destroy(state: *mut c_void) {
    // SAFETY: a loader of ours, destroyed once.
    unsafe { take_back::<Loader>(state) };
}
