//! How a blob is read.

use crate::compression::DEFAULT_MAX_WINDOW_SIZE;

/// The bytes that a reader returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The blob as it is stored. Size and digest are checked.
    Stored,
    /// The decompressed blob: a tar stream, if it is a layer. The diff ID is checked too.
    Uncompressed,
}

/// Limits and threads of a reader in [`Mode::Uncompressed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The most bytes that a reader may return.
    pub max_uncompressed_size: Option<u64>,
    /// The largest window of a zstd frame, or dictionary of an xz block, in bytes.
    pub max_window_size: u64,
    /// Threads that may be started to hash beside decompressing. More than one is never
    /// used.
    pub workers: u32,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_uncompressed_size: None,
            max_window_size: DEFAULT_MAX_WINDOW_SIZE,
            workers: 0,
        }
    }
}
