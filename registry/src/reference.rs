//! Image names as Docker reads them, and where their registries are.

use crate::error::{Error, Result};
use crate::http::host;
use crate::http::url;
use crate::text::escaped;

const HUB: &str = "docker.io";
const HUB_INDEX: &str = "index.docker.io";
const HUB_HOST: &str = "registry-1.docker.io";
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    /// As logins name it: `docker.io`, `localhost:5000`.
    pub registry: String,
    /// `library/busybox`
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub repository: Repository,
    pub target: Target,
}

/// What of the repository is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Tag(String),
    Digest(String),
}

impl Repository {
    /// A name without tag and digest.
    pub fn parse(text: &str) -> Result<Self> {
        match split(text) {
            Some((repository, None, None)) => Ok(repository),
            Some(_) => Err(Error::invalid(format!(
                "\"{}\" has a tag or digest, expected a repository",
                escaped(text)
            ))),
            None => Err(no_name(text)),
        }
    }

    /// Where the registry answers: the Hub does not under its own name.
    pub fn host(&self) -> &str {
        match &*self.registry {
            HUB => HUB_HOST,
            host => host,
        }
    }
}

impl Reference {
    pub fn parse(text: &str) -> Result<Self> {
        let (repository, tag, digest) = split(text).ok_or_else(|| no_name(text))?;
        let target = match (tag, digest) {
            // With both, the digest counts.
            (_, Some(digest)) => Target::Digest(digest.to_owned()),
            (Some(tag), None) => Target::Tag(tag.to_owned()),
            (None, None) => Target::Tag("latest".to_owned()),
        };
        Ok(Self { repository, target })
    }
}

/// The registry as its logins are kept: other names of the Hub become one.
pub fn login_name(registry: &str) -> &str {
    match registry {
        HUB_INDEX | HUB_HOST => HUB,
        other => other,
    }
}

/// What a credential helper is asked for.
pub fn helper_names(registry: &str) -> Vec<String> {
    match registry {
        HUB => vec![format!("https://{HUB_INDEX}/v1/"), HUB.to_owned()],
        other => vec![other.to_owned()],
    }
}

fn no_name(text: &str) -> Error {
    Error::invalid(format!("\"{}\" is no image name", escaped(text)))
}

/// Repository, tag and digest.
/// <https://github.com/distribution/reference/blob/v0.6.0/normalize.go>
fn split(text: &str) -> Option<(Repository, Option<&str>, Option<&str>)> {
    let (registry, rest) = match text.split_once('/') {
        Some((first, rest)) if is_registry_by_form(first) => (first, rest),
        _ => (HUB, text),
    };
    let registry = login_name(registry);
    let (rest, digest) = split_off(rest, '@');
    let (path, tag) = split_off(rest, ':');
    let name = match registry == HUB && !path.contains('/') {
        true => format!("library/{path}"),
        false => path.to_owned(),
    };
    let is_id = text.len() == 64 && is_lower_hex(text);
    let is_valid = !is_id
        && url::split_authority(registry).is_some()
        && !registry.ends_with(':')
        && name.len() <= MAX_REPOSITORY
        && name.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    let repository = Repository {
        registry: registry.to_owned(),
        name,
    };
    is_valid.then_some((repository, tag, digest))
}

/// A repository has neither dots nor colons nor capitals in its first component, unless it
/// is the registry.
fn is_registry_by_form(first: &str) -> bool {
    first == "localhost"
        || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase())
}

fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((text, rest)) => (text, Some(rest)),
        None => (text, None),
    }
}

/// Small letters and digits, between them dots, one or two underscores, or hyphens.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |s: &str| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.split(alphanumeric).all(separator)
}

pub fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !text.starts_with(['.', '-'])
}

fn is_digest(text: &str) -> bool {
    match text.split_once(':') {
        Some(("sha256", hex)) => hex.len() == 64 && is_lower_hex(hex),
        Some(("sha512", hex)) => hex.len() == 128 && is_lower_hex(hex),
        Some(("blake3", hex)) => hex.len() == 64 && is_lower_hex(hex),
        _ => false,
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A mirror: host and port, and what stands before the repository there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    pub host: String,
    /// Without slashes around it; may be empty.
    pub prefix: String,
}

impl Mirror {
    pub fn parse(text: &str) -> Result<Self> {
        let (host, prefix) = text.split_once('/').unwrap_or((text, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_prefix = prefix.is_empty()
            || prefix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/._-~".contains(&b))
                && prefix
                    .split('/')
                    .all(|part| !matches!(part, "" | "." | ".."));
        match url::split_authority(host) {
            Some((name, _)) if is_prefix && host::is_well_formed(name) => Ok(Self {
                host: host.to_owned(),
                prefix: prefix.to_owned(),
            }),
            _ => Err(Error::invalid(format!(
                "mirror \"{}\": expected host[:port][/prefix]",
                escaped(text)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_does() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, registry, name, target) in [
            ("busybox", "docker.io", "library/busybox", "latest"),
            ("a/b:c", "docker.io", "a/b", "c"),
            (
                "index.docker.io/busybox",
                "docker.io",
                "library/busybox",
                "latest",
            ),
            ("localhost/a", "localhost", "a", "latest"),
            ("localhost:5000/a/b:c", "localhost:5000", "a/b", "c"),
            ("[::1]:5000/a:1", "[::1]:5000", "a", "1"),
            ("quay.io/a/b", "quay.io", "a/b", "latest"),
            ("Host/a", "Host", "a", "latest"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.repository.registry, registry, "{text}");
            assert_eq!(reference.repository.name, name, "{text}");
            assert_eq!(reference.target, Target::Tag(target.into()), "{text}");
        }
        let both = Reference::parse(&format!("a:1@{digest}")).unwrap();
        assert_eq!(both.target, Target::Digest(digest.clone()));
        assert_eq!(
            Repository::parse("busybox").unwrap().host(),
            "registry-1.docker.io"
        );
        for text in [
            "",
            "A",
            "a b",
            "a:",
            "a@",
            "a@sha256:00",
            "/a",
            "a/",
            "a..b/c/",
            "a:b:1/c",
            "[::g]/a",
            "[::1]:/a",
            "a:-1",
            "a\n",
            &"0".repeat(64),
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
        for text in ["a:1", &format!("a@{digest}")] {
            assert!(Repository::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mirrors() {
        let mirror = Mirror::parse("localhost:5000/a/b").unwrap();
        assert_eq!((&*mirror.host, &*mirror.prefix), ("localhost:5000", "a/b"));
        assert_eq!(Mirror::parse("mirror.example").unwrap().prefix, "");
        for text in ["", "http://a", "a/../b", "a/b?c", "a:x/b", "/a"] {
            assert!(Mirror::parse(text).is_err(), "{text}");
        }
    }
}
