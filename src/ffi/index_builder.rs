//! Index builders.

use super::context::{context, ociimg_context};
use super::descriptor::ociimg_descriptor;
use super::error::{ociimg_error, ociimg_status};
use super::image::ociimg_image;
use super::image_edit::{format_of, ociimg_format};
use super::index::ociimg_index;
use super::kit::get::get;
use super::kit::handle::{borrow, free, give_some, hold};
use super::kit::outcome::{create, status};
use super::kit::text::{nullable_text, required_text};
use super::matcher::ociimg_matcher;
use super::platform::ociimg_platform;
use crate::error::{Error, Result};
use crate::mutate::IndexBuilder;
use libc::{c_char, size_t};
use std::sync::{RwLock, TryLockError};

/// Builds an index: entries are added, replaced and removed. A function that changes it
/// needs exclusive use; the others may run on several threads at once. Owned by the caller
/// and freed with ociimg_index_builder_free.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
pub struct ociimg_index_builder {
    // Never waited for, and no callback runs under it.
    builder: RwLock<IndexBuilder>,
}

impl From<IndexBuilder> for ociimg_index_builder {
    fn from(builder: IndexBuilder) -> Self {
        Self {
            builder: RwLock::new(builder),
        }
    }
}

fn in_use<T>(e: TryLockError<T>) -> Error {
    match e {
        TryLockError::WouldBlock => Error::busy("the builder is in use by another call"),
        TryLockError::Poisoned(_) => Error::internal(
            "the builder was left in the middle of a change by a bug in the library",
        ),
    }
}

/// Runs a change of a builder.
///
/// # Safety
/// `builder` is NULL or a builder that is not freed yet; `err` is NULL or can be written.
unsafe fn change(
    builder: *mut ociimg_index_builder,
    err: *mut *mut ociimg_error,
    change: impl FnOnce(&mut IndexBuilder) -> Result<()>,
) -> ociimg_status {
    // SAFETY: the caller says the same of both.
    unsafe {
        status(err, || {
            let builder = hold(builder.cast_const(), "builder")?;
            let mut builder = builder.builder.try_write().map_err(in_use)?;
            change(&mut builder)
        })
    }
}

/// Makes a builder of an index without entries: an OCI index, or a Docker manifest list, as
/// format says (one of the OCIIMG_FORMAT_ constants). Runs no callback. The caller frees *out
/// with ociimg_index_builder_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such format).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_new(
    format: ociimg_format,
    out: *mut *mut ociimg_index_builder,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: outputs are NULL or can be written.
    unsafe {
        create(
            out,
            err,
            || Ok(IndexBuilder::new(format_of(format)?).into()),
        )
    }
}

/// Makes a builder with the entries of an index's own root, as they are written: nested
/// indexes, attestations and broken ones too. The root of a selection is that of the index
/// that it was selected from; ociimg_index_builder_keep keeps only matching images. Members
/// of the root that this library does not know are kept. Runs no callback. The caller frees
/// *out with ociimg_index_builder_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an index whose root is a single manifest).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_from(
    index: *const ociimg_index,
    out: *mut *mut ociimg_index_builder,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an index of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let index = borrow(index, "index")?;
            Ok(IndexBuilder::from_index(&index.0)?.into())
        })
    }
}

/// The number of entries of the index; 0 for NULL, and during a change on another thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_builder_count(builder: Option<&ociimg_index_builder>) -> size_t {
    get(builder, 0, |builder| {
        let builder = builder.builder.try_read();
        builder.map_or(0, |builder| builder.count())
    })
}

/// The descriptor at a place; NULL beyond the end, and of an entry whose descriptor cannot be
/// read. The caller frees it with ociimg_descriptor_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_builder_descriptor(
    builder: Option<&ociimg_index_builder>,
    i: size_t,
) -> *mut ociimg_descriptor {
    give_some(|| {
        let builder = builder?.builder.try_read().ok()?;
        Some(ociimg_descriptor(builder.descriptor(i)?.clone()))
    })
}

/// Adds a snapshot of an image as the last entry: later changes have no effect here. platform
/// may be NULL for the image's own. Its layers are read from their own sources. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a platform without os or architecture),
/// OCIIMG_STATUS_UNSUPPORTED (an OCI image for a Docker manifest list) or OCIIMG_STATUS_BUSY
/// (builder or image is in use on another thread). The builder stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_add_image(
    builder: *mut ociimg_index_builder,
    image: *const ociimg_image,
    platform: *const ociimg_platform,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        change(builder, err, |builder| {
            let image = borrow(image, "image")?.snapshot()?;
            builder.add_image(&image, platform.as_ref().map(|p| &*p.platform))
        })
    }
}

