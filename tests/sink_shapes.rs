//! Images of every shape, copied to every sink, as common tools read them.

mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use ociimg::compression::Method;
use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::loader::Loader;
use ociimg::sink::copy::{Copy, CopyOptions, Source};
use ociimg::sink::{ArchiveSink, LayoutSink, SharedSink, Sink, SinkOptions};
use ociimg::source;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::image::{Blob, check_layout, put_image};
use support::loader::*;
use support::readers::*;
use support::{has, skip};
use tempfile::TempDir;

const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const FOREIGN_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A root of the source, and what the tools make of it.
struct Shape {
    name: String,
    root: Value,
    /// The config of the image for linux/amd64; `None` where there is none.
    config: Option<Value>,
    /// Whether skopeo finds it by its name, and copies it.
    skopeo_finds: bool,
    skopeo_copies: bool,
    umoci_unpacks: bool,
}

/// The shapes, and the loader that has them all.
struct Shapes {
    loader: Arc<MemoryLoader>,
    shapes: Vec<Shape>,
}

fn tar_of(name: &str, content: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content.as_bytes())
        .unwrap();
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Makes images in a loader.
#[derive(Default)]
struct Maker(MemoryLoader);

impl Maker {
    /// A layer of this tar, stored as its media type says, and its diff ID.
    fn layer(&mut self, media_type: &str, tar: &[u8]) -> (Value, String) {
        let stored = match media_type {
            GZIP_LAYER | DOCKER_LAYER => gzip(tar),
            ZSTD_LAYER => zstd::encode_all(tar, 3).unwrap(),
            _ => tar.to_vec(),
        };
        let diff_id = Digest::of(Algorithm::Sha256, tar).to_string();
        (self.0.put(media_type, stored), diff_id)
    }

    /// The descriptors of a manifest and of its config.
    fn image(&mut self, architecture: &str, layers: &[(Value, String)]) -> (Value, Value) {
        self.image_of([MANIFEST, CONFIG], architecture, layers)
    }

    fn image_of(
        &mut self,
        [manifest_type, config_type]: [&str; 2],
        architecture: &str,
        layers: &[(Value, String)],
    ) -> (Value, Value) {
        let (layers, diff_ids): (Vec<_>, Vec<_>) = layers.iter().cloned().unzip();
        let config = json!({
            "os": "linux", "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.0.put_json(config_type, &config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": layers,
        });
        (self.0.put_json(manifest_type, &manifest), config)
    }

    fn index(&mut self, children: &[Value]) -> Value {
        self.0.put_json(INDEX, &index(children))
    }
}

