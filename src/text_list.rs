//! Lists and maps of texts, each in few allocations whatever its length.
//!
//! A hostile document may hold a list of a million texts of one byte. As a `Vec<Text>` it
//! would take twelve times the memory of its JSON.

use crate::text::{Text, TextRef};
use std::fmt;
use std::sync::Arc;

/// An immutable list of texts; clones share it. Each text has a NUL behind it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TextList(Option<Arc<Texts>>);

#[derive(PartialEq, Eq, Hash)]
struct Texts {
    /// All texts, each with the NUL behind it.
    joined: Box<str>,
    /// The end of each text, behind its NUL.
    ends: Box<[u32]>,
}

impl TextList {
    pub const NONE: Self = Self(None);

    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |texts| texts.ends.len())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[inline]
    pub fn get(&self, i: usize) -> Option<TextRef<'_>> {
        let texts = self.0.as_ref()?;
        let end = *texts.ends.get(i)? as usize;
        let start = match i {
            0 => 0,
            _ => texts.ends[i - 1] as usize,
        };
        Some(TextRef::of_terminated(&texts.joined[start..end]))
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = TextRef<'_>> + Clone {
        (0..self.len()).map(|i| self.get(i).expect("below the length"))
    }
}

impl<T: Into<Text>> FromIterator<T> for TextList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut list = TextListBuilder::default();
        for text in texts {
            list.push_text(text.into().borrowed());
        }
        list.finish()
    }
}

impl<const N: usize> From<[Text; N]> for TextList {
    fn from(texts: [Text; N]) -> Self {
        texts.into_iter().collect()
    }
}

impl fmt::Debug for TextList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Builds a [`TextList`].
#[derive(Default)]
pub struct TextListBuilder {
    joined: String,
    ends: Vec<u32>,
}

impl TextListBuilder {
    /// Appends a text; `false` if it holds U+0000, and then nothing changes.
    #[must_use]
    #[inline]
    pub fn push(&mut self, text: &str) -> bool {
        if text.as_bytes().contains(&0) {
            return false;
        }
        self.push_checked(text);
        true
    }

    #[inline]
    pub fn push_text(&mut self, text: TextRef<'_>) {
        self.push_checked(&text);
    }

    #[inline]
    fn push_checked(&mut self, text: &str) {
        self.joined.push_str(text);
        self.joined.push('\0');
        // Documents are shorter than 4 GiB, and so are the lists in them.
        let end = u32::try_from(self.joined.len()).expect("lists of texts are below 4 GiB");
        self.ends.push(end);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn finish(self) -> TextList {
        TextList((!self.ends.is_empty()).then(|| {
            Arc::new(Texts {
                joined: self.joined.into(),
                ends: self.ends.into(),
            })
        }))
    }
}

/// An immutable list of pairs of texts in the order of the document; clones share it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TextMap(
    /// Keys at the even places, each followed by its value.
    TextList,
);

impl TextMap {
    pub const NONE: Self = Self(TextList::NONE);

    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pair at place `i`.
    #[inline]
    pub fn get(&self, i: usize) -> Option<(TextRef<'_>, TextRef<'_>)> {
        let at = i.checked_mul(2)?;
        Some((self.0.get(at)?, self.0.get(at + 1)?))
    }

    /// The value of the first pair with this key.
    #[inline]
    pub fn find(&self, key: &str) -> Option<TextRef<'_>> {
        let (_, value) = self.iter().find(|(k, _)| &**k == key)?;
        Some(value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (TextRef<'_>, TextRef<'_>)> + Clone {
        (0..self.len()).map(|i| self.get(i).expect("below the length"))
    }
}

impl<K: Into<Text>, V: Into<Text>> FromIterator<(K, V)> for TextMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let texts = |(key, value): (K, V)| [key.into(), value.into()];
        Self(pairs.into_iter().flat_map(texts).collect())
    }
}

impl fmt::Debug for TextMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Builds a [`TextMap`].
#[derive(Default)]
pub struct TextMapBuilder(TextListBuilder);

impl TextMapBuilder {
    /// Appends a key, or the value of the last key; `false` if it holds U+0000.
    #[must_use]
    pub fn push(&mut self, text: &str) -> bool {
        self.0.push(text)
    }

    pub fn finish(self) -> TextMap {
        TextMap(self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Text {
        Text::new(text).unwrap()
    }

    proptest! {
        #[test]
        fn a_list_gives_back_what_it_was_made_of(texts: Vec<String>) {
            let texts: Vec<_> = texts.iter().map(|t| text(&t.replace('\0', "x"))).collect();
            let list: TextList = texts.iter().cloned().collect();
            prop_assert_eq!(list.len(), texts.len());
            for (i, text) in texts.iter().enumerate() {
                let got = list.get(i).unwrap();
                prop_assert_eq!((&*got, got.with_nul()), (&**text, text.with_nul()));
            }
            prop_assert!(list.get(texts.len()).is_none());
            prop_assert!(list.get(usize::MAX).is_none());
        }
    }

    #[test]
    fn a_map_finds_the_first_value_of_a_key() {
        let map: TextMap = [("a", "1"), ("", ""), ("a", "2")]
            .map(|(k, v)| (text(k), text(v)))
            .into_iter()
            .collect();
        assert_eq!((map.len(), &*map.find("a").unwrap()), (3, "1"));
        assert_eq!(map.find("").unwrap().with_nul(), "\0");
        assert!(map.find("b").is_none());
        let (key, value) = map.get(2).unwrap();
        assert_eq!((&*key, &*value), ("a", "2"));
        assert!(map.get(3).is_none() && map.get(usize::MAX).is_none());
    }

    #[test]
    fn a_nul_is_refused_and_changes_nothing() {
        let mut list = TextListBuilder::default();
        assert!(list.push("a") && !list.push("b\0c"));
        assert_eq!(list.finish(), [text("a")].into_iter().collect());
    }
}
