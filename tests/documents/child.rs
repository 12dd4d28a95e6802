//! Children of an index: faults that break one, and the kinds of the others.

use crate::sound::*;
use crate::support::loader::*;
use ociimg::error::Status::{self, DigestMismatch, Malformed, SizeMismatch};
use ociimg::load::EntryKind::{self, Artifact, Attestation, Broken, Image, Unknown};
use serde_json::{Value, json};

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
    assert_eq!(sound.kind, Image);
    spoilt.clone()
}

type Spoil = Box<dyn FnOnce(&mut Value)>;

fn set(key: &'static str, value: Value) -> Spoil {
    Box::new(move |child| child[key] = value)
}

fn unset(key: &'static str) -> Spoil {
    Box::new(move |child| drop(child.as_object_mut().unwrap().remove(key)))
}

#[track_caller]
fn broken(rule: &str, spoil: Spoil, status: Status, message: &str) {
    let entry = child(spoil);
    assert_eq!(entry.kind, Broken, "{rule}");
    let e = entry.error.expect("a broken entry has an error");
    assert_eq!(e.status(), status, "{rule}: {e}");
    // A descriptor that does not fit its own data is still shown.
    let is_read = status != Malformed;
    assert_eq!(entry.descriptor.is_some(), is_read, "{rule}");
    assert!(e.message().contains(message), "{rule}: {e}");
}

#[track_caller]
fn taken(rule: &str, spoil: Spoil, kind: EntryKind) {
    let entry = child(spoil);
    assert_eq!(entry.kind, kind, "{rule}: {:?}", entry.error);
    assert!(entry.platform.is_some(), "{rule}");
}

#[test]
fn a_child_that_cannot_be_read_is_broken_in_its_place() {
    let hex = "0".repeat(64);
    let digest = |text: String| set("digest", json!(text));
    broken(
        "no object",
        Box::new(|c| *c = json!("x")),
        Malformed,
        "manifests[0]: found the string",
    );
    broken(
        "no media type",
        unset("mediaType"),
        Malformed,
        "manifests[0].mediaType: found nothing",
    );
    broken(
        "media type \"\"",
        set("mediaType", json!("")),
        Malformed,
        "manifests[0].mediaType",
    );
    broken(
        "no digest",
        unset("digest"),
        Malformed,
        "manifests[0].digest: found nothing",
    );
    broken(
        "no size",
        unset("size"),
        Malformed,
        "manifests[0].size: found nothing",
    );
    broken(
        "a size that is no integer",
        set("size", json!(1.5)),
        Malformed,
        "manifests[0].size: found 1.5",
    );
    broken(
        "a size that is a string",
        set("size", json!("1")),
        Malformed,
        "manifests[0].size",
    );
    broken(
        "a negative size",
        set("size", json!(-1)),
        Malformed,
        "manifests[0].size: found -1",
    );
    broken(
        "a size of 2^63",
        set("size", json!(1u64 << 63)),
        Malformed,
        "manifests[0].size: found 9223372036854775808",
    );
    broken(
        "a digest without algorithm",
        digest(hex.clone()),
        Malformed,
        "algorithm:encoded",
    );
    broken(
        "a digest without encoded",
        digest("sha256:".into()),
        Malformed,
        "64 digits",
    );
    broken(
        "sha256 of 63",
        digest(format!("sha256:{}", &hex[1..])),
        Malformed,
        "64 digits",
    );
    broken(
        "sha256 in upper case",
        digest(format!("sha256:{}", "A".repeat(64))),
        Malformed,
        "64 digits",
    );
    broken(
        "sha512 of 64",
        digest(format!("sha512:{hex}")),
        Malformed,
        "128 digits",
    );
    broken(
        "blake3 of 63",
        digest(format!("blake3:{}", &hex[1..])),
        Malformed,
        "64 digits",
    );
    broken(
        "an algorithm in upper case",
        digest(format!("SHA256:{hex}")),
        Malformed,
        "algorithm of [a-z0-9]+",
    );
    broken(
        "a path as a digest",
        digest("sha256:../../etc/passwd".into()),
        Malformed,
        "64 digits",
    );
    broken(
        "a path as an unknown digest",
        digest("x:../../etc/passwd".into()),
        Malformed,
        "[a-zA-Z0-9=_-]+",
    );
    broken(
        "platform no object",
        set("platform", json!("linux")),
        Malformed,
        "platform: found the string",
    );
    broken(
        "os.features no list",
        set(
            "platform",
            json!({"os": "a", "architecture": "b", "os.features": "x"}),
        ),
        Malformed,
        "platform.os.features",
    );
    broken(
        "U+0000 in a platform's features, which are not read",
        set(
            "platform",
            json!({"os": "a", "architecture": "b", "features": ["\0"]}),
        ),
        Malformed,
        "platform.features: found U+0000",
    );
    broken(
        "urls no list",
        set("urls", json!("x")),
        Malformed,
        "manifests[0].urls",
    );
    broken(
        "data no base64",
        set("data", json!("!")),
        Malformed,
        "manifests[0].data: expected base64",
    );
    broken(
        "data of another size",
        set("data", json!("AAAA")),
        SizeMismatch,
        "manifests[0].data: content has 3 bytes",
    );
    broken(
        "data of another digest",
        Box::new(|c| {
            c["data"] = json!("AAAA");
            c["size"] = json!(3);
        }),
        DigestMismatch,
        "manifests[0].data: content has digest",
    );
    broken(
        "U+0000 in the media type",
        set("mediaType", json!("a\0b")),
        Malformed,
        "found U+0000",
    );
    broken(
        "U+0000 in a URL",
        set("urls", json!(["\0"])),
        Malformed,
        "manifests[0].urls[0]: found U+0000",
    );
    broken(
        "a key in another case",
        set("MediaType", json!("x")),
        Malformed,
        "manifests[0].MediaType: found a key",
    );
    broken(
        "a platform's key in another case",
        set(
            "platform",
            json!({"os": "a", "architecture": "b", "OS": "c"}),
        ),
        Malformed,
        "platform.OS",
    );
}

