use super::context::UserData;
use super::{call_out, create, free, guard, lend, null, ociimg_error, ociimg_status, options};
use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result, Status};
use crate::loader::{Loader, Stream};
use std::ffi::{CStr, c_char, c_void};
use std::hint::black_box;
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

/// What a callback may do with the call that it serves. It is valid until the callback
/// returns, on the thread that runs it; the program never frees it.
pub struct ociimg_call {
    ctx: *const Context,
    failure: Option<Failure>,
}

/// What a callback said of its failure.
struct Failure {
    code: i64,
    message: Option<String>,
}

/// Records why the callback fails, and returns `status` (OCIIMG_STATUS_CALLBACK for 0), so
/// that a callback can end with
///
///     return ociimg_call_fail(call, OCIIMG_STATUS_NOT_FOUND, 404, "no such blob");
///
/// The last record counts, and none does if the callback then returns OCIIMG_STATUS_OK.
/// What is returned decides: OCIIMG_STATUS_NOT_FOUND and OCIIMG_STATUS_CANCELLED keep
/// their meaning, anything else reaches the caller as OCIIMG_STATUS_CALLBACK, with
/// callback_code in ociimg_error_callback_code and message in ociimg_error_message.
/// message is copied and may be NULL; what is not UTF-8 in it is replaced, what is not
/// printable is escaped. For a NULL call nothing is recorded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_call_fail(
    call: *mut ociimg_call,
    status: i32,
    callback_code: i64,
    message: *const c_char,
) -> i32 {
    // SAFETY: NULL or the call that the running callback was given.
    if let Some(call) = unsafe { call.as_mut() } {
        let message = (!message.is_null()).then(|| {
            // SAFETY: a C string.
            let message = unsafe { CStr::from_ptr(message) };
            // Without its message a failure is still one.
            guard(|| message.to_string_lossy().into_owned()).unwrap_or_default()
        });
        let message = message.filter(|message| !message.is_empty());
        call.failure = Some(Failure {
            code: callback_code,
            message,
        });
    }
    match status {
        0 => Status::Callback as i32,
        status => status,
    }
}

/// Whether the call was cancelled, for callbacks that wait for something; false for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_call_is_cancelled(call: *const ociimg_call) -> bool {
    // SAFETY: NULL or the call that the running callback was given; it outlives neither
    // the callback nor its context.
    unsafe { call.as_ref().is_some_and(|call| (*call.ctx).is_cancelled()) }
}

/// The user_data of the context that the call runs under; NULL without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_call_user_data(call: *const ociimg_call) -> *mut c_void {
    // SAFETY: as above.
    let user_data = unsafe { call.as_ref().and_then(|call| (*call.ctx).user_data()) };
    user_data
        .and_then(|user_data| user_data.downcast_ref::<UserData>())
        .map_or(ptr::null_mut(), |user_data| user_data.pointer)
}

/// The callbacks of a loader: where index, manifests and blobs come from.
///
/// Each returns OCIIMG_STATUS_OK or another number, best by way of ociimg_call_fail. They
/// run on the thread that called the library while it waits, and at once on several
/// threads when the program uses handles on several; one stream is used by one thread at
/// a time, not always the one that opened it. No lock is held meanwhile: a callback may
/// call the library and free handles. Nothing may unwind or longjmp out of one: a C++
/// exception ends the program.
///
/// state and streams are never looked into; integers will do. digest, buf and call are
/// valid until the callback returns. A successful open is followed by exactly one close,
/// whatever happens between; a failed one by none. Outputs are checked: a success that
/// leaves *stream or *n alone, or a number above what was asked for, is
/// OCIIMG_STATUS_CALLBACK_CONTRACT.
///
/// A callback in a language with exceptions catches them and returns a failure: what is
/// returned where one gets lost is up to that language's bindings.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_loader_vtable {
    /// sizeof(ociimg_loader_vtable).
    pub struct_size: usize,
    /// Optional. Writes the digest of the root manifest into buf (NUL-terminated; cap is
    /// at least 256 bytes, zeroed), or leaves buf alone where it is not known. A root that
    /// has another digest is OCIIMG_STATUS_DIGEST_MISMATCH. Not asked where
    /// ociimg_load_options says which digest the root must have.
    pub root_digest: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            buf: *mut c_char,
            cap: usize,
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
    /// Required. Writes up to cap (more than 0) bytes into buf, and their number into *n;
    /// 0 is the end. Fewer than cap bytes are no end.
    pub read: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            stream: *mut c_void,
            buf: *mut u8,
            cap: usize,
            n: *mut usize,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Closes a stream.
    pub close: Option<unsafe extern "C-unwind" fn(state: *mut c_void, stream: *mut c_void)>,
    /// Optional. Called once, when the last handle that could use the loader is gone: the
    /// loader itself, an index, image, layer or reader. The other functions must stay
    /// callable until it has returned.
    pub destroy: Option<unsafe extern "C-unwind" fn(state: *mut c_void)>,
}

