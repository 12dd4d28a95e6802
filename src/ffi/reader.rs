//! Readers.

use self::ociimg_read_mode_values::*;
use super::boolean::ociimg_bool;
use super::error::{ociimg_error, ociimg_status};
use super::kit::get::{get, get_bool};
use super::kit::handle::{free, hold, invalid, null, set};
use super::kit::options;
use super::kit::outcome::status;
use crate::compression::DEFAULT_MAX_WINDOW_SIZE;
use crate::error::{Error, Result};
use crate::reader::{Mode, Progress, ReadOptions, Reader};
use libc::size_t;
use std::mem::offset_of;
use std::slice;
use std::sync::{Arc, Mutex, TryLockError};

/// The bytes that a reader returns: one of the OCIIMG_READ_MODE_ constants.
pub type ociimg_read_mode = i32;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The values of ociimg_read_mode.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_read_mode_values {
    /// The blob as stored; its size and digest are checked.
    OCIIMG_READ_MODE_STORED = 0,
    /// The tar stream; size, digest and diff ID are checked. Whether the blob is compressed
    /// (with gzip, zstd, bzip2 or xz) is decided by its content, not by its media type.
    OCIIMG_READ_MODE_UNCOMPRESSED = 1,
}

/// How a blob is read. A field that is 0 has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_reader_options {
    /// sizeof(ociimg_reader_options).
    pub struct_size: usize,
    /// The most bytes to return in OCIIMG_READ_MODE_UNCOMPRESSED; more is
    /// OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
    pub max_uncompressed_size: u64,
    /// The most bytes of the window of a zstd frame or the dictionary of an xz block; more
    /// is OCIIMG_STATUS_LIMIT_EXCEEDED, before the memory is allocated. Default: 128 MiB.
    pub max_window_size: u64,
    /// Threads that the library may start for this reader, to hash in parallel with
    /// decompression. It starts at most one, and only for content long enough to benefit.
    /// It ends before the read that ends the reader, or ociimg_reader_free, returns.
    /// Callbacks stay on the calling thread. Default: none.
    pub workers: u32,
    /// 0; anything else is OCIIMG_STATUS_UNSUPPORTED.
    pub reserved: u32,
}

// SAFETY: repr(C), a usize first; numbers.
unsafe impl options::Published for ociimg_reader_options {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_reader_options, reserved) + size_of::<u32>();
    const NAME: &'static str = "ociimg_reader_options";
}

/// # Safety
/// `opts` is NULL or says how large it is.
pub(super) unsafe fn how_to_read(
    mode: ociimg_read_mode,
    opts: *const ociimg_reader_options,
) -> Result<(Mode, ReadOptions)> {
    const STORED: ociimg_read_mode = OCIIMG_READ_MODE_STORED as ociimg_read_mode;
    const UNCOMPRESSED: ociimg_read_mode = OCIIMG_READ_MODE_UNCOMPRESSED as ociimg_read_mode;
    let mode = match mode {
        STORED => Mode::Stored,
        UNCOMPRESSED => Mode::Uncompressed,
        _ => return Err(invalid(format_args!("mode is {mode}, expected 0 or 1"))),
    };
    // SAFETY: as the caller says.
    let given = unsafe { options::read(opts) }?;
    if given.reserved != 0 {
        return Err(Error::unsupported(format_args!(
            "reserved of ociimg_reader_options is {}, expected 0",
            given.reserved
        )));
    }
    let options = ReadOptions {
        max_uncompressed_size: (given.max_uncompressed_size > 0)
            .then_some(given.max_uncompressed_size),
        max_window_size: match given.max_window_size {
            0 => DEFAULT_MAX_WINDOW_SIZE,
            size => size,
        },
        workers: given.workers,
    };
    Ok((mode, options))
}

/// A stream of a blob's bytes, verified while they are read. For one thread at a time, not
/// always the same. Freed with ociimg_reader_free, at any time.
pub struct ociimg_reader {
    // Never waited for: if it is locked, this call runs inside a callback of the call that
    // holds it.
    reader: Mutex<Reader>,
    progress: Arc<Progress>,
}

