//! The archive sink: its bytes, their meaning to docker, and its failures.

mod support;

use ociimg::compression::Method;
use ociimg::context::Context;
use ociimg::descriptor::Descriptor;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Error, Result, Status};
use ociimg::sink::archive::Target;
use ociimg::sink::{ArchiveSink, Begin, Sink, SinkOptions};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;
use support::image::*;
use tempfile::TempDir;

/// Collects what is written; fails beyond a number of bytes.
#[derive(Clone)]
struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: usize,
    calls: Arc<Mutex<usize>>,
}

impl Memory {
    fn new(room: usize) -> Self {
        Self {
            bytes: Arc::default(),
            room,
            calls: Arc::default(),
        }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}

impl Target for Memory {
    fn write(&mut self, bytes: &[u8], _ctx: &Context) -> Result<()> {
        assert!(!bytes.is_empty());
        *self.calls.lock().unwrap() += 1;
        let mut all = self.bytes.lock().unwrap();
        if all.len() + bytes.len() > self.room {
            return Err(Error::denied("full").with_callback_code(7));
        }
        all.extend_from_slice(bytes);
        Ok(())
    }
}

fn to_target(target: impl Target + 'static, options: &SinkOptions) -> ArchiveSink {
    ArchiveSink::with_target(|| Ok(Box::new(target)), options).unwrap()
}

fn docker() -> SinkOptions {
    SinkOptions {
        docker: true,
        ..SinkOptions::default()
    }
}

fn compressed(compression: Method) -> SinkOptions {
    SinkOptions {
        compression,
        ..SinkOptions::default()
    }
}

/// The bytes of an archive that `write` fills.
fn archive(options: &SinkOptions, write: impl FnOnce(&ArchiveSink)) -> Vec<u8> {
    let memory = Memory::new(usize::MAX);
    let sink = to_target(memory.clone(), options);
    write(&sink);
    sink.finish(&Context::default()).unwrap();
    memory.take()
}

fn put(sink: &ArchiveSink, image: &TestImage, name: &str) {
    put_image(sink, image, Some(name)).unwrap();
}

/// The entries of an archive: path and content, in order.
fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    assert_eq!(archive.len() % 512, 0);
    assert!(archive.ends_with(&[0; 1024]));
    tar::Archive::new(archive)
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.username().unwrap(), Some(""));
            let is_folder = header.entry_type().is_dir();
            let mode = if is_folder { 0o755 } else { 0o444 };
            assert_eq!(header.mode().unwrap(), mode);
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            assert_eq!(path.ends_with('/'), is_folder, "{path}");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (path, content)
        })
        .collect()
}

fn document(archive: &[u8], path: &str) -> Value {
    let entries = entries(archive);
    let (_, content) = entries.iter().find(|(found, _)| found == path).unwrap();
    serde_json::from_slice(content).unwrap()
}

#[test]
fn entries_come_in_the_order_of_the_copy() {
    let image = image("x", "amd64", 2);
    let sha512 = Blob::with_algorithm(LAYER_TYPE, "x", Algorithm::Sha512);
    let bytes = archive(&SinkOptions::default(), |sink| {
        put(sink, &image, "v1");
        put_blob(sink, &sha512, &Context::default()).unwrap();
        // Existing content is not written again.
        put(sink, &image, "v2");
    });
    let expected = [
        "oci-layout".to_owned(),
        "blobs/".to_owned(),
        "blobs/sha256/".to_owned(),
        image.blobs[0].path(),
        image.blobs[1].path(),
        image.blobs[2].path(),
        image.manifest.path(),
        "blobs/sha512/".to_owned(),
        sha512.path(),
        "index.json".to_owned(),
    ];
    let entries = entries(&bytes);
    let paths: Vec<_> = entries.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, expected);
    for (path, content) in &entries {
        if let Some((_, digest)) = path.split_once("blobs/")
            && !digest.ends_with('/')
            && !digest.is_empty()
        {
            let digest = Digest::parse(&digest.replace('/', ":")).unwrap();
            let found = Digest::of(digest.algorithm().unwrap(), content);
            assert_eq!(found, digest);
        }
    }
    let names: Vec<_> = document(&bytes, "index.json")["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(name_and_digest)
        .collect();
    let digest = image.manifest.digest();
    assert_eq!(
        names,
        [("v1".into(), digest.clone()), ("v2".into(), digest)]
    );
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let image = image("x", "amd64", 3);
    for options in [
        SinkOptions::default(),
        docker(),
        compressed(Method::Gzip(6)),
        compressed(Method::Zstd(19)),
    ] {
        let [first, second] = [0, 1].map(|_| archive(&options, |sink| put(sink, &image, "a:1")));
        assert!(first == second, "{options:?}");
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("archive");
        let sink = ArchiveSink::create(&path, &options).unwrap();
        put(&sink, &image, "a:1");
        sink.finish(&Context::default()).unwrap();
        assert!(fs::read(path).unwrap() == first, "{options:?}");
    }
}

