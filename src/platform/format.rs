//! Platforms as text.

use super::fields::{Platform, or_empty};
use crate::text::TextRef;

impl Platform {
    /// `os/architecture/variant`, without absent parts.
    pub fn format(&self) -> String {
        match or_empty(&self.os) {
            "" => "unknown".into(),
            os => self.join(os),
        }
    }

    /// `os(version+feature...)/architecture/variant`, without absent parts, the features sorted
    /// and each of them once.
    pub fn format_all(&self) -> String {
        let mut os = match or_empty(&self.os) {
            "" => return "unknown".into(),
            os => os.to_owned(),
        };
        let mut features: Vec<&str> = self.os_features.iter().map(TextRef::as_str).collect();
        features.retain(|f| !f.is_empty());
        features.sort_unstable();
        features.dedup();
        let version = or_empty(&self.os_version);
        if !version.is_empty() || !features.is_empty() {
            os.push('(');
            escape(version, &mut os);
            for feature in features {
                os.push('+');
                escape(feature, &mut os);
            }
            os.push(')');
        }
        self.join(&os)
    }

    /// Go's `path.Join`, which treats the parts as a path: `.` and `..` are resolved,
    /// repeated slashes and those at the ends dropped.
    fn join(&self, os: &str) -> String {
        let rooted = os.starts_with('/');
        let mut path = String::with_capacity(os.len());
        for name in [os, or_empty(&self.architecture), or_empty(&self.variant)]
            .into_iter()
            .flat_map(|part| part.split('/'))
        {
            let stays_above = !rooted && (path.is_empty() || path == ".." || path.ends_with("/.."));
            match name {
                "" | "." => {}
                ".." if !stays_above => path.truncate(path.rfind('/').unwrap_or_default()),
                name => {
                    if rooted || !path.is_empty() {
                        path.push('/');
                    }
                    path.push_str(name);
                }
            }
        }
        match path.as_str() {
            "" if rooted => "/".into(),
            "" => ".".into(),
            _ => path,
        }
    }
}

/// Appends a version or feature, with the characters of the surrounding syntax escaped.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '+' => out.push_str("%2B"),
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '/' => out.push_str("%2F"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::platform::samples::of;

    #[test]
    fn a_platform_is_joined_as_a_path() {
        for (parts, text) in [
            (["linux", "amd64", ""], "linux/amd64"),
            (["linux", "", "v8"], "linux/v8"),
            (["", "amd64", "v2"], "unknown"),
            (["linux", "..", "v8"], "v8"),
            (["linux", "amd64", ".."], "linux"),
            (["linux", "..", ".."], ".."),
            (["linux", "..", ""], "."),
            ([".", ".", "."], "."),
            (["..", "..", "a"], "../../a"),
            (["..", "a", ".."], ".."),
            (["a..", "..", ""], "."),
            (["x/..", "..", "b"], "../b"),
            (["a//b/", "/c/", "./d"], "a/b/c/d"),
            (["/", "", ""], "/"),
            (["/a", "..", ".."], "/"),
            (["//a", "..", "b"], "/b"),
            (["/..", "b", "c/../../.."], "/"),
        ] {
            assert_eq!(of(parts).format(), text, "{parts:?}");
            assert_eq!(of(parts).format_all(), text, "{parts:?}");
        }
    }

    #[test]
    fn versions_and_features_are_escaped_sorted_and_made_unique() {
        let mut p = of(["win..", "a", ""]);
        p.os_version = crate::platform::fields::field("1%+()/ *é");
        p.os_features = ["b", "", "a+", "b", "B"]
            .map(|f| crate::text::Text::new(f).unwrap())
            .into();
        assert_eq!(p.format_all(), "win..(1%25%2B%28%29%2F *é+B+a%2B+b)/a");
        assert_eq!(p.format(), "win../a");
        p.os_version = None;
        p.os_features = [crate::text::Text::new("").unwrap()].into();
        assert_eq!(p.format_all(), "win../a");
    }
}
