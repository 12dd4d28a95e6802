//! Finds the parts of a JSON text without decoding it.
//!
//! All functions expect text that was parsed strictly before. Other text gives wrong spans,
//! but never a panic or an endless loop.

use super::string;
use std::borrow::Cow;
use std::ops::Range;

/// A member of an object: its key in quotation marks, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// The first place at or after `at` that is not white space.
pub fn skip_space(json: &str, mut at: usize) -> usize {
    let bytes = json.as_bytes();
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The value in a text, without the white space around it.
pub fn value(json: &str) -> Range<usize> {
    let start = skip_space(json, 0);
    start..value_end(json, start)
}

/// The members of the object that starts at `start`, in order.
pub fn members(json: &str, start: usize) -> impl Iterator<Item = Member> {
    Parts::new(json, start).map(|Part { key, value }| Member {
        key: key.unwrap_or(value.start..value.start),
        value,
    })
}

/// The elements of the array that starts at `start`, in order.
pub fn elements(json: &str, start: usize) -> impl Iterator<Item = Range<usize>> {
    Parts::new(json, start).map(|part| part.value)
}

struct Part {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// The parts of an object or array.
struct Parts<'a> {
    json: &'a str,
    at: usize,
    has_keys: bool,
}

impl<'a> Parts<'a> {
    fn new(json: &'a str, start: usize) -> Self {
        Self {
            json,
            at: start + 1,
            has_keys: json.as_bytes().get(start) == Some(&b'{'),
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let bytes = self.json.as_bytes();
        let mut at = skip_space(self.json, self.at);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(self.json, at + 1);
        }
        if matches!(bytes.get(at), None | Some(b'}' | b']')) {
            return None;
        }
        let mut key = None;
        if self.has_keys {
            let end = value_end(self.json, at);
            key = Some(at..end);
            // Behind the key is the colon.
            at = skip_space(self.json, skip_space(self.json, end) + 1);
        }
        let value = at.min(bytes.len())..value_end(self.json, at);
        self.at = value.end;
        Some(Part { key, value })
    }
}

/// The end of the value that starts at `start`.
fn value_end(json: &str, start: usize) -> usize {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ if depth == 0 => return scalar_end(bytes, at),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

/// The end of the string whose quotation mark is at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a number, `true`, `false` or `null`.
fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| {
        matches!(
            byte,
            b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'
        )
    };
    let len = bytes[start..].iter().position(ends);
    // At least one byte, so that scanning always makes progress.
    len.map_or(bytes.len(), |len| start + len.max(1))
}

/// The text of a string in quotation marks.
pub fn unquoted(string: &str) -> Cow<'_, str> {
    match string.get(1..string.len().saturating_sub(1)) {
        Some(text) if !text.contains('\\') => Cow::Borrowed(text),
        Some(_) if string.starts_with('"') => string::at(string, 0),
        _ => Cow::default(),
    }
}

/// A text as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is written to memory")
}

/// Whether a string in quotation marks has this text.
pub fn is_text(string: &str, text: &str) -> bool {
    let plain = string.get(1..string.len().saturating_sub(1));
    match plain {
        Some(plain) if plain == text => !plain.contains('\\'),
        // An escape is longer than the character that it encodes.
        _ => string.len() > text.len() + 2 && string.contains('\\') && unquoted(string) == text,
    }
}

/// Whether two values differ in nothing but white space and the spelling of strings.
pub fn is_same(a: &str, b: &str) -> bool {
    let (mut a_at, mut b_at) = (0, 0);
    loop {
        let (a_token, b_token) = (token(a, &mut a_at), token(b, &mut b_at));
        let same = match (a_token, b_token) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b => true,
            (Some(a), Some(b)) if a.starts_with('"') && b.starts_with('"') => {
                unquoted(a) == unquoted(b)
            }
            _ => false,
        };
        if !same {
            return false;
        }
    }
}

/// The next token: a string, a scalar or punctuation.
fn token<'a>(json: &'a str, at: &mut usize) -> Option<&'a str> {
    let bytes = json.as_bytes();
    let start = skip_space(json, *at);
    *at = match bytes.get(start)? {
        b'"' => string_end(bytes, start),
        b'{' | b'}' | b'[' | b']' | b',' | b':' => start + 1,
        _ => scalar_end(bytes, start),
    };
    json.get(start..*at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_and_elements_are_found_between_white_space() {
        let json = " { \"a\\\"\" : [1, {\"x\":\"}\"}] ,\n\"b\":-1.5e3 , \"c\":\"\\\\\"} ";
        let start = value(json).start;
        let found: Vec<_> = members(json, start)
            .map(|m| (&json[m.key], &json[m.value]))
            .collect();
        let expected = [
            ("\"a\\\"\"", "[1, {\"x\":\"}\"}]"),
            ("\"b\"", "-1.5e3"),
            ("\"c\"", "\"\\\\\""),
        ];
        assert_eq!(found, expected);
        let json = "[ [] ,{}, null,true ]";
        let found: Vec<_> = elements(json, 0).map(|e| &json[e]).collect();
        assert_eq!(found, ["[]", "{}", "null", "true"]);
        assert_eq!(members(" { } ", 1).count(), 0);
        assert_eq!(elements("[]", 0).count(), 0);
    }

    #[test]
    fn strings_are_compared_by_what_they_say() {
        for (string, text, is) in [
            (r#""a\u0062""#, "ab", true),
            (r#""\\""#, "\\", true),
            (r#""\n""#, "\\n", false),
            (r#""""#, "", true),
            (r#""ab""#, "a", false),
        ] {
            assert_eq!(is_text(string, text), is, "{string}");
            assert_eq!(unquoted(string) == text, is, "{string}");
        }
    }

    #[test]
    fn values_that_differ_in_spelling_only_are_the_same() {
        assert!(is_same(r#"{"a":[1,"b"]}"#, "{ \"\\u0061\" :\n[1, \"b\"] }"));
        for (a, b) in [
            ("1", "1.0"),
            ("[1]", "[1,2]"),
            (r#""a""#, "a"),
            ("[]", "{}"),
        ] {
            assert!(!is_same(a, b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_to_an_end(json in "[\\[\\]{}\",:\\\\ a0é]{0,40}", at in 0_usize..40) {
            // Spans are in bounds and in order, whatever the text.
            let mut last = 0;
            for m in members(&json, at).take(100) {
                prop_assert!(m.key.start <= m.key.end && m.value.start <= m.value.end);
                prop_assert!(m.value.end <= json.len() && m.value.end > last);
                last = m.value.end;
            }
            prop_assert!(elements(&json, at).count() <= 100);
            let _ = (is_same(&json, "{}"), unquoted(&json), is_text(&json, "a"));
        }
    }
}