#[test]
fn a_compressed_archive_unpacks_to_the_plain_one() {
    let image = image("x", "amd64", 2);
    let plain = archive(&SinkOptions::default(), |sink| put(sink, &image, "v1"));
    let gzip = archive(&compressed(Method::Gzip(6)), |sink| put(sink, &image, "v1"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*gzip)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == plain);
    let zstd = archive(&compressed(Method::Zstd(3)), |sink| put(sink, &image, "v1"));
    assert!(zstd::decode_all(&*zstd).unwrap() == plain);
}

#[test]
fn a_blob_above_8_gib_fits() {
    /// Keeps the headers alone.
    struct Headers(Arc<Mutex<(u64, Vec<u8>)>>);
    impl Target for Headers {
        fn write(&mut self, bytes: &[u8], _ctx: &Context) -> Result<()> {
            let mut state = self.0.lock().unwrap();
            state.0 += bytes.len() as u64;
            if bytes.len() < 1 << 20 {
                state.1.extend_from_slice(bytes);
            }
            Ok(())
        }
    }
    let size = (8 << 30) + 512;
    let blob = Blob::new(LAYER_TYPE, "");
    let (media_type, digest) = (&blob.descriptor.media_type, &blob.descriptor.digest);
    let descriptor = Arc::new(Descriptor::new(media_type.clone(), digest.clone(), size));
    let state = Arc::default();
    let target = Headers(Arc::clone(&state));
    let sink = to_target(target, &SinkOptions::default());
    let ctx = Context::default();
    let Begin::Write { mut writer, .. } = sink.begin_blob(&descriptor, &ctx).unwrap() else {
        panic!("it is not there");
    };
    let chunk = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        writer.write(&chunk, &ctx).unwrap();
    }
    writer.write(&chunk[..512], &ctx).unwrap();
    writer.commit(&ctx).unwrap();
    sink.finish(&ctx).unwrap();
    let (total, headers) = &*state.lock().unwrap();
    assert_eq!(total % 512, 0);
    let record = format!("19 size={size}\n");
    let found = headers
        .windows(record.len())
        .any(|part| part == record.as_bytes());
    assert!(found);
}

/// The images that docker finds in an archive, after moby's image/tarexport/load.go: for each image
/// its tags, and its diff IDs.
fn docker_load(archive: &[u8]) -> Vec<(Vec<String>, Vec<String>)> {
    let files: HashMap<_, _> = entries(archive).into_iter().collect();
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let items = manifest.as_array().unwrap().iter();
    items
        .map(|item| {
            let config: Value =
                serde_json::from_slice(&files[item["Config"].as_str().unwrap()]).unwrap();
            let diff_ids = texts(&config["rootfs"]["diff_ids"]);
            let layers = texts(&item["Layers"]);
            assert_eq!(
                layers.len(),
                diff_ids.len(),
                "invalid manifest, layers length mismatch"
            );
            for (layer, diff_id) in layers.iter().zip(&diff_ids) {
                let mut tar = Vec::new();
                flate2::read::GzDecoder::new(&*files[layer])
                    .read_to_end(&mut tar)
                    .unwrap();
                let found = Digest::of(Algorithm::Sha256, &tar).to_string();
                assert_eq!(found, *diff_id, "invalid diffID for layer");
            }
            let tags = texts(&item["RepoTags"]);
            for tag in &tags {
                let (_, tag) = tag.rsplit_once(':').expect("invalid tag");
                assert!(!tag.contains('/'), "invalid tag");
            }
            (tags, diff_ids)
        })
        .collect()
}

