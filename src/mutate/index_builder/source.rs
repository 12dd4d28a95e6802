//! Where the content of an assembled index is read from.

use crate::context::Context;
use crate::digest::Digest;
use crate::error::Result;
use crate::image::Image;
use crate::index::Index;
use crate::load::Store;
use crate::loader::{Loader, Stream};
use std::io::Cursor;
use std::sync::Arc;

/// A loader, with the documents that were read from it already.
#[derive(Clone)]
pub struct Source {
    loader: Arc<dyn Loader>,
    loaded: Option<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    store: Arc<Store>,
    root_digest: Digest,
    root: Arc<[u8]>,
}

impl Source {
    pub fn of_index(index: &Index) -> Self {
        Self {
            loader: index.loader().clone(),
            loaded: Some(Loaded {
                store: index.store().clone(),
                root_digest: index.root().digest.clone(),
                root: index.root().bytes.clone(),
            }),
        }
    }

    pub fn of_image(image: &Image) -> Self {
        Self {
            loader: image.loader(),
            loaded: None,
        }
    }

    pub fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let loaded = self.loaded.as_ref();
        match loaded.and_then(|loaded| loaded.manifest(digest)) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => self.loader.open_manifest(digest, ctx),
        }
    }

    pub fn file(&self, digest: &Digest) -> Option<String> {
        self.loader.file(digest)
    }

    pub fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let loaded = self.loaded.as_ref();
        match loaded.and_then(|loaded| loaded.store.kept_config(digest)) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => self.loader.open_blob(digest, ctx),
        }
    }
}

impl Loaded {
    fn manifest(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        match *digest == self.root_digest {
            true => Some(self.root.clone()),
            false => self.store.kept_manifest(digest),
        }
    }
}
