//! The built-in sinks.

use self::ociimg_sink_flag_values::*;
use super::call::{Role, ociimg_call, run};
use super::compression::{ociimg_compression, ociimg_compression_values::*};
use super::error::{ociimg_error, ociimg_status};
use super::kit::guard::call_out;
use super::kit::handle::{invalid, null};
use super::kit::options;
use super::kit::outcome::create;
use super::sink::ociimg_sink;
use super::sink_vtable::no_restart;
use crate::compression::Method;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sink::archive::Target;
use crate::sink::{ArchiveSink, LayoutSink, SharedSink, SinkOptions};
use libc::{c_char, c_void, size_t};
use std::ffi::{CStr, OsStr};
use std::mem::offset_of;
use std::num::NonZeroI32;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The bits of flags in ociimg_sink_options.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_sink_flag_values {
    /// The target must be new: OCIIMG_STATUS_EXISTS if the path exists. An empty folder
    /// counts as new. Checked again by ociimg_sink_finish.
    OCIIMG_SINK_MUST_BE_NEW = 1,
    /// Layouts: hash existing layers, and replace those whose content is wrong. By default
    /// the size of layers is compared, and documents are hashed.
    OCIIMG_SINK_VERIFY_EXISTING = 2,
    /// Do not wait until content is on the disk. Faster, and after a crash of the machine
    /// the target may be incomplete.
    OCIIMG_SINK_NO_SYNC = 4,
    /// Archives: write manifest.json too, and names as Docker writes them, for docker load.
    OCIIMG_SINK_DOCKER = 8,
}

/// Options of the built-in sinks. A field that is 0 has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_sink_options {
    /// sizeof(ociimg_sink_options).
    pub struct_size: size_t,
    /// OCIIMG_SINK_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED.
    pub flags: u32,
    /// Compression of an archive as a whole. Default: none.
    pub compression: ociimg_compression,
    /// Level of that compression: 1 to 9 for gzip (default 6), 1 to 22 or a negative one for
    /// zstd (default 3). Another is OCIIMG_STATUS_INVALID_ARGUMENT. Without compression it is
    /// not used.
    pub level: i32,
    /// 0, else OCIIMG_STATUS_UNSUPPORTED.
    pub reserved: u32,
}

// SAFETY: repr(C), a usize first; numbers.
unsafe impl options::Published for ociimg_sink_options {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_sink_options, reserved) + size_of::<u32>();
    const NAME: &'static str = "ociimg_sink_options";
}

/// Opens an OCI image layout for writing: a folder, created with its parents if absent.
/// Images are added to the layout; an existing name is replaced. Several sinks, threads and
/// programs may write to one layout at once: index.json changes under a lock (flock) on the
/// folder, and when the process is killed every reader still finds a valid layout. A program
/// that writes index.json without the lock is detected. Links in the folder are followed
/// only where they stay below it.
///
/// The roots of a copy are listed with one change of index.json, when all of them are stored.
/// If storing one of them fails, those before it are listed; if the context of the thread that
/// stores them is cancelled before the change, none is. The next run continues after those
/// that are listed.
///
/// path is bytes; opts may be NULL. The caller frees *out with ociimg_sink_free. Runs no
/// callbacks.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a path that is no folder, an
/// impossible struct_size, OCIIMG_SINK_DOCKER or a compression, which only archives have),
/// OCIIMG_STATUS_NOT_FOUND (a link to nothing), OCIIMG_STATUS_EXISTS
/// (OCIIMG_SINK_MUST_BE_NEW), OCIIMG_STATUS_UNSUPPORTED (another layout version, an option
/// that this version does not know), OCIIMG_STATUS_MALFORMED (an invalid oci-layout),
/// OCIIMG_STATUS_LIMIT_EXCEEDED (an oci-layout of more than 4 MiB) or OCIIMG_STATUS_IO.
///
/// Writing to the sink fails with OCIIMG_STATUS_MALFORMED (index.json is no index, a file or
/// folder of the layout is something else or leads out of it), OCIIMG_STATUS_LIMIT_EXCEEDED
/// (an index.json of more than 4 MiB), OCIIMG_STATUS_CONFLICT (another program keeps changing
/// index.json without the lock), OCIIMG_STATUS_EXISTS (OCIIMG_SINK_MUST_BE_NEW, and another
/// program wrote to the layout), OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_sink_open_layout(
    path: *const c_char,
    opts: *const ociimg_sink_options,
    out: *mut *mut ociimg_sink,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: path is NULL or a C string, the options say how large they are, outputs are
    // NULL or can be written.
    unsafe {
        create(out, err, || {
            let (path, options) = (given_path(path)?, given_options(opts)?);
            Ok(sink(SharedSink::new(LayoutSink::open(path, &options)?)))
        })
    }
}

