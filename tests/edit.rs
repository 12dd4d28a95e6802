//! Edits of images: their changes, the bytes that they keep, and the edits that are
//! refused.

mod support;

use ociimg::context::Context;
use ociimg::descriptor::Descriptor;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Error, Status};
use ociimg::image::{Format, Image};
use ociimg::index::Index;
use ociimg::layer::Layer;
use ociimg::load::LoadOptions;
use ociimg::mutate::{AppendOptions, History, Step};
use ociimg::platform::Platform;
use ociimg::reader::{Mode, ReadOptions};
use ociimg::text::Text;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use support::loader::*;

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// An image as it may be written: with layers of these types, and this config, in which
/// `$` stands for the list of diff IDs. The manifest is spaced in an odd way, and has
/// members that nobody knows.
fn image_of(manifest_type: &str, types: &[&str], config: &str) -> Image {
    let mut memory = MemoryLoader::default();
    let contents: Vec<_> = (0..types.len()).map(|i| format!("layer {i}")).collect();
    let layers: Vec<_> = types
        .iter()
        .zip(&contents)
        .map(|(media_type, content)| memory.put(media_type, content))
        .collect();
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let config = config.replace('$', &Value::from(diff_ids).to_string());
    let config_type = match manifest_type {
        DOCKER_MANIFEST => DOCKER_CONFIG,
        _ => CONFIG,
    };
    let config = memory.put(config_type, config);
    let manifest = format!(
        "{{ \"schemaVersion\" : 2,\n\t\"mediaType\":{},\n\t\"unknown\" : [1.50, \"\\u0041\"],\n\t\
         \"config\" : {},\n\t\"layers\" :{}\n}}\n",
        Value::from(manifest_type),
        config,
        Value::from(layers),
    );
    load(&memory.with_root(manifest))
        .unwrap()
        .image(0, &Context::default())
        .unwrap()
}

fn image(layers: usize, config: &str) -> Image {
    image_of(MANIFEST, &vec![LAYER; layers], config)
}

const PLAIN: &str =
    r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":$}}"#;

fn config_text(image: &Image) -> String {
    String::from_utf8(image.config().bytes.to_vec()).unwrap()
}

fn config_json(image: &Image) -> Value {
    serde_json::from_slice(&image.config().bytes).unwrap()
}

fn manifest_json(image: &Image) -> Value {
    serde_json::from_slice(&image.manifest().bytes).unwrap()
}

fn digests(image: &Image) -> (Digest, Digest) {
    (
        image.manifest().digest.clone(),
        image.config().digest.clone(),
    )
}

/// Reads the image back through its own loader, and verifies its documents and layers.
fn read_back(image: &Image) -> Image {
    let index = Index::load(image.loader(), &LoadOptions::default(), &Context::default()).unwrap();
    assert!(index.root_is_verified());
    let again = index.image(0, &Context::default()).unwrap();
    assert_eq!(digests(&again), digests(image));
    assert_eq!(again.layers().len(), image.layers().len());
    for (read, layer) in again.layers().iter().zip(image.layers()) {
        assert_eq!(read.descriptor(), layer.descriptor());
        assert_eq!(read.diff_id(), layer.diff_id());
        assert_eq!(read.chain_id(), layer.chain_id());
        let mode = Mode::Uncompressed;
        let mut reader = read
            .open(mode, ReadOptions::default(), Arc::default())
            .unwrap();
        reader.finish().unwrap();
    }
    again
}

fn layer_of(media_type: &str, content: &str) -> Layer {
    let mut memory = MemoryLoader::default();
    memory.put(media_type, content);
    let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
    let media_type = Text::new(media_type).unwrap();
    let d = Descriptor::new(media_type, digest.clone(), content.len() as u64);
    Layer::new(Arc::new(d), Some(digest), memory.with_root(""))
}

fn append(image: &mut Image, content: &str) {
    let layer = layer_of(LAYER, content);
    image
        .append_layer(&layer, &AppendOptions::default())
        .unwrap();
}

fn status<T>(result: Result<T, Error>) -> Status {
    result.err().expect("a failure").status()
}

fn platform(os: &str, architecture: &str) -> Platform {
    let text = |text| Text::new(text).filter(|text| !text.is_empty());
    Platform {
        os: text(os),
        architecture: text(architecture),
        ..Platform::default()
    }
}

#[test]
fn an_edit_keeps_every_byte_around_the_member_that_it_changes() {
    let config = "{ \"architecture\":\"amd64\" , \"os\":\"linux\",\"x\" : 1.0,\n \"config\":{ \
                  \"Healthcheck\":{\"Retries\":3e0},\"Labels\": {\"a\":\"\\u0062\" , \"c\":\"d\"} \
                  },\"rootfs\":{\"type\":\"layers\",\"diff_ids\":$} }\n";
    let mut image = image(1, config);
    let before = config_text(&image);
    let manifest = String::from_utf8(image.manifest().bytes.to_vec()).unwrap();
    let old = image.config().digest.to_string();
    image.set_label("c", Some("e")).unwrap();
    image.set_user(Some("1000")).unwrap();
    let expected = before
        .replace("\"c\":\"d\"", "\"c\":\"e\"")
        .replace("\"d\"} }", "\"e\"} }")
        .replace("\"e\"} }", "\"e\"},\"User\": \"1000\" }");
    assert_eq!(config_text(&image), expected);
    let expected = manifest
        .replace(&old, image.config().digest.text())
        .replace(
            &format!("\"size\":{}", before.len()),
            &format!("\"size\":{}", expected.len()),
        );
    assert_eq!(image.manifest().bytes, expected.into_bytes().into());
    read_back(&image);
}

