//! What a walk keeps of the documents that it reads.

use crate::config::{Config, LayerCounts};
use crate::descriptor::Descriptor;
use crate::document::{IndexDocument, ManifestDocument};
use crate::platform::Platform;
use crate::text::Text;
use std::sync::Arc;

/// The document of a digest.
#[derive(Clone)]
pub enum Node {
    Index(Arc<IndexDocument>),
    Manifest(ManifestFacts),
}

/// The fields of a manifest that a walk needs.
#[derive(Clone)]
pub struct ManifestFacts {
    pub media_type: Option<Text>,
    pub config: Arc<Descriptor>,
    pub layers: LayerCounts,
}

impl From<ManifestDocument> for Node {
    fn from(manifest: ManifestDocument) -> Self {
        let layers = LayerCounts {
            all: manifest.layers.len(),
            of_layer_type: manifest.layers.count_of_layer_type(),
        };
        let ManifestDocument {
            media_type, config, ..
        } = manifest;
        let data = config.data().cloned();
        let config = Descriptor::new(
            config.media_type.clone(),
            config.digest.clone(),
            config.size,
        )
        .with_data(data);
        Self::Manifest(ManifestFacts {
            media_type,
            config: Arc::new(config),
            layers,
        })
    }
}

/// The fields of a config that a walk needs.
#[derive(Clone)]
pub struct ConfigFacts {
    pub platform: Option<Arc<Platform>>,
    pub diff_ids: usize,
}

impl From<Config> for ConfigFacts {
    fn from(config: Config) -> Self {
        Self {
            platform: config.platform,
            diff_ids: config.diff_ids.len(),
        }
    }
}
