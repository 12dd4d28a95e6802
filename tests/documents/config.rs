//! Configs that fail an image, and configs that do not.

use crate::sound::*;
use crate::support::loader::*;
use ociimg::config::HistoryStep;
use ociimg::context::Context;
use ociimg::error::{Error, Status};
use ociimg::image::Image;
use ociimg::load::EntryKind;
use serde_json::{Value, json};
use std::sync::Arc;

/// The outcome for an image with this config.
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

#[track_caller]
fn refused(rule: &str, document: impl Bytes, message: &str) {
    match config(document.bytes()) {
        Ok(_) => panic!("{rule}: taken"),
        Err(e) => {
            assert_eq!(e.status(), Status::Malformed, "{rule}: {e}");
            assert!(e.message().contains(message), "{rule}: {e}");
            assert!(e.digest().is_some(), "{rule}: {e}");
        }
    }
}

#[track_caller]
fn taken(rule: &str, document: impl Bytes) -> Image {
    config(document.bytes()).unwrap_or_else(|e| panic!("{rule}: {e}"))
}

#[test]
fn a_config_that_breaks_a_rule_fails_the_image() {
    let Sound { config: sound, .. } = sound();
    refused("no JSON", b"x", "expected JSON");
    refused("no object", b"[]", "found an array");
    refused(
        "trailing data",
        format!("{sound}{{}}"),
        "the end of the document",
    );
    refused(
        "a key twice",
        before(&sound, r#""os":"windows""#),
        "os: found the key twice",
    );
    refused("os no string", with(&sound, "/os", json!(1)), "os: found 1");
    refused(
        "created no string",
        with(&sound, "/created", json!(1)),
        "created: found 1",
    );
    refused(
        "config no object",
        with(&sound, "/config", json!([])),
        "config: found an array",
    );
    refused(
        "Env no list",
        with(&sound, "/config", json!({"Env": "a=b"})),
        "config.Env: found the string",
    );
    refused(
        "Cmd with a number",
        with(&sound, "/config", json!({"Cmd": ["a", 1]})),
        "config.Cmd[1]: found 1",
    );
    refused(
        "ExposedPorts a list",
        with(&sound, "/config", json!({"ExposedPorts": ["80"]})),
        "config.ExposedPorts",
    );
    refused(
        "Labels with a number",
        with(&sound, "/config", json!({"Labels": {"a": 1}})),
        "config.Labels.a: found 1",
    );
    refused(
        "U+0000 in a label",
        with(&sound, "/config", json!({"Labels": {"a": "\0"}})),
        "config.Labels.a: found U+0000",
    );
    refused(
        "a key twice in a Healthcheck, which is not read",
        with(&sound, "/config", json!({})).to_string().replace(
            r#""config":{}"#,
            r#""config":{"Healthcheck":{"Test":[],"Test":[]}}"#,
        ),
        "config.Healthcheck.Test: found the key twice",
    );
    refused(
        "empty_layer no boolean",
        with(&sound, "/history", json!([{"empty_layer": 1}])),
        "history[0].empty_layer: found 1",
    );
    refused(
        "rootfs of another type",
        with(&sound, "/rootfs/type", json!("tree")),
        "rootfs.type: found \"tree\"",
    );
    refused(
        "a diff ID that is no digest",
        with(&sound, "/rootfs/diff_ids", json!(["x"])),
        "rootfs.diff_ids[0]",
    );
    refused(
        "more diff IDs than layers",
        with(
            &sound,
            "/rootfs/diff_ids",
            json!([format!("sha256:{}", "0".repeat(64))]),
        ),
        "layers: found 0 of them, 0 of a layer type, and 1 diff IDs",
    );
}

#[test]
fn a_config_that_no_rule_forbids_is_taken() {
    let Sound { config: sound, .. } = sound();
    taken("rootfs absent", without(&sound, "/rootfs"));
    taken("rootfs null", with(&sound, "/rootfs", json!(null)));
    taken("diff_ids absent", without(&sound, "/rootfs/diff_ids"));
    taken(
        "diff_ids null",
        with(&sound, "/rootfs/diff_ids", json!(null)),
    );
    taken("rootfs without type", without(&sound, "/rootfs/type"));
    taken(
        "lists and maps that are null",
        with(
            &sound,
            "/config",
            json!({"Env": null, "Cmd": null, "Labels": null, "Volumes": null, "ExposedPorts": null}),
        ),
    );
    taken("config null", with(&sound, "/config", json!(null)));
    taken(
        "unknown fields",
        with(&sound, "/container_config", json!({"user": 1})),
    );
    taken(
        "labels whose keys differ by case",
        with(&sound, "/config", json!({"Labels": {"a": "", "A": ""}})),
    );
    taken(
        "history that does not fit the layers",
        with(&sound, "/history", json!([{}, {"empty_layer": null}])),
    );
    taken("no platform", json!({}));
    taken("an empty platform", json!({"os": "", "architecture": ""}));
}

#[test]
fn a_key_in_another_case_counts_where_it_is_the_only_one() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (rule, two) in [
        ("OS", json!({"os": "linux", "OS": "linux"})),
        ("rootfS", json!({"rootfs": {}, "rootfS": {}})),
        ("config.user", json!({"config": {"User": "x", "user": "x"}})),
        (
            "WorKingDir",
            json!({"config": {"WorkingDir": "", "Wor\u{212a}ingDir": ""}}),
        ),
        (
            "rootfs.Diff_ids",
            json!({"rootfs": {"diff_ids": [], "Diff_ids": []}}),
        ),
        (
            "history[0].Comment",
            json!({"history": [{"comment": "", "Comment": ""}]}),
        ),
        ("two variants", json!({"OS": "linux", "Os": "linux"})),
    ] {
        refused(rule, two, "found the key twice");
    }
    let image = taken(
        "variants alone",
        json!({
            "OS": "linux", "Architecture": "amd64", "O\u{17f}.Version": "1",
            "rootfS": {"TYPE": "layers", "Diff_IDs": []},
            "Config": {"user": "u", "env": ["a=b"], "cmd": ["c"], "Wor\u{212a}ingDir": "/"},
            "History": [{"Comment": "x", "EMPTY_LAYER": true}],
        }),
    );
    let c = &image.config().content;
    let platform = c.platform.as_ref().unwrap();
    assert_eq!(platform.format_all(), "linux(1)/amd64");
    assert_eq!((c.env.len(), c.cmd.len()), (1, 1));
    assert_eq!(
        (c.user.as_deref(), c.working_dir.as_deref()),
        (Some("u"), Some("/"))
    );
    let step = c.history.get(0).unwrap();
    assert!(step.empty_layer && step.comment.is_some_and(|c| &*c == "x"));
    // Keys that select or verify follow all their rules in any spelling.
    refused("rootfs", json!({"rootfS": {"Type": "tree"}}), "rootfS.Type");
    refused(
        "diff IDs",
        json!({"rootfS": {"diff_ids": ["x"]}}),
        "rootfS.diff_ids[0]",
    );
    refused(
        "too many",
        json!({"rootfS": {"diff_ids": [digest]}}),
        "1 diff IDs",
    );
    refused("os", json!({"OS": 1}), "OS: found 1");
}

