//! The files of an image layout that are no blobs, in folders and archives alike.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use crate::descriptor::Descriptor;
use crate::media_type::{self, Kind};
use oci_spec::image::MediaType;

/// Bytes of a document: what a load reads by default.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// The file that says that something is a layout, and of which version.
pub const MARKER: &str = "oci-layout";
pub const VERSION: &str = "1.0.0";
pub const MARKER_CONTENT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";

pub const INDEX: &str = "index.json";

/// An index of these descriptors.
pub fn index_of<'a>(descriptors: impl IntoIterator<Item = &'a str>) -> String {
    let descriptors: Vec<_> = descriptors.into_iter().collect();
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[{}]}}",
        MediaType::ImageIndex,
        descriptors.join(",")
    )
}

/// Whether this is a manifest, an index, a config or another small JSON document.
pub fn is_document(d: &Descriptor) -> bool {
    let media_type = &*d.media_type;
    let is_json = media_type.ends_with("+json") || media_type.ends_with("/json");
    // The config type of old daemons.
    let is_old_config = ["application/octet-stream", "text/html", ""].contains(&media_type);
    let is_known = media_type::kind(media_type) != Kind::Other;
    (is_json || is_old_config || is_known) && d.size <= MAX_DOCUMENT
}
