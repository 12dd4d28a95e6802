//! Strings: finding the end of one, and decoding it.

use super::fault::{Fault, Result};
use std::borrow::Cow;

/// A string in its quotation marks whose escapes were checked.
#[derive(Clone, Copy)]
pub struct Scanned<'a> {
    /// The text between the quotation marks.
    raw: &'a str,
    has_escapes: bool,
}

impl<'a> Scanned<'a> {
    /// The decoded string: borrowed from the document where it holds no escapes.
    #[inline]
    pub fn decode(self) -> Cow<'a, str> {
        match self.has_escapes {
            false => Cow::Borrowed(self.raw),
            true => Cow::Owned(unescape(self.raw)),
        }
    }

    /// Whether it contains U+0000, which JSON can only write as an escape.
    pub fn holds_nul(self) -> bool {
        self.has_escapes && unescape(self.raw).contains('\0')
    }
}

/// Scans the string whose opening quotation mark is at `start`; also returns the place
/// behind its end.
pub fn scan(text: &str, start: usize) -> Result<(Scanned<'_>, usize)> {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    let mut has_escapes = false;
    loop {
        at = plain_end(bytes, at);
        match bytes.get(at) {
            Some(b'"') => {
                let raw = &text[start + 1..at];
                return Ok((Scanned { raw, has_escapes }, at + 1));
            }
            Some(b'\\') => {
                has_escapes = true;
                at = escape_end(bytes, at)?;
            }
            Some(control) => {
                return Err(Fault::of_grammar(format_args!(
                    "found the control character U+{control:04X} in a string at offset {at}, \
                     expected an escape"
                )));
            }
            None => {
                return Err(Fault::of_grammar(format_args!(
                    "found a string at offset {start} without an end, expected JSON"
                )));
            }
        }
    }
}

/// Decodes the string at `start`, which was scanned before.
pub fn at(text: &str, start: usize) -> Cow<'_, str> {
    match scan(text, start) {
        Ok((string, _)) => string.decode(),
        Err(_) => Cow::Borrowed(""),
    }
}

/// The place of the first quotation mark, backslash or control character from `at` on.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // Eight bytes at once. A byte above a hit may be taken for one; the lowest is exact.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let hits = (quote | backslash | control) & HIGH;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let end = |b: &u8| matches!(b, b'"' | b'\\' | 0..0x20);
    at + rest.iter().position(end).unwrap_or(rest.len())
}

/// The place behind the escape at `at`; of a surrogate pair, behind both halves.
fn escape_end(bytes: &[u8], at: usize) -> Result<usize> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match (unit(bytes, at), unit(bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => Ok(at + 12),
            (Some(0xd800..=0xdfff), _) => Err(Fault::of_grammar(
                "found half a surrogate pair in a string, expected Unicode",
            )),
            (Some(_), _) => Ok(at + 6),
            (None, _) => Err(bad_escape(at)),
        },
        _ => Err(bad_escape(at)),
    }
}

fn bad_escape(at: usize) -> Fault {
    Fault::of_grammar(format_args!(
        "found an escape at offset {at} that JSON does not have"
    ))
}

/// The UTF-16 unit of the escape at `at`, if it is one of that kind.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', hex @ ..] = bytes.get(at..at + 6)? else {
        return None;
    };
    hex.iter().try_fold(0, |unit, digit| {
        Some(unit << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Replaces the escapes of a string that was scanned.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let bytes = rest.as_bytes();
        let (c, len) = match bytes.get(at + 1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => match (unit(bytes, at), unit(bytes, at + 6)) {
                (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                    let scalar = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(scalar).unwrap_or_default(), 12)
                }
                (unit, _) => (unit.and_then(char::from_u32).unwrap_or_default(), 6),
            },
            Some(other) => (char::from(*other), 2),
            None => break,
        };
        text.push(c);
        rest = &rest[at + len..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_string_says_what_serde_json_reads_in_it(
            text in "[\\PC\u{0}-\u{1f}\"\\\\]{0,40}",
            escape_all: bool,
        ) {
            let mut json = serde_json::to_string(&text).unwrap();
            if escape_all {
                let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                json = format!("\"{}\"", units.collect::<String>());
            }
            let (string, end) = scan(&json, 0).unwrap();
            prop_assert_eq!(string.decode(), &*text);
            prop_assert_eq!(string.holds_nul(), text.contains('\0'));
            prop_assert_eq!(end, json.len());
        }

        #[test]
        fn what_is_a_string_here_is_one_for_serde_json(
            json in "\"([a\u{e9}\n/\"\\\\ubdDc08]|\\\\u[dD][89abcdef][0-9]{2}){0,12}\"?",
        ) {
            let ours = scan(&json, 0);
            let whole = ours.is_ok_and(|(_, end)| json[end..].trim_end().is_empty());
            prop_assert_eq!(whole, serde_json::from_str::<String>(&json).is_ok(), "{}", json);
        }
    }

    #[test]
    fn an_escape_of_nul_is_found_and_no_other() {
        for (json, holds) in [
            (r#""\u0000""#, true),
            (r#""\\\u0000""#, true),
            (r#""\\u0000""#, false),
            (r#""\\\\u0000""#, false),
            (r#""\u0001\n0""#, false),
        ] {
            let (string, _) = scan(json, 0).unwrap();
            assert_eq!(string.holds_nul(), holds, "{json}");
        }
    }
}
