//! Compresses the input of a layer.

use super::head::TarCheck;
use super::options::LayerOptions;
use super::output::{Finished, Output};
use super::pool::Pool;
use crate::compression::{Compression, Encoder, Layout, Method, Piece, Trailer};
use crate::context::Context;
use crate::digest::Hasher;
use crate::error::Result;

/// Bytes that are hashed, checked and copied while they are in the cache.
const SLICE: usize = 64 << 10;

pub struct Compress {
    method: Method,
    layout: Layout,
    check: TarCheck,
    diff_id: Hasher,
    trailer: Trailer,
    output: Output,
    /// The piece that is being filled.
    piece: Piece,
    pieces: u64,
    /// The end of the piece before, which the next one starts with.
    history: Vec<u8>,
    /// What a piece compresses to where there are no workers.
    room: Vec<u8>,
    encoder: Option<Box<dyn Encoder>>,
    workers: u32,
    pool: Option<Pool>,
}

impl Compress {
    pub fn new(options: &LayerOptions) -> Result<Self> {
        let mut output = Output::new(options);
        output.write(options.method.header())?;
        Ok(Self {
            method: options.method,
            layout: options.method.layout(),
            check: TarCheck::new(options.max_size),
            diff_id: Hasher::new(options.algorithm),
            trailer: Trailer::new(options.method),
            output,
            piece: Piece::default(),
            pieces: 0,
            history: Vec::new(),
            room: Vec::new(),
            encoder: options.method.encoder()?,
            workers: options.workers,
            pool: None,
        })
    }

    pub fn write(&mut self, mut bytes: &[u8], ctx: &Context) -> Result<()> {
        while !bytes.is_empty() {
            ctx.check()?;
            if self.filled() == self.layout.piece {
                self.submit(false)?;
            }
            let n = bytes
                .len()
                .min(SLICE)
                .min(self.layout.piece - self.filled());
            let (slice, rest) = bytes.split_at(n);
            self.check.update(slice)?;
            self.trailer.update(slice);
            if self.encoder.is_none() {
                // Digest and diff ID are the same.
                self.output.write(slice)?;
            } else {
                self.diff_id.update(slice);
                self.piece.bytes.extend_from_slice(slice);
            }
            bytes = rest;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Finished> {
        self.check.finish()?;
        if self.encoder.is_some() {
            self.submit(true)?;
            while let Some(pool) = self.pool.as_mut().filter(|pool| !pool.is_idle()) {
                self.output.write(&pool.take()?)?;
            }
        }
        self.output.write(&self.trailer.finish())?;
        let diff_id = self.encoder.is_some().then(|| self.diff_id.finish());
        let compression = match self.method {
            Method::None => Compression::None,
            Method::Gzip(_) => Compression::Gzip,
            Method::Zstd(_) => Compression::Zstd,
        };
        self.output.finish(diff_id, compression)
    }

    /// Bytes of the piece that is being filled.
    fn filled(&self) -> usize {
        self.piece.bytes.len() - self.piece.history
    }

    /// Compresses the piece, or gives it to a thread, and starts the next one.
    fn submit(&mut self, is_last: bool) -> Result<()> {
        // A layer of one piece is not worth a thread.
        if self.pieces == 0 && self.workers > 0 && !is_last {
            self.pool = Pool::start(self.method, self.workers)?;
        }
        let piece = &mut self.piece;
        piece.starts_unit = self.layout.starts_unit(self.pieces);
        piece.ends_unit = is_last || self.layout.ends_unit(self.pieces);
        piece.is_last = is_last;
        self.pieces += 1;
        let start = piece.bytes.len().saturating_sub(self.layout.history);
        self.history.clear();
        self.history.extend_from_slice(&piece.bytes[start..]);

        let piece = std::mem::take(piece);
        let mut bytes = match (&mut self.pool, &mut self.encoder) {
            (Some(pool), _) => {
                pool.give(piece)?;
                match pool.is_full() {
                    true => {
                        let compressed = pool.take()?;
                        self.output.write(&compressed)?;
                        compressed
                    }
                    false => Vec::new(),
                }
            }
            (None, Some(encoder)) => {
                self.room.clear();
                encoder.encode(&piece, &mut self.room)?;
                self.output.write(&self.room)?;
                piece.bytes
            }
            (None, None) => piece.bytes,
        };
        bytes.clear();
        bytes.reserve_exact(self.layout.history + self.layout.piece);
        bytes.extend_from_slice(&self.history);
        self.piece = Piece {
            bytes,
            history: self.history.len(),
            ..Piece::default()
        };
        Ok(())
    }
}
