//! JSON as documents are read: strictly, so that no two readers see two documents.
//!
//! serde_json knows the grammar; what it lets pass is refused here. A [`Value`] is a
//! piece of checked text that is taken apart only as far as somebody asks, so that a
//! document of ten thousand descriptors never stands in memory as a tree.

pub mod edit;
pub mod scan;

use crate::error::Error;
use crate::text::{Escaped, Text};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Objects and arrays that may stand inside each other.
const DEEPEST: usize = 128;

/// What is wrong with a document, and where in it.
#[derive(Debug)]
pub struct Fault {
    error: Error,
    path: String,
}

impl Fault {
    pub fn malformed(message: impl fmt::Display) -> Self {
        Error::malformed(message).into()
    }

    /// The fault as seen from the object that has it under `key`.
    pub fn under(mut self, key: &str) -> Self {
        self.path = format!(".{}{}", Escaped(key), self.path);
        self
    }

    /// The fault as seen from the array that has it at `index`.
    pub fn at(mut self, index: usize) -> Self {
        self.path = format!("[{index}]{}", self.path);
        self
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self {
            error,
            path: String::new(),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match &*fault.path {
            "" => fault.error,
            path => fault.error.context(path.strip_prefix('.').unwrap_or(path)),
        }
    }
}

type Result<T, E = Fault> = std::result::Result<T, E>;

/// A JSON value of a document, as it was written.
#[derive(Clone, Copy)]
pub struct Value<'a>(&'a RawValue);

/// The document's outermost value. After this its text is known to be one JSON value in
/// UTF-8, without lone surrogates, nested no deeper than 128; that no object names a key
/// twice is seen object by object, when it is taken apart.
pub fn parse(document: &[u8]) -> Result<Value<'_>> {
    let text = std::str::from_utf8(document).map_err(|e| {
        Fault::malformed(format_args!(
            "found bytes that are not UTF-8 at offset {}, expected JSON",
            e.valid_up_to()
        ))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(Fault::malformed(
            "found a byte order mark, expected JSON without one",
        ));
    }
    let value = serde_json::from_str(text).map_err(not_json)?;
    check_strings_and_nesting(text.as_bytes())?;
    Ok(Value(value))
}

fn not_json(e: serde_json::Error) -> Fault {
    Fault::malformed(format_args!("expected JSON: {e}"))
}

/// What serde_json lets pass in a value that is only walked over.
fn check_strings_and_nesting(json: &[u8]) -> Result<()> {
    let mut depth = 0;
    let mut rest = json;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(Fault::malformed(format_args!(
                        "found more than {DEEPEST} objects and arrays inside each other"
                    )));
                }
            }
            b']' | b'}' => depth -= 1,
            b'"' => rest = behind_string(tail)?,
            _ => {}
        }
    }
    Ok(())
}

/// What follows the string that begins (behind its quotation mark) at `json`.
fn behind_string(mut json: &[u8]) -> Result<&[u8]> {
    let unit = |hex: &[u8]| {
        let hex = std::str::from_utf8(hex).ok()?;
        u32::from_str_radix(hex, 16).ok()
    };
    loop {
        match json {
            [b'"', rest @ ..] => return Ok(rest),
            [b'\\', b'u', a, b, c, d, rest @ ..] => {
                json = rest;
                match unit(&[*a, *b, *c, *d]) {
                    Some(0xd800..=0xdbff) => match rest {
                        [b'\\', b'u', a, b, c, d, rest @ ..]
                            if matches!(unit(&[*a, *b, *c, *d]), Some(0xdc00..=0xdfff)) =>
                        {
                            json = rest;
                        }
                        _ => return Err(lone_surrogate()),
                    },
                    Some(0xdc00..=0xdfff) => return Err(lone_surrogate()),
                    _ => {}
                }
            }
            [b'\\', _, rest @ ..] | [_, rest @ ..] => json = rest,
            // The grammar was checked before.
            [] => return Ok(json),
        }
    }
}

