//! Files that fail while they are read, and archives that are cut off, by tests/c/faults.c:
//! a fault gives an error, never content that is not the image's.

// The program puts its own functions in the place of those that the library reads files
// with, as ELF lets it, and asks the kernel by the numbers of calls that 64 bits fit in.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod support;

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::{NamedTempFile, TempDir};

fn run(args: &[&str], path: &Path) {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        support::cc::program(&[&root.join("tests/c/faults.c")], "faults")
    });
    let mut command = Command::new(program);
    let run = command.arg(args[0]).arg(path).args(&args[1..]).output();
    let run = run.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let printed = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "{command:?}: {}\n{printed}",
        run.status
    );
}

/// Tests faults at every read of the archive, and the archive cut at every multiple of `step`,
/// of which `harmless` cuts leave all of its content.
fn test(archive: &[u8], step: usize, harmless: usize) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(archive).unwrap();
    run(&["reads"], file.path());
    let [step, harmless] = [step, harmless].map(|n| n.to_string());
    run(&["cuts", &step, &harmless], file.path());
}

/// Where the last byte is cut off, or one or both of the blocks of zeros that end an archive.
const CUTS_IN_THE_END: usize = 3;
/// The same for an archive with `blobs/` whose index.json lists nothing: it needs a block.
const CUTS_IN_THE_ZEROS: usize = 2;

/// The files of a layout by name.
type Layout = BTreeMap<String, Vec<u8>>;