#[test]
fn docker_loads_what_is_for_docker() {
    let [a, b] = ["a", "b"].map(|seed| image(seed, "amd64", 2));
    let diff_ids = |image: &TestImage| -> Vec<String> {
        let config: Value = serde_json::from_slice(&image.blobs[2].bytes).unwrap();
        serde_json::from_value(config["rootfs"]["diff_ids"].clone()).unwrap()
    };
    let bytes = archive(&docker(), |sink| {
        put(sink, &a, "docker.io/library/a:1");
        put(sink, &b, "v1");
        put(sink, &a, "example.org/x/a");
        put_image(sink, &b, None).unwrap();
    });
    let loaded = docker_load(&bytes);
    let expected = [
        (
            vec!["a:1".to_owned(), "example.org/x/a:latest".into()],
            diff_ids(&a),
        ),
        (vec!["v1:latest".into()], diff_ids(&b)),
    ];
    assert_eq!(loaded, expected);
    let index = document(&bytes, "index.json");
    let annotations: Vec<_> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["annotations"].clone())
        .collect();
    let named = |name: &str, tag: &str| json!({"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": name});
    assert_eq!(
        annotations,
        [
            named("docker.io/library/a:1", "1"),
            named("docker.io/library/v1:latest", "latest"),
            named("example.org/x/a:latest", "latest"),
        ]
    );
}

#[test]
fn an_image_without_a_name_has_no_tags() {
    let image = image("x", "amd64", 1);
    let bytes = archive(&docker(), |sink| put_image(sink, &image, None).unwrap());
    let manifest = document(&bytes, "manifest.json");
    let expected = json!([{
        "Config": image.blobs[1].path(),
        "RepoTags": null,
        "Layers": [image.blobs[0].path()],
    }]);
    assert_eq!(manifest, expected);
}

#[test]
fn docker_gets_the_first_image_of_an_index() {
    let images = ["arm64", "amd64"].map(|architecture| image("x", architecture, 1));
    let index = index_of(&images, &["arm64", "amd64"]);
    let bytes = archive(&docker(), |sink| {
        put_index(sink, &images, &index, Some("a")).unwrap();
    });
    let manifest = document(&bytes, "manifest.json");
    assert_eq!(manifest.as_array().unwrap().len(), 1);
    assert_eq!(manifest[0]["Config"], images[0].blobs[1].path());
    assert_eq!(manifest[0]["RepoTags"], json!(["a:latest"]));
}

#[test]
fn docker_gets_no_attestation() {
    let images = ["attestation", "x"].map(|seed| image(seed, "amd64", 1));
    let index = index_of(&images, &["unknown", "amd64"]);
    let text = String::from_utf8(index.bytes).unwrap();
    let text = text.replacen(
        r#""os":"linux"}"#,
        r#""os":"unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest"}"#,
        1,
    );
    let index = Blob::new(INDEX_TYPE, text);
    let bytes = archive(&docker(), |sink| {
        put_index(sink, &images, &index, Some("a")).unwrap();
    });
    let manifest = document(&bytes, "manifest.json");
    assert_eq!(manifest.as_array().unwrap().len(), 1);
    assert_eq!(manifest[0]["Config"], images[1].blobs[1].path());
}

