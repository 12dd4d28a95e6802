//! One index must not show one image to a scanner built on this library and another to skopeo and
//! containerd: the choice of `image_for` in crafted indexes, compared with theirs.

mod support;

use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::platform::Platform;
use ociimg::source;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::loader::{CONFIG, INDEX, LAYER, MANIFEST, index, on};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice {
    /// The image in the shape, the first of the index.
    Odd,
    /// The plain entry for linux/amd64 behind it.
    Good,
    /// The index is refused.
    Refused,
}
use Choice::{Good, Odd, Refused};

/// A layout on disk.
struct Layout(TempDir);

impl Layout {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(
            folder.path().join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Self(folder)
    }

    fn put(&self, media_type: &str, content: &str) -> Value {
        let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
        let blob = self.0.path().join("blobs/sha256").join(digest.parts().1);
        fs::write(blob, content).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": content.len()})
    }

    /// An image of linux/amd64 with this author.
    fn image(&self, author: &str) -> Value {
        let layer = self.put(LAYER, &"\0".repeat(1024));
        let config = json!({
            "os": "linux", "architecture": "amd64", "author": author,
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}
        });
        let config = self.put(CONFIG, &config.to_string());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]
        });
        self.put(MANIFEST, &manifest.to_string())
    }

    /// Makes this index the one thing that index.json names, so that no tool asks for a name.
    fn offer(&self, manifests: &[Value]) {
        let root = self.put(INDEX, &index(manifests).to_string());
        fs::write(self.0.path().join("index.json"), index(&[root]).to_string()).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn choice(author: Option<&str>) -> Choice {
    match author {
        Some("odd") => Odd,
        Some("good") => Good,
        other => panic!("author {other:?}"),
    }
}

fn ours(layout: &Layout) -> Choice {
    let ctx = Context::default();
    let loader = source::open(layout.path(), &source::Options::default(), &ctx).unwrap();
    let platform = Platform::parse("linux/amd64", Platform::host()).unwrap();
    let image = Index::load(loader, &LoadOptions::default(), &ctx)
        .and_then(|index| index.image_for(&platform, &ctx));
    match image {
        Ok(image) => {
            let config: Value = serde_json::from_slice(&image.config().bytes).unwrap();
            choice(config["author"].as_str())
        }
        Err(_) => Refused,
    }
}

fn skopeo(layout: &Layout) -> Choice {
    let run = Command::new("skopeo")
        .args(["--override-os", "linux", "--override-arch", "amd64"])
        .args(["inspect", "--config"])
        .arg(format!("oci:{}", layout.path().display()))
        .output()
        .unwrap();
    match run.status.success() {
        true => {
            let config: Value = serde_json::from_slice(&run.stdout).unwrap();
            choice(config["author"].as_str())
        }
        false => Refused,
    }
}

fn with(mut d: Value, key: &str, value: Value) -> Value {
    d[key] = value;
    d
}

type Shape = fn(&Layout, Value) -> Value;

/// The shapes, what containerd's walk (`images.Manifest`, with the matcher of linux/amd64 and a
/// limit of one) takes, and why.
const SHAPES: [(&str, Shape, Choice, &str); 13] = [
    (
        "plain",
        |_, d| on(d, "linux", "amd64"),
        Odd,
        "ties keep the order of the document",
    ),
    (
        "annotated as an attestation",
        |_, d| {
            let annotations = json!({"vnd.docker.reference.type": "attestation-manifest"});
            with(on(d, "linux", "amd64"), "annotations", annotations)
        },
        Odd,
        "annotations are not looked at",
    ),
    (
        "with an artifactType",
        |_, d| with(on(d, "linux", "amd64"), "artifactType", json!("x/y")),
        Odd,
        "artifactType is not looked at",
    ),
    (
        "without platform",
        |_, d| d,
        Good,
        "entries without a platform come behind those with one",
    ),
    (
        "platform null",
        |_, d| with(d, "platform", Value::Null),
        Good,
        "null is no platform",
    ),
    (
        "platform {}",
        |_, d| with(d, "platform", json!({})),
        Good,
        "an empty architecture does not match",
    ),
    (
        "platform of empty texts",
        |_, d| on(d, "", ""),
        Good,
        "an empty architecture does not match",
    ),
    (
        "platform without architecture",
        |_, d| with(d, "platform", json!({"os": "linux"})),
        Good,
        "an empty architecture does not match",
    ),
    (
        "platform of another machine, with a config for this one",
        |_, d| on(d, "linux", "arm64"),
        Good,
        "the descriptor's platform counts",
    ),
    (
        "in an index without platform",
        |l, d| l.put(INDEX, &index(&[on(d, "linux", "amd64")]).to_string()),
        Good,
        "entries without a platform come behind those with one",
    ),
    (
        "without platform, in an index without platform",
        |l, d| l.put(INDEX, &index(&[d]).to_string()),
        Good,
        "entries without a platform come behind those with one",
    ),
    (
        "in an index for this platform",
        |l, d| {
            let nested = l.put(INDEX, &index(&[on(d, "linux", "amd64")]).to_string());
            on(nested, "linux", "amd64")
        },
        Odd,
        "an index is chosen by its platform, and walked",
    ),
    (
        "in an index for another platform",
        |l, d| {
            let nested = l.put(INDEX, &index(&[on(d, "linux", "amd64")]).to_string());
            on(nested, "linux", "s390x")
        },
        Good,
        "an index of another platform is not walked",
    ),
];

#[test]
fn the_image_that_containerd_and_skopeo_run_is_chosen() {
    let has_skopeo = support::has("skopeo", "what skopeo chooses from an index");
    for (shape, make, containerd, why) in SHAPES {
        let layout = Layout::new();
        let odd = make(&layout, layout.image("odd"));
        let good = on(layout.image("good"), "linux", "amd64");
        layout.offer(&[odd, good]);
        assert_eq!(ours(&layout), containerd, "{shape}: {why}");
        if has_skopeo {
            assert_eq!(skopeo(&layout), containerd, "{shape}: skopeo");
        }
    }
}

/// Go's JSON takes `Platform` for `platform`, and `dige\u{17f}t` for `digest`; other readers do not.
/// Such an entry is broken, and the entry after it is not taken in its place.
#[test]
fn a_key_in_another_case_hides_no_image() {
    let has_skopeo = support::has("skopeo", "what skopeo reads from keys in another case");
    let own = json!({"os": "linux", "architecture": "amd64"});
    let digest = format!("sha256:{}", "0".repeat(64));
    for (key, value) in [
        ("Platform", own.clone()),
        ("PLATFORM", own.clone()),
        ("mediatype", json!(MANIFEST)),
        ("dige\u{17f}t", json!(digest)),
        ("\u{17f}ize", json!(2)),
    ] {
        let layout = Layout::new();
        let odd = layout.image("odd");
        let odd = match value == own {
            true => odd,
            false => on(odd, "linux", "amd64"),
        };
        let good = on(layout.image("good"), "linux", "amd64");
        layout.offer(&[with(odd, key, value), good]);
        assert_eq!(ours(&layout), Refused, "{key}");
        if has_skopeo {
            assert_ne!(skopeo(&layout), Good, "{key}: skopeo");
        }
    }
}
