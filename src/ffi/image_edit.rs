//! Images, as they are made and changed.

use super::boolean::ociimg_bool;
use super::error::{ociimg_error, ociimg_status};
use super::image::ociimg_image;
use super::kit::handle::{borrow, hold, invalid, null};
use super::kit::options;
use super::kit::outcome::{create, status};
use super::kit::text::{nullable_text, optional_text, required_text};
use super::layer::ociimg_layer;
use super::platform::ociimg_platform;
use crate::error::{Error, Result};
use crate::image::{Format, Image};
use crate::mutate::{AppendOptions, History, Step};
use libc::{c_char, size_t};
use std::mem::offset_of;
use std::slice;

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
/// Whether a layer that is appended gets a step of history.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_history_values {
    /// If the steps that made layers were as many as the layers before: a base without
    /// history stays without.
    OCIIMG_HISTORY_BY_RULE = 0,
    OCIIMG_HISTORY_ALWAYS = 1,
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

/// How a layer is appended, and what its step of history says. A field that is 0, NULL or
/// "" has its default.
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
    /// Who made it.
    pub author: *const c_char,
    /// A comment on it.
    pub comment: *const c_char,
    /// Media type of the layer in the manifest, taken as it is; by default that of the
    /// manifest's family for the layer's compression.
    pub media_type: *const c_char,
    /// One of the OCIIMG_HISTORY_ constants.
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
unsafe fn edit<T>(
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

/// Runs an edit that sets an optional text.
///
/// # Safety
/// As for [`edit`]; `value` is NULL or ends in NUL.
unsafe fn set_text(
    image: *mut ociimg_image,
    value: *const c_char,
    err: *mut *mut ociimg_error,
    set: impl FnOnce(&mut Image, Option<&str>) -> Result<()>,
) -> ociimg_status {
    // SAFETY: the caller says the same of all.
    unsafe {
        edit(image, err, |image| {
            set(image, optional_text(value, "value")?)
        })
    }
}

/// Runs an edit that sets a text under a key.
///
/// # Safety
/// As for [`edit`]; `key` and `value` are NULL or end in NUL.
unsafe fn set_pair(
    image: *mut ociimg_image,
    (key, name): (*const c_char, &str),
    value: *const c_char,
    err: *mut *mut ociimg_error,
    set: impl FnOnce(&mut Image, &str, Option<&str>) -> Result<()>,
) -> ociimg_status {
    // SAFETY: the caller says the same of all.
    unsafe {
        edit(image, err, |image| {
            let key = required_text(key, name)?;
            set(image, key, nullable_text(value, "value")?)
        })
    }
}

/// Runs an edit that sets a list of words.
///
/// # Safety
/// As for [`edit`]; `words` is NULL or has `count` items, each NULL or ending in NUL.
unsafe fn set_words(
    image: *mut ociimg_image,
    words: *const *const c_char,
    count: size_t,
    err: *mut *mut ociimg_error,
    set: impl FnOnce(&mut Image, Option<&[&str]>) -> Result<()>,
) -> ociimg_status {
    // SAFETY: the caller says the same of all.
    unsafe {
        edit(image, err, |image| {
            if words.is_null() {
                return match count {
                    0 => set(image, None),
                    _ => Err(null("words")),
                };
            }
            let mut list = Vec::new();
            for i in 0..count {
                let word = nullable_text(words.add(i).read(), "words")?;
                list.push(word.ok_or_else(|| null(&format!("words[{i}]")))?);
            }
            set(image, Some(&list))
        })
    }
}

/// JSON of the caller; `None` for NULL.
///
/// # Safety
/// `json` is NULL or has `len` bytes that stay unchanged during `'a`.
unsafe fn json_of_caller<'a>(json: *const u8, len: size_t) -> Result<Option<&'a [u8]>> {
    match (json.is_null(), len) {
        (true, 0) => Ok(None),
        (true, _) => Err(null("json")),
        (false, _) if len > isize::MAX as usize => Err(invalid("len is more than memory has")),
        // SAFETY: not NULL, so it has these bytes.
        (false, _) => Ok(Some(unsafe { slice::from_raw_parts(json, len) })),
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

/// Puts a layer on top of an image: its descriptor with annotations and URLs into the
/// manifest, its diff ID into the config, and a step into the history if opts->history says
/// so. The layer is read from where it came; the same layer may stand twice. It gets the
/// media type that the image's family has for it; on an OCI image encrypted layers and those
/// of unknown types keep theirs. opts may be NULL. Runs no callback.
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

/// Puts a layer in the place of another, by the rules of ociimg_image_append_layer without
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
/// are not used. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a bad field), OCIIMG_STATUS_UNSUPPORTED (a
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
/// that the platform lacks. It is the image's platform from then on, whatever its index says.
/// Os and architecture are required. Runs no callback.
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

/// Sets when the config was made, a time of RFC 3339 ("2006-01-02T15:04:05Z"); NULL or "" removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, no such time, text that is not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_created(
    image: *mut ociimg_image,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe { set_text(image, value, err, Image::set_created) }
}

/// Sets the author in the config; NULL or "" removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_author(
    image: *mut ociimg_image,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe { set_text(image, value, err, Image::set_author) }
}

/// Sets the user that the command runs as; NULL or "" removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_user(
    image: *mut ociimg_image,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe { set_text(image, value, err, Image::set_user) }
}