#[test]
fn an_edit_and_its_inverse_give_the_old_digests() {
    let config = r#"{"os":"linux","architecture":"amd64","author":"a",
        "config":{"Env":["A=1"],"Labels":{"l":"1"},"ExposedPorts":{"1":{}},"Volumes":{"/":{}},
        "Cmd":["x"],"User":"u"},"rootfs":{"type":"layers","diff_ids":$},"history":[{},{}]}"#;
    let mut image = image(2, config);
    let before = digests(&image);
    let there_and_back: [(&str, fn(&mut Image), fn(&mut Image)); 10] = [
        (
            "label",
            |i| i.set_label("n", Some("")).unwrap(),
            |i| i.set_label("n", None).unwrap(),
        ),
        (
            "label's value",
            |i| i.set_label("l", Some("2")).unwrap(),
            |i| i.set_label("l", Some("1")).unwrap(),
        ),
        (
            "variable",
            |i| i.set_env("N", Some("=")).unwrap(),
            |i| i.set_env("N", None).unwrap(),
        ),
        (
            "port",
            |i| i.set_exposed_port("80/tcp", true).unwrap(),
            |i| i.set_exposed_port("80/tcp", false).unwrap(),
        ),
        (
            "volume",
            |i| i.set_volume("/v", true).unwrap(),
            |i| i.set_volume("/v", false).unwrap(),
        ),
        (
            "command",
            |i| i.set_cmd(Some(&["y", ""])).unwrap(),
            |i| i.set_cmd(Some(&["x"])).unwrap(),
        ),
        (
            "author",
            |i| i.set_author(Some("b\n\"")).unwrap(),
            |i| i.set_author(Some("a")).unwrap(),
        ),
        (
            "created",
            |i| i.set_created(Some("2006-01-02T15:04:05Z")).unwrap(),
            |i| i.set_created(None).unwrap(),
        ),
        (
            "member",
            |i| i.set_config_member("X", Some(b" {\"a\": 1} ")).unwrap(),
            |i| i.set_config_member("X", None).unwrap(),
        ),
        (
            "layer",
            |i| append(i, "new"),
            |i| drop(i.remove_layer(2).unwrap()),
        ),
    ];
    for (what, edit, inverse) in there_and_back {
        edit(&mut image);
        assert_ne!(digests(&image), before, "{what}");
        read_back(&image);
        inverse(&mut image);
        assert_eq!(digests(&image), before, "{what}");
        read_back(&image);
    }
}

#[test]
fn an_edit_that_sets_what_is_there_changes_nothing() {
    let config = r#"{"os":"linux","architecture":"arm","variant":"","os.features":["\u0061"],
        "author":"\u0061","created":"2006-01-02T15:04:05Z",
        "config":{"Env":["\u0041=1",null],"Labels":{"\u006c":null},"ExposedPorts":{"1":null},
        "Cmd":"one","Entrypoint":null,"User":"","Healthcheck":{"Test" : ["\u0061"]}},
        "rootfs":{"type":"layers","diff_ids":$}}"#;
    let mut image = image(1, config);
    let before = digests(&image);
    image.set_author(Some("a")).unwrap();
    image.set_created(Some("2006-01-02T15:04:05Z")).unwrap();
    image.set_env("A", Some("1")).unwrap();
    image.set_env("B", None).unwrap();
    image.set_label("l", Some("")).unwrap();
    image.set_label("m", None).unwrap();
    image.set_exposed_port("1", true).unwrap();
    image.set_volume("/", false).unwrap();
    image.set_cmd(Some(&["one"])).unwrap();
    image.set_entrypoint(None).unwrap();
    image.set_user(None).unwrap();
    image.set_user(Some("")).unwrap();
    image.set_stop_signal(None).unwrap();
    image
        .set_config_member("Healthcheck", Some(b"{\"Test\":[\"a\"]}"))
        .unwrap();
    image.set_config_member("Shell", None).unwrap();
    image.set_annotation("a", None).unwrap();
    image
        .set_platform(&Platform {
            os_features: [Text::new("a").unwrap()].into(),
            ..platform("linux", "arm")
        })
        .unwrap();
    image
        .set_config_json(&image.config().bytes.clone())
        .unwrap();
    image.convert(Format::Oci).unwrap();
    image.replace_layer(0, &image.layers()[0].clone()).unwrap();
    assert_eq!(digests(&image), before);
}

