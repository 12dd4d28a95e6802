//! Images and single blobs as loaders.

use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::load;
use crate::loader::{Loader, Stream};
use crate::media_type::Kind;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

/// A document and its digest.
pub struct Document {
    pub digest: Digest,
    pub bytes: Arc<[u8]>,
}

impl Document {
    fn open(&self) -> Box<dyn Stream> {
        Box::new(Cursor::new(self.bytes.clone()))
    }
}

/// Serves a snapshot of an image: its documents from memory, each layer from its own
/// source.
pub struct ImageLoader {
    manifest: Document,
    config: Document,
    layers: HashMap<Digest, Layer>,
}

impl ImageLoader {
    pub fn new(manifest: Document, config: Document, layers: Vec<Layer>) -> Self {
        let mut by_digest = HashMap::with_capacity(layers.len());
        for layer in layers {
            let digest = layer.descriptor().digest.clone();
            by_digest.entry(digest).or_insert(layer);
        }
        Self {
            manifest,
            config,
            layers: by_digest,
        }
    }
}

impl Loader for ImageLoader {
    fn root_digest(&self, _ctx: &Context) -> Result<Option<String>> {
        Ok(Some(self.manifest.digest.text().to_string()))
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(self.manifest.open())
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        match *digest == self.manifest.digest {
            true => Ok(self.manifest.open()),
            false => Err(absent("manifest", digest)),
        }
    }

    fn file(&self, digest: &Digest) -> Option<String> {
        self.layers.get(digest)?.loader().file(digest)
    }

    fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        if *digest == self.config.digest {
            return Ok(self.config.open());
        }
        match self.layers.get(digest) {
            Some(layer) => load::open(&**layer.loader(), layer.descriptor(), Kind::Other, ctx),
            None => Err(absent("blob", digest)),
        }
    }
}

fn absent(kind: &str, digest: &Digest) -> Error {
    Error::not_found(format_args!("the image has no {kind} {digest}")).with_digest(digest.text())
}

/// A loader in front of another, with one blob in memory: the embedded data of a descriptor
/// that was removed.
pub struct WithBlob {
    pub blob: Document,
    pub loader: Arc<dyn Loader>,
}

impl Loader for WithBlob {
    fn file(&self, digest: &Digest) -> Option<String> {
        match *digest == self.blob.digest {
            true => None,
            false => self.loader.file(digest),
        }
    }

    fn open_root_manifest(&self, ctx: &Context) -> Result<Box<dyn Stream>> {
        self.loader.open_root_manifest(ctx)
    }

    fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        self.loader.open_manifest(digest, ctx)
    }

    fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        match *digest == self.blob.digest {
            true => Ok(self.blob.open()),
            false => self.loader.open_blob(digest, ctx),
        }
    }
}
