//! The output of the sinks, read by common tools.

mod support;

use ociimg::compression::Method;
use ociimg::context::Context;
use ociimg::sink::{ArchiveSink, LayoutSink, Sink, SinkOptions};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::image::*;
use support::readers::*;
use support::{has, skip};
use tempfile::TempDir;

/// A layout and archives of one image and one index of two, under names that all readers
/// take.
struct Written {
    folder: TempDir,
    image: TestImage,
    index: Blob,
}

const IMAGE: &str = "example.org/one:1";
const INDEX: &str = "example.org/several:2";

impl Written {
    fn new() -> Self {
        let written = Self {
            folder: lowercase_folder(),
            image: image("one", "amd64", 3),
            index: index_of(&platforms(), &["amd64", "arm64"]),
        };
        written.fill(&LayoutSink::open(&written.at("layout"), &SinkOptions::default()).unwrap());
        let gzip = Method::Gzip(6);
        let zstd = Method::Zstd(3);
        for (name, docker, compression) in [
            ("oci.tar", false, Method::None),
            ("oci.tar.gz", false, gzip),
            ("oci.tar.zst", false, zstd),
            ("docker.tar", true, Method::None),
        ] {
            let options = SinkOptions {
                docker,
                compression,
                ..SinkOptions::default()
            };
            written.fill(&ArchiveSink::create(&written.at(name), &options).unwrap());
        }
        written
    }

