//! Copying: an index or image with all that is below it, from a loader to a sink.
//!
//! `walk` reads the documents of the tree one after the other and turns each into steps,
//! `queue` decides which step is next, `transfer` copies one blob, `roots` puts the roots, and
//! `run` executes the steps on any number of the program's threads. Only digests are kept of
//! finished steps: memory does not grow with the sizes of blobs.

mod names;
mod options;
mod progress;
mod queue;
mod roots;
mod run;
mod source;
mod step;
mod tee;
mod transfer;
mod visited;
mod walk;

pub use options::CopyOptions;
pub use progress::{Counters, Event, Observer, Progress};
pub use run::Copy;
pub use source::Source;
