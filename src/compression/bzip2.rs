//! bzip2: no specification; <https://sourceware.org/bzip2/> is the reference.

use super::decoder::{Decoder, Step};
use crate::error::{Error, Result};
use bzip2::{Decompress, Status};

/// An empty stream, with `_` for the digit of its level.
const EMPTY: [u8; 14] = *b"BZh_\x17\x72\x45\x38\x50\x90\0\0\0\0";
const LEVEL: usize = 3;

/// Any number of streams, one after the other. libbz2 checks the CRC of each block and of
/// each stream. A block has at most 900 kB, so memory is bounded by the format.
///
/// Skips empty streams itself: libbz2 prepares 3.6 MB for each, which made 14 bytes take
/// 100 microseconds.
pub struct Bzip2 {
    /// The current stream; `None` between two streams.
    stream: Option<Decompress>,
    /// The `start_len` bytes since the last stream; so far they can still be an empty
    /// stream.
    start: [u8; EMPTY.len()],
    start_len: usize,
}

impl Bzip2 {
    pub fn new() -> Self {
        Self {
            stream: None,
            start: EMPTY,
            start_len: 0,
        }
    }

    /// Takes the bytes of `input` that can belong to an empty stream, and begins a stream
    /// at the first byte that cannot.
    fn begin(&mut self, input: &[u8]) -> Result<usize> {
        for (read, byte) in input.iter().enumerate() {
            let fits = match self.start_len {
                LEVEL => matches!(byte, b'1'..=b'9'),
                at => *byte == EMPTY[at],
            };
            if fits {
                self.start[self.start_len] = *byte;
                self.start_len = (self.start_len + 1) % EMPTY.len();
                continue;
            }
            if self.start_len == 0 {
                return Err(Error::malformed(format_args!(
                    "bzip2: byte {byte:#04x} after the last stream, expected the end or another stream"
                )));
            }
            // The fast algorithm, not the one that saves memory.
            let stream = self.stream.insert(Decompress::new(false));
            let start = &self.start[..self.start_len];
            stream.decompress(start, &mut []).map_err(failure)?;
            self.start_len = 0;
            return Ok(read);
        }
        Ok(input.len())
    }
}

fn failure(e: bzip2::Error) -> Error {
    Error::malformed(match e {
        bzip2::Error::DataMagic => "bzip2: a stream starts with other bytes than BZh1 to BZh9",
        _ => "bzip2: invalid compressed data",
    })
}

impl Decoder for Bzip2 {
    fn room(&self) -> usize {
        96 * 1024
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        if self.stream.is_none() {
            let read = self.begin(input)?;
            if read > 0 {
                return Ok(Step { read, written: 0 });
            }
        }
        let Some(stream) = &mut self.stream else {
            return Ok(Step::default());
        };
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(input, out).map_err(failure)?;
        // Both fit into usize: they are differences within the two slices.
        let step = Step {
            read: (stream.total_in() - read) as usize,
            written: (stream.total_out() - written) as usize,
        };
        match status {
            Status::StreamEnd => self.stream = None,
            Status::MemNeeded => {
                return Err(Error::limit_exceeded("bzip2: no memory for a block"));
            }
            _ => {}
        }
        Ok(step)
    }

    fn finish(&mut self) -> Result<()> {
        match (&self.stream, self.start_len) {
            (None, 0) => Ok(()),
            _ => Err(Error::malformed("bzip2: content ends within a stream")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_streams_cost_little() {
        let mut empty = EMPTY;
        empty[LEVEL] = b'9';
        let stored = empty.repeat(100_000);
        let start = std::time::Instant::now();
        for piece in [1000, 1_400_000] {
            let mut bzip2 = Bzip2::new();
            for piece in stored.chunks(piece) {
                let step = bzip2.decode(piece, &mut [0]).unwrap();
                assert_eq!((step.read, step.written), (piece.len(), 0));
            }
            bzip2.finish().unwrap();
        }
        // With libbz2 it was 10 seconds for each.
        assert!(start.elapsed().as_secs() < 5);
    }
}
