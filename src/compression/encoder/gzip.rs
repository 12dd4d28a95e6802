//! gzip in blocks: one member, as pigz writes it.
//!
//! Each block is compressed from a fresh state, with the 32 KiB before it as dictionary,
//! and ends on a byte boundary (sync flush). Given its input in several writes, zlib-rs
//! does not always give the same bytes; given a block at once, it does.

use super::piece::{Encoder, Layout, Piece};
use crate::error::{Error, Result};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

pub const LAYOUT: Layout = Layout {
    piece: 1 << 20,
    history: 32 << 10,
    pieces_per_unit: 1,
};

/// Deflate, no flags, no time, nothing on the level, unknown system.
pub const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];

/// CRC and length, modulo 2^32.
pub fn trailer(crc: &Crc) -> Vec<u8> {
    [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat()
}

pub struct Gzip {
    level: Compression,
}

impl Gzip {
    pub fn new(level: u32) -> Self {
        Self {
            level: Compression::new(level),
        }
    }
}

impl Encoder for Gzip {
    fn encode(&mut self, piece: &Piece, out: &mut Vec<u8>) -> Result<()> {
        let internal = |e: &dyn std::fmt::Display| Error::internal(format_args!("deflate: {e}"));
        let mut deflate = Compress::new(self.level, false);
        let (history, input) = piece.bytes.split_at(piece.history);
        if !history.is_empty() {
            deflate.set_dictionary(history).map_err(|e| internal(&e))?;
        }
        let flush = match piece.is_last {
            true => FlushCompress::Finish,
            false => FlushCompress::Sync,
        };
        // Room for all output at once: at level 1 a byte takes up to 9 bits; at the other
        // levels incompressible data is stored, with 5 bytes a block.
        out.reserve(input.len() + input.len() / 7 + 1024);
        let status = deflate
            .compress_vec(input, out, flush)
            .map_err(|e| internal(&e))?;
        let is_done = match piece.is_last {
            true => status == Status::StreamEnd,
            false => out.len() < out.capacity(),
        };
        if deflate.total_in() != input.len() as u64 || !is_done {
            return Err(internal(&"a block needs more room than it can"));
        }
        Ok(())
    }
}
