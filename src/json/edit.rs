//! Edits a JSON document in place: every byte outside the changed members stays, white
//! space, number spellings, escapes and the order of keys too.
//!
//! A [`Tree`] splits the document only along the edited paths, so that a thousand edits
//! cost a thousand lookups and one rendering. It expects a document, and new values, that
//! were parsed strictly before.

use super::scan;
pub use super::tree::Tree;
use super::tree::{Array, Element, Member, Node, Object, Piece};
use std::borrow::Cow;

/// An object with at least this many members has a table of its keys.
const MANY_MEMBERS: usize = 32;

impl Tree {
    pub fn root(&mut self) -> ValueMut<'_> {
        ValueMut {
            source: &self.source,
            node: &mut self.root,
        }
    }

    /// The root's members; `None` where the root is no object.
    pub fn object(&mut self) -> Option<ObjectMut<'_>> {
        self.root().object()
    }
}

/// A value of a document.
pub struct ValueMut<'t> {
    source: &'t str,
    node: &'t mut Node,
}

impl<'t> ValueMut<'t> {
    /// The value as it is now.
    pub fn raw(&self) -> Cow<'_, str> {
        match &*self.node {
            Node::Text(piece) => Cow::Borrowed(piece.text(self.source)),
            node => {
                let mut out = String::new();
                node.render(self.source, &mut out);
                Cow::Owned(out)
            }
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&*self.node, Node::Text(piece) if piece.text(self.source) == "null")
    }

    /// The text of a string; `None` for any other value.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match &*self.node {
            Node::Text(piece) if piece.text(self.source).starts_with('"') => {
                Some(scan::unquoted(piece.text(self.source)))
            }
            _ => None,
        }
    }

    /// Whether this is a string that starts with `text`, as far as its first escape.
    pub fn may_start_with(&self, text: &str) -> bool {
        let Node::Text(piece) = &*self.node else {
            return false;
        };
        let Some(string) = piece.text(self.source).strip_prefix('"') else {
            return false;
        };
        match string.find('\\') {
            Some(at) if at < text.len() => text.as_bytes().starts_with(&string.as_bytes()[..at]),
            _ => string.starts_with(text),
        }
    }

    /// Replaces the value, unless it is the same already. Returns whether it was replaced.
    pub fn replace(&mut self, json: &str) -> bool {
        let replaced = !scan::is_same(&self.raw(), json);
        if replaced {
            self.overwrite(json);
        }
        replaced
    }

    /// Replaces the value by this very text.
    pub fn overwrite(&mut self, json: &str) {
        *self.node = Node::Text(Piece::new(json));
    }

    /// `None` where this is no object.
    pub fn object(self) -> Option<ObjectMut<'t>> {
        self.node.split(self.source);
        match self.node {
            Node::Object(object) => Some(ObjectMut {
                source: self.source,
                object,
            }),
            _ => None,
        }
    }

    /// `None` where this is no array.
    pub fn array(self) -> Option<ArrayMut<'t>> {
        self.node.split(self.source);
        match self.node {
            Node::Array(array) => Some(ArrayMut {
                source: self.source,
                array,
            }),
            _ => None,
        }
    }
}

/// The members of an object.
pub struct ObjectMut<'t> {
    source: &'t str,
    object: &'t mut Object,
}

impl<'t> ObjectMut<'t> {
    pub fn len(&self) -> usize {
        self.object.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.object.members.is_empty()
    }

    /// The place of the member with this key.
    pub fn find(&mut self, key: &str) -> Option<usize> {
        let Object {
            members, places, ..
        } = &mut *self.object;
        if members.len() < MANY_MEMBERS {
            let is_key = |m: &Member| scan::is_text(m.key.text(self.source), key);
            return members.iter().position(is_key);
        }
        let places = places.get_or_insert_with(|| {
            let key = |m: &Member| scan::unquoted(m.key.text(self.source)).into();
            members
                .iter()
                .enumerate()
                .map(|(i, m)| (key(m), i))
                .collect()
        });
        places.get(key).copied()
    }

    /// The place of the first member whose key is of this kind.
    pub fn find_by(&self, is: impl Fn(&str) -> bool) -> Option<usize> {
        let members = &self.object.members;
        let is = |m: &Member| is(&scan::unquoted(m.key.text(self.source)));
        members.iter().position(is)
    }

