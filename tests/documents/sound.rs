//! Valid documents, to be changed by a row.

use crate::support::loader::*;
use serde_json::{Value, json};

/// A valid document of every kind, to be changed by a row.
pub struct Sound {
    pub memory: MemoryLoader,
    pub index: Value,
    pub manifest: Value,
    pub config: Value,
}

pub fn sound() -> Sound {
    let mut memory = MemoryLoader::default();
    let rootfs = json!({"type": "layers", "diff_ids": []});
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": rootfs});
    let described = memory.put_json(CONFIG, &config);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []});
    let child = memory.put_json(MANIFEST, &manifest);
    Sound {
        memory,
        index: index(&[child]),
        manifest,
        config,
    }
}

/// `document` with one place of it, by JSON pointer, given another value.
pub fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).expect("the place is there");
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => parent[key] = value,
    }
    document
}

pub fn without(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).expect("the place is there");
    parent
        .as_object_mut()
        .unwrap()
        .remove(key)
        .expect("the key is there");
    document
}

pub fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// Puts a member before the others of an object, as text, since serde_json's map holds no
/// duplicates.
pub fn before(document: &Value, member: &str) -> String {
    format!("{{{member},{}", &document.to_string()[1..])
}

/// The document of a row.
pub trait Bytes {
    fn bytes(self) -> Vec<u8>;
}

impl Bytes for Value {
    fn bytes(self) -> Vec<u8> {
        self.to_string().into()
    }
}

impl Bytes for String {
    fn bytes(self) -> Vec<u8> {
        self.into()
    }
}

impl Bytes for &str {
    fn bytes(self) -> Vec<u8> {
        self.into()
    }
}

impl<const N: usize> Bytes for &[u8; N] {
    fn bytes(self) -> Vec<u8> {
        self.to_vec()
    }
}
