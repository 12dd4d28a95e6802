//! The library runs on small stacks, such as those of threads of other languages and of
//! musl.

#![cfg(target_os = "linux")]

mod support;

use ociimg::digest::{Algorithm, Digest};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::loader::{CONFIG, INDEX, LAYER, MANIFEST, index, on};
use tempfile::TempDir;

/// Of the thread that calls; it holds with optimisation and without.
const MAX: usize = 48 << 10;

struct Layout(PathBuf);

impl Layout {
    fn new(path: PathBuf) -> Self {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self(path)
    }

    fn put(&self, media_type: &str, content: impl AsRef<[u8]>) -> Value {
        let content = content.as_ref();
        let digest = Digest::of(Algorithm::Sha256, content);
        let blob = self.0.join("blobs/sha256").join(digest.parts().1);
        fs::write(blob, content).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": content.len()})
    }

    fn image(&self, config: &str, layers: &[Vec<u8>], more: &str) -> Value {
        let config = self.put(CONFIG, config);
        let layers: Vec<_> = layers.iter().map(|layer| self.put(LAYER, layer)).collect();
        let layers = json!(layers);
        let manifest =
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":{layers}{more}}}"#);
        on(self.put(MANIFEST, manifest), "linux", "arm")
    }

    fn index(&self, index: &str) {
        fs::write(self.0.join("index.json"), index).unwrap();
    }
}

/// An image with layers in every compression.
fn layers() -> Vec<Vec<u8>> {
    let content = vec![b'x'; 3 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    for write in [&mut gzip as &mut dyn Write, &mut bzip2, &mut xz] {
        write.write_all(&content).unwrap();
    }
    vec![
        gzip.finish().unwrap(),
        bzip2.finish().unwrap(),
        xz.finish().unwrap(),
        zstd::encode_all(&content[..], 1).unwrap(),
        content,
    ]
}

fn archive(path: &Path, files: &[(&str, &[u8])], links: &[(&str, &str)]) {
    let mut tar = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, name, target).unwrap();
    }
    tar.finish().unwrap();
}

#[test]
fn hostile_images_take_little_stack() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let nested = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(120), "}".repeat(120));
    let too_deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let diff_id = Digest::of(Algorithm::Sha256, &vec![b'x'; 3 << 20]).to_string();
    let diff_ids = json!(vec![&diff_id; 5]);
    let config = |more: &str| {
        format!(
            r#"{{"os":"linux","architecture":"arm","rootfs":{{"type":"layers","diff_ids":{diff_ids}}}{more}}}"#
        )
    };
    let layers = layers();

    let sound = Layout::new(at("sound"));
    let more = format!(r#","x":{nested}"#);
    let image = sound.image(&config(&more), &layers, &more);
    let mut inner = sound.put(
        INDEX,
        format!(r#"{{"schemaVersion":2,"manifests":[{image}],"x":{objects}}}"#),
    );
    for _ in 0..6 {
        inner = sound.put(INDEX, index(&[inner, image.clone()]).to_string());
    }
    sound.index(&index(&[inner]).to_string());

    let deep = Layout::new(at("deep"));
    let image = deep.image(&config(&format!(r#","x":{too_deep}"#)), &layers, "");
    deep.index(&index(&[image]).to_string());
    let broken = Layout::new(at("broken"));
    broken.index(&too_deep);
    let wrong = Layout::new(at("wrong"));
    let image = wrong.image(&config(r#","history":3,"\u0001":"\u0001""#), &layers, "");
    wrong.index(&format!(
        r#"{{"schemaVersion":2,"manifests":[{{}},{{"Digest":1}},{image},null]}}"#
    ));

    let saved = json!([
        {"Config": "c", "RepoTags": ["a:1", "b:1"], "Layers": ["l", "l", "l", "l", "l"]},
        {"Config": "d", "RepoTags": ["a:2"], "Layers": ["l39"]}
    ])
    .to_string();
    let names: Vec<_> = (0..41).map(|i| format!("l{i}")).collect();
    let links: Vec<_> = names.windows(2).map(|w| (&*w[0], &*w[1])).collect();
    let long = "n/".repeat(1000);
    archive(
        &at("saved.tar"),
        &[
            ("manifest.json", saved.as_bytes()),
            ("c", config("").as_bytes()),
            ("l", &layers[0]),
            (&long, b""),
        ],
        &links,
    );
    let packed = zstd::encode_all(&fs::read(at("saved.tar")).unwrap()[..], 1).unwrap();
    fs::write(at("saved.tar.zst"), packed).unwrap();
    fs::write(at("no.tar"), [b'x'; 2000]).unwrap();

    let paths = [
        "sound",
        "deep",
        "broken",
        "wrong",
        "saved.tar",
        "saved.tar.zst",
        "no.tar",
        "absent",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = support::cc::program(&[&root.join("tests/c/stack.c")], "stack");
    let run = Command::new(program)
        .arg(MAX.to_string())
        .arg(folder.path())
        .args(paths.map(at))
        .output()
        .unwrap();
    let all = format!(
        "{}\n{}{}",
        run.status,
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
    println!("{all}");
    assert!(run.status.success(), "{all}");
}