#[test]
fn docker_gets_the_layers_that_have_diff_ids() {
    let mut image = image("x", "amd64", 2);
    let wasm = Blob::new("application/wasm", "wasm");
    let manifest = String::from_utf8(image.manifest.bytes).unwrap();
    let manifest = manifest.replace(r#""layers":["#, &format!(r#""layers":[{},"#, wasm.json()));
    image.manifest = Blob::new(MANIFEST_TYPE, manifest);
    image.blobs.push(wasm);
    let bytes = archive(&docker(), |sink| put(sink, &image, "a"));
    assert_eq!(docker_load(&bytes).len(), 1);
}

#[test]
fn docker_gets_an_image_that_is_there() {
    // The first image of the index was not copied.
    let images = ["arm64", "amd64"].map(|architecture| image("x", architecture, 1));
    let index = index_of(&images, &["arm64", "amd64"]);
    let bytes = archive(&docker(), |sink| {
        put_index(sink, &images[1..], &index, Some("a")).unwrap();
    });
    let manifest = document(&bytes, "manifest.json");
    assert_eq!(manifest[0]["Config"], images[1].blobs[1].path());
}

#[test]
fn a_name_that_is_none_of_dockers_is_refused_and_writes_nothing() {
    let image = image("x", "amd64", 1);
    let memory = Memory::new(usize::MAX);
    let sink = to_target(memory.clone(), &docker());
    for name in ["A", "a:-", "a b", "a@sha256:0"] {
        let e = put_image(&sink, &image, Some(name)).unwrap_err();
        assert_eq!(e.status(), Status::InvalidArgument, "{name}");
        assert!(e.message().contains(name), "{e}");
    }
    put(&sink, &image, "a");
    sink.finish(&Context::default()).unwrap();
    assert_eq!(docker_load(&memory.take()).len(), 1);
}

#[test]
fn a_name_goes_over_to_the_next_image_that_gets_it() {
    let [a, b] = ["a", "b"].map(|seed| image(seed, "amd64", 1));
    for options in [SinkOptions::default(), docker()] {
        let bytes = archive(&options, |sink| {
            put(sink, &a, "x:1");
            put(sink, &a, "x:2");
            put(sink, &b, "x:1");
            put(sink, &b, "x:3");
            put(sink, &a, "x:3");
        });
        let index = document(&bytes, "index.json");
        let digests: Vec<_> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["digest"].clone())
            .collect();
        let [a, b] = [&a, &b].map(|image| image.manifest.digest());
        assert_eq!(digests, [b.clone(), a.clone(), a]);
        if options.docker {
            let tags: Vec<_> = docker_load(&bytes)
                .into_iter()
                .map(|(tags, _)| tags)
                .collect();
            assert_eq!(tags, [vec!["x:2", "x:3"], vec!["x:1"]]);
        }
    }
}

#[test]
fn an_image_that_lost_its_name_is_not_for_docker() {
    let [a, b, c] = ["a", "b", "c"].map(|seed| image(seed, "amd64", 1));
    let bytes = archive(&docker(), |sink| {
        put(sink, &a, "x");
        put(sink, &b, "x");
        // A second platform under the name, of the same copy.
        put_blobs(sink, &c).unwrap();
        let roots = vec![root(&c.manifest, Some("x"), true)];
        put_roots(sink, roots).1.unwrap();
    });
    let tags: Vec<_> = docker_load(&bytes)
        .into_iter()
        .map(|(tags, _)| tags)
        .collect();
    assert_eq!(tags, [vec!["x:latest".to_owned()], vec![]]);
    let index = document(&bytes, "index.json");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
}

