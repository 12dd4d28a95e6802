//! Image configurations.

use super::boolean::ociimg_bool;
use super::kit::get::{
    get, get_annotation, get_bool, get_bytes, get_item, get_new, get_pair, get_text,
};
use super::kit::handle::{free, set};
use super::kit::text::nullable_text;
use super::platform::ociimg_platform;
use crate::config::{Config, HistoryStep};
use crate::image::Image;
use crate::json;
use crate::load::Verified;
use libc::{c_char, size_t};
use std::sync::Arc;

/// The image configuration, read-only. Immutable; several threads may read one at once.
/// Freed with ociimg_config_free; its texts live as long as it does. A list that is null or
/// absent in the document counts 0.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
pub struct ociimg_config {
    document: Arc<Verified<Config>>,
    /// The places of the image's layers to which history steps can refer.
    layers: Box<[u32]>,
}

impl From<&Image> for ociimg_config {
    fn from(image: &Image) -> Self {
        let document = image.config().clone();
        let has_diff_ids = !document.content.diff_ids.is_empty();
        let layers = (0u32..).take(image.layer_count());
        let layers = layers.filter(|i| !has_diff_ids || image.diff_id(*i as usize).is_some());
        Self {
            layers: layers.collect(),
            document,
        }
    }
}

impl ociimg_config {
    fn content(&self) -> &Config {
        &self.document.content
    }

    fn history(&self, i: usize) -> Option<HistoryStep<'_>> {
        self.content().history.get(i)
    }
}

/// When the image was made, as written (RFC 3339 by the specification); NULL where it is absent.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_created(config: Option<&ociimg_config>) -> *const c_char {
    get_text(config, |c| c.content().created.as_ref())
}

/// Who made the image; NULL where it is absent.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_author(config: Option<&ociimg_config>) -> *const c_char {
    get_text(config, |c| c.content().author.as_ref())
}

/// The user that the entrypoint runs as; NULL where it is absent.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_user(config: Option<&ociimg_config>) -> *const c_char {
    get_text(config, |c| c.content().user.as_ref())
}

/// The folder that the entrypoint starts in; NULL where it is absent.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_working_dir(config: Option<&ociimg_config>) -> *const c_char {
    get_text(config, |c| c.content().working_dir.as_ref())
}

/// The signal that ends a container; NULL where it is absent.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_stop_signal(config: Option<&ociimg_config>) -> *const c_char {
    get_text(config, |c| c.content().stop_signal.as_ref())
}

/// The number of environment variables; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_env_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().env.len())
}

/// The environment variable at a place, "NAME=value"; NULL beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_env_at(config: Option<&ociimg_config>, i: size_t) -> *const c_char {
    get_item(config, |c| c.content().env.get(i))
}

/// The number of words of the entrypoint; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_entrypoint_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().entrypoint.len())
}

/// The word of the entrypoint at a place; NULL beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_entrypoint_at(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.content().entrypoint.get(i))
}

/// The number of words of the command (arguments of the entrypoint, if there is one); 0 for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_cmd_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().cmd.len())
}

/// The word of the command at a place; NULL beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_cmd_at(config: Option<&ociimg_config>, i: size_t) -> *const c_char {
    get_item(config, |c| c.content().cmd.get(i))
}

/// The number of ports that the image exposes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_exposed_port_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().exposed_ports.len())
}

/// The port at a place, "80/tcp", in the order of the document; NULL beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_exposed_port_at(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.content().exposed_ports.get(i))
}

/// The number of volumes of the image; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_volume_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().volumes.len())
}

/// The path of the volume at a place, in the order of the document; NULL beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_volume_at(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.content().volumes.get(i))
}

/// The number of labels; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_label_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().labels.len())
}

/// Returns true and sets key and value for the label at a place, in the order of the
/// document; either pointer may be NULL. Beyond the end it returns false and sets both to
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_config_label_at(
    config: Option<&ociimg_config>,
    i: size_t,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> ociimg_bool {
    // SAFETY: outputs are NULL or can be written.
    unsafe { get_pair(config, i, key, value, |c| &c.content().labels) }
}

/// The label of this key; NULL where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_config_label(
    config: Option<&ociimg_config>,
    key: *const c_char,
) -> *const c_char {
    // SAFETY: the key is NULL or a C string.
    unsafe { get_annotation(config, key, |c| &c.content().labels) }
}

/// The number of steps of the history, which need not fit the layers; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_history_count(config: Option<&ociimg_config>) -> size_t {
    get(config, 0, |c| c.content().history.len())
}

/// The command of the step at a place; NULL where it is absent, and beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_history_created_by(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.history(i)?.created_by)
}

/// Who made the step at a place; NULL where it is absent, and beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_history_author(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.history(i)?.author)
}

/// When the step at a place was made, as written; NULL where it is absent, and beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_history_created(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.history(i)?.created)
}

/// The comment on the step at a place; NULL where it is absent, and beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_history_comment(
    config: Option<&ociimg_config>,
    i: size_t,
) -> *const c_char {
    get_item(config, |c| c.history(i)?.comment)
}

/// Whether the step at a place made no layer; false beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_history_empty_layer(
    config: Option<&ociimg_config>,
    i: size_t,
) -> ociimg_bool {
    get_bool(config, |c| {
        c.history(i).is_some_and(|step| step.empty_layer)
    })
}

/// Returns true and sets *layer to the place in the image of the layer that the step at a
/// place made. Returns false and sets it to 0 if the step made none, or if the history does
/// not fit the layers. layer may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_config_history_layer(
    config: Option<&ociimg_config>,
    i: size_t,
    layer: *mut size_t,
) -> ociimg_bool {
    let place = get(config, None, |c| {
        let made = c.content().history.layer(i, c.layers.len())?;
        Some(c.layers[made] as size_t)
    });
    // SAFETY: an output that is NULL or can be written.
    unsafe { set(layer, place.unwrap_or(0)) };
    place.is_some().into()
}

/// Returns the platform in the config, whatever an index has; NULL if os or architecture is
/// absent. The caller frees it with ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_config_platform(config: Option<&ociimg_config>) -> *mut ociimg_platform {
    get_new(config, |c| Some(c.content().platform.clone()?.into()))
}

/// Returns the value at a JSON pointer (RFC 6901: "/config/Healthcheck"; "" is the whole
/// document) as written in the config, and its length in bytes; len may be NULL. Not
/// NUL-terminated. NULL and 0 if there is nothing, and for an invalid pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_config_json_at(
    config: Option<&ociimg_config>,
    pointer: *const c_char,
    len: *mut size_t,
) -> *const u8 {
    // SAFETY: a C string or NULL.
    let pointer = unsafe { nullable_text(pointer, "pointer") };
    // SAFETY: an output that is NULL or can be written.
    unsafe {
        get_bytes(config, len, |c| {
            let value = json::pointer::at(&c.document.bytes, pointer.ok()??)?;
            Some(value.as_bytes())
        })
    }
}

/// Frees a config; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_config_free(config: *mut ociimg_config) {
    // SAFETY: a config of ours or NULL, given back once.
    unsafe { free(config) }
}
