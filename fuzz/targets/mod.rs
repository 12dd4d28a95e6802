//! The functions that the fuzzers call with their input. `tests/fuzz_regressions.rs` runs the
//! same functions on the inputs in `fuzz/regressions`, which once broke something.

#![allow(dead_code, unused_imports)] // A fuzzer uses one of them.

mod abi;
mod documents;
mod loader;
mod names;
mod sources;
mod tar_writer;
mod unpack;

pub use abi::abi;
pub use documents::{config, documents, edits};
pub use names::{platform, reference};
pub use sources::{archive, layout, sinks, tar};
pub use tar_writer::tar_writer;
pub use unpack::unpack;
