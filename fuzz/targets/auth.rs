//! Files with logins, as the registry companion reads them.
//!
//! The companion keeps this module to itself. The modules that it imports, `error`, `reference`
//! and `text`, are declared by the crate that includes this file.

#[allow(dead_code)]
#[path = "../../registry/src/auth/files.rs"]
mod files;

use crate::error::Error;
use files::{AuthFile, Credentials};
use ociimg::reference::Reference;

/// The first line is an image's name, the rest is the file.
pub fn auth(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(0);
    let (name, content) = (&data[..end], &data[end..]);
    let name = std::str::from_utf8(name).unwrap_or_default();
    let Ok(name) = Reference::parse(name) else {
        return;
    };
    let file = match AuthFile::parse(content, "FILE") {
        Ok(file) => file,
        Err(e) => {
            let known = AuthFile::parse(b"{", "FILE").err().expect("it is cut off");
            assert_eq!(without_numbers(&e), without_numbers(&known));
            return;
        }
    };
    let (registry, repository) = (&*name.registry, &*name.repository);
    // Members that nobody asks for are passed over, whatever is in them.
    let Ok(json @ serde_json::Value::Object(_)) = serde_json::from_slice(content) else {
        return;
    };
    if let Some(helper) = file.helper(registry, repository) {
        let keys = names(&json, "credHelpers", |value| value.as_str() == Some(helper));
        assert!(any_is_of(&keys, registry), "{registry}: {keys:?}");
    }
    match file.credentials(registry, repository) {
        Ok(Some(found)) => {
            // Logins go to hosts that the file names for them.
            let keys = names(&json, "auths", |value| !value.is_null());
            assert!(any_is_of(&keys, registry), "{registry}: {keys:?}");
            if let Credentials::Identity(token) | Credentials::Token(token) = found {
                assert!(!token.is_empty());
            }
        }
        Ok(None) => {}
        Err(e) => {
            let known = AuthFile::parse(br#"{"auths":{"a":{"auth":"!"}}}"#, "FILE").ok();
            let known = known.and_then(|file| file.credentials("a", "b").err());
            let known = known.expect("it is not base64");
            assert_eq!(without_numbers(&e), without_numbers(&known));
        }
    }
}

/// An error quotes nothing of the file: it is the same for every file, but for line and column.
fn without_numbers(error: &Error) -> String {
    error.to_string().replace(|c: char| c.is_ascii_digit(), "")
}

/// The keys of a member of the file whose values are as `is_meant` says.
fn names(
    json: &serde_json::Value,
    member: &str,
    is_meant: impl Fn(&serde_json::Value) -> bool,
) -> Vec<String> {
    let members = json[member].as_object().into_iter().flatten();
    let meant = members.filter(|(_, value)| is_meant(value));
    meant.map(|(key, _)| key.to_ascii_lowercase()).collect()
}

/// Whether a key names the registry, as it is or as a name of Docker Hub.
fn any_is_of(keys: &[String], registry: &str) -> bool {
    let registry = registry.to_ascii_lowercase();
    let hub = ["docker.io", "index.docker.io", "registry-1.docker.io"];
    let is_of = |key: &String| {
        let host = key
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        let host = host.split('/').next().unwrap_or_default();
        host == registry || registry == hub[0] && hub.contains(&host)
    };
    keys.iter().any(is_of)
}
