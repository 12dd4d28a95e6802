//! Layer writers.

use super::compression::{ociimg_compression, ociimg_compression_values::*};
use super::context::{context, ociimg_context};
use super::descriptor::{digest_argument, ociimg_descriptor};
use super::error::{ociimg_error, ociimg_status};
use super::kit::handle::{borrow, free, invalid, null};
use super::kit::options;
use super::kit::outcome::{create, status};
use super::kit::text::optional_text;
use super::layer::ociimg_layer;
use super::loader::ociimg_loader;
use crate::compression::Method;
use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::mutate::layer_writer::{self, LayerOptions, LayerWriter};
use libc::{c_char, size_t};
use std::ffi::{CStr, OsStr};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;
use std::sync::{Mutex, TryLockError};

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// Flags of ociimg_layer_options.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_layer_flag_values {
    /// The input is compressed already (with gzip, zstd, bzip2 or xz) and kept as it is.
    /// The diff ID is found by unpacking it. compression and level are not used.
    OCIIMG_LAYER_IS_COMPRESSED = 1,
}

/// How a layer is made. A field that is 0 or NULL has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_layer_options {
    /// sizeof(ociimg_layer_options).
    pub struct_size: size_t,
    /// How the layer is compressed. Default: gzip.
    pub compression: ociimg_compression,
    /// Level of the compression: 1 to 9 for gzip (default 6), 1 to 22 or a negative one for
    /// zstd (default 3). Another is OCIIMG_STATUS_INVALID_ARGUMENT.
    pub level: i32,
    /// Algorithm of digest and diff ID: "sha256" (default), "sha512" or "blake3". Another
    /// is OCIIMG_STATUS_UNSUPPORTED.
    pub digest_algorithm: *const c_char,
    /// The folder for an unnamed temporary file; any bytes. Default: the one that TMPDIR
    /// names, else /tmp.
    pub temp_dir: *const c_char,
    /// Bytes of the stored layer that are kept in memory; a longer one goes to the temporary
    /// file. Default: 1 MiB.
    pub max_memory: u64,
    /// The most bytes that the layer may have uncompressed. More is
    /// OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
    pub max_size: u64,
    /// Threads that the library may start for this writer; it starts no more than the machine
    /// has processors, or 4. They never change the bytes. Each takes memory: about 3 MiB for
    /// gzip, and for zstd about the size of its frames (8 MiB up to level 8, 32 MiB up to
    /// level 19). Default: none.
    pub workers: u32,
    /// OCIIMG_LAYER_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED.
    pub flags: u32,
}

// SAFETY: repr(C), a usize first; numbers, and pointers that may be NULL.
unsafe impl options::Published for ociimg_layer_options {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_layer_options, flags) + size_of::<u32>();
    const NAME: &'static str = "ociimg_layer_options";
}

/// # Safety
/// `opts` is NULL or says how large it is; its texts end in NUL.
unsafe fn how_to_make(opts: *const ociimg_layer_options) -> Result<LayerOptions> {
    // SAFETY: the caller says the same of `opts`.
    let (given, algorithm) = unsafe {
        let given = options::read(opts)?;
        (
            given,
            optional_text(given.digest_algorithm, "digest_algorithm")?,
        )
    };
    let known = ociimg_layer_flag_values::OCIIMG_LAYER_IS_COMPRESSED as u32;
    if given.flags & !known != 0 {
        return Err(Error::unsupported(format_args!(
            "flags of ociimg_layer_options are {:#x}, expected no others than {known:#x}",
            given.flags
        )));
    }
    let mut options = LayerOptions {
        method: method(given.compression, given.level)?,
        workers: given.workers,
        is_compressed: given.flags & known != 0,
        max_size: (given.max_size > 0).then_some(given.max_size),
        ..LayerOptions::default()
    };
    if let Some(name) = algorithm {
        options.algorithm = Algorithm::by_name(name).ok_or_else(|| {
            Error::unsupported(format_args!(
                "digest_algorithm is \"{}\", expected sha256, sha512 or blake3",
                crate::text::Escaped(name)
            ))
        })?;
    }
    if given.max_memory > 0 {
        options.max_memory = given.max_memory;
    }
    if !given.temp_dir.is_null() {
        // SAFETY: not NULL, so it ends in NUL.
        let folder = unsafe { CStr::from_ptr(given.temp_dir) };
        if !folder.is_empty() {
            options.temp_dir = OsStr::from_bytes(folder.to_bytes()).into();
        }
    }
    Ok(options)
}

