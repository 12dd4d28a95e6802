//! Hashing of what is stored and of what it unpacks to, beside the thread that unpacks.

use crate::digest::{Digest, Hasher};
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Bytes that are hashed while they are used.
pub struct Chunk {
    pub room: Box<[u8]>,
    pub len: usize,
}

impl Chunk {
    pub fn new(room: usize) -> Self {
        Self {
            room: vec![0; room].into_boxed_slice(),
            len: 0,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }
}

/// Chunks that are worth waking the worker for, since that takes its time from the thread
/// that unpacks. Fewer are left to the next time, or to whoever needs them hashed; were it
/// more, that thread would be out of chunks before the worker is awake.
const BATCH: usize = 2;

/// One of the two contents, each hashed in its order by one thread at a time.
#[derive(Clone, Copy)]
pub enum Lane {
    /// First where a thread has the choice: there is more of it.
    Unpacked,
    Stored,
}

/// The hashers, and the thread that runs them if there is one.
///
/// Who has to wait for a chunk to be hashed helps: that balances the two threads,
/// whether unpacking is the slower work or hashing is, and it is all there is to do
/// where there is no second thread.
pub struct Hashing {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lanes: [Queue; 2],
    /// The worker is to end.
    stop: bool,
    /// The worker has panicked, and its hasher is gone.
    lost: bool,
}

#[derive(Default)]
struct Queue {
    /// `None` while a thread is at it, and where nothing is to be hashed.
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
        let worker = thread::Builder::new().name("ociimg-hash".into());
        self.worker = worker
            .spawn(move || {
                let work = catch_unwind(AssertUnwindSafe(|| shared.work()));
                if work.is_err() {
                    shared.lock().lost = true;
                    shared.changed.notify_all();
                }
            })
            .ok();
        self.worker.is_some()
    }

    /// Has `chunk` hashed: at once, or where there is a worker by and by.
    pub fn update(&self, lane: Lane, chunk: &Arc<Chunk>) {
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
    }

    /// The digest of everything in a lane that has a hasher.
    pub fn finish(&self, lane: Lane) -> Result<Digest> {
        let mut digest = None;
        self.help_until(|state| {
            let queue = &mut state.lanes[lane as usize];
            if queue.waiting.is_empty() {
                digest = queue.hasher.take().map(Hasher::finish);
            }
            digest.is_some()
        })?;
        Ok(digest.expect("waited for"))
    }

    fn help_until(&self, mut done: impl FnMut(&mut State) -> bool) -> Result<()> {
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

/// Ends the worker, at the latest after the chunk that it is at.
impl Drop for Hashing {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.shared.lock().stop = true;
            self.shared.changed.notify_all();
            // A panic in it was told where it mattered.
            let _ = worker.join();
        }
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
        // Under the lock: who waits for this chunk looks for it there.
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

/// The chunks of one lane, used in turn: their number bounds what waits to be hashed.
pub struct Ring {
    chunks: VecDeque<Arc<Chunk>>,
}

impl Ring {
    /// A ring of one.
    pub fn new(current: Chunk) -> Self {
        Self {
            chunks: VecDeque::from([Arc::new(current)]),
        }
    }

    /// Adds as many as make `count`, to be written before the others.
    pub fn grow(&mut self, count: usize) {
        let room = self.current().room.len();
        self.chunks
            .resize_with(count, || Arc::new(Chunk::new(room)));
    }

    pub fn current(&self) -> &Arc<Chunk> {
        &self.chunks[0]
    }

    /// The oldest becomes current, to be written anew; waits until it is hashed.
    pub fn next(&mut self, hashing: &Hashing) -> Result<&mut Chunk> {
        self.chunks.rotate_right(1);
        let chunk = &mut self.chunks[0];
        hashing.help_until(|_| Arc::get_mut(chunk).is_some())?;
        Ok(Arc::get_mut(chunk).expect("no other holds it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm::{Sha256, Sha512};
    use crate::error::Status;
    use crate::reader::testing::noise;

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

    /// Writes `content` into the chunks of a ring, and has it hashed.
    fn write(hashing: &Hashing, lane: Lane, ring: &mut Ring, content: &[u8]) {
        for bytes in content.chunks(ring.current().room.len()) {
            let chunk = ring.next(hashing).unwrap();
            chunk.room[..bytes.len()].copy_from_slice(bytes);
            chunk.len = bytes.len();
            hashing.update(lane, ring.current());
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
        // Longer than its room: whoever hashes it panics. That is the worker, since
        // nothing here waits before the worker is gone.
        ring.next(&hashing).unwrap().len = 11;
        for _ in 0..BATCH {
            hashing.update(Lane::Stored, ring.current());
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
                hashing.update(Lane::Unpacked, ring.current());
            }
            drop(hashing);
            // The thread held it too.
            assert_eq!(shared.strong_count(), 0);
        }
    }
}
