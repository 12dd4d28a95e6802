//! The kind of content by its descriptor, and the errors if the content is of another kind.

use super::entry::EntryKind;
use crate::descriptor::Descriptor;
use crate::error::Error;
use crate::media_type::{self, Kind};
use crate::platform::Platform;
use crate::text::Text;

/// The error for a document of another kind than its descriptor says.
pub fn other_kind(found: Kind, expected: Kind) -> Error {
    Error::malformed(format_args!(
        "found {found}, expected {expected}, as its descriptor says"
    ))
}

/// The error for a manifest of Docker's first schema.
pub fn schema1() -> Error {
    Error::unsupported("found a Docker schema 1 manifest, expected an OCI or Docker schema 2 one")
}

/// Whether a manifest with this type of its own and this config is an image's.
pub fn is_image(media_type: Option<&Text>, config: &Descriptor, d: &Descriptor) -> bool {
    let own = media_type.unwrap_or(&d.media_type);
    media_type::is_image_config(&config.media_type, own)
}

/// The kind by a descriptor's annotations or artifact type.
pub fn marked_kind(d: &Descriptor) -> Option<EntryKind> {
    let reference = d.annotation("vnd.docker.reference.type");
    if reference.is_some_and(|v| &*v == "attestation-manifest") {
        return Some(EntryKind::Attestation);
    }
    let artifact_type = d.artifact_type()?;
    let is_image = media_type::is_image_config(artifact_type, &d.media_type);
    (!is_image).then_some(EntryKind::Artifact)
}

/// The platform that BuildKit writes for attestations.
pub fn is_unknown(platform: &Platform) -> bool {
    let is = |field: &Option<Text>| field.as_deref() == Some("unknown");
    is(&platform.os) && is(&platform.architecture)
}
