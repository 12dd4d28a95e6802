//! Images: reading.

use super::boolean::ociimg_bool;
use super::config::ociimg_config;
use super::kit::get::get;
use super::kit::handle::{free, give_some, set};
use super::kit::text::{lend, lend_item};
use super::layer::ociimg_layer;
use super::platform::ociimg_platform;
use crate::error::{Error, Result};
use crate::image::Image;
use libc::{c_char, size_t};
use std::ffi::CStr;
use std::ptr;
use std::sync::{RwLock, TryLockError};

/// An image: a manifest, its config and its layers. Several threads may read one at once; a
/// function that changes it needs exclusive use. Owned by the caller and freed with
/// ociimg_image_free. Layers, configs and clones made from it do not change when it is
/// changed or freed.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
pub struct ociimg_image {
    // Never waited for, and no callback runs under it. It is contended only if a program
    // uses the image on another thread during an edit.
    image: RwLock<Image>,
}

impl From<Image> for ociimg_image {
    fn from(image: Image) -> Self {
        Self {
            image: RwLock::new(image),
        }
    }
}

impl ociimg_image {
    /// A snapshot of the image.
    pub(super) fn snapshot(&self) -> Result<Image> {
        match self.image.try_read() {
            Ok(image) => Ok(image.clone()),
            Err(e) => Err(in_use(e)),
        }
    }

    /// Changes the image. What the edit returns is for the caller to drop, as that may run
    /// callbacks.
    pub(super) fn edit<T>(&self, edit: impl FnOnce(&mut Image) -> Result<T>) -> Result<T> {
        match self.image.try_write() {
            Ok(mut image) => edit(&mut image),
            Err(e) => Err(in_use(e)),
        }
    }
}

fn in_use<T>(e: TryLockError<T>) -> Error {
    match e {
        TryLockError::WouldBlock => Error::busy("the image is in use by another call"),
        TryLockError::Poisoned(_) => {
            Error::internal("the image was left in the middle of an edit by a bug in the library")
        }
    }
}

/// Reads from an image; `absent` for NULL, and during an edit on another thread.
pub(super) fn read<R: Copy>(
    image: Option<&ociimg_image>,
    absent: R,
    read: impl FnOnce(&Image) -> R,
) -> R {
    get(image, absent, |image| match image.image.try_read() {
        Ok(image) => read(&image),
        Err(_) => absent,
    })
}

/// Makes a new handle from an image; NULL where it has none to give.
pub(super) fn read_new<N>(
    image: Option<&ociimg_image>,
    read: impl FnOnce(&Image) -> Option<N>,
) -> *mut N {
    give_some(|| {
        let image = image?.image.try_read().ok()?;
        read(&image)
    })
}

/// Lends bytes of an image, with their number.
///
/// # Safety
/// `len` is NULL or can be written.
unsafe fn read_bytes(
    image: Option<&ociimg_image>,
    len: *mut size_t,
    bytes: impl FnOnce(&Image) -> &[u8],
) -> *const u8 {
    let (bytes, count) = read(image, (ptr::null(), 0), |image| {
        let bytes = bytes(image);
        (bytes.as_ptr(), bytes.len())
    });
    // SAFETY: the caller says the same of `len`.
    unsafe { set(len, count) };
    bytes
}

/// An independent copy: changing one leaves the other. NULL for NULL. The caller frees it
/// with ociimg_image_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_clone(image: Option<&ociimg_image>) -> *mut ociimg_image {
    read_new(image, |image| Some(image.clone().into()))
}

/// The platform of the image: the one in its index, as written, else the config's; NULL if
/// it has none. The caller frees it with ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_platform(image: Option<&ociimg_image>) -> *mut ociimg_platform {
    read_new(image, |image| Some(image.platform()?.clone().into()))
}

/// The number of layers of the image; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_layer_count(image: Option<&ociimg_image>) -> size_t {
    read(image, 0, Image::layer_count)
}

/// The layer at a place, the base first; NULL beyond the end. The caller frees it with
/// ociimg_layer_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_layer(image: Option<&ociimg_image>, i: size_t) -> *mut ociimg_layer {
    read_new(image, |image| Some(ociimg_layer(image.layer(i)?)))
}

/// The number of annotations of the manifest; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_annotation_count(image: Option<&ociimg_image>) -> size_t {
    read(image, 0, |image| image.annotations().len())
}

/// Returns true and sets key and value for the manifest's annotation at a place, in the
/// order of the document; either pointer may be NULL. Beyond the end it returns false and
/// sets both to NULL. The texts live as long as the image is neither freed nor changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_annotation_at(
    image: Option<&ociimg_image>,
    i: size_t,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> ociimg_bool {
    let absent = (ptr::null(), ptr::null());
    let pair = read(image, absent, |image| match image.annotations().get(i) {
        Some((key, value)) => (lend_item(Some(key)), lend_item(Some(value))),
        None => absent,
    });
    // SAFETY: outputs are NULL or can be written.
    unsafe {
        set(key, pair.0);
        set(value, pair.1);
    }
    (pair != absent).into()
}

/// The manifest's annotation of this key; NULL where there is none. Lives as long as the
/// image is neither freed nor changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_annotation(
    image: Option<&ociimg_image>,
    key: *const c_char,
) -> *const c_char {
    if key.is_null() {
        return ptr::null();
    }
    // SAFETY: not NULL, so it is a C string.
    let key = unsafe { CStr::from_ptr(key) };
    read(image, ptr::null(), |image| {
        // No key of a document is anything but UTF-8.
        let key = key.to_str().ok();
        lend_item(key.and_then(|key| image.annotations().find(key)))
    })
}

/// The manifest, and its length in bytes; len may be NULL. For an unchanged image these are
/// exactly the bytes that were loaded. Not NUL-terminated. NULL and 0 for NULL. Live as
/// long as the image is neither freed nor changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_manifest_json(
    image: Option<&ociimg_image>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: the output is NULL or can be written.
    unsafe { read_bytes(image, len, |image| &image.manifest().bytes) }
}

/// The config, and its length in bytes; as ociimg_image_manifest_json.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_config_json(
    image: Option<&ociimg_image>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: the output is NULL or can be written.
    unsafe { read_bytes(image, len, |image| &image.config().bytes) }
}

/// The digest of the manifest; NULL for NULL. Lives as long as the image is neither freed
/// nor changed.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_manifest_digest(image: Option<&ociimg_image>) -> *const c_char {
    read(image, ptr::null(), |image| {
        lend(Some(image.manifest().digest.text()))
    })
}

/// The digest of the config; NULL for NULL. Lives as long as the image is neither freed
/// nor changed.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_config_digest(image: Option<&ociimg_image>) -> *const c_char {
    read(image, ptr::null(), |image| {
        lend(Some(image.config().digest.text()))
    })
}

/// The image configuration; NULL for NULL. The caller frees it with ociimg_config_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_config(image: Option<&ociimg_image>) -> *mut ociimg_config {
    read_new(image, |image| Some(image.into()))
}

/// Frees an image; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_image_free(image: *mut ociimg_image) {
    // SAFETY: an image of ours or NULL, given back once.
    unsafe { free(image) }
}
