//! The entries of index.json, while roots are added to them.

use crate::text::Text;
use std::collections::HashMap;

/// The digests and names of entries, each in a slot. A slot keeps its number when others
/// become empty: adding a root takes the same time however many entries there are.
#[derive(Default)]
pub struct Listing {
    slots: Vec<Option<Entry>>,
    /// The slots of each digest, of each name, and of both together. A list may hold slots that
    /// have changed since; `add` passes over them.
    places: HashMap<Key, Vec<usize>>,
}

/// An entry that cannot be read may have neither.
#[derive(Default)]
pub struct Entry {
    pub digest: Option<Text>,
    pub names: Vec<Text>,
}

/// What entries have in common.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    digest: Option<Text>,
    name: Option<Text>,
}

impl Key {
    fn fits(&self, entry: &Entry) -> bool {
        let is_digest = self.digest.is_none() || self.digest == entry.digest;
        let mut name = self.name.iter();
        is_digest && name.all(|name| entry.names.contains(name))
    }
}

impl Listing {
    /// Adds an entry in a slot of its own.
    pub fn push(&mut self, entry: Entry) -> usize {
        let slot = self.slots.len();
        self.slots.push(None);
        self.fill(slot, entry);
        slot
    }

    /// Adds a root. Returns its slot, or `None` if it is listed already.
    ///
    /// A root with a name takes the first slot that has the name; the others that have it
    /// become empty. With `keeps_name` only slots of the same digest count. A root without a
    /// name is added unless its digest is listed.
    pub fn add(&mut self, digest: &Text, name: Option<&Text>, keeps_name: bool) -> Option<usize> {
        let key = Key {
            digest: (keeps_name || name.is_none()).then(|| digest.clone()),
            name: name.cloned(),
        };
        let mut same = self.places.remove(&key).unwrap_or_default();
        let fits = |slot: &usize| self.slots[*slot].as_ref().is_some_and(|e| key.fits(e));
        if name.is_none()
            && let Some(at) = same.iter().position(fits)
        {
            same.drain(..at);
            self.places.insert(key, same);
            return None;
        }
        same.retain(fits);
        let first = same.iter().min().copied();
        for slot in same {
            self.slots[slot] = None;
        }
        let entry = Entry {
            digest: Some(digest.clone()),
            names: name.into_iter().cloned().collect(),
        };
        match first {
            None => Some(self.push(entry)),
            Some(first) => {
                self.fill(first, entry);
                Some(first)
            }
        }
    }

    /// The number of slots, empty ones too.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_filled(&self, slot: usize) -> bool {
        self.slots[slot].is_some()
    }

    fn fill(&mut self, slot: usize, entry: Entry) {
        let mut note = |digest: &Option<Text>, name: Option<&Text>| {
            let key = Key {
                digest: digest.clone(),
                name: name.cloned(),
            };
            self.places.entry(key).or_default().push(slot);
        };
        note(&entry.digest, None);
        for name in &entry.names {
            note(&entry.digest, Some(name));
            note(&None, Some(name));
        }
        self.slots[slot] = Some(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// The rules, by going over all entries.
    #[derive(Default)]
    struct Model(Vec<(String, Vec<String>)>);

    impl Model {
        fn add(&mut self, digest: &str, name: Option<&str>, keeps_name: bool) {
            let entry = (
                digest.to_owned(),
                name.map(str::to_owned).into_iter().collect(),
            );
            let Some(name) = name else {
                if self.0.iter().all(|(other, _)| other != digest) {
                    self.0.push(entry);
                }
                return;
            };
            let is_same = |(other, names): &(String, Vec<String>)| {
                names.iter().any(|own| own == name) && (!keeps_name || other == digest)
            };
            let first = self.0.iter().position(is_same);
            self.0.retain(|entry| !is_same(entry));
            self.0.insert(first.unwrap_or(self.0.len()), entry);
        }
    }

    fn digest() -> impl Strategy<Value = &'static str> {
        select(vec!["", "a", "b", "c"])
    }

    fn name() -> impl Strategy<Value = &'static str> {
        select(vec!["1", "2", "3"])
    }

    proptest! {
        #[test]
        fn slots_follow_the_rules(
            found in vec((digest(), vec(name(), 0..3)), 0..8),
            added in vec((digest(), proptest::option::of(name()), any::<bool>()), 0..16),
        ) {
            let (mut listing, mut model) = (Listing::default(), Model::default());
            for (digest, names) in found {
                model.0.push((
                    digest.to_owned(),
                    names.iter().map(|name| (*name).to_owned()).collect(),
                ));
                listing.push(Entry {
                    digest: Text::new(digest),
                    names: names.into_iter().filter_map(Text::new).collect(),
                });
            }
            for (digest, name, keeps_name) in added {
                model.add(digest, name, keeps_name);
                let name = name.and_then(Text::new);
                let digest = Text::new(digest).unwrap();
                let slot = listing.add(&digest, name.as_ref(), keeps_name);
                prop_assert!(slot.is_none_or(|slot| listing.is_filled(slot)));
            }
            let entries: Vec<_> = listing.slots.iter().flatten().map(|entry| {
                let names = entry.names.iter().map(|name| name.to_string()).collect();
                (entry.digest.as_ref().unwrap().to_string(), names)
            }).collect();
            prop_assert_eq!(entries, model.0);
        }
    }
}
