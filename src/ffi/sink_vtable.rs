//! A program's table of callbacks as a [`Sink`].

use super::boolean::ociimg_bool;
use super::call::{Role, broke_contract, ociimg_call, run};
use super::descriptor::ociimg_descriptor;
use super::kit::guard::call_out;
use super::kit::handle::null;
use super::kit::options;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::error::{Error, Result, Status};
use crate::sink::{Begin, BlobWriter, Root, Roots, Sink};
use crate::text::Text;
use libc::{c_char, c_void, size_t};
use std::mem::offset_of;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::Arc;

/// The callbacks of a sink: where blobs, manifests and roots go. The rules of
/// ociimg_loader_vtable apply.
///
/// Each callback with a result returns OCIIMG_STATUS_OK or another number, preferably
/// through ociimg_call_fail. They run on the threads that run a copy, concurrently if there
/// are several; the callbacks of one stream never run concurrently, but not always on the
/// thread that began the blob. No lock is held meanwhile: a callback may call the library
/// and free handles. Running the copy that it serves, or finishing the sink, is
/// OCIIMG_STATUS_BUSY there. Nothing may unwind or longjmp out of a callback: a C++
/// exception ends the program.
///
/// state and streams are never dereferenced; streams may be integers other than 0. d, buf,
/// name and call are valid until the callback returns; d is not to be freed. A successful
/// begin_blob is followed by exactly one commit_blob or abort_blob. A success that leaves
/// *stream NULL, or an *offset above the size of the blob, is
/// OCIIMG_STATUS_CALLBACK_CONTRACT, and so is OCIIMG_STATUS_RESTART from any callback but
/// write and commit_blob.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_sink_vtable {
    /// sizeof(ociimg_sink_vtable).
    pub struct_size: size_t,
    /// The number of blobs that may be open at once, over all copies to the sink. 0 is any
    /// number. With 1, blobs and manifests come one at a time and in a fixed order, however
    /// many threads copy.
    pub max_streams: u32,
    /// 0; anything else is OCIIMG_STATUS_UNSUPPORTED.
    pub reserved: u32,
    /// Optional. Sets *present (0 on entry) to 1 if the complete blob is there: then its
    /// source is not read.
    pub has_blob: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            d: *const ociimg_descriptor,
            present: *mut ociimg_bool,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Begins a blob; *stream is not NULL on success. OCIIMG_STATUS_EXISTS: the
    /// blob is there, and there is no stream. *offset is 0 on entry; a sink that has the
    /// first bytes of the blob from an earlier attempt sets it to their number. The library
    /// still reads and hashes them, and writes only the rest.
    pub begin_blob: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            d: *const ociimg_descriptor,
            stream: *mut *mut c_void,
            offset: *mut u64,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Writes all len (more than 0) bytes or fails. OCIIMG_STATUS_RESTART: the
    /// bytes written are lost; abort_blob is called, then begin_blob again, at most
    /// max_restarts times.
    pub write: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            stream: *mut c_void,
            buf: *const u8,
            len: size_t,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Makes the blob visible: its size and digest were right. Ends the stream,
    /// whatever it returns: after OCIIMG_STATUS_RESTART begin_blob comes again, without
    /// abort_blob. OCIIMG_STATUS_EXISTS (another writer was faster) counts as success.
    pub commit_blob: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            stream: *mut c_void,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Ends the stream without making anything visible.
    pub abort_blob: Option<unsafe extern "C-unwind" fn(state: *mut c_void, stream: *mut c_void)>,
    /// Required. Stores a manifest or index below the root, complete and verified, after
    /// everything that it names.
    pub put_manifest: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            d: *const ociimg_descriptor,
            buf: *const u8,
            len: size_t,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Required. Stores a root, after everything else, once for each name; name is NULL
    /// where it has none. An existing name is replaced. A source that lists several roots
    /// under one name, such as one for each platform, puts each of them under it.
    pub put_root: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            d: *const ociimg_descriptor,
            buf: *const u8,
            len: size_t,
            name: *const c_char,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    /// Optional. Called once, by ociimg_sink_finish; no callback but destroy comes after it.
    pub finish:
        Option<unsafe extern "C-unwind" fn(state: *mut c_void, call: *mut ociimg_call) -> i32>,
    /// Optional. Called once, when the last handle that could use the sink is gone: the sink
    /// itself or a copy. Without finish before it, discard everything that is not visible
    /// yet. The other functions must stay callable until it returns.
    pub destroy: Option<unsafe extern "C-unwind" fn(state: *mut c_void)>,
}

