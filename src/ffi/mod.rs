//! The C surface: `include/ociimg.h` is generated from this module.
//!
//! Each file is one kind of handle, and each function only translates: pointers to borrowed
//! or owned values on the way in, handles, texts and statuses on the way out. This is the
//! only place with `unsafe`. Every block relies on what the header requires of callers: a
//! pointer is NULL or points to what its type says, for as long as the call runs; a handle
//! came from this library and is not freed yet; a text ends in NUL.

#![allow(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
// The head of the header states the callers' duties once, in C's terms.
#![allow(clippy::missing_safety_doc)]
// The names are C's.
#![allow(non_camel_case_types)]

#[cfg(not(panic = "unwind"))]
compile_error!("what goes wrong in the library is only contained with panic = \"unwind\"");

mod boolean;
mod call;
mod compression;
mod config;
mod config_edit;
mod context;
mod copy;
mod descriptor;
mod entry;
mod error;
mod image;
mod image_edit;
mod index;
mod index_builder;
mod kit;
mod layer;
mod layer_writer;
mod loader;
mod loader_vtable;
mod manifest;
mod matcher;
mod media_type;
mod platform;
mod reader;
mod reference;
mod sink;
mod sink_files;
mod sink_vtable;
mod source;
mod version;

pub use boolean::*;
pub use call::{ociimg_call, ociimg_call_fail, ociimg_call_is_cancelled, ociimg_call_user_data};
pub use compression::*;
pub use config::*;
pub use config_edit::*;
pub use context::*;
pub use copy::*;
pub use descriptor::*;
pub use error::*;
pub use image::*;
pub use image_edit::*;
pub use index::*;
pub use index_builder::*;
pub use layer::*;
pub use layer_writer::*;
pub use loader::*;
pub use loader_vtable::ociimg_loader_vtable;
pub use manifest::*;
pub use matcher::*;
pub use media_type::*;
pub use platform::*;
pub use reader::*;
pub use reference::*;
pub use sink::*;
pub use sink_files::*;
pub use sink_vtable::ociimg_sink_vtable;
pub use source::*;
pub use version::*;
