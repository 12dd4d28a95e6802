//! The same edits by other tools and by this library: what both tools can set must be equal.

mod support;

use ociimg::context::Context;
use ociimg::image::{Format, Image};
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::mutate::layer_writer::{LayerOptions, LayerWriter};
use ociimg::mutate::{AppendOptions, Step};
use ociimg::platform::Platform;
use ociimg::sink::copy::{Copy, CopyOptions, Source};
use ociimg::sink::{LayoutSink, SharedSink, SinkOptions};
use ociimg::source::{self, Options};
use ociimg::text::Text;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use support::{has, skip};
use tempfile::TempDir;

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
    let loader = source::open(path, &options, &ctx).unwrap();
    let index = Index::load(loader, &LoadOptions::default(), &ctx).unwrap();
    index.image(0, &ctx).unwrap()
}

/// A document without members that are empty.
fn meaning(bytes: &[u8]) -> Value {
    fn strip(value: &mut Value) {
        if let Value::Object(members) = value {
            members.values_mut().for_each(strip);
            members.retain(|key, value| match value {
                Value::Null => false,
                Value::Object(members) => {
                    !members.is_empty()
                        || key.starts_with('/')
                        || key.ends_with("/tcp")
                        || key.ends_with("/udp")
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
fn an_edit_equals_that_of_umoci_config() {
    if !has("umoci", "edits by umoci") {
        return;
    }
    let folder = TempDir::new().unwrap();
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
    assert_eq!(
        meaning(&theirs.config().bytes),
        meaning(&image.config().bytes)
    );
    let annotations = |image: &Image| meaning(&image.manifest().bytes)["annotations"].clone();
    assert_eq!(annotations(&theirs), annotations(&image));
}

/// buildah, with a store of its own.
struct Buildah {
    folder: TempDir,
}

impl Buildah {
    /// A container of the image `base` in the layout; `None` where buildah cannot work.
    fn from(layout: &str, base: &Image) -> Option<Self> {
        let what = "edits by buildah";
        if !has("buildah", what) {
            return None;
        }
        // The path becomes a name in the store, which has no capitals.
        let name = format!("ociimg-edit-{}-{layout}", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix(&name)
            .rand_bytes(0)
            .tempdir();
        let buildah = Self {
            folder: folder.unwrap(),
        };
        write(base, &buildah.at(layout), "base");
        let source = format!("oci:{}:base", buildah.at(layout).display());
        let run = buildah.run(&["from", "--name", "edited", &source]);
        // Not in a container that may not mount.
        if !run.status.success() {
            skip(what, String::from_utf8_lossy(&run.stderr).trim());
            return None;
        }
        Some(buildah)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new("buildah")
            .args(["--storage-driver", "vfs", "--root"])
            .arg(self.at("storage"))
            .arg("--runroot")
            .arg(self.at("run"))
            .args(args)
            .output()
            .expect("buildah runs")
    }

    /// Runs a command that must succeed.
    fn edit(&self, args: &[&str]) {
        let run = self.run(args);
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{args:?}: {stderr}");
    }
}

/// [`base`], with a layer of one empty block, and its step of history.
fn base_with_layer() -> Image {
    let mut image = base();
    let mut writer = LayerWriter::new(&LayerOptions::default(), Arc::default()).unwrap();
    writer.write(&[0; 1024]).unwrap();
    let step = Step {
        created: Some(TIME),
        created_by: Some("base"),
        ..Step::default()
    };
    let options = AppendOptions {
        step,
        ..AppendOptions::default()
    };
    image
        .append_layer(&writer.finish().unwrap(), &options)
        .unwrap();
    image
}

/// Options of `buildah config` for both formats.
const SETTINGS: [&str; 34] = [
    "--os",
    "linux",
    "--arch",
    "arm64",
    "--variant",
    "v8",
    "--os-version",
    "1.2",
    "--os-feature",
    "f",
    "--author",
    "me",
    "--user",
    "1000:100",
    "--port",
    "80/tcp",
    "--port",
    "53/udp",
    "--env",
    "NEW=a=b",
    "--env",
    "OLD-",
    "--cmd",
    "now",
    "--volume",
    "/data",
    "--label",
    "new=x y",
    "--label",
    "old-",
    "--workingdir",
    "/work",
    "--stop-signal",
    "SIGINT",
];

/// The same by this library.
fn set(image: &mut Image) {
    let platform = Platform {
        os: Text::new("linux"),
        architecture: Text::new("arm64"),
        variant: Text::new("v8"),
        os_version: Text::new("1.2"),
        os_features: [Text::new("f").unwrap()].into(),
    };
    image.set_platform(&platform).unwrap();
    image.set_author(Some("me")).unwrap();
    image.set_user(Some("1000:100")).unwrap();
    // buildah sorts them.
    image.set_exposed_port("53/udp", true).unwrap();
    image.set_exposed_port("80/tcp", true).unwrap();
    image.set_env("NEW", Some("a=b")).unwrap();
    image.set_env("OLD", None).unwrap();
    image.set_entrypoint(Some(&["/run", "--serve"])).unwrap();
    image.set_cmd(Some(&["now"])).unwrap();
    image.set_volume("/data", true).unwrap();
    image.set_label("new", Some("x y")).unwrap();
    image.set_label("old", None).unwrap();
    image.set_working_dir(Some("/work")).unwrap();
    image.set_stop_signal(Some("SIGINT")).unwrap();
}

/// A config by buildah without what it adds by itself.
fn without_additions(theirs: &Image) -> Value {
    let mut config = meaning(&theirs.config().bytes);
    let labels = config.pointer_mut("/config/Labels").unwrap();
    labels.as_object_mut().unwrap().remove("io.buildah.version");
    // "FROM" and the name of the base.
    let last = config["history"].as_array_mut().unwrap().last_mut();
    last.unwrap().as_object_mut().unwrap().remove("comment");
    config
}

const ENTRYPOINT: [&str; 2] = ["--entrypoint", r#"["/run","--serve"]"#];

#[test]
fn an_edit_of_an_oci_image_equals_that_of_buildah_config() {
    let mut image = base_with_layer();
    let Some(buildah) = Buildah::from("oci", &image) else {
        return;
    };
    let mut config = vec![
        "config",
        "--annotation",
        "org.example=1",
        "--created-by",
        "config",
    ];
    config.extend(ENTRYPOINT);
    config.extend(SETTINGS);
    config.push("edited");
    buildah.edit(&config);
    let target = format!("oci:{}:edited", buildah.at("oci").display());
    buildah.edit(&[
        "commit",
        "-q",
        "--timestamp",
        "1136214245",
        "edited",
        &target,
    ]);
    let theirs = read(&buildah.at("oci"), "edited");

    set(&mut image);
    image.set_annotation("org.example", Some("1")).unwrap();
    // buildah adds a layer of what was changed in the container: nothing.
    let step = Step {
        created: Some(TIME),
        created_by: Some("config"),
        author: Some("me"),
        comment: None,
    };
    let options = AppendOptions {
        step,
        ..AppendOptions::default()
    };
    image.append_layer(&theirs.layers()[1], &options).unwrap();

    assert_eq!(without_additions(&theirs), meaning(&image.config().bytes));
    assert_eq!(theirs.layers().len(), 2);
    for (their, our) in theirs.layers().iter().zip(image.layers()) {
        // buildah stores them uncompressed.
        assert_eq!(their.chain_id(), our.chain_id());
    }
    let annotations = |image: &Image| {
        let mut annotations = meaning(&image.manifest().bytes)["annotations"].clone();
        let map = annotations.as_object_mut().unwrap();
        map.retain(|key, _| !key.starts_with("org.opencontainers.image.base."));
        annotations
    };
    assert_eq!(annotations(&theirs), annotations(&image));
}

/// In Docker's format buildah sets more, for which this library takes JSON.
#[test]
fn an_edit_of_a_docker_image_equals_that_of_buildah_config() {
    let mut image = base_with_layer();
    let Some(buildah) = Buildah::from("docker", &image) else {
        return;
    };
    let mut config = vec!["config"];
    config.extend(ENTRYPOINT);
    config.extend(SETTINGS);
    config.extend(["--healthcheck", r#"CMD /ok "a b""#]);
    config.extend([
        "--healthcheck-interval",
        "1m30s",
        "--healthcheck-timeout",
        "5s",
        "--healthcheck-retries",
        "3",
    ]);
    config.extend([
        "--shell",
        "/bin/sh -c",
        "--onbuild",
        "RUN x",
        "--hostname",
        "h",
    ]);
    config.push("edited");
    buildah.edit(&config);
    let archive = buildah.at("docker.tar");
    let target = format!("docker-archive:{}:edited:v1", archive.display());
    buildah.edit(&["commit", "-q", "--format", "docker", "edited", &target]);
    let theirs = read(&archive, "edited:v1");

    image.convert(Format::Docker).unwrap();
    set(&mut image);
    for (name, json) in [
        (
            "Healthcheck",
            r#"{"Test":["CMD","/ok","a b"],"Interval":90000000000,"Timeout":5000000000,"Retries":3}"#,
        ),
        ("Shell", r#"["/bin/sh","-c"]"#),
        ("OnBuild", r#"["RUN x"]"#),
        ("Hostname", r#""h""#),
    ] {
        image
            .set_config_member(name, Some(json.as_bytes()))
            .unwrap();
    }

    let (theirs, ours) = (without_additions(&theirs), meaning(&image.config().bytes));
    for member in [
        "os",
        "architecture",
        "variant",
        "os.version",
        "os.features",
        "author",
    ] {
        assert_eq!(theirs[member], ours[member], "{member}");
    }
    let mut theirs = theirs["config"].clone();
    // Docker's always says whether there is a terminal.
    theirs
        .as_object_mut()
        .unwrap()
        .retain(|_, value| *value != Value::Bool(false));
    assert_eq!(theirs, ours["config"]);
}