#[test]
fn a_key_in_another_case_is_the_key_that_is_edited() {
    let config = r#"{"OS":"windows","architecture":"amd64","config":{"cmd":["a"],"env":["P=1"]},
        "rootfS":{"type":"layers","diff_ids":$},"History":[{"EMPTY_LAYER":true},{}]}"#;
    let mut image = image(1, config);
    image.set_cmd(Some(&["b"])).unwrap();
    image.set_env("P", Some("2")).unwrap();
    image.set_config_member("Env", Some(b"[\"P=3\"]")).unwrap();
    image.set_config_member("CMD", None).unwrap();
    image.set_config_member("own", Some(b"1")).unwrap();
    image.set_config_member("Own", Some(b"2")).unwrap();
    image.set_platform(&platform("linux", "amd64")).unwrap();
    append(&mut image, "new");
    let config = config_json(&image);
    assert_eq!(
        config["config"],
        json!({"env": ["P=3"], "own": 1, "Own": 2})
    );
    assert_eq!(config["OS"], "linux");
    assert_eq!(config["History"], json!([{"EMPTY_LAYER": true}, {}, {}]));
    assert_eq!(config["rootfS"]["diff_ids"].as_array().unwrap().len(), 2);
    assert_eq!(config.as_object().unwrap().len(), 5);
    read_back(&image);
}

#[test]
fn a_layer_gets_a_step_where_the_history_fits_the_layers() {
    let step = Step {
        created: Some("2006-01-02T15:04:05.5+01:00"),
        created_by: Some("COPY . /"),
        author: Some(""),
        comment: Some("c"),
    };
    let made =
        json!({"created": "2006-01-02T15:04:05.5+01:00", "created_by": "COPY . /", "comment": "c"});
    let empty = json!({"empty_layer": true});
    for (before, history, after) in [
        (None, History::ByRule, None),
        (Some(json!(null)), History::ByRule, Some(json!(null))),
        (Some(json!([])), History::ByRule, Some(json!([]))),
        (
            Some(json!([empty, {}])),
            History::ByRule,
            Some(json!([empty, {}, made])),
        ),
        (
            Some(json!([null, empty])),
            History::ByRule,
            Some(json!([null, empty, made])),
        ),
        (
            Some(json!([{}, {}])),
            History::ByRule,
            Some(json!([{}, {}])),
        ),
        (Some(json!([empty])), History::ByRule, Some(json!([empty]))),
        (None, History::Always, Some(json!([made]))),
        (Some(json!(null)), History::Always, Some(json!([made]))),
        (Some(json!([{}])), History::Never, Some(json!([{}]))),
    ] {
        let mut config: Value = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": "$"}});
        if let Some(before) = before.clone() {
            config["history"] = before;
        }
        let mut image = image(1, &config.to_string().replace("\"$\"", "$"));
        let options = AppendOptions {
            step,
            history,
            media_type: None,
        };
        image
            .append_layer(&layer_of(LAYER, "new"), &options)
            .unwrap();
        assert_eq!(
            config_json(&image).get("history").cloned(),
            after,
            "{before:?} {history:?}"
        );
        assert_eq!(image.layers().len(), 2);
        read_back(&image);
    }
}

#[test]
fn an_image_from_nothing_takes_layers_and_history() {
    for (format, manifest, config, layer) in [
        (Format::Oci, MANIFEST, CONFIG, LAYER),
        (Format::Docker, DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER),
    ] {
        let mut platform = platform("linux", "arm64");
        platform.variant = Text::new("v8");
        let mut image = Image::create(format, &platform).unwrap();
        assert_eq!(**image.platform().unwrap(), platform);
        read_back(&image);
        append(&mut image, "a");
        append(&mut image, "a");
        image
            .add_history(&Step {
                created_by: Some("ENV"),
                ..Step::default()
            })
            .unwrap();
        append(&mut image, "b");
        let again = read_back(&image);
        assert_eq!(**again.platform().unwrap(), platform);
        let json = manifest_json(&image);
        assert_eq!(
            (&json["mediaType"], &json["config"]["mediaType"]),
            (&manifest.into(), &config.into())
        );
        assert_eq!(json["layers"][0]["mediaType"], layer);
        let history = json!([{}, {}, {"created_by": "ENV", "empty_layer": true}, {}]);
        assert_eq!(config_json(&image)["history"], history);
    }
    assert_eq!(
        status(Image::create(Format::Oci, &platform("linux", ""))),
        Status::InvalidArgument
    );
    assert_eq!(
        status(Image::create(Format::Oci, &platform("", "arm"))),
        Status::InvalidArgument
    );
}

#[test]
fn a_rootfs_that_is_absent_or_null_is_made() {
    for config in [
        r#"{"os":"linux","architecture":"amd64"}"#,
        r#"{"os":"linux","architecture":"amd64","rootfs":null}"#,
        r#"{"os":"linux","architecture":"amd64","rootfs":{}}"#,
        r#"{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":null,"type":"layers"}}"#,
    ] {
        let mut image = image(0, config);
        append(&mut image, "a");
        let rootfs = &config_json(&image)["rootfs"];
        assert_eq!(rootfs["type"], "layers", "{config}");
        assert_eq!(rootfs["diff_ids"].as_array().unwrap().len(), 1, "{config}");
        read_back(&image);
    }
}