impl Shapes {
    fn new() -> Self {
        let mut maker = Maker::default();
        let mut shapes = Vec::new();
        let mut add = |name: &str, root: Value, config: Option<&Value>| {
            shapes.push(Shape {
                name: format!("example.org/{name}:1"),
                root,
                config: config.cloned(),
                skopeo_finds: true,
                skopeo_copies: true,
                umoci_unpacks: false,
            });
            shapes.len() - 1
        };

        let plain = maker.layer(LAYER, &tar_of("plain", "plain"));
        let gzipped = maker.layer(GZIP_LAYER, &tar_of("gzipped", "gzipped"));
        let zeros = maker.layer(GZIP_LAYER, &[0; 1024]);
        let (image, config) = maker.image("amd64", &[plain.clone(), gzipped.clone(), zeros]);
        let mixed = add("mixed", image.clone(), Some(&config));
        let again = add("mixed-again", image.clone(), Some(&config));
        let long = format!("{}/long", vec!["0123456789".repeat(6); 3].join("/"));
        add(&long, image.clone(), Some(&config));

        let (bare, bare_config) = maker.image("amd64", &[]);
        add("without-layers", bare, Some(&bare_config));

        let zstd = maker.layer(ZSTD_LAYER, &tar_of("zstd", "zstd"));
        let (zstd, zstd_config) = maker.image("amd64", &[zstd]);
        add("zstd", zstd, Some(&zstd_config));

        let mut foreign = maker.layer(FOREIGN_LAYER, &tar_of("foreign", "foreign"));
        foreign.0["urls"] = json!(["https://localhost:1/foreign"]);
        let (foreign, _) = maker.image("amd64", &[foreign, gzipped.clone()]);
        // The tools look for such layers where their URLs lead.
        let foreign = add("foreign", foreign, None);

        let (other, _) = maker.image("arm64", std::slice::from_ref(&gzipped));
        let statement = maker.0.put("application/vnd.in-toto+json", "{}");
        let attestation_config = maker.0.put_json(
            CONFIG,
            &json!({
                "os": "unknown", "architecture": "unknown",
                "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]},
            }),
        );
        let mut attestation = maker.0.put_json(
            MANIFEST,
            &json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": attestation_config, "layers": [statement],
            }),
        );
        attestation["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image["digest"],
        });
        let attested = maker.index(&[
            on(image.clone(), "linux", "amd64"),
            on(other.clone(), "linux", "arm64"),
            on(attestation, "unknown", "unknown"),
        ]);
        add("attested", attested, Some(&config));

        let inner = maker.index(&[on(other, "linux", "arm64")]);
        let nested = maker.index(&[on(image.clone(), "linux", "amd64"), inner]);
        // skopeo copies no index in an index.
        let nested = add("nested", nested, Some(&config));

        let mut empty = maker.0.put(EMPTY, "{}");
        empty["data"] = json!("e30=");
        let content = maker.0.put("application/vnd.example", "content");
        let artifact = maker.0.put_json(
            MANIFEST,
            &json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x",
                "config": empty, "layers": [content], "subject": image,
            }),
        );
        add("artifact", artifact, None);

        let layer = maker.layer(DOCKER_LAYER, &tar_of("docker", "docker"));
        let (docker, docker_config) =
            maker.image_of([DOCKER_MANIFEST, DOCKER_CONFIG], "amd64", &[layer]);
        let mut list = index(&[on(docker.clone(), "linux", "amd64")]);
        list["mediaType"] = json!(DOCKER_INDEX);
        let list = maker.0.put_json(DOCKER_INDEX, &list);
        // skopeo finds only OCI's media types by name in a layout.
        let docker = add("docker", docker, Some(&docker_config));
        let list = add("docker-list", list, Some(&docker_config));

        for at in [foreign, nested] {
            shapes[at].skopeo_copies = false;
        }
        for at in [docker, list] {
            shapes[at].skopeo_finds = false;
        }
        for at in [mixed, again] {
            shapes[at].umoci_unpacks = true;
        }
        let named: Vec<_> = shapes
            .iter()
            .map(|shape| {
                let mut root = shape.root.clone();
                root["annotations"] = json!({REF_NAME: shape.name});
                root
            })
            .collect();
        maker.0.root_is_index = true;
        Self {
            loader: maker.0.with_index(&named),
            shapes,
        }
    }
}

/// A folder that buildah takes for a name, with what the sinks made of a source.
struct Written(TempDir);

impl Written {
    fn new(source: Arc<dyn Loader>) -> Self {
        let written = Self(lowercase_folder());
        let index = Index::load(source, &LoadOptions::default(), &Context::default()).unwrap();
        let options = SinkOptions {
            no_sync: true,
            ..SinkOptions::default()
        };
        written.fill(
            &index,
            LayoutSink::open(&written.at("layout"), &options).unwrap(),
        );
        for (name, docker, compression) in [
            ("oci.tar", false, Method::None),
            ("oci.tar.gz", false, Method::Gzip(6)),
            ("oci.tar.zst", false, Method::Zstd(3)),
            ("docker.tar", true, Method::None),
        ] {
            let options = SinkOptions {
                docker,
                compression,
                ..options.clone()
            };
            written.fill(
                &index,
                ArchiveSink::create(&written.at(name), &options).unwrap(),
            );
        }
        written
    }

