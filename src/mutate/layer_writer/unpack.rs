//! The diff ID of a layer that is compressed already.

use super::head::TarCheck;
use crate::compression::{Compression, DEFAULT_MAX_WINDOW_SIZE, Decoder, HEAD};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::Result;

/// Unpacks stored bytes only to hash and check the content.
pub struct Unpack {
    state: State,
    check: TarCheck,
    diff_id: Hasher,
    room: Box<[u8]>,
}

enum State {
    /// Too few bytes to detect the compression.
    Head(Vec<u8>),
    Plain,
    Compressed(Compression, Box<dyn Decoder>),
}

impl Unpack {
    pub fn new(algorithm: Algorithm, max_size: Option<u64>) -> Self {
        Self {
            state: State::Head(Vec::with_capacity(HEAD)),
            check: TarCheck::new(max_size),
            diff_id: Hasher::new(algorithm),
            room: vec![0; 96 << 10].into_boxed_slice(),
        }
    }

    pub fn write(&mut self, mut stored: &[u8]) -> Result<()> {
        if let State::Head(head) = &mut self.state {
            let (start, rest) = stored.split_at((HEAD - head.len()).min(stored.len()));
            head.extend_from_slice(start);
            if head.len() < HEAD {
                return Ok(());
            }
            self.detect()?;
            stored = rest;
        }
        self.decode(stored)
    }

    pub fn finish(mut self) -> Result<(Digest, Compression)> {
        if matches!(self.state, State::Head(_)) {
            self.detect()?;
        }
        let compression = match &mut self.state {
            State::Compressed(compression, decoder) => {
                decoder.finish()?;
                *compression
            }
            _ => Compression::None,
        };
        self.check.finish()?;
        Ok((self.diff_id.finish(), compression))
    }

    fn detect(&mut self) -> Result<()> {
        let State::Head(head) = std::mem::replace(&mut self.state, State::Plain) else {
            return Ok(());
        };
        let compression = Compression::of(&head);
        if let Some(decoder) = compression.decoder(DEFAULT_MAX_WINDOW_SIZE)? {
            self.state = State::Compressed(compression, decoder);
        }
        self.decode(&head)
    }

    fn decode(&mut self, mut stored: &[u8]) -> Result<()> {
        let State::Compressed(_, decoder) = &mut self.state else {
            self.check.update(stored)?;
            self.diff_id.update(stored);
            return Ok(());
        };
        loop {
            let step = decoder.decode(stored, &mut self.room)?;
            let unpacked = &self.room[..step.written];
            self.check.update(unpacked)?;
            self.diff_id.update(unpacked);
            stored = &stored[step.read..];
            if stored.is_empty() && step.written < self.room.len() {
                return Ok(());
            }
        }
    }
}
