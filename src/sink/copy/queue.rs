//! The order of steps.

use super::step::Step;
use std::collections::VecDeque;

/// The most documents that wait for blobs before them, and the most bytes of these.
const MAX_DOCUMENTS: usize = 256;
const MAX_DOCUMENT_BYTES: usize = 2 << 20;

/// The steps that are known and not finished, in the order in which a single thread does
/// them: everything that a document names comes before it. Blobs may be done in any order,
/// by any number of threads; a document only when all steps before it are finished.
#[derive(Default)]
pub struct Queue {
    steps: VecDeque<(Step, State)>,
    /// Number of the first step of `steps`, counted from the beginning.
    first: u64,
    /// No blob before this step waits for a thread.
    next_blob: u64,
    documents: usize,
    document_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Taken,
    Done,
}

impl Queue {
    pub fn push(&mut self, step: Step) {
        if let Step::Manifest(document) = &step {
            self.documents += 1;
            self.document_bytes += document.bytes.len();
        }
        self.steps.push_back((step, State::Waiting));
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether more steps may be added before the present ones are finished.
    pub fn has_room(&self) -> bool {
        self.documents < MAX_DOCUMENTS && self.document_bytes < MAX_DOCUMENT_BYTES
    }

    /// Takes a step that may be done now. With `serial` that is the first alone.
    pub fn take(&mut self, serial: bool) -> Option<(u64, Step)> {
        if let Some((step, state @ State::Waiting)) = self.steps.front_mut() {
            *state = State::Taken;
            return Some((self.first, step.clone()));
        }
        if serial {
            return None;
        }
        let mut at = self.next_blob.max(self.first);
        while let Some((step, state)) = self.steps.get_mut((at - self.first) as usize) {
            self.next_blob = at + 1;
            if *state == State::Waiting && matches!(step, Step::Blob(_)) {
                *state = State::Taken;
                return Some((at, step.clone()));
            }
            at += 1;
        }
        None
    }

    /// Returns a failed step to the queue.
    pub fn release(&mut self, number: u64) {
        self.set(number, State::Waiting);
        self.next_blob = self.next_blob.min(number);
    }

    pub fn done(&mut self, number: u64) {
        self.set(number, State::Done);
        while let Some((_, State::Done)) = self.steps.front() {
            if let Some((Step::Manifest(document), _)) = self.steps.pop_front() {
                self.documents -= 1;
                self.document_bytes -= document.bytes.len();
            }
            self.first += 1;
        }
    }

    fn set(&mut self, number: u64, state: State) {
        let at = (number - self.first) as usize;
        self.steps[at].1 = state;
    }
}
