//! Strict JSON, so that no two readers see different documents.
//!
//! [`parse`] is the one parser; readers of documents take their fields during the pass, so
//! that a document of ten thousand descriptors is never in memory as a tree. [`Value`] is
//! for small documents with few fields of interest, [`edit`] changes documents.

mod document;
pub mod edit;
mod fault;
mod foreign_format;
mod keys;
pub mod parse;
pub mod pointer;
pub mod scan;
mod schema;
mod skip;
mod string;
mod texts;
mod tree;
mod value;

pub use document::document;
pub use fault::Fault;
pub use keys::folds_to;
pub use parse::Parser;
pub use schema::{Checks, Defined};
pub use texts::checked;
pub use value::{Object, Value, missing, parse};

#[cfg(test)]
mod tests;
