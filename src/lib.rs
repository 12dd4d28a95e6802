//! Loads OCI and Docker container images from any source a program can offer, verifies
//! every byte, picks the right platform and reads layers as pull streams.
//!
//! The library is used through its C surface, `include/ociimg.h`: `ffi` exports the safe
//! core in the other modules. The core is public for the crate's own tests and benches; its
//! Rust interface carries no promise of stability.

#![deny(unsafe_code)]

pub mod compression;
pub mod config;
pub mod context;
pub mod descriptor;
pub mod digest;
pub mod document;
pub mod error;
pub mod ffi;
pub mod image;
pub mod index;
pub mod json;
pub mod layer;
pub mod load;
pub mod loader;
pub mod media_type;
pub mod mutate;
pub mod platform;
pub mod reader;
pub mod reference;
pub mod selection;
pub mod sink;
pub mod source;
pub mod tar;
pub mod text;
pub mod text_list;
mod thread;