fn lone_surrogate() -> Fault {
    Fault::malformed("found half a surrogate pair in a string, expected Unicode")
}

impl<'a> Value<'a> {
    /// The value as written.
    pub fn raw(self) -> &'a str {
        self.0.get()
    }

    pub fn is_null(self) -> bool {
        self.raw() == "null"
    }

    /// What stands here, in a few words for an error message.
    fn found(self) -> String {
        match self.raw().as_bytes()[0] {
            b'{' => "an object".into(),
            b'[' => "an array".into(),
            b'"' => format!("the string {}", Escaped(self.raw())),
            _ => Escaped(self.raw()).to_string(),
        }
    }

    fn expected(self, what: &str) -> Fault {
        Fault::malformed(format_args!("found {}, expected {what}", self.found()))
    }

    /// Members of an object whose keys are the author's own, in the order of the document.
    pub fn map(self) -> Result<Vec<(Cow<'a, str>, Value<'a>)>> {
        if !self.raw().starts_with('{') {
            return Err(self.expected("an object"));
        }
        let mut json = serde_json::Deserializer::from_str(self.raw());
        let members = json.deserialize_map(Members).map_err(not_json)?;
        match key_named_twice(&members) {
            Some(key) => Err(named_twice(key)),
            None => Ok(members),
        }
    }

    /// An object in which the specification defines the keys `defined`. Any other key may
    /// be there, unless it differs from a defined one by case only: Go's encoding/json
    /// would take it for that one.
    pub fn object(self, defined: &'static [&'static str]) -> Result<Object<'a>> {
        let members = self.map()?;
        for (key, value) in &members {
            if defined.contains(&&**key) {
                continue;
            }
            if let Some(name) = defined.iter().find(|name| folds_to(key, name)) {
                return Err(Fault::malformed(format_args!(
                    "found a key that differs from \"{name}\" only by case"
                ))
                .under(key));
            }
            value.check_keys().map_err(|f| f.under(key))?;
        }
        Ok(Object { members, defined })
    }

    /// That no object names a key twice, in a value that nobody takes apart: in one pass,
    /// where taking it apart would read it once a level.
    pub fn check_keys(self) -> Result<()> {
        // The keys so far of each open object; `None` for an array.
        let mut open: Vec<Option<HashSet<Cow<'a, str>>>> = Vec::new();
        let mut at_key = false;
        let mut rest = self.raw();
        while let Some(byte) = rest.bytes().next() {
            let tail = match byte {
                b'"' => &rest[rest.len() - behind_string(&rest.as_bytes()[1..])?.len()..],
                // Inside strings alone are characters longer than a byte.
                _ => &rest[1..],
            };
            match byte {
                b'{' => open.push(Some(HashSet::new())),
                b'[' => open.push(None),
                b'}' | b']' => drop(open.pop()),
                b'"' if at_key => {
                    let key = unquoted(&rest[..rest.len() - tail.len()])?;
                    if let Some(Some(keys)) = open.last_mut()
                        && let Some(key) = keys.replace(key)
                    {
                        return Err(named_twice(&key));
                    }
                }
                _ => {}
            }
            at_key = match byte {
                b'{' | b',' => matches!(open.last(), Some(Some(_))),
                _ => at_key && byte.is_ascii_whitespace(),
            };
            rest = tail;
        }
        Ok(())
    }

    /// Whether a string or key in it holds U+0000, which JSON can only write as an escape.
    fn holds_nul(self) -> bool {
        let mut rest = self.raw();
        while let Some(at) = rest.find('\\') {
            if rest[at..].starts_with("\\u0000") {
                return true;
            }
            rest = &rest[at + 2..];
        }
        false
    }

    /// Hands each element of an array to `visit`, in order.
    pub fn each(self, visit: impl FnMut(Value<'a>) -> Result<()>) -> Result<()> {
        if !self.raw().starts_with('[') {
            return Err(self.expected("an array"));
        }
        let mut elements = Elements {
            visit,
            fault: Ok(()),
        };
        let mut json = serde_json::Deserializer::from_str(self.raw());
        let end = json.deserialize_seq(&mut elements);
        elements.fault?;
        end.map_err(not_json)
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
        if !self.raw().starts_with('"') {
            return Err(self.expected("a string"));
        }
        unquoted(self.raw())
    }

    pub fn text(self) -> Result<Text> {
        checked(&self.string()?)
    }

    pub fn integer(self) -> Result<i64> {
        self.raw()
            .parse()
            .map_err(|_| self.expected("an integer of 64 bits"))
    }

    pub fn boolean(self) -> Result<bool> {
        match self.raw() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }
}

