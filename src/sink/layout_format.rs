//! Distinguishes documents from other blobs of a layout or archive.

use crate::descriptor::Descriptor;
use crate::document::layout::MAX_DOCUMENT_SIZE;
use crate::media_type::{self, Kind};

/// Whether this is a manifest, an index, a config or another small JSON document.
pub fn is_document(d: &Descriptor) -> bool {
    let media_type = &*d.media_type;
    let is_json = media_type.ends_with("+json") || media_type.ends_with("/json");
    // The config type of old daemons.
    let is_old_config = ["application/octet-stream", "text/html", ""].contains(&media_type);
    let is_known = media_type::kind(media_type) != Kind::Other;
    (is_json || is_old_config || is_known) && d.size <= MAX_DOCUMENT_SIZE
}
