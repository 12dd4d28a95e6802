//! The same edits by other tools and by this library: what both can say must be equal.

mod support;

use ociimg::context::Context;
use ociimg::image::{Format, Image};
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::mutate::Step;
use ociimg::platform::Platform;
use ociimg::sink::copy::{Copy, CopyOptions, Source};
use ociimg::sink::{LayoutSink, SharedSink, SinkOptions};
use ociimg::source::{self, Options};
use ociimg::text::Text;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const TIME: &str = "2006-01-02T15:04:05Z";

fn base() -> Image {
    let platform = Platform {
        os: Text::new("linux"),
        architecture: Text::new("amd64"),
        ..Platform::default()
    };
    let mut image = Image::create(Format::Oci, &platform).unwrap();
    // umoci always writes this.
    image.set_created(Some(TIME)).unwrap();
    image.set_env("PATH", Some("/bin")).unwrap();
    image.set_env("OLD", Some("1")).unwrap();
    image.set_label("old", Some("label")).unwrap();
    image.set_cmd(Some(&["old"])).unwrap();
    image
}

fn write(image: &Image, path: &Path, name: &str) {
    let sink = LayoutSink::open(path, &SinkOptions::default()).unwrap();
    let sink = Arc::new(SharedSink::new(sink));
    let options = CopyOptions {
        names: vec![Text::new(name).unwrap()],
        ..CopyOptions::default()
    };
    let ctx = Arc::new(Context::default());
    Copy::new(Source::of_image(image), sink.clone(), options)
        .unwrap()
        .run(&ctx)
        .unwrap();
    sink.finish(&ctx).unwrap();
}

fn read(path: &Path, name: &str) -> Image {
    let ctx = Context::default();
    let options = Options {
        ref_name: Some(name.into()),
        ..Options::default()
    };
    let loader = source::open_layout(path, &options, &ctx).unwrap();
    let index = Index::load(loader, &LoadOptions::default(), &ctx).unwrap();
    index.image(0, &ctx).unwrap()
}

/// A document without members that say nothing, and with its sets in order.
fn said(bytes: &[u8]) -> Value {
    fn strip(value: &mut Value) {
        if let Value::Object(members) = value {
            members.values_mut().for_each(strip);
            members.retain(|key, value| match value {
                Value::Null => false,
                Value::Object(members) => {
                    !members.is_empty() || key.starts_with('/') || key.ends_with("/tcp")
                }
                Value::Array(elements) => !elements.is_empty(),
                Value::String(text) => !text.is_empty(),
                _ => true,
            });
        }
        if let Value::Array(elements) = value {
            elements.iter_mut().for_each(strip);
        }
    }
    let mut value = serde_json::from_slice(bytes).unwrap();
    strip(&mut value);
    value
}

#[test]
fn umoci_config_says_the_same() {
    if !support::has("umoci", "edits by umoci") {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let layout = folder.path().join("layout");
    let mut image = base();
    write(&image, &layout, "base");

    let run = Command::new("umoci")
        .arg("config")
        .arg("--image")
        .arg(format!("{}:base", layout.display()))
        .args(["--tag", "edited"])
        .args(["--config.user", "1000:100"])
        .args(["--config.exposedports", "80/tcp"])
        .args(["--config.env", "NEW=a=b"])
        .args(["--config.env", "OLD=2"])
        .args([
            "--config.entrypoint",
            "/run",
            "--config.entrypoint",
            "--serve",
        ])
        .args(["--config.cmd", "now"])
        .args(["--config.volume", "/data"])
        .args(["--config.label", "new=x y"])
        .args(["--config.workingdir", "/work"])
        .args(["--config.stopsignal", "SIGINT"])
        .args([
            "--created",
            TIME,
            "--author",
            "me",
            "--architecture",
            "arm64",
        ])
        .args(["--manifest.annotation", "org.example=1"])
        .args(["--history.author", "me", "--history.comment", "edited"])
        .args(["--history.created", TIME, "--history.created_by", "config"])
        .output()
        .expect("umoci runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );

    image.set_user(Some("1000:100")).unwrap();
    image.set_exposed_port("80/tcp", true).unwrap();
    image.set_env("NEW", Some("a=b")).unwrap();
    image.set_env("OLD", Some("2")).unwrap();
    image.set_entrypoint(Some(&["/run", "--serve"])).unwrap();
    image.set_cmd(Some(&["now"])).unwrap();
    image.set_volume("/data", true).unwrap();
    image.set_label("new", Some("x y")).unwrap();
    image.set_working_dir(Some("/work")).unwrap();
    image.set_stop_signal(Some("SIGINT")).unwrap();
    image.set_author(Some("me")).unwrap();
    let platform = Platform {
        os: Text::new("linux"),
        architecture: Text::new("arm64"),
        ..Platform::default()
    };
    image.set_platform(&platform).unwrap();
    image.set_annotation("org.example", Some("1")).unwrap();
    image
        .add_history(&Step {
            created: Some(TIME),
            created_by: Some("config"),
            author: Some("me"),
            comment: Some("edited"),
        })
        .unwrap();

    let theirs = read(&layout, "edited");
    assert_eq!(said(&theirs.config().bytes), said(&image.config().bytes));
    let annotations = |image: &Image| said(&image.manifest().bytes)["annotations"].clone();
    assert_eq!(annotations(&theirs), annotations(&image));
}
