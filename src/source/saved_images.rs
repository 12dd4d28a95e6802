//! The images of a manifest.json: their files, and the manifests generated for them.

use super::archive::Archive;
use super::docker_save::Item;
use super::extent::Extent;
use super::options::Options;
use crate::compression::Compression;
use crate::config::{Config, DigestList};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::document::write;
use crate::error::{Error, Result, Status};
use crate::loader::Stream;
use crate::media_type::{OCI_CONFIG, OCI_MANIFEST};
use crate::tar::{self, Found};
use crate::text::{Escaped, Text};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

/// The most bytes of all configs read at open: the limit of a load.
const MAX_CONFIGS: u64 = 32 << 20;
/// The most bytes of a generated manifest: the limit of a load.
const MAX_MADE: usize = 4 << 20;
/// The most bytes in holes of sparse files that are hashed at open. Compressed content has
/// no large holes, and an archive of a few bytes may have holes of 2^63.
const MAX_HOLES: u64 = 1 << 30;

/// The source of the images of a manifest.json.
#[derive(Default)]
pub struct Saved {
    /// Of a broken image its error, under a digest of its own.
    manifests: HashMap<Digest, Result<Image>>,
    blobs: HashMap<Digest, Extent>,
}

/// The parts of an image that its descriptor depends on.
pub struct ImageKey {
    pub digest: Digest,
    pub size: u64,
}

/// A valid image; its manifest is generated on request.
#[derive(Clone)]
struct Image {
    config: (Digest, u64),
    layers: Vec<Layer>,
}

#[derive(Clone)]
struct Layer {
    kind: LayerKind,
    digest: Digest,
    size: u64,
}

#[derive(Clone)]
enum LayerKind {
    /// A tar archive, whose digest is its diff ID.
    Plain,
    /// Hashed at open.
    Compressed(&'static str),
}

impl Saved {
    pub fn open_manifest(&self, digest: &Digest) -> Option<Result<Box<dyn Stream>>> {
        let stream = |image: &Image| Box::new(Cursor::new(image.manifest())) as Box<dyn Stream>;
        let manifest = self.manifests.get(digest)?.as_ref();
        Some(manifest.map(stream).map_err(Clone::clone))
    }

    pub fn open_blob(&self, digest: &Digest) -> Option<Box<dyn Stream>> {
        Some(Box::new(self.blobs.get(digest)?.clone().stream()))
    }

    /// The file of a blob, for messages.
    pub fn blob_file(&self, digest: &Digest) -> Option<String> {
        Some(self.blobs.get(digest)?.place().to_owned())
    }

    pub fn has_manifest(&self, digest: &Digest) -> bool {
        self.manifests.contains_key(digest)
    }
}

/// Collects images. Each entry of the archive is read once, however often it is named.
pub struct SavedImages<'a> {
    archive: &'a Archive,
    options: &'a Options,
    ctx: &'a Context,
    /// Keyed by offset, like `layers`.
    configs: HashMap<(u64, Algorithm), Result<Arc<SavedConfig>>>,
    layers: HashMap<u64, Result<StoredLayer>>,
    configs_left: u64,
    holes_left: u64,
    saved: Saved,
}

/// The config of an image; only its diff IDs are kept.
pub struct SavedConfig {
    pub digest: Digest,
    extent: Extent,
    diff_ids: DigestList,
}

#[derive(Clone)]
struct StoredLayer {
    extent: Extent,
    /// Name and digest of the compressed file.
    compressed: Option<(&'static str, Digest)>,
}

impl<'a> SavedImages<'a> {
    pub fn new(archive: &'a Archive, options: &'a Options, ctx: &'a Context) -> Self {
        Self {
            archive,
            options,
            ctx,
            configs: HashMap::new(),
            layers: HashMap::new(),
            configs_left: MAX_CONFIGS,
            holes_left: MAX_HOLES,
            saved: Saved::default(),
        }
    }

    pub fn into_saved(self) -> Saved {
        self.saved
    }

    /// Adds an image; an invalid one becomes a broken entry.
    pub fn add_or_break(&mut self, item: &Item<'_>, place: &str) -> Result<ImageKey> {
        let error = match self.add(item) {
            Err(e) if breaks_image(&e) => self.at_item(&e, place),
            added => return added,
        };
        let raw = item.raw.as_bytes();
        let key = ImageKey {
            digest: Digest::of(Algorithm::Sha256, raw),
            size: raw.len() as u64,
        };
        let manifests = &mut self.saved.manifests;
        manifests.insert(key.digest.clone(), Err(error));
        Ok(key)
    }

