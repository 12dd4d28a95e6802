//! Sinks: where images go.
//!
//! [`target`] holds the trait; the built-in sinks and a program's table of callbacks
//! implement it.

pub mod target;

pub use target::{Begin, BlobWriter, Sink};
