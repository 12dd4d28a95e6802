//! Sinks: the targets of copies, and copying.
//!
//! `target` has the trait. The built-in sinks and a program's table of callbacks implement
//! it, `shared` lets several copies use one sink at once, and `copy` writes to it.

pub mod archive;
pub mod copy;
mod entry;
pub mod layout;
mod layout_format;
mod listing;
pub mod options;
pub mod roots;
pub mod shared;
mod system_error;
pub mod target;
mod temporary;
mod thread;

pub use archive::ArchiveSink;
pub use layout::LayoutSink;
pub use options::SinkOptions;
pub use roots::{Root, Roots};
pub use shared::SharedSink;
pub use target::{Begin, BlobWriter, Sink};