#[test]
fn a_layer_is_placed_with_its_annotations_and_urls_under_the_name_of_the_family() {
    let mut image = image_of(DOCKER_MANIFEST, &[DOCKER_LAYER], PLAIN);
    let layer = layer_of(
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "x",
    );
    let d = (**layer.descriptor())
        .clone()
        .with_urls([Text::new("https://a").unwrap()].into_iter().collect())
        .with_annotations(
            [(Text::new("k").unwrap(), Text::new("v").unwrap())]
                .into_iter()
                .collect(),
        );
    let layer = Layer::new(
        Arc::new(d),
        layer.diff_id().cloned(),
        layer.loader().clone(),
    );
    image
        .append_layer(&layer, &AppendOptions::default())
        .unwrap();
    let placed = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "digest": layer.descriptor().digest.to_string(),
        "size": 1,
        "urls": ["https://a"],
        "annotations": {"k": "v"},
    });
    assert_eq!(manifest_json(&image)["layers"][1], placed);
    for (own, given, expected) in [
        (ZSTD, None, None),
        (ZSTD, Some("x/y"), None),
        ("x/y", None, None),
        ("x/y", Some("y/z"), Some("y/z")),
        (
            GZIP,
            None,
            Some("application/vnd.docker.image.rootfs.diff.tar.gzip"),
        ),
    ] {
        let mut image = image.clone();
        let options = AppendOptions {
            media_type: given,
            ..AppendOptions::default()
        };
        let placed = image.append_layer(&layer_of(own, "y"), &options);
        match expected {
            Some(media_type) => {
                placed.unwrap();
                assert_eq!(manifest_json(&image)["layers"][2]["mediaType"], media_type);
            }
            None => assert_eq!(status(placed), Status::Unsupported, "{own}"),
        }
    }
    assert_eq!(
        status(image.replace_layer(0, &layer_of(ZSTD, "y"))),
        Status::Unsupported
    );
}

#[test]
fn embedded_data_of_a_layer_is_still_read_when_it_is_placed() {
    let digest = Digest::of(Algorithm::Sha256, b"data");
    let d = Descriptor::new(Text::new(LAYER).unwrap(), digest.clone(), 4)
        .with_data(Some(b"data".as_slice().into()));
    let nowhere = MemoryLoader::default().with_root("");
    let layer = Layer::new(Arc::new(d), Some(digest), nowhere);
    let mut image = image(1, PLAIN);
    image
        .append_layer(&layer, &AppendOptions::default())
        .unwrap();
    assert_eq!(manifest_json(&image)["layers"][1].get("data"), None);
    read_back(&image);
}

#[test]
fn a_layer_is_replaced_in_place_and_removed_with_its_step() {
    let config = r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":$},
        "history":[{"comment":"0"},{"empty_layer":true},{"comment":"1"},{"comment":"2"}]}"#;
    let mut image = image(3, config);
    let new = layer_of(GZIP, "new");
    image.replace_layer(1, &new).unwrap();
    read_back(&image);
    assert_eq!(image.layers()[1].diff_id(), new.diff_id());
    assert_eq!(manifest_json(&image)["layers"][1]["mediaType"], GZIP);
    assert_eq!(config_json(&image)["history"].as_array().unwrap().len(), 4);
    let removed = image.remove_layer(1).unwrap();
    assert_eq!(removed.diff_id(), new.diff_id());
    let history = json!([{"comment": "0"}, {"empty_layer": true}, {"comment": "2"}]);
    assert_eq!(config_json(&image)["history"], history);
    read_back(&image);
    image.add_history(&Step::default()).unwrap();
    let options = AppendOptions {
        history: History::Never,
        ..AppendOptions::default()
    };
    image.append_layer(&new, &options).unwrap();
    // The history no longer fits, and is left alone.
    image.remove_layer(0).unwrap();
    assert_eq!(config_json(&image)["history"].as_array().unwrap().len(), 4);
    read_back(&image);
    for i in [2, usize::MAX] {
        assert_eq!(status(image.remove_layer(i)), Status::InvalidArgument);
        assert_eq!(
            status(image.replace_layer(i, &new)),
            Status::InvalidArgument
        );
    }
}

#[test]
fn the_last_layer_can_go_and_come_back() {
    let mut image = image(1, PLAIN);
    image.remove_layer(0).unwrap();
    read_back(&image);
    append(&mut image, "a");
    read_back(&image);
}

#[test]
fn the_platform_is_set_whole() {
    let config = r#"{"os":"windows","architecture":"arm","variant":"v7","os.version":"10",
        "os.features":["win32k"],"rootfs":{"type":"layers","diff_ids":$}}"#;
    let mut image = image(1, config);
    image.set_platform(&platform("linux", "amd64")).unwrap();
    let config = config_json(&image);
    assert_eq!(
        (&config["os"], &config["architecture"]),
        (&"linux".into(), &"amd64".into())
    );
    for gone in ["variant", "os.version", "os.features"] {
        assert_eq!(config.get(gone), None);
    }
    assert_eq!(**image.platform().unwrap(), platform("linux", "amd64"));
    let whole = Platform {
        variant: Text::new("v3"),
        os_version: Text::new("10.0"),
        os_features: [Text::new("a").unwrap(), Text::new("").unwrap()].into(),
        ..platform("windows", "amd64")
    };
    image.set_platform(&whole).unwrap();
    assert_eq!(**read_back(&image).platform().unwrap(), whole);
}