fn blob_name(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn digest(content: &[u8]) -> String {
    let digest = sha2::Sha256::digest(content);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn put(layout: &mut Layout, media_type: &str, content: Vec<u8>) -> Value {
    let digest = digest(&content);
    let size = content.len();
    layout.insert(blob_name(&digest), content);
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

/// The sample, and an image with a layer that is read in several pieces and is worth a
/// worker. Nothing but its config says what platform that is for, so a load reads both.
fn layout() -> Layout {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sample");
    let mut layout = Layout::new();
    let blobs = fs::read_dir(sample.join("blobs/sha256")).unwrap();
    let blobs = blobs.map(|blob| blob.unwrap().path());
    for path in blobs.chain([sample.join("oci-layout"), sample.join("index.json")]) {
        let name = path.strip_prefix(&sample).unwrap().to_str().unwrap();
        layout.insert(name.to_owned(), fs::read(&path).unwrap());
    }

    let layer = archive([("noise", &noise(400_000)[..])]);
    let config = json!({
        "os": "linux",
        "architecture": "s390x",
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    });
    let kind = |name: &str| format!("application/vnd.oci.image.{name}");
    let layer = put(&mut layout, &kind("layer.v1.tar+gzip"), gzip(&layer));
    let config = put(&mut layout, &kind("config.v1+json"), bytes(&config));
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
    let manifest = put(&mut layout, &kind("manifest.v1+json"), bytes(&manifest));
    let mut index = parsed(&layout["index.json"]);
    index["manifests"].as_array_mut().unwrap().push(manifest);
    layout.insert("index.json".into(), bytes(&index));
    layout
}

/// Hexadecimal digits, which become half as many bytes.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"0123456789abcdef"[(state >> 28) as usize]
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

fn parsed(document: &[u8]) -> Value {
    serde_json::from_slice(document).unwrap()
}

/// The content that a descriptor names.
fn content<'a>(layout: &'a Layout, descriptor: &Value) -> &'a [u8] {
    &layout[&blob_name(descriptor["digest"].as_str().unwrap())]
}

/// All manifests of the layout, those of its nested index first.
fn manifests(layout: &Layout) -> Vec<Value> {
    let index = parsed(&layout["index.json"]);
    let nested = parsed(content(layout, &index["manifests"][0]));
    let listed = nested["manifests"].as_array().unwrap().iter();
    listed
        .chain([&index["manifests"][1]])
        .map(|descriptor| parsed(content(layout, descriptor)))
        .collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

fn unpacked(layer: &[u8]) -> Vec<u8> {
    if !layer.starts_with(&[0x1F, 0x8B]) {
        return zstd::decode_all(layer).unwrap();
    }
    let mut tar = Vec::new();
    GzDecoder::new(layer).read_to_end(&mut tar).unwrap();
    tar
}

fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Sorted by name, as docker writes.
fn archive_of(layout: &Layout) -> Vec<u8> {
    archive(layout.iter().map(|(name, content)| (&**name, &**content)))
}

/// The layout with a manifest.json beside it, as docker writes since version 25.
fn hybrid() -> Layout {
    let mut layout = layout();
    let name = |descriptor: &Value| blob_name(descriptor["digest"].as_str().unwrap());
    let items = manifests(&layout).into_iter().map(|manifest| {
        let layers = manifest["layers"].as_array().unwrap().iter().map(name);
        json!({
            "Config": name(&manifest["config"]),
            "RepoTags": ["sample:1.0"],
            "Layers": layers.collect::<Vec<_>>(),
        })
    });
    let items = items.collect();
    layout.insert("manifest.json".into(), bytes(&Value::Array(items)));
    layout
}

#[test]
fn a_layout_is_read_or_fails() {
    let folder = TempDir::new().unwrap();
    for (name, content) in layout() {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    run(&["reads"], folder.path());
}

#[test]
fn an_oci_archive_is_read_or_fails() {
    // What leads to the blobs first: each border between two of these is a place to be cut.
    let layout = layout();
    let (blobs, others): (Vec<_>, Vec<_>) = layout
        .iter()
        .map(|(name, content)| (&**name, &**content))
        .partition(|(name, _)| name.starts_with("blobs/"));
    let tar = archive(others.into_iter().chain(blobs));
    test(&tar, 512, CUTS_IN_THE_END);
}

#[test]
fn an_oci_archive_in_gzip_is_read_or_fails() {
    test(&gzip(&archive_of(&layout())), 5000, 0);
}

#[test]
fn an_oci_archive_in_zstd_is_read_or_fails() {
    let tar = archive_of(&layout());
    test(&zstd::encode_all(&tar[..], 1).unwrap(), 5000, 0);
}

#[test]
fn an_oci_archive_in_bzip2_is_read_or_fails() {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&archive_of(&layout())).unwrap();
    test(&bzip2.finish().unwrap(), 5000, 0);
}

#[test]
fn an_oci_archive_in_xz_is_read_or_fails() {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&archive_of(&layout())).unwrap();
    test(&xz.finish().unwrap(), 5000, 0);
}

#[test]
fn a_docker_save_archive_is_read_or_fails() {
    let layout = layout();
    let mut files = BTreeMap::new();
    let mut items = Vec::new();
    for manifest in manifests(&layout) {
        let config = content(&layout, &manifest["config"]);
        let config_name = format!("{}.json", &digest(config)["sha256:".len()..]);
        let mut names = Vec::new();
        for layer in manifest["layers"].as_array().unwrap() {
            // The large one stays compressed: such a layer is hashed to learn its digest.
            let mut content = content(&layout, layer).to_owned();
            if content.len() < 1000 {
                content = unpacked(&content);
            }
            let name = format!("{}/layer.tar", &digest(&content)["sha256:".len()..]);
            files.insert(name.clone(), content);
            names.push(name);
        }
        files.insert(config_name.clone(), config.to_owned());
        items.push(json!({"Config": config_name, "RepoTags": ["sample:1.0"], "Layers": names}));
    }
    files.insert("manifest.json".into(), bytes(&Value::Array(items)));
    test(&archive_of(&files), 512, CUTS_IN_THE_END);
}

#[test]
fn a_hybrid_of_both_is_read_or_fails() {
    test(&archive_of(&hybrid()), 512, CUTS_IN_THE_END);
}

#[test]
fn a_hybrid_whose_layout_lists_nothing_is_read_or_fails() {
    let mut hybrid = hybrid();
    let index = json!({"schemaVersion": 2, "manifests": []});
    hybrid.insert("index.json".into(), bytes(&index));
    test(&archive_of(&hybrid), 512, CUTS_IN_THE_ZEROS);
}

/// The files of an archive, a later entry of a name replacing earlier ones.
fn archive_in_order(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    archive(files.iter().map(|(name, content)| (*name, &**content)))
}

/// The files, those with these names last.
fn ending_with<'a>(files: &'a Layout, last: &[&str]) -> Vec<(&'a str, Vec<u8>)> {
    let mut files: Vec<_> = files
        .iter()
        .map(|(name, content)| (&**name, content.clone()))
        .collect();
    files.sort_by_key(|(name, _)| last.iter().position(|l| l == name).map_or(0, |i| i + 1));
    files
}

#[test]
fn a_hybrid_cut_before_its_layout_is_not_what_manifest_json_lists() {
    let hybrid = hybrid();
    let files = ending_with(&hybrid, &["index.json", "oci-layout"]);
    test(&archive_in_order(&files), 512, CUTS_IN_THE_END);
}

#[test]
fn a_hybrid_cut_before_manifest_json_does_not_list_nothing() {
    let mut hybrid = hybrid();
    let index = json!({"schemaVersion": 2, "manifests": []});
    hybrid.insert("index.json".into(), bytes(&index));
    let files = ending_with(&hybrid, &["manifest.json"]);
    test(&archive_in_order(&files), 512, CUTS_IN_THE_ZEROS);
}