impl From<Reader> for ociimg_reader {
    fn from(reader: Reader) -> Self {
        Self {
            progress: reader.progress().clone(),
            reader: Mutex::new(reader),
        }
    }
}

impl ociimg_reader {
    fn with<R>(&self, run: impl FnOnce(&mut Reader) -> Result<R>) -> Result<R> {
        match self.reader.try_lock() {
            Ok(mut reader) => run(&mut reader),
            Err(TryLockError::WouldBlock) => Err(Error::busy(
                "the reader is in use by the call that runs this callback",
            )),
            Err(TryLockError::Poisoned(_)) => Err(Error::internal(
                "the reader was left in the middle by a bug in the library",
            )),
        }
    }
}

/// Reads up to cap bytes into buf, and sets *n to their number. *n == 0 with
/// OCIIMG_STATUS_OK is the end, and means that everything was verified; bytes before it are
/// not verified yet. Fewer than cap bytes are not the end. After a failure every call fails
/// the same way; wrong content never reaches the end. Bytes beyond *n in buf are undefined.
/// Runs the loader's callbacks read and close.
///
/// Fails with the statuses of arguments (also for cap 0) and OCIIMG_STATUS_BUSY (from inside
/// a callback that serves this reader), which both leave the reader unchanged; and with
/// those of a source: OCIIMG_STATUS_SIZE_MISMATCH before any excess byte is returned,
/// OCIIMG_STATUS_DIGEST_MISMATCH for digest or diff ID, OCIIMG_STATUS_MALFORMED for
/// compressed data, OCIIMG_STATUS_UNSUPPORTED for compressed data and for a reader with a
/// worker in a child process after fork, OCIIMG_STATUS_LIMIT_EXCEEDED for the limits of the
/// reader's options and if there is no memory for a window.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_reader_read(
    reader: *mut ociimg_reader,
    buf: *mut u8,
    cap: size_t,
    n: *mut size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a reader of ours or NULL; a buffer of the size given;
    // outputs that are NULL or can be written.
    unsafe {
        set(n, 0);
        status(err, || {
            let reader = hold(reader.cast_const(), "reader")?;
            if buf.is_null() {
                return Err(null("buf"));
            }
            if n.is_null() {
                return Err(null("n"));
            }
            // The code below reads no byte of the buffer before it writes it, since C may
            // pass an uninitialised one. No object has more bytes.
            let buf = slice::from_raw_parts_mut(buf, cap.min(isize::MAX as usize));
            n.write(reader.with(|reader| reader.read(buf))?);
            Ok(())
        })
    }
}

/// Reads and discards the rest of the blob, and succeeds if everything was verified. For
/// programs that stop before the end: tar readers (libarchive, Python's tarfile, Go's
/// archive/tar) stop at the blocks of zeros, and so never see the failure of a layer that
/// was altered. At the end it does nothing; after a failure it fails the same way. Runs the
/// loader's callbacks on this thread, as a read does.
///
/// Fails as ociimg_reader_read does, and with OCIIMG_STATUS_INVALID_ARGUMENT for NULL alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_reader_finish(
    reader: *mut ociimg_reader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a reader of ours or NULL; an output that is NULL or can be written.
    unsafe {
        status(err, || {
            hold(reader.cast_const(), "reader")?.with(Reader::finish)
        })
    }
}

/// Whether the end was reached and everything was verified; false for NULL. Any thread,
/// callbacks too.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reader_is_verified(reader: Option<&ociimg_reader>) -> ociimg_bool {
    get_bool(reader, |reader| reader.progress.is_verified())
}

/// The number of bytes of the stored blob read so far, of the size in its descriptor: for
/// showing progress, in either mode. 0 for NULL. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reader_stored_read(reader: Option<&ociimg_reader>) -> u64 {
    get(reader, 0, |reader| reader.progress.stored_read())
}

/// Frees a reader and closes its stream, before the end too; NULL does nothing. Inside a
/// callback that serves this reader, the stream is closed when the call is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_reader_free(reader: *mut ociimg_reader) {
    // SAFETY: a reader of ours or NULL, given back once.
    unsafe { free(reader) }
}
