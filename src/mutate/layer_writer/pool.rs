//! Threads that compress.

use crate::compression::{Encoder, Layout, Method, Piece};
use crate::error::{Error, Result};
use crate::thread::{Helper, Receiver, Sender, channel};
use std::hint::black_box;
use std::num::NonZero;
use std::thread::available_parallelism;

/// More threads than processors gain nothing, but a few do no harm either where the number
/// of processors is not known.
const ALWAYS_ALLOWED: usize = 4;

/// The channels to and from one thread: pieces, and their compressed form in the same
/// buffers.
struct Channels {
    pieces: Sender<Piece>,
    results: Receiver<Result<Vec<u8>>>,
}

/// Threads that take units in turn, so that results come back in order without a common
/// lock.
pub struct Pool {
    threads: Vec<Helper<Channels>>,
    layout: Layout,
    /// The number of the next piece to be given to a thread.
    next_in: u64,
    /// The number of the next piece to be taken from a thread.
    next_out: u64,
}

impl Pool {
    /// Starts up to `workers` threads; `None` if not even one can be started.
    pub fn start(method: Method, workers: u32) -> Result<Option<Self>> {
        let processors = available_parallelism().map_or(1, NonZero::get);
        let workers = processors.max(ALWAYS_ALLOWED).min(workers as usize);
        let mut threads = Vec::new();
        for _ in 0..workers {
            let Some(encoder) = method.encoder()? else {
                break;
            };
            let (pieces, to_do) = channel();
            let (done, results) = channel();
            let channels = Channels { pieces, results };
            match Helper::start("ociimg-zip", channels, || work(encoder, to_do, done)) {
                Ok(thread) => threads.push(thread),
                // The system allows no more threads.
                Err(_) => break,
            }
        }
        Ok((!threads.is_empty()).then(|| Self {
            threads,
            layout: method.layout(),
            next_in: 0,
            next_out: 0,
        }))
    }

    /// Whether a piece must be taken before the next one is given. The pieces under way are
    /// bounded, but enough to keep every thread busy: with `n` threads, each `1/n` of a
    /// unit behind the one before, they span `(n - 1)^2 / n` units. One more piece lets a
    /// thread that overtakes another find its next one.
    pub fn is_full(&self) -> bool {
        let n = self.threads.len() as u64;
        let span = ((n - 1).pow(2) * self.layout.pieces_per_unit).div_ceil(n);
        self.next_in - self.next_out > span + n
    }

    pub fn is_idle(&self) -> bool {
        self.next_in == self.next_out
    }

    pub fn give(&mut self, piece: Piece) -> Result<()> {
        let channels = self.channels_for(self.next_in)?;
        channels.pieces.send(piece).map_err(|_| died())?;
        self.next_in += 1;
        Ok(())
    }

    /// Waits for what the oldest piece under way compresses to.
    pub fn take(&mut self) -> Result<Vec<u8>> {
        let channels = self.channels_for(self.next_out)?;
        let compressed = channels.results.receive().ok_or_else(died)??;
        self.next_out += 1;
        Ok(compressed)
    }

    fn channels_for(&self, piece: u64) -> Result<&Channels> {
        let thread = self.layout.unit_of(piece) % self.threads.len() as u64;
        self.threads[thread as usize].channels()
    }
}

fn work(mut encoder: Box<dyn Encoder>, pieces: Receiver<Piece>, results: Sender<Result<Vec<u8>>>) {
    fill_allocator_cache();
    let mut room = Vec::new();
    while let Some(piece) = pieces.receive() {
        room.clear();
        let outcome = encoder.encode(&piece, &mut room);
        // The room has space for what does not compress. It stays here: what goes back, and
        // may wait there, takes no memory beside that of the piece.
        let mut compressed = piece.bytes;
        compressed.clear();
        compressed.extend_from_slice(&room);
        if results.send(outcome.map(|()| compressed)).is_err() {
            return;
        }
    }
}

/// Saves 2 MiB for each thread. zlib-rs allocates aligned memory for each block. glibc before
/// 2.38 cuts that from a larger piece and puts the ends, of less than 128 bytes, into a cache of
/// the thread; until this is full, no later block fits between such ends. So it is filled
/// beforehand.
fn fill_allocator_cache() {
    const PER_SIZE: usize = 7;
    let sizes = (16..=128).step_by(16);
    let small =
        sizes.flat_map(|size| (0..PER_SIZE).map(move |_| Vec::<u8>::with_capacity(size - 8)));
    drop(black_box(small.collect::<Vec<_>>()));
}

fn died() -> Error {
    Error::internal("a thread that compresses has panicked")
}
