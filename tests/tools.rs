//! Images by umoci, buildah and skopeo, in every form that these write, read back the same.

mod support;

use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::image::Image;
use ociimg::index::Index;
use ociimg::layer::Layer;
use ociimg::load;
use ociimg::reader::{self, Mode};
use ociimg::source;
use ociimg::text_list::TextList;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::{has, skip};
use tempfile::TempDir;

const REFERENCE: &str = "example.com/made/by-tools:v1";

fn run(folder: &Path, words: &str) {
    let mut words = words.split_whitespace();
    let tool = words.next().expect("a command has a name");
    let mut command = Command::new(tool);
    let run = command.args(words).current_dir(folder).output();
    let run = run.unwrap_or_else(|e| panic!("{tool}: {e}"));
    let printed = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "{command:?}: {}\n{printed}",
        run.status
    );
}

/// Bytes that compress little.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A layout `layout:v1` of two layers, made by umoci.
fn by_umoci(folder: &Path) {
    fs::write(folder.join("hello"), "hello\n".repeat(1000)).unwrap();
    fs::write(folder.join("noise"), noise(300_000)).unwrap();
    for command in [
        "umoci init --layout layout",
        "umoci new --image layout:v1",
        "umoci insert --rootless --image layout:v1 hello /etc/hello",
        "umoci insert --rootless --image layout:v1 noise /noise",
        "umoci config --image layout:v1 --os linux --architecture arm64 \
         --config.env A=b --config.cmd /etc/hello",
    ] {
        run(folder, command);
    }
}

fn open(path: &Path, ref_name: Option<&str>) -> Image {
    let options = source::Options {
        ref_name: ref_name.map(str::to_owned),
        ..source::Options::default()
    };
    let loaded = source::open(path, &options, &Context::default())
        .and_then(|loader| Index::load(loader, &load::LoadOptions::default(), &Context::default()));
    let index = loaded.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(index.entries().len(), 1, "{}", path.display());
    let image = index.image(0, &Context::default());
    image.unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read(layer: &Layer, mode: Mode) -> Vec<u8> {
    let options = reader::ReadOptions::default();
    let mut reader = layer.open(mode, options, Arc::default()).unwrap();
    let mut content = Vec::new();
    let mut buf = vec![0; 100_000];
    loop {
        match reader.read(&mut buf).unwrap() {
            0 => return content,
            n => content.extend_from_slice(&buf[..n]),
        }
    }
}

/// The parts that are the same in every form: the platform, the config's words, the tar streams.
#[derive(Debug, PartialEq)]
struct Seen {
    platform: String,
    env: Vec<String>,
    cmd: Vec<String>,
    diff_ids: Vec<Digest>,
}

fn see(image: &Image) -> Seen {
    for layer in image.layers() {
        let stored = read(&layer, Mode::Stored);
        assert_eq!(stored.len() as u64, layer.descriptor().size);
        let tar = read(&layer, Mode::Uncompressed);
        assert_eq!(Some(&Digest::of(Algorithm::Sha256, &tar)), layer.diff_id());
    }
    let config = &image.config().content;
    let words = |list: &TextList| list.iter().map(|word| word.to_string()).collect();
    Seen {
        platform: image.platform().unwrap().format(),
        env: words(&config.env),
        cmd: words(&config.cmd),
        diff_ids: config.diff_ids.iter().collect(),
    }
}

/// The archive as it is and as each compression makes it.
fn packed(folder: &Path, archive: &str) -> Vec<PathBuf> {
    let mut names = vec![archive.to_owned(), format!("{archive}.gz")];
    run(folder, &format!("gzip -k {archive}"));
    if has("zstd", "archives compressed with zstd") {
        run(folder, &format!("zstd -q {archive}"));
        names.push(format!("{archive}.zst"));
    }
    names.iter().map(|name| folder.join(name)).collect()
}

#[test]
fn an_image_by_umoci_is_the_same_in_every_form_that_skopeo_writes() {
    let what = "images by umoci and skopeo";
    if !(has("umoci", what) && has("skopeo", what)) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    by_umoci(folder.path());
    let expected = see(&open(&at("layout"), None));
    assert_eq!(expected.platform, "linux/arm64");
    assert_eq!(expected.env.last().map(String::as_str), Some("A=b"));
    assert_eq!(expected.cmd, ["/etc/hello"]);
    assert_eq!(expected.diff_ids.len(), 2);

    let copy = "skopeo copy -q --insecure-policy";
    let forms = [
        ("", "oci:oci:v1", "v1"),
        ("--dest-compress-format zstd", "oci:zstd:v1", "v1"),
        ("", "oci-archive:oci.tar:v1", "v1"),
        (
            "",
            &format!("docker-archive:docker.tar:{REFERENCE}"),
            REFERENCE,
        ),
    ];
    let mut paths: Vec<(PathBuf, &str)> = vec![(at("layout"), "v1")];
    for (options, target, name) in &forms {
        run(
            folder.path(),
            &format!("{copy} {options} oci:layout:v1 {target}"),
        );
        let made = target.split(':').nth(1).unwrap();
        match made.ends_with(".tar") {
            true => paths.extend(packed(folder.path(), made).into_iter().map(|p| (p, *name))),
            false => paths.push((at(made), name)),
        }
    }
    for (path, name) in paths {
        assert_eq!(see(&open(&path, None)), expected, "{}", path.display());
        assert_eq!(
            see(&open(&path, Some(name))),
            expected,
            "{}",
            path.display()
        );
    }
}

#[test]
fn an_image_by_buildah_is_the_same_in_every_form() {
    if !has("buildah", "images by buildah") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("hello"), "hello\n".repeat(1000)).unwrap();
    let buildah = format!(
        "buildah --storage-driver vfs --root {} --runroot {}",
        at("storage").display(),
        at("run").display()
    );
    // buildah cannot work in a container that may not mount.
    let from = format!("{buildah} from --name made scratch");
    let words: Vec<_> = from.split_whitespace().collect();
    let made = Command::new(words[0]).args(&words[1..]).output().unwrap();
    if !made.status.success() {
        let printed = String::from_utf8_lossy(&made.stderr);
        return skip("images by buildah", printed.trim());
    }
    for command in [
        "copy -q made hello /etc/hello".to_owned(),
        "config --env A=b --cmd /etc/hello --os linux --arch s390x made".to_owned(),
        "commit -q made oci:layout:v1".to_owned(),
        "commit -q made oci-archive:oci.tar:v1".to_owned(),
        format!("commit -q made docker-archive:docker.tar:{REFERENCE}"),
    ] {
        run(folder.path(), &format!("{buildah} {command}"));
    }
    let expected = see(&open(&at("layout"), None));
    assert_eq!(expected.platform, "linux/s390x");
    assert_eq!(expected.env.last().map(String::as_str), Some("A=b"));
    assert_eq!(expected.cmd, ["/etc/hello"]);
    for (path, name) in [("oci.tar", "v1"), ("docker.tar", REFERENCE)] {
        for path in packed(folder.path(), path) {
            let seen = see(&open(&path, Some(name)));
            assert_eq!(seen, expected, "{}", path.display());
        }
    }
    assert_eq!(see(&open(&at("layout"), Some("v1"))), expected);
}
