//! Documents, configs, and edits of them.

use super::loader::{Pieces, read_all};
use ociimg::config::Config;
use ociimg::context::Context;
use ociimg::document::Document;
use ociimg::index::Index;
use ociimg::json::edit::Tree;
use ociimg::load::LoadOptions;
use serde_json::Value;
use std::sync::Arc;

/// serde_json accepts the same texts, except numbers beyond a double.
fn is_json(document: &[u8]) {
    let has_exponent = document.iter().any(|b| matches!(b, b'e' | b'E'));
    let mut numbers = document.split(|b| !b.is_ascii_digit());
    let is_long = |digits: &[u8]| digits.len() > f64::MAX_10_EXP as usize;
    if has_exponent || numbers.any(is_long) || document.len() > 1 << 12 {
        return;
    }
    let depth = document.iter().filter(|b| matches!(b, b'[' | b'{')).count();
    if depth < 120 {
        serde_json::from_slice::<Value>(document).expect("serde_json takes it too");
    }
}

/// An index with everything that it names.
pub fn documents(data: &[u8]) {
    let pieces = Pieces::new(data);
    if Document::parse(pieces.root(), 16).is_ok() {
        is_json(pieces.root());
    }
    let options = LoadOptions {
        max_document_size: 1 << 16,
        max_total_size: 1 << 20,
        max_index_depth: 4,
        max_entries: 256,
        root_digest: None,
    };
    if let Ok(index) = Index::load(Arc::new(pieces), &options, &Context::default()) {
        assert!(index.entries().len() <= 256);
        read_all(&index);
    }
}

/// A config.
pub fn config(data: &[u8]) {
    if let Ok(config) = Config::parse(data) {
        is_json(data);
        for i in 0..config.history.len() {
            config.history.layer(i, 3);
        }
    }
}

/// A document and edits of it: each leaves JSON with the new value, and everything else
/// unchanged.
pub fn edits(data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let (script, document) = rest.split_at(usize::from(count).min(rest.len()));
    if Document::parse(document, 16).is_err() && Config::parse(document).is_err() {
        return;
    }
    let Ok(text) = std::str::from_utf8(document) else {
        return;
    };
    let Ok(mut model) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let mut tree = Tree::new(text);
    const KEYS: [&str; 4] = ["config", "annotations", "x", "layers"];
    for step in script {
        let key = KEYS[usize::from(step & 3)];
        let (Some(mut object), Some(members)) = (tree.object(), model.as_object_mut()) else {
            return;
        };
        match step >> 2 & 3 {
            0 => {
                object.remove(key);
                members.remove(key);
            }
            1 => {
                object.set(key, "{\"a\":1}");
                members.insert(key.into(), serde_json::json!({"a": 1}));
            }
            _ => {
                object.set(key, "[]");
                members.insert(key.into(), serde_json::json!([]));
            }
        }
    }
    let edited = tree.render();
    let found: Value = serde_json::from_str(&edited).expect("an edit leaves JSON");
    assert_eq!(found, model, "{edited}");
    if script.is_empty() {
        assert_eq!(edited, text);
    }
}