#[test]
fn variables_are_found_by_their_names() {
    let config = r#"{"config":{"Env":["A=1","AB=2","A=3","C","\u0041=4","=x"]},
        "rootfs":{"type":"layers","diff_ids":$}}"#;
    let mut image = image(1, config);
    let env = |image: &Image| config_json(image)["config"]["Env"].clone();
    image.set_env("A", Some("a=b")).unwrap();
    assert_eq!(env(&image), json!(["A=a=b", "AB=2", "C", "=x"]));
    image.set_env("C", Some("")).unwrap();
    image.set_env("D", Some("é\u{1}")).unwrap();
    assert_eq!(
        env(&image),
        json!(["A=a=b", "AB=2", "C=", "=x", "D=é\u{1}"])
    );
    for name in ["A", "AB", "C", "D", "E"] {
        image.set_env(name, None).unwrap();
    }
    assert_eq!(env(&image), json!(["=x"]));
    read_back(&image);
}

#[test]
fn containers_stay_when_they_are_empty() {
    let mut image = image(1, PLAIN);
    image.set_env("A", Some("1")).unwrap();
    image.set_label("a", Some("1")).unwrap();
    image.set_exposed_port("80", true).unwrap();
    image.set_volume("/v", true).unwrap();
    image.set_entrypoint(Some(&["/e"])).unwrap();
    image.set_cmd(Some(&[])).unwrap();
    image.set_annotation("a", Some("")).unwrap();
    let expected = json!({"Env": ["A=1"], "Labels": {"a": "1"}, "ExposedPorts": {"80": {}},
        "Volumes": {"/v": {}}, "Entrypoint": ["/e"], "Cmd": []});
    assert_eq!(config_json(&image)["config"], expected);
    assert_eq!(image.annotations().len(), 1);
    image.set_env("A", None).unwrap();
    image.set_label("a", None).unwrap();
    image.set_exposed_port("80", false).unwrap();
    image.set_volume("/v", false).unwrap();
    image.set_entrypoint(None).unwrap();
    image.set_annotation("a", None).unwrap();
    let expected = json!({"Env": [], "Labels": {}, "ExposedPorts": {}, "Volumes": {}, "Cmd": []});
    assert_eq!(config_json(&image)["config"], expected);
    assert_eq!(manifest_json(&image)["annotations"], json!({}));
    read_back(&image);
}