    fn fill(&self, sink: &dyn Sink) {
        put_image(sink, &self.image, Some(IMAGE)).unwrap();
        put_index(sink, &platforms(), &self.index, Some(INDEX)).unwrap();
        sink.finish(&Context::default()).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn platforms() -> [TestImage; 2] {
    ["amd64", "arm64"].map(|architecture| image("several", architecture, 2))
}

#[test]
fn skopeo_reads_layouts_and_oci_archives() {
    if !has("skopeo", "skopeo reads layouts and OCI archives") {
        return;
    }
    let written = Written::new();
    for (transport, name) in [
        ("oci", "layout"),
        ("oci-archive", "oci.tar"),
        ("oci-archive", "oci.tar.gz"),
        ("oci-archive", "oci.tar.zst"),
    ] {
        let path = written.at(name);
        for (reference, expected) in [(IMAGE, &written.image.manifest), (INDEX, &written.index)] {
            let source = format!("{transport}:{}:{reference}", path.display());
            let raw = run(skopeo().args(["inspect", "--raw", &source]));
            assert_eq!(raw.as_bytes(), expected.bytes, "{source}");
            // skopeo checks the digest of all that it copies.
            let copy = TempDir::new().unwrap();
            let target = format!("dir:{}", copy.path().display());
            run(skopeo().args(["copy", "--all", "--preserve-digests", &source, &target]));
            let manifest = fs::read(copy.path().join("manifest.json")).unwrap();
            assert_eq!(manifest, expected.bytes, "{source}");
        }
    }
}

#[test]
fn skopeo_reads_docker_archives() {
    if !has("skopeo", "skopeo reads docker archives") {
        return;
    }
    let written = Written::new();
    let config = written.image.blobs.last().unwrap();
    // Not the compressed one: skopeo 1.9 fails to read that, made by gzip itself too.
    let path = written.at("docker.tar");
    let source = format!("docker-archive:{}:{IMAGE}", path.display());
    let read = run(skopeo().args(["inspect", "--config", "--raw", &source]));
    assert_eq!(read.as_bytes(), config.bytes, "{source}");
    let copy = TempDir::new().unwrap();
    let target = format!("dir:{}", copy.path().display());
    run(skopeo().args(["copy", &source, &target]));
    let source = format!("docker-archive:{}:{INDEX}", path.display());
    let read = run(skopeo().args(["inspect", "--config", "--raw", &source]));
    let first = &platforms()[0];
    assert_eq!(
        read.as_bytes(),
        first.blobs.last().unwrap().bytes,
        "{source}"
    );
}

#[test]
fn umoci_unpacks_layouts() {
    if !has("umoci", "umoci unpacks layouts") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let layout = folder.path().join("layout");
    let image = image("x", "amd64", 3);
    let sink = LayoutSink::open(&layout, &SinkOptions::default()).unwrap();
    // Before there is anything in it, too.
    let list = run(Command::new("umoci").args(["ls", "--layout"]).arg(&layout));
    assert_eq!(list, "");
    put_image(&sink, &image, Some("v1")).unwrap();
    put_image(&sink, &image, Some("v2")).unwrap();
    sink.finish(&Context::default()).unwrap();
    let list = run(Command::new("umoci").args(["ls", "--layout"]).arg(&layout));
    let mut names: Vec<_> = list.lines().collect();
    names.sort();
    assert_eq!(names, ["v1", "v2"]);
    let bundle = folder.path().join("bundle");
    let source = format!("{}:v1", layout.display());
    let mut unpack = Command::new("umoci");
    unpack.args(["unpack", "--rootless", "--image", &source]);
    run(unpack.arg(&bundle));
    for i in 0..3 {
        let content = fs::read_to_string(bundle.join(format!("rootfs/file-{i}"))).unwrap();
        assert!(content.starts_with(&format!("x {i} ")));
    }
    // Its garbage collection finds nothing that does not belong.
    run(Command::new("umoci").args(["gc", "--layout"]).arg(&layout));
    assert_eq!(check_layout(&layout).len(), 2);
}

#[test]
fn buildah_pulls_layouts_and_archives() {
    let what = "buildah pulls layouts and archives";
    if !has("buildah", what) {
        return;
    }
    let buildah = match Buildah::new() {
        Ok(buildah) => buildah,
        Err(why) => return skip(what, &why),
    };
    let written = Written::new();
    let config = written.image.blobs.last().unwrap().digest();
    for (transport, name) in [
        ("oci", "layout"),
        ("oci-archive", "oci.tar"),
        ("docker-archive", "docker.tar"),
    ] {
        let source = format!("{transport}:{}:{IMAGE}", written.at(name).display());
        assert_eq!(buildah.pull(&source), config, "{source}");
    }
}

#[test]
fn containerd_imports_archives() {
    let what = "containerd imports archives";
    if !has("containerd", what) || !has("ctr", what) {
        return;
    }
    let containerd = match Containerd::start() {
        Ok(containerd) => containerd,
        Err(why) => return skip(what, &why),
    };
    let written = Written::new();
    // It reads no compressed archives.
    for name in ["oci.tar", "docker.tar"] {
        let list = containerd.import(&written.at(name));
        for (reference, blob) in [(IMAGE, &written.image.manifest), (INDEX, &written.index)] {
            let line = list.lines().find(|line| line.starts_with(reference));
            let line = line.unwrap_or_else(|| panic!("{name}: {list}"));
            assert!(line.contains(&blob.digest()), "{name}: {list}");
            run(containerd
                .ctr()
                .args(["images", "remove", "--sync", reference]));
        }
    }
}

#[test]
fn an_image_goes_through_skopeo_and_back() {
    if !has("skopeo", "an image goes through skopeo and back") {
        return;
    }
    // skopeo adds to a layout that the sink made, and the sink to what skopeo wrote.
    let folder = TempDir::new().unwrap();
    let layout = folder.path().join("layout");
    let [a, b] = ["a", "b"].map(|seed| image(seed, "amd64", 1));
    let put = |image: &TestImage, name: &str| {
        let sink = LayoutSink::open(&layout, &SinkOptions::default()).unwrap();
        put_image(&sink, image, Some(name)).unwrap();
    };
    put(&a, "a");
    let [from, to] = ["a", "copy"].map(|name| format!("oci:{}:{name}", layout.display()));
    run(skopeo().args(["copy", "--preserve-digests", &from, &to]));
    put(&b, "b");
    let listed = check_layout(&layout);
    let [a, b] = [a, b].map(|image| image.manifest.digest());
    assert_eq!(
        listed,
        [("a".into(), a.clone()), ("copy".into(), a), ("b".into(), b)]
    );
    let index: Value =
        serde_json::from_slice(&fs::read(Path::new(&layout).join("index.json")).unwrap()).unwrap();
    assert_eq!(index["schemaVersion"], 2);
}
