//! Descriptors.

use super::boolean::ociimg_bool;
use super::error::{ociimg_error, ociimg_status};
use super::kit::get::{get, get_annotation, get_bytes, get_item, get_new, get_pair, get_text};
use super::kit::handle::{free, invalid};
use super::kit::outcome::create;
use super::kit::text::{required_text, text_of_caller};
use super::platform::ociimg_platform;
use crate::descriptor::{Descriptor, MAX_SIZE};
use crate::digest::Digest;
use crate::error::Result;
use libc::{c_char, size_t};
use std::sync::Arc;

/// Names a piece of content: media type, digest and size, and further properties that a
/// document gives it. Immutable; several threads may read one at once. Freed with
/// ociimg_descriptor_free.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
pub struct ociimg_descriptor(pub(super) Arc<Descriptor>);

/// A caller's digest: an invalid one is INVALID_ARGUMENT, not MALFORMED.
pub(super) fn digest_argument(text: &str, name: &str) -> Result<Digest> {
    Digest::parse(text).map_err(|e| invalid(format_args!("{name}: {e}")))
}

/// The media type as written in the document; NULL for NULL. Lives as long as the
/// descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_media_type(
    descriptor: Option<&ociimg_descriptor>,
) -> *const c_char {
    get_text(descriptor, |d| Some(&d.0.media_type))
}

/// The digest, "sha256:..."; NULL for NULL. Lives as long as the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_digest(
    descriptor: Option<&ociimg_descriptor>,
) -> *const c_char {
    get_text(descriptor, |d| Some(d.0.digest.text()))
}

/// The size of the content in bytes, at most 2^63 - 1; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_size(descriptor: Option<&ociimg_descriptor>) -> u64 {
    get(descriptor, 0, |d| d.0.size)
}

/// The artifact type; NULL where there is none. Lives as long as the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_artifact_type(
    descriptor: Option<&ociimg_descriptor>,
) -> *const c_char {
    get_text(descriptor, |d| d.0.artifact_type())
}

/// The platform as written in the descriptor; NULL where there is none. The caller frees
/// it with ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_platform(
    descriptor: Option<&ociimg_descriptor>,
) -> *mut ociimg_platform {
    get_new(descriptor, |d| {
        d.0.platform().cloned().map(ociimg_platform::from)
    })
}

/// The number of URLs of the descriptor; 0 for NULL. The library never follows them.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_url_count(descriptor: Option<&ociimg_descriptor>) -> size_t {
    get(descriptor, 0, |d| d.0.urls().len())
}

/// The URL at a place of the list; NULL beyond its end. Lives as long as the descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_url_at(
    descriptor: Option<&ociimg_descriptor>,
    i: size_t,
) -> *const c_char {
    get_item(descriptor, |d| d.0.urls().get(i))
}

/// The number of annotations of the descriptor; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_descriptor_annotation_count(
    descriptor: Option<&ociimg_descriptor>,
) -> size_t {
    get(descriptor, 0, |d| d.0.annotations().len())
}

/// Returns true and sets key and value for the annotation at a place, in the order of the
/// document; either pointer may be NULL. Beyond the end it returns false and sets both to
/// NULL. The texts live as long as the descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_descriptor_annotation_at(
    descriptor: Option<&ociimg_descriptor>,
    i: size_t,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> ociimg_bool {
    // SAFETY: outputs are NULL or can be written.
    unsafe { get_pair(descriptor, i, key, value, |d| d.0.annotations()) }
}

/// The annotation of this key; NULL where there is none. Lives as long as the descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_descriptor_annotation(
    descriptor: Option<&ociimg_descriptor>,
    key: *const c_char,
) -> *const c_char {
    // SAFETY: the key is NULL or a C string.
    unsafe { get_annotation(descriptor, key, |d| d.0.annotations()) }
}

/// The content itself if the document embeds it, decoded, and its length in bytes; len may
/// be NULL. It was verified, unless the entry is BROKEN because of it, or the digest's
/// algorithm cannot be checked. NULL and 0 where there is none; empty content is a pointer
/// and 0. Lives as long as the descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_descriptor_data(
    descriptor: Option<&ociimg_descriptor>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: the output is NULL or can be written.
    unsafe { get_bytes(descriptor, len, |d| d.0.data().map(|data| &**data)) }
}

/// Makes a descriptor, for ociimg_index_open_blob. The texts are copied; size is in bytes.
/// The caller frees *out with ociimg_descriptor_free. Any thread; runs no callbacks.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT: NULL or "", a digest that is not
/// algorithm:encoded, a size above 2^63 - 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_descriptor_new(
    media_type: *const c_char,
    digest: *const c_char,
    size: u64,
    out: *mut *mut ociimg_descriptor,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: C strings or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let media_type = required_text(media_type, "media_type")?;
            let digest = digest_argument(required_text(digest, "digest")?, "digest")?;
            if size > MAX_SIZE {
                return Err(invalid(format_args!(
                    "size is {size}, expected at most {MAX_SIZE}"
                )));
            }
            let descriptor = Descriptor::new(text_of_caller(media_type), digest, size);
            Ok(ociimg_descriptor(Arc::new(descriptor)))
        })
    }
}

/// Frees a descriptor; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_descriptor_free(descriptor: *mut ociimg_descriptor) {
    // SAFETY: a descriptor of ours or NULL, given back once.
    unsafe { free(descriptor) }
}
