//! The stored bytes of a new layer.

use super::blob::{Content, OneBlob};
use super::options::LayerOptions;
use super::spool::Spool;
use crate::compression::Compression;
use crate::descriptor::Descriptor;
use crate::digest::{Digest, Hasher};
use crate::error::Result;
use crate::layer::Layer;
use crate::text::Text;
use std::sync::Arc;

/// Hashes, counts and spools.
pub struct Output {
    hasher: Hasher,
    size: u64,
    spool: Spool,
}

impl Output {
    pub fn new(options: &LayerOptions) -> Self {
        Self {
            hasher: Hasher::new(options.algorithm),
            size: 0,
            spool: Spool::new(options.temp_dir.clone(), options.max_memory),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.spool.write(bytes)
    }

    /// `diff_id` where it is not the digest.
    pub fn finish(self, diff_id: Option<Digest>, compression: Compression) -> Result<Finished> {
        let digest = self.hasher.finish();
        Ok(Finished {
            diff_id: diff_id.unwrap_or_else(|| digest.clone()),
            digest,
            size: self.size,
            compression,
            content: self.spool.finish()?,
        })
    }
}

/// The parts of a finished layer.
pub struct Finished {
    pub digest: Digest,
    pub diff_id: Digest,
    pub size: u64,
    pub compression: Compression,
    pub content: Content,
}

impl Finished {
    pub fn into_layer(self) -> Layer {
        let media_type = Text::new(self.compression.oci_layer()).expect("it has no NUL");
        let descriptor = Descriptor::new(media_type, self.digest.clone(), self.size);
        let loader = OneBlob {
            digest: self.digest,
            content: self.content,
        };
        Layer::new(Arc::new(descriptor), Some(self.diff_id), Arc::new(loader))
    }
}
