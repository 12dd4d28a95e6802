//! Names and documents of the image layout specification, which folders and archives share.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::json::{self, Value};
use crate::text::Escaped;
use oci_spec::image::MediaType;

/// Bytes of one index, manifest or config, unless a program sets another limit.
pub const MAX_DOCUMENT_SIZE: u64 = 4 << 20;

/// The file that makes a folder a layout, and names its version.
pub const MARKER: &str = "oci-layout";
pub const MARKER_CONTENT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";
const VERSION: &str = "1.0.0";

pub const INDEX: &str = "index.json";

/// The annotation with an entry's name.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation of containerd and docker with the full name; their [`REF_NAME`] is the tag
/// alone.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Checks the content of [`MARKER`]; UNSUPPORTED for another version.
pub fn check_version(marker: &[u8]) -> Result<()> {
    let object = json::parse(marker)?.object(&["imageLayoutVersion"])?;
    let version = object.required("imageLayoutVersion", Value::text)?;
    if &*version == VERSION {
        return Ok(());
    }
    Err(Error::unsupported(format_args!(
        "found image layout version \"{}\", expected {VERSION}",
        Escaped(&version)
    )))
}

/// The path of a blob.
pub fn blob_path(digest: &Digest) -> String {
    let (algorithm, encoded) = digest.parts();
    format!("blobs/{algorithm}/{encoded}")
}

/// The index that lists these descriptors as they are written.
pub fn index_of<T: AsRef<str>>(descriptors: impl IntoIterator<Item = T>) -> String {
    let mut index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[",
        MediaType::ImageIndex
    );
    for (i, descriptor) in descriptors.into_iter().enumerate() {
        if i > 0 {
            index.push(',');
        }
        index.push_str(descriptor.as_ref());
    }
    index.push_str("]}");
    index
}
