//! Archives for tests, made byte by byte.

use super::{Piece, Sparse};
use crate::error::Result;
use std::io::Write;

/// A POSIX header with a fitting checksum.
pub fn header(kind: u8, name: &str, target: &str, size: u64) -> [u8; 512] {
    let mut header = ::tar::Header::new_ustar();
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

/// The content of a sparse file of `archive`.
pub fn expanded(archive: &[u8], sparse: &Sparse) -> Result<Vec<u8>> {
    let map = sparse
        .read_map(|buf, at| {
            buf.copy_from_slice(&archive[at as usize..][..buf.len()]);
            Ok(())
        })
        .map_err(|flaw| flaw.into_error("sparse"))?;
    let mut content = Vec::new();
    while (content.len() as u64) < map.size() {
        match map.piece_at(content.len() as u64) {
            Piece::Stored { offset, len } => {
                content.extend_from_slice(&archive[offset as usize..][..len as usize]);
            }
            Piece::Hole { len } => content.resize(content.len() + len as usize, 0),
        }
    }
    Ok(content)
}
