//! OCI archives, in a file or as a stream of bytes.
//!
//! An archive is written in one pass and not read again: one blob at a time, in the order
//! in which a copy hands them over, so that the same content gives the same bytes.

mod body;
mod docker;
mod encoding;
mod output;
mod target;

use super::options::SinkOptions;
use super::roots::Roots;
use super::target::{Begin, BlobWriter, Sink, finished};
use super::thread::ThreadId;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::error::{Error, Result};
use body::Body;
use encoding::Encoding;
use output::Output;
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use target::FileTarget;

pub use target::Target;

/// How often a waiting thread checks its context: cancelling wakes no thread.
const POLL: Duration = Duration::from_millis(10);

/// An archive that images are written to.
pub struct ArchiveSink(Arc<Shared>);

/// State shared by the sink and the open blob.
struct Shared {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    /// `None` while a call writes: it holds no lock, since the target may be a program's
    /// callback.
    body: Option<Box<Body>>,
    /// The thread that has a blob open or runs a call that writes.
    holder: Option<ThreadId>,
    /// Content of the archive so far.
    blobs: HashSet<Digest>,
    /// The error of all further calls: the archive is complete, or lost.
    end: Option<Error>,
}

impl ArchiveSink {
    /// An archive in a file, which appears when it is complete.
    pub fn create(path: &Path, options: &SinkOptions) -> Result<Self> {
        let target = || -> Result<Box<dyn Target>> {
            let sync = !options.no_sync;
            Ok(Box::new(FileTarget::create(
                path,
                options.must_be_new,
                sync,
            )?))
        };
        Self::with_target(target, options)
    }

    /// An archive written to a custom target, which is made once the options were checked.
    pub fn with_target(
        target: impl FnOnce() -> Result<Box<dyn Target>>,
        options: &SinkOptions,
    ) -> Result<Self> {
        let encoding = Encoding::new(options.compression)?;
        let output = Output::new(target()?, encoding);
        let state = State {
            body: Some(Box::new(Body::new(output, options.docker))),
            holder: None,
            blobs: HashSet::new(),
            end: None,
        };
        Ok(Self(Arc::new(Shared {
            state: Mutex::new(state),
            freed: Condvar::new(),
        })))
    }

    /// Writes a document, unless it is there already.
    fn put_document(&self, d: &Descriptor, bytes: &[u8], ctx: &Context) -> Result<()> {
        let held = self.0.hold(ctx)?;
        if !self.has_blob(d, ctx)? {
            self.0.write(|body| body.write_blob(d, bytes, ctx))?;
            self.0.lock()?.blobs.insert(d.digest.clone());
        }
        self.0.write(|body| {
            body.note(d, bytes);
            Ok(())
        })?;
        drop(held);
        Ok(())
    }
}

impl Shared {
    /// The state, unless the archive is complete or lost.
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.lock_anyway();
        match &state.end {
            Some(end) => Err(end.clone()),
            None => Ok(state),
        }
    }

    fn lock_anyway(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread writes. BUSY where it is this one: a callback of the
    /// archive's target writes to the archive.
    fn hold(self: &Arc<Self>, ctx: &Context) -> Result<Held> {
        let me = ThreadId::current();
        let mut state = self.lock()?;
        while let Some(holder) = state.holder {
            if holder == me {
                return Err(Error::busy(
                    "the archive is being written by this thread: expected one call after the other",
                ));
            }
            ctx.check()?;
            let waited = self.freed.wait_timeout(state, POLL);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            state = self.lock()?;
        }
        ctx.check()?;
        state.holder = Some(me);
        Ok(Held(self.clone()))
    }

    /// Runs a write of the holder of the archive. A failure of the target is final.
    fn write<R>(&self, write: impl FnOnce(&mut Body) -> Result<R>) -> Result<R> {
        let body = self.lock()?.body.take();
        let mut body = body.ok_or_else(|| Error::internal("the archive is written twice"))?;
        let result = write(&mut body);
        let mut state = self.lock_anyway();
        state.end = body.output.failure().cloned();
        state.body = Some(body);
        result
    }
}

