//! Indexes: loading and selecting.

use super::boolean::ociimg_bool;
use super::context::{context, ociimg_context};
use super::descriptor::{digest_argument, ociimg_descriptor};
use super::error::{ociimg_error, ociimg_status};
use super::image::ociimg_image;
use super::kit::get::{get, get_bool, get_bytes, get_text};
use super::kit::handle::{borrow, free, hold};
use super::kit::options;
use super::kit::outcome::create;
use super::kit::text::optional_text;
use super::loader::ociimg_loader;
use super::manifest::ociimg_manifest;
use super::matcher::ociimg_matcher;
use super::platform::ociimg_platform;
use super::reader::{how_to_read, ociimg_read_mode, ociimg_reader, ociimg_reader_options};
use crate::index::Index;
use crate::load::LoadOptions;
use crate::platform::{Matcher, Platform};
use libc::{c_char, size_t};
use std::mem::offset_of;
use std::sync::Arc;

/// Limits of a load, and the digest of its root. A field that is 0 or NULL has its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_load_options {
    /// sizeof(ociimg_load_options).
    pub struct_size: usize,
    /// Bytes of one index, manifest or config. Default: 4 MiB.
    pub max_document_size: u64,
    /// Bytes of all documents of one load, and of those that the index keeps. Default: 32 MiB.
    pub max_total_size: u64,
    /// Nested indexes below the root; a deeper one is a BROKEN entry. Default: 8.
    pub max_index_depth: u32,
    /// Descriptors visited in the whole tree, indexes too, each as often as it is named.
    /// Default: 16384.
    pub max_entries: u32,
    /// The digest that the root must have, whatever the loader returns. Default: the digest
    /// from the loader's root_digest, if it returns one.
    pub root_digest: *const c_char,
}

// SAFETY: repr(C), a usize first; numbers and a pointer that may be NULL.
unsafe impl options::Published for ociimg_load_options {
    const FIRST_PUBLISHED: usize =
        offset_of!(ociimg_load_options, root_digest) + size_of::<usize>();
    const NAME: &'static str = "ociimg_load_options";
}

/// The number that a caller gives, or the default for 0.
fn or_default<T: PartialEq + Default>(given: T, default: T) -> T {
    if given == T::default() {
        default
    } else {
        given
    }
}

/// The entries below a root, images and others: those of nested indexes in document order,
/// or those that were selected. Immutable; any number of threads may use one at once. Freed
/// with ociimg_index_free; images and other handles made from it stay usable.
pub struct ociimg_index(pub(super) Index);

/// Loads the root and all indexes below it. Manifests are read only if the index does not
/// have their platform. A single manifest is an index of one entry. opts and ctx may be
/// NULL. The caller frees *out with ociimg_index_free.
///
/// A fault of the root, a failing callback, cancelling and max_entries fail the load;
/// content below the root that is missing, wrong, too large or unsupported makes its entry
/// OCIIMG_ENTRY_KIND_BROKEN and does not affect the rest. Runs callbacks of the loader.
///
/// Fails with the statuses of options, also for an invalid root_digest, and with those
/// of a source: OCIIMG_STATUS_NOT_FOUND where it has no root, OCIIMG_STATUS_UNSUPPORTED for
/// Docker schema 1 and a root digest of unknown algorithm, OCIIMG_STATUS_MALFORMED for the
/// root and for the digest that the loader has for it, OCIIMG_STATUS_SIZE_MISMATCH for an
/// index.json that changes while it is read, OCIIMG_STATUS_LIMIT_EXCEEDED for max_entries,
/// and for max_document_size and max_total_size where the root exceeds them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_load(
    loader: *const ociimg_loader,
    opts: *const ociimg_load_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_index,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, options that say how large they are, outputs that
    // are NULL or can be written.
    unsafe {
        create(out, err, || {
            let loader = borrow(loader, "loader")?.0.clone();
            let given = options::read(opts)?;
            let root_digest = optional_text(given.root_digest, "root_digest")?
                .map(|text| digest_argument(text, "root_digest"))
                .transpose()?;
            let defaults = LoadOptions::default();
            let options = LoadOptions {
                max_document_size: or_default(given.max_document_size, defaults.max_document_size),
                max_total_size: or_default(given.max_total_size, defaults.max_total_size),
                max_index_depth: or_default(given.max_index_depth, defaults.max_index_depth),
                max_entries: or_default(given.max_entries, defaults.max_entries),
                root_digest,
            };
            Ok(ociimg_index(Index::load(loader, &options, &context(ctx))?))
        })
    }
}

/// The number of entries of the index; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_entry_count(index: Option<&ociimg_index>) -> size_t {
    get(index, 0, |index| index.0.entries().len())
}

/// The images that a machine of this platform can run, best first, by
/// ociimg_matcher_only(platform); ties keep the order of the document. Entries that are no
/// images or have no platform are skipped; no match is success with 0 entries. The new
/// index has the root of the old one, and shares its loaded documents. Runs no callback.
/// The caller frees *out with ociimg_index_free.
///
/// Fails with the statuses of arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_select(
    index: *const ociimg_index,
    platform: *const ociimg_platform,
    out: *mut *mut ociimg_index,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = borrow(index, "index")?;
            let matcher = Matcher::only(&borrow(platform, "platform")?.platform);
            Ok(ociimg_index(index.0.select(&matcher)))
        })
    }
}

