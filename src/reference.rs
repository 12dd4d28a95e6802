//! Image names, as `docker` and `podman` take them: `busybox`, `localhost:5000/a/b:1`,
//! `example.org/app@sha256:…`.
//!
//! The rules are those of
//! <https://github.com/distribution/reference/blob/v0.6.0/normalize.go>. Its grammar is
//! matched by hand: as regular expressions it takes many milliseconds to compile.

use crate::digest::Digest;
use crate::text::Escaped;
use std::fmt;
use thiserror::Error as LeafError;

/// The registry of names that have none.
const HUB: &str = "docker.io";
const OLD_HUB: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;

/// The full name of an image: `docker.io/library/busybox` for `busybox`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Host, and port if there is one. Empty in a name like `my_host.local/a`, whose first
    /// part cannot be a host: Docker then treats all of it as the repository.
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
    /// Of an algorithm that can be checked.
    pub digest: Option<Digest>,
}

/// Why a text is no image name.
#[derive(Clone, Debug, PartialEq, Eq, LeafError)]
pub enum ParseError {
    #[error("image name \"{0}\": is the ID of an image, expected a name")]
    Id(String),
    #[error(
        "image name \"{0}\": expected a repository of [a-z0-9] between single separators, \
         at most {MAX_REPOSITORY} bytes"
    )]
    Repository(String),
    #[error("image name \"{0}\": expected a tag of [A-Za-z0-9_.-], at most {MAX_TAG} bytes")]
    Tag(String),
    #[error("image name \"{0}\": expected a sha256, sha512 or blake3 digest after @")]
    Digest(String),
}

impl Reference {
    pub fn parse(name: &str) -> Result<Self, ParseError> {
        let error = |kind: fn(String) -> ParseError| Err(kind(Escaped(name).to_string()));
        if name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return error(ParseError::Id);
        }
        let (registry, rest) = split_registry(name);
        let (rest, digest) = split_off(rest, '@');
        let (path, tag) = split_off(rest, ':');
        let path = match registry == HUB && !path.contains('/') {
            true => format!("{OFFICIAL}{path}"),
            false => path.to_owned(),
        };
        // What cannot be a registry may be a part of the repository.
        let (registry, repository) = match is_registry(registry) {
            true => (registry.to_owned(), path),
            false => (String::new(), format!("{registry}/{path}")),
        };
        if repository.len() > MAX_REPOSITORY || !repository.split('/').all(is_path_component) {
            return error(ParseError::Repository);
        }
        if !tag.is_none_or(is_tag) {
            return error(ParseError::Tag);
        }
        let digest = match digest.map(Digest::parse) {
            None => None,
            Some(Ok(digest)) if digest.algorithm().is_ok() => Some(digest),
            Some(_) => return error(ParseError::Digest),
        };
        Ok(Self {
            registry,
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }

    /// The same name with the tag `latest` if it has neither tag nor digest.
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The short form: without Docker's registry and `library/`, unless that would be
    /// another name.
    pub fn familiar(&self) -> String {
        let whole = self.to_string();
        let short = whole.strip_prefix(HUB).and_then(|s| s.strip_prefix('/'));
        let shorter = short.and_then(|short| short.strip_prefix(OFFICIAL));
        let same = |name: &&str| Self::parse(name).as_ref() == Ok(self);
        let name = shorter.filter(same).or(short.filter(same));
        name.map_or(whole.clone(), str::to_owned)
    }
}

/// The full name; it parses as the same reference.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.registry.is_empty() {
            write!(f, "{}/", self.registry)?;
        }
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The registry of a name, and the rest.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((OLD_HUB, rest)) => (HUB, rest),
        // A repository has no capitals.
        Some((first, rest))
            if first == "localhost"
                || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (HUB, name),
    }
}

/// The text before the first `separator`, and the text after it if there is one.
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
    text.len() <= MAX_TAG
        && is_all(text, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !text.starts_with(['.', '-'])
}

