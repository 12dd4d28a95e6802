//! A loader with one blob: the source of a layer that the program made.

use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::loader::{Loader, Stream};
use crate::source::Extent;
use std::io::Cursor;
use std::sync::Arc;

/// The bytes of a layer.
#[derive(Clone)]
pub enum Content {
    Memory(Arc<[u8]>),
    File(Extent),
}

pub struct OneBlob {
    pub digest: Digest,
    pub content: Content,
}

impl Loader for OneBlob {
    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("the layer does not come from an image"))
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("there is a layer alone, no manifest").with_digest(digest.text()))
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        if *digest != self.digest {
            return Err(
                Error::not_found(format_args!("there is the layer {} alone", self.digest))
                    .with_digest(digest.text()),
            );
        }
        Ok(match &self.content {
            Content::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Content::File(file) => Box::new(file.clone().stream()),
        })
    }
}
