//! A loader whose content is the input.

use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Error, Result};
use ociimg::index::Index;
use ociimg::load::EntryKind;
use ociimg::loader::{Loader, Stream};
use ociimg::reader::{Mode, ReadOptions};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

/// The first piece is the root; every piece is there under its digest.
pub struct Pieces {
    root: Vec<u8>,
    blobs: HashMap<String, Vec<u8>>,
}

impl Pieces {
    /// Splits the input at the byte 0xff, which no document contains. `@N` in a piece is
    /// replaced by the descriptor's members for piece N behind it, so that digests fit.
    pub fn new(data: &[u8]) -> Self {
        let mut pieces: Vec<Vec<u8>> = data.split(|b| *b == 0xff).map(<[u8]>::to_vec).collect();
        for i in (0..pieces.len()).rev() {
            let mut piece = std::mem::take(&mut pieces[i]);
            while let Some(at) = piece.iter().position(|b| *b == b'@') {
                let step = piece.get(at + 1).map_or(1, |b| usize::from(b & 7)).max(1);
                let named = pieces.get(i + step).map_or(&b""[..], |p| p);
                let members = format!(
                    "\"digest\":\"{}\",\"size\":{}",
                    Digest::of(Algorithm::Sha256, named),
                    named.len()
                );
                let end = (at + 2).min(piece.len());
                piece.splice(at..end, members.into_bytes());
                if piece.len() > 1 << 16 {
                    break;
                }
            }
            pieces[i] = piece;
        }
        let blobs = pieces
            .iter()
            .map(|piece| {
                let digest = Digest::of(Algorithm::Sha256, piece);
                (digest.to_string(), piece.clone())
            })
            .collect();
        Self {
            root: pieces.swap_remove(0),
            blobs,
        }
    }

    pub fn root(&self) -> &[u8] {
        &self.root
    }

    fn find(&self, digest: &Digest) -> Result<Box<dyn Stream>> {
        match self.blobs.get(&digest.to_string()) {
            Some(blob) => Ok(Box::new(Cursor::new(blob.clone()))),
            None => Err(Error::not_found("no such piece")),
        }
    }
}

impl Loader for Pieces {
    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Cursor::new(self.root.clone())))
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        self.find(digest)
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        self.find(digest)
    }
}

/// Reads everything that an index offers, up to a limit.
pub fn read_all(index: &Index) {
    let ctx = Arc::new(Context::default());
    for i in 0..index.entries().len().min(16) {
        let entry = &index.entries()[i];
        assert_eq!(entry.kind == EntryKind::Broken, entry.error.is_some());
        index.entry_name(i);
        let _ = index.manifest(i, &ctx);
        let Ok(image) = index.image(i, &ctx) else {
            continue;
        };
        for layer in image.layers().iter().take(16) {
            for mode in [Mode::Stored, Mode::Uncompressed] {
                let options = ReadOptions {
                    max_uncompressed_size: Some(1 << 20),
                    max_window_size: 8 << 20,
                    workers: 0,
                };
                let Ok(mut reader) = layer.open(mode, options, ctx.clone()) else {
                    continue;
                };
                let mut buf = [0; 4096];
                while let Ok(1..) = reader.read(&mut buf) {}
            }
        }
    }
}

impl Pieces {
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.blobs.values().map(Vec::as_slice)
    }
}