#[test]
fn an_archive_whose_target_failed_is_dead() {
    let image = image("x", "amd64", 2);
    for options in [SinkOptions::default(), compressed(Method::Gzip(6))] {
        let whole = archive(&options, |sink| put(sink, &image, "v1")).len();
        for room in [0, whole / 2, whole - 1] {
            let memory = Memory::new(room);
            let sink = to_target(memory.clone(), &options);
            let ctx = Context::default();
            let write = || {
                put_image(&sink, &image, Some("v1"))?;
                sink.finish(&ctx)
            };
            let e = write().unwrap_err();
            assert_eq!((e.status(), e.callback_code()), (Status::Denied, 7));
            let (calls, bytes) = (*memory.calls.lock().unwrap(), memory.take());
            for e in [
                put_image(&sink, &image, Some("v1")).unwrap_err(),
                sink.finish(&ctx).unwrap_err(),
                sink.has_blob(&image.manifest.descriptor, &ctx).unwrap_err(),
            ] {
                assert_eq!((e.status(), e.callback_code()), (Status::Denied, 7));
            }
            assert_eq!(
                *memory.calls.lock().unwrap(),
                calls,
                "{} bytes",
                bytes.len()
            );
        }
    }
}

#[test]
fn an_archive_with_a_blob_that_was_broken_off_is_dead() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.tar");
    let ctx = Context::default();
    let layer = Blob::new(LAYER_TYPE, "some content");
    // Broken off before its first byte, after it, and by its context.
    for (bytes, cancel) in [(0, false), (4, false), (4, true)] {
        let sink = ArchiveSink::create(&path, &SinkOptions::default()).unwrap();
        let Begin::Write { mut writer, .. } = sink.begin_blob(&layer.descriptor, &ctx).unwrap()
        else {
            panic!("it is not there");
        };
        if bytes > 0 {
            writer.write(&layer.bytes[..bytes], &ctx).unwrap();
        }
        if cancel {
            let ctx = Context::default();
            ctx.cancel();
            let e = writer.write(&layer.bytes[bytes..], &ctx).unwrap_err();
            assert_eq!(e.status(), Status::Cancelled);
        }
        drop(writer);
        let finished = sink.finish(&ctx).map_err(|e| e.status());
        let expected = match (bytes, cancel) {
            (0, _) => Ok(()),
            (_, false) => Err(Status::Io),
            (_, true) => Err(Status::Cancelled),
        };
        assert_eq!(finished, expected);
        drop(sink);
        assert_eq!(path.exists(), expected.is_ok());
        let _ = fs::remove_file(&path);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
}

#[test]
fn a_file_appears_when_it_is_complete() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.tar");
    fs::write(&path, "old").unwrap();
    let image = image("x", "amd64", 1);
    let sink = ArchiveSink::create(&path, &SinkOptions::default()).unwrap();
    put(&sink, &image, "v1");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(sink);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);

    let sink = ArchiveSink::create(&path, &SinkOptions::default()).unwrap();
    put(&sink, &image, "v1");
    sink.finish(&Context::default()).unwrap();
    assert_eq!(entries(&fs::read(&path).unwrap()).len(), 7);
    let e = sink.finish(&Context::default()).unwrap_err();
    assert_eq!(e.status(), Status::InvalidArgument);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_target_is_a_regular_file_or_nothing() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("file"), "").unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(at("fifo"))
            .status()
            .unwrap()
            .success()
    );
    symlink("file", at("link")).unwrap();
    symlink("none", at("dangling")).unwrap();
    symlink("fifo", at("link-to-fifo")).unwrap();
    let status = |path: &Path, must_be_new| {
        let options = SinkOptions {
            must_be_new,
            ..SinkOptions::default()
        };
        let created = ArchiveSink::create(path, &options);
        created.err().map(|e| (e.status(), e.message().to_string()))
    };
    for name in [
        "folder",
        "folder/",
        "fifo",
        "dangling",
        "link-to-fifo",
        "new/",
        "/dev/null",
    ] {
        let (status, message) = status(&at(name), false).unwrap();
        assert_eq!(status, Status::InvalidArgument, "{name}");
        assert!(message.contains("stream"), "{message}");
    }
    for name in ["file", "link", "new"] {
        assert_eq!(status(&at(name), false), None, "{name}");
    }
    for (name, expected) in [
        ("file", Some(Status::Exists)),
        ("link", Some(Status::Exists)),
        ("new", None),
        ("no/new", Some(Status::NotFound)),
        ("file/new", Some(Status::InvalidArgument)),
    ] {
        assert_eq!(
            status(&at(name), true).map(|(status, _)| status),
            expected,
            "{name}"
        );
    }
}