    fn fill(&self, index: &Index, sink: impl Sink + 'static) {
        let sink = Arc::new(SharedSink::new(sink));
        let source = Source::of_index(index, false).unwrap();
        let copy = Copy::new(source, sink.clone(), CopyOptions::default()).unwrap();
        copy.run(&Arc::new(Context::default())).unwrap();
        sink.finish(&Context::default()).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The names of the blob files of the layout.
    fn blobs(&self) -> Vec<OsString> {
        let blobs = fs::read_dir(self.at("layout/blobs/sha256")).unwrap();
        let mut names: Vec<_> = blobs.map(|blob| blob.unwrap().file_name()).collect();
        names.sort();
        names
    }

    /// The places of a name for skopeo and buildah.
    fn oci(&self, name: &str) -> [String; 4] {
        [
            ("oci", "layout"),
            ("oci-archive", "oci.tar"),
            ("oci-archive", "oci.tar.gz"),
            ("oci-archive", "oci.tar.zst"),
        ]
        .map(|(transport, file)| {
            let separator = if name.is_empty() { "" } else { ":" };
            format!("{transport}:{}{separator}{name}", self.at(file).display())
        })
    }

    fn docker(&self, name: &str) -> String {
        format!("docker-archive:{}:{name}", self.at("docker.tar").display())
    }
}

fn open(path: &Path) -> Arc<dyn Loader> {
    let options = source::Options::default();
    source::open(path, &options, &Arc::new(Context::default())).unwrap()
}

const FORMS: [&str; 5] = [
    "layout",
    "oci.tar",
    "oci.tar.gz",
    "oci.tar.zst",
    "docker.tar",
];

#[test]
fn every_form_gives_every_other_and_itself_again() {
    let Shapes { loader, shapes } = Shapes::new();
    let first = Written::new(loader);
    let listed = check_layout(&first.at("layout"));
    assert_eq!(listed.len(), shapes.len());
    for form in FORMS {
        let second = Written::new(open(&first.at(form)));
        assert_eq!(check_layout(&second.at("layout")), listed, "{form}");
        assert_eq!(second.blobs(), first.blobs(), "{form}");
        // The order of the content does not depend on the source either.
        for archive in &FORMS[1..] {
            let [first, second] = [&first, &second].map(|written| fs::read(written.at(archive)));
            assert!(first.unwrap() == second.unwrap(), "{form} to {archive}");
        }
    }
}

#[test]
fn an_image_without_a_platform_gets_none_by_a_copy() {
    for platform in [json!({"architecture": "amd64"}), json!({})] {
        let mut memory = MemoryLoader::default();
        memory.root_is_index = true;
        let mut image = memory.image(json!({"os": "linux", "architecture": "amd64"}));
        image["platform"] = platform;
        let written = Written::new(memory.with_index(&[image]));
        for form in FORMS {
            let loader = open(&written.at(form));
            let index = Index::load(loader, &LoadOptions::default(), &Context::default()).unwrap();
            let platforms: Vec<_> = index.entries().iter().map(|e| &e.platform).collect();
            assert_eq!(platforms, [&None], "{form}");
        }
    }
}

fn digest(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap()
}

fn raw_digest(source: &str) -> String {
    let raw = run(skopeo().args(["inspect", "--raw", source]));
    Digest::of(Algorithm::Sha256, raw.as_bytes()).to_string()
}

fn config_digest(source: &str) -> String {
    let config = run(skopeo().args(["inspect", "--config", "--raw", source]));
    Digest::of(Algorithm::Sha256, config.as_bytes()).to_string()
}

/// Copies by skopeo, which checks every digest, and gives that of the manifest.
fn copied_digest(source: &str) -> String {
    let copy = TempDir::new().unwrap();
    let target = format!("dir:{}", copy.path().display());
    run(skopeo().args(["copy", "--all", "--preserve-digests", source, &target]));
    let manifest = fs::read(copy.path().join("manifest.json")).unwrap();
    Digest::of(Algorithm::Sha256, &manifest).to_string()
}

#[test]
fn skopeo_reads_every_shape() {
    if !has("skopeo", "skopeo reads every shape") {
        return;
    }
    let Shapes { loader, shapes } = Shapes::new();
    let written = Written::new(loader);
    assert_eq!(check_layout(&written.at("layout")).len(), shapes.len());
    for shape in &shapes {
        for source in written.oci(&shape.name) {
            if shape.skopeo_finds {
                assert_eq!(raw_digest(&source), digest(&shape.root), "{source}");
            }
            if shape.skopeo_finds && shape.skopeo_copies {
                assert_eq!(copied_digest(&source), digest(&shape.root), "{source}");
            }
        }
        if let Some(config) = &shape.config {
            let source = written.docker(&shape.name);
            assert_eq!(config_digest(&source), digest(config), "{source}");
        }
    }
}

#[test]
fn umoci_lists_and_unpacks_every_shape() {
    if !has("umoci", "umoci lists and unpacks every shape") {
        return;
    }
    let Shapes { loader, shapes } = Shapes::new();
    let written = Written::new(loader);
    let layout = written.at("layout");
    let list = run(Command::new("umoci").args(["ls", "--layout"]).arg(&layout));
    let mut names: Vec<_> = list.lines().collect();
    names.sort();
    let mut expected: Vec<_> = shapes.iter().map(|shape| &*shape.name).collect();
    expected.sort();
    assert_eq!(names, expected);
    // It takes what is behind the last colon for the tag.
    let tagged = written.at("tagged");
    fs::create_dir(&tagged).unwrap();
    let mut index: Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let mut tags = Vec::new();
    for (i, shape) in shapes.iter().enumerate() {
        index["manifests"][i]["annotations"][REF_NAME] = json!(format!("v{i}"));
        if shape.umoci_unpacks {
            tags.push(format!("v{i}"));
        }
    }
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
    for tag in tags {
        let bundle = tagged.join(&tag);
        let source = format!("{}:{tag}", layout.display());
        let mut unpack = Command::new("umoci");
        unpack.args(["unpack", "--rootless", "--image", &source]);
        run(unpack.arg(&bundle));
        for file in ["plain", "gzipped"] {
            let content = fs::read_to_string(bundle.join("rootfs").join(file)).unwrap();
            assert_eq!(content, file);
        }
    }
}

#[test]
fn buildah_pulls_every_shape() {
    let what = "buildah pulls every shape";
    if !has("buildah", what) {
        return;
    }
    let buildah = match Buildah::new() {
        Ok(buildah) => buildah,
        Err(why) => return skip(what, &why),
    };
    let Shapes { loader, shapes } = Shapes::new();
    let written = Written::new(loader);
    for shape in &shapes {
        let Some(config) = &shape.config else {
            continue;
        };
        if shape.skopeo_finds {
            // Compressed archives take the same way, once they are unpacked.
            for source in &written.oci(&shape.name)[..2] {
                assert_eq!(buildah.pull(source), digest(config), "{source}");
            }
        }
        let source = written.docker(&shape.name);
        assert_eq!(buildah.pull(&source), digest(config), "{source}");
    }
}

#[test]
fn containerd_imports_every_shape() {
    let what = "containerd imports every shape";
    if !has("containerd", what) || !has("ctr", what) {
        return;
    }
    let containerd = match Containerd::start() {
        Ok(containerd) => containerd,
        Err(why) => return skip(what, &why),
    };
    let Shapes { loader, shapes } = Shapes::new();
    let written = Written::new(loader);
    for name in ["oci.tar", "docker.tar"] {
        let list = containerd.import(&written.at(name));
        for shape in &shapes {
            let line = list
                .lines()
                .find(|line| line.starts_with(&format!("{} ", shape.name)));
            let line = line.unwrap_or_else(|| panic!("{name}: {} in {list}", shape.name));
            assert!(line.contains(digest(&shape.root)), "{name}: {line}");
            let mut remove = containerd.ctr();
            run(remove.args(["images", "remove", "--sync", &shape.name]));
        }
    }
}

#[test]
fn skopeo_reads_docker_manifests_without_names_and_other_algorithms() {
    if !has("skopeo", "skopeo reads Docker manifests and sha512") {
        return;
    }
    let mut maker = Maker::default();
    let layer = maker.layer(DOCKER_LAYER, &tar_of("docker", "docker"));
    let (docker, _) = maker.image_of([DOCKER_MANIFEST, DOCKER_CONFIG], "amd64", &[layer]);
    maker.0.root_is_index = true;
    let written = Written::new(maker.0.with_index(std::slice::from_ref(&docker)));
    for source in written.oci("") {
        assert_eq!(raw_digest(&source), digest(&docker), "{source}");
        assert_eq!(copied_digest(&source), digest(&docker), "{source}");
    }

    // Its names are too long for a ustar header. skopeo reads the manifest alone: it has
    // no other algorithm than sha256.
    let mut image = support::image::image("x", "amd64", 1);
    image.manifest =
        Blob::with_algorithm(MANIFEST, image.manifest.bytes.clone(), Algorithm::Sha512);
    let written = Written(lowercase_folder());
    let options = SinkOptions::default();
    for sink in [
        Box::new(LayoutSink::open(&written.at("layout"), &options).unwrap()) as Box<dyn Sink>,
        Box::new(ArchiveSink::create(&written.at("oci.tar"), &options).unwrap()),
    ] {
        put_image(&*sink, &image, Some("x")).unwrap();
        sink.finish(&Context::default()).unwrap();
    }
    for source in &written.oci("x")[..2] {
        let raw = run(skopeo().args(["inspect", "--raw", source]));
        assert_eq!(raw.as_bytes(), image.manifest.bytes, "{source}");
    }
}

/// An archive as `docker save` makes them, packed by GNU tar, which stores the holes of a
/// layer as a map.
fn sparse_docker_save(folder: &Path) -> PathBuf {
    let save = folder.join("save");
    fs::create_dir(&save).unwrap();
    let mut layer = tar_of("a-hole", "");
    layer.truncate(512);
    let mut header = tar::Header::new_ustar();
    header.set_path("a-hole").unwrap();
    header.set_size(1 << 20);
    header.set_mode(0o644);
    header.set_cksum();
    layer[..512].copy_from_slice(header.as_bytes());
    let file = File::create(save.join("layer.tar")).unwrap();
    (&file).write_all(&layer).unwrap();
    file.set_len(512 + (1 << 20) + 1024).unwrap();
    let content = fs::read(save.join("layer.tar")).unwrap();
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {
            "type": "layers",
            "diff_ids": [Digest::of(Algorithm::Sha256, &content).to_string()],
        },
    });
    fs::write(save.join("config.json"), config.to_string()).unwrap();
    let manifest = json!([
        {"Config": "config.json", "RepoTags": ["example.org/sparse:1"], "Layers": ["layer.tar"]},
    ]);
    fs::write(save.join("manifest.json"), manifest.to_string()).unwrap();
    let archive = folder.join("sparse.tar");
    let mut tar = Command::new("tar");
    tar.args(["--sparse", "--format=gnu", "-cf"]).arg(&archive);
    tar.arg("-C").arg(&save);
    run(tar.args(["manifest.json", "config.json", "layer.tar"]));
    assert!(fs::metadata(&archive).unwrap().len() < 100 << 10);
    archive
}

#[test]
fn skopeo_reads_what_becomes_of_docker_archives() {
    let what = "skopeo reads what becomes of docker archives";
    if !has("skopeo", what) || !has("tar", what) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let ctx = Context::default();
    let first = Written::new(open(&sparse_docker_save(folder.path())));
    // And of an archive that has both index.json and manifest.json.
    let second = Written::new(open(&first.at("docker.tar")));
    let index = Index::load(open(&first.at("layout")), &LoadOptions::default(), &ctx).unwrap();
    let root = index.entries()[0]
        .descriptor
        .as_ref()
        .unwrap()
        .digest
        .to_string();
    let config = index.image(0, &ctx).unwrap().config().digest.to_string();
    let name = "example.org/sparse:1";
    for written in [first, second] {
        let listed = check_layout(&written.at("layout"));
        assert_eq!(listed, [(name.to_owned(), root.clone())]);
        let source = written.docker(name);
        assert_eq!(config_digest(&source), config, "{source}");
        // The manifest is Docker's, which skopeo finds in archives of one image alone.
        for source in written.oci("") {
            assert_eq!(raw_digest(&source), root, "{source}");
            assert_eq!(copied_digest(&source), root, "{source}");
        }
    }
}
