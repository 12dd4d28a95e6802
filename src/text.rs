//! Text that can be passed to C.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// UTF-8 text without U+0000, kept with a NUL behind it; clones share it.
///
/// A C string ends at its first NUL: a document with a NUL inside a text would be read
/// differently by C programs and others. This type proves that the text was checked, and
/// the NUL after it allows lending the text to C without a copy.
#[derive(Clone)]
pub struct Text(Arc<str>);

impl Text {
    /// The text, or `None` when it holds U+0000.
    pub fn new(text: &str) -> Option<Self> {
        if text.as_bytes().contains(&0) {
            return None;
        }
        // A list of a million empty texts is 3 MB of JSON.
        static EMPTY: LazyLock<Text> = LazyLock::new(|| Text("\0".into()));
        if text.is_empty() {
            return Some(EMPTY.clone());
        }
        // Most texts are short, and need only this one allocation.
        let mut short = [0; 96];
        if let Some(room) = short.get_mut(..text.len() + 1) {
            room[..text.len()].copy_from_slice(text.as_bytes());
            let with_nul = str::from_utf8(room).expect("text and a NUL are UTF-8");
            return Some(Self(with_nul.into()));
        }
        Some(Self(format!("{text}\0").into()))
    }

    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0[..self.0.len() - 1]
    }

    /// The text with the NUL behind it.
    #[inline]
    pub fn with_nul(&self) -> &str {
        &self.0
    }

    #[inline]
    pub fn borrowed(&self) -> TextRef<'_> {
        TextRef(&self.0)
    }
}

/// Borrowed text with a NUL behind it: of a [`Text`], or of a list of texts.
#[derive(Clone, Copy)]
pub struct TextRef<'a>(&'a str);

impl<'a> TextRef<'a> {
    /// Takes text that ends with its one NUL.
    #[inline]
    pub(crate) fn of_terminated(text: &'a str) -> Self {
        debug_assert!(text.find('\0') == text.len().checked_sub(1));
        Self(text)
    }

    #[inline]
    pub fn as_str(self) -> &'a str {
        &self.0[..self.0.len() - 1]
    }

    /// The text with the NUL behind it.
    #[inline]
    pub fn with_nul(self) -> &'a str {
        self.0
    }

    /// A copy that can be kept.
    #[inline]
    pub fn to_text(self) -> Text {
        Text::new(self.as_str()).expect("checked before")
    }
}

impl Deref for TextRef<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for TextRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for TextRef<'_> {}

impl PartialEq<str> for TextRef<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for TextRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for TextRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl From<TextRef<'_>> for Text {
    fn from(text: TextRef<'_>) -> Self {
        text.to_text()
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

// By the text alone, as `Borrow<str>` demands.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The most characters of a foreign text in an error message.
const MAX_QUOTE: usize = 256;

/// Writes text that came from a document, a callback or a file name so that it stays on one
/// line and does nothing to a terminal: see [`visible`]. Text longer than 256 characters is
/// truncated, since a message should not contain a string of 4 MiB.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_QUOTE) {
            Some((end, _)) => write!(f, "{}...", visible(&self.0[..end])),
            None => f.write_str(&visible(self.0)),
        }
    }
}

/// Escapes control and other unprintable characters as Rust does. Quotes and backslashes are
/// kept, so escaping twice changes nothing.
pub fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => visible.push(c),
            // After another character, since a combining mark is only escaped on its own.
            _ => visible.extend(String::from_iter(['x', c]).escape_debug().skip(1)),
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_nul_but_the_one_behind_it() {
        assert!(Text::new("a\0b").is_none());
        let text = Text::new("").unwrap();
        assert_eq!((text.as_str(), text.with_nul()), ("", "\0"));
    }

    #[test]
    fn foreign_text_stays_on_one_line_and_is_cut() {
        let escaped = Escaped("a\"b\\\n\u{1b}[31m\u{202e}\u{e9}e\u{301}").to_string();
        assert_eq!(escaped, "a\"b\\\\n\\u{1b}[31m\\u{202e}\u{e9}e\u{301}");
        assert_eq!(visible(&escaped), escaped);
        assert_eq!(
            Escaped(&"x".repeat(5000)).to_string(),
            "x".repeat(256) + "..."
        );
    }
}
