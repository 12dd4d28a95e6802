//! Platforms: what an image runs on, and which images a machine can run.
//!
//! The rules are those of <https://github.com/containerd/platforms> v1.0.0-rc.4, to the
//! letter, with one deviation: a percent escape in a specifier that gives U+0000 or bytes
//! that are no UTF-8 is refused, since neither can be handed to a C program as text.

mod format;
mod host;
mod ladder;
mod matcher;
mod normalize;
#[cfg(test)]
mod oracle;
mod parse;
#[cfg(test)]
mod samples;
mod windows;

pub use matcher::{Key, Matcher};

use crate::text::Text;
use std::sync::LazyLock;

/// An operating system and processor, as the image specification describes them. Kept
/// as written; an absent text is `None`, never empty, while a feature may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Platform {
    pub os: Option<Text>,
    pub architecture: Option<Text>,
    pub variant: Option<Text>,
    pub os_version: Option<Text>,
    pub os_features: Box<[Text]>,
}

/// The rules know absent texts as empty ones.
fn or_empty(field: &Option<Text>) -> &str {
    field.as_deref().unwrap_or_default()
}

/// A text for a field. What comes here is of a grammar without U+0000, or was a `Text`.
fn field(text: &str) -> Option<Text> {
    // Nearly every platform is made of these.
    static COMMON: LazyLock<[Text; 10]> = LazyLock::new(|| {
        let common = [
            "linux", "amd64", "arm64", "v8", "arm", "v7", "386", "v6", "windows", "darwin",
        ];
        common.map(|name| Text::new(name).expect("a name has no U+0000"))
    });
    if text.is_empty() {
        return None;
    }
    let common = COMMON.iter().find(|name| name.as_str() == text);
    common.cloned().or_else(|| Text::new(text))
}
