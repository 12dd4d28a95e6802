//! Running a copy on any number of the program's threads.

use super::options::CopyOptions;
use super::progress::{Event, Meter};
use super::queue::Queue;
use super::roots::{PutRoots, RootList};
use super::source::Source;
use super::step::{Blob, Document, Step};
use super::transfer::Transfer;
use super::walk::Walk;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sink::shared::{POLL, SharedSink};
use crate::sink::thread::ThreadId;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// A copy of one source to one sink.
pub struct Copy {
    source: Arc<Source>,
    sink: Arc<SharedSink>,
    options: CopyOptions,
    meter: Arc<Meter>,
    state: Mutex<State>,
    /// A step or document was finished, or the run failed.
    changed: Condvar,
}

struct State {
    queue: Queue,
    /// `None` while a thread reads the next document.
    walk: Option<Box<Walk>>,
    /// Whether the walk has returned all its steps.
    walked: bool,
    /// The run that a new thread joins.
    run: Arc<Run>,
    /// The threads at work.
    threads: Vec<ThreadId>,
    /// A thread panicked and left its work in the middle.
    spoiled: bool,
}

/// The common work of several threads, until all is done or one of them failed.
#[derive(Default)]
struct Run {
    failure: OnceLock<Error>,
}

impl Run {
    fn check(&self) -> Result<()> {
        match self.failure.get() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }
}

/// The next task of a thread.
enum Task {
    Step(u64, Step),
    Walk(Box<Walk>),
}

impl Copy {
    /// INVALID_ARGUMENT if names are given for several roots.
    pub fn new(source: Source, sink: Arc<SharedSink>, options: CopyOptions) -> Result<Self> {
        let source = Arc::new(source);
        let walk = Walk::new(source.clone(), &options)?;
        Ok(Self {
            source,
            sink,
            meter: Arc::new(Meter::new(options.observer.clone())),
            options,
            state: Mutex::new(State {
                queue: Queue::default(),
                walk: Some(Box::new(walk)),
                walked: false,
                run: Arc::default(),
                threads: Vec::new(),
                spoiled: false,
            }),
            changed: Condvar::new(),
        })
    }

    /// Works until everything is copied, together with other threads that call this. The
    /// first failure ends the run for all; the next call continues after the finished
    /// steps. BUSY if a callback of this thread's run calls it.
    pub fn run(&self, ctx: &Arc<Context>) -> Result<()> {
        let (run, _participant) = self.join()?;
        let worked = self.sink.enter().and_then(|_entered| self.work(&run, ctx));
        match worked {
            Ok(()) => Ok(()),
            Err(error) => {
                let _ = run.failure.set(error);
                self.changed.notify_all();
                run.check()
            }
        }
    }

    fn join(&self) -> Result<(Arc<Run>, Participant<'_>)> {
        let thread = ThreadId::current();
        let mut state = self.lock();
        if state.threads.contains(&thread) {
            return Err(Error::busy(
                "the copy is run by the call that runs this callback",
            ));
        }
        if state.run.failure.get().is_some() {
            state.run = Arc::default();
        }
        state.threads.push(thread);
        let run = state.run.clone();
        let participant = Participant {
            copy: self,
            run: run.clone(),
            thread,
        };
        Ok((run, participant))
    }

    fn work(&self, run: &Run, ctx: &Arc<Context>) -> Result<()> {
        while let Some(task) = self.next(run, ctx)? {
            match task {
                Task::Step(number, step) => {
                    let performed = self.perform(&step, run, ctx);
                    let mut state = self.lock();
                    match performed {
                        Ok(()) => state.queue.done(number),
                        Err(_) => state.queue.release(number),
                    }
                    drop(state);
                    self.changed.notify_all();
                    performed?;
                }
                Task::Walk(mut walk) => {
                    let walked = walk.next(ctx);
                    let mut state = self.lock();
                    state.walk = Some(walk);
                    match walked {
                        Ok(Some(steps)) => self.push(&mut state, steps),
                        Ok(None) => state.walked = true,
                        Err(error) => return Err(error),
                    }
                    drop(state);
                    self.changed.notify_all();
                }
            }
        }
        Ok(())
    }