    /// The error of an item, which names the archive once.
    fn at_item(&self, e: &Error, place: &str) -> Error {
        let message = e.message().strip_prefix(self.archive.name());
        let message = message.and_then(|rest| rest.strip_prefix(": "));
        let message = message.unwrap_or(e.message());
        let error = Error::new(e.status(), format_args!("{place}: {message}"));
        match e.digest() {
            Some(digest) => error.with_digest(digest),
            None => error,
        }
    }

    /// Adds an image; all its files must be present and valid.
    pub fn add(&mut self, item: &Item<'_>) -> Result<ImageKey> {
        let config = self.config(item)?;
        if config.diff_ids.len() != item.layers.len() {
            return Err(Error::malformed(format_args!(
                "{}: found {} diff IDs, expected {} as there are layers",
                config.extent.place(),
                config.diff_ids.len(),
                item.layers.len()
            )));
        }
        let mut layers = Vec::new();
        let mut stored = Vec::new();
        for (i, (name, diff_id)) in item.layers.iter().zip(config.diff_ids.iter()).enumerate() {
            expect_path(name).map_err(|e| e.context(format_args!("Layers[{i}]")))?;
            let layer = self.layer(name)?;
            let (kind, digest) = match &layer.compressed {
                None => (LayerKind::Plain, diff_id.clone()),
                Some((name, digest)) => (LayerKind::Compressed(name), digest.clone()),
            };
            layers.push(Layer {
                kind,
                digest,
                size: layer.extent.size(),
            });
            stored.push(layer.extent);
        }
        let image = Image {
            config: (config.digest.clone(), config.extent.size()),
            layers,
        };
        let manifest = image.manifest();
        if manifest.len() > MAX_MADE {
            return Err(Error::limit_exceeded(format_args!(
                "the manifest would have {} bytes, expected at most {MAX_MADE}",
                manifest.len()
            )));
        }
        let blobs = &mut self.saved.blobs;
        blobs.insert(config.digest.clone(), config.extent.clone());
        for (layer, extent) in image.layers.iter().zip(stored) {
            // Hashed content outweighs content that only claims a digest.
            match layer.kind {
                LayerKind::Plain => {
                    blobs.entry(layer.digest.clone()).or_insert(extent);
                }
                LayerKind::Compressed(_) => {
                    blobs.insert(layer.digest.clone(), extent);
                }
            }
        }
        let key = ImageKey {
            digest: Digest::of(Algorithm::Sha256, &manifest),
            size: manifest.len() as u64,
        };
        let manifests = &mut self.saved.manifests;
        manifests.insert(key.digest.clone(), Ok(image));
        Ok(key)
    }

    /// The config of an image, hashed.
    pub fn config(&mut self, item: &Item<'_>) -> Result<Arc<SavedConfig>> {
        expect_path(&item.config).map_err(|e| e.context("Config"))?;
        let named = digest_in_name(&item.config);
        let algorithm = named
            .as_ref()
            .map_or(Ok(Algorithm::Sha256), Digest::algorithm)?;
        let found = self.archive.locate(&item.config)?;
        let key = (offset(&found), algorithm);
        let config = match self.configs.get(&key) {
            Some(known) => known.clone()?,
            None => {
                let read = self
                    .read_config(&item.config, &found, algorithm)
                    .map(Arc::new);
                self.configs.insert(key, read.clone());
                read?
            }
        };
        if let Some(named) = named {
            let expected = named.expect(&config.digest);
            expected.map_err(|e| e.context(config.extent.place()))?;
        }
        Ok(config)
    }

    fn read_config(
        &mut self,
        name: &str,
        found: &Found<'_>,
        algorithm: Algorithm,
    ) -> Result<SavedConfig> {
        self.ctx.check()?;
        let extent = self.archive.extent(name, found)?;
        if extent.size() <= self.options.max_document_size && extent.size() > self.configs_left {
            return Err(Error::limit_exceeded(format_args!(
                "{}: found more than {MAX_CONFIGS} bytes of configs in the archive",
                extent.place()
            )));
        }
        let document = extent.read_document(self.options.max_document_size)?;
        self.configs_left -= document.len() as u64;
        let config = Config::parse(&document).map_err(|e| e.context(extent.place()))?;
        Ok(SavedConfig {
            digest: Digest::of(algorithm, &document),
            extent,
            diff_ids: config.diff_ids,
        })
    }

