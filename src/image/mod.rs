//! Images: a manifest, its config, and the layers that both agree on.

mod format;
mod layers;
mod loaded;
mod loader;
pub mod members;
mod tally;
mod trees;

pub use format::Format;
pub use layers::Layers;
pub use loader::{Document, WithBlob};
pub use trees::Trees;

use crate::config::Config;
use crate::descriptor::Annotations;
use crate::digest::Digest;
use crate::document::Manifest;
use crate::error::Result;
use crate::layer::Layer;
use crate::load::Verified;
use crate::loader::Loader;
use crate::platform::Platform;
use crate::text::Text;
use loaded::Loaded;
use loader::ImageLoader;
use std::sync::{Arc, OnceLock};
use trees::Documents;

/// An image that can be changed. Clones are independent, and every layer stays with the
/// loader that it came from.
#[derive(Clone)]
pub struct Image {
    /// The documents; rendered on request after an edit.
    documents: OnceLock<Documents>,
    /// The documents as edits see them; `None` in an image that was never edited.
    trees: Option<Box<Trees>>,
    format: Format,
    platform: Option<Arc<Platform>>,
    layers: ImageLayers,
}

#[derive(Clone)]
enum ImageLayers {
    Loaded(Loaded),
    Edited(Layers),
}

impl ImageLayers {
    fn edited(&mut self) -> &mut Layers {
        if let Self::Loaded(layers) = self {
            *self = Self::Edited(Layers::new(layers.list()));
        }
        match self {
            Self::Edited(layers) => layers,
            Self::Loaded(_) => unreachable!("made above"),
        }
    }
}

/// The parts of an image that an edit may change.
pub struct Draft<'a> {
    pub trees: &'a mut Trees,
    pub format: &'a mut Format,
    pub platform: &'a mut Option<Arc<Platform>>,
    pub layers: &'a mut Layers,
}

/// The documents that an edit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Nothing,
    Manifest,
    /// And with it the manifest, which names it.
    Config,
}

impl Changed {
    /// The config, if it was changed.
    pub fn config_if(changed: bool) -> Self {
        if changed { Self::Config } else { Self::Nothing }
    }

    /// The manifest, if it was changed.
    pub fn manifest_if(changed: bool) -> Self {
        if changed {
            Self::Manifest
        } else {
            Self::Nothing
        }
    }
}

impl Image {
    /// MALFORMED where the config's diff IDs do not fit the layers.
    pub fn new(
        manifest: Verified<Manifest>,
        config: Verified<Config>,
        platform: Option<Arc<Platform>>,
        loader: &Arc<dyn Loader>,
    ) -> Result<Self> {
        let layers = Loaded::new(&manifest.content, &config.content, loader)?;
        let layers = ImageLayers::Loaded(layers);
        Ok(Self::of_parts(manifest, config, platform, layers))
    }

    /// An image without layers.
    pub fn without_layers(
        manifest: Verified<Manifest>,
        config: Verified<Config>,
        platform: Option<Arc<Platform>>,
    ) -> Self {
        let layers = ImageLayers::Edited(Layers::new(Vec::new()));
        Self::of_parts(manifest, config, platform, layers)
    }

    fn of_parts(
        manifest: Verified<Manifest>,
        config: Verified<Config>,
        platform: Option<Arc<Platform>>,
        layers: ImageLayers,
    ) -> Self {
        Self {
            format: Format::of_manifest(&manifest.content.own_media_type()),
            documents: OnceLock::from(Documents {
                manifest: Arc::new(manifest),
                config: Arc::new(config),
            }),
            trees: None,
            platform,
            layers,
        }
    }

    fn documents(&self) -> &Documents {
        self.documents.get_or_init(|| match &self.trees {
            Some(trees) => trees.render(),
            None => unreachable!("an image without edits has its documents"),
        })
    }

    pub fn manifest(&self) -> &Arc<Verified<Manifest>> {
        &self.documents().manifest
    }

    pub fn config(&self) -> &Arc<Verified<Config>> {
        &self.documents().config
    }

    pub fn annotations(&self) -> &Annotations {
        &self.manifest().content.annotations
    }

    /// The media type written in the manifest; OCI's if it has none.
    pub fn media_type(&self) -> Text {
        self.manifest().content.own_media_type()
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The platform that the index has for this image, as written, else the config's; after
    /// an edit of the platform the config's.
    pub fn platform(&self) -> Option<&Arc<Platform>> {
        self.platform.as_ref()
    }

    /// All layers, the base first.
    pub fn layers(&self) -> Vec<Layer> {
        match &self.layers {
            ImageLayers::Loaded(layers) => layers.list(),
            ImageLayers::Edited(layers) => layers.with_chain_ids().to_vec(),
        }
    }

    pub fn layer(&self, i: usize) -> Option<Layer> {
        match &self.layers {
            ImageLayers::Loaded(layers) => layers.get(i),
            ImageLayers::Edited(layers) => layers.with_chain_ids().get(i).cloned(),
        }
    }

    /// The diff ID of a layer; cheaper than the layer.
    pub fn diff_id(&self, i: usize) -> Option<Digest> {
        match &self.layers {
            ImageLayers::Loaded(layers) => layers.diff_id(i),
            ImageLayers::Edited(layers) => layers.list().get(i)?.diff_id().cloned(),
        }
    }

    pub fn layer_count(&self) -> usize {
        match &self.layers {
            ImageLayers::Loaded(layers) => layers.len(),
            ImageLayers::Edited(layers) => layers.len(),
        }
    }

    /// A loader of the image as it is now. Its root is the manifest.
    pub fn loader(&self) -> Arc<dyn Loader> {
        let Documents { manifest, config } = self.documents();
        let document = |digest: &_, bytes: &Arc<[u8]>| Document {
            digest: Clone::clone(digest),
            bytes: bytes.clone(),
        };
        Arc::new(ImageLoader::new(
            document(&manifest.digest, &manifest.bytes),
            document(&config.digest, &config.bytes),
            self.layers(),
        ))
    }

    /// Runs one edit, which must fail before it changes anything.
    pub fn edit(&mut self, edit: impl FnOnce(Draft<'_>) -> Result<Changed>) -> Result<()> {
        if self.trees.is_none() {
            self.trees = Some(Box::new(Trees::new(self.documents())));
        }
        let Some(trees) = &mut self.trees else {
            unreachable!("made above");
        };
        let changed = edit(Draft {
            trees,
            format: &mut self.format,
            platform: &mut self.platform,
            layers: self.layers.edited(),
        })?;
        if changed != Changed::Nothing {
            trees.config_changed |= changed == Changed::Config;
            self.documents.take();
        }
        Ok(())
    }
}
