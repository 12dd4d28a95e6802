//! Copies.

use self::ociimg_copy_event_values::*;
use self::ociimg_copy_flag_values::*;
use super::context::{context, ociimg_context};
use super::descriptor::ociimg_descriptor;
use super::error::{ociimg_error, ociimg_status};
use super::image::ociimg_image;
use super::index::ociimg_index;
use super::kit::guard::call_out;
use super::kit::handle::{borrow, free, hold, null};
use super::kit::options;
use super::kit::outcome::{create, status};
use super::kit::text::{optional_text, required_text, text_of_caller};
use super::sink::ociimg_sink;
use super::sink_vtable::lent;
use crate::error::{Error, Result};
use crate::sink::SharedSink;
use crate::sink::copy::{Copy, CopyOptions, Event, Observer, Progress, Source};
use libc::{c_char, c_void, size_t};
use std::mem::offset_of;
use std::sync::Arc;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The event of a report of a copy: the values of ociimg_copy_progress.event. More may be
/// added.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_copy_event_values {
    /// Bytes of a blob were read, and written unless the sink had them from before.
    OCIIMG_COPY_BLOB = 1,
    /// A blob was copied: read, verified, written and committed.
    OCIIMG_COPY_BLOB_DONE = 2,
    /// A blob was not copied: the sink has it already (blob_bytes is its size), or it is
    /// skipped (blob_bytes is 0).
    OCIIMG_COPY_BLOB_SKIPPED = 3,
    /// The bytes written of a blob are lost, since the sink asked for it again or an earlier
    /// run failed in the middle of it. The only report with which bytes_done and
    /// bytes_skipped may decrease.
    OCIIMG_COPY_RESTARTED = 4,
    /// A manifest or index below a root was put.
    OCIIMG_COPY_MANIFEST = 5,
    /// A root was put, under one of its names: a layout lists it now.
    OCIIMG_COPY_ROOT = 6,
}

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The bits of ociimg_copy_options.flags.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_copy_flag_values {
    /// Copies the root of a selection unchanged, and below it only the selected entries.
    OCIIMG_COPY_SPARSE = 1,
    /// Skips content that the source lacks (OCIIMG_STATUS_NOT_FOUND) and BROKEN entries.
    /// Content that is present but wrong still fails.
    OCIIMG_COPY_LEAVE_OUT_MISSING = 2,
    /// Skips nondistributable ("foreign") layers. By default those that the source has are
    /// copied.
    OCIIMG_COPY_SKIP_FOREIGN = 4,
    /// Unpacks the layers of images on the way, and checks their diff IDs. Layers that the
    /// sink has already are not read.
    OCIIMG_COPY_CHECK_DIFF_IDS = 8,
}

/// The progress of a copy. bytes_ and blobs_ count all blobs of the copy (configs and
/// layers, not manifests), each digest once; when it is done, done and skipped together are
/// the total.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_copy_progress {
    /// sizeof(ociimg_copy_progress), as the library knows it.
    pub struct_size: size_t,
    /// The content that the event concerns. Valid until the callback returns; not to be freed.
    pub descriptor: *const ociimg_descriptor,
    /// Bytes of it that are in the sink so far.
    pub blob_bytes: u64,
    /// Bytes that were written.
    pub bytes_done: u64,
    /// Bytes that the sink had already, and those of skipped blobs.
    pub bytes_skipped: u64,
    /// Bytes of all blobs that are known; grows while documents are read.
    pub bytes_total: u64,
    /// Blobs that were copied.
    pub blobs_done: u32,
    /// Blobs that the sink had already, and skipped blobs.
    pub blobs_skipped: u32,
    /// All blobs that are known; grows while documents are read.
    pub blobs_total: u32,
    /// One of OCIIMG_COPY_BLOB, OCIIMG_COPY_BLOB_DONE, OCIIMG_COPY_BLOB_SKIPPED,
    /// OCIIMG_COPY_RESTARTED, OCIIMG_COPY_MANIFEST and OCIIMG_COPY_ROOT.
    pub event: i32,
}

