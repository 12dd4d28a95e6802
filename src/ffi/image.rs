//! Images, read-only.

use super::boolean::ociimg_bool;
use super::config::ociimg_config;
use super::kit::get::{get, get_annotation, get_bytes, get_new, get_pair, get_text};
use super::kit::handle::free;
use super::layer::ociimg_layer;
use super::platform::ociimg_platform;
use crate::image::Image;
use libc::{c_char, size_t};

/// An image: a manifest, its config and its layers. Several threads may read one at once.
/// Owned by whoever got it, and freed with ociimg_image_free; what came from it goes on.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
pub struct ociimg_image(pub(super) Image);

/// An independent copy: changing one leaves the other. NULL for NULL. The caller frees it
/// with ociimg_image_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_clone(image: Option<&ociimg_image>) -> *mut ociimg_image {
    get_new(image, |image| Some(ociimg_image(image.0.clone())))
}

/// The platform that the image is for: the index's for it, as written there, else the
/// config's; NULL where it has none. The caller frees it with ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_platform(image: Option<&ociimg_image>) -> *mut ociimg_platform {
    get_new(image, |image| Some(image.0.platform()?.clone().into()))
}

/// How many layers the image has; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_layer_count(image: Option<&ociimg_image>) -> size_t {
    get(image, 0, |image| image.0.layers().len())
}

/// The layer at a place, the base first; NULL beyond the end. The caller frees it with
/// ociimg_layer_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_layer(image: Option<&ociimg_image>, i: size_t) -> *mut ociimg_layer {
    get_new(image, |image| {
        let layer = image.0.layers().get(i)?;
        Some(ociimg_layer(layer.clone()))
    })
}

/// How many annotations the manifest has; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_annotation_count(image: Option<&ociimg_image>) -> size_t {
    get(image, 0, |image| image.0.annotations().len())
}

/// The manifest's annotation at a place, in the order of the document: true, with key and
/// value, either of which may be NULL where it is not wanted; false beyond the end, both
/// NULL. The texts live as long as the image is neither freed nor changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_annotation_at(
    image: Option<&ociimg_image>,
    i: size_t,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> ociimg_bool {
    // SAFETY: outputs are NULL or can be written.
    unsafe { get_pair(image, i, key, value, |image| image.0.annotations()) }
}

/// The manifest's annotation of this key; NULL where there is none. Lives as long as the
/// image is neither freed nor changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_annotation(
    image: Option<&ociimg_image>,
    key: *const c_char,
) -> *const c_char {
    // SAFETY: the key is NULL or a C string.
    unsafe { get_annotation(image, key, |image| image.0.annotations()) }
}

/// The manifest, and its length in bytes; len may be NULL. Of an image that was not
/// changed these are the very bytes that were loaded. Not NUL-terminated. NULL and 0 for
/// NULL. Live as long as the image is neither freed nor changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_manifest_json(
    image: Option<&ociimg_image>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: the output is NULL or can be written.
    unsafe { get_bytes(image, len, |image| Some(&image.0.manifest().bytes)) }
}

/// The config, and its length in bytes; as ociimg_image_manifest_json.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_config_json(
    image: Option<&ociimg_image>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: the output is NULL or can be written.
    unsafe { get_bytes(image, len, |image| Some(&image.0.config().bytes)) }
}

/// The digest of the manifest; NULL for NULL. Lives as long as the image is neither freed
/// nor changed.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_manifest_digest(image: Option<&ociimg_image>) -> *const c_char {
    get_text(image, |image| Some(image.0.manifest().digest.text()))
}

/// The digest of the config; NULL for NULL. Lives as long as the image is neither freed
/// nor changed.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_config_digest(image: Option<&ociimg_image>) -> *const c_char {
    get_text(image, |image| Some(image.0.config().digest.text()))
}

/// The image configuration; NULL for NULL. The caller frees it with ociimg_config_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_config(image: Option<&ociimg_image>) -> *mut ociimg_config {
    get_new(image, |image| Some(ociimg_config(image.0.config().clone())))
}

/// Frees an image; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_free(image: *mut ociimg_image) {
    // SAFETY: an image of ours or NULL, given back once.
    unsafe { free(image) }
}
