//! Converting images from one family of media types to the other.

use super::config::root;
use super::layer_type;
use crate::error::{Error, Result};
use crate::image::{Changed, Draft, Format, Image};
use crate::json::edit::{ObjectMut, Tree};
use crate::json::scan::quoted;
use crate::layer::Layer;
use crate::media_type::{DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST};
use crate::text::Text;
use std::sync::Arc;

impl Image {
    /// Changes the media types of manifest, config and layers, and nothing else.
    /// UNSUPPORTED for anything that Docker's formats cannot express.
    pub fn convert(&mut self, format: Format) -> Result<()> {
        self.edit(|mut draft| {
            if format == Format::Docker && *draft.format == Format::Oci {
                check_for_docker(&mut draft)?;
            }
            let types = layer_types(&draft, format)?;
            let manifest = &mut draft.trees.manifest;
            let mut changed = convert_manifest(manifest, *draft.format, format)?;
            for (i, media_type) in types.into_iter().enumerate() {
                let Some(media_type) = media_type else {
                    continue;
                };
                set_layer_type(manifest, i, &media_type)?;
                let layer = with_type(&draft.layers.list()[i], media_type);
                draft.layers.replace(i, layer);
                changed = true;
            }
            *draft.format = format;
            Ok(Changed::manifest_if(changed))
        })
    }
}

/// The new type of each layer; `None` if it is unchanged.
fn layer_types(draft: &Draft<'_>, format: Format) -> Result<Vec<Option<Text>>> {
    let converted = |(i, layer): (usize, &Layer)| {
        let d = layer.descriptor();
        match layer_type::converted(&d.media_type, format) {
            Ok(media_type) => Ok((media_type != d.media_type).then_some(media_type)),
            // An image that is Docker's already stays as it is.
            Err(_) if *draft.format == format => Ok(None),
            Err(e) => Err(e
                .context(format_args!("layers[{i}]"))
                .with_digest(d.digest.text())),
        }
    };
    draft
        .layers
        .list()
        .iter()
        .enumerate()
        .map(converted)
        .collect()
}

/// UNSUPPORTED if a manifest or descriptor has a member that Docker's lack.
fn check_for_docker(draft: &mut Draft<'_>) -> Result<()> {
    let manifest = &mut draft.trees.manifest;
    for name in ["subject", "artifactType", "annotations"] {
        check_absent(root(manifest)?, name, "")?;
    }
    if let Some(mut config) = root(manifest)?.get("config").and_then(|c| c.object()) {
        for name in ["artifactType", "annotations"] {
            check_absent(config.reborrow(), name, "config.")?;
        }
    }
    for (i, layer) in draft.layers.list().iter().enumerate() {
        let d = layer.descriptor();
        let found = match (d.annotations().is_empty(), d.artifact_type()) {
            (true, None) => continue,
            (false, _) => "annotations",
            (true, Some(_)) => "artifactType",
        };
        return Err(no_docker_form(&format!("layers[{i}].{found}")));
    }
    Ok(())
}

fn check_absent(object: ObjectMut<'_>, name: &str, place: &str) -> Result<()> {
    let Some(value) = object.get(name) else {
        return Ok(());
    };
    let is_empty = value.is_null()
        || value.text().is_some_and(|text| text.is_empty())
        || value.object().is_some_and(|object| object.is_empty());
    match is_empty {
        true => Ok(()),
        false => Err(no_docker_form(&format!("{place}{name}"))),
    }
}

fn no_docker_form(place: &str) -> Error {
    Error::unsupported(format_args!(
        "{place}: found what a Docker manifest cannot have, expected nothing"
    ))
}

/// Sets the types of a manifest and its config. Returns whether one of them changed.
fn convert_manifest(manifest: &mut Tree, from: Format, to: Format) -> Result<bool> {
    let (manifest_type, config_type) = match to {
        Format::Oci => (OCI_MANIFEST, OCI_CONFIG),
        Format::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG),
    };
    let mut root_object = root(manifest)?;
    // An OCI manifest may go without a type of its own.
    let has_type = root_object.find("mediaType").is_some();
    let mut changed =
        (from != to || has_type) && root_object.set("mediaType", &quoted(manifest_type));
    let config = root(manifest)?.get("config").and_then(|c| c.object());
    if let Some(mut config) = config {
        let own = config.reborrow().get("mediaType");
        let own = own.and_then(|own| own.text().map(|text| text.into_owned()));
        // Old daemons wrote other types, which Docker accepts.
        let is_dockers = own.as_deref() != Some(OCI_CONFIG);
        if to == Format::Oci || from == Format::Oci || !is_dockers {
            changed |= config.set("mediaType", &quoted(config_type));
        }
    }
    Ok(changed)
}

fn set_layer_type(manifest: &mut Tree, i: usize, media_type: &str) -> Result<()> {
    let layers = root(manifest)?.get("layers").and_then(|l| l.array());
    let layer = layers
        .ok_or_else(|| Error::internal("the layers are no array"))?
        .into_at(i);
    if let Some(mut layer) = layer.object() {
        layer.set("mediaType", &quoted(media_type));
    }
    Ok(())
}

fn with_type(layer: &Layer, media_type: Text) -> Layer {
    let mut descriptor = (**layer.descriptor()).clone();
    descriptor.media_type = media_type;
    let diff_id = layer.diff_id().cloned();
    Layer::new(Arc::new(descriptor), diff_id, layer.loader().clone())
}
