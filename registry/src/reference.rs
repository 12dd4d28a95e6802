//! Images and repositories, and where their registries are.
//!
//! Names are parsed by libociimg, see `ffi::reference`.

use crate::error::{Error, Result};
use crate::http::host;
use crate::http::url;
use crate::text::escaped;

const HUB: &str = "docker.io";
const HUB_INDEX: &str = "index.docker.io";
const HUB_HOST: &str = "registry-1.docker.io";
const DEFAULT_TAG: &str = "latest";
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

/// The tag or digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Tag(String),
    Digest(String),
}

impl Repository {
    /// Where the registry answers: the Hub does not under its own name.
    pub fn host(&self) -> &str {
        match &*self.registry {
            HUB => HUB_HOST,
            host => host,
        }
    }
}

impl Reference {
    /// Of the parts of a name. With a tag beside a digest the digest counts.
    pub fn of_parts(repository: Repository, tag: Option<&str>, digest: Option<&str>) -> Self {
        let target = match (tag, digest) {
            (_, Some(digest)) => Target::Digest(digest.to_owned()),
            (tag, None) => Target::Tag(tag.unwrap_or(DEFAULT_TAG).to_owned()),
        };
        Self { repository, target }
    }
}

/// The registry as its logins are kept: other names of the Hub become one.
pub fn login_name(registry: &str) -> &str {
    match registry {
        HUB_INDEX | HUB_HOST => HUB,
        other => other,
    }
}

/// The server name for credential helpers.
pub fn helper_names(registry: &str) -> Vec<String> {
    match registry {
        HUB => vec![format!("https://{HUB_INDEX}/v1/"), HUB.to_owned()],
        other => vec![other.to_owned()],
    }
}

pub fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !text.starts_with(['.', '-'])
}

/// A mirror: host and port, and a prefix for the repository.
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
    fn the_hub_has_several_names() {
        let repository = Repository {
            registry: "docker.io".into(),
            name: "library/busybox".into(),
        };
        assert_eq!(repository.host(), "registry-1.docker.io");
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(login_name(name), "docker.io");
        }
        let reference = |tag, digest| Reference::of_parts(repository.clone(), tag, digest).target;
        assert_eq!(reference(None, None), Target::Tag("latest".into()));
        assert_eq!(
            reference(Some("1"), Some("sha256:0")),
            Target::Digest("sha256:0".into())
        );
    }

    #[test]
    fn tags() {
        for tag in ["latest", "_", "1.0-rc_1", &"a".repeat(128)] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in ["", "-a", ".a", "a/b", "a:b", "ä", &"a".repeat(129)] {
            assert!(!is_tag(tag), "{tag}");
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
