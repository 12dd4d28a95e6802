//! manifest.json, the list by which `docker load` finds the images of an archive.
//!
//! <https://github.com/moby/moby/blob/v27.3.1/image/tarexport/load.go>

use crate::config::Config;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::layout::blob_path;
use crate::document::write::{self, ObjectWriter};
use crate::document::{Document, Manifest};
use crate::error::{Error, Result};
use crate::load;
use crate::media_type;
use crate::reference::Reference;
use crate::sink::entry::EntryName;
use crate::text::Text;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub const MANIFEST: &str = "manifest.json";

/// A name as docker reads it: without a tag it has the tag "latest".
pub fn docker_name(name: &str) -> Result<Reference> {
    let reference = Reference::parse(name).map_err(Error::invalid_argument)?;
    Ok(reference.with_default_tag())
}

/// The name as docker writes it into index.json.
pub fn entry_name(name: Option<&Reference>) -> EntryName {
    let tag = name.and_then(|name| name.tag.as_deref());
    EntryName {
        ref_name: tag.and_then(Text::new),
        containerd_name: name.and_then(|name| Text::new(&name.to_string())),
    }
}

/// The images of the archive so far, and the roots that become items of manifest.json.
#[derive(Default)]
pub struct DockerManifest {
    /// The images that `docker load` can read of each manifest or index.
    images: HashMap<Digest, Arc<Image>>,
    /// The number of diff IDs of each config.
    diff_ids: HashMap<Digest, usize>,
    /// Items that are no longer listed stay, so that the places of the others do not change.
    items: Vec<Item>,
    /// The place of the listed item of each root.
    listed: HashMap<Digest, usize>,
    /// The place of the item that has each tag.
    tagged: HashMap<Reference, usize>,
}

struct Image {
    config: Digest,
    layers: Vec<Digest>,
}

struct Item {
    root: Digest,
    image: Arc<Image>,
    tags: Vec<String>,
    /// Whether it is also listed without a tag.
    is_listed_untagged: bool,
}

impl DockerManifest {
    /// Notes the image of a manifest, or the first image of an index whose blobs are all in
    /// `blobs`, the content of the archive.
    pub fn note(&mut self, d: &Descriptor, bytes: &[u8], blobs: &HashSet<Digest>) {
        // A document that cannot be read holds no image for docker.
        let image = match Document::parse(bytes, u32::MAX) {
            Err(_) => None,
            Ok(Document::Manifest(manifest)) => {
                let own = manifest.own_media_type();
                let is_image = media_type::is_image_config(&manifest.config.media_type, &own);
                is_image.then(|| {
                    Arc::new(Image {
                        config: manifest.config.digest.clone(),
                        layers: self.layers(&manifest, blobs),
                    })
                })
            }
            Ok(Document::Index(index)) => index
                .children
                .iter()
                .filter_map(|child| child.as_ref().ok())
                .filter(|child| may_be_image(child))
                .filter_map(|child| self.images.get(&child.digest))
                .find(|image| image.is_whole(blobs))
                .cloned(),
        };
        if let Some(image) = image {
            self.images.insert(d.digest.clone(), image);
        }
    }

    /// Notes a document that may be the config of an image.
    pub fn note_config(&mut self, d: &Descriptor, bytes: &[u8]) {
        if let Ok(config) = Config::parse(bytes) {
            let count = config.diff_ids.len();
            self.diff_ids.insert(d.digest.clone(), count);
        }
    }

    /// The layers for docker, which requires one for each diff ID: content of other types
    /// beside them (WebAssembly) has none.
    fn layers(&self, manifest: &Manifest, blobs: &HashSet<Digest>) -> Vec<Digest> {
        // The text that is in memory already.
        let shared = |digest: &Digest| blobs.get(digest).unwrap_or(digest).clone();
        let digests = |wanted: fn(&str) -> bool| -> Vec<_> {
            let layers = manifest.layers.iter().filter(|d| wanted(&d.media_type));
            layers.map(|d| shared(&d.digest)).collect()
        };
        let all = digests(|_| true);
        let known = digests(media_type::is_layer);
        match self.diff_ids.get(&manifest.config.digest) {
            Some(count) if *count != all.len() && *count == known.len() => known,
            _ => all,
        }
    }

    /// Lists the image of a root, with a tag if the name has one. The tag moves to it; with
    /// `keep_name` it stays with the image that has it.
    pub fn add(&mut self, root: &Digest, name: Option<&Reference>, keep_name: bool) {
        let mut tag = name.filter(|name| name.tag.is_some()).map(|name| {
            let mut tagged = name.clone();
            // Docker's tags have no digest.
            tagged.digest = None;
            tagged
        });
        if let Some(wanted) = &tag {
            match self.tagged.get(wanted) {
                Some(_) if keep_name => tag = None,
                Some(&at) => self.untag(at, wanted),
                None => {}
            }
        }
        let Some(image) = self.images.get(root) else {
            return;
        };
        let at = *self.listed.entry(root.clone()).or_insert_with(|| {
            self.items.push(Item {
                root: root.clone(),
                image: image.clone(),
                tags: Vec::new(),
                is_listed_untagged: false,
            });
            self.items.len() - 1
        });
        let item = &mut self.items[at];
        match tag {
            None => item.is_listed_untagged = true,
            Some(tag) => {
                item.tags.push(tag.familiar());
                self.tagged.insert(tag, at);
            }
        }
    }

    /// Takes a tag from an item, and the item from the list if it has no other reason to be
    /// there.
    fn untag(&mut self, at: usize, tag: &Reference) {
        self.tagged.remove(tag);
        let tag = tag.familiar();
        let item = &mut self.items[at];
        item.tags.retain(|other| *other != tag);
        if !item.is_listed() {
            self.listed.remove(&item.root);
        }
    }

    /// The content of manifest.json.
    pub fn json(&self) -> String {
        let items = self.items.iter().filter(|item| item.is_listed());
        let items: Vec<_> = items.map(Item::json).collect();
        format!("[{}]", items.join(","))
    }
}

impl Image {
    fn is_whole(&self, blobs: &HashSet<Digest>) -> bool {
        let mut all = self.layers.iter().chain([&self.config]);
        all.all(|digest| blobs.contains(digest))
    }
}

impl Item {
    fn is_listed(&self) -> bool {
        self.is_listed_untagged || !self.tags.is_empty()
    }

    fn json(&self) -> String {
        let tags = match &*self.tags {
            [] => "null".to_owned(),
            tags => write::texts(tags.iter().map(String::as_str)),
        };
        let mut item = ObjectWriter::default();
        item.text("Config", &blob_path(&self.image.config));
        item.raw("RepoTags", &tags);
        item.raw(
            "Layers",
            &write::texts(self.image.layers.iter().map(blob_path)),
        );
        item.finish()
    }
}

/// Whether an index lists this as an image, and not as an attestation or artifact.
fn may_be_image(d: &Descriptor) -> bool {
    let has_platform = d.platform().is_some_and(|p| !load::is_unknown(p));
    has_platform || load::marked_kind(d).is_none()
}
