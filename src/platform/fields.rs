//! The fields of a platform.

use crate::text::Text;
use crate::text_list::TextList;

/// An operating system and processor, as the image specification describes them. Kept
/// as written; an absent text is `None`, never empty, while a feature may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Platform {
    pub os: Option<Text>,
    pub architecture: Option<Text>,
    pub variant: Option<Text>,
    pub os_version: Option<Text>,
    pub os_features: TextList,
}

/// An absent text as the empty one that the rules know it as.
pub(super) fn or_empty(field: &Option<Text>) -> &str {
    field.as_deref().unwrap_or_default()
}

/// A text for a field; `None` where it is empty. It comes from a grammar without U+0000, or
/// was a `Text` before.
pub(super) fn field(text: &str) -> Option<Text> {
    Some(text)
        .filter(|text| !text.is_empty())
        .and_then(Text::new)
}
