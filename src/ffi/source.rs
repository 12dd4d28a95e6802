//! The built-in sources.

use super::error::{ociimg_error, ociimg_status};
use super::kit::handle::{invalid, null};
use super::kit::options;
use super::kit::outcome::create;
use super::kit::text::optional_text;
use super::loader::ociimg_loader;
use crate::error::Result;
use crate::loader::Loader;
use crate::source::{self, Options};
use std::ffi::{CStr, OsStr, c_char};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// How a built-in source is opened. A field that is 0 or NULL has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_source_options {
    /// sizeof(ociimg_source_options).
    pub struct_size: usize,
    /// Only what bears this name: in a layout or OCI archive the entries of index.json
    /// whose annotation org.opencontainers.image.ref.name is it, or whose annotation
    /// io.containerd.image.name is the same by Docker's rules for names; in a docker-save
    /// archive the image with this tag ("busybox", "busybox:1",
    /// "docker.io/library/busybox:1"). None of that name is OCIIMG_STATUS_NOT_FOUND.
    /// Default: everything.
    pub ref_name: *const c_char,
    /// Bytes that a compressed archive file may unpack to; more is
    /// OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
    pub max_unpacked_size: u64,
}

// SAFETY: repr(C), a usize first; a number and a pointer that may be NULL.
unsafe impl options::Published for ociimg_source_options {
    const FIRST_PUBLISHED: usize =
        offset_of!(ociimg_source_options, max_unpacked_size) + size_of::<u64>();
    const NAME: &'static str = "ociimg_source_options";
}

type Open = fn(&Path, &Options) -> Result<Arc<dyn Loader>>;

/// # Safety
/// As the header says of the three functions below.
unsafe fn open(
    open: Open,
    path: *const c_char,
    opts: *const ociimg_source_options,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: texts end in NUL, the options say how large they are, outputs are NULL or
    // can be written.
    unsafe {
        create(out, err, || {
            if path.is_null() {
                return Err(null("path"));
            }
            let path = CStr::from_ptr(path);
            if path.is_empty() {
                return Err(invalid("path is \"\""));
            }
            let given = options::read(opts)?;
            let options = Options {
                ref_name: optional_text(given.ref_name, "ref_name")?.map(str::to_owned),
                max_unpacked_size: given.max_unpacked_size,
            };
            let path = Path::new(OsStr::from_bytes(path.to_bytes()));
            Ok(ociimg_loader(open(path, &options)?))
        })
    }
}

/// Opens what stands at a path: a folder is an OCI image layout, a file an OCI archive
/// (.tar) or what docker save writes, both also compressed with gzip or zstd. They are
/// told apart by content, not by name: see ociimg_loader_open_layout and
/// ociimg_loader_open_archive, each of which opens nothing else. path is bytes, in the file
/// system's own encoding; opts may be NULL. The caller frees *out with ociimg_loader_free.
///
/// Fails as these two do, except that a folder without oci-layout is
/// OCIIMG_STATUS_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_open(
    path: *const c_char,
    opts: *const ociimg_source_options,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: passed on as given.
    unsafe { open(source::open, path, opts, out, err) }
}

/// Opens an OCI image layout: a folder with oci-layout (of version 1.0.0), index.json and
/// blobs. Links in it are followed only where they stay below it; what is no regular file
/// is OCIIMG_STATUS_MALFORMED when it is wanted. path is bytes; opts may be NULL. The
/// caller frees *out with ociimg_loader_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a ref_name that is not UTF-8, a
/// struct_size that can't be right), OCIIMG_STATUS_NOT_FOUND (nothing at the path, no
/// oci-layout in it, or nothing named ref_name), OCIIMG_STATUS_UNSUPPORTED (another layout
/// version, an option that this version does not know), OCIIMG_STATUS_MALFORMED (a file in
/// the place of the folder, too), OCIIMG_STATUS_LIMIT_EXCEEDED (oci-layout, or index.json
/// where there is a ref_name, has more than 4 MiB), OCIIMG_STATUS_SIZE_MISMATCH (a file
/// that changes while it is read) or OCIIMG_STATUS_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_open_layout(
    path: *const c_char,
    opts: *const ociimg_source_options,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: passed on as given.
    unsafe { open(source::open_layout, path, opts, out, err) }
}

/// Opens an archive file: an OCI archive, or what docker save writes, plain or compressed
/// with gzip or zstd. A plain one is read in place; a compressed one is unpacked once into
/// an unnamed temporary file in the folder that TMPDIR names, else /tmp. Of several entries
/// of one name the last counts, as for tar. An archive that does not end with a block of
/// zeros is cut off and OCIIMG_STATUS_MALFORMED. In one that is both kinds, index.json
/// counts, unless it lists nothing. path is bytes; opts may be NULL. The caller frees *out
/// with ociimg_loader_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a ref_name that is not UTF-8, a
/// struct_size that can't be right), OCIIMG_STATUS_NOT_FOUND (nothing at the path, nothing
/// named ref_name, a file that manifest.json names and that is not there),
/// OCIIMG_STATUS_UNSUPPORTED (no such archive, another layout version or compression, a
/// sparse entry that is wanted, an option that this version does not know),
/// OCIIMG_STATUS_MALFORMED (the archive, its compression, a document in it; a folder in the
/// place of the file), OCIIMG_STATUS_DIGEST_MISMATCH (in docker-save, a config that is not
/// what its name says), OCIIMG_STATUS_LIMIT_EXCEEDED (max_unpacked_size; and 2^21 headers,
/// 256 MiB of names, 1 MiB of an extended header, 4 MiB of a document that has to be read
/// now, 16384 images and layers in manifest.json, 128 MiB of a zstd window),
/// OCIIMG_STATUS_SIZE_MISMATCH (a file that changes while it is read) or OCIIMG_STATUS_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_open_archive(
    path: *const c_char,
    opts: *const ociimg_source_options,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: passed on as given.
    unsafe { open(source::open_archive, path, opts, out, err) }
}
