//! The sink trait: a target that images are written to.

use super::roots::Roots;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::error::{Error, Result};
use std::num::NonZeroU32;
use std::sync::Arc;

/// A target of blobs, manifests and roots. A program's table of callbacks and the built-in
/// sinks implement it; copying does not depend on which it is.
///
/// Content is pushed in an order that leaves no visible document incomplete: a manifest comes
/// after everything that it names, the roots come last. Every document is verified before it is
/// handed over, every blob before it is committed. Calls come from several threads at once, but
/// no more than [`max_streams`](Self::max_streams) blobs are open at a time. Dropping the sink
/// without [`finish`](Self::finish) discards everything that is not visible yet.
pub trait Sink: Send + Sync {
    /// Blobs that may be open at once; `None` is any number. With 1, blobs come in a fixed
    /// order, however many threads copy.
    fn max_streams(&self) -> Option<NonZeroU32> {
        None
    }

    /// Whether the complete blob is there; then its source is not read.
    fn has_blob(&self, _d: &Descriptor, _ctx: &Context) -> Result<bool> {
        Ok(false)
    }

    /// Starts to write a blob.
    fn begin_blob(&self, d: &Arc<Descriptor>, ctx: &Context) -> Result<Begin>;

    /// Stores a manifest or index below a root, as a blob; everything that it names is
    /// there.
    fn put_manifest(&self, d: &Arc<Descriptor>, bytes: &[u8], ctx: &Context) -> Result<()>;

    /// Stores the roots of a copy and lists each under its name, or without one, in their
    /// order. Everything that they name is there.
    ///
    /// An existing name is replaced. Each root is recorded as put when it is stored and
    /// listed. After a failure the recorded roots stay listed, others may; the next call gets
    /// the roots after the recorded ones.
    fn put_roots(&self, roots: &mut dyn Roots, ctx: &Context) -> Result<()>;

    /// Completes the target; nothing is written afterwards. A second call is
    /// INVALID_ARGUMENT.
    fn finish(&self, ctx: &Context) -> Result<()>;
}

/// How a sink begins a blob.
pub enum Begin {
    /// The blob is there already.
    Exists,
    Write {
        writer: Box<dyn BlobWriter>,
        /// Bytes from an earlier attempt that are there: writing starts after them.
        offset: u64,
    },
}

/// One blob that is being written to a sink. Dropping it without [`commit`](Self::commit)
/// aborts: nothing becomes visible.
pub trait BlobWriter: Send {
    /// Writes all bytes (more than 0) or fails. RESTART: the bytes written are lost; drop
    /// the writer and begin the blob again.
    fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()>;

    /// Makes the blob visible. Called only after its size and digest were verified.
    /// RESTART: as in [`write`](Self::write). EXISTS: another writer was faster, which is
    /// success.
    fn commit(self: Box<Self>, ctx: &Context) -> Result<()>;
}

/// The error of a call that comes after [`Sink::finish`].
pub fn finished() -> Error {
    Error::invalid_argument("the sink is finished: expected no further call")
}
