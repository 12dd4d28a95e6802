//! The progress of a reader.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The state of a reader that any thread may ask for, also from inside a callback.
#[derive(Debug, Default)]
pub struct Progress {
    stored_read: AtomicU64,
    verified: AtomicBool,
}

impl Progress {
    /// Bytes of the stored blob that were read so far.
    pub fn stored_read(&self) -> u64 {
        self.stored_read.load(Ordering::Relaxed)
    }

    pub fn set_stored_read(&self, bytes: u64) {
        self.stored_read.store(bytes, Ordering::Relaxed);
    }

    /// Whether the end was reached and all of it was verified.
    pub fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Acquire)
    }

    pub fn set_verified(&self) {
        self.verified.store(true, Ordering::Release);
    }
}
