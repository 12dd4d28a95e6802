//! The output of an archive.

use super::encoding::Encoding;
use super::target::Target;
use crate::context::Context;
use crate::error::{Error, Result};

/// Small writes are buffered, so that a target gets large ones.
const CHUNK: usize = 64 << 10;

/// Compresses, buffers and writes. After a failure nothing more is written: the state of
/// the target is unknown.
pub struct Output {
    encoding: Option<Encoding>,
    pending: Vec<u8>,
    target: Box<dyn Target>,
    failure: Option<Error>,
}

impl Output {
    pub fn new(target: Box<dyn Target>, encoding: Option<Encoding>) -> Self {
        Self {
            encoding,
            pending: Vec::new(),
            target,
            failure: None,
        }
    }

    pub fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        self.attempt(|output| match &mut output.encoding {
            None => output.collect(bytes, ctx),
            Some(encoding) => {
                encoding.write(bytes, &mut output.pending)?;
                match output.pending.len() {
                    0..CHUNK => Ok(()),
                    _ => output.flush(ctx),
                }
            }
        })
    }

    /// Ends the compression and completes the target.
    pub fn finish(&mut self, ctx: &Context) -> Result<()> {
        self.attempt(|output| {
            if let Some(encoding) = output.encoding.take() {
                encoding.finish(&mut output.pending)?;
            }
            output.flush(ctx)?;
            output.target.finish()
        })
    }

    /// Records that the archive is lost.
    pub fn fail(&mut self, e: Error) {
        self.failure.get_or_insert(e);
    }

    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    fn attempt(&mut self, run: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        run(self).inspect_err(|e| self.failure = Some(e.clone()))
    }

    fn collect(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        if self.pending.len() + bytes.len() > CHUNK {
            self.flush(ctx)?;
            if bytes.len() >= CHUNK {
                return self.target.write(bytes, ctx);
            }
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self, ctx: &Context) -> Result<()> {
        if !self.pending.is_empty() {
            self.target.write(&self.pending, ctx)?;
            self.pending.clear();
        }
        Ok(())
    }
}
