//! Changes images, and makes new images, layers and indexes. Knows no sink.
//!
//! An edit checks everything before it changes anything, and keeps every byte of the
//! documents that it does not change.

mod config;
mod convert;
mod history;
mod index_builder;
mod layer_type;
pub mod layer_writer;
mod layers;
mod new;
mod timestamp;
mod values;

pub use history::{History, Step};
pub use index_builder::IndexBuilder;
pub use layers::AppendOptions;
