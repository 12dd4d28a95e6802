//! The parser compared with serde_json, and the texts that it refuses beyond it.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const KEYS: Checks = Checks {
    keys: true,
    nul: false,
};

/// Reads everything, as the readers of documents do.
fn tree(p: &mut Parser<'_>) -> Result<serde_json::Value, Fault> {
    Ok(match p.peek() {
        Some(b'{') => {
            let mut members = serde_json::Map::new();
            p.map(|p, key| {
                members.insert(key.to_owned(), tree(p)?);
                Ok(())
            })?;
            members.into()
        }
        Some(b'[') => {
            let mut list = Vec::new();
            p.list(|p| {
                list.push(tree(p)?);
                Ok(())
            })?;
            list.into()
        }
        Some(b'"') => p.string()?.into_owned().into(),
        Some(b't' | b'f') => p.boolean()?.into(),
        _ => serde_json::from_str(p.raw(KEYS)?).expect("a number or null"),
    })
}

fn tree_of(text: &str) -> Result<serde_json::Value, Fault> {
    document(text.as_bytes(), tree)
}

fn check(text: &str) -> Result<(), Fault> {
    document(text.as_bytes(), |p| p.skip(KEYS))
}

fn a_document() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..24)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_document_says_what_serde_json_reads_in_it(document in a_document()) {
        for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            prop_assert!(check(&text).is_ok());
            prop_assert_eq!(&tree_of(&text).unwrap(), &document);
        }
    }

    #[test]
    fn what_is_json_here_is_json_for_serde_json(
        text in prop_oneof![
            "[\\[\\]{}:,\"\\\\u0d8c a1e.-]{0,24}",
            "[\\[\\]{}:,\" 1]{0,12}",
            "-?[0-9]{0,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
            "(nul|null|true|tru|false|[\\[\\]{},:]){0,6}",
        ],
    ) {
        // serde_json checks only the grammar of a skipped value.
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        let ours = document(text.as_bytes(), |p| p.skip(Checks::default()));
        match ours {
            Ok(()) => prop_assert!(theirs.is_ok(), "{text}: {theirs:?}"),
            Err(fault) => {
                prop_assert!(fault.breaks_document());
                let message = crate::error::Error::from(fault);
                let is_stricter = message.message().contains("surrogate");
                prop_assert!(theirs.is_err() || is_stricter, "{text}: {message}");
            }
        }
        prop_assert_eq!(tree_of(&text).is_ok(), check(&text).is_ok(), "{}", text);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = document(&bytes, tree);
        let _ = document(&bytes, |p| p.skip(Checks { keys: true, nul: true }));
    }

    #[test]
    fn a_key_twice_is_found_in_any_place(
        key: String,
        others in prop::collection::btree_set(any::<String>(), 0..40),
        at: prop::sample::Index,
    ) {
        let mut keys: Vec<_> = others.into_iter().filter(|k| *k != key).collect();
        let members = |keys: &[String]| {
            let member = |k: &String| format!("{}:[{{}}]", serde_json::Value::from(k.as_str()));
            keys.iter().map(member).collect::<Vec<_>>().join(",")
        };
        keys.insert(at.index(keys.len() + 1), key.clone());
        let once = format!("[{{\"x\":{{{}}}}}]", members(&keys));
        prop_assert!(check(&once).is_ok() && tree_of(&once).is_ok());
        keys.insert(at.index(keys.len() + 1), key);
        let twice = format!("[{{\"x\":{{{}}}}}]", members(&keys));
        prop_assert!(check(&twice).is_err() && tree_of(&twice).is_err());
        prop_assert!(document(twice.as_bytes(), |p| p.skip(Checks::default())).is_ok());
    }

    #[test]
    fn a_value_that_is_wrong_leaves_the_rest_readable(document in a_document()) {
        let text = json!([document, 7]).to_string();
        let mut integers = Vec::new();
        let read = super::document(text.as_bytes(), |p| p.list(|p| {
            integers.push(p.recover(|p| {
                p.skip(KEYS)?;
                p.integer()
            })?.is_ok());
            Ok(())
        }));
        // The integer expected behind the first value is a comma.
        prop_assert!(read.is_err());
        let read = super::document(text.as_bytes(), |p| p.list(|p| {
            integers.push(p.recover(|p| p.list(|p| p.object(Defined::exactly(&[]), |_, _| Ok(()))))?.is_ok());
            Ok(())
        }));
        prop_assert!(read.is_ok());
    }
}

