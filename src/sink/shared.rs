//! A sink shared by several copies at once.

use super::target::Sink;
use super::thread::ThreadId;
use crate::context::Context;
use crate::error::{Error, Result};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a waiting thread checks its context: cancelling is only an atomic store, which
/// wakes no thread.
pub const POLL: Duration = Duration::from_millis(10);

/// A sink, with the rules that apply to all its users together: the number of blobs open at
/// once, and that nothing is written after it is finished.
pub struct SharedSink {
    sink: Box<dyn Sink>,
    /// `usize::MAX` is no limit.
    max_streams: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of running copies.
    runs: usize,
    finished: bool,
    /// The threads that have a blob open, if their number is limited.
    streams: Vec<ThreadId>,
}

impl SharedSink {
    pub fn new(sink: impl Sink + 'static) -> Self {
        let max_streams = sink.max_streams().map_or(usize::MAX, |max| {
            usize::try_from(max.get()).unwrap_or(usize::MAX)
        });
        Self {
            sink: Box::new(sink),
            max_streams,
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    pub fn sink(&self) -> &dyn Sink {
        &*self.sink
    }

    /// Whether calls come one at a time and in a fixed order.
    pub fn is_serial(&self) -> bool {
        self.max_streams == 1
    }

    /// Completes the sink, once. INVALID_ARGUMENT the second time, BUSY while a copy runs.
    /// A cancelled context leaves the sink unchanged.
    pub fn finish(&self, ctx: &Context) -> Result<()> {
        ctx.check()?;
        {
            let mut state = self.lock();
            state.expect_open()?;
            if state.runs > 0 {
                return Err(Error::busy(
                    "the sink is written to by a copy, expected none to run",
                ));
            }
            state.finished = true;
        }
        self.sink.finish(ctx)
    }

    /// Registers a run of a copy, for as long as the returned guard lives.
    pub fn enter(&self) -> Result<Entered<'_>> {
        let mut state = self.lock();
        state.expect_open()?;
        state.runs += 1;
        Ok(Entered(self))
    }

    /// Waits until one more blob may be open; the returned guard holds its place. A failing
    /// `check` ends the wait. BUSY if this thread has a stream open that it would wait for:
    /// a callback runs another copy to the same sink.
    pub fn open_stream(&self, check: impl Fn() -> Result<()>) -> Result<OpenStream<'_>> {
        if self.max_streams == usize::MAX {
            return Ok(OpenStream(None));
        }
        let me = ThreadId::current();
        let mut state = self.lock();
        while state.streams.len() >= self.max_streams {
            if state.streams.contains(&me) {
                return Err(Error::busy(
                    "the sink waits for the callback that writes to it",
                ));
            }
            check()?;
            (state, _) = self
                .freed
                .wait_timeout(state, POLL)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.streams.push(me);
        Ok(OpenStream(Some((self, me))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after a panic too: nothing foreign runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn expect_open(&self) -> Result<()> {
        if self.finished {
            return Err(Error::invalid_argument("the sink is finished already"));
        }
        Ok(())
    }
}

/// A running copy.
pub struct Entered<'a>(&'a SharedSink);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.lock().runs -= 1;
    }
}

/// One of the blobs that may be open at once.
pub struct OpenStream<'a>(Option<(&'a SharedSink, ThreadId)>);

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        if let Some((sink, thread)) = self.0 {
            let mut state = sink.lock();
            if let Some(at) = state.streams.iter().position(|id| *id == thread) {
                state.streams.swap_remove(at);
            }
            drop(state);
            sink.freed.notify_one();
        }
    }
}
