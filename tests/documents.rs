//! What is refused in a document and what is let pass, one row a rule.

mod support;

use ociimg::context::Context;
use ociimg::error::{Error, Status};
use ociimg::image::Image;
use ociimg::load::EntryKind;
use serde_json::{Value, json};
use std::sync::Arc;
use support::loader::*;

/// A document of every kind that is as it should be, to be spoilt by a row.
struct Sound {
    memory: MemoryLoader,
    index: Value,
    manifest: Value,
    config: Value,
}

fn sound() -> Sound {
    let mut memory = MemoryLoader::default();
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}});
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

/// What becomes of a root.
fn root(document: impl AsRef<[u8]>) -> Result<Vec<EntryKind>, Error> {
    let index = load(&sound().memory.with_root(document))?;
    Ok(index.entries().iter().map(|entry| entry.kind).collect())
}

/// What becomes of an image with this config.
fn config(document: impl AsRef<[u8]>) -> Result<Image, Error> {
    let Sound {
        mut memory,
        mut manifest,
        ..
    } = sound();
    manifest["config"] = memory.put(CONFIG, document);
    let child = on(memory.put_json(MANIFEST, &manifest), "linux", "amd64");
    load(&memory.with_index(&[child]))?.image(0, &Context::default())
}

/// `document` with one place of it, by JSON pointer, given another value.
fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).expect("the place is there");
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => parent[key] = value,
    }
    document
}

