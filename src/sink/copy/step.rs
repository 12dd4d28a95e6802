//! The steps that a copy consists of.

use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::text::Text;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One thing to do. Each may be done when all that it depends on is done: see
/// [`Queue`](super::queue::Queue).
#[derive(Clone)]
pub enum Step {
    Blob(Arc<Blob>),
    Manifest(Document),
    Root(Root),
}

/// A manifest or index, verified.
#[derive(Clone)]
pub struct Document {
    pub descriptor: Arc<Descriptor>,
    pub bytes: Arc<[u8]>,
}

/// A root, to be put under one name.
#[derive(Clone)]
pub struct Root {
    pub descriptor: Arc<Descriptor>,
    /// `None` where all roots together are too large to be kept until the end: it is read
    /// again then.
    pub bytes: Option<Arc<[u8]>>,
    pub name: Option<Text>,
}

/// A blob to copy.
pub struct Blob {
    pub descriptor: Arc<Descriptor>,
    /// Of a layer, where it is to be checked.
    pub diff_id: Option<Digest>,
    /// The blob was copied for another manifest, only its diff ID is still to be checked.
    pub check_only: bool,
    pub absence: Arc<Absence>,
    /// What the last attempt added to the counters.
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

/// Whether the source may lack a blob, and whether it does.
#[derive(Default)]
pub struct Absence {
    required: AtomicBool,
    left_out: AtomicBool,
}

impl Absence {
    pub fn new(required: bool) -> Arc<Self> {
        Arc::new(Self {
            required: AtomicBool::new(required),
            left_out: AtomicBool::new(false),
        })
    }

    /// Leaves the blob out, unless it is required.
    pub fn leave_out(&self) -> bool {
        self.left_out.store(true, Ordering::SeqCst);
        let required = self.required.load(Ordering::SeqCst);
        if required {
            self.left_out.store(false, Ordering::SeqCst);
        }
        !required
    }

    /// Requires the blob from now on; whether it was left out before.
    pub fn require(&self) -> bool {
        self.required.store(true, Ordering::SeqCst);
        self.left_out.load(Ordering::SeqCst)
    }
}
