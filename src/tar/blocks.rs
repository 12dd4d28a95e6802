//! The blocks of an archive.

use super::flaw::Flaw;
use super::header::BLOCK;
use crate::error::Result;

/// Bytes read at once where headers are close together.
const WINDOW: u64 = 32 << 10;

/// The blocks of an archive, read in windows where they are close together.
pub(super) struct Blocks<R> {
    read_exact_at: R,
    size: u64,
    window: Vec<u8>,
    start: u64,
}

impl<R: FnMut(&mut [u8], u64) -> Result<()>> Blocks<R> {
    /// `read_exact_at` fills its buffer from an offset or fails.
    pub(super) fn new(read_exact_at: R, size: u64) -> Self {
        Self {
            read_exact_at,
            size,
            window: Vec::new(),
            start: 0,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// `len` bytes at `at`; the caller bounds `len`.
    pub(super) fn get(&mut self, at: u64, len: u64) -> Result<&[u8], Flaw> {
        self.end_within(at, len)?;
        let known = self.start..self.start + self.window.len() as u64;
        if !(known.contains(&at) && at + len <= known.end) {
            let ahead = len.max(WINDOW).min(self.size - at);
            self.window.resize(ahead as usize, 0);
            self.start = at;
            if let Err(e) = (self.read_exact_at)(&mut self.window, at) {
                self.window.clear();
                return Err(e.into());
            }
        }
        let from = (at - self.start) as usize;
        Ok(&self.window[from..from + len as usize])
    }

    /// The offset of the header after `size` bytes of data at `start`.
    pub(super) fn end_of_data(&self, start: u64, size: u64) -> Result<u64, Flaw> {
        let padded = size.checked_next_multiple_of(BLOCK as u64);
        self.end_within(start, padded.unwrap_or(u64::MAX))
    }

    fn end_within(&self, start: u64, size: u64) -> Result<u64, Flaw> {
        match start.checked_add(size) {
            Some(end) if end <= self.size => Ok(end),
            _ => Err(Flaw::CutOff {
                at: start,
                size: self.size,
                missing: format!("{size} more at this offset"),
            }),
        }
    }
}
