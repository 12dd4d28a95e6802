//! The progress of a copy, and its reports.

use crate::descriptor::Descriptor;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The event of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes of a blob were read, and written unless the sink had them.
    Blob,
    BlobDone,
    /// The sink has the blob already, or it is skipped.
    BlobSkipped,
    /// The bytes written of the blob are lost, and are written again.
    Restarted,
    /// A manifest or index below the root was put.
    Manifest,
    /// A root was put, under one of its names.
    Root,
}

/// Of all blobs of a copy; the totals grow while documents are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub bytes_done: u64,
    pub bytes_skipped: u64,
    pub bytes_total: u64,
    pub blobs_done: u32,
    pub blobs_skipped: u32,
    pub blobs_total: u32,
}

/// One report.
#[derive(Clone, Debug)]
pub struct Progress {
    pub event: Event,
    pub descriptor: Arc<Descriptor>,
    /// Bytes of the content that are in the sink so far.
    pub blob_bytes: u64,
    pub counters: Counters,
}

pub type Observer = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Reports that may wait while another thread delivers. Beyond this number, reports of single
/// chunks are dropped; their bytes are in the next report.
const MAX_WAITING_CHUNKS: usize = 64;

/// Counts, and reports to an observer.
///
/// An observer sees the counters in the order in which they changed, on any number of
/// threads: one thread at a time delivers the reports of all. No lock is held while the
/// observer runs; a thread whose report waits for delivery continues its work.
pub struct Meter {
    observer: Option<Observer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counters: Counters,
    waiting: VecDeque<Progress>,
    delivering: bool,
}

impl Meter {
    pub fn new(observer: Option<Observer>) -> Self {
        Self {
            observer,
            state: Mutex::default(),
        }
    }

    /// Counts without a report.
    pub fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.lock().counters);
    }

    /// Counts and reports.
    pub fn report(
        &self,
        event: Event,
        descriptor: &Arc<Descriptor>,
        blob_bytes: u64,
        change: impl FnOnce(&mut Counters),
    ) {
        let mut state = self.lock();
        change(&mut state.counters);
        let Some(observer) = &self.observer else {
            return;
        };
        let chunk = event == Event::Blob;
        if chunk && state.delivering && state.waiting.len() >= MAX_WAITING_CHUNKS {
            return;
        }
        let progress = Progress {
            event,
            descriptor: descriptor.clone(),
            blob_bytes,
            counters: state.counters,
        };
        state.waiting.push_back(progress);
        if state.delivering {
            return;
        }
        state.delivering = true;
        drop(state);
        let _end = Delivering(self);
        while let Some(progress) = self.next() {
            observer(&progress);
        }
    }

    /// The next report to deliver. Delivering ends with the same lock that finds none: a
    /// report that is made later finds nobody delivering.
    fn next(&self) -> Option<Progress> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        state.delivering = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends delivering when an observer panics.
struct Delivering<'a>(&'a Meter);

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().delivering = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Algorithm, Digest};
    use crate::text::Text;
    use std::thread;

    fn descriptor() -> Arc<Descriptor> {
        let digest = Digest::of(Algorithm::Sha256, b"");
        Arc::new(Descriptor::new(Text::new("a/b").unwrap(), digest, 0))
    }

    #[test]
    fn threads_report_in_the_order_of_the_counters() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let observer: Observer = {
            let seen = seen.clone();
            Arc::new(move |p: &Progress| {
                // Never two at once.
                let mut seen = seen.try_lock().expect("one delivery at a time");
                seen.push(p.counters.bytes_done);
                thread::yield_now();
            })
        };
        let meter = Meter::new(Some(observer));
        let d = descriptor();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        meter.report(Event::Blob, &d, 0, |c| c.bytes_done += 1);
                    }
                    meter.report(Event::BlobDone, &d, 0, |c| c.bytes_done += 1);
                });
            }
        });
        let seen = seen.lock().unwrap();
        assert!(seen.is_sorted_by(|a, b| a < b));
        // The last report is never dropped.
        assert_eq!(seen.last(), Some(&(8 * 501)));
    }
}
