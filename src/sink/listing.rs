//! The entries of index.json, while roots are added to them.

use std::collections::HashMap;
use std::sync::Arc;

/// The digests and names of entries, each in a slot. A slot keeps its number when others
/// become empty: adding a root takes the same time however many entries there are.
#[derive(Default)]
pub struct Listing {
    slots: Vec<Option<Entry>>,
    /// The slots of each digest below each name. A slot that lost the name may still be there.
    by_name: HashMap<Arc<str>, HashMap<Arc<str>, Vec<usize>>>,
    /// The number of entries of each digest.
    by_digest: HashMap<Arc<str>, usize>,
}

/// An entry that cannot be read has no names, and the digest "".
#[derive(Default)]
pub struct Entry {
    pub digest: Arc<str>,
    pub names: Vec<Arc<str>>,
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
    pub fn add(&mut self, digest: &str, name: Option<&str>, keeps_name: bool) -> Option<usize> {
        let entry = Entry {
            digest: digest.into(),
            names: name.into_iter().map(Arc::from).collect(),
        };
        let Some(name) = name else {
            let is_listed = self.by_digest.get(digest).is_some_and(|count| *count > 0);
            return (!is_listed).then(|| self.push(entry));
        };
        let same = self.take(digest, name, keeps_name);
        for slot in &same {
            self.clear(*slot);
        }
        match same.into_iter().min() {
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

    /// The slots that have the name and, with `keeps_name`, the digest. They are no longer
    /// found by them.
    fn take(&mut self, digest: &str, name: &str, keeps_name: bool) -> Vec<usize> {
        let Some(of_name) = self.by_name.get_mut(name) else {
            return Vec::new();
        };
        let mut slots: Vec<_> = match keeps_name {
            true => of_name.remove(digest).unwrap_or_default(),
            false => of_name.drain().flat_map(|(_, slots)| slots).collect(),
        };
        slots.retain(|slot| {
            let entry = self.slots[*slot].as_ref();
            entry.is_some_and(|entry| entry.names.iter().any(|own| **own == *name))
        });
        slots
    }

    fn fill(&mut self, slot: usize, entry: Entry) {
        for name in &entry.names {
            let of_name = self.by_name.entry(name.clone()).or_default();
            of_name.entry(entry.digest.clone()).or_default().push(slot);
        }
        *self.by_digest.entry(entry.digest.clone()).or_default() += 1;
        self.slots[slot] = Some(entry);
    }

    fn clear(&mut self, slot: usize) {
        if let Some(entry) = self.slots[slot].take()
            && let Some(count) = self.by_digest.get_mut(&entry.digest)
        {
            *count -= 1;
        }
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
                    digest: digest.into(),
                    names: names.into_iter().map(Arc::from).collect(),
                });
            }
            for (digest, name, keeps_name) in added {
                model.add(digest, name, keeps_name);
                let slot = listing.add(digest, name, keeps_name);
                prop_assert!(slot.is_none_or(|slot| listing.is_filled(slot)));
            }
            let entries: Vec<_> = listing.slots.iter().flatten().map(|entry| {
                let names = entry.names.iter().map(|name| name.to_string()).collect();
                (entry.digest.to_string(), names)
            }).collect();
            prop_assert_eq!(entries, model.0);
        }
    }
}
