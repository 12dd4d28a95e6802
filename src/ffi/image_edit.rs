//! Images: making them, and changing their layers.

use super::error::{ociimg_error, ociimg_status};
use super::image::ociimg_image;
use super::kit::handle::{borrow, hold, invalid};
use super::kit::options;
use super::kit::outcome::{create, status};
use super::kit::text::optional_text;
use super::layer::ociimg_layer;
use super::platform::ociimg_platform;
use crate::error::{Error, Result};
use crate::image::{Format, Image};
use crate::mutate::{AppendOptions, History, Step};
use libc::{c_char, size_t};
use std::mem::offset_of;

/// A family of documents: one of the OCIIMG_FORMAT_ constants.
pub type ociimg_format = i32;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The values of ociimg_format.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_format_values {
    /// OCI image manifests and indexes.
    OCIIMG_FORMAT_OCI = 1,
    /// Docker's manifests (version 2, schema 2) and manifest lists.
    OCIIMG_FORMAT_DOCKER = 2,
}

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// Whether an appended layer gets a step of history.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_history_values {
    /// If the history had as many steps that made layers as there were layers: a base
    /// without history stays without.
    OCIIMG_HISTORY_BY_RULE = 0,
    /// Always, also where the history does not fit the layers.
    OCIIMG_HISTORY_ALWAYS = 1,
    /// Never.
    OCIIMG_HISTORY_NEVER = 2,
}

pub(super) fn format_of(format: ociimg_format) -> Result<Format> {
    const OCI: ociimg_format = ociimg_format_values::OCIIMG_FORMAT_OCI as ociimg_format;
    const DOCKER: ociimg_format = ociimg_format_values::OCIIMG_FORMAT_DOCKER as ociimg_format;
    match format {
        OCI => Ok(Format::Oci),
        DOCKER => Ok(Format::Docker),
        _ => Err(invalid(format_args!("format is {format}, expected 1 or 2"))),
    }
}

/// How a layer is appended, and its step of history. A field that is 0, NULL or "" has its
/// default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_append_options {
    /// sizeof(ociimg_append_options).
    pub struct_size: size_t,
    /// When the step was made: a time of RFC 3339 ("2006-01-02T15:04:05Z"). Left out by
    /// default, as the next three are.
    pub created: *const c_char,
    /// The command that made it.
    pub created_by: *const c_char,
    /// The person or tool that made it.
    pub author: *const c_char,
    /// A comment on it.
    pub comment: *const c_char,
    /// Media type of the layer in the manifest, used unchanged; by default that of the
    /// manifest's family for the layer's compression.
    pub media_type: *const c_char,
    /// One of the OCIIMG_HISTORY_ constants; another number is OCIIMG_STATUS_INVALID_ARGUMENT.
    pub history: i32,
    /// 0; anything else is OCIIMG_STATUS_UNSUPPORTED.
    pub reserved: u32,
}

// SAFETY: repr(C), a usize first; pointers and numbers.
unsafe impl options::Published for ociimg_append_options {
    const FIRST_PUBLISHED: usize = offset_of!(ociimg_append_options, reserved) + size_of::<u32>();
    const NAME: &'static str = "ociimg_append_options";
}

/// # Safety
/// `opts` is NULL or says how large it is; its texts are NULL, or end in NUL and stay
/// unchanged during `'a`.
unsafe fn append_options<'a>(opts: *const ociimg_append_options) -> Result<AppendOptions<'a>> {
    // SAFETY: the caller says the same of `opts`.
    let given = unsafe { options::read(opts) }?;
    if given.reserved != 0 {
        return Err(Error::unsupported(format_args!(
            "reserved of ociimg_append_options is {}, expected 0",
            given.reserved
        )));
    }
    const BY_RULE: i32 = ociimg_history_values::OCIIMG_HISTORY_BY_RULE as i32;
    const ALWAYS: i32 = ociimg_history_values::OCIIMG_HISTORY_ALWAYS as i32;
    const NEVER: i32 = ociimg_history_values::OCIIMG_HISTORY_NEVER as i32;
    let history = match given.history {
        BY_RULE => History::ByRule,
        ALWAYS => History::Always,
        NEVER => History::Never,
        other => {
            return Err(invalid(format_args!(
                "history is {other}, expected 0, 1 or 2"
            )));
        }
    };
    // SAFETY: the caller says the same of the texts.
    unsafe {
        Ok(AppendOptions {
            step: Step {
                created: optional_text(given.created, "created")?,
                created_by: optional_text(given.created_by, "created_by")?,
                author: optional_text(given.author, "author")?,
                comment: optional_text(given.comment, "comment")?,
            },
            history,
            media_type: optional_text(given.media_type, "media_type")?,
        })
    }
}

