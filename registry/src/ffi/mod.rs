//! The C surface: `include/ociimg_registry.h` is generated from this module.
//!
//! Each function only translates. What every `unsafe` block rests on is what the header asks
//! of its callers: a pointer is NULL or points to what its type says, for as long as the
//! call runs; a handle was given by this library or by libociimg and not freed yet; a text
//! ends in NUL.

#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc)]
#![allow(non_camel_case_types)]

mod kit;
mod reference;

// In the order of the header.
mod options;

mod registry;

mod loader;

mod sink;

mod tags;

pub use loader::*;
pub use options::*;
pub use registry::*;
pub use sink::*;
pub use tags::*;
