//! The two families of image documents.

use crate::media_type::DOCKER_MANIFEST;

/// The family of media types that an image or index uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Oci,
    /// Docker's v2 schema 2.
    Docker,
}

impl Format {
    /// The family of a manifest with this media type.
    pub fn of_manifest(media_type: &str) -> Self {
        match media_type {
            DOCKER_MANIFEST => Self::Docker,
            _ => Self::Oci,
        }
    }
}
