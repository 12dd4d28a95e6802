//! Text as the library's users can take it.

use std::fmt;
use std::ops::Deref;

/// UTF-8 text without U+0000, kept with a NUL behind it.
///
/// A C string ends at its first NUL: a document that has one inside a text would be
/// read differently by a C program and by everybody else. This type is the proof that
/// the text was checked, and the NUL behind it lets the text be lent as it stands.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Box<str>);

impl Text {
    /// The text, or `None` when it holds U+0000.
    pub fn new(text: &str) -> Option<Self> {
        if text.as_bytes().contains(&0) {
            return None;
        }
        let mut owned = String::with_capacity(text.len() + 1);
        owned.push_str(text);
        owned.push('\0');
        Some(Self(owned.into_boxed_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0[..self.0.len() - 1]
    }

    /// The text with the NUL behind it.
    pub fn with_nul(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

// `Hash`, `Eq` and `Ord` of the text and of the text with its NUL differ, but a map is
// only ever asked by one of them; `Borrow` is therefore not offered for `str`.
impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
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

/// Writes text that came from a document, a callback or a file name so that it stays
/// on one line and does nothing to a terminal: controls, line ends and what is not
/// printable are escaped as in Rust, the rest stands as it is. What goes on for longer
/// than [`LONGEST_QUOTE`] is cut, since an error is no place for a 4 MiB string.
pub struct Escaped<'a>(pub &'a str);

/// Characters of a foreign text that an error message repeats.
pub const LONGEST_QUOTE: usize = 256;

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for (n, c) in self.0.chars().enumerate() {
            if n == LONGEST_QUOTE {
                return f.write_str("...");
            }
            match c {
                '"' | '\'' | '\\' => f.write_char(c)?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}