fn key_named_twice<'m>(members: &'m [(Cow<'_, str>, Value<'_>)]) -> Option<&'m str> {
    let mut seen = HashSet::new();
    let twice = |(i, key): (usize, &'m str)| {
        // Comparing is quicker than hashing while they are few.
        let twice = match members.len() {
            0..=16 => members[..i].iter().any(|(k, _)| k == key),
            _ => !seen.insert(key),
        };
        twice.then_some(key)
    };
    members
        .iter()
        .map(|(key, _)| &**key)
        .enumerate()
        .find_map(twice)
}

fn named_twice(key: &str) -> Fault {
    Fault::malformed("found the key twice in one object").under(key)
}

/// What a string in its quotation marks says.
fn unquoted(json: &str) -> Result<Cow<'_, str>> {
    Key.deserialize(&mut serde_json::Deserializer::from_str(json))
        .map_err(not_json)
}

/// A text that C can be given.
fn checked(text: &str) -> Result<Text> {
    Text::new(text).ok_or_else(|| {
        Fault::malformed(format_args!(
            "found U+0000 in the string \"{}\", expected text without it",
            Escaped(text)
        ))
    })
}

/// Whether Go takes `key` for `name` (of ASCII): by simple case folding, which also knows
/// the long s and the Kelvin sign.
pub fn folds_to(key: &str, name: &str) -> bool {
    let folded = key.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    });
    folded.eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

/// An object of which the specification defines some keys. A key that may be left out
/// and is `null` counts as left out.
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    defined: &'static [&'static str],
}

impl<'a> Object<'a> {
    /// Whether the key is there, `null` too.
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(k, _)| k == key)
    }

    fn get(&self, key: &str) -> Option<Value<'a>> {
        debug_assert!(self.defined.contains(&key), "{key} is not defined here");
        let (_, value) = self.members.iter().find(|(k, _)| k == key)?;
        (!value.is_null()).then_some(*value)
    }

    /// What `read` makes of the value under `key`, or `None` where there is none.
    pub fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(Value<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.get(key)
            .map(|value| read(value).map_err(|f| f.under(key)))
            .transpose()
    }

    /// What `read` makes of the value under `key`, which must be there.
    pub fn required<T>(&self, key: &str, read: impl FnOnce(Value<'a>) -> Result<T>) -> Result<T> {
        self.optional(key, read)?.ok_or_else(|| {
            let found = if self.has(key) { "null" } else { "nothing" };
            Fault::malformed(format_args!("found {found}, expected a value")).under(key)
        })
    }

    /// What is defined and that nobody reads: of any type, but it names no key twice and
    /// holds no U+0000, like all that is read.
    pub fn pass_over(&self, keys: &[&str]) -> Result<()> {
        for key in keys {
            self.optional(key, |value| {
                value.check_keys()?;
                if value.holds_nul() {
                    return Err(Fault::malformed("found U+0000, expected text without it"));
                }
                Ok(())
            })?;
        }
        Ok(())
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

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, Value<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, Value(map.next_value()?)));
        }
        Ok(members)
    }
}

struct Elements<V> {
    visit: V,
    fault: Result<()>,
}

impl<'de, V: FnMut(Value<'de>) -> Result<()>> Visitor<'de> for &mut Elements<V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(value) = seq.next_element()? {
            self.fault = (self.visit)(Value(value)).map_err(|f| f.at(index));
            if self.fault.is_err() {
                return Err(de::Error::custom("the visit ended"));
            }
            index += 1;
        }
        Ok(())
    }
}

