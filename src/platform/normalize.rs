//! The normal form, in which platforms are compared.

use super::{Platform, field, or_empty};
use std::borrow::Cow;

impl Platform {
    /// The normal form: names in lower case, known spellings of one thing made the same,
    /// features sorted and each of them once. An absent OS is this machine's.
    pub fn normalize(&self) -> Self {
        self.normalize_on(or_empty(&Self::host().os))
    }

    /// The same on a machine with the operating system `host_os`.
    pub(super) fn normalize_on(&self, host_os: &str) -> Self {
        let Normal {
            os,
            architecture,
            variant,
        } = Normal::of(self, host_os);
        let mut os_features = self.os_features.to_vec();
        os_features.sort();
        os_features.dedup();
        Self {
            os: field(&os),
            architecture: field(&architecture),
            variant: field(&variant),
            os_version: self.os_version.clone(),
            os_features: os_features.into(),
        }
    }
}

/// What normalizing changes of a platform, without a copy of what is normal already.
pub(super) struct Normal<'a> {
    pub os: Cow<'a, str>,
    pub architecture: Cow<'a, str>,
    pub variant: Cow<'a, str>,
}

impl<'a> Normal<'a> {
    pub fn of(platform: &'a Platform, host_os: &'a str) -> Self {
        let (architecture, variant) = architecture(
            or_empty(&platform.architecture),
            or_empty(&platform.variant),
        );
        Self {
            os: os(or_empty(&platform.os), host_os),
            architecture,
            variant,
        }
    }
}

pub(super) fn os<'a>(os: &'a str, host_os: &'a str) -> Cow<'a, str> {
    if os.is_empty() {
        return host_os.into();
    }
    let os = lower(os);
    if os == "macos" { "darwin".into() } else { os }
}

/// Together, since some names of architectures say the variant and others default it.
pub(super) fn architecture<'a>(
    architecture: &'a str,
    variant: &'a str,
) -> (Cow<'a, str>, Cow<'a, str>) {
    let (architecture, variant) = (lower(architecture), lower(variant));
    match &*architecture {
        "i386" => ("386".into(), "".into()),
        "amd64" | "x86_64" | "x86-64" => {
            let variant = match &*variant {
                "v1" => "".into(),
                _ => variant,
            };
            ("amd64".into(), variant)
        }
        "arm64" | "aarch64" => {
            let variant = match &*variant {
                "8" | "v8" | "v8.0" => "".into(),
                "9" | "9.0" | "v9.0" => "v9".into(),
                _ => variant,
            };
            ("arm64".into(), variant)
        }
        "armhf" => ("arm".into(), "v7".into()),
        "armel" => ("arm".into(), "v6".into()),
        "arm" => {
            let variant = match &*variant {
                "" | "7" => "v7".into(),
                "5" => "v5".into(),
                "6" => "v6".into(),
                "8" => "v8".into(),
                _ => variant,
            };
            (architecture, variant)
        }
        _ => (architecture, variant),
    }
}

/// Go's `strings.ToLower`: every code point becomes one, whatever stands around it, where
/// `str::to_lowercase` minds the final sigma. Only U+0130 has two in Rust, `i` and a dot
/// above; Go gives `i`.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        return text.into();
    }
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
            assert_eq!(os(given, "plan9"), normal, "{given:?}");
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
            let (a, v) = architecture(given.0, given.1);
            assert_eq!((&*a, &*v), normal, "{given:?}");
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
