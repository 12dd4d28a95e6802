//! Edits of an image's layers.

use super::config::{check_text, root};
use super::history::{History, Step, push_step};
use super::layer_type;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::write;
use crate::error::{Error, Result};
use crate::image::members::{array_in, array_made_in, object_made_in};
use crate::image::{Changed, Document, Draft, Format, Image, Trees, WithBlob};
use crate::json::edit::ArrayMut;
use crate::json::scan::quoted;
use crate::layer::Layer;
use std::sync::Arc;

/// How a layer is appended.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppendOptions<'a> {
    pub step: Step<'a>,
    pub history: History,
    /// The layer's media type in the manifest; by default that of the manifest's family.
    pub media_type: Option<&'a str>,
}

impl Image {
    pub fn append_layer(&mut self, layer: &Layer, options: &AppendOptions<'_>) -> Result<()> {
        options.step.check()?;
        let media_type = options.media_type.filter(|text| !text.is_empty());
        check_text("media_type", media_type.unwrap_or_default())?;
        self.edit(|draft| {
            let (layer, diff_id) = placed(layer, *draft.format, media_type)?;
            let layers_before = draft.layers.len();
            draft.layers.check_with(&layer, None)?;
            manifest_layers(draft.trees)?.push(&write::descriptor(layer.descriptor()));
            diff_ids(draft.trees)?.push(&quoted(diff_id.text()));
            let has_step = match options.history {
                History::ByRule => draft.trees.layer_steps() == layers_before,
                History::Always => true,
                History::Never => false,
            };
            if has_step {
                push_step(draft.trees, &options.step, false)?;
            }
            draft.layers.push(layer);
            Ok(Changed::Config)
        })
    }

    /// Replaces a layer, and leaves the history as it is. Returns the old layer.
    pub fn replace_layer(&mut self, i: usize, layer: &Layer) -> Result<Layer> {
        self.check_place(i)?;
        let mut replaced = None;
        self.edit(|draft| {
            let (layer, diff_id) = placed(layer, *draft.format, None)?;
            let old = &draft.layers.list()[i];
            if same_content(old, &layer) {
                // The manifest's descriptor may have members that a new one lacks.
                let descriptor = old.descriptor().clone();
                let layer = Layer::new(descriptor, Some(diff_id), layer.loader().clone());
                replaced = Some(draft.layers.replace(i, layer));
                return Ok(Changed::Nothing);
            }
            draft.layers.check_with(&layer, Some(i))?;
            let place = diff_id_place(&draft, i);
            let had_diff_id = old.diff_id().is_some();
            manifest_layers(draft.trees)?
                .at(i)
                .overwrite(&write::descriptor(layer.descriptor()));
            let mut diff_ids = diff_ids(draft.trees)?;
            let diff_id = quoted(diff_id.text());
            let config_changed = match had_diff_id {
                true => diff_ids.at(place).replace(&diff_id),
                false => {
                    diff_ids.insert(place, &diff_id);
                    true
                }
            };
            replaced = Some(draft.layers.replace(i, layer));
            Ok(match config_changed {
                true => Changed::Config,
                false => Changed::Manifest,
            })
        })?;
        replaced.ok_or_else(|| Error::internal("no layer was replaced"))
    }

    /// Removes a layer, and its step of history if the history fits the layers. Returns the
    /// layer.
    pub fn remove_layer(&mut self, i: usize) -> Result<Layer> {
        self.check_place(i)?;
        let mut removed = None;
        self.edit(|draft| {
            let place = diff_id_place(&draft, i);
            let had_diff_id = draft.layers.list()[i].diff_id().is_some();
            let step = draft.trees.step_of_layer(i, draft.layers.len());
            manifest_layers(draft.trees)?.remove(i);
            if had_diff_id {
                diff_ids(draft.trees)?.remove(place);
            }
            if let Some(step) = step {
                let history = array_in(root(&mut draft.trees.config)?, "history");
                if let Some(mut history) = history {
                    history.remove(step);
                }
                draft.trees.step_removed(step);
            }
            removed = Some(draft.layers.remove(i));
            Ok(match had_diff_id || step.is_some() {
                true => Changed::Config,
                false => Changed::Manifest,
            })
        })?;
        removed.ok_or_else(|| Error::internal("no layer was removed"))
    }

    fn check_place(&self, i: usize) -> Result<()> {
        let count = self.layer_count();
        match i < count {
            true => Ok(()),
            false => Err(Error::invalid_argument(format_args!(
                "layer {i}, expected one below {count}"
            ))),
        }
    }
}

/// A layer as a manifest of this family has it, and its diff ID.
fn placed(layer: &Layer, format: Format, media_type: Option<&str>) -> Result<(Layer, Digest)> {
    let d = layer.descriptor();
    let diff_id = layer.diff_id().cloned().ok_or_else(|| {
        Error::invalid_argument("layer: found no diff ID, expected one")
            .with_digest(d.digest.text())
    })?;
    let media_type = layer_type::in_family(&d.media_type, format, media_type)
        .map_err(|e| e.with_digest(d.digest.text()))?;
    let descriptor = Descriptor::new(media_type, d.digest.clone(), d.size)
        .with_urls(d.urls().clone())
        .with_annotations(d.annotations().clone());
    let loader = match d.data() {
        None => layer.loader().clone(),
        // The new descriptor embeds nothing.
        Some(data) => Arc::new(WithBlob {
            blob: Document {
                digest: d.digest.clone(),
                bytes: data.clone(),
            },
            loader: layer.loader().clone(),
        }),
    };
    let layer = Layer::new(Arc::new(descriptor), Some(diff_id.clone()), loader);
    Ok((layer, diff_id))
}

fn same_content(old: &Layer, new: &Layer) -> bool {
    let plain = |d: &Descriptor| {
        Descriptor::new(d.media_type.clone(), d.digest.clone(), d.size)
            .with_urls(d.urls().clone())
            .with_annotations(d.annotations().clone())
    };
    plain(old.descriptor()) == plain(new.descriptor()) && old.diff_id() == new.diff_id()
}

fn manifest_layers(trees: &mut Trees) -> Result<ArrayMut<'_>> {
    array_made_in(root(&mut trees.manifest)?, "layers")
        .ok_or_else(|| Error::internal("the layers are no array"))
}

fn diff_ids(trees: &mut Trees) -> Result<ArrayMut<'_>> {
    let rootfs = object_made_in(root(&mut trees.config)?, "rootfs").map(|mut rootfs| {
        if rootfs.is_empty() {
            rootfs.push("type", "\"layers\"");
        }
        rootfs
    });
    rootfs
        .and_then(|rootfs| array_made_in(rootfs, "diff_ids"))
        .ok_or_else(|| Error::internal("the diff IDs are no array"))
}

/// The place of a layer's diff ID in the config.
fn diff_id_place(draft: &Draft<'_>, layer: usize) -> usize {
    let before = &draft.layers.list()[..layer];
    before
        .iter()
        .filter(|layer| layer.diff_id().is_some())
        .count()
}
