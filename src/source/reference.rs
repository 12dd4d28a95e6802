//! The names that users give images.

use crate::digest::Digest;
use crate::error::Error;
use crate::text::Escaped;

/// The name of the images that are wanted.
pub struct RefName<'a> {
    text: &'a str,
    docker_name: Option<String>,
}

impl<'a> RefName<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            docker_name: docker_name(text),
        }
    }

    /// Whether it is just this name.
    pub fn is(&self, name: &str) -> bool {
        self.text == name
    }

    /// Whether docker takes it for this name: `busybox` for
    /// `docker.io/library/busybox:latest`.
    pub fn is_docker_name(&self, name: &str) -> bool {
        self.docker_name.is_some() && self.docker_name == docker_name(name)
    }

    pub fn not_found(&self) -> Error {
        Error::not_found(format_args!(
            "found no image with the name \"{}\"",
            Escaped(self.text)
        ))
    }
}

const HUB: &str = "docker.io";
const HUB_BEFORE: &str = "index.docker.io";
const LONGEST_REPOSITORY: usize = 255;
const LONGEST_TAG: usize = 128;

/// The whole name that docker makes of a name as users write it, with registry and tag.
///
/// <https://github.com/distribution/reference/blob/v0.6.0/normalize.go>, its grammar
/// matched by hand: the same as a regular expression takes many milliseconds to compile.
pub fn docker_name(name: &str) -> Option<String> {
    // No name there, but the ID of an image.
    if name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let (registry, rest) = match name.split_once('/') {
        Some((HUB_BEFORE, rest)) => (HUB, rest),
        // A repository has no capitals.
        Some((first, rest))
            if first == "localhost"
                || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (HUB, name),
    };
    let (rest, digest) = split_off(rest, '@');
    let (path, tag) = split_off(rest, ':');
    let path = match registry == HUB && !path.contains('/') {
        true => format!("library/{path}"),
        false => path.to_owned(),
    };
    let whole = format!("{registry}/{path}");
    // What can be no registry may be a part of the repository.
    let repository = if is_registry(registry) { &path } else { &whole };
    let is_valid = repository.len() <= LONGEST_REPOSITORY
        && repository.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(|digest| Digest::parse(digest).is_ok_and(|d| d.algorithm().is_ok()));
    if !is_valid {
        return None;
    }
    Some(match (tag, digest) {
        (None, None) => format!("{whole}:latest"),
        (Some(tag), None) => format!("{whole}:{tag}"),
        (None, Some(digest)) => format!("{whole}@{digest}"),
        (Some(tag), Some(digest)) => format!("{whole}:{tag}@{digest}"),
    })
}

/// What stands before the first `separator`, and what stands behind it if there is one.
fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((text, rest)) => (text, Some(rest)),
        None => (text, None),
    }
}

/// A domain name or an IPv6 address in brackets, with or without a port.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "0"),
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => is_all(address, |b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(|component| {
            is_all(component, |b| b.is_ascii_alphanumeric() || b == b'-')
                && !component.starts_with('-')
                && !component.ends_with('-')
        }),
    };
    is_host && is_all(port, |b| b.is_ascii_digit())
}

/// Small letters and digits, between them dots, one or two underscores, or hyphens.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |s: &str| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.split(alphanumeric).all(separator)
}

fn is_tag(text: &str) -> bool {
    text.len() <= LONGEST_TAG
        && is_all(text, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !text.starts_with(['.', '-'])
}

fn is_all(text: &str, kind: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let rows = [
            ("busybox", Some("docker.io/library/busybox:latest")),
            ("busybox:1", Some("docker.io/library/busybox:1")),
            ("a/b", Some("docker.io/a/b:latest")),
            (
                "docker.io/busybox",
                Some("docker.io/library/busybox:latest"),
            ),
            (
                "index.docker.io/busybox",
                Some("docker.io/library/busybox:latest"),
            ),
            ("localhost/a", Some("localhost/a:latest")),
            ("localhost:5000/a/b:c", Some("localhost:5000/a/b:c")),
            ("example.org:1", Some("docker.io/library/example.org:1")),
            ("library/a", Some("docker.io/library/a:latest")),
            ("docker.io/a/b/c", Some("docker.io/a/b/c:latest")),
            ("localhost:1", Some("docker.io/library/localhost:1")),
            ("a:5000/b", Some("a:5000/b:latest")),
            ("a.b/c", Some("a.b/c:latest")),
            ("A/b", Some("A/b:latest")),
            ("[::1]/a", Some("[::1]/a:latest")),
            ("[fe80::1]:5000/a:1", Some("[fe80::1]:5000/a:1")),
            ("x/a.b__c--d_e:_A.b-", Some("docker.io/x/a.b__c--d_e:_A.b-")),
            ("my_reg.local/foo:1", Some("my_reg.local/foo:1")),
            ("my_reg.local:5000/foo", None),
            ("docker.io/A/b", None),
            ("[]/a", None),
            ("[::g]/a", None),
            ("[::1]:/a", None),
            ("a:b:1/c", None),
            ("a:x/c", None),
            ("-a.b/c", None),
            ("a-.b/c", None),
            ("a..b/c", None),
            (".a/b", None),
            ("/a", None),
            ("a/", None),
            ("a//b", None),
            ("a..b", None),
            ("a___b", None),
            ("a_-b", None),
            ("-a", None),
            ("a-", None),
            ("a:-1", None),
            ("a:1:2", None),
            ("a:\u{fc}", None),
            ("a@", None),
            ("a@sha256:00", None),
            ("Busybox", None),
            ("busybox:", None),
            ("busybox latest", None),
            ("busybox\n", None),
            ("", None),
        ];
        for (name, whole) in rows {
            assert_eq!(docker_name(name).as_deref(), whole, "{name}");
        }
        assert_eq!(
            docker_name(&format!("busybox@{digest}")),
            Some(format!("docker.io/library/busybox@{digest}"))
        );
        assert_eq!(
            docker_name(&format!("a:1@{digest}")),
            Some(format!("docker.io/library/a:1@{digest}"))
        );
        for (longest, too_long) in [
            ("a".repeat(247), "a".repeat(248)),
            (
                format!("a.b/{}", "a".repeat(255)),
                format!("a.b/{}", "a".repeat(256)),
            ),
            (
                format!("a:{}", "t".repeat(128)),
                format!("a:{}", "t".repeat(129)),
            ),
        ] {
            assert!(docker_name(&longest).is_some(), "{longest}");
            assert_eq!(docker_name(&too_long), None);
        }
        let id = "0".repeat(64);
        assert_eq!(docker_name(&id), None);
        assert!(docker_name(&id[1..]).is_some());
    }

    #[test]
    fn what_docker_takes_for_no_name_is_no_docker_name() {
        assert!(!RefName::new("A").is_docker_name("A"));
        assert!(RefName::new("A").is("A"));
        assert!(!RefName::new("a").is("docker.io/library/a:latest"));
        assert!(RefName::new("a").is_docker_name("docker.io/library/a:latest"));
    }
}
