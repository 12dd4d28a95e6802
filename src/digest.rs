//! Digests, and checking content against them.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests>

use crate::error::{Error, Result};
use crate::text::{Escaped, Text};
use sha2::Digest as _;
use std::fmt;

/// Longer digests are refused. Documents repeat digests, also those of other documents, and
/// no real algorithm needs this many bytes.
pub const MAX_LEN: usize = 255;

/// The algorithms whose digests can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Sha256,
    Sha512,
    Blake3,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Blake3];

    #[inline]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    pub fn name(self) -> &'static str {
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

/// Why a text is no digest. The caller decides the status: MALFORMED in a document,
/// INVALID_ARGUMENT from a caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("digest \"{text}\": expected {expected}")]
pub struct ParseError {
    /// Escaped, and cut where it is long.
    text: String,
    expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Expected {
    #[error("algorithm:encoded")]
    Colon,
    #[error("an algorithm of [a-z0-9]+ joined by one of + . _ -")]
    Algorithm,
    #[error("[a-zA-Z0-9=_-]+ after the colon")]
    Encoded,
    #[error("{} digits of [0-9a-f] after {}:", .0.hex_len(), .0.name())]
    Hex(Algorithm),
    #[error("at most {MAX_LEN} bytes, found {0}")]
    Shorter(usize),
}

/// A digest that follows the grammar `algorithm:encoded` and, where the algorithm can be
/// checked, has its length and alphabet. Nothing else reaches a loader or a path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    text: Text,
    algorithm: Option<Algorithm>,
}

impl Digest {
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        match check(text) {
            Ok(algorithm) => Ok(Self {
                text: Text::new(text).expect("the grammar has no NUL"),
                algorithm,
            }),
            Err(expected) => Err(ParseError {
                text: Escaped(text).to_string(),
                expected,
            }),
        }
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

    /// The texts before and after the colon.
    #[inline]
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_once(':').expect("checked when parsed")
    }

    /// The algorithm to check content with; UNSUPPORTED where it is unknown.
    pub fn algorithm(&self) -> Result<Algorithm> {
        self.algorithm.ok_or_else(|| {
            Error::unsupported(format_args!(
                "digest algorithm {} cannot be checked: expected sha256, sha512 or blake3",
                Escaped(self.parts().0)
            ))
            .with_digest(&self.text)
        })
    }

    /// DIGEST_MISMATCH unless `found` is this digest.
    pub fn expect(&self, found: &Digest) -> Result<()> {
        if self == found {
            return Ok(());
        }
        Err(
            Error::digest_mismatch(format_args!("content has digest {found}, expected {self}"))
                .with_digest(&self.text),
        )
    }
}

/// Checks the grammar, and returns the algorithm where it is known.
fn check(text: &str) -> Result<Option<Algorithm>, Expected> {
    if text.len() > MAX_LEN {
        return Err(Expected::Shorter(text.len()));
    }
    let known = Algorithm::ALL.into_iter().find_map(|known| {
        let rest = text.strip_prefix(known.name())?;
        Some((known, rest.strip_prefix(':')?))
    });
    if let Some((known, encoded)) = known {
        return match encoded.len() == known.hex_len() && is_hex(encoded) {
            true => Ok(Some(known)),
            false => Err(Expected::Hex(known)),
        };
    }
    let (algorithm, encoded) = text.split_once(':').ok_or(Expected::Colon)?;
    let is_component = |component: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        !component.is_empty() && component.bytes().all(allowed)
    };
    if !algorithm.split(['+', '.', '_', '-']).all(is_component) {
        return Err(Expected::Algorithm);
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"=_-".contains(&b);
    match !encoded.is_empty() && encoded.bytes().all(allowed) {
        true => Ok(None),
        false => Err(Expected::Encoded),
    }
}

/// Whether a text of a multiple of eight bytes has digits of `[0-9a-f]` alone. Takes eight
/// bytes at once: a large index has thousands of digests.
fn is_hex(text: &str) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let (words, rest) = text.as_bytes().as_chunks();
    rest.is_empty()
        && words.iter().all(|word| {
            let word = u64::from_le_bytes(*word);
            // The high bit of each byte that is at least `least`; exact for ASCII.
            let from = |least: u8| word.wrapping_add(ONES * u64::from(0x80 - least));
            let digits = from(b'0') & !from(b'9' + 1);
            let letters = from(b'a') & !from(b'f' + 1);
            word & HIGH == 0 && (digits | letters) & HIGH == HIGH
        })
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

