//! The normal form, in which platforms are compared.

use super::fields::{Platform, field, or_empty};
use crate::text_list::TextListBuilder;
use std::borrow::Cow;

impl Platform {
    /// The normal form: names in lower case, aliases replaced, features sorted and each of
    /// them once. An absent OS is this machine's.
    pub fn normalize(&self) -> Self {
        self.normalize_on(or_empty(&Self::host().os))
    }

    /// The same on a machine with the operating system `host_os`.
    pub(super) fn normalize_on(&self, host_os: &str) -> Self {
        let names = [&self.os, &self.architecture, &self.variant];
        let [lower_os, lower_architecture, lower_variant] = names.map(|n| lower(or_empty(n)));
        let (architecture, variant) = architecture(&lower_architecture, &lower_variant);
        let mut features: Vec<_> = self.os_features.iter().collect();
        features.sort_unstable_by_key(|feature| feature.as_str());
        features.dedup();
        let mut os_features = TextListBuilder::default();
        for feature in features {
            os_features.push_text(feature);
        }
        Self {
            os: field(os(&lower_os, host_os)),
            architecture: field(architecture),
            variant: field(variant),
            os_version: self.os_version.clone(),
            os_features: os_features.finish(),
        }
    }
}

/// The canonical name of an OS; `lower` is in lower case.
pub(super) fn os<'a>(lower: &'a str, host_os: &'a str) -> &'a str {
    match lower {
        "" => host_os,
        "macos" => "darwin",
        os => os,
    }
}

/// The canonical names of an architecture and its variant, both given in lower case: some
/// names of architectures imply the variant, others have a default one.
pub(super) fn architecture<'a>(architecture: &'a str, variant: &'a str) -> (&'a str, &'a str) {
    match architecture {
        "i386" => ("386", ""),
        "armhf" => ("arm", "v7"),
        "armel" => ("arm", "v6"),
        "amd64" | "x86_64" | "x86-64" => match variant {
            "v1" => ("amd64", ""),
            _ => ("amd64", variant),
        },
        "arm64" | "aarch64" => match variant {
            "8" | "v8" | "v8.0" => ("arm64", ""),
            "9" | "9.0" | "v9.0" => ("arm64", "v9"),
            _ => ("arm64", variant),
        },
        "arm" => match variant {
            "" | "7" => ("arm", "v7"),
            "5" => ("arm", "v5"),
            "6" => ("arm", "v6"),
            "8" => ("arm", "v8"),
            _ => ("arm", variant),
        },
        _ => (architecture, variant),
    }
}

/// Go's `strings.ToLower`; does not copy text in lower case.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = |b: u8| b.is_ascii() && !b.is_ascii_uppercase();
    if text.bytes().all(is_lower) {
        return text.into();
    }
    lowered(text).into()
}

/// Every code point becomes one, regardless of context; `str::to_lowercase` treats the
/// final sigma specially. Only U+0130 becomes two in Rust, `i` and a dot above; Go gives
/// `i`.
#[cold]
fn lowered(text: &str) -> String {
    text.chars()
        .flat_map(|c| c.to_lowercase().take(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lower_case_is_code_point_by_code_point() {
        assert_eq!(lower("ΣΑΣ"), "σασ");
        assert_eq!(lower("L\u{130}NUX"), "linux");
        assert_eq!(lower("\u{212a}"), "k");
        assert_eq!(lower("\u{df}\u{1e9e}"), "\u{df}\u{df}");
        assert!(matches!(lower("arm64/v8 _"), Cow::Borrowed(_)));
        for c in '\0'..=char::MAX {
            assert_eq!(c.to_lowercase().count() == 1, c != '\u{130}', "{c:?}");
            let once = lower(c.encode_utf8(&mut [0; 4])).into_owned();
            assert_eq!(lower(&once), once, "{c:?}");
        }
    }

    #[test]
    fn names_of_operating_systems() {
        for (given, normal) in [
            ("", "plan9"),
            ("Linux", "linux"),
            ("macOS", "darwin"),
            ("osx", "osx"),
            ("mac", "mac"),
            ("win32", "win32"),
            (" linux", " linux"),
        ] {
            assert_eq!(os(&lower(given), "plan9"), normal, "{given:?}");
        }
    }

    #[test]
    fn names_of_architectures_and_variants() {
        for (given, normal) in [
            (("i386", "v2"), ("386", "")),
            (("386", "V2"), ("386", "v2")),
            (("X86_64", ""), ("amd64", "")),
            (("x86-64", "v1"), ("amd64", "")),
            (("amd64", "1"), ("amd64", "1")),
            (("amd64", "v01"), ("amd64", "v01")),
            (("AArch64", "8"), ("arm64", "")),
            (("arm64", "V8"), ("arm64", "")),
            (("arm64", "v8.0"), ("arm64", "")),
            (("arm64", "8.0"), ("arm64", "8.0")),
            (("arm64", "9"), ("arm64", "v9")),
            (("arm64", "9.0"), ("arm64", "v9")),
            (("arm64", "v9.0"), ("arm64", "v9")),
            (("arm64", "9.1"), ("arm64", "9.1")),
            (("armhf", "v6"), ("arm", "v7")),
            (("armel", "v7"), ("arm", "v6")),
            (("arm", ""), ("arm", "v7")),
            (("arm", "7"), ("arm", "v7")),
            (("arm", "5"), ("arm", "v5")),
            (("arm", "6"), ("arm", "v6")),
            (("arm", "8"), ("arm", "v8")),
            (("arm", "4"), ("arm", "4")),
            (("arm", "9"), ("arm", "9")),
            (("arm", "07"), ("arm", "07")),
            (("arm", "v7.0"), ("arm", "v7.0")),
            (("x64", ""), ("x64", "")),
            (("i686", ""), ("i686", "")),
            (("armv7l", ""), ("armv7l", "")),
            (("armv8", ""), ("armv8", "")),
            (("aarch64_be", "8"), ("aarch64_be", "8")),
            (("\u{130}386", "V"), ("386", "")),
            (("", "V8"), ("", "v8")),
        ] {
            let found = (&*lower(given.0), &*lower(given.1));
            assert_eq!(architecture(found.0, found.1), normal, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own(p in crate::platform::samples::platform()) {
            let normal = p.normalize();
            prop_assert_eq!(normal.normalize(), normal);
        }
    }
}
