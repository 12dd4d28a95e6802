//! Tar archives.

pub mod writer;
