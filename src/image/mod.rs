//! Images: a manifest, its config, and the layers that both agree on.

mod format;
mod layers;
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
use crate::document::Manifest;
use crate::error::Result;
use crate::layer::Layer;
use crate::load::Verified;
use crate::loader::Loader;
use crate::platform::Platform;
use crate::text::Text;
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
    layers: Layers,
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
        let descriptors = &manifest.content.layers;
        let diff_ids = config.content.layer_diff_ids(descriptors)?;
        let layers = descriptors
            .iter()
            .zip(diff_ids)
            .map(|(d, diff_id)| Layer::new(d.clone(), diff_id, loader.clone()))
            .collect();
        Ok(Self::with_layers(manifest, config, platform, layers))
    }

    /// An image of documents that agree on these layers.
    pub fn with_layers(
        manifest: Verified<Manifest>,
        config: Verified<Config>,
        platform: Option<Arc<Platform>>,
        layers: Vec<Layer>,
    ) -> Self {
        Self {
            format: Format::of_manifest(&manifest.content.own_media_type()),
            documents: OnceLock::from(Documents {
                manifest: Arc::new(manifest),
                config: Arc::new(config),
            }),
            trees: None,
            platform,
            layers: Layers::new(layers),
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

    pub fn layers(&self) -> &[Layer] {
        self.layers.with_chain_ids()
    }

    pub fn layer_count(&self) -> usize {
        self.layers.len()
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
            self.layers.list(),
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
            layers: &mut self.layers,
        })?;
        if changed != Changed::Nothing {
            trees.config_changed |= changed == Changed::Config;
            self.documents.take();
        }
        Ok(())
    }
}
