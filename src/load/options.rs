//! Limits of a load, and the digest that its root must have.

use crate::digest::Digest;
use crate::document::layout::MAX_DOCUMENT_SIZE;

#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Bytes of one index, manifest or config.
    pub max_document_size: u64,
    /// Bytes of all documents of one load, and of those that an index keeps.
    pub max_total_size: u64,
    /// Nested indexes below the root.
    pub max_index_depth: u32,
    /// Descriptors visited in the whole tree, indexes too.
    pub max_entries: u32,
    /// The digest that the root must have, whatever the loader knows.
    pub root_digest: Option<Digest>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            max_document_size: MAX_DOCUMENT_SIZE,
            max_total_size: 32 << 20,
            max_index_depth: 8,
            max_entries: 16384,
            root_digest: None,
        }
    }
}
