//! The loader trait: where images come from.

use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::text::Text;

/// A source of manifests and blobs. A program's table of callbacks is one, the built-in
/// sources are others; no reader depends on which it is, and all content is verified before
/// it is trusted.
///
/// Missing content is NOT_FOUND. Calls come from several threads at once.
pub trait Loader: Send + Sync {
    /// The digest that the root must have, where the source knows it.
    fn root_digest(&self, _ctx: &Context) -> Result<Option<String>> {
        Ok(None)
    }

    /// Whether the source's own format requires its root to be an index; a manifest there
    /// is MALFORMED.
    fn root_is_index(&self) -> bool {
        false
    }

    /// The name that the source's own format gives to the root's `i`-th descriptor. Names
    /// in the descriptor's annotations need not be repeated here.
    fn entry_name(&self, _i: usize) -> Option<Text> {
        None
    }

    /// The file that the root is read from, for messages; `None` where there is none.
    fn root_file(&self) -> Option<String> {
        None
    }

    /// The file with the content of this digest, for messages, be it there or not; `None`
    /// where there is none.
    fn file(&self, _digest: &Digest) -> Option<String> {
        None
    }

    /// The index or manifest to start from.
    fn open_root_manifest(&self, ctx: &Context) -> Result<Box<dyn Stream>>;

    /// The manifest or index with this digest.
    fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>>;

    /// The config, layer or other blob with this digest.
    fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>>;
}

/// A stream of bytes from a loader. Dropping it closes it.
pub trait Stream: Send {
    /// Up to `buf.len()` (more than 0) bytes into `buf` and their number; 0 is the end.
    fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize>;

    /// Like `read`, into the caller's own buffer, which may be uninitialised: never read it
    /// before writing it. Override this if the stream may report bytes that it did not write.
    fn read_foreign(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        self.read(buf, ctx)
    }
}

/// Checks the byte count of a read of at most `cap`; CALLBACK_CONTRACT if it is larger.
pub fn at_most(cap: usize, n: usize) -> Result<usize> {
    if n <= cap {
        return Ok(n);
    }
    Err(Error::callback_contract(format_args!(
        "a read gave {n} bytes, expected at most the {cap} asked for"
    )))
}

/// Bytes in memory: `Cursor<Vec<u8>>`, `Cursor<Arc<[u8]>>` and the like.
impl<T: AsRef<[u8]> + Send> Stream for std::io::Cursor<T> {
    fn read(&mut self, buf: &mut [u8], _ctx: &Context) -> Result<usize> {
        Ok(std::io::Read::read(self, buf).expect("memory can be read"))
    }
}