    /// The value of the member at a place that was found before.
    pub fn at(self, i: usize) -> ValueMut<'t> {
        ValueMut {
            source: self.source,
            node: &mut self.object.members[i].value,
        }
    }

    /// The value of a member.
    pub fn get(mut self, key: &str) -> Option<ValueMut<'t>> {
        let i = self.find(key)?;
        Some(self.at(i))
    }

    /// The same members, without consuming this view.
    pub fn reborrow(&mut self) -> ObjectMut<'_> {
        ObjectMut {
            source: self.source,
            object: self.object,
        }
    }

    /// Sets a member; a new one goes last. Returns whether something changed.
    pub fn set(&mut self, key: &str, json: &str) -> bool {
        match self.find(key) {
            Some(i) => self.reborrow().at(i).replace(json),
            None => {
                self.push(key, json);
                true
            }
        }
    }

    /// Adds a new member at the end, spaced as the one before it.
    pub fn push(&mut self, key: &str, json: &str) {
        let object = &mut *self.object;
        let (before, colon) = match object.members.last() {
            Some(last) => {
                let space = behind_comma(last.before.text(self.source));
                (Piece::new(&format!(",{space}")), last.colon.clone())
            }
            None => (Piece::new(""), Piece::new(":")),
        };
        if let Some(places) = &mut object.places {
            places.insert(key.into(), object.members.len());
        }
        object.members.push(Member {
            before,
            key: Piece::new(&scan::quoted(key)),
            colon,
            value: Node::Text(Piece::new(json)),
        });
    }

    /// Removes a member. Returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let found = self.find(key);
        if let Some(i) = found {
            self.remove_at(i);
        }
        found.is_some()
    }

    pub fn remove_at(&mut self, i: usize) {
        let Object {
            members,
            tail,
            places,
        } = &mut *self.object;
        let removed = members.remove(i);
        if i == 0 {
            match members.first_mut() {
                Some(first) => first.before = removed.before,
                None => *tail = joined(&removed.before, tail, self.source),
            }
        }
        if let Some(places) = places {
            places.remove(&*scan::unquoted(removed.key.text(self.source)));
            for place in places.values_mut().filter(|place| **place > i) {
                *place -= 1;
            }
        }
    }
}

/// The elements of an array.
pub struct ArrayMut<'t> {
    source: &'t str,
    array: &'t mut Array,
}

impl<'t> ArrayMut<'t> {
    pub fn len(&self) -> usize {
        self.array.elements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.array.elements.is_empty()
    }

    /// As [`at`](Self::at), for as long as the array can be used.
    pub fn into_at(self, i: usize) -> ValueMut<'t> {
        ValueMut {
            source: self.source,
            node: &mut self.array.elements[i].value,
        }
    }

    /// The element at a place; panics where there is none.
    pub fn at(&mut self, i: usize) -> ValueMut<'_> {
        ValueMut {
            source: self.source,
            node: &mut self.array.elements[i].value,
        }
    }

    pub fn push(&mut self, json: &str) {
        self.insert(self.len(), json);
    }

    /// Inserts an element, spaced as its neighbour; panics beyond the end.
    pub fn insert(&mut self, i: usize, json: &str) {
        let source = self.source;
        let elements = &mut self.array.elements;
        let spaced = |neighbour: &Element| {
            Piece::new(&format!(",{}", behind_comma(neighbour.before.text(source))))
        };
        let before = match (i, elements.first_mut()) {
            (_, None) => Piece::new(""),
            (0, Some(first)) => {
                let behind = spaced(first);
                std::mem::replace(&mut first.before, behind)
            }
            (_, Some(_)) => spaced(&elements[i - 1]),
        };
        let value = Node::Text(Piece::new(json));
        elements.insert(i, Element { before, value });
    }

    /// Removes an element; panics where there is none.
    pub fn remove(&mut self, i: usize) {
        let Array { elements, tail } = &mut *self.array;
        let removed = elements.remove(i);
        if i == 0 {
            match elements.first_mut() {
                Some(first) => first.before = removed.before,
                None => *tail = joined(&removed.before, tail, self.source),
            }
        }
    }

    /// Keeps the elements for which `keep` is true. Returns whether all were kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&ValueMut<'_>) -> bool) -> bool {
        let source = self.source;
        let Array { elements, tail } = &mut *self.array;
        let count = elements.len();
        let mut first = elements.first().map(|first| first.before.clone());
        elements.retain_mut(|element| {
            keep(&ValueMut {
                source,
                node: &mut element.value,
            })
        });
        if elements.len() < count {
            match (elements.first_mut(), first.take()) {
                (Some(element), Some(before)) => element.before = before,
                (None, Some(before)) => *tail = joined(&before, tail, source),
                _ => {}
            }
        }
        elements.len() == count
    }
}

