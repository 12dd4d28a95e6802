//! Layers.

use super::context::{context, ociimg_context};
use super::descriptor::ociimg_descriptor;
use super::error::{ociimg_error, ociimg_status};
use super::kit::get::{get, get_new, get_text};
use super::kit::handle::{free, hold};
use super::kit::outcome::create;
use super::reader::{how_to_read, ociimg_read_mode, ociimg_reader, ociimg_reader_options};
use crate::digest::Digest;
use crate::layer::Layer;
use libc::c_char;

/// A layer of an image. Immutable; any number of threads may use one at once. Freed
/// with ociimg_layer_free; its texts live as long as it does.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md
pub struct ociimg_layer(pub(super) Layer);

/// The layer's descriptor as the manifest has it; NULL for NULL. The caller frees it with
/// ociimg_descriptor_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_layer_descriptor(layer: Option<&ociimg_layer>) -> *mut ociimg_descriptor {
    get_new(layer, |layer| {
        Some(ociimg_descriptor(layer.0.descriptor().clone()))
    })
}

/// The layer's media type under its OCI name, even if the manifest has Docker's; other
/// types are unchanged. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_layer_oci_media_type(layer: Option<&ociimg_layer>) -> *const c_char {
    get_text(layer, |layer| Some(layer.0.oci_media_type()))
}

/// The digest of the stored blob; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_layer_digest(layer: Option<&ociimg_layer>) -> *const c_char {
    get_text(layer, |layer| Some(layer.0.descriptor().digest.text()))
}

/// The size of the stored blob in bytes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_layer_size(layer: Option<&ociimg_layer>) -> u64 {
    get(layer, 0, |layer| layer.0.descriptor().size)
}

/// The diff ID: the digest of the uncompressed tar stream, as the config has it; NULL for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_layer_diff_id(layer: Option<&ociimg_layer>) -> *const c_char {
    get_text(layer, |layer| Some(layer.0.diff_id()?.text()))
}

/// The chain ID: the digest that identifies this layer and all below it in its image.
/// Layers without a diff ID don't count. NULL if the layer has no diff ID itself, and for
/// NULL.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_layer_chain_id(layer: Option<&ociimg_layer>) -> *const c_char {
    get_text(layer, |layer| layer.0.chain_id().map(Digest::text))
}

/// Opens the layer's blob for reading. Each reader is a stream of its own. mode is one of
/// the OCIIMG_READ_MODE_ constants; opts and ctx may be NULL. The reader runs under ctx
/// until it is freed. Runs the loader's callback open_blob; any thread. The caller frees
/// *out with ociimg_reader_free.
///
/// Fails with the statuses of options (also for an unknown mode) and of a callback, and with
/// OCIIMG_STATUS_UNSUPPORTED (a digest, or for OCIIMG_READ_MODE_UNCOMPRESSED a diff ID, of
/// an algorithm that can't be checked; OCIIMG_READ_MODE_UNCOMPRESSED of an encrypted layer,
/// by its media type), OCIIMG_STATUS_NOT_FOUND (to be expected of a nondistributable layer:
/// the message then names the URLs of its descriptor), OCIIMG_STATUS_MALFORMED (the source
/// has something other than a regular file there) or OCIIMG_STATUS_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_open(
    layer: *const ociimg_layer,
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
            let layer = hold(layer, "layer")?;
            let (mode, options) = how_to_read(mode, opts)?;
            Ok(layer.0.open(mode, options, context(ctx))?.into())
        })
    }
}

/// Frees a layer; NULL does nothing. Its readers continue. Any thread, callbacks too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_layer_free(layer: *mut ociimg_layer) {
    // SAFETY: a layer of ours or NULL, given back once.
    unsafe { free(layer) }
}