// SAFETY: repr(C), a usize first; numbers and pointers that may be NULL. A function
// pointer that C wrote is a function or NULL.
unsafe impl options::Published for ociimg_loader_vtable {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_loader_vtable, destroy) + size_of::<usize>();
    const NAME: &'static str = "ociimg_loader_vtable";
}

/// Where images come from: a program's table of callbacks, or a built-in source. Immutable;
/// several threads may load from one at once. Freed with ociimg_loader_free, at any time:
/// what was loaded keeps what it needs.
pub struct ociimg_loader(pub(super) Arc<dyn Loader>);

/// A loader that asks the program's own callbacks. The table is copied; state is handed to
/// each callback and owned by the loader on success only: destroy is then called with it
/// once, when the last handle that could use the loader is gone. The caller frees *out
/// with ociimg_loader_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a required callback that is missing, a
/// struct_size that can't be right) or OCIIMG_STATUS_UNSUPPORTED (a callback that this
/// version does not know).
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
            let table = Table::new(options::read(vtable)?, state)?;
            Ok(ociimg_loader(Arc::new(Callbacks(Arc::new(table)))))
        })
    }
}

/// Frees this handle of a loader; NULL does nothing. Indexes, images, layers and readers
/// that came from it go on. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_free(loader: *mut ociimg_loader) {
    // SAFETY: a loader of ours or NULL, given back once.
    unsafe { free(loader) }
}

type Open = unsafe extern "C-unwind" fn(
    state: *mut c_void,
    digest: *const c_char,
    stream: *mut *mut c_void,
    call: *mut ociimg_call,
) -> i32;

/// A program's table with nothing missing, and its state. Dropping it destroys the state.
struct Table {
    state: *mut c_void,
    root_digest: Option<
        unsafe extern "C-unwind" fn(*mut c_void, *mut c_char, usize, *mut ociimg_call) -> i32,
    >,
    open_root_manifest:
        unsafe extern "C-unwind" fn(*mut c_void, *mut *mut c_void, *mut ociimg_call) -> i32,
    open_manifest: Open,
    open_blob: Open,
    read: unsafe extern "C-unwind" fn(
        *mut c_void,
        *mut c_void,
        *mut u8,
        usize,
        *mut usize,
        *mut ociimg_call,
    ) -> i32,
    close: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void),
    destroy: Option<unsafe extern "C-unwind" fn(*mut c_void)>,
}

// SAFETY: the state is never looked into, only handed to the program's callbacks, which
// the header tells to expect any thread, and several at once.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    fn new(given: ociimg_loader_vtable, state: *mut c_void) -> Result<Self> {
        Ok(Self {
            state,
            root_digest: given.root_digest,
            open_root_manifest: given
                .open_root_manifest
                .ok_or_else(|| null("vtable.open_root_manifest"))?,
            open_manifest: given
                .open_manifest
                .ok_or_else(|| null("vtable.open_manifest"))?,
            open_blob: given.open_blob.ok_or_else(|| null("vtable.open_blob"))?,
            read: given.read.ok_or_else(|| null("vtable.read"))?,
            close: given.close.ok_or_else(|| null("vtable.close"))?,
            destroy: given.destroy,
        })
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the program gave both for this, and this is the one time.
            call_out(|| unsafe { destroy(self.state) });
        }
    }
}

/// Clears the stack that a callback is about to run on.
///
/// Callbacks of other languages are often closures of libffi. Where one raises before it
/// has a result, as Python's ctypes has it, it returns what stood on the stack: whatever a
/// function before it left there, be it 2, which is NOT_FOUND. After this it is 0, which
/// is found out by the outputs. (So that nothing else is left there, what a callback is
/// given is worked out before.) A closure has its result within some hundred bytes.
#[inline(never)]
fn clear_stack() {
    black_box(&mut [0u8; 1024]);
}

/// Runs one callback, and makes an error of what it returns and recorded.
fn run(name: &str, ctx: &Context, callback: impl FnOnce(*mut ociimg_call) -> i32) -> Result<()> {
    ctx.check()?;
    let mut call = ociimg_call { ctx, failure: None };
    clear_stack();
    let returned = call_out(|| callback(&raw mut call));
    if returned == 0 {
        return Ok(());
    }
    let status = match returned {
        _ if returned == Status::NotFound as i32 => Status::NotFound,
        _ if returned == Status::Cancelled as i32 => Status::Cancelled,
        _ => Status::Callback,
    };
    let (code, message) = match call.failure {
        Some(failure) => (failure.code, failure.message),
        None => (0, None),
    };
    let message = message.unwrap_or_else(|| match status {
        Status::NotFound => "not found".into(),
        Status::Cancelled => "cancelled".into(),
        _ => format!("failed with {returned}"),
    });
    Err(Error::new(status, format_args!("{name}: {message}")).with_callback_code(code))
}

fn broke_contract(name: &str, found: std::fmt::Arguments<'_>) -> Error {
    Error::callback_contract(format_args!("{name} returned OK, but {found}"))
}

/// A program's callbacks as a loader.
struct Callbacks(Arc<Table>);