#[test]
fn members_given_as_json_are_held_to_the_rules_of_loading() {
    let mut image = image(1, PLAIN);
    image
        .set_config_member("Healthcheck", Some(b"\n{\"Test\" : [\"CMD\"]} "))
        .unwrap();
    assert!(config_text(&image).contains(r#""config":{"Healthcheck":{"Test" : ["CMD"]}}"#));
    let before = digests(&image);
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    for (name, json) in [
        ("Env", "{}"),
        ("env", "[1]"),
        ("Labels", r#"{"a":"\u0000"}"#),
        ("Labels", r#"{"a":"1","a":"2"}"#),
        ("X", r#"{"a":1,"a":2}"#),
        ("X", r#"{"b":[{"\u0000":2}]}"#),
        ("X", "1 2"),
        ("X", "1,\"Y\":2"),
        ("X", ""),
        ("X", "\"\\ud800\""),
        ("X", &deep),
    ] {
        let set = image.set_config_member(name, Some(json.as_bytes()));
        assert_eq!(status(set), Status::Malformed, "{name} {json}");
        assert_eq!(digests(&image), before);
    }
    assert_eq!(
        status(image.set_config_member("X", Some(b"\"\xff\""))),
        Status::Malformed
    );
    assert_eq!(
        status(image.set_config_member("", Some(b"1"))),
        Status::InvalidArgument
    );
    image
        .set_config_member("Labels", Some(br#"{"b":"1"}"#))
        .unwrap();
    image.set_label("a", Some("2")).unwrap();
    assert_eq!(
        config_json(&image)["config"]["Labels"],
        json!({"a": "2", "b": "1"})
    );
    read_back(&image);
}

#[test]
fn a_whole_config_is_taken_as_it_is_written() {
    let mut image = image(1, PLAIN);
    let diff_id = image.layers()[0].diff_id().unwrap().to_string();
    let with = |diff_ids: Value, rest: &str| {
        format!(" {{\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":{diff_ids}}}{rest}}}\n")
    };
    let config = with(
        json!([diff_id]),
        r#", "os":"a","architecture":"b","history":[{}]"#,
    );
    image.set_config_json(config.as_bytes()).unwrap();
    assert_eq!(config_text(&image), config);
    assert_eq!(**image.platform().unwrap(), platform("a", "b"));
    append(&mut image, "new");
    assert_eq!(config_json(&image)["history"], json!([{}, {}]));
    image.remove_layer(1).unwrap();
    assert_eq!(config_text(&image), config);
    let before = digests(&image);
    let other = Digest::of(Algorithm::Sha256, b"other").to_string();
    for (config, expected) in [
        (with(json!([]), ""), Status::InvalidArgument),
        (with(json!([other]), ""), Status::InvalidArgument),
        (with(json!([diff_id, diff_id]), ""), Status::InvalidArgument),
        (with(json!(["x"]), ""), Status::Malformed),
        (with(json!([diff_id]), r#","os":1"#), Status::Malformed),
        (
            with(json!([diff_id]), r#","x":{"\u0000":1}"#),
            Status::Malformed,
        ),
        (with(json!([diff_id]), ",,"), Status::Malformed),
    ] {
        assert_eq!(
            status(image.set_config_json(config.as_bytes())),
            expected,
            "{config}"
        );
        assert_eq!(digests(&image), before);
        assert_eq!(**image.platform().unwrap(), platform("a", "b"));
    }
    image
        .set_config_json(with(json!([diff_id]), "").as_bytes())
        .unwrap();
    assert_eq!(image.platform(), None);
    read_back(&image);
}

#[test]
fn bad_arguments_leave_the_image_as_it_was() {
    let mut image = image(1, PLAIN);
    let before = digests(&image);
    let no_diff_id = Layer::new(
        layer_of(LAYER, "x").descriptor().clone(),
        None,
        layer_of(LAYER, "x").loader().clone(),
    );
    let bad_step = Step {
        created: Some("yesterday"),
        ..Step::default()
    };
    let nul_step = Step {
        comment: Some("\0"),
        ..Step::default()
    };
    let options = |step| AppendOptions {
        step,
        ..AppendOptions::default()
    };
    let new = layer_of(LAYER, "new");
    let results = [
        image.set_env("A=B", Some("1")),
        image.set_env("", Some("1")),
        image.set_env("A", Some("\0")),
        image.set_label("", Some("1")),
        image.set_label("a\0", Some("1")),
        image.set_annotation("", None),
        image.set_exposed_port("", true),
        image.set_volume("", false),
        image.set_user(Some("a\0")),
        image.set_cmd(Some(&["a", "\0"])),
        image.set_created(Some("2006-01-02 15:04:05Z")),
        image.set_created(Some("2006-02-30T15:04:05Z")),
        image.set_platform(&platform("linux", "")),
        image.set_platform(&platform("", "amd64")),
        image.append_layer(&no_diff_id, &AppendOptions::default()),
        image.append_layer(&new, &options(bad_step)),
        image.append_layer(&new, &options(nul_step)),
        image.replace_layer(0, &no_diff_id).map(drop),
        image.add_history(&bad_step),
    ];
    for (i, result) in results.into_iter().enumerate() {
        assert_eq!(status(result), Status::InvalidArgument, "{i}");
    }
    assert_eq!(digests(&image), before);
    assert_eq!(image.layers().len(), 1);
    read_back(&image);
}

#[test]
fn media_types_are_converted_and_nothing_else() {
    let mut image = image_of(MANIFEST, &[LAYER, GZIP], PLAIN);
    let before = image.clone();
    image.convert(Format::Docker).unwrap();
    let json = manifest_json(&image);
    assert_eq!(json["mediaType"], DOCKER_MANIFEST);
    assert_eq!(json["config"]["mediaType"], DOCKER_CONFIG);
    assert_eq!(
        json["layers"][1]["mediaType"],
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
    );
    assert_eq!(image.config().digest, before.config().digest);
    assert_eq!(
        status(image.set_annotation("a", Some("b"))),
        Status::Unsupported
    );
    assert_eq!(
        status(image.append_layer(&layer_of(ZSTD, "z"), &AppendOptions::default())),
        Status::Unsupported
    );
    read_back(&image);
    image.convert(Format::Oci).unwrap();
    assert_eq!(digests(&image), digests(&before));
    image
        .append_layer(&layer_of(ZSTD, "z"), &AppendOptions::default())
        .unwrap();
}

#[test]
fn what_docker_has_no_form_for_is_not_converted() {
    let mut annotated = image(1, PLAIN);
    annotated.set_annotation("a", Some("b")).unwrap();
    let images = [
        annotated.clone(),
        image_of(MANIFEST, &[ZSTD], PLAIN),
        image_of(
            MANIFEST,
            &["application/vnd.oci.image.layer.v1.tar+gzip+encrypted"],
            PLAIN,
        ),
    ];
    for mut image in images {
        let before = digests(&image);
        assert_eq!(status(image.convert(Format::Docker)), Status::Unsupported);
        assert_eq!(digests(&image), before);
        assert_eq!(image.format(), Format::Oci);
    }
    annotated.set_annotation("a", None).unwrap();
    annotated.convert(Format::Docker).unwrap();
}

#[test]
fn a_manifest_without_a_type_gets_one_only_when_it_changes_family() {
    let mut memory = MemoryLoader::default();
    let mut manifest = memory.manifest(json!({}));
    manifest.as_object_mut().unwrap().remove("mediaType");
    let memory = memory.with_root(manifest.to_string());
    let mut image = load(&memory)
        .unwrap()
        .image(0, &Context::default())
        .unwrap();
    let before = digests(&image);
    image.convert(Format::Oci).unwrap();
    assert_eq!(digests(&image), before);
    image.convert(Format::Docker).unwrap();
    assert_eq!(manifest_json(&image)["mediaType"], DOCKER_MANIFEST);
    read_back(&image);
}

#[test]
fn digests_keep_their_algorithm_and_data_follows_the_config() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3] {
        let config = r#"{"os":"linux","architecture":"amd64"}"#;
        let digest = Digest::of(algorithm, config.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": {
            "mediaType": CONFIG, "digest": digest.to_string(), "size": config.len(),
            "data": STANDARD.encode(config), "x": 1}, "layers": []});
        let mut memory = MemoryLoader::default();
        let manifest = manifest.to_string();
        memory.root_digest = Some(Digest::of(algorithm, manifest.as_bytes()).to_string());
        let index = load(&memory.with_root(&manifest)).unwrap();
        let mut image = index.image(0, &Context::default()).unwrap();
        let before = digests(&image);
        image.set_author(Some("a")).unwrap();
        assert_eq!(
            image.config().digest,
            Digest::of(algorithm, &image.config().bytes)
        );
        assert_eq!(
            image.manifest().digest,
            Digest::of(algorithm, &image.manifest().bytes)
        );
        let descriptor = &manifest_json(&image)["config"];
        let data = STANDARD
            .decode(descriptor["data"].as_str().unwrap())
            .unwrap();
        assert_eq!(*data, *image.config().bytes);
        assert_eq!(descriptor["x"], 1);
        read_back(&image);
        image.set_author(None).unwrap();
        assert_eq!(digests(&image), before);
    }
}

#[test]
fn members_that_are_null_are_made_where_they_are_needed() {
    let mut memory = MemoryLoader::default();
    let config = memory.put(
        CONFIG,
        r#"{"os":null,"architecture":"","config":null,"history":null,"rootfs":{"type":null}}"#,
    );
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{config},\"layers\":null,\
         \"annotations\":null,\"subject\":null}}"
    );
    let index = load(&memory.with_root(manifest)).unwrap();
    let mut image = index.image(0, &Context::default()).unwrap();
    append(&mut image, "a");
    image.set_annotation("a", Some("b")).unwrap();
    image.set_label("l", Some("1")).unwrap();
    image.set_platform(&platform("linux", "amd64")).unwrap();
    image.set_annotation("a", None).unwrap();
    image.convert(Format::Docker).unwrap();
    let config = config_json(&image);
    assert_eq!(config["config"], json!({"Labels": {"l": "1"}}));
    assert_eq!(config["history"], json!([{}]));
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 1);
    assert_eq!(manifest_json(&image)["layers"].as_array().unwrap().len(), 1);
    read_back(&image);
}

/// Config and layers by other algorithms than the manifest, each as it was.
#[test]
fn algorithms_may_differ_within_an_image() {
    let mut image = image(1, PLAIN);
    for (i, algorithm) in [Algorithm::Sha512, Algorithm::Blake3]
        .into_iter()
        .enumerate()
    {
        let content = format!("layer by {algorithm:?}");
        let digest = Digest::of(algorithm, content.as_bytes());
        let mut memory = MemoryLoader::default();
        memory.replace(&json!({"digest": digest.to_string()}), &content);
        let d = Descriptor::new(
            Text::new(LAYER).unwrap(),
            digest.clone(),
            content.len() as u64,
        );
        let layer = Layer::new(Arc::new(d), Some(digest.clone()), memory.with_root(""));
        image
            .append_layer(&layer, &AppendOptions::default())
            .unwrap();
        assert_eq!(
            manifest_json(&image)["layers"][i + 1]["digest"],
            digest.to_string()
        );
        assert_eq!(
            config_json(&image)["rootfs"]["diff_ids"][i + 1],
            digest.to_string()
        );
        read_back(&image);
    }
}

#[test]
fn clones_are_independent() {
    let mut first = image(1, PLAIN);
    first.set_label("a", Some("1")).unwrap();
    let mut second = first.clone();
    second.set_label("a", Some("2")).unwrap();
    append(&mut second, "x");
    assert_eq!(first.layers().len(), 1);
    assert_eq!(config_json(&first)["config"]["Labels"]["a"], "1");
    assert_eq!(config_json(&second)["config"]["Labels"]["a"], "2");
    let loader = second.loader();
    second.set_label("a", Some("3")).unwrap();
    // A loader serves the image as it was when it was asked for.
    let config = second.config().digest.clone();
    assert!(loader.open_blob(&config, &Context::default()).is_err());
    read_back(&first);
    read_back(&second);
}

#[test]
fn an_image_of_ten_thousand_layers_is_edited_in_linear_time() {
    let layer = layer_of(LAYER, "x");
    let started = std::time::Instant::now();
    let mut image = Image::create(Format::Oci, &platform("linux", "amd64")).unwrap();
    for _ in 0..10_000 {
        image
            .append_layer(&layer, &AppendOptions::default())
            .unwrap();
    }
    let other = layer_of(GZIP, "y");
    for i in 0..10_000 {
        image.replace_layer(i, &other).unwrap();
    }
    assert_eq!(image.layers().len(), 10_000);
    assert_eq!(
        config_json(&image)["history"].as_array().unwrap().len(),
        10_000
    );
    image.convert(Format::Docker).unwrap();
    assert_eq!(image.manifest().content.layers.len(), 10_000);
    // Quadratic work takes minutes.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[derive(Clone, Debug)]
enum Edit {
    Env(String, Option<String>),
    Label(String, Option<String>),
    Annotation(String, Option<String>),
    Port(String, bool),
    Cmd(Option<Vec<String>>),
    User(Option<String>),
    Created(Option<&'static str>),
    Platform(&'static str),
    Member(&'static str, Option<&'static str>),
    Append(u8, &'static str),
    Replace(usize),
    Remove(usize),
    History,
    Convert(bool),
}

fn edits() -> impl Strategy<Value = Edit> {
    use proptest::option::of;
    use proptest::sample::select;
    let key = || "[AB=\u{e9}\"]{0,2}";
    let text = || "[a-c\"\\\\\n\u{0}\u{1f600}]{0,3}";
    let members = vec!["Env", "Labels", "cmd", "Cmd", "X", "ExposedPorts"];
    let values = vec![
        "null",
        "{}",
        "[]",
        "[\"A=1\",null]",
        "{\"A\":\"1\"}",
        "\"x\"",
        "1.50",
        "{\"A\":1,\"A\":2}",
    ];
    prop_oneof![
        (key(), of(text())).prop_map(|(k, v)| Edit::Env(k, v)),
        (key(), of(text())).prop_map(|(k, v)| Edit::Label(k, v)),
        (key(), of(text())).prop_map(|(k, v)| Edit::Annotation(k, v)),
        (key(), any::<bool>()).prop_map(|(k, v)| Edit::Port(k, v)),
        of(proptest::collection::vec(text(), 0..3)).prop_map(Edit::Cmd),
        of(text()).prop_map(Edit::User),
        of(select(vec!["2006-01-02T15:04:05Z", "now", ""])).prop_map(Edit::Created),
        select(vec!["arm64", "amd64", ""]).prop_map(Edit::Platform),
        (select(members), of(select(values))).prop_map(|(k, v)| Edit::Member(k, v)),
        (
            0_u8..4,
            select(vec![LAYER, GZIP, ZSTD, DOCKER_LAYER, "x/y"])
        )
            .prop_map(|(i, t)| Edit::Append(i, t)),
        (0_usize..6).prop_map(Edit::Replace),
        (0_usize..6).prop_map(Edit::Remove),
        Just(Edit::History),
        any::<bool>().prop_map(Edit::Convert),
    ]
}

fn apply(image: &mut Image, edit: &Edit) -> Result<(), Error> {
    match edit {
        Edit::Env(name, value) => image.set_env(name, value.as_deref()),
        Edit::Label(key, value) => image.set_label(key, value.as_deref()),
        Edit::Annotation(key, value) => image.set_annotation(key, value.as_deref()),
        Edit::Port(port, present) => image.set_exposed_port(port, *present),
        Edit::Cmd(words) => {
            let words = words
                .as_ref()
                .map(|words| words.iter().map(String::as_str).collect());
            let words: Option<Vec<_>> = words;
            image.set_cmd(words.as_deref())
        }
        Edit::User(user) => image.set_user(user.as_deref()),
        Edit::Created(time) => image.set_created(*time),
        Edit::Platform(architecture) => image.set_platform(&platform("linux", architecture)),
        Edit::Member(name, json) => image.set_config_member(name, json.map(str::as_bytes)),
        Edit::Append(i, media_type) => image.append_layer(
            &layer_of(media_type, &i.to_string()),
            &AppendOptions::default(),
        ),
        Edit::Replace(i) => image.replace_layer(*i, &layer_of(LAYER, "r")).map(drop),
        Edit::Remove(i) => image.remove_layer(*i).map(drop),
        Edit::History => image.add_history(&Step::default()),
        Edit::Convert(docker) => image.convert(if *docker { Format::Docker } else { Format::Oci }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_edits_leave_an_image_that_loads_or_the_one_before(
        ops in proptest::collection::vec(edits(), 1..12),
    ) {
        let config = r#"{"os":"linux","architecture":"amd64","config":{"env":["A=0","A=1"],
            "Labels":null},"rootfs":{"type":"layers","diff_ids":$},"history":[{},null]}"#;
        let mut image = image(2, config);
        for op in &ops {
            let before = (digests(&image), image.layers().len());
            if apply(&mut image, op).is_err() {
                prop_assert_eq!((digests(&image), image.layers().len()), before);
            }
        }
        read_back(&image);
    }
}