/// Sets the directory that the command starts in; NULL or "" removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_working_dir(
    image: *mut ociimg_image,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe { set_text(image, value, err, Image::set_working_dir) }
}

/// Sets the signal that stops a container; NULL or "" removes it. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_stop_signal(
    image: *mut ociimg_image,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe { set_text(image, value, err, Image::set_stop_signal) }
}

/// Sets the words that the command starts with; NULL removes it, words with a count of 0 write an empty list. The command (Cmd)
/// stays. Words may be "". Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a word that is NULL or not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_entrypoint(
    image: *mut ociimg_image,
    words: *const *const c_char,
    count: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, as many words as counted, an output that is NULL or
    // can be written.
    unsafe { set_words(image, words, count, err, Image::set_entrypoint) }
}

/// Sets the command, or the arguments of the entrypoint; NULL removes it, words with a count of 0 write an empty list. The entrypoint
/// stays. Words may be "". Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a word that is NULL or not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_cmd(
    image: *mut ociimg_image,
    words: *const *const c_char,
    count: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, as many words as counted, an output that is NULL or
    // can be written.
    unsafe { set_words(image, words, count, err, Image::set_cmd) }
}

/// Sets a variable of the environment; NULL as value removes it. One that is there keeps its
/// place; if it is named twice, the first place gets the value and the others go. Runs no
/// callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a name that is NULL, "" or holds "=",
/// text that is not UTF-8) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The
/// image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_env(
    image: *mut ociimg_image,
    name: *const c_char,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, C strings or NULL, an output that is NULL or can be
    // written.
    unsafe { set_pair(image, (name, "name"), value, err, Image::set_env) }
}

/// Sets a label of the config; NULL as value removes it. One that is there keeps its place, a
/// new one goes last. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a key that is NULL or "", text that is
/// not UTF-8) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as
/// it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_label(
    image: *mut ociimg_image,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, C strings or NULL, an output that is NULL or can be
    // written.
    unsafe { set_pair(image, (key, "key"), value, err, Image::set_label) }
}

/// Sets an annotation of the manifest; NULL as value removes it. One that is there keeps its
/// place, a new one goes last. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a key that is NULL or "", text that is
/// not UTF-8), OCIIMG_STATUS_UNSUPPORTED (a Docker image) or OCIIMG_STATUS_BUSY (the image is in
/// use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_annotation(
    image: *mut ociimg_image,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, C strings or NULL, an output that is NULL or can be
    // written.
    unsafe { set_pair(image, (key, "key"), value, err, Image::set_annotation) }
}

/// Adds a port that a container exposes ("80", "80/tcp"), or removes it if present is 0. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, port is NULL, "" or not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_exposed_port(
    image: *mut ociimg_image,
    port: *const c_char,
    present: ociimg_bool,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe {
        edit(image, err, |image| {
            image.set_exposed_port(required_text(port, "port")?, present != 0)
        })
    }
}

/// Adds a directory that a container mounts a volume at, or removes it if present is 0. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, path is NULL, "" or not UTF-8) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_volume(
    image: *mut ociimg_image,
    path: *const c_char,
    present: ociimg_bool,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, an output that is NULL or can be
    // written.
    unsafe {
        edit(image, err, |image| {
            image.set_volume(required_text(path, "path")?, present != 0)
        })
    }
}

/// Sets one member of the config's "config" object ("Healthcheck") to a JSON value of len
/// bytes; NULL removes it. The value is held to the rules of loading. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a name that is NULL, "" or not UTF-8),
/// OCIIMG_STATUS_MALFORMED (no JSON, or not what a config may have there) or OCIIMG_STATUS_BUSY
/// (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_config_member(
    image: *mut ociimg_image,
    name: *const c_char,
    json: *const u8,
    len: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, as many bytes as said, an output
    // that is NULL or can be written.
    unsafe {
        edit(image, err, |image| {
            let name = required_text(name, "name")?;
            image.set_config_member(name, json_of_caller(json, len)?)
        })
    }
}

/// Replaces the config by a document of len bytes, which is held to the rules of loading. Its
/// diff IDs must be those of the layers. The image's platform is the document's from then on.
/// Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, other diff IDs), OCIIMG_STATUS_MALFORMED (no
/// JSON, or no image config) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The
/// image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_config_json(
    image: *mut ociimg_image,
    json: *const u8,
    len: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, as many bytes as said, an output that is NULL or can
    // be written.
    unsafe {
        edit(image, err, |image| {
            let json = json_of_caller(json, len)?.ok_or_else(|| null("json"))?;
            image.set_config_json(json)
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
