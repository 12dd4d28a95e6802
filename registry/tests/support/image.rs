//! Images that the tests make.

use sha2::{Digest, Sha256};
use std::path::Path;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Bytes that look like noise, the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// An image of one platform.
#[derive(Clone)]
pub struct Image {
    pub manifest: Vec<u8>,
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
}

impl Image {
    pub fn new(layers: Vec<Vec<u8>>) -> Self {
        let list = |items: Vec<String>| items.join(",");
        let diff_ids = list(
            layers
                .iter()
                .map(|layer| format!("\"{}\"", digest(layer)))
                .collect(),
        );
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{diff_ids}]}}}}"#
        )
        .into_bytes();
        let descriptor = |media_type: &str, bytes: &[u8]| {
            format!(
                r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#,
                digest(bytes),
                bytes.len()
            )
        };
        let descriptors = list(
            layers
                .iter()
                .map(|layer| descriptor(LAYER, layer))
                .collect(),
        );
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{},"layers":[{descriptors}]}}"#,
            descriptor(CONFIG, &config)
        )
        .into_bytes();
        Self {
            manifest,
            config,
            layers,
        }
    }

    pub fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.layers.iter().chain([&self.config])
    }

    /// Writes it as an OCI layout.
    pub fn write_layout(&self, folder: &Path, name: &str) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a folder can be made");
        let write =
            |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("a file can be written");
        for bytes in self.blobs().chain([&self.manifest]) {
            write(&blobs.join(&digest(bytes)["sha256:".len()..]), bytes);
        }
        write(
            &folder.join("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        );
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{MANIFEST}","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}]}}"#,
            digest(&self.manifest),
            self.manifest.len()
        );
        write(&folder.join("index.json"), index.as_bytes());
    }
}