#[test]
fn a_child_that_names_a_key_twice_is_broken_alone() {
    let Sound { memory, index, .. } = sound();
    let sound = index["manifests"][0].clone();
    let twice = before(&sound, r#""size":1"#);
    let document = format!(r#"{{"schemaVersion":2,"manifests":[{twice},{sound}]}}"#);
    let index = load(&memory.with_root(document)).unwrap();
    let kinds: Vec<_> = index.entries().iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [Broken, Image]);
}

#[test]
fn a_child_that_no_rule_forbids_is_taken_as_it_is() {
    taken(
        "an unknown media type",
        set("mediaType", json!("text/html")),
        Unknown,
    );
    taken(
        "a config's media type",
        set("mediaType", json!(CONFIG)),
        Unknown,
    );
    taken(
        "Docker's media type",
        set("mediaType", json!(DOCKER_MANIFEST)),
        Image,
    );
    taken(
        "an unknown algorithm",
        set("digest", json!("md5:x=_-")),
        Image,
    );
    taken(
        "sha384, which is unknown here",
        set("digest", json!("sha384:00")),
        Image,
    );
    taken("the largest size", set("size", json!(i64::MAX)), Image);
    taken(
        "optional fields that are null",
        Box::new(|c| {
            for key in ["urls", "annotations", "data", "artifactType"] {
                c[key] = json!(null);
            }
        }),
        Image,
    );
    taken("unknown fields", set("x", json!({"y": []})), Image);
    taken(
        "a platform with an unknown field",
        set("platform", json!({"os": "a", "architecture": "b", "c": 1})),
        Image,
    );
    taken(
        "an image config's type as artifact type",
        set("artifactType", json!(CONFIG)),
        Image,
    );
    taken(
        "another reference",
        set("annotations", json!({"vnd.docker.reference.type": "x"})),
        Image,
    );
}

#[test]
fn what_could_be_read_of_a_platform_is_not_taken_from_the_config() {
    // The config says linux/amd64.
    for incomplete in [
        json!({}),
        json!({"os": "", "architecture": "", "variant": "v8"}),
        json!({"os": "linux"}),
        json!({"architecture": "amd64", "os": null}),
        json!({"architecture": "amd64", "os": ""}),
    ] {
        let rule = incomplete.to_string();
        let entry = child(set("platform", incomplete));
        assert_eq!((entry.kind, entry.platform), (Image, None), "{rule}");
    }
    let entry = child(set("platform", json!(null)));
    assert_eq!(entry.platform.unwrap().format(), "linux/amd64");
    broken(
        "os no string",
        set("platform", json!({"os": 1})),
        Malformed,
        "manifests[0].platform.os: found 1",
    );
}

#[test]
fn texts_that_are_null_inside_lists_and_maps_are_empty() {
    let entry = child(Box::new(|c: &mut Value| {
        c["urls"] = json!([null, "x"]);
        c["annotations"] = json!({"a": null});
    }));
    let d = entry.descriptor.unwrap();
    let urls: Vec<_> = d.urls().iter().map(|url| url.to_string()).collect();
    assert_eq!(urls, ["", "x"]);
    assert_eq!(&*d.annotation("a").unwrap(), "");
    let number = set("urls", json!([1]));
    broken(
        "a number",
        number,
        Malformed,
        "manifests[0].urls[0]: found 1",
    );
}

#[test]
fn a_mark_counts_only_without_a_platform_of_its_own() {
    let attestation = || json!({"vnd.docker.reference.type": "attestation-manifest"});
    let unknown = json!({"os": "unknown", "architecture": "unknown"});
    let incomplete = json!({"os": "linux"});
    for platform in [json!(null), json!({}), incomplete, unknown] {
        let rule = platform.to_string();
        let platform_of = platform.clone();
        let attested = child(Box::new(move |c: &mut Value| {
            c["platform"] = platform_of;
            c["annotations"] = attestation();
        }));
        let spoil = |c: &mut Value| {
            c["platform"] = platform.clone();
            c["artifactType"] = json!("x/y");
        };
        // Alone, so that the manifest is not read.
        let Sound {
            memory, mut index, ..
        } = sound();
        spoil(&mut index["manifests"][0]);
        let alone = load(&memory.with_root(index.to_string())).unwrap();
        assert_eq!(
            (attested.kind, alone.entries()[0].kind),
            (Attestation, Artifact),
            "{rule}"
        );
        // Beside an entry of the same digest that had to be read.
        assert_eq!(child(spoil).kind, Image, "{rule}");
    }
    // The manifest's config is an image config, whatever the mark says.
    taken("an artifact type", set("artifactType", json!("x/y")), Image);
    taken("an attestation", set("annotations", attestation()), Image);
}
