//! Changes of an image's config and annotations.

use super::boolean::ociimg_bool;
use super::error::{ociimg_error, ociimg_status};
use super::image::ociimg_image;
use super::image_edit::edit;
use super::kit::handle::{invalid, null};
use super::kit::text::{nullable_text, optional_text, required_text};
use crate::error::Result;
use crate::image::Image;
use libc::{c_char, size_t};
use std::slice;

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

/// Sets the creation time of the config, a time of RFC 3339 ("2006-01-02T15:04:05Z") that Go
/// reads, too: with capitals and without a leap second. NULL or "" removes it. Runs no callback.
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

/// Sets the entrypoint; NULL removes it, words with a count of 0 write an empty list. The command
/// (Cmd) stays. Words may be "". Runs no callback.
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

/// Sets the command, which is the arguments of the entrypoint if there is one; NULL removes it,
/// words with a count of 0 write an empty list. The entrypoint stays. Words may be "". Runs no
/// callback.
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

/// Sets a variable of the environment; NULL as value removes it. An existing variable keeps
/// its place; of duplicates the first gets the value and the others are removed. Runs no
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

/// Sets a label of the config; NULL as value removes it. An existing label keeps its place, a
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

/// Sets an annotation of the manifest; NULL as value removes it. An existing annotation
/// keeps its place, a new one goes last. Runs no callback.
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

/// Adds a port that a container exposes ("80", "80/tcp"); removes it if present is 0. Runs no
/// callback.
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

/// Adds a directory at which a container mounts a volume; removes it if present is 0. Runs no
/// callback.
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
/// bytes; NULL removes it. The value must follow the rules of loading. Runs no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a name that is NULL, "" or not UTF-8),
/// OCIIMG_STATUS_MALFORMED (invalid JSON, or a value that a config may not have there) or
/// OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_config_member(
    image: *mut ociimg_image,
    name: *const c_char,
    json: *const u8,
    len: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, a C string or NULL, bytes of the length given, an output
    // that is NULL or can be written.
    unsafe {
        edit(image, err, |image| {
            let name = required_text(name, "name")?;
            image.set_config_member(name, json_of_caller(json, len)?)
        })
    }
}

/// Replaces the config with a document of len bytes, which must follow the rules of loading.
/// Its diff IDs must be those of the layers. The image then has the document's platform. Runs
/// no callback.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, other diff IDs), OCIIMG_STATUS_MALFORMED
/// (invalid JSON, or no image config) or OCIIMG_STATUS_BUSY (the image is in use on another
/// thread). The image stays as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_set_config_json(
    image: *mut ociimg_image,
    json: *const u8,
    len: size_t,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: an image of ours or NULL, bytes of the length given, an output that is NULL or can
    // be written.
    unsafe {
        edit(image, err, |image| {
            let json = json_of_caller(json, len)?.ok_or_else(|| null("json"))?;
            image.set_config_json(json)
        })
    }
}