/// How to copy. A field that is 0 or NULL has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_copy_options {
    /// sizeof(ociimg_copy_options).
    pub struct_size: size_t,
    /// The names under which the root is put, none of them NULL or ""; copied. A layout or
    /// archive as the source must then list exactly one root. Default: the names that a layout
    /// or archive has for its roots; of other sources none.
    pub names: *const *const c_char,
    /// The number of names.
    pub name_count: size_t,
    /// OCIIMG_COPY_SPARSE, OCIIMG_COPY_LEAVE_OUT_MISSING, OCIIMG_COPY_SKIP_FOREIGN and
    /// OCIIMG_COPY_CHECK_DIFF_IDS, or'ed. Other bits are OCIIMG_STATUS_UNSUPPORTED.
    pub flags: u32,
    /// How often a sink may ask for one blob again (OCIIMG_STATUS_RESTART). Default: 3.
    pub max_restarts: u32,
    /// Called with user_data during the copy, on the threads that run it: one call at a time,
    /// in the order in which the counters change. A thread may report the work of another. No
    /// lock is held meanwhile; it may free handles and cancel the context, but not run the
    /// copy. p is valid until it returns. The function must stay callable until the copy is
    /// freed and no longer runs.
    pub progress:
        Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, p: *const ociimg_copy_progress)>,
    /// Passed to progress; never dereferenced.
    pub user_data: *mut c_void,
}

// SAFETY: repr(C), a usize first; numbers and pointers that may be NULL. A function
// pointer that C wrote is a function or NULL.
unsafe impl options::Published for ociimg_copy_options {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_copy_options, user_data) + size_of::<usize>();
    const NAME: &'static str = "ociimg_copy_options";
}

/// A copy from a source to a sink, with its progress. Freed with ociimg_copy_free, at any
/// time: running calls continue.
pub struct ociimg_copy(Copy);

/// The observer of a program.
struct Callback {
    progress: unsafe extern "C-unwind" fn(*mut c_void, *const ociimg_copy_progress),
    user_data: *mut c_void,
}

// SAFETY: user_data is never looked into, only handed to the program's callback, which the
// header asks to work on any thread that runs the copy.
unsafe impl Send for Callback {}
// SAFETY: as for Send.
unsafe impl Sync for Callback {}

impl Callback {
    fn report(&self, progress: &Progress) {
        let descriptor = lent(&progress.descriptor);
        let counters = progress.counters;
        let event = match progress.event {
            Event::Blob => OCIIMG_COPY_BLOB,
            Event::BlobDone => OCIIMG_COPY_BLOB_DONE,
            Event::BlobSkipped => OCIIMG_COPY_BLOB_SKIPPED,
            Event::Restarted => OCIIMG_COPY_RESTARTED,
            Event::Manifest => OCIIMG_COPY_MANIFEST,
            Event::Root => OCIIMG_COPY_ROOT,
        };
        let report = ociimg_copy_progress {
            struct_size: size_of::<ociimg_copy_progress>(),
            descriptor: Arc::as_ptr(&descriptor),
            blob_bytes: progress.blob_bytes,
            bytes_done: counters.bytes_done,
            bytes_skipped: counters.bytes_skipped,
            bytes_total: counters.bytes_total,
            blobs_done: counters.blobs_done,
            blobs_skipped: counters.blobs_skipped,
            blobs_total: counters.blobs_total,
            event: event as i32,
        };
        // SAFETY: the program's callback and pointer; the report outlives the callback.
        call_out(|| unsafe { (self.progress)(self.user_data, &raw const report) });
    }
}

