//! A stored blob on its way out of a loader.

use super::progress::Progress;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::loader::{Stream, at_most};
use std::sync::Arc;

/// The least that a stream is asked for, however little the caller of the reader wants: a
/// call of it may be a foreign function or a request over the network.
pub const PIECE: usize = 64 * 1024;

/// The stream of a blob, held to its rules and to the size that was declared. That size
/// is only ever compared with, nothing is allocated by it.
pub struct Blob {
    stream: Box<dyn Stream>,
    size: u64,
    read: u64,
    ended: bool,
    ctx: Arc<Context>,
    progress: Arc<Progress>,
}

impl Blob {
    pub fn new(
        stream: Box<dyn Stream>,
        size: u64,
        ctx: Arc<Context>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            stream,
            size,
            read: 0,
            ended: false,
            ctx,
            progress,
        }
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.size - self.read
    }

    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// One call of the stream, for up to `buf.len()` bytes; 0 is the end, in its place,
    /// after which the stream is not asked again.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.ask(buf.len(), |stream, ctx| stream.read(buf, ctx))
    }

    /// Like `read`, into the caller's own buffer, which may be uninitialised.
    pub fn read_foreign(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.ask(buf.len(), |stream, ctx| stream.read_foreign(buf, ctx))
    }

    fn ask(
        &mut self,
        cap: usize,
        read: impl FnOnce(&mut dyn Stream, &Context) -> Result<usize>,
    ) -> Result<usize> {
        self.ctx.check()?;
        if self.ended {
            return Ok(0);
        }
        let n = at_most(cap, read(&mut *self.stream, &self.ctx)?)?;
        if n as u64 > self.left() {
            return Err(Error::size_mismatch(format_args!(
                "content goes on after {} bytes, expected its end there",
                self.size
            )));
        }
        if n == 0 && self.left() > 0 {
            return Err(Error::size_mismatch(format_args!(
                "content ends after {} bytes, expected {}",
                self.read, self.size
            )));
        }
        self.ended = n == 0;
        self.read += n as u64;
        self.progress.set_stored_read(self.read);
        Ok(n)
    }
}
