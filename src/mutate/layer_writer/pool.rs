//! Threads that compress.

use crate::compression::{Encoder, Layout, Method, Piece};
use crate::error::{Error, Result};
use crate::thread::{Helper, Receiver, Sender, channel};

/// The channels to and from one thread.
struct Channels {
    jobs: Sender<Job>,
    results: Receiver<Result<Job>>,
}

/// A piece and its compressed form.
#[derive(Default)]
pub struct Job {
    pub piece: Piece,
    pub out: Vec<u8>,
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
        let mut threads = Vec::new();
        for _ in 0..workers {
            let Some(encoder) = method.encoder()? else {
                break;
            };
            let (jobs, to_do) = channel();
            let (done, results) = channel();
            let channels = Channels { jobs, results };
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
    /// unit behind the one before, they span `(n - 1)^2 / n` units.
    pub fn is_full(&self) -> bool {
        let n = self.threads.len() as u64;
        let span = ((n - 1).pow(2) * self.layout.pieces_per_unit).div_ceil(n);
        // A single thread needs a second piece to work on while the next is filled.
        self.next_in - self.next_out >= (span + n).max(2)
    }

    pub fn is_idle(&self) -> bool {
        self.next_in == self.next_out
    }

    pub fn give(&mut self, job: Job) -> Result<()> {
        let channels = self.channels_for(self.next_in)?;
        channels.jobs.send(job).map_err(|_| died())?;
        self.next_in += 1;
        Ok(())
    }

    /// Waits for the oldest piece under way.
    pub fn take(&mut self) -> Result<Job> {
        let channels = self.channels_for(self.next_out)?;
        let job = channels.results.receive().ok_or_else(died)??;
        self.next_out += 1;
        Ok(job)
    }

    fn channels_for(&self, piece: u64) -> Result<&Channels> {
        let thread = self.layout.unit_of(piece) % self.threads.len() as u64;
        self.threads[thread as usize].channels()
    }
}

fn work(mut encoder: Box<dyn Encoder>, jobs: Receiver<Job>, results: Sender<Result<Job>>) {
    while let Some(mut job) = jobs.receive() {
        job.out.clear();
        let outcome = encoder.encode(&job.piece, &mut job.out);
        if results.send(outcome.map(|()| job)).is_err() {
            return;
        }
    }
}

fn died() -> Error {
    Error::internal("a thread that compresses has panicked")
}
