//! The files of an image layout that are no blobs, in folders and archives alike.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use oci_spec::image::MediaType;

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