fn without(document: &Value, pointer: &str) -> Value {
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

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// Puts a member before the others of an object, as text: what serde_json's map can't hold.
fn before(document: &Value, member: &str) -> String {
    format!("{{{member},{}", &document.to_string()[1..])
}

#[test]
fn a_root_that_breaks_a_rule_fails_the_load() {
    use Status::{Malformed, Unsupported};
    let Sound {
        index, manifest, ..
    } = sound();
    let schema1 = r#"{"schemaVersion":1,"name":"x","fsLayers":[],"history":[]}"#;
    let rows: Vec<(&str, Vec<u8>, Status, &str)> = vec![
        ("empty", vec![], Malformed, "EOF"),
        ("not UTF-8", b"{\"x\":\"\xff\"}".to_vec(), Malformed, "not UTF-8 at offset 6"),
        ("a BOM", format!("\u{feff}{index}").into(), Malformed, "byte order mark"),
        ("a lone surrogate", before(&index, r#""x":"\ud800""#).into(), Malformed, "surrogate"),
        ("a lone low surrogate", before(&index, r#""x":"\udc00x""#).into(), Malformed, "surrogate"),
        ("two halves in the wrong order", before(&index, r#""x":"\udc00\ud800""#).into(), Malformed, "surrogate"),
        ("trailing data", format!("{index} x").into(), Malformed, "trailing"),
        ("two documents", format!("{index}{index}").into(), Malformed, "trailing"),
        ("a NUL behind", format!("{index}\0").into(), Malformed, "trailing"),
        ("nested too deep", before(&index, &format!(r#""x":{}"#, nested(128))).into(), Malformed, "128"),
        ("no object", "[]".into(), Malformed, "found an array, expected an object"),
        ("a number for schemaVersion that is a fraction", before(&without(&index, "/schemaVersion"), r#""schemaVersion":2.0"#).into(), Malformed, "schemaVersion: found 2.0"),
        ("an exponent", before(&without(&index, "/schemaVersion"), r#""schemaVersion":2e0"#).into(), Malformed, "schemaVersion: found 2e0"),
        ("a key twice", before(&index, r#""schemaVersion":2"#).into(), Malformed, "schemaVersion: found the key twice"),
        ("a key twice by an escape", before(&index, r#""schema\u0056ersion":2"#).into(), Malformed, "found the key twice"),
        ("a key twice below an unknown one", before(&index, r#""x":[{"a":1,"b":{"c":1,"c":2}}]"#).into(), Malformed, "x.c: found the key twice"),
        ("a key in another case", before(&index, r#""Manifests":[]"#).into(), Malformed, "Manifests: found a key that differs from \"manifests\" only by case"),
        ("a key of the other kind in another case", before(&index, r#""LAYERS":[]"#).into(), Malformed, "only by case"),
        ("a key with a long s", before(&manifest, r#""layer\u017f":[]"#).into(), Malformed, "only by case"),
        ("a key with a long s, as it is", before(&index, "\"manife\u{17f}ts\":[]").into(), Malformed, "only by case"),
        ("mediaType of another JSON type", with(&index, "/mediaType", json!(1)).to_string().into(), Malformed, "mediaType: found 1, expected a string"),
        ("manifests that are no list", with(&index, "/manifests", json!({})).to_string().into(), Malformed, "manifests: found an object, expected an array"),
        ("layers that are no list", with(&manifest, "/layers", json!("x")).to_string().into(), Malformed, "layers: found the string \"x\""),
        ("annotations that are no object", with(&manifest, "/annotations", json!([])).to_string().into(), Malformed, "annotations: found an array"),
        ("an annotation that is no string", with(&manifest, "/annotations", json!({"a": 1})).to_string().into(), Malformed, "annotations.a: found 1"),
        ("no schemaVersion", without(&index, "/schemaVersion").to_string().into(), Malformed, "schemaVersion: found nothing"),
        ("schemaVersion null", with(&index, "/schemaVersion", json!(null)).to_string().into(), Malformed, "schemaVersion: found null"),
        ("schemaVersion 3", with(&index, "/schemaVersion", json!(3)).to_string().into(), Malformed, "schemaVersion: found 3, expected 2"),
        ("schemaVersion 1", with(&index, "/schemaVersion", json!(1)).to_string().into(), Malformed, "schemaVersion: found 1, expected 2"),
        ("Docker schema 1", schema1.into(), Unsupported, "Docker schema 1"),
        ("Docker schema 1 by its type", json!({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws", "schemaVersion": 1}).to_string().into(), Unsupported, "Docker schema 1"),
        ("Docker schema 1 by its type alone", json!({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}).to_string().into(), Unsupported, "Docker schema 1"),
        ("manifests beside layers", with(&index, "/layers", json!([])).to_string().into(), Malformed, "\"manifests\" beside \"layers\""),
        ("manifests beside layers that are null", with(&index, "/layers", json!(null)).to_string().into(), Malformed, "\"manifests\" beside \"layers\""),
        ("manifests, null, beside config", with(&manifest, "/manifests", json!(null)).to_string().into(), Malformed, "\"manifests\" beside"),
        ("manifests beside fsLayers", with(&index, "/fsLayers", json!([])).to_string().into(), Malformed, "\"manifests\" beside \"fsLayers\""),
        ("manifests beside history", with(&index, "/history", json!([])).to_string().into(), Malformed, "\"manifests\" beside \"history\""),
        ("neither manifests nor layers", json!({"schemaVersion": 2}).to_string().into(), Malformed, "neither"),
        ("the type of an index on a manifest", with(&manifest, "/mediaType", json!(INDEX)).to_string().into(), Malformed, "expected that of a manifest"),
        ("the type of a manifest on an index", with(&index, "/mediaType", json!(DOCKER_MANIFEST)).to_string().into(), Malformed, "expected that of an index"),
        ("a manifest without config", without(&manifest, "/config").to_string().into(), Malformed, "config: found nothing"),
        ("a manifest with config null", with(&manifest, "/config", json!(null)).to_string().into(), Malformed, "config: found null"),
        ("a manifest without layers", without(&manifest, "/layers").to_string().into(), Malformed, "layers: found nothing"),
        ("a config without media type", without(&manifest, "/config/mediaType").to_string().into(), Malformed, "config.mediaType: found nothing"),
        ("a config without digest", without(&manifest, "/config/digest").to_string().into(), Malformed, "config.digest: found nothing"),
        ("a config without size", without(&manifest, "/config/size").to_string().into(), Malformed, "config.size: found nothing"),
        ("a key twice in a subject, which is not read", before(&manifest, r#""subject":{"a":1,"a":2}"#).into(), Malformed, "subject.a: found the key twice"),
        ("U+0000 in a subject", before(&index, r#""subject":{"a":"\u0000"}"#).into(), Malformed, "subject: found U+0000"),
        ("U+0000 in an index's artifactType", with(&index, "/artifactType", json!("\0")).to_string().into(), Malformed, "artifactType: found U+0000"),
        ("U+0000 in an annotation", with(&manifest, "/annotations", json!({"a": "b\0"})).to_string().into(), Malformed, "annotations.a: found U+0000"),
        ("U+0000 in an annotation's key", with(&manifest, "/annotations", json!({"a\0": "b"})).to_string().into(), Malformed, "found U+0000"),
    ];
    for (rule, document, status, message) in rows {
        match root(&document) {
            Ok(kinds) => panic!("{rule}: let pass as {kinds:?}"),
            Err(e) => {
                assert_eq!(e.status(), status, "{rule}: {e}");
                assert!(e.message().contains(message), "{rule}: {e}");
                assert!(e.digest().is_some(), "{rule}: {e}");
            }
        }
    }
}

#[test]
fn what_no_rule_forbids_is_let_pass() {
    use EntryKind::Image;
    let Sound {
        index, manifest, ..
    } = sound();
    let rows: Vec<(&str, String, Vec<EntryKind>)> = vec![
        ("an index", index.to_string(), vec![Image]),
        ("a manifest", manifest.to_string(), vec![Image]),
        (
            "white space around",
            format!(" \r\n\t{index}\n"),
            vec![Image],
        ),
        (
            "nested as deep as allowed",
            before(&index, &format!(r#""x":{}"#, nested(127))),
            vec![Image],
        ),
        (
            "a surrogate pair",
            before(&index, r#""x":"\ud83d\ude00""#),
            vec![Image],
        ),
        (
            "a number beyond every integer in an unknown field",
            before(&index, r#""x":1e999"#),
            vec![Image],
        ),
        (
            "unknown fields",
            with(&index, "/x", json!({"schemaversion": 1, "a": [null]})).to_string(),
            vec![Image],
        ),
        (
            "U+0000 in an unknown field",
            with(&index, "/x", json!("\0")).to_string(),
            vec![Image],
        ),
        (
            "no mediaType on an index",
            without(&index, "/mediaType").to_string(),
            vec![Image],
        ),
        (
            "no mediaType on a manifest",
            without(&manifest, "/mediaType").to_string(),
            vec![Image],
        ),
        (
            "mediaType null",
            with(&index, "/mediaType", json!(null)).to_string(),
            vec![Image],
        ),
        (
            "mediaType \"\"",
            with(&index, "/mediaType", json!("")).to_string(),
            vec![Image],
        ),
        (
            "an unknown mediaType",
            with(&index, "/mediaType", json!("x/y")).to_string(),
            vec![Image],
        ),
        (
            "Docker's name on an index",
            with(&index, "/mediaType", json!(DOCKER_INDEX)).to_string(),
            vec![Image],
        ),
        (
            "Docker's name on a manifest",
            with(&manifest, "/mediaType", json!(DOCKER_MANIFEST)).to_string(),
            vec![Image],
        ),
        (
            "manifests null",
            with(&index, "/manifests", json!(null)).to_string(),
            vec![],
        ),
        (
            "layers null",
            with(&manifest, "/layers", json!(null)).to_string(),
            vec![Image],
        ),
        (
            "annotations null",
            with(&manifest, "/annotations", json!(null)).to_string(),
            vec![Image],
        ),
        (
            "annotations whose keys differ by case",
            with(
                &manifest,
                "/annotations",
                json!({"a": "", "A": "", "mediatype": ""}),
            )
            .to_string(),
            vec![Image],
        ),
        (
            "subject is not read",
            with(&manifest, "/subject", json!(1)).to_string(),
            vec![Image],
        ),
    ];
    for (rule, document, kinds) in rows {
        match root(&document) {
            Ok(found) => assert_eq!(found, kinds, "{rule}"),
            Err(e) => panic!("{rule}: {e}"),
        }
    }
}

/// The entry that an index has for this child, beside a sound one.
fn child(spoil: impl FnOnce(&mut Value)) -> ociimg::load::Entry {
    let Sound {
        memory, mut index, ..
    } = sound();
    let sound = index["manifests"][0].clone();
    let mut spoilt = on(sound.clone(), "linux", "amd64");
    spoil(&mut spoilt);
    index["manifests"] = json!([spoilt, sound]);
    let index = load(&memory.with_root(index.to_string())).expect("a child breaks itself alone");
    let [spoilt, sound] = index.entries() else {
        panic!("two entries: {:?}", index.entries())
    };
    assert_eq!(sound.kind, EntryKind::Image);
    spoilt.clone()
}

type Spoil = Box<dyn FnOnce(&mut Value)>;

fn set(key: &'static str, value: Value) -> Spoil {
    Box::new(move |child| child[key] = value)
}

fn unset(key: &'static str) -> Spoil {
    Box::new(move |child| drop(child.as_object_mut().unwrap().remove(key)))
}

#[test]
fn a_child_that_cannot_be_read_is_broken_in_its_place() {
    use Status::{DigestMismatch, Malformed, SizeMismatch};
    let hex = "0".repeat(64);
    let digest = |text: String| set("digest", json!(text));
    let rows: Vec<(&str, Spoil, Status, &str)> = vec![
        (
            "no object",
            Box::new(|c| *c = json!("x")),
            Malformed,
            "manifests[0]: found the string",
        ),
        (
            "no media type",
            unset("mediaType"),
            Malformed,
            "manifests[0].mediaType: found nothing",
        ),
        (
            "media type \"\"",
            set("mediaType", json!("")),
            Malformed,
            "manifests[0].mediaType",
        ),
        (
            "no digest",
            unset("digest"),
            Malformed,
            "manifests[0].digest: found nothing",
        ),
        (
            "no size",
            unset("size"),
            Malformed,
            "manifests[0].size: found nothing",
        ),
        (
            "a size that is no integer",
            set("size", json!(1.5)),
            Malformed,
            "manifests[0].size: found 1.5",
        ),
        (
            "a size that is a string",
            set("size", json!("1")),
            Malformed,
            "manifests[0].size",
        ),
        (
            "a negative size",
            set("size", json!(-1)),
            Malformed,
            "manifests[0].size: found -1",
        ),
        (
            "a size of 2^63",
            set("size", json!(1u64 << 63)),
            Malformed,
            "manifests[0].size: found 9223372036854775808",
        ),
        (
            "a digest without algorithm",
            digest(hex.clone()),
            Malformed,
            "algorithm:encoded",
        ),
        (
            "a digest without encoded",
            digest("sha256:".into()),
            Malformed,
            "64 digits",
        ),
        (
            "sha256 of 63",
            digest(format!("sha256:{}", &hex[1..])),
            Malformed,
            "64 digits",
        ),
        (
            "sha256 in upper case",
            digest(format!("sha256:{}", "A".repeat(64))),
            Malformed,
            "64 digits",
        ),
        (
            "sha512 of 64",
            digest(format!("sha512:{hex}")),
            Malformed,
            "128 digits",
        ),
        (
            "blake3 of 63",
            digest(format!("blake3:{}", &hex[1..])),
            Malformed,
            "64 digits",
        ),
        (
            "an algorithm in upper case",
            digest(format!("SHA256:{hex}")),
            Malformed,
            "algorithm of [a-z0-9]+",
        ),
        (
            "a path as a digest",
            digest("sha256:../../etc/passwd".into()),
            Malformed,
            "64 digits",
        ),
        (
            "a path as an unknown digest",
            digest("x:../../etc/passwd".into()),
            Malformed,
            "[a-zA-Z0-9=_-]+",
        ),
        (
            "platform no object",
            set("platform", json!("linux")),
            Malformed,
            "platform: found the string",
        ),
        (
            "platform with os alone",
            set("platform", json!({"os": "linux"})),
            Malformed,
            "found os without architecture",
        ),
        (
            "platform with architecture alone",
            set("platform", json!({"architecture": "arm", "os": ""})),
            Malformed,
            "found architecture without os",
        ),
        (
            "os.features no list",
            set(
                "platform",
                json!({"os": "a", "architecture": "b", "os.features": "x"}),
            ),
            Malformed,
            "platform.os.features",
        ),
        (
            "U+0000 in a platform's features, which are not read",
            set(
                "platform",
                json!({"os": "a", "architecture": "b", "features": ["\0"]}),
            ),
            Malformed,
            "platform.features: found U+0000",
        ),
        (
            "urls no list",
            set("urls", json!("x")),
            Malformed,
            "manifests[0].urls",
        ),
        (
            "data no base64",
            set("data", json!("!")),
            Malformed,
            "manifests[0].data: expected base64",
        ),
        (
            "data of another size",
            set("data", json!("AAAA")),
            SizeMismatch,
            "manifests[0].data: content has 3 bytes",
        ),
        (
            "data of another digest",
            Box::new(|c| {
                c["data"] = json!("AAAA");
                c["size"] = json!(3)
            }),
            DigestMismatch,
            "manifests[0].data: content has digest",
        ),
        (
            "U+0000 in the media type",
            set("mediaType", json!("a\0b")),
            Malformed,
            "found U+0000",
        ),
        (
            "U+0000 in a URL",
            set("urls", json!(["\0"])),
            Malformed,
            "manifests[0].urls[0]: found U+0000",
        ),
        (
            "a key in another case",
            set("MediaType", json!("x")),
            Malformed,
            "manifests[0].MediaType: found a key",
        ),
        (
            "a platform's key in another case",
            set(
                "platform",
                json!({"os": "a", "architecture": "b", "OS": "c"}),
            ),
            Malformed,
            "platform.OS",
        ),
    ];
    for (rule, spoil, status, message) in rows {
        let entry = child(spoil);
        assert_eq!(entry.kind, EntryKind::Broken, "{rule}");
        let e = entry.error.expect("a broken entry says why");
        assert_eq!(e.status(), status, "{rule}: {e}");
        // What could be read and does not fit its own data is still there to be seen.
        let is_read = status != Malformed;
        assert_eq!(entry.descriptor.is_some(), is_read, "{rule}");
        assert!(e.message().contains(message), "{rule}: {e}");
    }
}

#[test]
fn a_child_that_names_a_key_twice_is_broken_alone() {
    let Sound { memory, index, .. } = sound();
    let sound = index["manifests"][0].clone();
    let twice = before(&sound, r#""size":1"#);
    let document = format!(r#"{{"schemaVersion":2,"manifests":[{twice},{sound}]}}"#);
    let index = load(&memory.with_root(document)).unwrap();
    let kinds: Vec<_> = index.entries().iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [EntryKind::Broken, EntryKind::Image]);
}

#[test]
fn a_child_that_no_rule_forbids_is_taken_as_it_is() {
    use EntryKind::{Artifact, Attestation, Image, Unknown};
    let rows: Vec<(&str, Spoil, EntryKind)> = vec![
        (
            "an unknown media type",
            set("mediaType", json!("text/html")),
            Unknown,
        ),
        (
            "a config's media type",
            set("mediaType", json!(CONFIG)),
            Unknown,
        ),
        (
            "Docker's media type",
            set("mediaType", json!(DOCKER_MANIFEST)),
            Image,
        ),
        (
            "an unknown algorithm",
            set("digest", json!("md5:x=_-")),
            Image,
        ),
        (
            "sha384, which is unknown here",
            set("digest", json!("sha384:00")),
            Image,
        ),
        ("the largest size", set("size", json!(i64::MAX)), Image),
        (
            "optional fields that are null",
            Box::new(|c| {
                for key in ["urls", "annotations", "data", "artifactType"] {
                    c[key] = json!(null);
                }
            }),
            Image,
        ),
        ("unknown fields", set("x", json!({"y": []})), Image),
        (
            "a platform with an unknown field",
            set("platform", json!({"os": "a", "architecture": "b", "c": 1})),
            Image,
        ),
        (
            "an artifact type",
            set("artifactType", json!("x/y")),
            Artifact,
        ),
        (
            "an image config's type as artifact type",
            set("artifactType", json!(CONFIG)),
            Image,
        ),
        (
            "an attestation",
            set(
                "annotations",
                json!({"vnd.docker.reference.type": "attestation-manifest"}),
            ),
            Attestation,
        ),
        (
            "another reference",
            set("annotations", json!({"vnd.docker.reference.type": "x"})),
            Image,
        ),
    ];
    for (rule, spoil, kind) in rows {
        let entry = child(spoil);
        assert_eq!(entry.kind, kind, "{rule}: {:?}", entry.error);
        assert!(entry.platform.is_some(), "{rule}");
    }
}

#[test]
fn a_platform_of_nothing_is_none() {
    // The manifest is then read for it; the config says linux/amd64.
    for nothing in [
        json!({}),
        json!(null),
        json!({"os": "", "architecture": "", "variant": "v8"}),
    ] {
        let entry = child(set("platform", nothing));
        assert_eq!(entry.platform.unwrap().format(), "linux/amd64");
    }
}

#[test]
fn a_config_that_breaks_a_rule_fails_the_image() {
    let Sound { config: sound, .. } = sound();
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no JSON", b"x".to_vec(), "expected JSON"),
        ("no object", b"[]".to_vec(), "found an array"),
        ("trailing data", format!("{sound}{{}}").into(), "trailing"),
        (
            "a key twice",
            before(&sound, r#""os":"windows""#).into(),
            "os: found the key twice",
        ),
        (
            "a key in another case",
            before(&sound, r#""OS":"windows""#).into(),
            "OS: found a key",
        ),
        (
            "a key of config in another case",
            with(&sound, "/config", json!({"user": "x"}))
                .to_string()
                .into(),
            "config.user: found a key",
        ),
        (
            "a key of config with a Kelvin sign",
            with(&sound, "/config", json!({"Wor\u{212a}ingDir": "x"}))
                .to_string()
                .into(),
            "found a key",
        ),
        (
            "a key of rootfs in another case",
            with(&sound, "/rootfs/Diff_ids", json!([]))
                .to_string()
                .into(),
            "rootfs.Diff_ids",
        ),
        (
            "a key of history in another case",
            with(&sound, "/history", json!([{"Comment": ""}]))
                .to_string()
                .into(),
            "history[0].Comment",
        ),
        (
            "os no string",
            with(&sound, "/os", json!(1)).to_string().into(),
            "os: found 1",
        ),
        (
            "created no string",
            with(&sound, "/created", json!(1)).to_string().into(),
            "created: found 1",
        ),
        (
            "config no object",
            with(&sound, "/config", json!([])).to_string().into(),
            "config: found an array",
        ),
        (
            "Env no list",
            with(&sound, "/config", json!({"Env": "a=b"}))
                .to_string()
                .into(),
            "config.Env: found the string",
        ),
        (
            "Entrypoint a string",
            with(&sound, "/config", json!({"Entrypoint": "sh"}))
                .to_string()
                .into(),
            "config.Entrypoint",
        ),
        (
            "Cmd with a number",
            with(&sound, "/config", json!({"Cmd": ["a", 1]}))
                .to_string()
                .into(),
            "config.Cmd[1]: found 1",
        ),
        (
            "ExposedPorts a list",
            with(&sound, "/config", json!({"ExposedPorts": ["80"]}))
                .to_string()
                .into(),
            "config.ExposedPorts",
        ),
        (
            "Labels with a number",
            with(&sound, "/config", json!({"Labels": {"a": 1}}))
                .to_string()
                .into(),
            "config.Labels.a: found 1",
        ),
        (
            "U+0000 in a label",
            with(&sound, "/config", json!({"Labels": {"a": "\0"}}))
                .to_string()
                .into(),
            "config.Labels.a: found U+0000",
        ),
        (
            "a key twice in a Healthcheck, which is not read",
            with(&sound, "/config", json!({}))
                .to_string()
                .replace(
                    r#""config":{}"#,
                    r#""config":{"Healthcheck":{"Test":[],"Test":[]}}"#,
                )
                .into(),
            "config.Healthcheck.Test: found the key twice",
        ),
        (
            "empty_layer no boolean",
            with(&sound, "/history", json!([{"empty_layer": 1}]))
                .to_string()
                .into(),
            "history[0].empty_layer: found 1",
        ),
        (
            "rootfs of another type",
            with(&sound, "/rootfs/type", json!("tree"))
                .to_string()
                .into(),
            "rootfs.type: found \"tree\"",
        ),
        (
            "a diff ID that is no digest",
            with(&sound, "/rootfs/diff_ids", json!(["x"]))
                .to_string()
                .into(),
            "rootfs.diff_ids[0]",
        ),
        (
            "more diff IDs than layers",
            with(
                &sound,
                "/rootfs/diff_ids",
                json!([format!("sha256:{}", "0".repeat(64))]),
            )
            .to_string()
            .into(),
            "1 diff IDs in the config and 0 layers",
        ),
    ];
    for (rule, document, message) in rows {
        match config(&document) {
            Ok(_) => panic!("{rule}: let pass"),
            Err(e) => {
                assert_eq!(e.status(), Status::Malformed, "{rule}: {e}");
                assert!(e.message().contains(message), "{rule}: {e}");
                assert!(e.digest().is_some(), "{rule}: {e}");
            }
        }
    }
}

#[test]
fn a_config_that_no_rule_forbids_is_let_pass() {
    let Sound { config: sound, .. } = sound();
    let rows: Vec<(&str, Value)> = vec![
        ("rootfs absent", without(&sound, "/rootfs")),
        ("rootfs null", with(&sound, "/rootfs", json!(null))),
        ("diff_ids absent", without(&sound, "/rootfs/diff_ids")),
        (
            "diff_ids null",
            with(&sound, "/rootfs/diff_ids", json!(null)),
        ),
        ("rootfs without type", without(&sound, "/rootfs/type")),
        (
            "lists and maps that are null",
            with(
                &sound,
                "/config",
                json!({"Env": null, "Cmd": null, "Labels": null, "Volumes": null, "ExposedPorts": null}),
            ),
        ),
        ("config null", with(&sound, "/config", json!(null))),
        (
            "unknown fields",
            with(&sound, "/container_config", json!({"user": 1})),
        ),
        (
            "labels whose keys differ by case",
            with(&sound, "/config", json!({"Labels": {"a": "", "A": ""}})),
        ),
        (
            "history that does not fit the layers",
            with(&sound, "/history", json!([{}, {"empty_layer": null}])),
        ),
        ("no platform", json!({})),
        ("an empty platform", json!({"os": "", "architecture": ""})),
    ];
    for (rule, document) in rows {
        if let Err(e) = config(document.to_string()) {
            panic!("{rule}: {e}");
        }
    }
}

#[test]
fn lists_and_maps_keep_the_order_of_the_document() {
    let image = config(
        r#"{"os":"linux","architecture":"amd64","config":{
        "User":"u","WorkingDir":"/w","StopSignal":"SIGTERM","Env":["b=1","a=",""],
        "ExposedPorts":{"9/tcp":{},"80":null},"Volumes":{"/z":{},"/a":{}},
        "Labels":{"z":"1","a":"","m":"3"}},
        "history":[{"created_by":"x"},{"empty_layer":true}]}"#,
    )
    .unwrap();
    let c = &image.config().content;
    let texts =
        |list: &ociimg::text_list::TextList| list.iter().map(|t| t.to_string()).collect::<Vec<_>>();
    assert_eq!(texts(&c.env), ["b=1", "a=", ""]);
    assert_eq!(texts(&c.exposed_ports), ["9/tcp", "80"]);
    assert_eq!(texts(&c.volumes), ["/z", "/a"]);
    let labels: Vec<_> = c
        .labels
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(labels, [("z", "1"), ("a", ""), ("m", "3")]);
    assert!(!c.history[0].empty_layer && c.history[1].empty_layer);
    let scalars = [&c.user, &c.working_dir, &c.stop_signal].map(|t| t.as_deref().unwrap());
    assert_eq!(scalars, ["u", "/w", "SIGTERM"]);
    assert!(c.author.is_none());
}

#[test]
fn a_config_without_platform_matches_nothing() {
    for platform in [
        json!({}),
        json!({"os": "linux"}),
        json!({"os": "", "architecture": "amd64"}),
    ] {
        let mut memory = MemoryLoader::default();
        let child = memory.image(platform);
        let index = load(&memory.with_index(&[child])).unwrap();
        assert_eq!(index.entries()[0].kind, EntryKind::Image);
        assert!(index.entries()[0].platform.is_none());
        let all = ociimg::platform::Matcher::all();
        assert!(index.select(&all).entries().is_empty());
        assert!(
            index
                .image(0, &Context::default())
                .unwrap()
                .platform()
                .is_none()
        );
    }
}

#[test]
fn embedded_data_is_used_and_the_loader_not_asked() {
    let mut memory = MemoryLoader::default();
    // {} by its sha256, which the specification names.
    let mut config = memory.put(CONFIG, "{}");
    config["data"] = json!("e30=");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
    let child = memory.put_json(MANIFEST, &manifest);
    let memory = memory.with_index(&[child]);
    let image = load(&memory)
        .unwrap()
        .image(0, &Context::default())
        .unwrap();
    assert_eq!(&*image.config().bytes, b"{}");
    assert!(
        !memory.asked().iter().any(|a| a.starts_with("blob")),
        "{:?}",
        memory.asked()
    );
    let _: Arc<MemoryLoader> = memory;
}
