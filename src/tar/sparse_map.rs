//! The map of a sparse file: its stored stretches and their places.

use crate::error::{Error, Result, Status};
use std::ops::Range;
use thiserror::Error as LeafError;

/// The most stretches of one file.
pub const MAX_STRETCHES: usize = 1 << 18;

/// The stretches of a sparse file.
#[derive(Debug)]
pub struct Map {
    stretches: Vec<Stretch>,
    size: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    position: u64,
    len: u64,
    /// Its offset in the archive.
    offset: u64,
}

/// The content at a position of a sparse file: at most this many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Stored { offset: u64, len: u64 },
    Hole { len: u64 },
}

/// The reason why the map of a sparse file could not be read.
#[derive(Debug, LeafError)]
pub enum SparseFlaw {
    #[error(
        "found a sparse map that is not one number after the other, expected pairs of offset and length"
    )]
    Grammar,
    #[error("found a sparse map without the size of the file")]
    NoSize,
    #[error("found {found} stretches in a sparse map, expected {declared} as declared")]
    Count { found: usize, declared: u64 },
    #[error(
        "found a stretch of {len} bytes at {position} in a sparse map, \
         expected one after those before it and within {size} bytes"
    )]
    Order { position: u64, len: u64, size: u64 },
    #[error("found {stored} bytes of a sparse file stored, expected {mapped} as in its map")]
    Stored { stored: u64, mapped: u64 },
    #[error("found a sparse map of version \"{0}\", expected 0.0, 0.1 or 1.0")]
    Version(String),
    #[error("found more than {MAX_STRETCHES} stretches in a sparse map")]
    ManyStretches,
    /// The archive could not be read.
    #[error(transparent)]
    Read(#[from] Error),
}

impl SparseFlaw {
    /// The error for the file that is called `place`.
    pub fn into_error(self, place: impl std::fmt::Display) -> Error {
        let status = match self {
            // It names the file already.
            Self::Read(error) => return error,
            Self::ManyStretches => Status::LimitExceeded,
            Self::Version(_) => Status::Unsupported,
            _ => Status::Malformed,
        };
        Error::new(status, format_args!("{place}: {self}"))
    }
}

/// Position and length of the stretches, as written.
#[derive(Default)]
pub struct Pairs(Vec<(u64, u64)>);

impl Pairs {
    pub fn push(&mut self, position: u64, len: u64) -> Result<(), SparseFlaw> {
        if self.0.len() == MAX_STRETCHES {
            return Err(SparseFlaw::ManyStretches);
        }
        self.0.push((position, len));
        Ok(())
    }

    /// The map of a file of `size` bytes whose stretches are stored at `data`.
    pub fn map(self, size: u64, data: Range<u64>) -> Result<Map, SparseFlaw> {
        if size > i64::MAX as u64 {
            return Err(SparseFlaw::NoSize);
        }
        let (mut reached, mut stored) = (0, 0_u64);
        let mut stretches = Vec::with_capacity(self.0.len());
        for (position, len) in self.0 {
            let end = position.checked_add(len).filter(|end| *end <= size);
            let Some(end) = end.filter(|_| position >= reached) else {
                return Err(SparseFlaw::Order {
                    position,
                    len,
                    size,
                });
            };
            if len > 0 {
                stretches.push(Stretch {
                    position,
                    len,
                    // Wraps only for a map that is refused below.
                    offset: data.start.wrapping_add(stored),
                });
            }
            reached = end;
            // Stretches do not overlap: no more than `size`.
            stored += len;
        }
        if stored != data.end - data.start {
            return Err(SparseFlaw::Stored {
                stored: data.end - data.start,
                mapped: stored,
            });
        }
        Ok(Map { stretches, size })
    }
}

impl Map {
    /// The bytes of the file, holes included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes in holes.
    pub fn holes(&self) -> u64 {
        let stored: u64 = self.stretches.iter().map(|stretch| stretch.len).sum();
        self.size - stored
    }

    /// The content at `position`, which is below the size.
    pub fn piece_at(&self, position: u64) -> Piece {
        let next = self.stretches.partition_point(|s| s.position <= position);
        if let Some(stretch) = next.checked_sub(1).map(|i| self.stretches[i])
            && let behind = position - stretch.position
            && behind < stretch.len
        {
            return Piece::Stored {
                offset: stretch.offset + behind,
                len: stretch.len - behind,
            };
        }
        let end = self.stretches.get(next).map_or(self.size, |s| s.position);
        Piece::Hole {
            len: end - position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_map() {
        let map = Pairs(vec![(2, 3), (5, 0), (7, 1)])
            .map(10, 100..104)
            .unwrap();
        assert_eq!((map.size(), map.holes()), (10, 6));
        let stored = |offset, len| Piece::Stored { offset, len };
        let hole = |len| Piece::Hole { len };
        let pieces = [
            hole(2),
            hole(1),
            stored(100, 3),
            stored(101, 2),
            stored(102, 1),
            hole(2),
            hole(1),
            stored(103, 1),
            hole(2),
            hole(1),
        ];
        for (position, piece) in pieces.into_iter().enumerate() {
            assert_eq!(map.piece_at(position as u64), piece, "{position}");
        }
    }
}
