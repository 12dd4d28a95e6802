//! Adds roots to the entries of index.json.

use crate::document::Document;
use crate::document::layout::{CONTAINERD_NAME, INDEX, MAX_DOCUMENT_SIZE, REF_NAME};
use crate::error::{Error, Result};
use crate::json::edit::{Tree, ValueMut};
use crate::sink::entry::{EntryName, entry};
use crate::sink::listing::{Entry, Listing};
use crate::sink::roots::Root;
use crate::text::Text;

/// index.json with the roots in it; `None` if all are there already. All other bytes are
/// unchanged.
///
/// A root with a name replaces the first entry that has it; others that have it are removed.
/// An entry without a name goes last, unless its digest is listed.
pub fn merge(index: &[u8], roots: &[Root]) -> Result<Option<String>> {
    let Document::Index(_) = Document::parse(index, 0)? else {
        return Err(Error::malformed("found a manifest, expected an index"));
    };
    let text = std::str::from_utf8(index).expect("it was parsed");
    let mut tree = Tree::new(text);
    let mut object = tree.object().expect("an index is an object");
    let manifests = object.reborrow().get("manifests");
    if manifests.is_none_or(|list| list.is_null()) {
        object.set("manifests", "[]");
    }
    let manifests = object.get("manifests").expect("it was set");
    let mut list = manifests.array().expect("it was parsed as a list");

    let mut listing = Listing::default();
    let before = list.len();
    for i in 0..before {
        listing.push(found(list.at(i)));
    }
    // The root in each slot that has a new one.
    let mut new: Vec<Option<&Root>> = vec![None; before];
    for root in roots {
        let digest = root.descriptor.digest.text();
        if let Some(slot) = listing.add(digest, name(root), root.keeps_name) {
            new.resize(listing.len(), None);
            new[slot] = Some(root);
        }
    }
    let mut added = 0;
    for (slot, root) in new.into_iter().enumerate() {
        let Some(root) = root.filter(|_| listing.is_filled(slot)) else {
            continue;
        };
        let json = entry(&root.descriptor, &EntryName::plain(name(root)));
        // A descriptor may be large, and repeat under many names.
        added += json.len();
        check_size(added)?;
        match slot < before {
            true => {
                list.at(slot).replace(&json);
            }
            false => list.push(&json),
        }
    }
    let mut slot = 0..;
    list.retain(|_| {
        let slot = slot.next().expect("it has no end");
        slot >= before || listing.is_filled(slot)
    });
    let merged = tree.render();
    check_size(merged.len())?;
    Ok((merged != text).then_some(merged))
}

/// An empty name is none.
fn name(root: &Root) -> Option<&Text> {
    root.name.as_ref().filter(|name| !name.is_empty())
}

/// The digest and the names of an entry.
fn found(entry: ValueMut<'_>) -> Entry {
    let Some(mut entry) = entry.object() else {
        return Entry::default();
    };
    let text = |value: Option<ValueMut<'_>>| Text::new(&value?.text()?);
    let digest = text(entry.reborrow().get("digest"));
    let annotations = entry.get("annotations").and_then(ValueMut::object);
    let names = annotations.map(|mut annotations| {
        let names = [REF_NAME, CONTAINERD_NAME].into_iter();
        let names = names.filter_map(|key| text(annotations.reborrow().get(key)));
        names.collect()
    });
    Entry {
        digest,
        names: names.unwrap_or_default(),
    }
}

