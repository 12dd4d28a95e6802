//! Images made from nothing.

use super::config::check_platform;
use crate::config::Config;
use crate::digest::{Algorithm, Digest};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::image::{Format, Image};
use crate::json::scan::quoted;
use crate::load::Verified;
use crate::media_type::{DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST};
use crate::platform::Platform;
use std::sync::Arc;

impl Image {
    /// An image without layers. The platform needs os and architecture.
    pub fn create(format: Format, platform: &Platform) -> Result<Self> {
        check_platform(platform)?;
        let config = config_json(platform);
        let config_digest = Digest::of(Algorithm::Sha256, config.as_bytes());
        let (manifest_type, config_type) = match format {
            Format::Oci => (OCI_MANIFEST, OCI_CONFIG),
            Format::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG),
        };
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{manifest_type}\",\"config\":{{\"mediaType\":\
             \"{config_type}\",\"digest\":\"{config_digest}\",\"size\":{}}},\"layers\":[]}}",
            config.len()
        );
        let Document::Manifest(content) = Document::parse(manifest.as_bytes(), 0)? else {
            return Err(Error::internal("a new manifest is none"));
        };
        let manifest = Verified {
            digest: Digest::of(Algorithm::Sha256, manifest.as_bytes()),
            bytes: manifest.into_bytes().into(),
            content,
        };
        let config = Verified {
            content: Config::parse(config.as_bytes())?,
            digest: config_digest,
            bytes: config.into_bytes().into(),
        };
        let platform = Some(Arc::new(platform.clone()));
        Ok(Self::with_layers(manifest, config, platform, Vec::new()))
    }
}

fn config_json(platform: &Platform) -> String {
    let mut members: Vec<_> = [
        ("architecture", &platform.architecture),
        ("os", &platform.os),
        ("os.version", &platform.os_version),
        ("variant", &platform.variant),
    ]
    .into_iter()
    .filter_map(|(name, text)| Some(format!("\"{name}\":{}", quoted(text.as_ref()?))))
    .collect();
    if !platform.os_features.is_empty() {
        let features: Vec<_> = platform
            .os_features
            .iter()
            .map(|text| quoted(text))
            .collect();
        members.push(format!("\"os.features\":[{}]", features.join(",")));
    }
    let members = members.join(",");
    format!("{{{members},\"config\":{{}},\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[]}}}}")
}