/// # Safety
/// `opts` is NULL or says how large it is, and has as many names as it says.
unsafe fn copy_options(opts: *const ociimg_copy_options) -> Result<CopyOptions> {
    // SAFETY: as the caller says.
    let given = unsafe { options::read(opts) }?;
    let known = OCIIMG_COPY_SPARSE as u32
        | OCIIMG_COPY_LEAVE_OUT_MISSING as u32
        | OCIIMG_COPY_SKIP_FOREIGN as u32
        | OCIIMG_COPY_CHECK_DIFF_IDS as u32;
    if given.flags & !known != 0 {
        return Err(Error::unsupported(format_args!(
            "flags of ociimg_copy_options are {:#x}, expected none but {known:#x}",
            given.flags
        )));
    }
    if given.names.is_null() && given.name_count > 0 {
        return Err(null("names"));
    }
    let name = |i: usize| {
        // SAFETY: there are name_count of them, each NULL or a C string.
        let name = unsafe { required_text(given.names.add(i).read(), &format!("names[{i}]")) };
        name.map(text_of_caller)
    };
    let has = |flag: ociimg_copy_flag_values| given.flags & flag as u32 != 0;
    let defaults = CopyOptions::default();
    Ok(CopyOptions {
        names: (0..given.name_count).map(name).collect::<Result<_>>()?,
        sparse: has(OCIIMG_COPY_SPARSE),
        leave_out_missing: has(OCIIMG_COPY_LEAVE_OUT_MISSING),
        skip_foreign: has(OCIIMG_COPY_SKIP_FOREIGN),
        check_diff_ids: has(OCIIMG_COPY_CHECK_DIFF_IDS),
        max_restarts: match given.max_restarts {
            0 => defaults.max_restarts,
            max => max,
        },
        observer: given.progress.map(|progress| {
            let callback = Callback {
                progress,
                user_data: given.user_data,
            };
            Arc::new(move |progress: &Progress| callback.report(progress)) as Observer
        }),
    })
}

/// # Safety
/// `name` is NULL or ends in NUL.
unsafe fn named(name: *const c_char) -> Result<CopyOptions> {
    // SAFETY: as the caller says.
    let name = unsafe { optional_text(name, "name") }?;
    Ok(CopyOptions {
        names: name.map(text_of_caller).into_iter().collect(),
        ..CopyOptions::default()
    })
}

fn copy_of_index(
    index: &ociimg_index,
    sink: &Arc<SharedSink>,
    options: CopyOptions,
) -> Result<Copy> {
    let source = Source::of_index(&index.0, options.sparse)?;
    Copy::new(source, sink.clone(), options)
}

fn copy_of_image(
    image: &ociimg_image,
    sink: &Arc<SharedSink>,
    options: CopyOptions,
) -> Result<Copy> {
    Copy::new(Source::of_image(&image.snapshot()?), sink.clone(), options)
}

/// Makes a copy of an index with everything below its root: nested indexes, images,
/// artifacts, attestations and unknown content. Nothing is read or written before
/// ociimg_copy_run, and no callback runs. The entries of a layout's or archive's index.json
/// are separate roots, each put under its name. index, sink and options may be freed
/// afterwards. opts may be NULL. The caller frees *out with ociimg_copy_free.
///
/// Bytes and digests never change. Blobs come first, then each manifest after everything
/// that it names; the roots come last. Each digest is written once, however often it is
/// named, and every blob is verified on the way. Content that a manifest names is checked
/// even if the sink has the manifest already.
///
/// Fails with the statuses of options, and with OCIIMG_STATUS_INVALID_ARGUMENT for a name
/// that is "", for a selection without OCIIMG_COPY_SPARSE, since it has no document of its
/// own, and for names where a layout or archive lists several roots.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_copy_new(
    index: *const ociimg_index,
    sink: *const ociimg_sink,
    opts: *const ociimg_copy_options,
    out: *mut *mut ociimg_copy,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, options that say how large they are, outputs that
    // are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = borrow(index, "index")?;
            let sink = borrow(sink, "sink")?;
            let copy = copy_of_index(index, &sink.0, copy_options(opts)?)?;
            Ok(ociimg_copy(copy))
        })
    }
}

