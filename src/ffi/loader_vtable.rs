//! A program's table of callbacks as a [`Loader`].

use super::call::{Role, broke_contract, ociimg_call, run};
use super::kit::guard::call_out;
use super::kit::handle::null;
use super::kit::options;
use super::kit::text::lend;
use crate::context::Context;
use crate::digest::Digest;
use crate::error::Result;
use crate::loader::{Loader, Stream};
use libc::{c_char, c_void, size_t};
use std::ffi::CStr;
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

/// The callbacks of a loader: where index, manifests and blobs come from.
///
/// Each returns OCIIMG_STATUS_OK or another number, preferably through ociimg_call_fail.
/// They run on the thread that called the library, and concurrently if the program uses
/// handles on several threads; one stream is used by one thread at a time, not always the
/// one that opened it. No lock is held meanwhile: a callback may call the library and free
/// handles. Nothing may unwind or longjmp out of one: a C++ exception ends the program.
///
/// state and streams are never dereferenced, so they may be integers. digest, buf and call
/// are valid until the callback returns. A successful open is followed by exactly one
/// close, whatever happens between; a failed one by none. Outputs are checked: a success
/// that leaves *stream or *n unchanged, or a number above cap, is
/// OCIIMG_STATUS_CALLBACK_CONTRACT.
///
/// A callback in a language with exceptions must catch them and return a failure: otherwise
/// that language's bindings decide the returned value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_loader_vtable {
    /// sizeof(ociimg_loader_vtable).
    pub struct_size: size_t,
    /// Optional. Writes the digest of the root manifest into buf (NUL-terminated; cap is at
    /// least 256 bytes, zeroed), or leaves buf unchanged if it is unknown. A root that has
    /// another digest is OCIIMG_STATUS_DIGEST_MISMATCH. Not called if ociimg_load_options
    /// has the digest of the root.
    pub root_digest: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            buf: *mut c_char,
            cap: size_t,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Opens the index or manifest to start from; *stream is not NULL on
    /// success.
    pub open_root_manifest: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            stream: *mut *mut c_void,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Opens the manifest or index with this digest; OCIIMG_STATUS_NOT_FOUND
    /// where there is none.
    pub open_manifest: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            digest: *const c_char,
            stream: *mut *mut c_void,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Opens the blob (config, layer) with this digest; OCIIMG_STATUS_NOT_FOUND
    /// where there is none.
    pub open_blob: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            digest: *const c_char,
            stream: *mut *mut c_void,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Writes up to cap (more than 0) bytes into buf, and their number into *n; 0
    /// is the end. Fewer than cap bytes are not the end.
    pub read: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            stream: *mut c_void,
            buf: *mut u8,
            cap: size_t,
            n: *mut size_t,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Closes a stream.
    pub close: Option<unsafe extern "C-unwind" fn(state: *mut c_void, stream: *mut c_void)>,
    /// Optional. Called once, when the last handle that could use the loader is gone: the
    /// loader itself, an index, image, layer or reader. The other functions must stay
    /// callable until it returns.
    pub destroy: Option<unsafe extern "C-unwind" fn(state: *mut c_void)>,
}

// SAFETY: repr(C), a usize first; numbers and pointers that may be NULL. A function
// pointer that C wrote is a function or NULL.
unsafe impl options::Published for ociimg_loader_vtable {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_loader_vtable, destroy) + size_of::<usize>();
    const NAME: &'static str = "ociimg_loader_vtable";
}

/// A complete table, and the state that its functions get. Dropping it destroys the state.
struct CallbackTable {
    vtable: ociimg_loader_vtable,
    state: *mut c_void,
}

const CHECKED: &str = "CallbackTable::new checked that it is there";

// SAFETY: the state is never looked into, only handed to the program's callbacks, which
// the header asks to work on any thread, and on several at once.
unsafe impl Send for CallbackTable {}
// SAFETY: as for Send.
unsafe impl Sync for CallbackTable {}

impl CallbackTable {
    fn new(vtable: ociimg_loader_vtable, state: *mut c_void) -> Result<Self> {
        for (present, name) in [
            (vtable.open_root_manifest.is_some(), "open_root_manifest"),
            (vtable.open_manifest.is_some(), "open_manifest"),
            (vtable.open_blob.is_some(), "open_blob"),
            (vtable.read.is_some(), "read"),
            (vtable.close.is_some(), "close"),
        ] {
            if !present {
                return Err(null(&format!("vtable.{name}")));
            }
        }
        Ok(Self { vtable, state })
    }
}

impl Drop for CallbackTable {
    fn drop(&mut self) {
        if let Some(destroy) = self.vtable.destroy {
            // SAFETY: the program's function and state, called this one time.
            call_out(|| unsafe { destroy(self.state) });
        }
    }
}

/// A program's callbacks as a loader.
pub(super) struct CallbackLoader(Arc<CallbackTable>);

impl CallbackLoader {
    /// INVALID_ARGUMENT where a required callback is missing; the state is then still the
    /// program's.
    pub(super) fn new(vtable: ociimg_loader_vtable, state: *mut c_void) -> Result<Self> {
        // Not before the checks: a table that is dropped destroys the state.
        CallbackTable::new(vtable, state).map(|table| Self(Arc::new(table)))
    }

    fn open(
        &self,
        name: &str,
        ctx: &Context,
        callback: impl FnOnce(*mut *mut c_void, *mut ociimg_call) -> i32,
    ) -> Result<Box<dyn Stream>> {
        let mut stream = ptr::null_mut();
        run(Role::Loader, name, ctx, |call| {
            callback(&raw mut stream, call)
        })?;
        if stream.is_null() {
            return Err(broke_contract(name, "left *stream NULL"));
        }
        Ok(Box::new(CallbackStream {
            table: self.0.clone(),
            stream,
        }))
    }
}