/// Computes a digest.
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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            hex.push(DIGITS[usize::from(digit)].into());
        }
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use proptest::prelude::*;

    #[test]
    fn the_digests_of_abc_are_those_of_the_standards() {
        // FIPS 180-2, appendices B.1 and C.1; BLAKE3 by its reference implementation.
        let rows = [
            (
                Algorithm::Sha256,
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                Algorithm::Sha512,
                "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                Algorithm::Blake3,
                "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
            ),
        ];
        for (algorithm, expected) in rows {
            let digest = Digest::of(algorithm, b"abc");
            assert_eq!(&**digest.text(), expected);
            assert_eq!(Digest::parse(expected).unwrap(), digest);
            assert_eq!(digest.algorithm().unwrap(), algorithm);
        }
    }

    #[test]
    fn a_digest_of_the_grammar_is_taken_and_no_other() {
        let hex = "0123456789abcdef".repeat(4);
        let taken = [
            format!("sha256:{hex}"),
            format!("sha512:{hex}{hex}"),
            format!("blake3:{hex}"),
            "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8".into(),
            "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564".into(),
            "a.b_c-d+e:=".into(),
        ];
        for text in &taken {
            assert_eq!(&**Digest::parse(text).unwrap().text(), text);
        }
        let refused = [
            String::new(),
            ":".into(),
            hex.clone(),
            format!(":{hex}"),
            format!("sha256:{hex}0"),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{}g", &hex[1..]),
            format!("sha256:{hex} "),
            format!(" sha256:{hex}"),
            format!("sha256:{hex}\n"),
            format!("sha256:{hex}\0"),
            format!("sha256::{hex}"),
            format!("sha-:{hex}"),
            format!("+sha:{hex}"),
            format!("a++b:{hex}"),
            "x:a:b".into(),
            "x:a/b".into(),
            "x:\u{e9}".into(),
        ];
        for text in &refused {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_has_at_most_255_bytes() {
        let longest = format!("x:{}", "y".repeat(253));
        assert!(Digest::parse(&longest).is_ok());
        let message = Digest::parse(&format!("{longest}y"))
            .unwrap_err()
            .to_string();
        assert!(
            message.ends_with("expected at most 255 bytes, found 256"),
            "{message}"
        );
        let huge = Digest::parse(&format!("x:{}", "y".repeat(4 << 20))).unwrap_err();
        assert!(huge.to_string().len() < 1000);
    }

    #[test]
    fn errors_name_what_was_expected() {
        for (text, expected) in [
            ("sha256", "algorithm:encoded"),
            (
                "sha-:00",
                "an algorithm of [a-z0-9]+ joined by one of + . _ -",
            ),
            ("sha256:00", "64 digits of [0-9a-f] after sha256:"),
            ("x:\n", "[a-zA-Z0-9=_-]+ after the colon"),
        ] {
            let message = Digest::parse(text).unwrap_err().to_string();
            let text = Escaped(text);
            assert_eq!(message, format!("digest \"{text}\": expected {expected}"));
        }
    }

    #[test]
    fn content_of_another_digest_is_a_mismatch_and_both_are_named() {
        let [a, b] = ["a", "b"].map(|content| Digest::of(Algorithm::Sha256, content.as_bytes()));
        assert!(a.expect(&a).is_ok());
        let e = a.expect(&b).unwrap_err();
        assert_eq!(e.status(), Status::DigestMismatch);
        assert_eq!(e.digest(), Some(a.text()));
        assert!(e.message().contains(&**a.text()) && e.message().contains(&**b.text()));
    }

    proptest! {
        #[test]
        fn hex_is_the_digits_of_the_grammar(text in "[0-9a-f]{8,24}", at in 0_usize..8, c in any::<char>()) {
            prop_assert_eq!(is_hex(&text), text.len() % 8 == 0);
            let mut other: String = text.chars().take(8 - c.len_utf8()).collect();
            other.insert(at.min(other.len()), c);
            let expected = other.len().is_multiple_of(8)
                && other.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            prop_assert_eq!(is_hex(&other), expected, "{}", other);
        }

        #[test]
        fn each_byte_but_a_digit_is_no_hex(at in 0_usize..8, byte in 0_u8..128) {
            let mut text = *b"01289abf";
            text[at] = byte;
            let text = std::str::from_utf8(&text).unwrap();
            prop_assert_eq!(is_hex(text), matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        }
    }
}
