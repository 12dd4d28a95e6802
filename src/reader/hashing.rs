//! Hashing of the stored and of the unpacked content, on a thread of its own.
//!
//! Each of the two is a lane with a hasher of its own. The states of a chunk:
//!
//! ```text
//! current in its ring --update--> waiting in its lane --take--> task --run--> hashed
//!   ^ (written, used)              (behind others)     (hasher and   (nobody   |
//!   |                                                   chunk, out    else     |
//!   |                                                   of the lock)  holds    |
//!   |                                                                 it)      |
//!   +------------------------------- next, when it is its turn <---------------+
//! ```
//!
//! While a thread hashes a chunk it has taken the hasher out of the lane, so chunks keep their
//! order. Tasks are taken by the worker, if there is one, and by any thread that must wait for a
//! chunk or for the end, so both threads stay busy whether unpacking or hashing is slower. A
//! worker that panics sets `lost`: its hasher is gone.
//!
//! Two queues to a thread that owns both hashers would be simpler, but only that thread would hash:
//! of zstd at 5:1 it would reach at most 0.84 of the speed of hashing the unpacked content alone.
//! This reaches 0.95 (`benches/reader.rs`).

use super::chunk::Chunk;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use crate::thread::Helper;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Queue length at which the worker is woken. Waking costs the decompressing thread time, so
/// a single chunk waits; above two, that thread would run out of chunks before the worker is
/// up.
const BATCH: usize = 2;

/// One of the two contents, each hashed in its order by one thread at a time.
#[derive(Clone, Copy)]
pub enum Lane {
    /// Hashed first if both lanes have chunks: there is more of it.
    Unpacked,
    Stored,
}

/// The hashers, and the thread that runs them if there is one.
///
/// A thread that must wait for a chunk hashes in the meantime. That balances the two
/// threads, whether unpacking or hashing is slower, and does all the work if there is no
/// second thread.
pub struct Hashing {
    shared: Arc<Shared>,
    worker: Option<Helper<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lanes: [Queue; 2],
    /// The worker must end.
    stop: bool,
    /// The worker has panicked, and its hasher is gone.
    lost: bool,
}

#[derive(Default)]
struct Queue {
    /// `None` while a thread uses it, and if nothing is hashed.
    hasher: Option<Hasher>,
    waiting: VecDeque<Arc<Chunk>>,
}

struct Task {
    lane: usize,
    hasher: Hasher,
    chunk: Arc<Chunk>,
}

impl Hashing {
    /// Without a worker.
    pub fn new(stored: Hasher, unpacked: Option<Hasher>) -> Self {
        let mut state = State::default();
        state.lanes[Lane::Stored as usize].hasher = Some(stored);
        state.lanes[Lane::Unpacked as usize].hasher = unpacked;
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
            worker: None,
        }
    }

    /// Starts the worker; false if no thread can be started.
    pub fn start_worker(&mut self) -> bool {
        let shared = self.shared.clone();
        self.worker = Helper::start("ociimg-hash", (), move || {
            let work = catch_unwind(AssertUnwindSafe(|| shared.work()));
            if work.is_err() {
                shared.lock().lost = true;
                shared.changed.notify_all();
            }
        })
        .ok();
        self.worker.is_some()
    }

    /// UNSUPPORTED in a child process after `fork` that left the worker behind, maybe with
    /// the lock. Comes before any use of the lock.
    pub fn check_worker(&self) -> Result<()> {
        self.worker.as_ref().map_or(Ok(()), Helper::check)
    }

    /// Hashes `chunk`: at once, or later by the worker.
    pub fn update(&self, lane: Lane, chunk: &Arc<Chunk>) -> Result<()> {
        self.check_worker()?;
        let mut state = self.shared.lock();
        state.lanes[lane as usize].waiting.push_back(chunk.clone());
        match self.worker {
            Some(_) if state.waiting() < BATCH => {}
            Some(_) => self.shared.changed.notify_all(),
            None => {
                while let Some(task) = state.take() {
                    state = self.shared.run(state, task);
                }
            }
        }
        Ok(())
    }

    /// The digest of everything in a lane that has a hasher.
    pub fn finish(&self, lane: Lane) -> Result<Digest> {
        let mut digest = None;
        self.help_until_state(|state| {
            let queue = &mut state.lanes[lane as usize];
            if queue.waiting.is_empty() {
                digest = queue.hasher.take().map(Hasher::finish);
            }
            digest.is_some()
        })?;
        Ok(digest.expect("waited for"))
    }

    /// Hashes waiting chunks until `done`; waits if there is nothing to hash.
    pub fn help_until(&self, mut done: impl FnMut() -> bool) -> Result<()> {
        self.help_until_state(|_| done())
    }

    fn help_until_state(&self, mut done: impl FnMut(&mut State) -> bool) -> Result<()> {
        self.check_worker()?;
        let mut state = self.shared.lock();
        loop {
            if state.lost {
                return Err(Error::internal("the thread that hashes has panicked"));
            }
            if done(&mut state) {
                return Ok(());
            }
            state = match state.take() {
                Some(task) => self.shared.run(state, task),
                None => self.shared.wait(state),
            };
        }
    }
}