#[test]
fn the_file_behind_a_link_is_replaced() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("there")).unwrap();
    fs::write(at("there/file"), "old").unwrap();
    symlink("there/file", at("link")).unwrap();
    let sink = ArchiveSink::create(&at("link"), &SinkOptions::default()).unwrap();
    sink.finish(&Context::default()).unwrap();
    assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert_eq!(entries(&fs::read(at("there/file")).unwrap()).len(), 3);
}

#[test]
fn a_target_that_appears_meanwhile_is_looked_at_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x");
    let options = SinkOptions {
        must_be_new: true,
        ..SinkOptions::default()
    };
    let sink = ArchiveSink::create(&path, &options).unwrap();
    fs::write(&path, "other").unwrap();
    for _ in 0..2 {
        let e = sink.finish(&Context::default()).unwrap_err();
        assert_eq!(e.status(), Status::Exists);
    }
    drop(sink);
    assert_eq!(fs::read(&path).unwrap(), b"other");

    fs::remove_file(&path).unwrap();
    let sink = ArchiveSink::create(&path, &SinkOptions::default()).unwrap();
    fs::create_dir(&path).unwrap();
    let e = sink.finish(&Context::default()).unwrap_err();
    assert_eq!(e.status(), Status::InvalidArgument);
}

#[test]
fn a_target_that_writes_to_its_own_archive_gets_busy() {
    struct Reentrant(Arc<OnceLock<ArchiveSink>>, Arc<Mutex<Vec<Status>>>);
    impl Target for Reentrant {
        fn write(&mut self, _bytes: &[u8], ctx: &Context) -> Result<()> {
            let Some(sink) = self.0.get() else {
                return Ok(());
            };
            let blob = Blob::new(LAYER_TYPE, "x");
            let begun = sink.begin_blob(&blob.descriptor, ctx).map(drop);
            let results = [begun, sink.finish(ctx)];
            let statuses = results.map(|result| result.unwrap_err().status());
            self.1.lock().unwrap().extend(statuses);
            assert!(!sink.has_blob(&blob.descriptor, ctx).unwrap());
            Ok(())
        }
    }
    let (cell, seen) = (Arc::new(OnceLock::new()), Arc::default());
    let target = Reentrant(cell.clone(), Arc::clone(&seen));
    let sink = to_target(target, &SinkOptions::default());
    let sink = cell.get_or_init(|| sink);
    sink.finish(&Context::default()).unwrap();
    assert_eq!(*seen.lock().unwrap(), [Status::Busy, Status::Busy]);
}

#[test]
fn another_thread_waits_for_the_blob_that_is_open() {
    let sink = to_target(Memory::new(usize::MAX), &SinkOptions::default());
    let [first, second] = ["first", "second"].map(|content| Blob::new(LAYER_TYPE, content));
    let ctx = Context::default();
    let begun = sink.begin_blob(&first.descriptor, &ctx).unwrap();
    let Begin::Write { mut writer, .. } = begun else {
        panic!("it is not there");
    };
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel();
        let (sink, ctx, second) = (&sink, &ctx, &second);
        scope.spawn(move || {
            put_blob(sink, second, ctx).unwrap();
            done.send(()).unwrap();
        });
        let cancelled = Context::default();
        cancelled.cancel();
        let waiting = scope.spawn(move || sink.finish(&cancelled));
        assert_eq!(
            waiting.join().unwrap().unwrap_err().status(),
            Status::Cancelled
        );
        assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
        writer.write(&first.bytes, ctx).unwrap();
        writer.commit(ctx).unwrap();
        is_done.recv().unwrap();
    });
    sink.finish(&ctx).unwrap();
}
