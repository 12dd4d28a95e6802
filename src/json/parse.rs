//! The parser: one strict pass over a document, driven by its reader.
//!
//! serde_json is not used: it loses the spelling of numbers, refuses 1e999 even in a field
//! that is not read, stops at 127 levels and accepts duplicate keys. The tests compare this
//! parser with it.

use super::fault::{Fault, Result};
use super::keys::{Keys, Mark, folds_to};
use super::schema::{Checks, Defined};
use super::string::{self, Scanned};
use super::texts::checked;
use crate::text::{Escaped, Text};
use std::borrow::Cow;

/// The deepest nesting of objects and arrays.
const MAX_DEPTH: u32 = 128;

/// A place in a document, which moves forward as values are read.
pub struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) depth: u32,
    pub(super) keys: Keys,
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

    /// The next byte that is not white space.
    #[inline]
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

    /// The fault of a text that does not continue as JSON.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &str) -> Fault {
        self.peek();
        let at = self.at;
        let found = self.text[at..].chars().next();
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

    #[inline]
    pub(super) fn take(&mut self, byte: u8, expected: &str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// The fault of a value of another type; names what there is.
    #[cold]
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

    /// Reads the next value with `read`. A fault that leaves the rest of the document
    /// readable is returned as the inner result, and the value is skipped.
    pub fn recover<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Result<T>> {
        let recovered = self.recover_text(read)?;
        Ok(recovered.map_err(|(fault, _)| fault))
    }

    /// As [`recover`](Self::recover), with the text of the value that was skipped.
    pub fn recover_text<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<std::result::Result<T, (Fault, &'a str)>> {
        let (at, depth, keys) = (self.at, self.depth, self.keys.mark());
        match read(self) {
            Err(fault) if !fault.breaks_document() => {
                (self.at, self.depth) = (at, depth);
                self.keys.reset(keys);
                self.skip(Checks::default())?;
                Ok(Err((fault, &self.text[at..self.at])))
            }
            result => result.map(Ok),
        }
    }

    /// Reads the next value with `read`; also returns the value as written.
    pub fn with_raw<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(T, &'a str)> {
        self.peek();
        let start = self.at;
        let value = read(self)?;
        Ok((value, &self.text[start..self.at]))
    }

    /// Skips the next value if it is written as `raw`, a whole string or object.
    #[inline]
    pub fn take_raw(&mut self, raw: &str) -> bool {
        self.peek();
        let is_there = self.text.as_bytes()[self.at..].starts_with(raw.as_bytes());
        if is_there {
            self.at += raw.len();
        }
        is_there
    }

    /// Skips `null`; returns whether it was there.
    #[inline]
    pub fn null(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b'n') => self.word("null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// Reads the next value with `read`; `None` for `null`.
    #[inline]
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        match self.null()? {
            true => Ok(None),
            false => read(self).map(Some),
        }
    }

    #[inline]
    pub(super) fn word(&mut self, word: &'static str) -> Result<()> {
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
        raw.parse().map_err(|_| Self::found(Escaped(raw), expected))
    }

    /// The next value, a number, as written.
    #[inline]
    pub(super) fn number(&mut self) -> Result<&'a str> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
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

    #[inline]
    pub(super) fn scan_string(&mut self) -> Result<Scanned<'a>> {
        let (string, end) = string::scan(self.text, self.at)?;
        self.at = end;
        Ok(string)
    }

    #[inline]
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
    #[inline]
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

    /// Hands the members of an object whose keys are the author's own to `read`, in order.
    pub fn map(&mut self, mut read: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.members(|p, key, at| {
            p.keys.add(key, at);
            read(p, key).map_err(|f| f.under(key))
        })
    }

    /// Hands the members of an object to `read`, in order, duplicate keys too.
    pub fn members_as_written(
        &mut self,
        mut read: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        self.members(|p, key, _| read(p, key))
    }

    /// Hands the members of an object whose keys are `defined` to `read`, each with the
    /// defined name of its key. Any other key may be there; its value is skipped.
    pub fn object(
        &mut self,
        defined: Defined,
        mut read: impl FnMut(&mut Self, &'static str) -> Result<()>,
    ) -> Result<()> {
        let mut seen = 0u32;
        self.members(|p, key, at| {
            let names = defined.names();
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
            if exact.is_none() && !defined.any_case() {
                return Err(Fault::by_case(key, names[i]));
            }
            if seen & 1 << i != 0 {
                return Err(match defined.any_case() {
                    true => Fault::named_twice_by_case(key),
                    false => Fault::named_twice(key),
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

    pub(super) fn check_keys(&mut self, mark: Mark) -> Result<()> {
        match self.keys.duplicate(mark, self.text) {
            Some(key) => Err(Fault::named_twice(&key)),
            None => Ok(()),
        }
    }

    /// Passes the bracket that opens an object or array.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<()> {
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
    pub(super) fn leave(&mut self) -> Result<()> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }
}