/// Ends the worker, at the latest after its current chunk.
impl Drop for Hashing {
    fn drop(&mut self) {
        // In a child process after fork there is no worker to end.
        if self.worker.is_some() && self.check_worker().is_ok() {
            self.shared.lock().stop = true;
            self.shared.changed.notify_all();
        }
        self.worker = None;
    }
}

impl Shared {
    /// Nothing panics while it holds the lock, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.stop {
            state = match state.take() {
                Some(task) => {
                    let state = self.run(state, task);
                    self.changed.notify_all();
                    state
                }
                None => self.wait(state),
            };
        }
    }

    /// Hashes one chunk, without the lock.
    fn run<'a>(&'a self, state: MutexGuard<'a, State>, mut task: Task) -> MutexGuard<'a, State> {
        drop(state);
        task.hasher.update(task.chunk.bytes());
        let mut state = self.lock();
        state.lanes[task.lane].hasher = Some(task.hasher);
        // Under the lock, which a thread that waits for this chunk holds while it looks.
        drop(task.chunk);
        state
    }
}

impl State {
    fn waiting(&self) -> usize {
        self.lanes.iter().map(|queue| queue.waiting.len()).sum()
    }

    fn take(&mut self) -> Option<Task> {
        let lanes = self.lanes.iter_mut().enumerate();
        lanes.into_iter().find_map(|(lane, queue)| {
            let hasher = queue.hasher.take_if(|_| !queue.waiting.is_empty())?;
            let chunk = queue.waiting.pop_front()?;
            Some(Task {
                lane,
                hasher,
                chunk,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm::{Sha256, Sha512};
    use crate::error::Status;
    use crate::reader::ring::Ring;
    use crate::reader::testing::noise;
    use std::thread;

    fn hashing(worker: bool) -> Hashing {
        let mut hashing = Hashing::new(Hasher::new(Sha256), Some(Hasher::new(Sha512)));
        assert!(!worker || hashing.start_worker());
        hashing
    }

    fn ring(room: usize, count: usize) -> Ring {
        let mut ring = Ring::new(Chunk::new(room));
        ring.grow(count);
        ring
    }

    /// Writes `content` into the chunks of a ring and hashes it.
    fn write(hashing: &Hashing, lane: Lane, ring: &mut Ring, content: &[u8]) {
        for bytes in content.chunks(ring.current().room.len()) {
            let chunk = ring.next(hashing).unwrap();
            chunk.room[..bytes.len()].copy_from_slice(bytes);
            chunk.len = bytes.len();
            hashing.update(lane, ring.current()).unwrap();
        }
    }

    #[test]
    fn chunks_are_hashed_in_their_order() {
        let content = noise(500_000);
        for worker in [false, true] {
            for count in [1, 2, 5] {
                let hashing = hashing(worker);
                for (lane, room) in [(Lane::Stored, 1000), (Lane::Unpacked, 777)] {
                    write(&hashing, lane, &mut ring(room, count), &content);
                }
                let digest = hashing.finish(Lane::Stored).unwrap();
                assert_eq!(digest, Digest::of(Sha256, &content));
                let digest = hashing.finish(Lane::Unpacked).unwrap();
                assert_eq!(digest, Digest::of(Sha512, &content));
            }
        }
    }

    #[test]
    fn a_worker_may_come_later() {
        let content = noise(500_000);
        let (before, after) = content.split_at(123_456);
        let mut hashing = hashing(false);
        let mut ring = ring(1000, 1);
        write(&hashing, Lane::Unpacked, &mut ring, before);
        assert!(hashing.start_worker());
        ring.grow(5);
        write(&hashing, Lane::Unpacked, &mut ring, after);
        let digest = hashing.finish(Lane::Unpacked).unwrap();
        assert_eq!(digest, Digest::of(Sha512, &content));
    }

    #[test]
    fn a_panic_beside_is_an_error_and_no_hang() {
        let hashing = hashing(true);
        let mut ring = ring(10, 1);
        // The length exceeds the chunk, so hashing it panics. The worker does that, since
        // this thread does not wait before the worker has ended.
        ring.next(&hashing).unwrap().len = 11;
        for _ in 0..BATCH {
            hashing.update(Lane::Stored, ring.current()).unwrap();
        }
        while !hashing.shared.lock().lost {
            thread::yield_now();
        }
        let e = ring.next(&hashing).map(|_| ()).unwrap_err();
        assert_eq!(e.status(), Status::Internal);
        for lane in [Lane::Stored, Lane::Unpacked] {
            let e = hashing.finish(lane).unwrap_err();
            assert_eq!(e.status(), Status::Internal);
        }
    }

    #[test]
    fn dropping_ends_the_thread() {
        for chunks in 0..5 {
            let hashing = hashing(true);
            let shared = Arc::downgrade(&hashing.shared);
            let mut ring = ring(100_000, 10);
            for _ in 0..chunks {
                ring.next(&hashing).unwrap().len = 100_000;
                hashing.update(Lane::Unpacked, ring.current()).unwrap();
            }
            drop(hashing);
            // The thread held a reference too.
            assert_eq!(shared.strong_count(), 0);
        }
    }
}
