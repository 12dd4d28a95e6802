//! Keys of objects: duplicates, and keys that differ by case alone.

use super::string;
use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

/// The keys of the objects that are open. An object of a million keys takes eight bytes a
/// key, and no allocation of its own.
#[derive(Default)]
pub struct Keys {
    /// The upper half is the hash of a key, the lower half its offset in the text.
    open: Vec<u64>,
    // Seeded at random, so that no document can choose keys with equal hashes.
    hash: RandomState,
}

/// Where the keys of an object begin in [`Keys`].
#[derive(Clone, Copy)]
pub struct Mark(usize);

impl Keys {
    /// Begins an object.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark(self.open.len())
    }

    /// Begins an object inside another, for a caller without a stack of its own.
    pub fn push_mark(&mut self, outer: Mark) -> Mark {
        self.open.push(outer.0 as u64);
        self.mark()
    }

    /// Adds a key whose quotation mark is at `at`. Documents are below 4 GiB.
    #[inline]
    pub fn add(&mut self, key: &str, at: usize) {
        let hash = self.hash.hash_one(key) >> 32;
        self.open.push(hash << 32 | at as u64);
    }

    /// The first key that the object of `mark` has twice.
    pub fn duplicate<'a>(&mut self, mark: Mark, text: &'a str) -> Option<Cow<'a, str>> {
        let keys = &mut self.open[mark.0..];
        keys.sort_unstable();
        let key = |entry: u64| string::at(text, (entry & u64::from(u32::MAX)) as usize);
        // Equal hashes are adjacent; different keys rarely share one.
        for (i, first) in keys.iter().enumerate() {
            let rest = keys[i + 1..].iter();
            for other in rest.take_while(|other| *other >> 32 == first >> 32) {
                if key(*first) == key(*other) {
                    return Some(key(*first));
                }
            }
        }
        None
    }

    /// Forgets the object of `mark`, and all inside it.
    #[inline]
    pub fn reset(&mut self, mark: Mark) {
        self.open.truncate(mark.0);
    }

    /// Forgets the object of `mark` and returns the mark passed to `push_mark` for it.
    pub fn pop_mark(&mut self, mark: Mark) -> Mark {
        self.reset(mark);
        let outer = self.open.pop().expect("a mark was pushed");
        Mark(outer as usize)
    }
}

/// Whether Go matches `key` with the ASCII `name`: by simple case folding, which includes
/// the long s and the Kelvin sign.
pub fn folds_to(key: &str, name: &str) -> bool {
    // The long s takes two bytes, the Kelvin sign three.
    if !(name.len()..=3 * name.len()).contains(&key.len()) {
        return false;
    }
    let folded = key.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    });
    folded.eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
