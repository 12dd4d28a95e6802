//! Indexes and manifests that were read.

use super::descriptor_list::DescriptorList;
use crate::descriptor::{Annotations, Descriptor};
use crate::error::Error;
use crate::media_type::{self, Kind};
use crate::platform::Platform;
use crate::text::Text;
use oci_spec::image::MediaType;
use std::sync::Arc;

#[derive(Debug)]
pub enum Document {
    Index(IndexDocument),
    Manifest(ManifestDocument),
}

/// A root document.
#[derive(Debug)]
pub enum Root {
    Document(Document),
    /// Its own media type, which is not that of an index or manifest.
    Unknown(Text),
}

#[derive(Debug, Default)]
pub struct IndexDocument {
    /// As written; `None` if absent.
    pub media_type: Option<Text>,
    /// The manifests and indexes named, in order; an invalid one does not affect the others.
    pub children: Vec<Child>,
}

/// A manifest or index that an index names. A bad one is boxed, since nearly all are good.
pub type Child = Result<Arc<Descriptor>, Box<BadChild>>;

/// A child of an index that cannot be followed.
#[derive(Debug)]
pub struct BadChild {
    /// `None` if it could not be read; present if only its embedded data is wrong.
    pub descriptor: Option<Arc<Descriptor>>,
    /// The platform that other readers may see, if there is no descriptor.
    pub platform: Option<Arc<Platform>>,
    pub error: Error,
}

#[derive(Debug)]
pub struct ManifestDocument {
    /// As written; `None` if absent.
    pub media_type: Option<Text>,
    pub artifact_type: Option<Text>,
    pub config: Arc<Descriptor>,
    pub layers: DescriptorList,
    pub subject: Option<Arc<Descriptor>>,
    pub annotations: Annotations,
}

impl ManifestDocument {
    /// The type that the manifest has by itself: as written, if that is a manifest's, else
    /// OCI's, since Docker's must be written.
    pub fn own_media_type(&self) -> Text {
        let written = self.media_type.clone();
        written
            .filter(|written| media_type::kind(written) == Kind::Manifest)
            .unwrap_or_else(|| {
                Text::new(MediaType::ImageManifest.as_ref()).expect("a media type has no NUL")
            })
    }
}