    fn layer(&mut self, name: &str) -> Result<StoredLayer> {
        let found = self.archive.locate(name)?;
        let key = offset(&found);
        if let Some(known) = self.layers.get(&key) {
            return known.clone();
        }
        let read = self.read_layer(name, &found);
        self.layers.insert(key, read.clone());
        read
    }

    fn read_layer(&mut self, name: &str, found: &Found<'_>) -> Result<StoredLayer> {
        let extent = self.archive.extent(name, found)?;
        let compressed = match Compression::of(&extent.head()?) {
            Compression::None => None,
            Compression::Gzip => Some("application/vnd.oci.image.layer.v1.tar+gzip"),
            Compression::Zstd => Some("application/vnd.oci.image.layer.v1.tar+zstd"),
            // The specification has no name for these.
            Compression::Bzip2 => Some("application/vnd.oci.image.layer.v1.tar+bzip2"),
            Compression::Xz => Some("application/vnd.oci.image.layer.v1.tar+xz"),
        };
        let compressed = match compressed {
            None => None,
            Some(media_type) => Some((media_type, self.hash(&extent)?)),
        };
        Ok(StoredLayer { extent, compressed })
    }

    fn hash(&mut self, extent: &Extent) -> Result<Digest> {
        let left = self.holes_left.checked_sub(extent.holes());
        self.holes_left = left.ok_or_else(|| {
            Error::limit_exceeded(format_args!(
                "{}: found more than {MAX_HOLES} bytes in holes of sparse files, \
                 which would have to be hashed",
                extent.place()
            ))
        })?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        extent.for_each_piece(self.ctx, |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok(hasher.finish())
    }
}

/// Whether an error concerns one image alone. A file that changes while it is read
/// (SIZE_MISMATCH) concerns the whole archive.
pub fn breaks_image(e: &Error) -> bool {
    e.status().is_of_content() && e.status() != Status::SizeMismatch
}

/// MALFORMED for a path without a name, which no file can have.
fn expect_path(path: &str) -> Result<()> {
    match tar::normalized(path.as_bytes()) {
        Some(name) if name.is_empty() => Err(Error::malformed(format_args!(
            "found the empty path \"{}\", expected that of a file",
            Escaped(path)
        ))),
        _ => Ok(()),
    }
}

/// An offset that no other file of the archive has.
fn offset(found: &Found<'_>) -> u64 {
    match found {
        Found::File(data) => data.start,
        Found::Sparse(sparse) => sparse.offset(),
    }
}

/// The digest in the name of a config: in the forms `sha256:<sha256>` and
/// `blobs/<algorithm>/<encoded>` alone. People edit `<sha256>.json`, and Docker loads it.
fn digest_in_name(name: &str) -> Option<Digest> {
    // In any spelling of the path.
    let name = String::from_utf8(tar::normalized(name.as_bytes())?).ok()?;
    let text = match name.strip_prefix("blobs/") {
        Some(blob) => blob.replacen('/', ":", 1),
        None if name.starts_with("sha256:") => name,
        None => return None,
    };
    let digest = Digest::parse(&text).ok()?;
    digest.algorithm().is_ok().then_some(digest)
}

impl Image {
    fn manifest(&self) -> Vec<u8> {
        let descriptor = |media_type: &str, digest: &Digest, size| {
            let media_type = Text::new(media_type).expect("a media type has no NUL");
            Descriptor::new(media_type, digest.clone(), size)
        };
        let (digest, size) = &self.config;
        let config = descriptor(OCI_CONFIG, digest, *size);
        let layers = self.layers.iter().map(|layer| {
            let media_type = match layer.kind {
                LayerKind::Plain => "application/vnd.oci.image.layer.v1.tar",
                LayerKind::Compressed(media_type) => media_type,
            };
            descriptor(media_type, &layer.digest, layer.size)
        });
        let layers: Vec<_> = layers.collect();
        write::manifest(OCI_MANIFEST, &config, &layers)
    }
}
