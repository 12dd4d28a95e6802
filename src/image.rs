//! Images: a manifest, its config, and the layers that both agree on.

use crate::config::Config;
use crate::descriptor::Annotations;
use crate::document::Manifest;
use crate::error::Result;
use crate::layer::{self, Layer};
use crate::load::Verified;
use crate::loader::Loader;
use crate::platform::Platform;
use std::sync::Arc;

#[derive(Clone)]
pub struct Image {
    manifest: Arc<Verified<Manifest>>,
    config: Arc<Verified<Config>>,
    platform: Option<Arc<Platform>>,
    layers: Vec<Layer>,
}

impl Image {
    /// MALFORMED where layers and diff IDs differ in number.
    pub fn new(
        manifest: Verified<Manifest>,
        config: Verified<Config>,
        platform: Option<Arc<Platform>>,
        loader: &Arc<dyn Loader>,
    ) -> Result<Self> {
        let descriptors = &manifest.content.layers;
        config
            .content
            .expect_layers(descriptors.len())
            .map_err(|e| e.with_digest(manifest.digest.text()))?;
        let mut layers: Vec<_> = descriptors
            .iter()
            .zip(&config.content.diff_ids)
            .map(|(d, diff_id)| Layer::new(d.clone(), Some(diff_id.clone()), loader.clone()))
            .collect();
        layer::stack(&mut layers, None);
        Ok(Self {
            manifest: Arc::new(manifest),
            config: Arc::new(config),
            platform,
            layers,
        })
    }

    pub fn manifest(&self) -> &Arc<Verified<Manifest>> {
        &self.manifest
    }

    pub fn config(&self) -> &Arc<Verified<Config>> {
        &self.config
    }

    pub fn annotations(&self) -> &Annotations {
        &self.manifest.content.annotations
    }

    /// The index's for this image, as written there, else the config's.
    pub fn platform(&self) -> Option<&Arc<Platform>> {
        self.platform.as_ref()
    }

    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}