/// Runs an edit. What it returns is dropped when the image is free again, as that may run
/// callbacks.
///
/// # Safety
/// `image` is NULL or an image that is not freed yet; `err` is NULL or can be written.
pub(super) unsafe fn edit<T>(
    image: *mut ociimg_image,
    err: *mut *mut ociimg_error,
    edit: impl FnOnce(&mut Image) -> Result<T>,
) -> ociimg_status {
    // SAFETY: the caller says the same of both.
    unsafe {
        status(err, || {
            let image = hold(image.cast_const(), "image")?;
            image.edit(edit).map(drop)
        })
    }
}

/// Makes an image without layers. The platform needs os and architecture. The same arguments
/// give the same documents. Runs no callback. The caller frees *out with ociimg_image_free.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such format, no os or architecture).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_new(
    format: ociimg_format,
    platform: *const ociimg_platform,
    out: *mut *mut ociimg_image,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a platform of ours or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let format = format_of(format)?;
            let platform = borrow(platform, "platform")?;
            Ok(Image::create(format, &platform.platform)?.into())
        })
    }
}

/// Puts a layer on top of an image: its descriptor with annotations and URLs goes into the
/// manifest, its diff ID into the config, and a step into the history as opts->history says.
/// The layer is read from its own source; the same layer may be appended twice. It gets the
/// media type of the image's family; on an OCI image encrypted layers and those of unknown
/// types keep theirs. opts may be NULL. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a layer without diff ID, a bad option),
/// OCIIMG_STATUS_UNSUPPORTED (a zstd, encrypted or unknown layer on a Docker image, a layer
/// whose compression has no media type, an image whose other layers lack diff IDs, an option
/// that this version does not know) or OCIIMG_STATUS_BUSY (the image is in use on another
/// thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_append_layer(
    image: *mut ociimg_image,
    layer: *const ociimg_layer,
    opts: *const ociimg_append_options,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, options that say how large they are and whose texts
    // are C strings or NULL, an output that is NULL or can be written.
    unsafe {
        edit(image, err, |image| {
            let layer = borrow(layer, "layer")?;
            image.append_layer(&layer.0, &append_options(opts)?)
        })
    }
}

/// Replaces a layer with another, by the rules of ociimg_image_append_layer without
/// options. The history stays. May run callbacks: the destroy of a loader that nothing else
/// uses any more.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no layer at i, a layer without diff ID),
/// OCIIMG_STATUS_UNSUPPORTED (as ociimg_image_append_layer) or OCIIMG_STATUS_BUSY (the image is
/// in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_replace_layer(
    image: *mut ociimg_image,
    i: size_t,
    layer: *const ociimg_layer,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        edit(image, err, |image| {
            let layer = borrow(layer, "layer")?;
            image.replace_layer(i, &layer.0)
        })
    }
}

/// Removes a layer, and the step of history that made it if the steps that made layers are as
/// many as the layers. May run callbacks: the destroy of a loader that nothing else uses any
/// more.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no layer at i) or OCIIMG_STATUS_BUSY (the
/// image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_remove_layer(
    image: *mut ociimg_image,
    i: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, an output that is NULL or can be written.
    unsafe { edit(image, err, |image| image.remove_layer(i)) }
}

/// Adds a step to the history that made no layer. step may be NULL; its media_type and history
/// must be valid too, but have no effect. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a bad field), OCIIMG_STATUS_UNSUPPORTED (a
/// field that this version does not know) or OCIIMG_STATUS_BUSY (the image is in use on another
/// thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_add_history(
    image: *mut ociimg_image,
    step: *const ociimg_append_options,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a step that says how large it is and whose texts are
    // C strings or NULL, an output that is NULL or can be written.
    unsafe {
        edit(image, err, |image| {
            image.add_history(&append_options(step)?.step)
        })
    }
}

/// Sets os, architecture, variant, os.version and os.features of the config, and removes those
/// that the platform lacks. It is then the image's platform, whatever its index has. Os and
/// architecture are required. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no os or architecture) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_platform(
    image: *mut ociimg_image,
    platform: *const ociimg_platform,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: handles of ours or NULL, an output that is NULL or can be written.
    unsafe {
        edit(image, err, |image| {
            image.set_platform(&borrow(platform, "platform")?.platform)
        })
    }
}

/// Gives manifest, config and layers the media types of the other family, and changes nothing
/// else. Runs no callback, and reads no layer. To OCI, layers of unknown types keep theirs.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such format), OCIIMG_STATUS_UNSUPPORTED
/// (to Docker: annotations, a subject or artifact type, a zstd or encrypted layer or one of an
/// unknown type) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays
/// as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_convert(
    image: *mut ociimg_image,
    format: ociimg_format,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, an output that is NULL or can be written.
    unsafe { edit(image, err, |image| image.convert(format_of(format)?)) }
}