// SAFETY: repr(C), a usize first; numbers and pointers that may be NULL. A function
// pointer that C wrote is a function or NULL.
unsafe impl options::Published for ociimg_sink_vtable {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_sink_vtable, destroy) + size_of::<usize>();
    const NAME: &'static str = "ociimg_sink_vtable";
}

/// A complete table, and the state that its functions get. Dropping it destroys the state.
struct CallbackTable {
    vtable: ociimg_sink_vtable,
    state: *mut c_void,
}

const CHECKED: &str = "CallbackTable::new checked that it is there";

// SAFETY: the state is never looked into, only handed to the program's callbacks, which
// the header asks to work on any thread, and on several at once.
unsafe impl Send for CallbackTable {}
// SAFETY: as for Send.
unsafe impl Sync for CallbackTable {}

impl CallbackTable {
    fn new(vtable: ociimg_sink_vtable, state: *mut c_void) -> Result<Self> {
        for (present, name) in [
            (vtable.begin_blob.is_some(), "begin_blob"),
            (vtable.write.is_some(), "write"),
            (vtable.commit_blob.is_some(), "commit_blob"),
            (vtable.abort_blob.is_some(), "abort_blob"),
            (vtable.put_manifest.is_some(), "put_manifest"),
            (vtable.put_root.is_some(), "put_root"),
        ] {
            if !present {
                return Err(null(&format!("vtable.{name}")));
            }
        }
        if vtable.reserved != 0 {
            return Err(Error::unsupported(format_args!(
                "reserved of ociimg_sink_vtable is {}, expected 0",
                vtable.reserved
            )));
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

/// A descriptor as a callback gets it: a handle of the library's own, which functions of the
/// library take like any other, also those that keep a reference.
pub(super) fn lent(d: &Arc<Descriptor>) -> Arc<ociimg_descriptor> {
    Arc::new(ociimg_descriptor(d.clone()))
}

/// RESTART is invalid for a callback whose bytes cannot be repeated.
pub(super) fn no_restart(name: &str, result: Result<()>) -> Result<()> {
    match result {
        Err(e) if e.status() == Status::Restart => Err(Error::callback_contract(format_args!(
            "{name} returned RESTART, which only write and commit_blob of a table may"
        ))
        .with_callback_code(e.callback_code())),
        result => result,
    }
}

/// A program's callbacks as a sink.
pub(super) struct CallbackSink(Arc<CallbackTable>);

impl CallbackSink {
    /// INVALID_ARGUMENT where a required callback is missing; the state is then still the
    /// program's.
    pub(super) fn new(vtable: ociimg_sink_vtable, state: *mut c_void) -> Result<Self> {
        // Not before the checks: a table that is dropped destroys the state.
        CallbackTable::new(vtable, state).map(|table| Self(Arc::new(table)))
    }

    fn put_root(&self, root: &Root, bytes: &[u8], ctx: &Context) -> Result<()> {
        let put_root = self.0.vtable.put_root.expect(CHECKED);
        let name = root.name.as_ref().map(Text::with_nul);
        let name = name.map_or(ptr::null(), |name| name.as_ptr().cast());
        let d = lent(&root.descriptor);
        let (descriptor, buf, len) = (Arc::as_ptr(&d), bytes.as_ptr(), bytes.len());
        let result = run(Role::Sink, "put_root", ctx, |call| {
            // SAFETY: the program's callback and state; buf has len bytes, and name is NULL
            // or ends in NUL; all outlive the callback.
            unsafe { put_root(self.0.state, descriptor, buf, len, name, call) }
        });
        no_restart("put_root", result)
    }
}

impl Sink for CallbackSink {
    fn max_streams(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.0.vtable.max_streams)
    }

    fn has_blob(&self, d: &Descriptor, ctx: &Context) -> Result<bool> {
        let Some(has_blob) = self.0.vtable.has_blob else {
            return Ok(false);
        };
        let mut present = 0;
        let d = lent(&Arc::new(d.clone()));
        let descriptor = Arc::as_ptr(&d);
        let result = run(Role::Sink, "has_blob", ctx, |call| {
            // SAFETY: the program's callback and state; descriptor, present and call outlive
            // the callback.
            unsafe { has_blob(self.0.state, descriptor, &raw mut present, call) }
        });
        no_restart("has_blob", result)?;
        Ok(present != 0)
    }

    fn begin_blob(&self, d: &Arc<Descriptor>, ctx: &Context) -> Result<Begin> {
        let begin_blob = self.0.vtable.begin_blob.expect(CHECKED);
        let mut stream = ptr::null_mut();
        let mut offset = 0;
        let d = lent(d);
        let descriptor = Arc::as_ptr(&d);
        let result = run(Role::Sink, "begin_blob", ctx, |call| {
            // SAFETY: the program's callback and state; descriptor, stream, offset and call
            // outlive the callback.
            unsafe {
                begin_blob(
                    self.0.state,
                    descriptor,
                    &raw mut stream,
                    &raw mut offset,
                    call,
                )
            }
        });
        match no_restart("begin_blob", result) {
            Err(e) if e.status() == Status::Exists => return Ok(Begin::Exists),
            result => result?,
        }
        if stream.is_null() {
            return Err(broke_contract("begin_blob", "left *stream NULL"));
        }
        let table = self.0.clone();
        let writer = Box::new(CallbackWriter {
            table,
            stream: Some(stream),
        });
        Ok(Begin::Write { writer, offset })
    }

    fn put_manifest(&self, d: &Arc<Descriptor>, bytes: &[u8], ctx: &Context) -> Result<()> {
        let put_manifest = self.0.vtable.put_manifest.expect(CHECKED);
        let d = lent(d);
        let (descriptor, buf, len) = (Arc::as_ptr(&d), bytes.as_ptr(), bytes.len());
        let result = run(Role::Sink, "put_manifest", ctx, |call| {
            // SAFETY: the program's callback and state; buf has len bytes; all outlive the
            // callback.
            unsafe { put_manifest(self.0.state, descriptor, buf, len, call) }
        });
        no_restart("put_manifest", result)
    }

    fn put_roots(&self, roots: &mut dyn Roots, ctx: &Context) -> Result<()> {
        while let Some((root, bytes)) = roots.next()? {
            self.put_root(&root, &bytes, ctx)?;
            roots.put(1);
        }
        Ok(())
    }

    fn finish(&self, ctx: &Context) -> Result<()> {
        let Some(finish) = self.0.vtable.finish else {
            return Ok(());
        };
        let result = run(Role::Sink, "finish", ctx, |call| {
            // SAFETY: the program's callback and state; call outlives the callback.
            unsafe { finish(self.0.state, call) }
        });
        no_restart("finish", result)
    }
}

/// A blob that the program began. Dropping it aborts it.
struct CallbackWriter {
    table: Arc<CallbackTable>,
    /// `None` when it was committed.
    stream: Option<*mut c_void>,
}

// SAFETY: the stream is never looked into; the header says that it may be written and ended
// on another thread than began it.
unsafe impl Send for CallbackWriter {}

impl BlobWriter for CallbackWriter {
    fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        let write = self.table.vtable.write.expect(CHECKED);
        let stream = self.stream.expect("not committed yet");
        let (state, buf, len) = (self.table.state, bytes.as_ptr(), bytes.len());
        run(Role::Sink, "write", ctx, |call| {
            // SAFETY: the program's callback, state and stream; buf has len bytes; all
            // outlive the callback.
            unsafe { write(state, stream, buf, len, call) }
        })
    }

    fn commit(mut self: Box<Self>, ctx: &Context) -> Result<()> {
        let commit_blob = self.table.vtable.commit_blob.expect(CHECKED);
        let state = self.table.state;
        let stream = &mut self.stream;
        // A cancelled call runs no callback: then the stream is still to be aborted.
        run(Role::Sink, "commit_blob", ctx, |call| {
            let stream = stream.take().expect("not committed yet");
            // SAFETY: the program's callback, state and stream, which this ends; call
            // outlives the callback.
            unsafe { commit_blob(state, stream, call) }
        })
    }
}

impl Drop for CallbackWriter {
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            let abort_blob = self.table.vtable.abort_blob.expect(CHECKED);
            // SAFETY: the program began the stream, and it is ended this one time.
            call_out(|| unsafe { abort_blob(self.table.state, stream) });
        }
    }
}