#[test]
fn keys_are_found_twice_whatever_their_spelling() {
    let twice = r#"{"a":1,"\u0061":2}"#;
    assert!(check(twice).is_err() && tree_of(twice).is_err());
    let inside = r#"[{"x":{"k":[1,{"b":0,"b":0}]}}]"#;
    assert!(check(inside).is_err());
    assert!(check(r#"{"a":{"a":{"a":[{"a":1},{"a":2}]}},"b":{"a":0}}"#).is_ok());
}

#[test]
fn keys_that_differ_by_case_are_refused_or_taken_for_the_defined_one() {
    const NAMES: &[&str] = &["rootfs", "os"];
    let read = |defined, text: &str| {
        let mut found = Vec::new();
        document(text.as_bytes(), |p| {
            p.object(defined, |p, name| {
                found.push((name, p.integer()?));
                Ok(())
            })
        })
        .map(|()| found)
        .map_err(|f| crate::error::Error::from(f).message().to_string())
    };
    let exactly = |text| read(Defined::exactly(NAMES), text);
    let in_any_case = |text| read(Defined::in_any_case(NAMES), text);
    let sound = r#"{"rootfs":1,"x":{"y":0},"os":2,"X":0}"#;
    assert_eq!(exactly(sound), Ok(vec![("rootfs", 1), ("os", 2)]));
    assert_eq!(in_any_case(sound), exactly(sound));
    let variant = "{\"rootfS\":1,\"O\u{17f}\":2}";
    assert_eq!(in_any_case(variant), Ok(vec![("rootfs", 1), ("os", 2)]));
    assert!(exactly(variant).unwrap_err().starts_with("rootfS: "));
    for twice in [
        r#"{"rootfs":1,"rootfs":1}"#,
        r#"{"rootfs":1,"rootfS":1}"#,
        r#"{"rootfS":1,"rootfs":1}"#,
        r#"{"rootfS":1,"Rootfs":1}"#,
    ] {
        assert!(exactly(twice).is_err() && in_any_case(twice).is_err());
    }
    assert!(exactly(r#"{"x":1,"x":1}"#).is_err() && in_any_case(r#"{"x":1,"x":1}"#).is_err());
}

#[test]
fn no_more_than_128_levels_are_read() {
    for open in ["[", "{\"a\":"] {
        let close = if open == "[" { "]" } else { "}" };
        let nested = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(check(&nested(128)).is_ok() && tree_of(&nested(128)).is_ok());
        assert!(check(&nested(129)).is_err() && tree_of(&nested(129)).is_err());
        assert!(check(&nested(100_000)).is_err());
    }
}

#[test]
fn integers_are_taken_as_go_takes_them() {
    let integer = |text: &str| document(text.as_bytes(), |p| p.integer());
    for (text, value) in [
        ("0", 0),
        ("-0", 0),
        ("-1", -1),
        ("9223372036854775807", i64::MAX),
    ] {
        assert_eq!(integer(text).unwrap(), value);
    }
    for text in [
        "1.0",
        "1e0",
        "9223372036854775808",
        "\"1\"",
        "null",
        "[]",
        "01",
        "+1",
        "-",
    ] {
        assert!(integer(text).is_err(), "{text}");
    }
    assert!(check("[1e999,-1E+9,0.5]").is_ok());
}

#[test]
fn what_is_no_json_is_named() {
    for (document, name) in [
        (&b"<!DOCTYPE html>"[..], "HTML"),
        (b"\n<html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\xff\xfe{\0}\0", "UTF-16"),
        (b"{\0}\0", "UTF-16"),
        (b"\0{\0}", "UTF-16"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\x28\xb5\x2f\xfd\0", "zstd"),
        (b"PK\x03\x04", "zip"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{\"a\": \xff}", "offset 6"),
    ] {
        let fault = super::document(document, |p| p.skip(KEYS)).unwrap_err();
        let error = crate::error::Error::from(fault);
        assert!(error.message().contains(name), "{error}");
    }
}
