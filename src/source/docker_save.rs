//! Archives as `docker save` writes them, and `podman save`, skopeo and others after it:
//! a manifest.json with a list of images, each with its config and its layers as files.
//!
//! There is no index and no manifest in the image specification's sense, so they are made
//! here: the same bytes every time for the same archive and the same name. The format is
//! that of <https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md>.

use super::Options;
use super::archive::Archive;
use super::escaped;
use super::extent::Extent;
use super::layout::{CONTAINERD_NAME, Files, index_of};
use super::reference::{RefName, docker_name};
use crate::config::Config;
use crate::context::Context;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Error, Result, Status};
use crate::json::{self, Fault, Value};
use crate::loader::{Loader, Stream};
use crate::reader::compression::Compression;
use oci_spec::image::MediaType;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::sync::Arc;

pub const MANIFEST: &str = "manifest.json";

const DEFINED: &[&str] = &["Config", "RepoTags", "Layers", "Parent", "LayerSources"];
/// Images and layers that one manifest.json may name. A layer's name of three bytes
/// becomes a descriptor of two hundred.
const MOST_NAMED: usize = 1 << 16;

pub struct DockerSave {
    root: Arc<[u8]>,
    manifests: HashMap<Digest, Arc<[u8]>>,
    blobs: HashMap<Digest, Extent>,
}

/// An image as manifest.json lists it.
struct Item<'a> {
    config: Cow<'a, str>,
    tags: Vec<Cow<'a, str>>,
    layers: Vec<Cow<'a, str>>,
}

impl<'a> Item<'a> {
    fn read(value: Value<'a>) -> Result<Self, Fault> {
        let object = value.object(DEFINED)?;
        Ok(Self {
            config: object.required("Config", Value::string)?,
            tags: object.list("RepoTags", Value::string)?,
            layers: object.list("Layers", Value::string)?,
        })
    }

    /// The tag by which it is wanted.
    fn tag(&self, name: Option<&RefName<'_>>) -> Option<&str> {
        let wanted = |tag: &&Cow<'_, str>| name.is_none_or(|name| name.is_docker_name(tag));
        self.tags.iter().find(wanted).map(|tag| &**tag)
    }
}

impl DockerSave {
    pub fn open(archive: Archive, options: &Options) -> Result<Self> {
        let document = archive.find(MANIFEST)?.read_document()?;
        let items = json::parse(&document)
            .and_then(|items| items.list(Item::read))
            .map_err(|e| Error::from(e).within(MANIFEST))?;
        let named: usize = items.iter().map(|item| 1 + item.layers.len()).sum();
        if named > MOST_NAMED {
            return Err(Error::new(
                Status::LimitExceeded,
                format_args!(
                    "{MANIFEST}: found {named} images and layers, expected at most {MOST_NAMED}"
                ),
            ));
        }
        let name = options.ref_name();
        let mut images = Images::new(&archive);
        let mut root = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let tag = item.tag(name.as_ref());
            if name.is_some() && tag.is_none() {
                continue;
            }
            let manifest = images
                .take(item)
                .map_err(|e| e.within(format_args!("{MANIFEST}: [{i}]")))?;
            let descriptor = manifest.descriptor(tag);
            root.push(json_of(&descriptor));
            images.manifests.insert(manifest.digest, manifest.document);
        }
        if let Some(name) = name
            && root.is_empty()
        {
            return Err(name.not_found().within(MANIFEST));
        }
        Ok(Self {
            root: index_of(&root),
            manifests: images.manifests,
            blobs: images.blobs,
        })
    }
}

impl Loader for DockerSave {
    fn root_is_index(&self) -> bool {
        true
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Cursor::new(self.root.clone())))
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        let manifest = self
            .manifests
            .get(digest)
            .ok_or_else(|| not_found(digest))?;
        Ok(Box::new(Cursor::new(manifest.clone())))
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        let blob = self.blobs.get(digest).ok_or_else(|| not_found(digest))?;
        Ok(Box::new(blob.clone().stream()))
    }
}

fn not_found(digest: &Digest) -> Error {
    Error::new(
        Status::NotFound,
        format_args!("{digest}: {MANIFEST} leads to no such content"),
    )
    .concerning(digest.text())
}

/// What becomes of the images of a manifest.json. Each entry of the archive is looked into
/// once, however often it is named.
struct Images<'a> {
    archive: &'a Archive,
    /// By where they stand, as are the layers; nothing but the diff IDs is kept.
    configs: HashMap<u64, (Digest, Config)>,
    layers: HashMap<u64, Layer>,
    manifests: HashMap<Digest, Arc<[u8]>>,
    blobs: HashMap<Digest, Extent>,
}

