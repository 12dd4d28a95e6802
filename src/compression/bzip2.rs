//! bzip2: no specification; <https://sourceware.org/bzip2/> is the reference.

use super::decoder::{Decoder, Step};
use crate::error::{Error, Result};
use bzip2::{Decompress, Status};

/// Any number of streams, one after the other. libbz2 checks the CRC of each block and of
/// each stream. A block has at most 900 kB, so memory is bounded by the format.
pub struct Bzip2 {
    /// The current stream; `None` between two streams.
    stream: Option<Decompress>,
}

impl Bzip2 {
    pub fn new() -> Self {
        Self { stream: None }
    }
}

impl Decoder for Bzip2 {
    fn room(&self) -> usize {
        96 * 1024
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        let stream = match (&mut self.stream, input.first()) {
            (Some(stream), _) => stream,
            (None, None) => return Ok(Step::default()),
            // The fast algorithm, not the one that saves memory.
            (stream @ None, Some(b'B')) => stream.insert(Decompress::new(false)),
            (None, Some(other)) => {
                return Err(Error::malformed(format_args!(
                    "bzip2: byte {other:#04x} after the last stream, expected the end or another stream"
                )));
            }
        };
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(input, out).map_err(|e| match e {
            bzip2::Error::DataMagic => {
                Error::malformed("bzip2: a stream starts with other bytes than BZh1 to BZh9")
            }
            _ => Error::malformed("bzip2: invalid compressed data"),
        })?;
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
        match self.stream {
            None => Ok(()),
            Some(_) => Err(Error::malformed("bzip2: content ends within a stream")),
        }
    }
}
