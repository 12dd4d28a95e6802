//! Manifests of any kind, read-only.

use super::boolean::ociimg_bool;
use super::descriptor::ociimg_descriptor;
use super::image::{ociimg_image, read_new};
use super::kit::get::{get, get_annotation, get_bytes, get_new, get_pair, get_text};
use super::kit::handle::free;
use crate::descriptor::Descriptor;
use crate::document::ManifestDocument;
use crate::load::Verified;
use crate::text::Text;
use libc::{c_char, size_t};
use std::sync::Arc;

/// Any manifest: of an image, an artifact (Helm charts, SBOMs, WebAssembly) or an
/// attestation. Immutable; several threads may read one at once. Freed with
/// ociimg_manifest_free; its texts live as long as it does.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
pub struct ociimg_manifest {
    document: Arc<Verified<ManifestDocument>>,
    media_type: Text,
}

impl ociimg_manifest {
    fn content(&self) -> &ManifestDocument {
        &self.document.content
    }
}

impl From<(Verified<ManifestDocument>, Arc<Descriptor>)> for ociimg_manifest {
    fn from((document, d): (Verified<ManifestDocument>, Arc<Descriptor>)) -> Self {
        let own = document.content.media_type.clone();
        Self {
            media_type: own.unwrap_or_else(|| d.media_type.clone()),
            document: Arc::new(document),
        }
    }
}

/// Returns the image's manifest; NULL for NULL. The caller frees it with
/// ociimg_manifest_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_image_manifest(image: Option<&ociimg_image>) -> *mut ociimg_manifest {
    read_new(image, |image| {
        let document = image.manifest().clone();
        let media_type = document.content.own_media_type();
        Some(ociimg_manifest {
            media_type,
            document,
        })
    })
}

/// Returns the digest of the manifest; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_digest(manifest: Option<&ociimg_manifest>) -> *const c_char {
    get_text(manifest, |m| Some(m.document.digest.text()))
}

/// Returns the manifest's own media type, else that of the descriptor that led to it; NULL
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_media_type(manifest: Option<&ociimg_manifest>) -> *const c_char {
    get_text(manifest, |m| Some(&m.media_type))
}

/// Returns the manifest's own artifact type; NULL where it has none.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_artifact_type(
    manifest: Option<&ociimg_manifest>,
) -> *const c_char {
    get_text(manifest, |m| m.content().artifact_type.as_ref())
}

/// Returns the descriptor of the config; NULL for NULL. The caller frees it with
/// ociimg_descriptor_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_config(
    manifest: Option<&ociimg_manifest>,
) -> *mut ociimg_descriptor {
    get_new(manifest, |m| {
        Some(ociimg_descriptor(m.content().config.clone()))
    })
}

/// Returns the descriptor of the manifest that this one is about; NULL where there is none.
/// Nothing else in the library depends on it. The caller frees it with
/// ociimg_descriptor_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_subject(
    manifest: Option<&ociimg_manifest>,
) -> *mut ociimg_descriptor {
    get_new(manifest, |m| {
        m.content().subject.clone().map(ociimg_descriptor)
    })
}

/// Returns the number of layers, which are any blobs in an artifact; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_layer_count(manifest: Option<&ociimg_manifest>) -> size_t {
    get(manifest, 0, |m| m.content().layers.len())
}

/// Returns the descriptor of the layer at a place; NULL beyond the end. The caller frees it
/// with ociimg_descriptor_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_layer(
    manifest: Option<&ociimg_manifest>,
    i: size_t,
) -> *mut ociimg_descriptor {
    get_new(manifest, |m| {
        m.content().layers.get(i).map(ociimg_descriptor)
    })
}

/// Returns the number of annotations; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_manifest_annotation_count(manifest: Option<&ociimg_manifest>) -> size_t {
    get(manifest, 0, |m| m.content().annotations.len())
}

/// Returns true and sets key and value for the annotation at a place, in the order of the
/// document; either pointer may be NULL. Beyond the end it returns false and sets both to
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_manifest_annotation_at(
    manifest: Option<&ociimg_manifest>,
    i: size_t,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> ociimg_bool {
    // SAFETY: outputs that are NULL or can be written.
    unsafe { get_pair(manifest, i, key, value, |m| &m.content().annotations) }
}

/// Returns the annotation of this key; NULL where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_manifest_annotation(
    manifest: Option<&ociimg_manifest>,
    key: *const c_char,
) -> *const c_char {
    // SAFETY: a C string or NULL.
    unsafe { get_annotation(manifest, key, |m| &m.content().annotations) }
}

/// Returns the bytes of the manifest as they were loaded, and their number; len may be NULL.
/// Not NUL-terminated. NULL and 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_manifest_json(
    manifest: Option<&ociimg_manifest>,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: an output that is NULL or can be written.
    unsafe { get_bytes(manifest, len, |m| Some(&m.document.bytes)) }
}

/// Frees a manifest; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_manifest_free(manifest: *mut ociimg_manifest) {
    // SAFETY: a manifest of ours or NULL, given back once.
    unsafe { free(manifest) }
}
