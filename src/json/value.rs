//! Values of a checked document, decoded on request.

use super::document::document;
use super::fault::{Fault, Result};
use super::parse::Parser;
use super::schema::{Checks, Defined};
use super::texts::checked;
use crate::text::Text;
use std::borrow::Cow;

/// A JSON value of a document, as it was written.
#[derive(Clone, Copy)]
pub struct Value<'a>(&'a str);

/// Returns the outermost value of a document. Its text is then known to be one JSON value
/// in UTF-8, without lone surrogates, nested no deeper than 128. Duplicate keys are found
/// object by object, when an object is read.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>> {
    document(bytes, |p| p.raw(Checks::default()).map(Value))
}

impl<'a> Value<'a> {
    /// The value as written.
    pub fn raw(self) -> &'a str {
        self.0
    }

    pub fn is_null(self) -> bool {
        self.raw() == "null"
    }

    /// Members of an object whose keys are the author's own, in the order of the document.
    pub fn map(self) -> Result<Vec<(Cow<'a, str>, Value<'a>)>> {
        let mut members = Vec::new();
        self.parser().map(|p, key| {
            members.push((Cow::Owned(key.to_owned()), Value(p.raw(Checks::default())?)));
            Ok(())
        })?;
        Ok(members)
    }

    /// An object in which the specification defines the keys `defined`. Any other key may
    /// be there, unless it differs from a defined one by case only: Go's encoding/json
    /// would take it for that one.
    pub fn object(self, defined: &'static [&'static str]) -> Result<Object<'a>> {
        self.object_of(Defined::exactly(defined), defined)
    }

    /// As [`object`](Self::object), but a key that differs from a defined one by case only
    /// counts as that one, unless there are two spellings of it.
    pub fn object_in_any_case(self, defined: &'static [&'static str]) -> Result<Object<'a>> {
        self.object_of(Defined::in_any_case(defined), defined)
    }

    fn object_of(self, keys: Defined, defined: &'static [&'static str]) -> Result<Object<'a>> {
        let mut members = Vec::new();
        self.parser().object(keys, |p, name| {
            members.push((name, Value(p.raw(Checks::default())?)));
            Ok(())
        })?;
        Ok(Object { members, defined })
    }

    /// Hands each element of an array to `visit`, in order.
    pub fn each(self, mut visit: impl FnMut(Value<'a>) -> Result<()>) -> Result<()> {
        self.parser()
            .list(|p| visit(Value(p.raw(Checks::default())?)))
    }

    /// The elements of an array, each as `read` takes it.
    pub fn list<T>(self, mut read: impl FnMut(Value<'a>) -> Result<T>) -> Result<Vec<T>> {
        let mut list = Vec::new();
        self.each(|value| {
            list.push(read(value)?);
            Ok(())
        })?;
        list.shrink_to_fit();
        Ok(list)
    }

    pub fn string(self) -> Result<Cow<'a, str>> {
        self.parser().string()
    }

    pub fn text(self) -> Result<Text> {
        self.parser().text()
    }

    /// A text inside a list or map, where `null` counts as "".
    pub fn item(self) -> Result<Text> {
        checked(&self.parser().item()?)
    }

    pub fn integer(self) -> Result<i64> {
        self.parser().integer()
    }

    pub fn boolean(self) -> Result<bool> {
        self.parser().boolean()
    }

    fn parser(self) -> Parser<'a> {
        Parser::new(self.0)
    }
}

/// An object of which the specification defines some keys. A key that may be left out
/// and is `null` counts as left out.
pub struct Object<'a> {
    members: Vec<(&'static str, Value<'a>)>,
    defined: &'static [&'static str],
}

impl<'a> Object<'a> {
    /// Whether the key is there, `null` too.
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(k, _)| *k == key)
    }

    fn get(&self, key: &str) -> Option<Value<'a>> {
        debug_assert!(self.defined.contains(&key), "{key} is not defined here");
        let (_, value) = self.members.iter().find(|(k, _)| *k == key)?;
        (!value.is_null()).then_some(*value)
    }

    /// Reads the value under `key` with `read`; `None` if there is none.
    pub fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(Value<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.get(key)
            .map(|value| read(value).map_err(|f| f.under(key)))
            .transpose()
    }

    /// Reads the value under `key`, which is required, with `read`.
    pub fn required<T>(&self, key: &str, read: impl FnOnce(Value<'a>) -> Result<T>) -> Result<T> {
        self.optional(key, read)?
            .ok_or_else(|| missing(key, self.has(key)))
    }

    /// An optional text; "" counts as left out.
    pub fn text(&self, key: &str) -> Result<Option<Text>> {
        let text = self.optional(key, Value::text)?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// An optional list; left out it is empty.
    pub fn list<T>(&self, key: &str, read: impl FnMut(Value<'a>) -> Result<T>) -> Result<Vec<T>> {
        Ok(self
            .optional(key, |value| value.list(read))?
            .unwrap_or_default())
    }

    /// An optional object of the author's own keys, in the order of the document.
    pub fn map<T>(
        &self,
        key: &str,
        read: impl Fn(Value<'a>) -> Result<T>,
    ) -> Result<Vec<(Text, T)>> {
        let members = self.optional(key, Value::map)?.unwrap_or_default();
        let read = |(name, value): (Cow<'_, str>, Value<'a>)| {
            let pair = checked(&name).and_then(|text| Ok((text, read(value)?)));
            pair.map_err(|f| f.under(&name).under(key))
        };
        members.into_iter().map(read).collect()
    }
}

/// The fault of a required member that is absent, or `null`.
pub fn missing(key: &str, is_null: bool) -> Fault {
    let found = if is_null { "null" } else { "nothing" };
    Fault::malformed(format_args!("found {found}, expected a value")).under(key)
}
