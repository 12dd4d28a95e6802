//! Pieces of a stream, and what compresses them.

use crate::error::Result;

/// How a stream is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of each piece but the last.
    pub piece: usize,
    /// Bytes before a piece that its encoder needs as history.
    pub history: usize,
    /// Pieces that are compressed one after the other by the same encoder.
    pub pieces_per_unit: u64,
}

impl Layout {
    pub fn starts_unit(&self, piece: u64) -> bool {
        piece.is_multiple_of(self.pieces_per_unit)
    }

    pub fn ends_unit(&self, piece: u64) -> bool {
        self.starts_unit(piece + 1)
    }

    pub fn unit_of(&self, piece: u64) -> u64 {
        piece / self.pieces_per_unit
    }
}

/// A piece of a stream.
#[derive(Default)]
pub struct Piece {
    /// The history, then the piece itself.
    pub bytes: Vec<u8>,
    /// Bytes of history; fewer at the start of the stream.
    pub history: usize,
    pub starts_unit: bool,
    /// Always true of the last piece.
    pub ends_unit: bool,
    /// Of the stream.
    pub is_last: bool,
}

/// Compresses one unit after the other.
pub trait Encoder: Send {
    /// Appends the compressed form of `piece`, as far as it is known before the next piece.
    fn encode(&mut self, piece: &Piece, out: &mut Vec<u8>) -> Result<()>;
}