/// As ociimg_copy_new, for a snapshot of a single image: later changes have no effect. Its
/// manifest is the root.
///
/// Fails as ociimg_copy_new does, and with OCIIMG_STATUS_BUSY (the image is being changed on
/// another thread).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_copy_new_image(
    image: *const ociimg_image,
    sink: *const ociimg_sink,
    opts: *const ociimg_copy_options,
    out: *mut *mut ociimg_copy,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, options that say how large they are, outputs that
    // are NULL or can be written.
    unsafe {
        create(out, err, || {
            let image = borrow(image, "image")?;
            let sink = borrow(sink, "sink")?;
            let copy = copy_of_image(image, &sink.0, copy_options(opts)?)?;
            Ok(ociimg_copy(copy))
        })
    }
}

/// Works until everything is copied. Any number of the program's threads may run one copy at
/// once: each takes the next blob, and all return when everything is copied or one of them
/// failed. The library starts no thread; callbacks of loader, sink and progress run on the
/// threads that run the copy, under the context of their thread. ctx may be NULL; cancelling
/// that of one thread ends the run of all with OCIIMG_STATUS_CANCELLED. Memory does not grow
/// with the sizes of blobs.
///
/// After a failure the next call continues: committed content is not copied again. A call
/// after everything is copied does nothing.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, or the sink is finished), and with
/// OCIIMG_STATUS_BUSY from inside a callback of this thread's run of the same copy, or of
/// another copy to the same sink while max_streams blobs are open. With the statuses of a
/// source: OCIIMG_STATUS_UNSUPPORTED also for a digest or, with OCIIMG_COPY_CHECK_DIFF_IDS,
/// a layer that cannot be checked, OCIIMG_STATUS_LIMIT_EXCEEDED for the load's
/// max_document_size and for more than 1048576 blobs; and with the error of a BROKEN entry.
/// With the statuses of a sink's callbacks, OCIIMG_STATUS_IO, OCIIMG_STATUS_EXISTS and
/// OCIIMG_STATUS_CONFLICT, and with OCIIMG_STATUS_UNAVAILABLE where a sink asks for a blob
/// more than max_restarts times. When one thread fails, all return its error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_copy_run(
    copy: *const ociimg_copy,
    ctx: *const ociimg_context,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe { status(err, || hold(copy, "copy")?.0.run(&context(ctx))) }
}

/// Frees this handle of a copy; NULL does nothing. A running call continues. Any thread,
/// callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_copy_free(copy: *mut ociimg_copy) {
    // SAFETY: a copy of ours or NULL, given back once.
    unsafe { free(copy) }
}

/// Copies an index on this thread and runs the callbacks of loader and sink: ociimg_copy_new with
/// this one name, ociimg_copy_run and ociimg_copy_free. name and ctx may be NULL; "" counts as
/// NULL. The sink is not finished: an archive appears only after ociimg_sink_finish.
///
/// Fails as ociimg_copy_new and ociimg_copy_run do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_write(
    index: *const ociimg_index,
    sink: *const ociimg_sink,
    name: *const c_char,
    ctx: *const ociimg_context,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, a C string or NULL, an output that is NULL or can
    // be written.
    unsafe {
        status(err, || {
            let index = borrow(index, "index")?;
            let sink = borrow(sink, "sink")?;
            let copy = copy_of_index(index, &sink.0, named(name)?)?;
            copy.run(&context(ctx))
        })
    }
}

/// Copies a snapshot of an image on this thread and runs the callbacks of loader and sink:
/// ociimg_copy_new_image with this one name, ociimg_copy_run and ociimg_copy_free. name and ctx
/// may be NULL; "" counts as NULL. The sink is not finished: an archive appears only after
/// ociimg_sink_finish.
///
/// Fails as ociimg_copy_new_image and ociimg_copy_run do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_write(
    image: *const ociimg_image,
    sink: *const ociimg_sink,
    name: *const c_char,
    ctx: *const ociimg_context,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, a C string or NULL, an output that is NULL or can
    // be written.
    unsafe {
        status(err, || {
            let image = borrow(image, "image")?;
            let sink = borrow(sink, "sink")?;
            let copy = copy_of_image(image, &sink.0, named(name)?)?;
            copy.run(&context(ctx))
        })
    }
}