/// Opens an OCI archive file (.tar) to be written. The file appears at path, or replaces
/// the file there, when ociimg_sink_finish succeeds; without that nothing appears. It is
/// written once, in one pass, to a file without a name in the same folder. The same content
/// gives the same bytes. One blob is written at a time. path is bytes; opts may be NULL. The
/// caller frees *out with ociimg_sink_free. Runs no callbacks.
///
/// With OCIIMG_SINK_DOCKER the names that images are written under must be Docker's (else
/// OCIIMG_STATUS_INVALID_ARGUMENT, when they are written): "v1" is the repository v1 with the
/// tag latest.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", something at the path that is no
/// regular file, such as a device or FIFO: write to that with
/// ociimg_sink_open_archive_stream; an impossible struct_size, an unknown compression or
/// level), OCIIMG_STATUS_NOT_FOUND (no such folder), OCIIMG_STATUS_EXISTS
/// (OCIIMG_SINK_MUST_BE_NEW), OCIIMG_STATUS_UNSUPPORTED (an option that this version does not
/// know) or OCIIMG_STATUS_IO.
///
/// An archive is lost after a failed write or an aborted blob: every later call fails the
/// same way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_sink_open_archive(
    path: *const c_char,
    opts: *const ociimg_sink_options,
    out: *mut *mut ociimg_sink,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: as for ociimg_sink_open_layout.
    unsafe {
        create(out, err, || {
            let (path, options) = (given_path(path)?, given_options(opts)?);
            Ok(sink(SharedSink::new(ArchiveSink::create(path, &options)?)))
        })
    }
}

/// Opens an archive like ociimg_sink_open_archive, but passes its bytes to a callback: for
/// pipes, sockets and other streams. write takes all len (more than 0) bytes of buf and
/// returns OCIIMG_STATUS_OK, or fails with another number, preferably through
/// ociimg_call_fail. It runs on the threads that write to the sink, one call after the other;
/// buf and call are valid until it returns. It may call the library, but writing to the same
/// sink is OCIIMG_STATUS_BUSY. destroy may be NULL; it is called with state once, when the
/// last handle that could use the sink is gone: the sink itself or a copy. state is owned on
/// success only. OCIIMG_SINK_MUST_BE_NEW,
/// OCIIMG_SINK_VERIFY_EXISTING and OCIIMG_SINK_NO_SYNC have no effect here. opts may be
/// NULL. The caller frees *out with ociimg_sink_free. Runs no callback itself: the first
/// bytes are written with the first content.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an impossible struct_size, an unknown
/// compression or level) or OCIIMG_STATUS_UNSUPPORTED (an option that this version does not
/// know).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_sink_open_archive_stream(
    write: Option<
        unsafe extern "C-unwind" fn(
            state: *mut c_void,
            buf: *const u8,
            len: size_t,
            call: *mut ociimg_call,
        ) -> i32,
    >,
    destroy: Option<unsafe extern "C-unwind" fn(state: *mut c_void)>,
    state: *mut c_void,
    opts: *const ociimg_sink_options,
    out: *mut *mut ociimg_sink,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the options say how large they are, outputs are NULL or can be written.
    unsafe {
        create(out, err, || {
            let write = write.ok_or_else(|| null("write"))?;
            let options = given_options(opts)?;
            // Made last: dropping it destroys the state, which is owned on success only.
            let target = || -> Result<Box<dyn Target>> {
                Ok(Box::new(CallbackTarget {
                    write,
                    destroy,
                    state,
                }))
            };
            let archive = ArchiveSink::with_target(target, &options)?;
            Ok(sink(SharedSink::new(archive)))
        })
    }
}