fn method(compression: ociimg_compression, level: i32) -> Result<Method> {
    const DEFAULT: ociimg_compression = OCIIMG_COMPRESSION_DEFAULT as ociimg_compression;
    const NONE: ociimg_compression = OCIIMG_COMPRESSION_NONE as ociimg_compression;
    const GZIP: ociimg_compression = OCIIMG_COMPRESSION_GZIP as ociimg_compression;
    const ZSTD: ociimg_compression = OCIIMG_COMPRESSION_ZSTD as ociimg_compression;
    match (compression, level) {
        (NONE, _) => Ok(Method::None),
        (DEFAULT | GZIP, 0) => Ok(Method::Gzip(Method::DEFAULT_GZIP_LEVEL)),
        (DEFAULT | GZIP, level) => Method::gzip(level),
        (ZSTD, 0) => Ok(Method::Zstd(Method::DEFAULT_ZSTD_LEVEL)),
        (ZSTD, level) => Method::zstd(level),
        _ => Err(invalid(format_args!(
            "compression is {compression}, expected 0 to {ZSTD}"
        ))),
    }
}

/// Makes a layer from a tar stream that the program writes. For one thread at a time, not
/// always the same. Freed with ociimg_layer_writer_free.
pub struct ociimg_layer_writer(Mutex<LayerWriter>);

impl ociimg_layer_writer {
    fn with<R>(&self, run: impl FnOnce(&mut LayerWriter) -> Result<R>) -> Result<R> {
        match self.0.try_lock() {
            Ok(mut writer) => run(&mut writer),
            Err(TryLockError::WouldBlock) => {
                Err(Error::busy("the layer writer is in use by another thread"))
            }
            Err(TryLockError::Poisoned(_)) => Err(Error::internal(
                "the layer writer was left in the middle by a bug in the library",
            )),
        }
    }
}

/// Starts a layer. opts and ctx may be NULL; the writer runs under ctx. Whatever the size of
/// the layer, a writer takes little memory: max_memory, the compressor's own, and the bytes
/// waiting to be compressed. The same input, options and version of the library give the
/// same bytes, whatever the sizes of the writes and the number of workers; other versions
/// may give different bytes. Runs no callbacks. The caller frees *out with
/// ociimg_layer_writer_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such compression or level, a
/// struct_size that can't be right), OCIIMG_STATUS_UNSUPPORTED (a digest algorithm or an
/// option that this version does not know), OCIIMG_STATUS_LIMIT_EXCEEDED (no memory for the
/// compressor) or OCIIMG_STATUS_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_writer_new(
    opts: *const ociimg_layer_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_layer_writer,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: options that say how large they are, a context or NULL, outputs that are NULL
    // or can be written.
    unsafe {
        create(out, err, || {
            let options = how_to_make(opts)?;
            let writer = LayerWriter::new(&options, context(ctx))?;
            Ok(ociimg_layer_writer(Mutex::new(writer)))
        })
    }
}

/// Takes the next len bytes of the tar stream, any number of them; buf may be NULL if len
/// is 0. A failure is final: every later call fails the same way, and there is no layer.
/// Runs no callbacks.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL; after ociimg_layer_writer_finish),
/// OCIIMG_STATUS_MALFORMED (the first 512 bytes are neither a tar header nor zeros; with
/// OCIIMG_LAYER_IS_COMPRESSED, compressed data that is wrong), OCIIMG_STATUS_LIMIT_EXCEEDED
/// (max_size; no memory to compress), OCIIMG_STATUS_IO (the temporary file),
/// OCIIMG_STATUS_UNSUPPORTED (compressed data; a writer with workers in a child process
/// after fork) or OCIIMG_STATUS_CANCELLED. OCIIMG_STATUS_BUSY (the writer is in use on
/// another thread) alone leaves the writer as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_writer_write(
    writer: *mut ociimg_layer_writer,
    buf: *const u8,
    len: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a writer of ours or NULL; a buffer of the size given; an
    // output that is NULL or can be written.
    unsafe {
        status(err, || {
            let writer = borrow(writer.cast_const(), "writer")?;
            let bytes = match (buf.is_null(), len) {
                (true, 0) => &[],
                (true, _) => return Err(null("buf")),
                (false, len) => slice::from_raw_parts(buf, len),
            };
            writer.with(|writer| writer.write(bytes))
        })
    }
}

