//! Loaders of the built-in sources.

use super::context::{context, ociimg_context};
use super::error::{ociimg_error, ociimg_status};
use super::kit::handle::{invalid, null};
use super::kit::options;
use super::kit::outcome::create;
use super::kit::text::optional_text;
use super::loader::ociimg_loader;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::loader::Loader;
use crate::source::{self, Options};
use std::ffi::{CStr, OsStr, c_char};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// Options of the built-in sources. A field that is 0 or NULL has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_source_options {
    /// sizeof(ociimg_source_options).
    pub struct_size: usize,
    /// Only images of this name: in a layout or OCI archive the entries of index.json whose
    /// annotation org.opencontainers.image.ref.name is this text, or whose annotation
    /// io.containerd.image.name is the same name by Docker's rules; in a docker-save
    /// archive, and in one of both kinds, the images with this tag ("busybox", "busybox:1",
    /// "docker.io/library/busybox:1"). If there is none, opening fails with
    /// OCIIMG_STATUS_NOT_FOUND. Default: everything.
    pub ref_name: *const c_char,
    /// The most bytes that a compressed archive file may unpack to; more is
    /// OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
    pub max_unpacked_size: u64,
    /// The most bytes of index.json, manifest.json or a config that is read while opening;
    /// more is OCIIMG_STATUS_LIMIT_EXCEEDED. Default: 4 MiB.
    pub max_document_size: u64,
    /// OCIIMG_SOURCE_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED.
    pub flags: u32,
    /// 0; anything else is OCIIMG_STATUS_UNSUPPORTED.
    pub reserved: u32,
}

/// Flags of ociimg_source_options.
#[repr(u32)]
pub enum ociimg_source_flag_values {
    /// Links of a layout may lead out of its folder, as build systems make them. What they
    /// lead to must still be a regular file, and is verified like all content.
    OCIIMG_SOURCE_FOLLOW_LINKS = 1,
}

const FOLLOW_LINKS: u32 = ociimg_source_flag_values::OCIIMG_SOURCE_FOLLOW_LINKS as u32;

// SAFETY: repr(C), a usize first; numbers and a pointer that may be NULL.
unsafe impl options::Published for ociimg_source_options {
    const FIRST_PUBLISHED: usize =
        offset_of!(ociimg_source_options, max_unpacked_size) + size_of::<u64>();
    const NAME: &'static str = "ociimg_source_options";
}

impl ociimg_source_options {
    /// # Safety
    /// `ref_name` is NULL or ends in NUL.
    unsafe fn options(&self) -> Result<Options> {
        if self.flags & !FOLLOW_LINKS != 0 || self.reserved != 0 {
            return Err(Error::unsupported(format_args!(
                "ociimg_source_options sets flags {:#x} and reserved {}, \
                 of which this version of the library knows flags {FOLLOW_LINKS:#x} alone",
                self.flags, self.reserved
            )));
        }
        let given = |value: u64| (value != 0).then_some(value);
        let default = Options::default();
        // SAFETY: as the caller says.
        let ref_name = unsafe { optional_text(self.ref_name, "ref_name") }?;
        Ok(Options {
            ref_name: ref_name.map(str::to_owned),
            max_unpacked_size: given(self.max_unpacked_size),
            max_document_size: given(self.max_document_size).unwrap_or(default.max_document_size),
            follow_links: self.flags & FOLLOW_LINKS != 0,
        })
    }
}

type Open = fn(&Path, &Options, &Context) -> Result<Arc<dyn Loader>>;

/// # Safety
/// As the header says of the three functions below.
unsafe fn open(
    open: Open,
    path: *const c_char,
    opts: *const ociimg_source_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: texts end in NUL, the options say how large they are, the context is one of
    // ours or NULL, outputs are NULL or can be written.
    unsafe {
        create(out, err, || {
            if path.is_null() {
                return Err(null("path"));
            }
            let path = CStr::from_ptr(path);
            if path.is_empty() {
                return Err(invalid("path is \"\""));
            }
            let options = options::read(opts)?.options()?;
            let ctx = context(ctx);
            ctx.check()?;
            let path = Path::new(OsStr::from_bytes(path.to_bytes()));
            Ok(ociimg_loader(open(path, &options, &ctx)?))
        })
    }
}