    fn push(&self, state: &mut State, steps: Vec<Step>) {
        for step in steps {
            if let Step::Blob(blob) = &step
                && !blob.check_only
            {
                self.meter.count(|counters| {
                    counters.blobs_total += 1;
                    counters.bytes_total =
                        counters.bytes_total.saturating_add(blob.descriptor.size);
                });
            }
            state.queue.push(step);
        }
    }

    /// Waits for a task; `None` when everything is done.
    fn next(&self, run: &Run, ctx: &Context) -> Result<Option<Task>> {
        let serial = self.sink.is_serial();
        let mut state = self.lock();
        loop {
            if state.spoiled {
                return Err(Error::internal("an earlier run of this copy panicked"));
            }
            run.check()?;
            ctx.check()?;
            if let Some((number, step)) = state.queue.take(serial) {
                return Ok(Some(Task::Step(number, step)));
            }
            let is_empty = state.queue.is_empty();
            if state.walked && is_empty {
                return Ok(None);
            }
            if !state.walked
                && (is_empty || (!serial && state.queue.has_room()))
                && let Some(walk) = state.walk.take()
            {
                return Ok(Some(Task::Walk(walk)));
            }
            (state, _) = self
                .changed
                .wait_timeout(state, POLL)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn perform(&self, step: &Step, run: &Run, ctx: &Arc<Context>) -> Result<()> {
        match step {
            Step::Blob(blob) => self.blob(blob, run, ctx),
            Step::Manifest(document) => self.manifest(document, run, ctx),
            Step::Roots(list) => self.roots(list, run, ctx),
        }
    }

    fn blob(&self, blob: &Arc<Blob>, run: &Run, ctx: &Arc<Context>) -> Result<()> {
        Transfer {
            source: &self.source,
            sink: &self.sink,
            options: &self.options,
            meter: &self.meter,
            ctx,
            check: &|| run.check().and_then(|()| ctx.check()),
            blob,
        }
        .run()
    }

    fn manifest(&self, document: &Document, run: &Run, ctx: &Context) -> Result<()> {
        let d = &document.descriptor;
        let _alone = self.alone(run, ctx)?;
        let sink = self.sink.sink();
        sink.put_manifest(d, &document.bytes, ctx)
            .map_err(|e| e.with_digest(d.digest.text()))?;
        self.meter.report(Event::Manifest, d, d.size, |_| {});
        Ok(())
    }

    fn roots(&self, list: &RootList, run: &Run, ctx: &Context) -> Result<()> {
        let _alone = self.alone(run, ctx)?;
        PutRoots {
            list,
            source: &self.source,
            meter: &self.meter,
            ctx,
            check: &|| run.check().and_then(|()| ctx.check()),
        }
        .run(self.sink.sink())
    }

    /// A sink that takes one stream at a time also takes one document at a time, among all
    /// copies.
    fn alone(&self, run: &Run, ctx: &Context) -> Result<Option<impl Drop>> {
        if !self.sink.is_serial() {
            return Ok(None);
        }
        let check = || run.check().and_then(|()| ctx.check());
        self.sink.open_stream(check).map(Some)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing foreign runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread at work.
struct Participant<'a> {
    copy: &'a Copy,
    run: Arc<Run>,
    thread: ThreadId,
}

impl Drop for Participant<'_> {
    fn drop(&mut self) {
        let mut state = self.copy.lock();
        state.threads.retain(|thread| *thread != self.thread);
        if thread::panicking() {
            state.spoiled = true;
            let failure = Error::internal("a thread of this copy panicked");
            let _ = self.run.failure.set(failure);
        }
        drop(state);
        self.copy.changed.notify_all();
    }
}