/// The right to write, until it is dropped.
struct Held(Arc<Shared>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock_anyway().holder = None;
        self.0.freed.notify_all();
    }
}

impl Sink for ArchiveSink {
    fn max_streams(&self) -> Option<NonZeroU32> {
        Some(NonZeroU32::MIN)
    }

    fn has_blob(&self, d: &Descriptor, _ctx: &Context) -> Result<bool> {
        Ok(self.0.lock()?.blobs.contains(&d.digest))
    }

    fn begin_blob(&self, d: &Arc<Descriptor>, ctx: &Context) -> Result<Begin> {
        let held = self.0.hold(ctx)?;
        if self.has_blob(d, ctx)? {
            return Ok(Begin::Exists);
        }
        let wants_content = self.0.write(|body| Ok(body.wants_content(d)))?;
        let writer = ArchiveBlob {
            held,
            content: wants_content.then(Vec::new),
            descriptor: d.clone(),
            is_begun: false,
            left: d.size,
            failure: None,
        };
        Ok(Begin::Write {
            writer: Box::new(writer),
            offset: 0,
        })
    }

    fn put_manifest(&self, d: &Arc<Descriptor>, bytes: &[u8], ctx: &Context) -> Result<()> {
        self.put_document(d, bytes, ctx)
    }

    fn put_roots(&self, roots: &mut dyn Roots, ctx: &Context) -> Result<()> {
        while let Some((root, bytes)) = roots.next()? {
            self.put_document(&root.descriptor, &bytes, ctx)?;
            let held = self.0.hold(ctx)?;
            self.0.write(|body| body.list(&root))?;
            drop(held);
            roots.put(1);
        }
        Ok(())
    }

    fn finish(&self, ctx: &Context) -> Result<()> {
        let _held = self.0.hold(ctx)?;
        self.0.write(|body| body.finish(ctx))?;
        self.0.lock_anyway().end = Some(finished());
        Ok(())
    }
}

/// A blob that is being written into the archive.
struct ArchiveBlob {
    held: Held,
    descriptor: Arc<Descriptor>,
    /// Whether its header was written. It is delayed until the first bytes, so that a
    /// source that fails at once costs nothing.
    is_begun: bool,
    left: u64,
    /// The bytes written so far of a document that must be kept.
    content: Option<Vec<u8>>,
    failure: Option<Error>,
}

impl ArchiveBlob {
    fn write_next(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        ctx.check()?;
        let d = &*self.descriptor;
        let too_much = || Error::internal("more bytes than the descriptor has");
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(too_much)?;
        if let Some(content) = &mut self.content {
            content.extend_from_slice(bytes);
        }
        let begin = !std::mem::replace(&mut self.is_begun, true);
        self.held.0.write(|body| {
            if begin {
                body.begin_blob(d, ctx)?;
            }
            body.output.write(bytes, ctx)
        })
    }
}

impl BlobWriter for ArchiveBlob {
    fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        self.write_next(bytes, ctx)
            .inspect_err(|e| self.failure = Some(e.clone()))
    }

    fn commit(mut self: Box<Self>, ctx: &Context) -> Result<()> {
        self.write(&[], ctx)?;
        if self.left > 0 {
            return Err(Error::internal("fewer bytes than the descriptor has"));
        }
        let d = self.descriptor.clone();
        let content = self.content.take();
        self.held.0.write(|body| {
            if let Some(content) = content {
                body.note_config(&d, &content);
            }
            body.end_blob(&d, ctx)
        })?;
        self.held.0.lock()?.blobs.insert(d.digest.clone());
        self.is_begun = false;
        Ok(())
    }
}

impl Drop for ArchiveBlob {
    /// A started entry cannot be undone: the archive is lost.
    fn drop(&mut self) {
        if !self.is_begun {
            return;
        }
        let failure = self.failure.take().unwrap_or_else(|| {
            Error::io("the archive ends in the middle of a blob, whose source failed")
                .with_digest(self.descriptor.digest.text())
        });
        let lost = self.held.0.write(|body| {
            body.output.fail(failure);
            Ok(())
        });
        // It fails if the archive is lost already.
        drop(lost);
    }
}
