//! Roots that fail the load, and roots that do not.

use crate::sound::*;
use crate::support::loader::*;
use ociimg::error::{
    Error,
    Status::{self, Malformed, Unsupported},
};
use ociimg::load::EntryKind::{self, Image, Unknown};
use serde_json::{Value, json};

const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The outcome for a root.
fn root(document: impl AsRef<[u8]>) -> Result<Vec<EntryKind>, Error> {
    let index = load(&sound().memory.with_root(document))?;
    Ok(index.entries().iter().map(|entry| entry.kind).collect())
}

#[track_caller]
fn refused(rule: &str, document: impl Bytes, status: Status, message: &str) {
    match root(document.bytes()) {
        Ok(kinds) => panic!("{rule}: taken as {kinds:?}"),
        Err(e) => {
            assert_eq!(e.status(), status, "{rule}: {e}");
            assert!(e.message().contains(message), "{rule}: {e}");
            assert!(e.digest().is_some(), "{rule}: {e}");
        }
    }
}

#[track_caller]
fn taken(rule: &str, document: impl Bytes, kinds: Vec<EntryKind>) {
    match root(document.bytes()) {
        Ok(found) => assert_eq!(found, kinds, "{rule}"),
        Err(e) => panic!("{rule}: {e}"),
    }
}