#[derive(Clone)]
enum Layer {
    /// A tar archive, whose digest is its diff ID.
    Plain,
    Compressed(MediaType, Digest),
}

struct Manifest {
    digest: Digest,
    document: Arc<[u8]>,
}

impl<'a> Images<'a> {
    fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            configs: HashMap::new(),
            layers: HashMap::new(),
            manifests: HashMap::new(),
            blobs: HashMap::new(),
        }
    }

    fn take(&mut self, item: &Item<'_>) -> Result<Manifest> {
        let extent = self.archive.find(&item.config)?;
        let at = extent.offset();
        if !self.configs.contains_key(&at) {
            let config =
                read_config(&extent).map_err(|e| e.within(escaped(item.config.as_bytes())))?;
            self.configs.insert(at, config);
        }
        let (digest, config) = &self.configs[&at];
        if let Some(named) = digest_in_name(&item.config) {
            named
                .expect(digest)
                .map_err(|e| e.within(escaped(item.config.as_bytes())))?;
        }
        config.expect_layers(item.layers.len())?;

        let config_descriptor = Descriptor::new(MediaType::ImageConfig, digest, extent.size());
        self.blobs.entry(digest.clone()).or_insert(extent);
        let mut layers = Vec::new();
        for (name, diff_id) in item.layers.iter().zip(&config.diff_ids) {
            let extent = self.archive.find(name)?;
            let layer = match self.layers.get(&extent.offset()) {
                Some(known) => known.clone(),
                None => {
                    let layer =
                        read_layer(&extent).map_err(|e| e.within(escaped(name.as_bytes())))?;
                    self.layers.insert(extent.offset(), layer.clone());
                    layer
                }
            };
            let (media_type, digest) = match layer {
                Layer::Plain => (MediaType::ImageLayer, diff_id.clone()),
                Layer::Compressed(media_type, digest) => (media_type, digest),
            };
            layers.push(Descriptor::new(media_type, &digest, extent.size()));
            self.blobs.entry(digest).or_insert(extent);
        }
        let document = json_of(&ManifestDocument {
            schema_version: 2,
            media_type: MediaType::ImageManifest,
            config: config_descriptor,
            layers,
        });
        Ok(Manifest {
            digest: Digest::of(Algorithm::Sha256, document.as_bytes()),
            document: document.into_bytes().into(),
        })
    }
}

impl Manifest {
    fn descriptor(&self, tag: Option<&str>) -> Descriptor {
        let name = tag.and_then(docker_name);
        Descriptor {
            annotations: name.map(|name| BTreeMap::from([(CONTAINERD_NAME, name)])),
            ..Descriptor::new(
                MediaType::ImageManifest,
                &self.digest,
                self.document.len() as u64,
            )
        }
    }
}

fn read_config(extent: &Extent) -> Result<(Digest, Config)> {
    let document = extent.read_document()?;
    let config = Config {
        diff_ids: Config::parse(&document)?.diff_ids,
        ..Config::default()
    };
    Ok((Digest::of(Algorithm::Sha256, &document), config))
}

fn read_layer(extent: &Extent) -> Result<Layer> {
    let media_type = match Compression::of(&extent.head()?)? {
        Compression::None => return Ok(Layer::Plain),
        Compression::Gzip => MediaType::ImageLayerGzip,
        Compression::Zstd => MediaType::ImageLayerZstd,
    };
    let mut hasher = Hasher::new(Algorithm::Sha256);
    extent.for_each_piece(|piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(Layer::Compressed(media_type, hasher.finish()))
}

/// The digest that the name of a config is made of: `<sha256>.json`, `sha256:<sha256>` or
/// `blobs/<algorithm>/<encoded>`.
fn digest_in_name(name: &str) -> Option<Digest> {
    if let Some(blob) = name.strip_prefix("blobs/") {
        return Digest::parse(&blob.replacen('/', ":", 1)).ok();
    }
    let name = name.strip_suffix(".json").unwrap_or(name);
    let encoded = name.strip_prefix("sha256:").unwrap_or(name);
    Digest::parse(&format!("sha256:{encoded}")).ok()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument {
    schema_version: u32,
    media_type: MediaType,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: MediaType,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<&'static str, String>>,
}

impl Descriptor {
    fn new(media_type: MediaType, digest: &Digest, size: u64) -> Self {
        Self {
            media_type,
            digest: digest.to_string(),
            size,
            annotations: None,
        }
    }
}

fn json_of(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("texts and numbers alone are in it")
}
