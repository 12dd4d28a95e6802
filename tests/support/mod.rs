//! Shared code of the tests.

#![allow(dead_code, unused_imports)] // No test uses all of it.

pub mod archive;
pub mod cc;
pub mod image;
pub mod library;
pub mod loader;
pub mod readers;
pub mod sink;
mod skip;
mod small_file_system;

pub use skip::{has, has_with, skip};
pub use small_file_system::in_small_file_system;
