//! A stored blob, read from a loader.

use super::progress::Progress;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::loader::{Stream, at_most};
use std::sync::Arc;

/// The least that a stream is asked for, however small the caller's reads: a call may be a
/// foreign function or a request over the network.
pub const PIECE: usize = 64 * 1024;

/// The stream of a blob, checked against its rules and the declared size. That size is only
/// compared, never used for an allocation.
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

    /// Bytes left to read.
    pub fn left(&self) -> u64 {
        self.size - self.read
    }

    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// One call of the stream, for up to `buf.len()` bytes; 0 is the end, at the declared
    /// size. The stream is not called after it.
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
