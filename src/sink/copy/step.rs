//! The steps of a copy.

use super::roots::RootList;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One step. It may be done when everything that it depends on is finished: see
/// [`Queue`](super::queue::Queue).
#[derive(Clone)]
pub enum Step {
    Blob(Arc<Blob>),
    Manifest(Document),
    /// The roots, after everything else.
    Roots(Arc<RootList>),
}

/// A manifest or index, verified.
#[derive(Clone)]
pub struct Document {
    pub descriptor: Arc<Descriptor>,
    pub bytes: Arc<[u8]>,
}

/// A blob to copy.
pub struct Blob {
    pub descriptor: Arc<Descriptor>,
    /// The diff ID of a layer, if it is checked.
    pub diff_id: Option<Digest>,
    /// The blob was copied for another manifest, only its diff ID is still to be checked.
    pub check_only: bool,
    pub absence: Absence,
    /// The amounts that the last attempt added to the counters.
    pub counted: Mutex<Counted>,
}

impl Blob {
    pub fn lock_counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take_counted(&self) -> Counted {
        mem::take(&mut *self.lock_counted())
    }
}

#[derive(Clone, Copy, Default)]
pub struct Counted {
    pub done: u64,
    pub skipped: u64,
}

impl Counted {
    pub fn add(&mut self, other: Self) {
        self.done += other.done;
        self.skipped += other.skipped;
    }
}

/// Whether a blob is required, optional or missing.
#[derive(Clone)]
pub enum Absence {
    Required,
    Optional(Arc<Optional>),
}

/// A blob that was optional when it was first named.
#[derive(Default)]
pub struct Optional {
    required: AtomicBool,
    left_out: AtomicBool,
}

impl Absence {
    pub fn new(required: bool) -> Self {
        match required {
            true => Self::Required,
            false => Self::Optional(Arc::default()),
        }
    }

    /// Skips the blob, unless it is required.
    pub fn leave_out(&self) -> bool {
        let Self::Optional(blob) = self else {
            return false;
        };
        blob.left_out.store(true, Ordering::SeqCst);
        let required = blob.required.load(Ordering::SeqCst);
        if required {
            blob.left_out.store(false, Ordering::SeqCst);
        }
        !required
    }

    /// Requires the blob from now on; returns whether it was skipped before.
    pub fn require(&self) -> bool {
        let Self::Optional(blob) = self else {
            return false;
        };
        blob.required.store(true, Ordering::SeqCst);
        blob.left_out.load(Ordering::SeqCst)
    }
}
