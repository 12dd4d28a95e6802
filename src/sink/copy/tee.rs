//! A stream that copies the stored bytes of a layer while they are decompressed.

use super::transfer::Output;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::loader::{Stream, at_most};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A stream that also writes the bytes read from it to the sink.
pub struct Tee {
    stream: Box<dyn Stream>,
    /// Bytes of the blob that were not read yet.
    left: u64,
    output: Arc<Mutex<Option<Output>>>,
}

impl Tee {
    pub fn new(stream: Box<dyn Stream>, size: u64, output: Arc<Mutex<Option<Output>>>) -> Self {
        Self {
            stream,
            left: size,
            output,
        }
    }

    fn output(&self) -> MutexGuard<'_, Option<Output>> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Tee {
    fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        let n = at_most(buf.len(), self.stream.read(buf, ctx)?)?;
        // The reader refuses more bytes than the blob has: none of them is written.
        if n == 0 || n as u64 > self.left {
            return Ok(n);
        }
        self.left -= n as u64;
        // Taken out so that no lock is held while the sink runs.
        let output = self.output().take();
        let mut output = output.ok_or_else(|| Error::internal("the writer is gone"))?;
        output.take(&buf[..n])?;
        *self.output() = Some(output);
        Ok(n)
    }
}