impl Loader for CallbackLoader {
    fn root_digest(&self, ctx: &Context) -> Result<Option<String>> {
        let Some(root_digest) = self.0.vtable.root_digest else {
            return Ok(None);
        };
        let mut buf = [0u8; 256];
        let (state, text, cap) = (self.0.state, buf.as_mut_ptr().cast(), buf.len());
        run(Role::Loader, "root_digest", ctx, |call| {
            // SAFETY: the program's callback and state; buf has the size given.
            unsafe { root_digest(state, text, cap, call) }
        })?;
        let Ok(digest) = CStr::from_bytes_until_nul(&buf) else {
            let found = format_args!("wrote {} bytes without a NUL", buf.len());
            return Err(broke_contract("root_digest", found));
        };
        let Ok(digest) = digest.to_str() else {
            return Err(broke_contract("root_digest", "wrote no UTF-8"));
        };
        Ok((!digest.is_empty()).then(|| digest.to_owned()))
    }

    fn open_root_manifest(&self, ctx: &Context) -> Result<Box<dyn Stream>> {
        let open = self.0.vtable.open_root_manifest.expect(CHECKED);
        self.open("open_root_manifest", ctx, |stream, call| {
            // SAFETY: the program's callback and state; stream and call outlive it.
            unsafe { open(self.0.state, stream, call) }
        })
    }

    fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let open = self.0.vtable.open_manifest.expect(CHECKED);
        let digest = lend(Some(digest.text()));
        self.open("open_manifest", ctx, |stream, call| {
            // SAFETY: the program's callback and state; the digest ends in NUL, and it,
            // stream and call outlive the callback.
            unsafe { open(self.0.state, digest, stream, call) }
        })
    }

    fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let open = self.0.vtable.open_blob.expect(CHECKED);
        let digest = lend(Some(digest.text()));
        self.open("open_blob", ctx, |stream, call| {
            // SAFETY: the program's callback and state; the digest ends in NUL, and it,
            // stream and call outlive the callback.
            unsafe { open(self.0.state, digest, stream, call) }
        })
    }
}

/// A stream that the program opened. Dropping it closes it.
struct CallbackStream {
    table: Arc<CallbackTable>,
    stream: *mut c_void,
}

// SAFETY: the stream is never looked into; the header says that it may be read and closed
// on another thread than opened it.
unsafe impl Send for CallbackStream {}

impl Stream for CallbackStream {
    fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        // A callback that fails without reporting it (an exception in Python returns 0)
        // leaves this untouched, and is not mistaken for the end.
        let mut n = usize::MAX;
        let read = self.table.vtable.read.expect(CHECKED);
        let (state, stream) = (self.table.state, self.stream);
        let (bytes, cap) = (buf.as_mut_ptr(), buf.len());
        run(Role::Loader, "read", ctx, |call| {
            // SAFETY: the program's callback, state and stream; buf has cap bytes; n and
            // call outlive the callback.
            unsafe { read(state, stream, bytes, cap, &raw mut n, call) }
        })?;
        if n == usize::MAX {
            return Err(broke_contract("read", "left *n alone"));
        }
        Ok(n)
    }

    fn read_foreign(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        // A callback may claim more bytes than it wrote: then the reader returns zeros, not
        // secrets or uninitialised memory.
        buf.fill(0);
        self.read(buf, ctx)
    }
}

impl Drop for CallbackStream {
    fn drop(&mut self) {
        let close = self.table.vtable.close.expect(CHECKED);
        // SAFETY: the program opened the stream, and it is closed this one time.
        call_out(|| unsafe { close(self.table.state, self.stream) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C-unwind" fn open(
        _: *mut c_void,
        stream: *mut *mut c_void,
        _: *mut ociimg_call,
    ) -> i32 {
        // SAFETY: the library's output.
        unsafe { *stream = ptr::dangling_mut() };
        0
    }

    unsafe extern "C-unwind" fn open_digest(
        state: *mut c_void,
        _: *const c_char,
        stream: *mut *mut c_void,
        call: *mut ociimg_call,
    ) -> i32 {
        // SAFETY: passed on as given.
        unsafe { open(state, stream, call) }
    }

    /// Claims to have written, but did not.
    unsafe extern "C-unwind" fn read(
        _: *mut c_void,
        _: *mut c_void,
        _: *mut u8,
        cap: size_t,
        n: *mut size_t,
        _: *mut ociimg_call,
    ) -> i32 {
        // SAFETY: the library's output.
        unsafe { *n = cap };
        0
    }

    unsafe extern "C-unwind" fn close(_: *mut c_void, _: *mut c_void) {}

    #[test]
    fn memory_of_the_program_is_cleared_for_a_callback_that_may_not_write() {
        let vtable = ociimg_loader_vtable {
            struct_size: size_of::<ociimg_loader_vtable>(),
            root_digest: None,
            open_root_manifest: Some(open),
            open_manifest: Some(open_digest),
            open_blob: Some(open_digest),
            read: Some(read),
            close: Some(close),
            destroy: None,
        };
        let ctx = Context::default();
        let loader = CallbackLoader::new(vtable, ptr::null_mut()).unwrap();
        let mut stream = loader.open_root_manifest(&ctx).unwrap();
        let mut buf = [0xaa; 9];
        assert_eq!(stream.read_foreign(&mut buf, &ctx).unwrap(), 9);
        assert_eq!(buf, [0; 9]);
    }
}