/// Opens a path: a folder is an OCI image layout, a file an OCI archive (.tar) or what
/// docker save writes, both also compressed with gzip, zstd, bzip2 or xz. The content
/// decides, not the name: see ociimg_loader_open_layout and ociimg_loader_open_archive,
/// each of which opens nothing else. path is bytes, in the file system's own encoding; opts
/// and ctx may be NULL. The caller frees *out with ociimg_loader_free. Any thread; runs no
/// callbacks. Cancelling ctx ends the call with OCIIMG_STATUS_CANCELLED; the loader does
/// not depend on it.
///
/// Fails as these two do, except that a folder without oci-layout is
/// OCIIMG_STATUS_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_open(
    path: *const c_char,
    opts: *const ociimg_source_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: passed on as given.
    unsafe { open(source::open, path, opts, ctx, out, err) }
}

/// Opens an OCI image layout: a folder with oci-layout (of version 1.0.0), index.json and
/// blobs. Links in it are followed only if they stay below it, unless opts has
/// OCIIMG_SOURCE_FOLLOW_LINKS. Content that is no regular file is OCIIMG_STATUS_MALFORMED
/// when it is read. path is bytes; opts and ctx may be NULL. The caller frees *out with
/// ociimg_loader_free. Any thread; runs no callbacks. Cancelling ctx ends the call with
/// OCIIMG_STATUS_CANCELLED.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a ref_name that is not UTF-8, a
/// struct_size that can't be right), OCIIMG_STATUS_NOT_FOUND (nothing at the path, no
/// oci-layout in it, or nothing named ref_name: the message names what there is),
/// OCIIMG_STATUS_UNSUPPORTED (another layout version, an option or flag that this version
/// does not know), OCIIMG_STATUS_MALFORMED (a file in the place of the folder, too),
/// OCIIMG_STATUS_LIMIT_EXCEEDED (max_document_size, for oci-layout and, with a ref_name,
/// index.json), OCIIMG_STATUS_SIZE_MISMATCH (a file that changes while it is read),
/// OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_IO (ociimg_error_errno gives the system's
/// number).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_open_layout(
    path: *const c_char,
    opts: *const ociimg_source_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: passed on as given.
    unsafe { open(source::open_layout, path, opts, ctx, out, err) }
}

/// Opens an archive file: an OCI archive, or what docker save writes, plain or compressed
/// with gzip, zstd, bzip2 or xz. A plain one is read in place; a compressed one is unpacked
/// once into an unnamed temporary file in the folder that TMPDIR names, else /tmp. Sparse
/// entries are read with their holes as zeros.
///
/// Of several entries of one name the last counts, as for tar. A second oci-layout,
/// index.json or manifest.json (by whatever spelling of its path, or below a link) is
/// OCIIMG_STATUS_MALFORMED: readers differ on which counts. The archive ends at its first
/// block of zeros. One without is OCIIMG_STATUS_MALFORMED, unless it ends exactly after an
/// entry and its index.json has entries, or nothing that its manifest.json names is
/// missing.
///
/// In an archive of both kinds index.json counts first; images of manifest.json follow
/// that are complete and not in index.json. An image of manifest.json whose files are
/// missing or wrong becomes a broken entry when the loader is loaded. Compressed layers of
/// docker-save are hashed here, since nothing names their digest.
///
/// path is bytes; opts and ctx may be NULL. The caller frees *out with ociimg_loader_free.
/// Any thread; runs no callbacks. Cancelling ctx ends the call, also while it unpacks or
/// hashes, with OCIIMG_STATUS_CANCELLED.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a ref_name that is not UTF-8, a
/// struct_size that can't be right), OCIIMG_STATUS_NOT_FOUND (nothing at the path, nothing
/// named ref_name: the message names what there is), OCIIMG_STATUS_UNSUPPORTED (no such
/// archive, another layout version, an option or flag that this version does not know),
/// OCIIMG_STATUS_MALFORMED (the archive, its compression, a document in it that must be
/// read now; a folder in the place of the file), OCIIMG_STATUS_LIMIT_EXCEEDED
/// (max_unpacked_size, max_document_size; and 2^21 headers, 256 MiB of names, 1 MiB of an
/// extended header, 16384 images, tags and layers in manifest.json, 16384 descriptors below
/// an index.json beside it, 128 MiB of a zstd window or xz dictionary),
/// OCIIMG_STATUS_SIZE_MISMATCH (a file that changes while it is read),
/// OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_IO (ociimg_error_errno gives the system's
/// number).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_loader_open_archive(
    path: *const c_char,
    opts: *const ociimg_source_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_loader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: passed on as given.
    unsafe { open(source::open_archive, path, opts, ctx, out, err) }
}