#[test]
fn a_root_that_breaks_a_rule_fails_the_load() {
    let Sound {
        index, manifest, ..
    } = sound();
    let schema1 = r#"{"schemaVersion":1,"name":"x","fsLayers":[],"history":[]}"#;
    refused("empty", "", Malformed, "found nothing, expected JSON");
    refused(
        "not UTF-8",
        b"{\"x\":\"\xff\"}",
        Malformed,
        "not UTF-8 at offset 6",
    );
    refused(
        "a BOM",
        format!("\u{feff}{index}"),
        Malformed,
        "byte order mark",
    );
    refused(
        "a lone surrogate",
        before(&index, r#""x":"\ud800""#),
        Malformed,
        "surrogate",
    );
    refused(
        "a lone low surrogate",
        before(&index, r#""x":"\udc00x""#),
        Malformed,
        "surrogate",
    );
    refused(
        "two halves in the wrong order",
        before(&index, r#""x":"\udc00\ud800""#),
        Malformed,
        "surrogate",
    );
    refused(
        "trailing data",
        format!("{index} x"),
        Malformed,
        "the end of the document",
    );
    refused(
        "two documents",
        format!("{index}{index}"),
        Malformed,
        "the end of the document",
    );
    refused(
        "a NUL behind",
        format!("{index}\0"),
        Malformed,
        "the end of the document",
    );
    refused(
        "nested too deep",
        before(&index, &format!(r#""x":{}"#, nested(128))),
        Malformed,
        "128",
    );
    refused(
        "no object",
        "[]",
        Malformed,
        "found an array, expected an object",
    );
    refused(
        "a number for schemaVersion that is a fraction",
        before(&without(&index, "/schemaVersion"), r#""schemaVersion":2.0"#),
        Malformed,
        "schemaVersion: found 2.0",
    );
    refused(
        "an exponent",
        before(&without(&index, "/schemaVersion"), r#""schemaVersion":2e0"#),
        Malformed,
        "schemaVersion: found 2e0",
    );
    refused(
        "a key twice",
        before(&index, r#""schemaVersion":2"#),
        Malformed,
        "schemaVersion: found the key twice",
    );
    refused(
        "a key twice by an escape",
        before(&index, r#""schema\u0056ersion":2"#),
        Malformed,
        "found the key twice",
    );
    refused(
        "a key twice below an unknown one",
        before(&index, r#""x":[{"a":1,"b":{"c":1,"c":2}}]"#),
        Malformed,
        "x.c: found the key twice",
    );
    refused(
        "a key in another case",
        before(&index, r#""Manifests":[]"#),
        Malformed,
        "Manifests: found a key that differs from \"manifests\" only by case",
    );
    refused(
        "a key of the other kind in another case",
        before(&index, r#""LAYERS":[]"#),
        Malformed,
        "only by case",
    );
    refused(
        "a key with a long s",
        before(&manifest, r#""layer\u017f":[]"#),
        Malformed,
        "only by case",
    );
    refused(
        "a key with a long s, as it is",
        before(&index, "\"manife\u{17f}ts\":[]"),
        Malformed,
        "only by case",
    );
    refused(
        "mediaType of another JSON type",
        with(&index, "/mediaType", json!(1)),
        Malformed,
        "mediaType: found 1, expected a string",
    );
    refused(
        "manifests that are no list",
        with(&index, "/manifests", json!({})),
        Malformed,
        "manifests: found an object, expected an array",
    );
    refused(
        "layers that are no list",
        with(&manifest, "/layers", json!("x")),
        Malformed,
        "layers: found the string \"x\"",
    );
    refused(
        "annotations that are no object",
        with(&manifest, "/annotations", json!([])),
        Malformed,
        "annotations: found an array",
    );
    refused(
        "an annotation that is no string",
        with(&manifest, "/annotations", json!({"a": 1})),
        Malformed,
        "annotations.a: found 1",
    );
    refused(
        "schemaVersion null",
        with(&index, "/schemaVersion", json!(null)),
        Malformed,
        "schemaVersion: found null",
    );
    refused(
        "schemaVersion 3",
        with(&index, "/schemaVersion", json!(3)),
        Malformed,
        "schemaVersion: found 3, expected 2",
    );
    refused(
        "schemaVersion 1",
        with(&index, "/schemaVersion", json!(1)),
        Malformed,
        "schemaVersion: found 1, expected 2",
    );
    refused("Docker schema 1", schema1, Unsupported, "Docker schema 1");
    refused(
        "Docker schema 1 by its type",
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws", "schemaVersion": 1}),
        Unsupported,
        "Docker schema 1",
    );
    refused(
        "Docker schema 1 by its type alone",
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}),
        Unsupported,
        "Docker schema 1",
    );
    refused(
        "manifests beside layers",
        with(&index, "/layers", json!([])),
        Malformed,
        "\"manifests\" beside \"layers\"",
    );
    refused(
        "manifests beside layers that are null",
        with(&index, "/layers", json!(null)),
        Malformed,
        "\"manifests\" beside \"layers\"",
    );
    refused(
        "manifests, null, beside config",
        with(&manifest, "/manifests", json!(null)),
        Malformed,
        "\"manifests\" beside",
    );
    refused(
        "manifests beside fsLayers",
        with(&index, "/fsLayers", json!([])),
        Malformed,
        "\"manifests\" beside \"fsLayers\"",
    );
    refused(
        "manifests beside history",
        with(&index, "/history", json!([])),
        Malformed,
        "\"manifests\" beside \"history\"",
    );
    refused(
        "neither manifests nor layers",
        json!({"schemaVersion": 2}),
        Malformed,
        "neither",
    );
    refused(
        "the type of an index on a manifest",
        with(&manifest, "/mediaType", json!(INDEX)),
        Malformed,
        "expected that of a manifest",
    );
    refused(
        "the type of a manifest on an index",
        with(&index, "/mediaType", json!(DOCKER_MANIFEST)),
        Malformed,
        "expected that of an index",
    );
    refused(
        "a manifest without config",
        without(&manifest, "/config"),
        Malformed,
        "config: found nothing",
    );
    refused(
        "a manifest with config null",
        with(&manifest, "/config", json!(null)),
        Malformed,
        "config: found null",
    );
    refused(
        "a manifest without layers",
        without(&manifest, "/layers"),
        Malformed,
        "layers: found nothing",
    );
    refused(
        "a config without media type",
        without(&manifest, "/config/mediaType"),
        Malformed,
        "config.mediaType: found nothing",
    );
    refused(
        "a config without digest",
        without(&manifest, "/config/digest"),
        Malformed,
        "config.digest: found nothing",
    );
    refused(
        "a config without size",
        without(&manifest, "/config/size"),
        Malformed,
        "config.size: found nothing",
    );
    refused(
        "U+0000 in an index's artifactType",
        with(&index, "/artifactType", json!("\0")),
        Malformed,
        "artifactType: found U+0000",
    );
    refused(
        "U+0000 in an annotation",
        with(&manifest, "/annotations", json!({"a": "b\0"})),
        Malformed,
        "annotations.a: found U+0000",
    );
    refused(
        "U+0000 in an annotation's key",
        with(&manifest, "/annotations", json!({"a\0": "b"})),
        Malformed,
        "found U+0000",
    );
    refused(
        "no schemaVersion and no mediaType",
        without(&without(&index, "/schemaVersion"), "/mediaType"),
        Malformed,
        "schemaVersion: found nothing",
    );
    refused(
        "a registry's error",
        json!({"errors": [{"code": "DENIED"}]}),
        Malformed,
        "no \"mediaType\"",
    );
    refused(
        "a manifest that calls itself schema 1",
        with(&manifest, "/mediaType", json!(SCHEMA1)),
        Unsupported,
        "Docker schema 1",
    );
    for (subject, message) in [
        (r#"1"#, "subject: found 1, expected an object"),
        (r#"{}"#, "subject.mediaType: found nothing"),
        (
            r#"{"mediaType":"","digest":"a:b","size":1}"#,
            "subject.mediaType",
        ),
        (
            r#"{"mediaType":"a","digest":"b","size":1}"#,
            "subject.digest",
        ),
        (
            r#"{"size":1,"size":1}"#,
            "subject.size: found the key twice",
        ),
        (r#"{"Size":1}"#, "subject.Size: found a key that differs"),
        (r#"{"x":{"a":1,"a":2}}"#, "subject.x.a: found the key twice"),
        (
            r#"{"mediaType":"\u0000"}"#,
            "subject.mediaType: found U+0000",
        ),
    ] {
        let member = format!("\"subject\":{subject}");
        refused(subject, before(&manifest, &member), Malformed, message);
        refused(subject, before(&index, &member), Malformed, message);
    }
    refused(
        "an OCI manifest whose config has the type \"\"",
        with(&manifest, "/config/mediaType", json!("")),
        Malformed,
        "config.mediaType: found \"\"",
    );
    let layer = json!({"mediaType": "", "digest": "a:b", "size": 1});
    let docker = with(&manifest, "/mediaType", json!(DOCKER_MANIFEST));
    refused(
        "a Docker manifest with a layer of the type \"\"",
        with(&docker, "/layers", json!([layer])),
        Malformed,
        "layers[0].mediaType: found \"\"",
    );
}

#[test]
fn what_no_rule_forbids_is_taken() {
    let Sound {
        index, manifest, ..
    } = sound();
    taken("an index", index.to_string(), vec![Image]);
    taken("a manifest", manifest.to_string(), vec![Image]);
    taken(
        "white space around",
        format!(" \r\n\t{index}\n"),
        vec![Image],
    );
    taken(
        "nested as deep as allowed",
        before(&index, &format!(r#""x":{}"#, nested(127))),
        vec![Image],
    );
    taken(
        "a surrogate pair",
        before(&index, r#""x":"\ud83d\ude00""#),
        vec![Image],
    );
    taken(
        "a number beyond every integer in an unknown field",
        before(&index, r#""x":1e999"#),
        vec![Image],
    );
    taken(
        "unknown fields",
        with(&index, "/x", json!({"schemaversion": 1, "a": [null]})),
        vec![Image],
    );
    taken(
        "U+0000 in an unknown field",
        with(&index, "/x", json!("\0")),
        vec![Image],
    );
    taken(
        "no mediaType on an index",
        without(&index, "/mediaType"),
        vec![Image],
    );
    taken(
        "no mediaType on a manifest",
        without(&manifest, "/mediaType"),
        vec![Image],
    );
    taken(
        "mediaType null",
        with(&index, "/mediaType", json!(null)),
        vec![Image],
    );
    taken(
        "mediaType \"\"",
        with(&index, "/mediaType", json!("")),
        vec![Image],
    );
    taken(
        "Docker's name on an index",
        with(&index, "/mediaType", json!(DOCKER_INDEX)),
        vec![Image],
    );
    taken(
        "Docker's name on a manifest",
        with(&manifest, "/mediaType", json!(DOCKER_MANIFEST)),
        vec![Image],
    );
    taken(
        "manifests null",
        with(&index, "/manifests", json!(null)),
        vec![],
    );
    taken(
        "layers null",
        with(&manifest, "/layers", json!(null)),
        vec![Image],
    );
    taken(
        "annotations null",
        with(&manifest, "/annotations", json!(null)),
        vec![Image],
    );
    taken(
        "annotations whose keys differ by case",
        with(
            &manifest,
            "/annotations",
            json!({"a": "", "A": "", "mediatype": ""}),
        ),
        vec![Image],
    );
    for document in [&index, &manifest] {
        taken(
            "no schemaVersion beside a known mediaType",
            without(document, "/schemaVersion"),
            vec![Image],
        );
    }
    let subject = json!({"mediaType": MANIFEST, "digest": "a:b", "size": 1, "x": "\0"});
    taken(
        "a subject, which nothing depends on",
        with(&manifest, "/subject", subject),
        vec![Image],
    );
    taken(
        "subject null",
        with(&index, "/subject", json!(null)),
        vec![Image],
    );
    taken(
        "an annotation that is null",
        with(&manifest, "/annotations", json!({"a": null})),
        vec![Image],
    );
}

#[test]
fn a_root_of_another_type_is_one_unknown_entry() {
    let Sound {
        index, manifest, ..
    } = sound();
    let unknown = |document: &Value| with(document, "/mediaType", json!("x/y"));
    taken("an index of unknown type", unknown(&index), vec![Unknown]);
    taken("a manifest of one", unknown(&manifest), vec![Unknown]);
    for fields in [
        r#""schemaVersion":[],"layers":1,"config":null"#,
        r#""manifests":1,"Layers":2,"subject":{"a":"\u0000"}"#,
        r#""blobs":[]"#,
    ] {
        let document = format!(r#"{{{fields},"mediaType":"x/y"}}"#);
        let index = load(&sound().memory.with_root(&document)).unwrap();
        let [entry] = index.entries() else {
            panic!("{document}: {:?}", index.entries())
        };
        assert_eq!(entry.kind, Unknown, "{document}");
        let d = entry.descriptor.as_ref().unwrap();
        assert_eq!((&*d.media_type, d.size), ("x/y", document.len() as u64));
        assert_eq!(d.digest, index.root().digest);
    }
    // The same fields under a known type, or none, are refused.
    for media_type in [json!(MANIFEST), json!(null), json!("")] {
        let document = json!({"mediaType": media_type, "layers": 1});
        refused("no layers", document, Malformed, "layers: found 1");
    }
    let twice = r#"{"mediaType":"x/y","mediaType":"x/y"}"#;
    refused(
        "its key twice",
        twice,
        Malformed,
        "mediaType: found the key twice",
    );
    refused(
        "no JSON",
        r#"{"mediaType":"x/y"}}"#,
        Malformed,
        "the end of the document",
    );
}

#[test]
fn what_is_no_json_is_named() {
    for (document, name) in [
        ("<!DOCTYPE html><html></html>", "HTML"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "Git LFS",
        ),
        ("PK\u{3}\u{4}", "zip"),
        ("BZh91AY&SY", "bzip2"),
    ] {
        refused(name, document, Malformed, name);
    }
    refused("UTF-16", b"\xff\xfe{\0}\0", Malformed, "UTF-16");
    refused("xz", b"\xfd7zXZ\0\0\0", Malformed, "xz");
}
