//! Images made from nothing.

use super::config::check_platform;
use crate::config::Config;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};
use crate::document::{Document, write};
use crate::error::{Error, Result};
use crate::image::{Format, Image};
use crate::load::Verified;
use crate::media_type::{DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST};
use crate::platform::Platform;
use crate::text::Text;
use std::sync::Arc;

impl Image {
    /// An image without layers. The platform needs os and architecture.
    pub fn create(format: Format, platform: &Platform) -> Result<Self> {
        check_platform(platform)?;
        let (manifest_type, config_type) = match format {
            Format::Oci => (OCI_MANIFEST, OCI_CONFIG),
            Format::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG),
        };
        let config = write::empty_config(platform);
        let config_digest = Digest::of(Algorithm::Sha256, &config);
        let config_type = Text::new(config_type).expect("a media type has no NUL");
        let size = config.len() as u64;
        let d = Descriptor::new(config_type, config_digest.clone(), size);
        let manifest = write::manifest(manifest_type, &d, []);
        let Document::Manifest(content) = Document::parse(&manifest, 0)? else {
            return Err(Error::internal("a new manifest is none"));
        };
        let manifest = Verified {
            digest: Digest::of(Algorithm::Sha256, &manifest),
            bytes: manifest.into(),
            content,
        };
        let config = Verified {
            content: Config::parse(&config)?,
            digest: config_digest,
            bytes: config.into(),
        };
        let platform = Some(Arc::new(platform.clone()));
        Ok(Self::without_layers(manifest, config, platform))
    }
}
