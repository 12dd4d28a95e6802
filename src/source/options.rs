//! Options of sources.

use super::ref_name::RefName;
use crate::document::layout::MAX_DOCUMENT_SIZE;

#[derive(Clone, Debug)]
pub struct Options {
    /// Only images of this name: entries of index.json by their annotations, images of
    /// `docker save` by their tags.
    pub ref_name: Option<String>,
    /// The most bytes that a compressed archive may unpack to.
    pub max_unpacked_size: Option<u64>,
    /// The most bytes of index.json, manifest.json or a config that is read at open.
    pub max_document_size: u64,
    /// Whether links may lead out of a layout.
    pub follow_links: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ref_name: None,
            max_unpacked_size: None,
            max_document_size: MAX_DOCUMENT_SIZE,
            follow_links: false,
        }
    }
}

impl Options {
    pub(super) fn ref_name(&self) -> Option<RefName<'_>> {
        self.ref_name.as_deref().map(RefName::new)
    }
}
