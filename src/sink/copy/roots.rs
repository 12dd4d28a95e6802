//! Putting the roots of a copy.

use super::progress::{Event, Meter};
use super::source::Source;
use crate::context::Context;
use crate::error::Result;
use crate::sink::roots::{Root, Roots};
use crate::sink::target::Sink;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All roots of a copy, in their order.
pub struct RootList {
    roots: Vec<ReadRoot>,
    /// The number of roots that are put. One thread at a time puts roots.
    put: AtomicUsize,
}

/// A root that the walk visited.
pub struct ReadRoot {
    pub root: Root,
    /// `None` if all roots together are too large to be kept until the end: then it is read
    /// again.
    pub bytes: Option<Arc<[u8]>>,
}

impl RootList {
    pub fn new(roots: Vec<ReadRoot>) -> Self {
        Self {
            roots,
            put: AtomicUsize::new(0),
        }
    }
}

/// Puts the roots that are not put yet.
pub struct PutRoots<'a> {
    pub list: &'a RootList,
    pub source: &'a Source,
    pub meter: &'a Meter,
    pub ctx: &'a Context,
    /// Fails when another thread of the copy failed, or a context was cancelled.
    pub check: &'a dyn Fn() -> Result<()>,
}

impl PutRoots<'_> {
    pub fn run(&self, sink: &dyn Sink) -> Result<()> {
        let mut cursor = Cursor {
            copy: self,
            next: self.list.put.load(Ordering::Acquire),
            current: None,
        };
        let put = sink.put_roots(&mut cursor, self.ctx);
        put.map_err(|e| match cursor.current {
            Some(root) => e.with_digest(root.descriptor.digest.text()),
            None => e,
        })
    }
}

/// The place of a sink in the list.
struct Cursor<'a> {
    copy: &'a PutRoots<'a>,
    next: usize,
    /// The root that the sink got last.
    current: Option<&'a Root>,
}

impl Roots for Cursor<'_> {
    fn next(&mut self) -> Result<Option<(Root, Arc<[u8]>)>> {
        let copy = self.copy;
        self.current = None;
        let Some(ReadRoot { root, bytes }) = copy.list.roots.get(self.next) else {
            return Ok(None);
        };
        (copy.check)()?;
        let bytes = match bytes {
            Some(bytes) => bytes.clone(),
            None => copy.source.document(&root.descriptor, copy.ctx)?,
        };
        self.current = Some(root);
        self.next += 1;
        Ok(Some((root.clone(), bytes)))
    }

    fn put(&mut self, count: usize) {
        let copy = self.copy;
        let first = copy.list.put.fetch_add(count, Ordering::AcqRel);
        for ReadRoot { root, .. } in &copy.list.roots[first..first + count] {
            let d = &root.descriptor;
            copy.meter.report(Event::Root, d, d.size, |_| {});
        }
    }
}