#[test]
fn what_docker_and_go_take_for_a_list_is_one() {
    let image = taken(
        "strings and nulls",
        json!({
            "config": {
                "Entrypoint": "/bin/app", "Cmd": "", "Shell": 1, "Env": [null, "a"],
                "Labels": {"a": null, "b": "x"},
            },
            "history": [null, {}],
        }),
    );
    let c = &image.config().content;
    let words = [&c.entrypoint, &c.cmd, &c.env]
        .map(|list| list.iter().map(|t| t.to_string()).collect::<Vec<_>>());
    assert_eq!(words[0], ["/bin/app"]);
    assert_eq!(
        (&words[1][..], &words[2][..]),
        (&[String::new()][..], &["".into(), "a".to_owned()][..])
    );
    assert_eq!(&*c.labels.find("a").unwrap(), "");
    assert!(c.history.iter().all(|step| step == HistoryStep::default()));
    for (message, config) in [
        ("config.Entrypoint: found 1", json!({"Entrypoint": 1})),
        ("config.Cmd: found an object", json!({"Cmd": {}})),
        ("config.Env: found the string", json!({"Env": "a=b"})),
        (
            "config.Entrypoint: found U+0000",
            json!({"Entrypoint": "\0"}),
        ),
        (
            "config.Labels.a: found false",
            json!({"Labels": {"a": false}}),
        ),
        ("config.Env[0]: found an array", json!({"Env": [[]]})),
    ] {
        refused(message, json!({"config": config}), message);
    }
    refused("a step", json!({"history": [1]}), "history[0]: found 1");
    refused(
        "a diff ID",
        json!({"rootfs": {"diff_ids": [null]}}),
        "rootfs.diff_ids[0]",
    );
}

#[test]
fn diff_ids_fit_all_layers_or_those_of_a_layer_type_or_are_none() {
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    const WASM: &str = "application/wasm";
    let try_it = |types: &[&str], diff_ids: usize| {
        let Sound {
            mut memory,
            mut manifest,
            mut config,
            ..
        } = sound();
        let layer = |media_type| json!({"mediaType": media_type, "digest": "a:b", "size": 1});
        manifest["layers"] = types.iter().map(layer).collect();
        let ids = (0..diff_ids).map(|i| Value::from(format!("a:{i}")));
        config["rootfs"]["diff_ids"] = ids.collect();
        manifest["config"] = memory.put_json(CONFIG, &config);
        let child = on(memory.put_json(MANIFEST, &manifest), "linux", "amd64");
        let index = load(&memory.with_index(&[child])).unwrap();
        let image = index.image(0, &Context::default())?;
        let ids = |layer: &ociimg::layer::Layer| layer.diff_id().map(|id| id.to_string());
        Ok(image.layers().iter().map(ids).collect::<Vec<_>>())
    };
    let some = |text: &str| Some(text.to_owned());
    let taken: [(&[&str], usize, Vec<Option<String>>); 6] = [
        (&[], 0, vec![]),
        (&[LAYER, LAYER], 2, vec![some("a:0"), some("a:1")]),
        (&[LAYER, WASM], 1, vec![some("a:0"), None]),
        (
            &[WASM, LAYER, WASM, LAYER],
            2,
            vec![None, some("a:0"), None, some("a:1")],
        ),
        (&[WASM, LAYER], 2, vec![some("a:0"), some("a:1")]),
        (&[LAYER, WASM], 0, vec![None, None]),
    ];
    for (types, count, expected) in taken {
        let found: Result<_, Error> = try_it(types, count);
        assert_eq!(found.unwrap(), expected, "{types:?} {count}");
    }
    let refused: [(&[&str], usize); 5] = [
        (&[], 1),
        (&[LAYER], 2),
        (&[LAYER, LAYER], 1),
        (&[LAYER, LAYER, WASM], 1),
        (&[WASM, WASM], 1),
    ];
    for (types, count) in refused {
        let found: Result<_, Error> = try_it(types, count);
        assert_eq!(
            found.unwrap_err().status(),
            Status::Malformed,
            "{types:?} {count}"
        );
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
    let empty = c
        .history
        .iter()
        .map(|step| step.empty_layer)
        .collect::<Vec<_>>();
    assert_eq!(empty, [false, true]);
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