impl Callbacks {
    fn open(
        &self,
        name: &str,
        ctx: &Context,
        callback: impl FnOnce(*mut *mut c_void, *mut ociimg_call) -> i32,
    ) -> Result<Box<dyn Stream>> {
        let mut stream = ptr::null_mut();
        run(name, ctx, |call| callback(&raw mut stream, call))?;
        if stream.is_null() {
            return Err(broke_contract(name, format_args!("left *stream NULL")));
        }
        Ok(Box::new(CallbackStream {
            table: self.0.clone(),
            stream,
        }))
    }
}

impl Loader for Callbacks {
    fn root_digest(&self, ctx: &Context) -> Result<Option<String>> {
        let Some(root_digest) = self.0.root_digest else {
            return Ok(None);
        };
        let mut buf = [0u8; 256];
        let (state, text, cap) = (self.0.state, buf.as_mut_ptr().cast(), buf.len());
        run("root_digest", ctx, |call| {
            // SAFETY: the program's callback and state; buf is as long as it is said to be.
            unsafe { root_digest(state, text, cap, call) }
        })?;
        let Ok(digest) = CStr::from_bytes_until_nul(&buf) else {
            let found = format_args!("wrote {} bytes without a NUL", buf.len());
            return Err(broke_contract("root_digest", found));
        };
        let Ok(digest) = digest.to_str() else {
            return Err(broke_contract(
                "root_digest",
                format_args!("wrote no UTF-8"),
            ));
        };
        Ok((!digest.is_empty()).then(|| digest.to_owned()))
    }

    fn open_root_manifest(&self, ctx: &Context) -> Result<Box<dyn Stream>> {
        let table = &*self.0;
        self.open("open_root_manifest", ctx, |stream, call| {
            // SAFETY: the program's callback and state; stream and call outlive it.
            unsafe { (table.open_root_manifest)(table.state, stream, call) }
        })
    }

    fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let (table, digest) = (&*self.0, lend(Some(digest.text())));
        self.open("open_manifest", ctx, |stream, call| {
            // SAFETY: as above; the digest is a C string.
            unsafe { (table.open_manifest)(table.state, digest, stream, call) }
        })
    }

    fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let (table, digest) = (&*self.0, lend(Some(digest.text())));
        self.open("open_blob", ctx, |stream, call| {
            // SAFETY: as above; the digest is a C string.
            unsafe { (table.open_blob)(table.state, digest, stream, call) }
        })
    }
}

/// A stream that the program opened. Dropping it closes it, the one time.
struct CallbackStream {
    table: Arc<Table>,
    stream: *mut c_void,
}

// SAFETY: the stream is never looked into; the header tells that it may be read and closed
// on another thread than opened it.
unsafe impl Send for CallbackStream {}

impl Stream for CallbackStream {
    fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        // A callback that fails without saying so (an exception in Python returns 0) leaves
        // this as it is, and is not taken for the end.
        let mut n = usize::MAX;
        let (table, stream) = (&*self.table, self.stream);
        let (bytes, cap) = (buf.as_mut_ptr(), buf.len());
        run("read", ctx, |call| {
            // SAFETY: the program's callback, state and stream; buf has as many bytes as
            // it is said to have; n and call outlive it.
            unsafe { (table.read)(table.state, stream, bytes, cap, &raw mut n, call) }
        })?;
        if n == usize::MAX {
            return Err(broke_contract("read", format_args!("left *n alone")));
        }
        Ok(n)
    }

    fn read_foreign(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        // What the callback claims to have written and did not is then nothing secret,
        // and nothing that must not be read.
        buf.fill(0);
        self.read(buf, ctx)
    }
}

impl Drop for CallbackStream {
    fn drop(&mut self) {
        // SAFETY: the program opened it, and this is the one time that it is closed.
        call_out(|| unsafe { (self.table.close)(self.table.state, self.stream) });
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

    /// Says that it wrote, and did not.
    unsafe extern "C-unwind" fn read(
        _: *mut c_void,
        _: *mut c_void,
        _: *mut u8,
        cap: usize,
        n: *mut usize,
        _: *mut ociimg_call,
    ) -> i32 {
        // SAFETY: the library's output.
        unsafe { *n = cap };
        0
    }

    unsafe extern "C-unwind" fn close(_: *mut c_void, _: *mut c_void) {}

    #[test]
    fn memory_of_the_program_is_cleared_for_a_callback_that_may_not_write() {
        let table = Table::new(
            ociimg_loader_vtable {
                struct_size: size_of::<ociimg_loader_vtable>(),
                root_digest: None,
                open_root_manifest: Some(open),
                open_manifest: Some(open_digest),
                open_blob: Some(open_digest),
                read: Some(read),
                close: Some(close),
                destroy: None,
            },
            ptr::null_mut(),
        );
        let ctx = Context::default();
        let loader = Callbacks(Arc::new(table.unwrap()));
        let mut stream = loader.open_root_manifest(&ctx).unwrap();
        let mut buf = [0xaa; 9];
        assert_eq!(stream.read_foreign(&mut buf, &ctx).unwrap(), 9);
        assert_eq!(buf, [0; 9]);
    }
}
