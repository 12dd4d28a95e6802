//! Addresses, and what a relative one means.
//!
//! Paths and queries stay byte for byte as they came: they may be signed.

use super::host;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    /// In small letters; an IPv6 address in brackets.
    host: String,
    port: u16,
    /// Path and query; starts with a slash.
    target: String,
}

impl Url {
    /// `authority` is a host with or without a port, `target` starts with a slash.
    pub fn new(scheme: Scheme, authority: &str, target: String) -> Option<Self> {
        let (host, port) = split_authority(authority)?;
        Some(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(scheme.port()),
            target,
        })
    }

    /// An absolute address in http or https. A name and password in it are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let text = clean(text)?;
        let (scheme, rest) = split_scheme(&text)?;
        Self::of_parts(scheme, rest.strip_prefix("//")?)
    }

    /// What `reference` means in an answer from here; `None` for other schemes and for what
    /// is no address.
    pub fn join(&self, reference: &str) -> Option<Self> {
        let text = clean(reference)?;
        if text.is_empty() {
            return None;
        }
        if let Some((scheme, rest)) = split_scheme(&text) {
            return Self::of_parts(scheme, rest.strip_prefix("//")?);
        }
        if has_scheme(&text) {
            return None;
        }
        if let Some(rest) = text.strip_prefix("//") {
            return Self::of_parts(self.scheme, rest);
        }
        let (path, query) = split_query(&text);
        let target = if path.starts_with('/') {
            without_dots(path) + query
        } else if path.is_empty() {
            split_query(&self.target).0.to_owned() + query
        } else {
            let base = split_query(&self.target).0;
            let folder = &base[..=base.rfind('/').unwrap_or(0)];
            without_dots(&format!("{folder}{path}")) + query
        };
        Some(Self {
            target,
            ..self.clone()
        })
    }

    fn of_parts(scheme: Scheme, rest: &str) -> Option<Self> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        Self::new(scheme, authority, target)
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        match self.port == self.scheme.port() {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    pub fn has_origin_of(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// Whether it is the same host and port, whatever the scheme says the port is by default.
    pub fn has_host_of(&self, other: &Self) -> bool {
        let is_default = |url: &Self| url.port == url.scheme.port();
        self.host == other.host
            && (self.port == other.port || is_default(self) && is_default(other))
    }

    /// This path and query at the origin of another.
    pub fn at_origin_of(&self, other: &Self) -> Self {
        Self {
            target: self.target.clone(),
            ..other.clone()
        }
    }

    /// With one more parameter; what the query has already stays.
    pub fn with_parameter(&self, name: &str, value: &str) -> Self {
        let separator = match self.target.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some((_, query)) if query.ends_with('&') => "",
            Some(_) => "&",
        };
        let value = crate::text::percent_encoded(value);
        Self {
            target: format!("{}{separator}{name}={value}", self.target),
            ..self.clone()
        }
    }

    /// Returns the URL for messages: without its query, which may contain a signature.
    pub fn for_message(&self) -> String {
        let path = split_query(&self.target).0;
        let authority = self.authority();
        crate::text::escaped(&format!("{}://{authority}{path}", self.scheme.name()))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.name(),
            self.authority(),
            self.target
        )
    }
}

/// Without white space around it and without its fragment; what no address may hold is
/// encoded. `None` for control characters.
fn clean(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t']);
    let text = text.split('#').next().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_ascii_control() => return None,
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                out.push_str(&format!("%{:02X}", c as u32));
            }
            _ if c.is_ascii() => out.push(c),
            _ => out.push_str(&crate::text::percent_encoded(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Some(out)
}

fn has_scheme(text: &str) -> bool {
    let name = text.split([':', '/', '?']).next().unwrap_or_default();
    text[name.len()..].starts_with(':')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn split_scheme(text: &str) -> Option<(Scheme, &str)> {
    let (name, rest) = text.split_once(':')?;
    match &*name.to_ascii_lowercase() {
        "http" => Some((Scheme::Http, rest)),
        "https" => Some((Scheme::Https, rest)),
        _ => None,
    }
}

/// Path, and query with its question mark.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// Host and port of an authority that is well formed.
pub fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        None | Some("") => None,
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
    };
    host::is_well_formed(host).then_some((host, port))
}

/// RFC 3986, 5.2.4.
fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = path.split('/').skip(1).peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_joined_as_rfc_3986_has_it() {
        let base = Url::parse("https://Example.org:5000/v2/a/b?x=1").unwrap();
        for (reference, expected) in [
            ("/c?d=%2F", Some("https://example.org:5000/c?d=%2F")),
            ("c", Some("https://example.org:5000/v2/a/c")),
            ("./c/../d?e", Some("https://example.org:5000/v2/a/d?e")),
            ("../../../c", Some("https://example.org:5000/c")),
            ("?y=2", Some("https://example.org:5000/v2/a/b?y=2")),
            ("//other/c", Some("https://other/c")),
            ("HTTP://other:80/c#f", Some("http://other/c")),
            ("http://user:pw@other/c", Some("http://other/c")),
            ("http://[::1]:8/c", Some("http://[::1]:8/c")),
            ("http://other?q", Some("http://other/?q")),
            ("a:b", None),
            ("ftp://other/c", None),
            ("file:///etc/passwd", None),
            ("http:c", None),
            ("http://", None),
            ("http://a:x/", None),
            ("http://a:70000/", None),
            ("http://a\r\nb/", None),
            ("https://evil\\@good/", Some("https://good/")),
            ("https://good\\.evil/", None),
            ("", None),
        ] {
            let joined = base.join(reference).map(|url| url.to_string());
            assert_eq!(joined.as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn parameters_are_added_to_what_is_there() {
        let with = |url: &str| {
            Url::parse(url)
                .unwrap()
                .with_parameter("d", "a:b")
                .to_string()
        };
        assert_eq!(with("http://h/p"), "http://h/p?d=a%3Ab");
        assert_eq!(with("http://h/p?s=a%2Bb"), "http://h/p?s=a%2Bb&d=a%3Ab");
        assert_eq!(with("http://h/p?"), "http://h/p?d=a%3Ab");
    }

    #[test]
    fn no_message_contains_a_query() {
        let url = Url::parse("https://u:p@h/path?signature=secret").unwrap();
        assert_eq!(url.for_message(), "https://h/path");
    }

    #[test]
    fn origins_differ_by_scheme_host_or_port() {
        let url = |text| Url::parse(text).unwrap();
        assert!(url("https://h/a").has_origin_of(&url("https://H:443/b")));
        for other in ["http://h/", "https://h:444/", "https://g/"] {
            assert!(!url("https://h/").has_origin_of(&url(other)), "{other}");
        }
        assert!(url("http://h/").has_host_of(&url("https://h/")));
        assert!(!url("http://h:80/").has_host_of(&url("https://h:5000/")));
    }
}