/// A string, borrowed from the document where it holds no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes everything apart, as the readers of documents do.
    fn tree(value: Value<'_>) -> Result<serde_json::Value> {
        Ok(match value.raw().as_bytes()[0] {
            b'{' => {
                let members = value.map()?.into_iter();
                members
                    .map(|(key, value)| Ok((key.into_owned(), tree(value)?)))
                    .collect::<Result<_>>()?
            }
            b'[' => value.list(tree)?.into(),
            b'"' => value.string()?.into_owned().into(),
            _ => serde_json::from_str(value.raw()).map_err(not_json)?,
        })
    }

    fn document() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..24)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_says_what_serde_json_reads_in_it(document in document()) {
            for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
                let value = parse(text.as_bytes()).unwrap();
                prop_assert!(value.check_keys().is_ok());
                prop_assert_eq!(&tree(value).unwrap(), &document);
            }
        }

        #[test]
        fn what_is_taken_is_json(bytes in "[\\[\\]{}:,\"\\\\u0d8c a1e.-]{0,24}") {
            if parse(bytes.as_bytes()).is_ok() {
                let number_too_large = |e: serde_json::Error| e.to_string().contains("out of range");
                let read = serde_json::from_str::<serde_json::Value>(&bytes);
                prop_assert!(read.is_ok() || read.is_err_and(number_too_large), "{}", bytes);
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(value) = parse(&bytes) {
                let _ = (value.check_keys(), tree(value));
            }
        }

        #[test]
        fn a_key_named_twice_is_found_wherever_it_stands(
            key: String,
            others in prop::collection::btree_set(any::<String>(), 0..40),
            at: prop::sample::Index,
        ) {
            let mut keys: Vec<_> = others.into_iter().filter(|k| *k != key).collect();
            for _ in 0..2 {
                keys.insert(at.index(keys.len() + 1), key.clone());
            }
            let member = |k: &String| format!("{}:[{{}}]", serde_json::Value::from(k.as_str()));
            let object = keys.iter().map(member).collect::<Vec<_>>().join(",");
            let text = format!("[{{\"x\":{{{object}}}}}]");
            prop_assert!(parse(text.as_bytes()).unwrap().check_keys().is_err());
            let object = format!("{{{object}}}");
            prop_assert!(parse(object.as_bytes()).unwrap().map().is_err());
        }
    }

    #[test]
    fn an_escape_of_nul_is_found_and_no_other() {
        for (json, holds) in [
            (r#"["\u0000"]"#, true),
            (r#"{"\\\u0000":1}"#, true),
            (r#"["\\u0000", "u0000", "\u00000"]"#, true),
            (r#"["\\u0000", "\\\\u0000", "\u0001\n", 0]"#, false),
        ] {
            let value = parse(json.as_bytes()).unwrap();
            assert_eq!(value.holds_nul(), holds, "{json}");
        }
    }

    #[test]
    fn go_folds_these_into_one_key() {
        for (key, name) in [
            ("Layers", "layers"),
            ("layer\u{17f}", "layers"),
            ("\u{212a}ey", "key"),
            ("MEDIATYPE", "mediaType"),
        ] {
            assert!(folds_to(key, name), "{key}");
        }
        for (key, name) in [
            ("layer", "layers"),
            ("layerss", "layers"),
            // Lower-cased by Unicode it would be "i" and a dot.
            ("s\u{130}ze", "size"),
            ("os_version", "os.version"),
        ] {
            assert!(!folds_to(key, name), "{key}");
        }
    }

    #[test]
    fn a_fault_says_where_it_was_found() {
        let fault = Fault::malformed("x").under("size").at(3).under("manifests");
        let error = Error::from(fault);
        assert_eq!(&**error.message(), "manifests[3].size: x");
        let error = Error::from(Fault::malformed("x").under("a\n"));
        assert_eq!(&**error.message(), "a\\n: x");
    }
}