/// The white space between a comma, if there is one, and what follows it.
fn behind_comma(before: &str) -> &str {
    before.rsplit(',').next().unwrap_or(before)
}

fn joined(before: &Piece, tail: &Piece, source: &str) -> Piece {
    Piece::new(&[before.text(source), tail.text(source)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::Value;

    fn edited(json: &str, edit: impl FnOnce(ObjectMut<'_>)) -> String {
        let mut tree = Tree::new(json);
        edit(tree.object().unwrap());
        tree.render()
    }

    #[test]
    fn a_new_member_goes_last_and_is_spaced_as_the_one_before_it() {
        for (json, expected) in [
            ("{}", r#"{"n":1}"#),
            ("{ \n}\n", "{\"n\":1 \n}\n"),
            (r#"{"a":0}"#, r#"{"a":0,"n":1}"#),
            (r#"{ "a" : 0 }"#, r#"{ "a" : 0, "n" : 1 }"#),
            (
                "\n{\n\t\"a\": 0,\n\t\"b\": {}\n}\n",
                "\n{\n\t\"a\": 0,\n\t\"b\": {},\n\t\"n\": 1\n}\n",
            ),
        ] {
            let added = edited(json, |mut o| assert!(o.set("n", "1")));
            assert_eq!(added, expected);
            let restored = edited(&added, |mut o| assert!(o.remove("n")));
            assert_eq!(restored, json);
        }
    }

    #[test]
    fn what_is_there_already_is_left_as_it_is_spelled() {
        let json = r#"{"\u0061":"x\u002fy","s":[1, 2]}"#;
        let same = edited(json, |mut o| {
            assert!(!o.set("a", r#""x/y""#));
            assert!(!o.set("s", "[1,2]"));
            assert!(!o.remove("b"));
        });
        assert_eq!(same, json);
    }

    #[test]
    fn elements_are_inserted_and_removed_at_both_ends() {
        let json = "[ 1,\n 2 ]";
        for (at, expected) in [
            (0, "[ 0, 1,\n 2 ]"),
            (1, "[ 1, 0,\n 2 ]"),
            (2, "[ 1,\n 2,\n 0 ]"),
        ] {
            let mut tree = Tree::new(json);
            tree.root().array().unwrap().insert(at, "0");
            assert_eq!(tree.render(), expected);
            tree.root().array().unwrap().remove(at);
            assert_eq!(tree.render(), json);
        }
        let mut tree = Tree::new("[ 1 , 2 , 3]");
        let mut array = tree.root().array().unwrap();
        assert!(!array.retain(|v| v.raw() == "2"));
        assert!(array.retain(|_| true));
        assert_eq!(tree.render(), "[ 2]");
    }

    #[test]
    fn an_object_of_many_members_finds_them_after_any_edit() {
        let members: Vec<_> = (0..100).map(|i| format!("\"k{i}\":{i}")).collect();
        let mut tree = Tree::new(format!("{{{}}}", members.join(",")));
        let mut object = tree.object().unwrap();
        for i in (0..100).step_by(2) {
            assert!(object.remove(&format!("k{i}")));
        }
        assert!(object.set("new\n", "0"));
        for i in 0..100 {
            assert_eq!(object.find(&format!("k{i}")), (i % 2 == 1).then_some(i / 2));
        }
        assert_eq!(object.find("new\n"), Some(50));
        assert_eq!(object.len(), 51);
    }

    #[test]
    fn a_string_is_passed_over_by_its_beginning() {
        let mut tree = Tree::new(r#"["PATH=/bin","P\u0041TH=x","PATH", 1]"#);
        let mut array = tree.root().array().unwrap();
        let may: Vec<_> = (0..4).map(|i| array.at(i).may_start_with("PATH")).collect();
        assert_eq!(may, [true, true, true, false]);
        assert!(!array.at(0).may_start_with("PATH=/bin/x"));
        assert!(!array.at(1).may_start_with("QATH"));
    }

    /// A document with any white space and escapes between and in its parts.
    #[derive(Clone, Debug)]
    enum Spelled {
        Scalar(&'static str),
        Text(String, bool),
        Array(Vec<Spelled>, &'static str),
        Object(Vec<(String, Spelled)>, &'static str),
    }

    fn spell(text: &str, escaped: bool) -> String {
        if !escaped {
            return scan::quoted(text);
        }
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        format!("\"{}\"", units.collect::<String>())
    }

    impl Spelled {
        fn json(&self) -> String {
            match self {
                Self::Scalar(json) => (*json).into(),
                Self::Text(text, escaped) => spell(text, *escaped),
                Self::Array(elements, space) => {
                    let elements: Vec<_> = elements
                        .iter()
                        .map(|e| format!("{space}{}{space}", e.json()))
                        .collect();
                    format!("[{}{space}]", elements.join(","))
                }
                Self::Object(members, space) => {
                    let members: Vec<_> = members
                        .iter()
                        .map(|(k, v)| {
                            let key = spell(k, space.len() > 1);
                            format!("{space}{key}{space}:{space}{}{space}", v.json())
                        })
                        .collect();
                    format!("{{{}{space}}}", members.join(","))
                }
            }
        }
    }

    fn space() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec!["", " ", "\n  ", "\t\r\n"])
    }

    fn key() -> impl Strategy<Value = String> {
        "[a-c\"\\\\é\u{1f600}]{0,2}"
    }

    fn value() -> impl Strategy<Value = Spelled> {
        let scalars = vec![
            "null",
            "true",
            "0",
            "-0",
            "1.50",
            "1e+2",
            "9007199254740993",
        ];
        let leaf = prop_oneof![
            proptest::sample::select(scalars).prop_map(Spelled::Scalar),
            ("[a-z{}\\[\\],:\"\\\\]{0,5}", any::<bool>()).prop_map(|(t, e)| Spelled::Text(t, e)),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let object = proptest::collection::btree_map(key(), inner.clone(), 0..8);
            prop_oneof![
                (vec(inner, 0..5), space()).prop_map(|(e, s)| Spelled::Array(e, s)),
                (object, space()).prop_map(|(m, s)| Spelled::Object(m.into_iter().collect(), s)),
            ]
        })
    }

    #[derive(Clone, Debug)]
    enum Op {
        Set(String, Spelled),
        Remove(Index),
        Insert(Index, Spelled),
        RemoveElement(Index),
        Replace(Spelled),
    }

    fn op() -> impl Strategy<Value = (Vec<Index>, Op)> {
        let op = prop_oneof![
            (key(), value()).prop_map(|(k, v)| Op::Set(k, v)),
            any::<Index>().prop_map(Op::Remove),
            (any::<Index>(), value()).prop_map(|(i, v)| Op::Insert(i, v)),
            any::<Index>().prop_map(Op::RemoveElement),
            value().prop_map(Op::Replace),
        ];
        (vec(any::<Index>(), 0..3), op)
    }

    /// A way into a document.
    enum Step {
        Key(String),
        At(usize),
    }

    /// A way that this document has.
    fn resolve(mut model: &Value, path: &[Index]) -> Vec<Step> {
        let mut steps = Vec::new();
        for step in path {
            match model {
                Value::Object(members) if !members.is_empty() => {
                    let keys: Vec<_> = members.keys().collect();
                    let key = *step.get(&keys);
                    steps.push(Step::Key(key.clone()));
                    model = &members[key];
                }
                Value::Array(elements) if !elements.is_empty() => {
                    let i = step.index(elements.len());
                    steps.push(Step::At(i));
                    model = &elements[i];
                }
                _ => break,
            }
        }
        steps
    }

    fn model_at<'m>(mut model: &'m mut Value, steps: &[Step]) -> &'m mut Value {
        for step in steps {
            model = match step {
                Step::Key(key) => &mut model[key],
                Step::At(i) => &mut model[*i],
            };
        }
        model
    }

    fn edit_at(at: ValueMut<'_>, steps: &[Step], edit: &mut dyn FnMut(ValueMut<'_>)) {
        match steps {
            [] => edit(at),
            [Step::Key(key), rest @ ..] => {
                edit_at(at.object().unwrap().get(key).unwrap(), rest, edit);
            }
            [Step::At(i), rest @ ..] => edit_at(at.array().unwrap().at(*i), rest, edit),
        }
    }

    /// Applies the same edit to a tree and to a parsed document.
    fn apply(tree: &mut Tree, model: &mut Value, path: &[Index], op: &Op) {
        let steps = resolve(model, path);
        let mut edit = |f: &mut dyn FnMut(ValueMut<'_>)| edit_at(tree.root(), &steps, f);
        let parsed = |v: &Spelled| serde_json::from_str::<Value>(&v.json()).unwrap();
        match (op, model_at(model, &steps)) {
            (Op::Set(key, v), Value::Object(members)) => {
                edit(&mut |at| {
                    at.object().unwrap().set(key, &v.json());
                });
                members.insert(key.clone(), parsed(v));
            }
            (Op::Remove(i), Value::Object(members)) if !members.is_empty() => {
                let keys: Vec<_> = members.keys().cloned().collect();
                let key = i.get(&keys);
                edit(&mut |at| assert!(at.object().unwrap().remove(key)));
                members.remove(key);
            }
            (Op::Insert(i, v), Value::Array(elements)) => {
                let i = i.index(elements.len() + 1);
                edit(&mut |at| at.array().unwrap().insert(i, &v.json()));
                elements.insert(i, parsed(v));
            }
            (Op::RemoveElement(i), Value::Array(elements)) if !elements.is_empty() => {
                let i = i.index(elements.len());
                edit(&mut |at| at.array().unwrap().remove(i));
                elements.remove(i);
            }
            (Op::Replace(v), model) => {
                edit(&mut |mut at| {
                    at.replace(&v.json());
                });
                *model = parsed(v);
            }
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_edited_document_parses_as_the_parsed_document_edited(
            document in value(), ops in vec(op(), 0..6), space in space(),
        ) {
            let json = format!("{space}{}{space}", document.json());
            let mut model: Value = serde_json::from_str(&json).unwrap();
            let mut tree = Tree::new(&*json);
            for (path, op) in &ops {
                apply(&mut tree, &mut model, path, op);
                prop_assert_eq!(&serde_json::from_str::<Value>(&tree.render()).unwrap(), &model);
            }
        }

        #[test]
        fn an_edit_and_its_inverse_give_the_old_bytes(
            document in value(), paths in vec(vec(any::<Index>(), 0..4), 0..5),
        ) {
            let json = document.json();
            let model: Value = serde_json::from_str(&json).unwrap();
            let mut tree = Tree::new(&*json);
            for path in &paths {
                let steps = resolve(&model, path);
                edit_at(tree.root(), &steps, &mut |mut at| {
                    if at.raw().starts_with('{') {
                        let mut object = at.object().unwrap();
                        object.push("none", "0");
                        object.push("other", "{}");
                        assert!(object.remove("other") && object.remove("none"));
                    } else if at.raw().starts_with('[') {
                        let mut array = at.array().unwrap();
                        for i in [0, array.len()] {
                            array.insert(i, "0");
                            array.remove(i);
                        }
                    } else {
                        let old = at.raw().into_owned();
                        at.overwrite("{}");
                        at.overwrite(&old);
                    }
                });
            }
            prop_assert_eq!(tree.render(), json);
        }

        #[test]
        fn members_that_no_edit_names_keep_their_bytes(
            members in proptest::collection::btree_map(key(), value(), 0..50),
            edits in vec((key(), proptest::option::of(value())), 1..5),
            space in space(),
        ) {
            let json = Spelled::Object(members.into_iter().collect(), space).json();
            let mut tree = Tree::new(&*json);
            let mut touched = Vec::new();
            for (key, v) in edits {
                let mut object = tree.object().unwrap();
                match v {
                    Some(v) => object.set(&key, &v.json()),
                    None => object.remove(&key),
                };
                touched.push(key);
            }
            let after = tree.render();
            let untouched = |json: &str| -> Vec<String> {
                scan::members(json, 0)
                    .filter(|m| !touched.contains(&scan::unquoted(&json[m.key.clone()]).into_owned()))
                    .map(|m| json[m.key.start..m.value.end].to_owned())
                    .collect()
            };
            prop_assert_eq!(untouched(&json), untouched(&after));
        }
    }
}
