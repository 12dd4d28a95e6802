//! The interface of decoders: decompression in steps.

use crate::error::{Error, Result};

/// Bytes that one step took from its input and wrote to its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub read: usize,
    pub written: usize,
}

/// Undoes a compression over any number of members or frames.
pub trait Decoder: Send {
    /// Goes on with `input` and writes to `out`, which has room. A step with input reads
    /// or writes at least a byte; one that leaves input unread or has filled `out` may
    /// have more to give.
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step>;

    /// A step that is known to be one: no loop over steps goes on forever.
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        let step = self.step(input, out)?;
        if step == Step::default() && !input.is_empty() {
            return Err(Error::internal("the decoder makes no progress"));
        }
        Ok(step)
    }

    /// Ends the input: MALFORMED within a member, frame or stream.
    fn finish(&mut self) -> Result<()>;

    /// Bytes to unpack at once. The more, the less often the thread that unpacks and the
    /// one that hashes wait for each other; but some chunks of that size, with what the
    /// decoder holds beside its window, are to stay below 1 MiB.
    fn room(&self) -> usize;
}