fn is_all(text: &str, kind: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn docker_name(name: &str) -> Option<String> {
        let reference = Reference::parse(name).ok()?;
        Some(reference.with_default_tag().to_string())
    }

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

    /// Host, repository, tag and digest, mostly valid by the grammar.
    fn some_name() -> impl Strategy<Value = String> {
        let host = "(([a-zA-Z0-9]{1,3}(-[a-z0-9]|[.][a-z]{1,3}){0,2}|localhost|\\[[0-9a-f]{0,4}:[0-9a-f:]{0,4}\\]|docker[.]io|index[.]docker[.]io)(:[0-9]{1,3})?/)?";
        let path = "[a-z0-9]{1,3}((__?|[.]|-{1,2}|/)[a-z0-9]{1,3}){0,3}";
        let tag = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,4})?";
        let digest = prop_oneof![
            Just(String::new()),
            "@sha256:[0-9a-f]{64}",
            "@sha512:[0-9a-f]{128}"
        ];
        (host, path, tag, digest)
            .prop_map(|(host, path, tag, digest)| format!("{host}{path}{tag}{digest}"))
    }

    proptest! {
        #[test]
        fn a_full_name_parses_as_itself(name in some_name()) {
            let reference = Reference::parse(&name).unwrap();
            let full = reference.to_string();
            prop_assert_eq!(&Reference::parse(&full).unwrap(), &reference, "{}", full);
            let familiar = reference.familiar();
            prop_assert_eq!(&Reference::parse(&familiar).unwrap(), &reference, "{}", familiar);
            prop_assert!(familiar.len() <= full.len());
        }

        #[test]
        fn any_text_is_refused_or_parses_as_itself(name in "[a-zA-Z0-9.:/@_\\[\\]-]{0,20}") {
            if let Ok(reference) = Reference::parse(&name) {
                let full = reference.to_string();
                prop_assert_eq!(Reference::parse(&full), Ok(reference), "{}", full);
            }
        }
    }

    #[test]
    fn a_name_has_parts() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let rows = [
            (
                "busybox",
                "docker.io",
                "library/busybox",
                None,
                None,
                "busybox",
            ),
            (
                "localhost:5000/a/b:c",
                "localhost:5000",
                "a/b",
                Some("c"),
                None,
                "localhost:5000/a/b:c",
            ),
            (
                "[::1]:5000/a",
                "[::1]:5000",
                "a",
                None,
                None,
                "[::1]:5000/a",
            ),
            ("[::1]/a:1", "[::1]", "a", Some("1"), None, "[::1]/a:1"),
            ("index.docker.io/a/b", "docker.io", "a/b", None, None, "a/b"),
            (
                "my_host.local/a:1",
                "",
                "my_host.local/a",
                Some("1"),
                None,
                "my_host.local/a:1",
            ),
            (
                &format!("a/b:1@{digest}"),
                "docker.io",
                "a/b",
                Some("1"),
                Some(&*digest),
                &format!("a/b:1@{digest}"),
            ),
        ];
        for (name, registry, repository, tag, digest, familiar) in rows {
            let reference = Reference::parse(name).unwrap();
            assert_eq!(reference.registry, registry, "{name}");
            assert_eq!(reference.repository, repository, "{name}");
            assert_eq!(reference.tag.as_deref(), tag, "{name}");
            assert_eq!(
                reference.digest.as_ref().map(|d| &**d.text()),
                digest,
                "{name}"
            );
            assert_eq!(reference.familiar(), familiar, "{name}");
        }
    }

    #[test]
    fn the_part_at_fault_is_named() {
        type Kind = fn(String) -> ParseError;
        let rows: [(&str, Kind); 5] = [
            ("", ParseError::Repository),
            ("Busybox", ParseError::Repository),
            ("a:", ParseError::Tag),
            ("a@b", ParseError::Digest),
            (&"0".repeat(64), ParseError::Id),
        ];
        for (name, kind) in rows {
            assert_eq!(Reference::parse(name), Err(kind(name.to_owned())));
        }
    }
}