/// As ociimg_index_select, by a matcher of the caller's choice.
///
/// Fails with the statuses of arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_select_with(
    index: *const ociimg_index,
    matcher: *const ociimg_matcher,
    out: *mut *mut ociimg_index,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = borrow(index, "index")?;
            let matcher = borrow(matcher, "matcher")?;
            Ok(ociimg_index(index.0.select(&matcher.0)))
        })
    }
}

/// The digest of the root as it was read: sha256, or of the algorithm of the digest that
/// was known or required. NULL for NULL. Lives as long as the index.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_root_digest(index: Option<&ociimg_index>) -> *const c_char {
    get_text(index, |index| Some(index.0.root().digest.text()))
}

/// Whether the root was checked against a digest from the loader or the caller. Otherwise only
/// the source vouches for it.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_root_is_verified(index: Option<&ociimg_index>) -> ociimg_bool {
    get_bool(index, |index| index.0.root_is_verified())
}

/// The bytes of the root as they were read, and their number; len may be NULL. Not
/// NUL-terminated. NULL and 0 for NULL. Live as long as the index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_root_json(
    index: Option<&ociimg_index>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: the output is NULL or can be written.
    unsafe { get_bytes(index, len, |index| Some(&index.0.root().bytes)) }
}

/// The image at a place of the list: its manifest and config are loaded and verified, or
/// taken from documents loaded before (then the loader is not called). Several threads may
/// use one index at once. ctx may be NULL. May run callbacks of the loader. The caller
/// frees *out with ociimg_image_free.
///
/// Fails with the statuses of arguments and of a source (OCIIMG_STATUS_LIMIT_EXCEEDED for
/// max_document_size of the load), with OCIIMG_STATUS_NOT_AN_IMAGE, also if only the
/// manifest shows it, and with the error of a BROKEN entry. A failure is not kept: the next
/// call tries again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_image(
    index: *const ociimg_index,
    i: size_t,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_image,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = hold(index, "index")?;
            Ok(index.0.image(i, &context(ctx))?.into())
        })
    }
}

/// Loads the image that a machine of this platform runs: the first by
/// ociimg_matcher_default(platform) that is really an image. platform NULL is this machine.
/// A root that is a single manifest without platform is that image. Entries whose platform
/// is in the root itself come before all others. ctx may be NULL. May run callbacks; several
/// threads may ask one index at once. The caller frees *out with ociimg_image_free.
///
/// Fails with OCIIMG_STATUS_NOT_FOUND (none fits; the message names the platforms that there
/// are), OCIIMG_STATUS_INVALID_ARGUMENT (NULL; a layout or archive offers several different
/// images that fit equally well: the message names them), the error of a BROKEN entry that
/// would have been chosen by its descriptor's platform, and as ociimg_index_image does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_image_for(
    index: *const ociimg_index,
    platform: *const ociimg_platform,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_image,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = hold(index, "index")?;
            let platform = match platform.as_ref() {
                Some(platform) => platform.platform.clone(),
                None => Arc::new(Platform::host().clone()),
            };
            let image = index.0.image_for(&platform, &context(ctx))?;
            Ok(image.into())
        })
    }
}

/// Loads the manifest of the entry at a place of the list, whatever it describes: an image,
/// an artifact or an attestation. It is verified, or taken from what was loaded before. ctx
/// may be NULL. May run callbacks; several threads may ask one index at once. The caller
/// frees *out with ociimg_manifest_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, beyond the end),
/// OCIIMG_STATUS_UNSUPPORTED (an UNKNOWN entry), the error of a BROKEN entry, and as
/// ociimg_index_image does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_manifest(
    index: *const ociimg_index,
    i: size_t,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_manifest,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = hold(index, "index")?;
            Ok(index.0.manifest(i, &context(ctx))?.into())
        })
    }
}

/// Opens any other content of the same source by its descriptor: layers of artifacts,
/// configs, attestations. Manifests, indexes and entries of this index come from
/// open_manifest, everything else from open_blob; embedded data and the root are used
/// without a callback. OCIIMG_READ_MODE_UNCOMPRESSED checks size and digest; there is no
/// diff ID. opts and ctx may be NULL. May run callbacks of the loader. The caller frees *out
/// with ociimg_reader_free.
///
/// Fails as ociimg_layer_open does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_open_blob(
    index: *const ociimg_index,
    descriptor: *const ociimg_descriptor,
    mode: ociimg_read_mode,
    opts: *const ociimg_reader_options,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_reader,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, options that say how large they are, outputs that
    // are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = hold(index, "index")?;
            let descriptor = borrow(descriptor, "descriptor")?.0.clone();
            let (mode, options) = how_to_read(mode, opts)?;
            let reader = index
                .0
                .open_blob(&descriptor, mode, options, context(ctx))?;
            Ok(reader.into())
        })
    }
}

/// Frees an index; NULL does nothing. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_free(index: *mut ociimg_index) {
    // SAFETY: an index of ours or NULL, given back once.
    unsafe { free(index) }
}
