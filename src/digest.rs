//! Digests, and the check that content is what its digest says.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests>

use crate::error::{Error, Result, Status};
use crate::text::{Escaped, Text};
use sha2::Digest as _;
use std::fmt;

/// The algorithms whose digests can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Sha256,
    Sha512,
    Blake3,
}

impl Algorithm {
    fn by_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            "blake3" => Some(Self::Blake3),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// Hexadecimal digits of one of its digests.
    fn hex_len(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// `algorithm:encoded`, of the grammar and, where the algorithm is one that can be
/// checked, of its length and alphabet. Nothing else reaches a loader or a path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    text: Text,
    algorithm: Option<Algorithm>,
}

impl Digest {
    pub fn parse(text: &str) -> Result<Self> {
        let fail = |expected: fmt::Arguments<'_>| {
            Error::new(
                Status::Malformed,
                format_args!("digest \"{}\": expected {expected}", Escaped(text)),
            )
        };
        let Some((algorithm, encoded)) = text.split_once(':') else {
            return Err(fail(format_args!("algorithm:encoded")));
        };
        let component = |c: &str| {
            !c.is_empty()
                && c.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !algorithm.split(['+', '.', '_', '-']).all(component) {
            return Err(fail(format_args!(
                "an algorithm of [a-z0-9]+ joined by one of + . _ -"
            )));
        }
        let algorithm = Algorithm::by_name(algorithm);
        match algorithm {
            Some(a) => {
                let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if encoded.len() != a.hex_len() || !encoded.bytes().all(hex) {
                    return Err(fail(format_args!(
                        "{} digits of [0-9a-f] after {}:",
                        a.hex_len(),
                        a.name()
                    )));
                }
            }
            None => {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b"=_-".contains(&b);
                if encoded.is_empty() || !encoded.bytes().all(allowed) {
                    return Err(fail(format_args!("[a-zA-Z0-9=_-]+ after the colon")));
                }
            }
        }
        let text = Text::new(text).expect("the grammar has no NUL");
        Ok(Self { text, algorithm })
    }

    /// The digest of `content` by `algorithm`.
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(content);
        hasher.finish()
    }

    pub fn text(&self) -> &Text {
        &self.text
    }

    /// What stands before and behind the colon.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_once(':').expect("checked when parsed")
    }

    /// The algorithm to check it with; UNSUPPORTED where it is none of ours.
    pub fn algorithm(&self) -> Result<Algorithm> {
        self.algorithm.ok_or_else(|| {
            Error::new(
                Status::Unsupported,
                format_args!(
                    "digest algorithm {} cannot be checked: expected sha256, sha512 or blake3",
                    Escaped(self.parts().0)
                ),
            )
            .concerning(&self.text)
        })
    }

    /// DIGEST_MISMATCH unless `found` is this digest.
    pub fn expect(&self, found: &Digest) -> Result<()> {
        if self == found {
            return Ok(());
        }
        Err(Error::new(
            Status::DigestMismatch,
            format_args!("content has digest {found}, expected {self}"),
        )
        .concerning(&self.text))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A digest in the making.
#[derive(Clone)]
pub enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Box::default()),
            Algorithm::Blake3 => Self::Blake3(Box::default()),
        }
    }

    pub fn update(&mut self, content: &[u8]) {
        match self {
            Self::Sha256(h) => h.update(content),
            Self::Sha512(h) => h.update(content),
            Self::Blake3(h) => {
                h.update(content);
            }
        }
    }

    pub fn finish(self) -> Digest {
        let (algorithm, hex) = match self {
            Self::Sha256(h) => (Algorithm::Sha256, hex(&h.finalize())),
            Self::Sha512(h) => (Algorithm::Sha512, hex(&h.finalize())),
            Self::Blake3(h) => (Algorithm::Blake3, hex(h.finalize().as_bytes())),
        };
        let text = Text::new(&format!("{}:{hex}", algorithm.name())).expect("no NUL in it");
        Digest {
            text,
            algorithm: Some(algorithm),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, b| {
        use fmt::Write;
        let _ = write!(hex, "{b:02x}");
        hex
    })
}
