//! Texts that can be given to C, and lists and maps of them.

use super::fault::{Fault, Result};
use super::parse::Parser;
use super::schema::Checks;
use crate::text::{Escaped, Text};
use crate::text_list::{TextList, TextListBuilder, TextMap, TextMapBuilder};

impl Parser<'_> {
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

    /// The keys of a map; the values are ignored.
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
}

/// The text, if it can be given to C.
#[inline]
pub fn checked(text: &str) -> Result<Text> {
    Text::new(text).ok_or_else(|| nul_in(text))
}

#[cold]
pub fn nul_in(text: &str) -> Fault {
    Fault::malformed(format_args!(
        "found U+0000 in the string \"{}\", expected text without it",
        Escaped(text)
    ))
}
