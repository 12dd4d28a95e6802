//! Files with logins, in the formats of docker and containers.

use crate::error::{Error, Result};
use crate::reference::login_name;
use crate::text::escaped;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

const MAX_FILE: u64 = 1024 * 1024;

/// Padding may be missing: people write these by hand.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        username: String,
        password: String,
    },
    /// For the token server, by POST.
    Identity(String),
    /// A bearer token for the registry itself.
    Token(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AuthFile {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, Option<String>>>,
    #[serde(rename = "credsStore")]
    pub store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<String>,
}

impl AuthFile {
    /// `None` where there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let name = escaped(&path.to_string_lossy());
        let mut content = Vec::new();
        let read = std::fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut content));
        match read {
            Ok(_) if content.len() as u64 > MAX_FILE => {
                return Err(Error::denied(format!(
                    "{name}: larger than {MAX_FILE} bytes"
                )));
            }
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(Error::denied(format!("{name}: {e}"))),
        }
        Self::parse(&content, &name).map(Some)
    }

    /// `name` is the file's name in errors, already escaped.
    pub fn parse(content: &[u8], name: &str) -> Result<Self> {
        if content.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        // serde_json's message may quote the file.
        serde_json::from_slice(content).map_err(|e| {
            let (line, column) = (e.line(), e.column());
            Error::denied(format!(
                "{name}: no JSON of logins, line {line} column {column}"
            ))
        })
    }

    /// The helper that has the logins of this repository.
    pub fn helper(&self, registry: &str, repository: &str) -> Option<&str> {
        let keys = self.helpers.iter().flatten();
        let named = keys.filter_map(|(key, name)| Some((key, name.as_deref()?)));
        longest_prefix(named, registry, repository)
    }

    pub fn credentials(&self, registry: &str, repository: &str) -> Result<Option<Credentials>> {
        let entries = self.auths.iter().flatten();
        let filled = entries.filter_map(|(key, entry)| Some((key, entry.as_ref()?)));
        let filled = filled.filter(|(_, entry)| entry.is_filled());
        longest_prefix(filled, registry, repository)
            .map(Entry::credentials)
            .transpose()
    }
}

impl Entry {
    fn is_filled(&self) -> bool {
        let texts = [
            &self.auth,
            &self.username,
            &self.identity_token,
            &self.registry_token,
        ];
        texts.into_iter().flatten().any(|text| !text.is_empty())
    }

    fn credentials(&self) -> Result<Credentials> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.registry_token) {
            return Ok(Credentials::Token(token));
        }
        if let Some(token) = filled(&self.identity_token) {
            return Ok(Credentials::Identity(token));
        }
        // Where both are given, docker takes `auth`.
        if let (None, Some(username)) = (filled(&self.auth), filled(&self.username)) {
            let password = self.password.clone().unwrap_or_default();
            return Ok(Credentials::Password { username, password });
        }
        let pair = filled(&self.auth)
            // `base64` wraps long lines, and Go's decoder ignores line ends.
            .map(|auth| auth.trim().replace(['\r', '\n'], ""))
            .and_then(|auth| BASE64.decode(auth).ok())
            .and_then(|pair| String::from_utf8(pair).ok());
        let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
        let (username, password) = pair.ok_or_else(|| {
            Error::denied(
                "found an auth that is not base64 of a name and a password, expected NAME:PASSWORD",
            )
        })?;
        Ok(Credentials::Password {
            username: username.to_owned(),
            // docker's own reader does the same.
            password: password.trim_matches('\0').to_owned(),
        })
    }
}

/// The value of the longest key that is a prefix of the repository's whole name by
/// components.
fn longest_prefix<'a, T>(
    entries: impl Iterator<Item = (&'a String, T)>,
    registry: &str,
    repository: &str,
) -> Option<T> {
    let whole = format!("{registry}/{repository}");
    entries
        .filter_map(|(key, value)| Some((prefix_length(key, &whole)?, value)))
        // Of two equal keys the first counts.
        .fold(
            None,
            |best: Option<(usize, T)>, (length, value)| match best {
                Some((longest, _)) if longest >= length => best,
                _ => Some((length, value)),
            },
        )
        .map(|(_, value)| value)
}

