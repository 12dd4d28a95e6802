//! Messages about the content of layouts and archives begin with the file concerned.

mod support;

use ociimg::context::Context;
use ociimg::error::Error;
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::reader::{Mode, ReadOptions};
use ociimg::source::{self, Options};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use support::loader::{CONFIG, INDEX, LAYER, MANIFEST, index};
use tempfile::TempDir;

const MARKER: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The files of a layout.
#[derive(Default)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn put(&mut self, media_type: &str, content: impl AsRef<[u8]>) -> Value {
        let content = content.as_ref();
        let digest = ociimg::digest::Digest::of(ociimg::digest::Algorithm::Sha256, content);
        self.0
            .push((path(&json!(digest.to_string())), content.to_vec()));
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": content.len()})
    }

    fn write(mut self, index: &str, folder: &Path) {
        self.0.push(("oci-layout".into(), MARKER.into()));
        self.0.push(("index.json".into(), index.into()));
        let mut tar = tar::Builder::new(fs::File::create(folder.join("a.tar")).unwrap());
        for (path, content) in &self.0 {
            let file = folder.join("layout").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, &content[..]).unwrap();
        }
        tar.finish().unwrap();
    }
}

fn path(digest: &Value) -> String {
    format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"))
}

fn load(path: &Path, options: &LoadOptions) -> Result<Index, Error> {
    let loader = source::open(path, &Options::default(), &Context::default())?;
    Index::load(loader, options, &Context::default())
}

/// Asserts that `fails` fails so in the layout and in the archive: behind the name of this
/// file.
#[track_caller]
fn assert_begins(folder: &Path, file: &str, found: &str, fails: impl Fn(&Path) -> Error) {
    let layout = folder.join("layout");
    let archive = folder.join("a.tar");
    let in_layout = format!("{}: {found}", layout.join(file).display());
    let in_archive = format!("{}: {file}: {found}", archive.display());
    for (path, begin) in [(layout, in_layout), (archive, in_archive)] {
        let e = fails(&path);
        assert!(e.message().starts_with(&begin), "{e}, expected {begin}");
    }
}

fn load_error(path: &Path) -> Error {
    load(path, &LoadOptions::default()).map(drop).unwrap_err()
}

/// The error of the first entry, or of its image.
fn image_error(path: &Path) -> Error {
    let index = load(path, &LoadOptions::default()).unwrap();
    let image = index.image(0, &Context::default());
    image.map(drop).unwrap_err()
}

fn config(diff_ids: &[Value]) -> String {
    let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
    json!({"os": "linux", "architecture": "arm", "rootfs": rootfs}).to_string()
}

#[test]
fn a_broken_root_is_named_by_its_file() {
    let rows = [
        ("{}", "found neither"),
        (
            r#"{"schemaVersion":3,"manifests":[]}"#,
            "schemaVersion: found 3",
        ),
        (
            r#"{"schemaVersion":2,"manifests":{}}"#,
            "manifests: found an object",
        ),
        ("x", "found 'x' at offset 0, expected JSON"),
    ];
    for (index, found) in rows {
        let folder = TempDir::new().unwrap();
        Files::default().write(index, folder.path());
        assert_begins(folder.path(), "index.json", found, load_error);
        let small = LoadOptions {
            max_document_size: 0,
            ..LoadOptions::default()
        };
        assert_begins(
            folder.path(),
            "index.json",
            "found more than 0 bytes",
            |path| load(path, &small).map(drop).unwrap_err(),
        );
    }
}

#[test]
fn broken_documents_are_named_by_their_files() {
    let rows: [(&str, &str); 3] = [
        (
            r#"{"schemaVersion":2,"layers":[]}"#,
            "config: found nothing",
        ),
        (
            r#"{"schemaVersion":2,"manifests":[]}"#,
            "found an index, expected a manifest",
        ),
        ("x", "found 'x' at offset 0, expected JSON"),
    ];
    for (manifest, found) in rows {
        let folder = TempDir::new().unwrap();
        let mut files = Files::default();
        let child = files.put(MANIFEST, manifest);
        files.write(
            &index(std::slice::from_ref(&child)).to_string(),
            folder.path(),
        );
        assert_begins(folder.path(), &path(&child["digest"]), found, image_error);
    }
    // Of another size or digest than the descriptor has, and above the limit.
    let folder = TempDir::new().unwrap();
    let mut files = Files::default();
    let mut child = files.put(INDEX, index(&[]).to_string());
    let blob = path(&child["digest"]);
    let size = child["size"].as_u64().unwrap();
    let other = files.0.pop().unwrap().0;
    files.0.push((other, vec![b' '; size as usize]));
    files.write(
        &index(std::slice::from_ref(&child)).to_string(),
        folder.path(),
    );
    assert_begins(folder.path(), &blob, "content has digest", image_error);
    child["size"] = json!(size + 1);
    let write = |name: &str, index: Value| {
        fs::write(folder.path().join("layout").join(name), index.to_string()).unwrap();
    };
    write("index.json", index(std::slice::from_ref(&child)));
    let e = image_error(&folder.path().join("layout"));
    let begin = folder.path().join("layout").join(&blob);
    assert!(
        e.message().starts_with(&format!("{}: ", begin.display())),
        "{e}"
    );
    child["size"] = json!(5 << 20);
    write("index.json", index(&[child]));
    let e = image_error(&folder.path().join("layout"));
    let begin = format!("{}: found a size of 5242880 bytes", begin.display());
    assert!(e.message().starts_with(&begin), "{e}");
}

#[test]
fn broken_configs_and_layers_are_named_by_their_files() {
    let folder = TempDir::new().unwrap();
    let mut files = Files::default();
    let config_of = files.put(CONFIG, r#"{"rootfs":{"type":"tree"}}"#);
    let manifest = json!({"schemaVersion": 2, "config": config_of, "layers": []});
    let child = files.put(MANIFEST, manifest.to_string());
    files.write(&index(&[child]).to_string(), folder.path());
    let found = "rootfs.type: found \"tree\"";
    assert_begins(
        folder.path(),
        &path(&config_of["digest"]),
        found,
        image_error,
    );

    let folder = TempDir::new().unwrap();
    let mut files = Files::default();
    let layer = files.put(LAYER, "a layer");
    files.0[0].1 = b"a la?er".to_vec();
    let config_of = files.put(CONFIG, config(&[layer["digest"].clone()]));
    let manifest = json!({"schemaVersion": 2, "config": config_of, "layers": [layer]});
    let child = files.put(MANIFEST, manifest.to_string());
    files.write(&index(&[child]).to_string(), folder.path());
    let read = |path: &Path| {
        let index = load(path, &LoadOptions::default()).unwrap();
        let image = index.image(0, &Context::default()).unwrap();
        let ctx = Arc::new(Context::default());
        let layer = &image.layers()[0];
        let mut reader = layer
            .open(Mode::Stored, ReadOptions::default(), ctx)
            .unwrap();
        reader.finish().unwrap_err()
    };
    assert_begins(
        folder.path(),
        &path(&layer["digest"]),
        "content has digest",
        read,
    );

    // One diff ID, no layer.
    let folder = TempDir::new().unwrap();
    let mut files = Files::default();
    let config_of = files.put(CONFIG, config(&[layer["digest"].clone()]));
    let manifest = json!({"schemaVersion": 2, "config": config_of, "layers": []});
    let child = files.put(MANIFEST, manifest.to_string());
    files.write(
        &index(std::slice::from_ref(&child)).to_string(),
        folder.path(),
    );
    let found = "layers: found 0 of them";
    assert_begins(folder.path(), &path(&child["digest"]), found, image_error);
}
