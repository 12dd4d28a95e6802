//! The parser: one strict pass over a document, which its reader steers.
//!
//! Not serde_json, which loses the spelling of numbers, refuses 1e999 even in a field that
//! nobody reads, stops at 127 levels, and lets duplicate keys pass. The tests hold this
//! parser to it.

use super::fault::{Fault, Result};
use super::keys::{Keys, Mark, folds_to};
use super::string::{self, Scanned};
use crate::text::{Escaped, Text};
use crate::text_list::{TextList, TextListBuilder, TextMap, TextMapBuilder};
use std::borrow::Cow;

/// Objects and arrays that may stand inside each other.
const MAX_DEPTH: u32 = 128;

/// The keys that the specification defines in an object: at most 32.
#[derive(Clone, Copy)]
pub struct Defined {
    names: &'static [&'static str],
    any_case: bool,
}

impl Defined {
    /// A key that differs from one of these by case alone is refused: Go would take it for
    /// that one.
    pub const fn exactly(names: &'static [&'static str]) -> Self {
        Self {
            names,
            any_case: false,
        }
    }

    /// A key that differs from one of these by case alone counts as that one, as in Go,
    /// unless the object has two spellings of it.
    pub const fn in_any_case(names: &'static [&'static str]) -> Self {
        Self {
            names,
            any_case: true,
        }
    }

    /// The defined name that Go takes this key for.
    pub fn name_of(self, key: &str) -> Option<&'static str> {
        let mut names = self.names.iter().copied();
        names.find(|name| folds_to(key, name))
    }
}

/// What is checked of a value that nobody reads, beside the grammar.
#[derive(Clone, Copy, Default)]
pub struct Checks {
    /// No object has a key twice.
    pub keys: bool,
    /// No string or key holds U+0000.
    pub nul: bool,
}

/// A place in a document, which moves forward as values are read.
pub struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    keys: Keys,
}

/// Reads the one value that a document is.
pub fn document<'a, T>(
    document: &'a [u8],
    read: impl FnOnce(&mut Parser<'a>) -> Result<T>,
) -> Result<T> {
    if let Some(found) = foreign(document) {
        return Err(Fault::of_grammar(format_args!(
            "found {found}, expected JSON"
        )));
    }
    let text = std::str::from_utf8(document).map_err(|e| {
        Fault::of_grammar(format_args!(
            "found bytes that are not UTF-8 at offset {}, expected JSON",
            e.valid_up_to()
        ))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(Fault::of_grammar(
            "found a byte order mark, expected JSON without one",
        ));
    }
    if u32::try_from(text.len()).is_err() {
        return Err(Fault::of_grammar("found 4 GiB or more, expected less"));
    }
    let mut parser = Parser::new(text);
    let value = read(&mut parser)?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.unexpected("the end of the document")),
    }
}

/// What a document is that is no JSON, where its beginning tells.
fn foreign(document: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: &[(&[u8], &str)] = &[
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"\x1f\x8b", "a gzip file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ\0", "bytes of an xz file"),
        (b"PK\x03\x04", "a zip file"),
        (b"version https://git-lfs", "a Git LFS pointer"),
    ];
    let known = BEGINNINGS.iter().find(|(b, _)| document.starts_with(b));
    match (known, document) {
        (Some((_, name)), _) => Some(name),
        // "{" or "[" of UTF-16 without a byte order mark.
        (None, [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..]) => Some("UTF-16"),
        (None, _) if document.trim_ascii_start().starts_with(b"<") => Some("HTML or XML"),
        (None, _) => None,
    }
}