/// A larger index.json would not be read again.
fn check_size(size: usize) -> Result<()> {
    if size as u64 > MAX_DOCUMENT_SIZE {
        return Err(Error::limit_exceeded(format_args!(
            "{INDEX}: it would have {size} bytes or more, expected at most {MAX_DOCUMENT_SIZE}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::Descriptor;
    use crate::digest::{Algorithm, Digest};
    use crate::document::layout::index_of;
    use crate::text::Text;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use std::sync::Arc;

    /// A descriptor of content that differs by `id`.
    fn descriptor(id: &str) -> Arc<Descriptor> {
        let digest = Digest::of(Algorithm::Sha256, id.as_bytes());
        Arc::new(Descriptor::new(Text::new("a/b").unwrap(), digest, 1))
    }

    fn root(id: &str, name: Option<&str>) -> Root {
        Root {
            descriptor: descriptor(id),
            name: name.map(|name| Text::new(name).unwrap()),
            keeps_name: false,
        }
    }

    /// The entry as it is written.
    fn written(id: &str, name: Option<&str>) -> String {
        entry(
            &descriptor(id),
            &EntryName::plain(name.and_then(Text::new).as_ref()),
        )
    }

    /// An entry that another writer made.
    fn listed(id: &str, name: &str) -> String {
        let digest = descriptor(id).digest.to_string();
        format!(r#"{{ "digest" : "{digest}", "x":1,"annotations":{{"{REF_NAME}":"{name}"}}}}"#)
    }

    fn index(entries: &[&str]) -> String {
        format!(
            "{{\n \"x\": 1.0,\"schemaVersion\":2, \"manifests\": [\n  {}\n ],\"y\":\"\\u0061\"}}\n",
            entries.join(",\n  ")
        )
    }

    fn merged(index: &str, roots: &[Root]) -> String {
        let merged = merge(index.as_bytes(), roots).unwrap();
        merged.unwrap_or_else(|| index.to_owned())
    }

    #[test]
    fn a_name_is_replaced_where_it_first_is_and_all_else_stays() {
        let [a, b, c, d] =
            [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")].map(|(id, name)| listed(id, name));
        let full = format!(r#"{{"digest":"e","annotations":{{"{CONTAINERD_NAME}":"1"}}}}"#);
        let before = index(&[&d, &a, &b, &c, "null", "{}", &full]);
        let new = written("n", Some("1"));
        let after = merged(&before, &[root("n", Some("1"))]);
        assert_eq!(after, index(&[&d, &new, &b, "null", "{}"]));

        let new = written("n", Some("4"));
        let after = merged(&before, &[root("n", Some("4"))]);
        assert_eq!(after, index(&[&d, &a, &b, &c, "null", "{}", &full, &new]));
    }

    #[test]
    fn a_name_that_repeats_within_a_copy_adds() {
        let [a, b] = [("a", "1"), ("b", "1")].map(|(id, name)| listed(id, name));
        let before = index(&[&a, &b]);
        let added = |id| Root {
            keeps_name: true,
            ..root(id, Some("1"))
        };
        let [b_new, c_new] = ["b", "c"].map(|id| written(id, Some("1")));
        assert_eq!(merged(&before, &[added("c")]), index(&[&a, &b, &c_new]));
        assert_eq!(merged(&before, &[added("b")]), index(&[&a, &b_new]));
        // The first of a copy replaces both.
        let roots = [root("b", Some("1")), added("c"), added("b")];
        assert_eq!(merged(&before, &roots), index(&[&b_new, &c_new]));
    }

    #[test]
    fn without_a_name_a_digest_is_listed_once() {
        let a = listed("a", "1");
        let before = index(&[&a]);
        assert_eq!(merge(before.as_bytes(), &[root("a", None)]).unwrap(), None);
        let roots = [root("b", None), root("b", Some("")), root("a", None)];
        assert_eq!(merged(&before, &roots), index(&[&a, &written("b", None)]));
    }

    #[test]
    fn an_index_without_a_list_gets_one() {
        let null = r#"{"schemaVersion":2,"manifests":null}"#;
        let new = format!("[{}]", written("a", Some("n")));
        let after = merged(null, &[root("a", Some("n"))]);
        assert_eq!(after, null.replace("null", &new));
        let empty = index_of::<&str>([]);
        let after = merged(&empty, &[root("a", Some("n"))]);
        assert_eq!(after, empty.replace("[]", &new));
    }

    #[test]
    fn nothing_joins_what_is_no_index() {
        for document in [
            "",
            "[]",
            "{}",
            r#"{"schemaVersion":2,"manifests":{}}"#,
            r#"{"schemaVersion":2,"layers":[],"config":{}}"#,
            r#"{"schemaVersion":2,"manifests":[]} x"#,
            r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
        ] {
            assert!(
                merge(document.as_bytes(), &[root("a", None)]).is_err(),
                "{document}"
            );
        }
    }

    #[test]
    fn large_entries_under_many_names_end_at_the_limit() {
        let large = "x".repeat(1 << 20);
        let named = |i: usize| Root {
            name: Text::new(&format!("{i}{large}")),
            ..root("a", None)
        };
        let roots: Vec<_> = (0..5).map(named).collect();
        let empty = index_of::<&str>([]);
        assert!(merge(empty.as_bytes(), &roots[..2]).is_ok());
        let e = merge(empty.as_bytes(), &roots).unwrap_err();
        assert_eq!(e.status(), crate::error::Status::LimitExceeded);
    }

    proptest! {
        #[test]
        fn several_roots_are_merged_as_one_after_the_other(
            found in vec((select(vec!["a", "b", "c"]), select(vec!["1", "2", "3"])), 0..6),
            added in vec(
                (
                    select(vec!["a", "b", "c", "d"]),
                    proptest::option::of(select(vec!["1", "2", "3", "4"])),
                    any::<bool>(),
                ),
                0..10,
            ),
        ) {
            let entries = found.iter().map(|(id, name)| listed(id, name));
            let before = index_of(entries);
            let roots: Vec<_> = added
                .into_iter()
                .map(|(id, name, keeps_name)| Root { keeps_name, ..root(id, name) })
                .collect();
            let single = roots.iter().fold(before.clone(), |index, root| {
                merged(&index, std::slice::from_ref(root))
            });
            prop_assert_eq!(merged(&before, &roots), single);
        }
    }
}
