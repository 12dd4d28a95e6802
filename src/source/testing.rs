//! Archives and blobs for the tests of sources.

pub use crate::tar::testing::*;

use crate::context::Context;
use crate::digest::{Algorithm, Digest};
use crate::error::Result;
use crate::loader::{Loader, Stream};
use std::io::Write;
use tempfile::NamedTempFile;

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

pub fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn on_disk(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

pub fn sha256(content: impl AsRef<[u8]>) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_ref())
}

/// The path of the blob with this digest in a layout.
pub fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}", digest.to_string().replace(':', "/"))
}

pub const VERSION_1: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

pub fn drain(mut stream: Box<dyn Stream>) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut piece = [0; 1000];
    loop {
        match stream.read(&mut piece, &Context::default())? {
            0 => return Ok(content),
            n => content.extend_from_slice(&piece[..n]),
        }
    }
}

pub fn root(loader: &dyn Loader) -> Result<String> {
    let root = drain(loader.open_root_manifest(&Context::default())?)?;
    Ok(String::from_utf8(root).unwrap())
}

pub fn blob(loader: &dyn Loader, digest: &Digest) -> Result<Vec<u8>> {
    drain(loader.open_blob(digest, &Context::default())?)
}