fn sink(sink: SharedSink) -> ociimg_sink {
    ociimg_sink(Arc::new(sink))
}

/// # Safety
/// `path` is NULL, or ends in NUL and stays unchanged during `'a`.
unsafe fn given_path<'a>(path: *const c_char) -> Result<&'a Path> {
    if path.is_null() {
        return Err(null("path"));
    }
    // SAFETY: not NULL, so it ends in NUL and outlives `'a`.
    let path = unsafe { CStr::from_ptr(path) };
    if path.is_empty() {
        return Err(invalid("path is \"\""));
    }
    Ok(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// # Safety
/// `opts` is NULL or points to as many readable bytes as its `struct_size` says.
unsafe fn given_options(opts: *const ociimg_sink_options) -> Result<SinkOptions> {
    // SAFETY: the caller says the same of it.
    let given = unsafe { options::read(opts)? };
    let has = |flag: ociimg_sink_flag_values| given.flags & flag as u32 != 0;
    let known = [
        OCIIMG_SINK_MUST_BE_NEW,
        OCIIMG_SINK_VERIFY_EXISTING,
        OCIIMG_SINK_NO_SYNC,
        OCIIMG_SINK_DOCKER,
    ];
    let unknown = known
        .iter()
        .fold(given.flags, |bits, flag| bits & !(*flag as u32));
    if unknown != 0 {
        return Err(Error::unsupported(format_args!(
            "flags of ociimg_sink_options: found {unknown:#x}, which this version of the library \
             does not know"
        )));
    }
    if given.reserved != 0 {
        return Err(Error::unsupported(format_args!(
            "reserved of ociimg_sink_options: found {}, expected 0",
            given.reserved
        )));
    }
    let level = NonZeroI32::new(given.level).map(NonZeroI32::get);
    const DEFAULT: i32 = OCIIMG_COMPRESSION_DEFAULT as i32;
    const NONE: i32 = OCIIMG_COMPRESSION_NONE as i32;
    const GZIP: i32 = OCIIMG_COMPRESSION_GZIP as i32;
    const ZSTD: i32 = OCIIMG_COMPRESSION_ZSTD as i32;
    Ok(SinkOptions {
        must_be_new: has(OCIIMG_SINK_MUST_BE_NEW),
        verify_existing: has(OCIIMG_SINK_VERIFY_EXISTING),
        no_sync: has(OCIIMG_SINK_NO_SYNC),
        docker: has(OCIIMG_SINK_DOCKER),
        compression: match given.compression {
            DEFAULT | NONE => Method::None,
            GZIP => level.map_or(Ok(Method::Gzip(Method::DEFAULT_GZIP_LEVEL)), Method::gzip)?,
            ZSTD => level.map_or(Ok(Method::Zstd(Method::DEFAULT_ZSTD_LEVEL)), Method::zstd)?,
            other => {
                return Err(invalid(format_args!(
                    "compression is {other}, expected an OCIIMG_COMPRESSION_ constant"
                )));
            }
        },
    })
}

/// A program's callback as the target of an archive. Dropping it destroys the state.
struct CallbackTarget {
    write: unsafe extern "C-unwind" fn(*mut c_void, *const u8, size_t, *mut ociimg_call) -> i32,
    destroy: Option<unsafe extern "C-unwind" fn(*mut c_void)>,
    state: *mut c_void,
}

// SAFETY: the state is the program's, which the header says is used by one thread after
// the other.
unsafe impl Send for CallbackTarget {}

impl Target for CallbackTarget {
    fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        // SAFETY: the program's function and state; the bytes outlive the call.
        let written = run(Role::Sink, "write", ctx, |call| unsafe {
            (self.write)(self.state, bytes.as_ptr(), bytes.len(), call)
        });
        no_restart("write", written)
    }
}

impl Drop for CallbackTarget {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the program's function and state, called this one time.
            call_out(|| unsafe { destroy(self.state) });
        }
    }
}
