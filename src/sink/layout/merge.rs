//! Adds a root to the entries of index.json.

use crate::document::Document;
use crate::document::layout::{CONTAINERD_NAME, REF_NAME};
use crate::error::{Error, Result};
use crate::json::edit::{Tree, ValueMut};

/// A root to be added to index.json.
pub struct NewEntry<'a> {
    /// The descriptor as JSON, with the name in its annotations.
    pub json: &'a str,
    pub digest: &'a str,
    pub name: Option<&'a str>,
    /// Whether entries that have the name stay.
    pub keep_name: bool,
}

/// index.json with the entry in it; `None` if it is there already. All other bytes are
/// unchanged.
///
/// An entry with a name replaces the first that has it; others that have it are removed. An
/// entry without a name goes last, unless its digest is listed.
pub fn merge(index: &[u8], new: &NewEntry<'_>) -> Result<Option<String>> {
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

    let mut first = None;
    let mut i = 0;
    while i < list.len() {
        let is_same = match new.name {
            None => has_digest(list.at(i), new.digest),
            Some(name) => {
                has_name(list.at(i), name) && (!new.keep_name || has_digest(list.at(i), new.digest))
            }
        };
        match (is_same, first) {
            (true, Some(_)) if new.name.is_some() => list.remove(i),
            _ => {
                if is_same {
                    first.get_or_insert(i);
                }
                i += 1;
            }
        }
    }
    match (first, new.name) {
        (None, _) => list.push(new.json),
        (Some(_), None) => return Ok(None),
        (Some(i), Some(_)) => {
            list.at(i).replace(new.json);
        }
    }
    let merged = tree.render();
    Ok((merged != text).then_some(merged))
}

fn has_digest(entry: ValueMut<'_>, digest: &str) -> bool {
    let found = entry.object().and_then(|entry| entry.get("digest"));
    found.is_some_and(|found| found.text().as_deref() == Some(digest))
}

/// An entry that cannot be read has no name.
fn has_name(entry: ValueMut<'_>, name: &str) -> bool {
    let annotations = entry.object().and_then(|entry| entry.get("annotations"));
    let Some(mut annotations) = annotations.and_then(ValueMut::object) else {
        return false;
    };
    [REF_NAME, CONTAINERD_NAME].into_iter().any(|key| {
        let value = annotations.reborrow().get(key);
        value.is_some_and(|value| value.text().as_deref() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::layout::index_of;

    fn listed(id: &str, name: &str) -> String {
        format!(r#"{{ "digest" : "{id}", "x":1,"annotations":{{"{REF_NAME}":"{name}"}}}}"#)
    }

    fn new<'a>(json: &'a str, digest: &'a str, name: Option<&'a str>) -> NewEntry<'a> {
        NewEntry {
            json,
            digest,
            name,
            keep_name: false,
        }
    }

    fn index(entries: &[&str]) -> String {
        format!(
            "{{\n \"x\": 1.0,\"schemaVersion\":2, \"manifests\": [\n  {}\n ],\"y\":\"\\u0061\"}}\n",
            entries.join(",\n  ")
        )
    }

    fn merged(index: &str, new: &NewEntry<'_>) -> String {
        let merged = merge(index.as_bytes(), new).unwrap();
        merged.unwrap_or_else(|| index.to_owned())
    }

    #[test]
    fn a_name_is_replaced_where_it_first_is_and_all_else_stays() {
        let [a, b, c, d] = [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")]
            .map(|(digest, name)| listed(digest, name));
        let full = format!(r#"{{"digest":"e","annotations":{{"{CONTAINERD_NAME}":"1"}}}}"#);
        let before = index(&[&d, &a, &b, &c, "null", "{}", &full]);
        let after = merged(&before, &new("NEW", "n", Some("1")));
        assert_eq!(after, index(&[&d, "NEW", &b, "null", "{}"]));

        let after = merged(&before, &new("NEW", "n", Some("4")));
        assert_eq!(after, index(&[&d, &a, &b, &c, "null", "{}", &full, "NEW"]));
    }

    #[test]
    fn a_name_that_repeats_within_a_copy_adds() {
        let [a, b] = [("a", "1"), ("b", "1")].map(|(digest, name)| listed(digest, name));
        let before = index(&[&a, &b]);
        let mut entry = new("NEW", "n", Some("1"));
        entry.keep_name = true;
        assert_eq!(merged(&before, &entry), index(&[&a, &b, "NEW"]));
        entry.digest = "b";
        assert_eq!(merged(&before, &entry), index(&[&a, "NEW"]));
    }

    #[test]
    fn without_a_name_a_digest_is_listed_once() {
        let a = listed("a", "1");
        let before = index(&[&a]);
        assert_eq!(
            merge(before.as_bytes(), &new("NEW", "a", None)).unwrap(),
            None
        );
        assert_eq!(merged(&before, &new("NEW", "b", None)), index(&[&a, "NEW"]));
    }

    #[test]
    fn an_index_without_a_list_gets_one() {
        let null = r#"{"schemaVersion":2,"manifests":null}"#;
        let after = merged(null, &new("1", "a", None));
        assert_eq!(after, r#"{"schemaVersion":2,"manifests":[1]}"#);
        let empty = index_of::<&str>([]);
        let after = merged(&empty, &new("1", "a", Some("n")));
        assert_eq!(after, empty.replace("[]", "[1]"));
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
                merge(document.as_bytes(), &new("1", "a", None)).is_err(),
                "{document}"
            );
        }
    }
}
