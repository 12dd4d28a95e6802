//! The interface of decoders: decompression in steps.

use crate::error::{Error, Result};

/// Bytes that one step took from its input and wrote to its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub read: usize,
    pub written: usize,
}

/// Decompresses any number of members, streams or frames.
pub trait Decoder: Send {
    /// Decompresses from `input` into `out`, which has room. A step with input reads or
    /// writes at least one byte; after a step that left input unread or filled `out` there
    /// may be more output.
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step>;

    /// Runs a step and checks that it made progress, so that no loop over steps is endless.
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        let step = self.step(input, out)?;
        if step == Step::default() && !input.is_empty() {
            return Err(Error::internal("the decoder makes no progress"));
        }
        Ok(step)
    }

    /// Ends the input: MALFORMED within a member, frame or stream.
    fn finish(&mut self) -> Result<()>;

    /// Bytes unpacked at once. Larger chunks make the decompressing and the hashing thread
    /// wait for each other less often; but several chunks and the decoder's memory beside
    /// its window must stay below 1 MiB together.
    fn room(&self) -> usize;
}