/// Ends the stream and returns the layer, once: a second call fails with
/// OCIIMG_STATUS_INVALID_ARGUMENT. The layer can be opened any number of times, by several
/// threads at once, also after the writer was freed. Its media type is OCI's for its
/// compression. Runs no callbacks. The caller frees *out with ociimg_layer_free.
///
/// Fails as ociimg_layer_writer_write does, and with OCIIMG_STATUS_MALFORMED for a stream
/// of fewer than 512 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_writer_finish(
    writer: *mut ociimg_layer_writer,
    out: *mut *mut ociimg_layer,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a writer of ours or NULL; outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let writer = borrow(writer.cast_const(), "writer")?;
            Ok(ociimg_layer(writer.with(LayerWriter::finish)?))
        })
    }
}

/// Frees a layer writer; NULL does nothing. A layer that it made stays usable; without one,
/// its temporary file is removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_writer_free(writer: *mut ociimg_layer_writer) {
    // SAFETY: a writer of ours or NULL, given back once.
    unsafe { free(writer) }
}

/// Makes a layer from a file. A tar archive is compressed as by a layer writer. A compressed
/// file is not copied: it is read once now, for digest and diff ID, and again from its place
/// whenever the layer is read, so it must stay unchanged until then (a change is noticed:
/// OCIIMG_STATUS_DIGEST_MISMATCH or OCIIMG_STATUS_SIZE_MISMATCH). With
/// OCIIMG_LAYER_IS_COMPRESSED a tar archive is not copied or compressed either. path is
/// bytes; opts and ctx may be NULL. Runs no callbacks. The caller frees *out with
/// ociimg_layer_free.
///
/// Fails as ociimg_layer_writer_new, _write and _finish do, and with
/// OCIIMG_STATUS_INVALID_ARGUMENT (path is NULL or ""), OCIIMG_STATUS_NOT_FOUND,
/// OCIIMG_STATUS_MALFORMED (no regular file), OCIIMG_STATUS_SIZE_MISMATCH (the file changes
/// meanwhile) or OCIIMG_STATUS_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_from_file(
    path: *const c_char,
    opts: *const ociimg_layer_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_layer,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a text that ends in NUL or NULL, options that say how large they are, a context
    // or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            if path.is_null() {
                return Err(null("path"));
            }
            let path = CStr::from_ptr(path);
            if path.is_empty() {
                return Err(invalid("path is \"\""));
            }
            let path = Path::new(OsStr::from_bytes(path.to_bytes()));
            let layer = layer_writer::from_file(path, &how_to_make(opts)?, context(ctx))?;
            Ok(ociimg_layer(layer))
        })
    }
}

/// Makes a layer from a known descriptor and diff ID, to be read from a loader. Reads nothing
/// and runs no callbacks; the layer keeps the loader. diff_id may be NULL: then
/// OCIIMG_READ_MODE_UNCOMPRESSED checks size and digest alone. The caller frees *out with
/// ociimg_layer_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a diff_id that is no digest).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_new(
    descriptor: *const ociimg_descriptor,
    diff_id: *const c_char,
    from: *const ociimg_loader,
    out: *mut *mut ociimg_layer,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, a text that ends in NUL or NULL, outputs that are NULL
    // or can be written.
    unsafe {
        create(out, err, || {
            let descriptor = borrow(descriptor, "descriptor")?.0.clone();
            let diff_id = match optional_text(diff_id, "diff_id")? {
                Some(text) => Some(digest_argument(text, "diff_id")?),
                None => None,
            };
            let from = borrow(from, "from")?.0.clone();
            Ok(ociimg_layer(Layer::new(descriptor, diff_id, from)))
        })
    }
}