impl<'a> Parser<'a> {
    /// A parser at the beginning of a text below 4 GiB.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            keys: Keys::default(),
        }
    }

    /// The first byte of what comes next, behind white space.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                other => return Some(*other),
            }
        }
        None
    }

    /// The fault of a text that does not go on as JSON does.
    fn unexpected(&mut self, expected: &str) -> Fault {
        let found = match self.peek() {
            Some(_) => self.text[self.at..].chars().next(),
            None => None,
        };
        let at = self.at;
        match found {
            Some(c) => Fault::of_grammar(format_args!(
                "found '{}' at offset {at}, expected JSON: {expected}",
                c.escape_debug()
            )),
            None if at == 0 => Fault::of_grammar("found nothing, expected JSON"),
            None => Fault::of_grammar(format_args!(
                "found the end at offset {at}, expected JSON: {expected}"
            )),
        }
    }

    fn take(&mut self, byte: u8, expected: &str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// The fault of a value of another type; names what there is.
    pub fn wrong_type(&mut self, expected: &str) -> Fault {
        let start = match self.peek() {
            Some(b'{') => return Self::found("an object", expected),
            Some(b'[') => return Self::found("an array", expected),
            _ => self.at,
        };
        let is_string = self.peek() == Some(b'"');
        if let Err(fault) = self.skip(Checks::default()) {
            return fault;
        }
        let raw = Escaped(&self.text[start..self.at]);
        match is_string {
            true => Self::found(format_args!("the string {raw}"), expected),
            false => Self::found(raw, expected),
        }
    }

    fn found(found: impl std::fmt::Display, expected: &str) -> Fault {
        Fault::malformed(format_args!("found {found}, expected {expected}"))
    }

    /// What `read` makes of the next value. A fault that leaves the rest of the document
    /// readable is given back as an inner one, and the value is passed over.
    pub fn recover<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Result<T>> {
        let (at, depth, keys) = (self.at, self.depth, self.keys.mark());
        match read(self) {
            Err(fault) if !fault.breaks_document() => {
                (self.at, self.depth) = (at, depth);
                self.keys.reset(keys);
                self.skip(Checks::default())?;
                Ok(Err(fault))
            }
            result => result.map(Ok),
        }
    }

    /// Passes over `null`, and tells whether it was there.
    pub fn null(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b'n') => self.word("null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// What `read` makes of the next value; `None` for `null`.
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        match self.null()? {
            true => Ok(None),
            false => read(self).map(Some),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    pub fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    pub fn integer(&mut self) -> Result<i64> {
        let expected = "an integer of 64 bits";
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wrong_type(expected));
        }
        let raw = self.number()?;
        let wrong = |_| Self::found(Escaped(raw), expected);
        raw.parse().map_err(wrong)
    }

    /// The next value, a number, as written.
    fn number(&mut self) -> Result<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let digits = |at: &mut usize| {
            let from = *at;
            while matches!(bytes.get(*at), Some(b'0'..=b'9')) {
                *at += 1;
            }
            *at > from
        };
        if bytes[at] == b'-' {
            at += 1;
        }
        let mut is_number = match bytes.get(at) {
            Some(b'0') => {
                at += 1;
                true
            }
            _ => digits(&mut at),
        };
        if is_number && bytes.get(at) == Some(&b'.') {
            at += 1;
            is_number = digits(&mut at);
        }
        if is_number && matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(bytes.get(at), Some(b'+' | b'-')) {
                at += 1;
            }
            is_number = digits(&mut at);
        }
        self.at = at;
        match is_number {
            true => Ok(&self.text[start..at]),
            false => Err(self.unexpected("a digit")),
        }
    }

    fn scan_string(&mut self) -> Result<Scanned<'a>> {
        let (string, end) = string::scan(self.text, self.at)?;
        self.at = end;
        Ok(string)
    }

    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        match self.peek() {
            Some(b'"') => Ok(self.scan_string()?.decode()),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A string that can be given to C.
    pub fn text(&mut self) -> Result<Text> {
        checked(&self.string()?)
    }

    /// An optional text; `null` and "" count as absent.
    pub fn optional_text(&mut self) -> Result<Option<Text>> {
        let text = self.optional(Self::text)?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// A string inside a list or map, where `null` counts as "".
    pub fn item(&mut self) -> Result<Cow<'a, str>> {
        match self.null()? {
            true => Ok(Cow::Borrowed("")),
            false => self.string(),
        }
    }

    /// Hands the elements of an array to `read`, in order.
    pub fn list(&mut self, mut read: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.peek() != Some(b'[') {
            return Err(self.wrong_type("an array"));
        }
        self.enter()?;
        if self.peek() == Some(b']') {
            return self.leave();
        }
        for i in 0.. {
            read(self).map_err(|f| f.at(i))?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("',' or ']'")),
            }
        }
        self.leave()
    }

    /// A list of texts.
    pub fn texts(&mut self) -> Result<TextList> {
        let mut texts = TextListBuilder::default();
        self.list(|p| {
            let text = p.item()?;
            match texts.push(&text) {
                true => Ok(()),
                false => Err(nul_in(&text)),
            }
        })?;
        Ok(texts.finish())
    }

    /// A map of texts, in the order of the document.
    pub fn text_map(&mut self) -> Result<TextMap> {
        let mut map = TextMapBuilder::default();
        self.map(|p, key| {
            let value = p.item()?;
            for text in [key, &value] {
                if !map.push(text) {
                    return Err(nul_in(text));
                }
            }
            Ok(())
        })?;
        Ok(map.finish())
    }

    /// The keys of a map, whose values say nothing.
    pub fn key_list(&mut self) -> Result<TextList> {
        let mut keys = TextListBuilder::default();
        self.map(|p, key| {
            if !keys.push(key) {
                return Err(nul_in(key));
            }
            p.skip(Checks {
                keys: true,
                nul: false,
            })
        })?;
        Ok(keys.finish())
    }

    /// Hands the members of an object whose keys are the author's own to `read`, in order.
    pub fn map(&mut self, mut read: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.members(|p, key, at| {
            p.keys.add(key, at);
            read(p, key).map_err(|f| f.under(key))
        })
    }

    /// Hands the members of an object whose keys are `defined` to `read`, each with the
    /// defined name of its key. Any other key may be there; its value is passed over.
    pub fn object(
        &mut self,
        defined: Defined,
        mut read: impl FnMut(&mut Self, &'static str) -> Result<()>,
    ) -> Result<()> {
        let mut seen = 0u32;
        self.members(|p, key, at| {
            let names = defined.names;
            let exact = names.iter().position(|name| *name == key);
            let name = exact.or_else(|| names.iter().position(|name| folds_to(key, name)));
            let Some(i) = name else {
                p.keys.add(key, at);
                let checks = Checks {
                    keys: true,
                    nul: false,
                };
                return p.skip(checks).map_err(|f| f.under(key));
            };
            if exact.is_none() && !defined.any_case {
                return Err(by_case(key, names[i]));
            }
            if seen & 1 << i != 0 {
                // By the same spelling, or by another.
                return Err(match defined.any_case {
                    true => beside(key),
                    false => named_twice(key),
                });
            }
            seen |= 1 << i;
            read(p, names[i]).map_err(|f| f.under(key))
        })
    }

    /// Hands the members of an object to `read`, each with its key and the key's place.
    /// Keys that `read` adds to `keys` are checked for duplicates.
    fn members(
        &mut self,
        mut read: impl FnMut(&mut Self, &str, usize) -> Result<()>,
    ) -> Result<()> {
        if self.peek() != Some(b'{') {
            return Err(self.wrong_type("an object"));
        }
        self.enter()?;
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        let mark = self.keys.mark();
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key"));
            }
            let at = self.at;
            let key = self.scan_string()?.decode();
            self.take(b':', "':'")?;
            read(self, &key, at)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("',' or '}'")),
            }
        }
        self.check_keys(mark)?;
        self.keys.reset(mark);
        self.leave()
    }

    fn check_keys(&mut self, mark: Mark) -> Result<()> {
        match self.keys.duplicate(mark, self.text) {
            Some(key) => Err(named_twice(&key)),
            None => Ok(()),
        }
    }

    /// Passes the bracket that opens an object or array.
    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::of_grammar(format_args!(
                "found more than {MAX_DEPTH} objects and arrays inside each other"
            )));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Passes the bracket that closes one.
    fn leave(&mut self) -> Result<()> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    /// The next value as written.
    pub fn raw(&mut self, checks: Checks) -> Result<&'a str> {
        self.peek();
        let start = self.at;
        self.skip(checks)?;
        Ok(&self.text[start..self.at])
    }

    /// Passes over a value. Iterative: a document decides how deep it is.
    pub fn skip(&mut self, checks: Checks) -> Result<()> {
        let outer_depth = self.depth;
        // A bit for each level that was entered, the innermost lowest: is it an object?
        let mut objects: u128 = 0;
        let mut mark = self.keys.mark();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.checked_string(checks)?;
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                }
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                Some(open @ (b'{' | b'[')) => {
                    self.enter()?;
                    objects = objects << 1 | u128::from(open == b'{');
                    if open == b'{' {
                        mark = self.keys.push_mark(mark);
                    }
                    match self.peek() {
                        Some(b'}') if open == b'{' => {}
                        Some(b']') if open == b'[' => {}
                        _ => {
                            if open == b'{' {
                                self.skip_key(checks)?;
                            }
                            continue;
                        }
                    }
                }
                _ => return Err(self.unexpected("a value")),
            }
            // Behind a value: the next one, or the ends of what is open.
            loop {
                if self.depth == outer_depth {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.skip_key(checks)?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => {
                        self.check_keys(mark)?;
                        mark = self.keys.pop_mark(mark);
                    }
                    Some(b']') if !in_object => {}
                    _ if in_object => return Err(self.unexpected("',' or '}'")),
                    _ => return Err(self.unexpected("',' or ']'")),
                }
                objects >>= 1;
                self.leave()?;
            }
        }
    }

    /// Passes over the key of a member, and the colon.
    fn skip_key(&mut self, checks: Checks) -> Result<()> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key"));
        }
        let at = self.at;
        let key = self.checked_string(checks)?;
        if checks.keys {
            self.keys.add(&key.decode(), at);
        }
        self.take(b':', "':'")
    }

    fn checked_string(&mut self, checks: Checks) -> Result<Scanned<'a>> {
        let string = self.scan_string()?;
        match checks.nul && string.holds_nul() {
            true => Err(nul_in(&string.decode())),
            false => Ok(string),
        }
    }
}

fn named_twice(key: &str) -> Fault {
    Fault::malformed("found the key twice in one object").under(key)
}

fn by_case(key: &str, name: &str) -> Fault {
    Fault::malformed(format_args!(
        "found a key that differs from \"{name}\" only by case"
    ))
    .under(key)
}

fn beside(key: &str) -> Fault {
    Fault::malformed("found the key twice in one object, where case does not count").under(key)
}

/// The text, if it can be given to C.
pub fn checked(text: &str) -> Result<Text> {
    Text::new(text).ok_or_else(|| nul_in(text))
}

fn nul_in(text: &str) -> Fault {
    Fault::malformed(format_args!(
        "found U+0000 in the string \"{}\", expected text without it",
        Escaped(text)
    ))
}
