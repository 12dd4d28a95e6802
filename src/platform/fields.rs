//! The fields of a platform.

use crate::text::Text;
use crate::text_list::TextList;
use std::sync::LazyLock;

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

/// An absent text as "", which the rules use for it.
pub(super) fn or_empty(field: &Option<Text>) -> &str {
    field.as_deref().unwrap_or_default()
}

/// A text for a field; `None` where it is empty. It must not contain U+0000.
pub(super) fn field(text: &str) -> Option<Text> {
    // Nearly all platforms consist of these names. Sharing them makes parsing
    // "linux/arm64/v8" take 89 ns instead of 156 (benches/platform.rs).
    static COMMON: LazyLock<[Text; 10]> = LazyLock::new(|| {
        let names = [
            "linux", "amd64", "arm64", "v8", "arm", "v7", "386", "v6", "windows", "darwin",
        ];
        names.map(|name| Text::new(name).expect("a name has no U+0000"))
    });
    if text.is_empty() {
        return None;
    }
    let common = COMMON.iter().find(|name| name.as_str() == text);
    common.cloned().or_else(|| Text::new(text))
}
