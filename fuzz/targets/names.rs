//! Platforms and references.

use ociimg::platform::{Matcher, Platform};
use ociimg::reference::Reference;
use ociimg::text::Text;

/// Parses, formats and parses again.
pub fn platform(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let host = Platform::host();
    let Ok(platform) = Platform::parse(text, host) else {
        return;
    };
    let matcher = Matcher::only(&platform);
    // An arm64 of no known version matches nothing, not even itself, as in containerd.
    let is_arm64 = platform.architecture.as_deref() == Some("arm64");
    assert!(is_arm64 || matcher.matches(&platform), "{text}");
    assert!(!matcher.less(&platform, &platform), "{text}");
    // Go's `path.Join` drops parts that are dots.
    let is_dots = |part: &Option<Text>| matches!(part.as_deref(), Some("." | ".."));
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    if !parts.into_iter().any(is_dots)
        && let Ok(again) = Platform::parse(&platform.format_all(), host)
    {
        assert_eq!(again.format_all(), platform.format_all(), "{text}");
    }
}

/// Parses, writes and parses again.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = Reference::parse(text) {
        let written = reference.to_string();
        let again = Reference::parse(&written).expect("what is written is a reference");
        assert_eq!(again.to_string(), written);
        let familiar = reference.familiar();
        let again = Reference::parse(&familiar).expect("the short form is a reference");
        assert_eq!(again.to_string(), written, "{familiar}");
    }
}