/// Adds another index as the last entry, nested in this one. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an index whose root is a single manifest, or
/// the index.json of a layout or archive), OCIIMG_STATUS_UNSUPPORTED (an OCI index for a Docker
/// manifest list) or OCIIMG_STATUS_BUSY (the builder is in use on another thread). The builder
/// stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_add_index(
    builder: *mut ociimg_index_builder,
    nested: *const ociimg_index,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        change(builder, err, |builder| {
            builder.add_index(&borrow(nested, "nested")?.0)
        })
    }
}

/// Replaces an entry with a snapshot of an image. Annotations and unknown members of the
/// entry stay, its platform is the image's. Attestations of the replaced entry are removed,
/// unless another entry has the same digest. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no entry at i), OCIIMG_STATUS_UNSUPPORTED (an
/// OCI image for a Docker manifest list) or OCIIMG_STATUS_BUSY (builder or image is in use on
/// another thread). The builder stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_replace_image(
    builder: *mut ociimg_index_builder,
    i: size_t,
    image: *const ociimg_image,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        change(builder, err, |builder| {
            let image = borrow(image, "image")?.snapshot()?;
            builder.replace_image(i, &image)
        })
    }
}

/// Removes an entry, and the attestations of it, unless another entry has the same digest.
/// Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no entry at i) or OCIIMG_STATUS_BUSY (the
/// builder is in use on another thread).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_remove(
    builder: *mut ociimg_index_builder,
    i: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a builder of ours or NULL, an output that is NULL or can be written.
    unsafe { change(builder, err, |builder| builder.remove(i)) }
}

/// Removes the images whose platform (the descriptor's, else the config's) does not match, with
/// their attestations, and nested indexes without a matching image. Artifacts, unknown and
/// broken entries and those without a platform stay. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL) or OCIIMG_STATUS_BUSY (the builder is in use
/// on another thread).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_keep(
    builder: *mut ociimg_index_builder,
    matcher: *const ociimg_matcher,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        change(builder, err, |builder| {
            builder.keep(&borrow(matcher, "matcher")?.0)
        })
    }
}

/// Sets an annotation of the index; NULL as value removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no builder, a key that is NULL or "", text that is
/// not UTF-8), OCIIMG_STATUS_UNSUPPORTED (a Docker manifest list) or OCIIMG_STATUS_BUSY (the
/// builder is in use on another thread).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_set_annotation(
    builder: *mut ociimg_index_builder,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a builder of ours or NULL, C strings or NULL, an output that is NULL or can be
    // written.
    unsafe {
        change(builder, err, |builder| {
            let key = required_text(key, "key")?;
            builder.set_annotation(key, nullable_text(value, "value")?)
        })
    }
}

/// Sets an annotation of an entry; NULL as value removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no builder, no entry at i or one that cannot be
/// read, a key that is NULL or "", text that is not UTF-8), OCIIMG_STATUS_UNSUPPORTED (a Docker
/// manifest list) or OCIIMG_STATUS_BUSY (the builder is in use on another thread).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_set_entry_annotation(
    builder: *mut ociimg_index_builder,
    i: size_t,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a builder of ours or NULL, C strings or NULL, an output that is NULL or can be
    // written.
    unsafe {
        change(builder, err, |builder| {
            let key = required_text(key, "key")?;
            builder.set_entry_annotation(i, key, nullable_text(value, "value")?)
        })
    }
}

/// Makes an index from the builder's present state, like a loaded one: it can be selected from,
/// read and written, and its images are read from their own sources. Entries whose kind or
/// platform is not known yet are read, within the default limits of a load; this may run
/// callbacks. The builder can still be used. ctx may be NULL. The caller frees *out with
/// ociimg_index_free.
///
/// Fails with the statuses of arguments and of a callback, and with
/// OCIIMG_STATUS_LIMIT_EXCEEDED (too many entries, too large), OCIIMG_STATUS_BUSY (the
/// builder is in use on another thread) or OCIIMG_STATUS_IO. Content that is missing or wrong
/// makes an entry OCIIMG_ENTRY_KIND_BROKEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_finish(
    builder: *const ociimg_index_builder,
    ctx: *const ociimg_context,
    out: *mut *mut ociimg_index,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let builder = hold(builder, "builder")?;
            let ctx = context(ctx);
            let snapshot = builder.builder.try_read().map_err(in_use)?.clone();
            Ok(ociimg_index(snapshot.finish(&ctx)?))
        })
    }
}

/// Frees a builder; NULL does nothing. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_index_builder_free(builder: *mut ociimg_index_builder) {
    // SAFETY: a builder of ours or NULL, given back once.
    unsafe { free(builder) }
}
