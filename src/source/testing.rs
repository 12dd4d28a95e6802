//! Archives for tests, made byte by byte.

use crate::context::Context;
use crate::digest::{Algorithm, Digest};
use crate::error::Result;
use crate::loader::{Loader, Stream};
use std::io::Write;
use tempfile::NamedTempFile;

/// A POSIX header with a fitting checksum.
pub fn header(kind: u8, name: &str, target: &str, size: u64) -> [u8; 512] {
    let mut header = tar::Header::new_ustar();
    let old = header.as_old_mut();
    old.linkflag = [kind];
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_size(size);
    summed(*header.as_bytes())
}

/// The block with the checksum that it should have.
pub fn summed(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A header and data behind it, padded.
pub fn entry(header: [u8; 512], data: &[u8]) -> Vec<u8> {
    let mut entry = [&header, data].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

pub fn file(name: &str, data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    entry(header(b'0', name, "", data.len() as u64), data)
}

pub fn symbolic_link(name: &str, target: &str) -> Vec<u8> {
    entry(header(b'2', name, target, 0), b"")
}

pub fn hard_link(name: &str, target: &str) -> Vec<u8> {
    entry(header(b'1', name, target, 0), b"")
}

/// An extension header of type `kind`.
pub fn extension(kind: u8, data: &[u8]) -> Vec<u8> {
    entry(header(kind, "extension", "", data.len() as u64), data)
}

/// Data of a PAX header.
pub fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let len = (1..).find(|digits| (rest + digits).to_string().len() == *digits);
        writeln!(data, "{} {key}={value}", rest + len.unwrap()).unwrap();
    }
    data
}

pub fn pax(pairs: &[(&str, &str)]) -> Vec<u8> {
    extension(b'x', &records(pairs))
}

pub fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = entries.concat();
    archive.resize(archive.len() + 1024, 0);
    archive
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

pub fn on_disk(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

pub fn sha256(content: impl AsRef<[u8]>) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_ref())
}

/// Where a layout has the blob with this digest.
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
