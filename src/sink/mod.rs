//! Sinks: where images go, and how they get there.
//!
//! `target` holds the trait. The built-in sinks and a program's table of callbacks
//! implement it, `shared` lets several copies use one sink at once, and `copy` is what
//! writes to it.

pub mod copy;
pub mod shared;
pub mod target;

pub use shared::SharedSink;
pub use target::{Begin, BlobWriter, Sink};