/// The length of a key, without scheme and version, if it is a prefix of the name.
fn prefix_length(key: &str, whole: &str) -> Option<usize> {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    let (host, path) = match key.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (key, None),
    };
    let host = login_name(host);
    let (whole_host, whole_path) = whole.split_once('/')?;
    if !host.eq_ignore_ascii_case(whole_host) {
        return None;
    }
    match path {
        None => Some(host.len()),
        Some(path) => {
            let rest = whole_path.strip_prefix(path)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(host.len() + 1 + path.len())
        }
    }
}

/// The files with logins, in the order of lookup.
pub fn default_paths() -> Vec<PathBuf> {
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let home = std::env::home_dir();
    let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
    [
        variable("REGISTRY_AUTH_FILE"),
        variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        in_home(".config/containers/auth.json"),
        variable("DOCKER_CONFIG").map(|folder| folder.join("config.json")),
        in_home(".docker/config.json"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str) -> AuthFile {
        serde_json::from_str(json).unwrap()
    }

    fn username(file: &AuthFile, registry: &str, repository: &str) -> Option<String> {
        match file.credentials(registry, repository).unwrap()? {
            Credentials::Password { username, .. } => Some(username),
            _ => None,
        }
    }

    #[test]
    fn the_longest_key_counts() {
        let file = file(
            r#"{"auths": {
                "localhost:5000": {"username": "host", "password": "p"},
                "localhost:5000/a": {"username": "a", "password": "p"},
                "localhost:5000/a/b": {"username": "a/b", "password": "p"},
                "localhost:5000/a/b/c": {},
                "https://other.example/v1/": {"username": "other", "password": "p"},
                "https://index.docker.io/v1/": {"username": "hub", "password": "p"},
                "http://plain.example/v2/": {"username": "plain", "password": "p"}
            }}"#,
        );
        for (registry, repository, expected) in [
            ("localhost:5000", "x", Some("host")),
            ("localhost:5000", "a", Some("a")),
            ("localhost:5000", "ab", Some("host")),
            ("localhost:5000", "a/b", Some("a/b")),
            ("localhost:5000", "a/b/c", Some("a/b")),
            ("localhost:5001", "a", None),
            ("localhost", "a", None),
            ("other.example", "a", Some("other")),
            ("plain.example", "a", Some("plain")),
            ("docker.io", "library/busybox", Some("hub")),
        ] {
            assert_eq!(
                username(&file, registry, repository).as_deref(),
                expected,
                "{registry}/{repository}"
            );
        }
    }

    #[test]
    fn logins_have_several_forms() {
        let file = file(
            r#"{"auths": {
                "a.example": {"auth": "YWxpY2U6c2U6Y3JldA"},
                "b.example": {"auth": "YWxpY2U6", "identitytoken": "i"},
                "c.example": {"registrytoken": "r"},
                "d.example": {"auth": "!"},
                "e.example": null,
                "h.example": {"auth": "YWxpY2U6\r\nc2U6Y3Jl\ndA==\n"},
                "i.example": {"username": "bob", "password": "no", "auth": "YWxpY2U6c2U6Y3JldA"},
                "j.example": {"username": "alice", "password": "se:cret", "auth": ""}
            }, "credHelpers": {"f.example": "helper", "g.example": null}, "credsStore": "store"}"#,
        );
        let of = |registry| file.credentials(registry, "a");
        let password = Credentials::Password {
            username: "alice".into(),
            password: "se:cret".into(),
        };
        for registry in ["a.example", "h.example", "i.example", "j.example"] {
            assert!(
                of(registry).unwrap().as_ref() == Some(&password),
                "{registry}"
            );
        }
        assert!(of("b.example").unwrap() == Some(Credentials::Identity("i".into())));
        assert!(of("c.example").unwrap() == Some(Credentials::Token("r".into())));
        assert!(of("d.example").is_err());
        assert!(of("e.example").unwrap().is_none());
        assert_eq!(file.helper("f.example", "a"), Some("helper"));
        assert_eq!(file.helper("g.example", "a"), None);
        assert_eq!(file.store.as_deref(), Some("store"));
    }
}
