//! Layers of an image.

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::error::Result;
use crate::load;
use crate::loader::Loader;
use crate::media_type::{self, Kind};
use crate::reader::{Expected, Mode, ReadOptions, Reader};
use crate::text::Text;
use std::sync::Arc;

/// A layer: the blob that a manifest names, and the diff ID that the config has for it.
#[derive(Clone)]
pub struct Layer {
    descriptor: Arc<Descriptor>,
    diff_id: Option<Digest>,
    /// The OCI name of the descriptor's media type.
    oci_media_type: Text,
    loader: Arc<dyn Loader>,
}

impl Layer {
    pub fn new(
        descriptor: Arc<Descriptor>,
        diff_id: Option<Digest>,
        loader: Arc<dyn Loader>,
    ) -> Self {
        let oci = media_type::oci_layer(&descriptor.media_type);
        let oci_media_type = if oci == &*descriptor.media_type {
            descriptor.media_type.clone()
        } else {
            Text::new(oci).expect("a media type has no NUL")
        };
        Self {
            descriptor,
            diff_id,
            oci_media_type,
            loader,
        }
    }

    pub fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }

    pub fn loader(&self) -> &Arc<dyn Loader> {
        &self.loader
    }

    /// `None` where the config has none for it.
    pub fn diff_id(&self) -> Option<&Digest> {
        self.diff_id.as_ref()
    }

    pub fn oci_media_type(&self) -> &Text {
        &self.oci_media_type
    }

    /// Opens the blob. In uncompressed mode the diff ID is checked beside size and digest.
    pub fn open(&self, mode: Mode, options: ReadOptions, ctx: Arc<Context>) -> Result<Reader> {
        let expected = Expected {
            digest: self.descriptor.digest.clone(),
            size: self.descriptor.size,
            diff_id: self.diff_id.clone(),
        };
        expected.check(mode)?;
        let stream = load::open(&*self.loader, &self.descriptor, Kind::Other, &ctx)?;
        let reader = Reader::open(stream, expected, mode, options, ctx)?;
        Ok(reader.holding(self.loader.clone()))
    }
}
