//! Hostile shapes, each in a process of its own that counts its memory, its time and its
//! descriptors: beside a fixed 8 MiB at most four bytes stay, and eight are taken for a moment, for
//! each byte that is read; the time grows with these bytes alone.
//!
//! Some shapes are smaller by default, as the library is not optimised. CI runs the full sizes:
//!
//!     cargo rustc --release --lib --crate-type cdylib
//!     OCIIMG_TESTS_LIBRARY=target/release/libociimg.so OCIIMG_TESTS_FULL_SIZE=1 \
//!         cargo test --test limits

// As tests/memory.rs.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod support;

use ociimg::digest::{Algorithm, Digest};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::loader::{CONFIG, INDEX, LAYER, MANIFEST, index, on};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// Bytes of the largest document that is read.
const DOCUMENT: usize = 4 * MIB;
/// Bytes that documents full of something leave, so that several can differ in size.
const SPARE: usize = 64;
/// Bytes of all documents that one load reads.
const TOTAL: usize = 32 * MIB;

/// Whether the library was built with optimisation.
fn optimised() -> bool {
    std::env::var_os("OCIIMG_TESTS_LIBRARY").is_some() || !cfg!(debug_assertions)
}

/// The size of a shape: the second with OCIIMG_TESTS_FULL_SIZE=1.
fn sized(small: usize, full: usize) -> usize {
    match std::env::var_os("OCIIMG_TESTS_FULL_SIZE").is_some_and(|set| set == "1") {
        true => full,
        false => small,
    }
}

/// Milliseconds that a process may compute, whatever it is given.
const FIXED_TIME: usize = 500;

/// Nanoseconds that it may compute for each byte: several times what was measured.
fn time_per_byte() -> usize {
    if optimised() { 60 } else { 2000 }
}

/// An image on disk, and what comes of it.
struct Shape {
    folder: TempDir,
    /// The path that the program opens.
    path: PathBuf,
    /// Bytes of documents that a load reads.
    read: usize,
    /// Bytes beside these that may stay, for the table of an archive.
    table: usize,
    /// Bytes that it looks at: those of documents, layers and their content, and archives.
    work: usize,
    /// Whether openat2 is missing.
    old_kernel: bool,
}

impl Shape {
    /// An empty layout.
    fn layout() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(
            folder.path().join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Self {
            path: folder.path().to_owned(),
            folder,
            read: 0,
            table: 0,
            work: 0,
            old_kernel: false,
        }
    }

    /// An archive, compressed with zstd, in place of a layout.
    fn archive(write: impl FnOnce(&mut dyn Write)) -> Self {
        let mut shape = Self::layout();
        shape.path = shape.folder.path().join("archive");
        let out = BufWriter::new(File::create(&shape.path).unwrap());
        let mut out = Counted(::zstd::Encoder::new(out, 1).unwrap(), 0);
        write(&mut out);
        shape.work = out.1;
        out.0.finish().unwrap().flush().unwrap();
        shape
    }

    /// An archive of what is in the layout.
    fn archived(self) -> Self {
        let mut archive = Self::archive(|out| {
            for name in ["oci-layout", "index.json", "manifest.json"] {
                if let Ok(content) = fs::read(self.folder.path().join(name)) {
                    entry(out, name, &content);
                }
            }
            for blob in fs::read_dir(self.folder.path().join("blobs/sha256")).unwrap() {
                let blob = blob.unwrap();
                let name = format!("blobs/sha256/{}", blob.file_name().display());
                entry(out, &name, &fs::read(blob.path()).unwrap());
            }
        });
        archive.read = self.read;
        archive.work += self.work;
        archive
    }

    /// Puts a blob into the layout; gives its descriptor.
    fn put(&mut self, media_type: &str, content: impl AsRef<[u8]>) -> Value {
        let content = content.as_ref();
        let digest = Digest::of(Algorithm::Sha256, content);
        let name = digest.parts().1;
        fs::write(self.folder.path().join("blobs/sha256").join(name), content).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": content.len()})
    }

    /// A document, which a load reads.
    fn read(&mut self, media_type: &str, content: impl AsRef<[u8]>) -> Value {
        self.read += content.as_ref().len();
        self.work += content.as_ref().len();
        self.put(media_type, content)
    }

    fn index_json(mut self, content: impl AsRef<[u8]>) -> Self {
        self.read += content.as_ref().len();
        self.work += content.as_ref().len();
        fs::write(self.folder.path().join("index.json"), content).unwrap();
        self
    }

    /// A manifest of a config and of layers of these media types and contents.
    fn manifest(&mut self, config: &[u8], layers: &[(&str, &[u8])]) -> Value {
        let config = self.read(CONFIG, config);
        let layers: Vec<_> = layers.iter().map(|l| self.put(l.0, l.1)).collect();
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        self.read(MANIFEST, manifest.to_string())
    }

    /// One image of a layer that unpacks to what it may.
    fn layer(media_type: &str, stored: &[u8], unpacked: impl Fn(&mut dyn FnMut(&[u8]))) -> Self {
        let mut shape = Self::layout();
        let mut diff_id = ociimg::digest::Hasher::new(Algorithm::Sha256);
        let mut size = 0;
        unpacked(&mut |piece| {
            diff_id.update(piece);
            size += piece.len();
        });
        let config = json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [diff_id.finish().to_string()]}
        });
        shape.work += size + stored.len();
        let manifest = shape.manifest(config.to_string().as_bytes(), &[(media_type, stored)]);
        shape.index_json(index(&[manifest]).to_string())
    }

    /// Runs the program, and checks the bounds.
    fn check(&self, name: &str, expected: &[&str]) {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            support::cc::program(&[&root.join("tests/c/limits.c")], "limits")
        });
        let read = self.read.min(TOTAL);
        let mut command = Command::new(program);
        command.arg(&self.path);
        let time = FIXED_TIME + self.work * time_per_byte() / 1_000_000;
        for bound in [4 * read + self.table, 8 * read + self.table, time] {
            command.arg(bound.to_string());
        }
        command.args(self.old_kernel.then_some("no-openat2"));
        let run = command.output().unwrap();
        let found = String::from_utf8_lossy(&run.stdout);
        let all = format!(
            "{name}, {} bytes: {}\n{found}{}",
            self.work,
            run.status,
            String::from_utf8_lossy(&run.stderr)
        );
        println!("{all}");
        assert!(run.status.success(), "{all}");
        for line in expected {
            assert!(found.contains(line), "expected \"{line}\"\n{all}");
        }
    }
}

/// `head`, as many of `item` as there is room for in a document, and `tail`.
fn filled(head: &str, item: &str, tail: &str) -> String {
    let room = DOCUMENT - SPARE - head.len() - tail.len();
    let items = item.repeat(room / (item.len() + 1)).len() / item.len();
    format!("{head}{}{tail}", vec![item; items].join(","))
}

/// As [`filled`], with the number of each item in the place of `#`.
fn numbered(head: &str, item: &str, tail: &str) -> String {
    let room = DOCUMENT - SPARE - head.len() - tail.len();
    let mut document = head.to_owned();
    for i in 0.. {
        let item = item.replace('#', &format!("{i:x}"));
        if document.len() + item.len() + 1 > room {
            break;
        }
        if i > 0 {
            document.push(',');
        }
        document.push_str(&item);
    }
    document + tail
}

fn padded(document: &str, size: usize) -> String {
    format!("{document}{}", " ".repeat(size - document.len()))
}

/// An archive's entry.
fn entry(out: &mut dyn Write, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    out.write_all(header.as_bytes()).unwrap();
    out.write_all(content).unwrap();
    let rest = content.len().next_multiple_of(512) - content.len();
    out.write_all(&[0; 512][..rest]).unwrap();
}

fn link(out: &mut dyn Write, name: &str, target: &str) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_path(name).unwrap();
    header.set_link_name(target).unwrap();
    header.set_size(0);
    header.set_cksum();
    out.write_all(header.as_bytes()).unwrap();
}

struct Counted<W>(W, usize);

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1 += written;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

// ---- archives of docker save ---------------------------------------------------------------

/// 92 KB took 32 GiB: each item's manifest repeated the diff ID.
#[test]
fn a_diff_id_of_four_mebibytes_of_many_items() {
    let head = r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["x:"#;
    let config = format!("{head}{}\"]}}}}", "a".repeat(DOCUMENT - head.len() - 4));
    let items = vec![json!({"Config": "c.json", "RepoTags": [], "Layers": ["l"]}); 5000];
    let mut shape = Shape::archive(|out| {
        entry(out, "manifest.json", json!(items).to_string().as_bytes());
        entry(out, "c.json", config.as_bytes());
        entry(out, "l", &[0; 1024]);
    });
    shape.read = config.len() + json!(items).to_string().len();
    shape.check(
        "diff ID",
        &["load: OK", "5000 entries, 0 images, 5000 broken"],
    );
}

#[test]
fn a_long_list_of_layers_of_many_items() {
    let layers: Vec<_> = (0..300).map(|_| "l").collect();
    let layer = vec![0; 1024];
    let diff_id = Digest::of(Algorithm::Sha256, &layer).to_string();
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": vec![&diff_id; 300]}
    });
    let items = vec![json!({"Config": "c.json", "RepoTags": [], "Layers": layers}); 54];
    let mut shape = Shape::archive(|out| {
        entry(out, "manifest.json", json!(items).to_string().as_bytes());
        entry(out, "c.json", config.to_string().as_bytes());
        entry(out, "l", &layer);
    });
    // A manifest is made for each.
    shape.read = json!(items).to_string().len() + 54 * 300 * 200;
    shape.check("layers", &["load: OK", "54 entries, 54 images, 0 broken"]);
}

/// The tags of an image are not copied for each of its names.
#[test]
fn many_names_and_many_tags_of_one_image() {
    let count = sized(3000, 16000);
    let mut image = Shape::layout();
    let layer: &[u8] = &[0; 1024];
    let diff_id = Digest::of(Algorithm::Sha256, layer).to_string();
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}
    });
    let config = config.to_string();
    let mut manifest = image.manifest(config.as_bytes(), &[(LAYER, layer)]);
    manifest["annotations"] = json!({"io.containerd.image.name": "b"});
    let path = |content: &[u8]| {
        let digest = Digest::of(Algorithm::Sha256, content);
        format!("blobs/sha256/{}", digest.parts().1)
    };
    let tags: Vec<_> = (0..count).map(|i| format!("a:{i}")).collect();
    let items = json!([{
        "Config": path(config.as_bytes()), "RepoTags": tags, "Layers": [path(layer)],
    }]);
    let items = items.to_string();
    fs::write(image.path.join("manifest.json"), &items).unwrap();
    let mut shape = image
        .index_json(index(&vec![manifest; count]).to_string())
        .archived();
    shape.read += items.len();
    let entries = format!("{count} entries, {count} images, 0 broken");
    shape.check("names and tags", &["load: OK", &entries]);
}

// ---- indexes -------------------------------------------------------------------------------

/// 806 MiB stayed of a hundred, for a zstd archive of 45 KB.
#[test]
fn images_padded_to_four_mebibytes() {
    let count = sized(40, 100);
    let mut blobs = Vec::new();
    let mut put = |media_type: &str, content: String| {
        let digest = Digest::of(Algorithm::Sha256, content.as_bytes()).to_string();
        let d = json!({"mediaType": media_type, "digest": digest, "size": content.len()});
        blobs.push((format!("blobs/{}", digest.replace(':', "/")), content));
        d
    };
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers"}});
    let config = put(CONFIG, config.to_string());
    let manifests: Vec<_> = (0..count)
        .map(|i| {
            let manifest = json!({
                "schemaVersion": 2, "config": config, "layers": [], "annotations": {"i": i.to_string()}
            });
            on(
                put(MANIFEST, padded(&manifest.to_string(), DOCUMENT)),
                "linux",
                "amd64",
            )
        })
        .collect();
    let root = index(&manifests).to_string();
    let mut shape = Shape::archive(|out| {
        entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        entry(out, "index.json", root.as_bytes());
        for (name, content) in &blobs {
            entry(out, name, content.as_bytes());
        }
    });
    shape.read = root.len();
    shape.check(
        "images",
        &[
            "load: OK",
            &format!("{count} entries, {count} images, 0 broken"),
        ],
    );

    // Without platforms all are read to load it, up to the limit.
    let bare: Vec<_> = manifests
        .into_iter()
        .map(|mut d| {
            d.as_object_mut().unwrap().remove("platform");
            d
        })
        .collect();
    let root = index(&bare).to_string();
    let mut shape = Shape::archive(|out| {
        entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        entry(out, "index.json", root.as_bytes());
        for (name, content) in &blobs {
            entry(out, name, content.as_bytes());
        }
    });
    shape.read = TOTAL;
    shape.check(
        "images without platform",
        &[
            "load: OK",
            &format!("{count} entries, 7 images, {} broken", count - 7),
        ],
    );
}

#[test]
fn sixteen_thousand_entries() {
    let mut shape = Shape::layout();
    let config = br#"{"os":"linux","architecture":"amd64"}"#;
    let manifest = shape.manifest(config, &[]);
    let one = on(manifest.clone(), "linux", "amd64");
    let mut other = manifest;
    other["annotations"] = json!({"org.opencontainers.image.ref.name": "x"});
    let half = 16_384 / 2;
    let children = [vec![one; half], vec![other; half]].concat();
    let shape = shape.index_json(index(&children).to_string());
    shape.check("entries", &["16384 entries, 16384 images, 0 broken"]);

    let mut shape = Shape::layout();
    let manifest = on(shape.manifest(config, &[]), "linux", "amd64");
    let shape = shape.index_json(index(&vec![manifest; 16_385]).to_string());
    shape.check("one more", &["load: LIMIT_EXCEEDED"]);
}

/// 63 of them, 28 KB as an archive, took 3.0 GiB.
#[test]
fn nested_indexes_full_of_small_things() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let child = format!(r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":2"#);
    for (name, head, item, tail) in [
        (
            "children {}",
            r#"{"schemaVersion":2,"manifests":["#.to_owned(),
            "{}",
            "]}",
        ),
        (
            "annotations",
            format!(r#"{{"schemaVersion":2,"manifests":[{child},"annotations":{{"#),
            r##""#":"""##,
            "}}]}",
        ),
        (
            "urls",
            format!(r#"{{"schemaVersion":2,"manifests":[{child},"urls":["#),
            r#""""#,
            "]}]}",
        ),
        (
            "features",
            format!(
                r#"{{"schemaVersion":2,"manifests":[{child},"platform":{{"os":"l","architecture":"a","os.features":["#
            ),
            r##""#""##,
            "]}}]}",
        ),
        (
            "unknown",
            r#"{"schemaVersion":2,"manifests":[],"x":["#.to_owned(),
            "0",
            "]}",
        ),
        (
            "deep",
            r#"{"schemaVersion":2,"manifests":[],"x":["#.to_owned(),
            "[[[[[[]]]]]]",
            "]}",
        ),
        (
            "own annotations",
            r#"{"schemaVersion":2,"manifests":[],"annotations":{"#.to_owned(),
            r##""#":"""##,
            "}}",
        ),
    ] {
        let mut shape = Shape::layout();
        // More than are read.
        let document = numbered(&head, item, tail);
        let children: Vec<_> = (0..sized(9, 63))
            .map(|i| shape.read(INDEX, padded(&document, DOCUMENT - i)))
            .collect();
        let shape = shape.index_json(index(&children).to_string()).archived();
        let expected: &[&str] = match name {
            // More children than are visited.
            "children {}" => &["load: LIMIT_EXCEEDED"],
            _ => &["load: OK"],
        };
        shape.check(name, expected);
    }
}

#[test]
fn an_index_that_names_another_twice_and_so_on() {
    let mut shape = Shape::layout();
    let mut inner = shape.read(INDEX, index(&[]).to_string());
    for _ in 0..8 {
        let both = [inner.clone(), inner];
        inner = shape.read(INDEX, index(&both).to_string());
    }
    let deep = shape.index_json(index(&[inner.clone(), inner]).to_string());
    deep.check("deep", &["load: OK"]);

    // 40 times, eight deep.
    let mut shape = Shape::layout();
    let mut inner = shape.read(INDEX, index(&[]).to_string());
    for _ in 0..7 {
        inner = shape.read(INDEX, index(&vec![inner; 40]).to_string());
    }
    let wide = shape.index_json(index(&[inner]).to_string());
    wide.check("wide", &["load: LIMIT_EXCEEDED"]);
}

// ---- configs -------------------------------------------------------------------------------

#[test]
fn configs_full_of_small_things() {
    let start = r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"#;
    let id = format!("\"sha256:{}\"", "0".repeat(64));
    for (name, head, item, tail) in [
        ("history {}", r#""history":["#, "{}", "]}"),
        ("history null", r#""history":["#, "null", "]}"),
        (
            "history empty",
            r#""history":["#,
            r#"{"empty_layer":true}"#,
            "]}",
        ),
        (
            "history of text",
            r#""history":["#,
            r#"{"author":"a","comment":"b"}"#,
            "]}",
        ),
        ("unknown", r#""x":["#, "0", "]}"),
        ("unknown objects", r#""x":["#, r##"{"#":0}"##, "]}"),
        ("env", r#""config":{"Env":["#, r#""""#, "]}}"),
        ("cmd", r#""config":{"Cmd":["#, "null", "]}}"),
        ("labels", r#""config":{"Labels":{"#, r##""#":"""##, "}}}"),
        ("volumes", r#""config":{"Volumes":{"#, r##""#":{}"##, "}}}"),
        (
            "ports",
            r#""config":{"ExposedPorts":{"#,
            r##""#":{}"##,
            "}}}",
        ),
        ("keys", "", r##""#":0"##, "}"),
        ("features", r#""os.features":["#, r#""""#, "]}"),
    ] {
        let mut shape = Shape::layout();
        let config = numbered(&format!("{start}{head}"), item, tail);
        let manifest = shape.manifest(config.as_bytes(), &[]);
        let shape = shape.index_json(index(&[manifest]).to_string());
        shape.check(name, &["load: OK", "1 entries, 1 images, 0 broken"]);
    }
    let mut shape = Shape::layout();
    let head = r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["#;
    let manifest = shape.manifest(filled(head, &id, "]}}").as_bytes(), &[]);
    let shape = shape.index_json(index(&[manifest]).to_string());
    shape.check("diff IDs", &["load: OK", "1 entries, 0 images"]);
}

#[test]
fn manifests_full_of_small_things() {
    let config = Shape::layout().read(CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
    for (name, head, item, tail) in [
        (
            "layers {}",
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":["#),
            "{}",
            "]}",
        ),
        (
            "layers",
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":["#),
            r#"{"mediaType":"a","digest":"a:b","size":0}"#,
            "]}",
        ),
        (
            "annotations of layers",
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":["#),
            r#"{"mediaType":"a","digest":"a:b","size":0,"annotations":{"":""}}"#,
            "]}",
        ),
        (
            "URLs of layers",
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":["#),
            r#"{"mediaType":"a","digest":"a:b","size":0,"urls":[""]}"#,
            "]}",
        ),
    ] {
        let mut shape = Shape::layout();
        shape.read(CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
        // Eight of them are all that is read.
        let document = filled(&head, item, &format!("{tail}{:9}", ""));
        let manifests: Vec<_> = (0..8)
            .map(|i| shape.read(MANIFEST, &document[..document.len() - i]))
            .collect();
        let shape = shape.index_json(index(&manifests).to_string());
        shape.check(name, &["load: OK", "8 entries"]);
    }
}

// ---- layers --------------------------------------------------------------------------------

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

#[test]
fn layers_of_frames_that_hold_nothing() {
    let member = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let shape = Shape::layer(GZIP, &member.repeat(sized(200_000, 2_000_000)), |_| {});
    shape.check("gzip members", &["0 bytes, layer: OK"]);

    let frame = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    let shape = Shape::layer(ZSTD, &frame.repeat(sized(500_000, 5_000_000)), |_| {});
    shape.check("skippable frames", &["0 bytes, layer: OK"]);

    let empty = ::zstd::encode_all(&b""[..], 1).unwrap();
    let shape = Shape::layer(ZSTD, &empty.repeat(sized(200_000, 2_000_000)), |_| {});
    shape.check("zstd frames", &["0 bytes, layer: OK"]);

    let mut empty = Vec::new();
    liblzma::write::XzEncoder::new(&mut empty, 0)
        .finish()
        .unwrap();
    let shape = Shape::layer(LAYER, &empty.repeat(sized(20_000, 200_000)), |_| {});
    shape.check("xz streams", &["0 bytes, layer: OK"]);
}

#[test]
fn layers_that_unpack_to_much() {
    let pieces = sized(64, 512);
    let zeros = |out: &mut dyn FnMut(&[u8])| (0..pieces).for_each(|_| out(&vec![0; MIB]));
    let write = |out: &mut dyn Write| {
        for _ in 0..pieces {
            out.write_all(&vec![0; MIB]).unwrap();
        }
    };
    let expected = format!("{} bytes, layer: OK", pieces * MIB);
    let mut packed = Vec::new();
    let mut encoder = bzip2::write::BzEncoder::new(&mut packed, bzip2::Compression::best());
    write(&mut encoder);
    encoder.finish().unwrap();
    Shape::layer(LAYER, &packed, zeros).check("bzip2", &[&expected]);

    let mut packed = Vec::new();
    let mut encoder = liblzma::write::XzEncoder::new(&mut packed, 6);
    write(&mut encoder);
    encoder.finish().unwrap();
    Shape::layer(LAYER, &packed, zeros).check("xz", &[&expected]);

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    write(&mut encoder);
    Shape::layer(GZIP, &encoder.finish().unwrap(), zeros).check("gzip", &[&expected]);

    // A dictionary above the limit is refused before it is taken.
    let mut packed = vec![
        0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1, 0x69, 0x22, 0xde, 0x36,
    ];
    // One block, LZMA2 with a dictionary of 4 GiB - 1.
    let header = [2, 0, 0x21, 1, 40, 0, 0, 0];
    packed.extend(header);
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    packed.extend(crc.sum().to_le_bytes());
    packed.extend([0; 64]);
    Shape::layer(LAYER, &packed, |_| {})
        .check("xz dictionary", &["0 bytes, layer: LIMIT_EXCEEDED"]);
}

// ---- archives ------------------------------------------------------------------------------

#[test]
fn archives_of_many_headers() {
    let headers = sized(200_000, 2_000_000);
    let mut shape = Shape::archive(|out| {
        for i in 0..headers {
            entry(out, &format!("{i}"), b"");
        }
        entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        entry(out, "index.json", br#"{"schemaVersion":2,"manifests":[]}"#);
        out.write_all(&[0; 1024]).unwrap();
    });
    shape.table = headers * 300;
    shape.check("names", &["load: OK"]);

    let shape = Shape::archive(|out| {
        (0..headers).for_each(|_| entry(out, "x", b""));
        entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        entry(out, "index.json", br#"{"schemaVersion":2,"manifests":[]}"#);
        out.write_all(&[0; 1024]).unwrap();
    });
    shape.check("one name", &["load: OK"]);
}

#[test]
fn archives_of_long_names() {
    let names = sized(4000, 20_000);
    let name = "n/".repeat(2000);
    for pax in [true, false] {
        let mut shape = Shape::archive(|out| {
            for i in 0..names {
                let record = |len: usize| format!("{len} path={name}{i:05}\n");
                let len = (0..9999).find(|len| record(*len).len() == *len).unwrap();
                let (kind, content) = match pax {
                    true => (tar::EntryType::XHeader, record(len)),
                    false => (tar::EntryType::GNULongName, format!("{name}{i:05}\0")),
                };
                let mut header = tar::Header::new_ustar();
                header.set_entry_type(kind);
                header.set_path("x").unwrap();
                header.set_size(content.len() as u64);
                header.set_cksum();
                out.write_all(header.as_bytes()).unwrap();
                out.write_all(content.as_bytes()).unwrap();
                let rest = content.len().next_multiple_of(512) - content.len();
                out.write_all(&vec![0; rest]).unwrap();
                entry(out, "x", b"");
            }
            entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
            entry(out, "index.json", br#"{"schemaVersion":2,"manifests":[]}"#);
            out.write_all(&[0; 1024]).unwrap();
        });
        // As text, not by component.
        shape.table = names * (2 * name.len() + 300);
        shape.check(if pax { "PAX" } else { "GNU" }, &["load: OK"]);
    }
}

#[test]
fn archives_of_links_through_links() {
    // Each folder leads through the one before it twice.
    let doubling = Shape::archive(|out| {
        entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        link(out, "f0", ".");
        for i in 1..60 {
            let before = i - 1;
            link(out, &format!("f{i}"), &format!("f{before}/f{before}"));
        }
        link(out, "index.json", "f59/index");
        entry(out, "index", br#"{"schemaVersion":2,"manifests":[]}"#);
        out.write_all(&[0; 1024]).unwrap();
    });
    doubling.check("doubling", &["open: "]);

    let mut chain = Shape::archive(|out| {
        entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        for i in 0..50_000 {
            link(out, &format!("l{i}"), &format!("l{}", i + 1));
        }
        link(out, "index.json", "l0");
        out.write_all(&[0; 1024]).unwrap();
    });
    chain.table = 50_000 * 300;
    chain.check("chain", &["load: MALFORMED"]);

    // Links that docker-save's items lead through.
    let items: Vec<_> = (0..4000)
        .map(|i| json!({"Config": format!("l{}", i % 1000), "RepoTags": [], "Layers": []}))
        .collect();
    let mut saved = Shape::archive(|out| {
        entry(out, "manifest.json", json!(items).to_string().as_bytes());
        for i in 0..1000 {
            link(out, &format!("l{i}"), &format!("l{}", i + 1));
        }
        entry(out, "l1000", br#"{"os":"linux","architecture":"amd64"}"#);
    });
    saved.read = json!(items).to_string().len();
    saved.table = 1000 * 300;
    saved.check("items", &["open: OK"]);
}

// ---- folders -------------------------------------------------------------------------------

/// 1,900 folders took 1,000 descriptors where openat2 is missing.
#[test]
fn a_path_of_many_folders() {
    for old_kernel in [false, true] {
        let mut shape = Shape::layout();
        // Relative paths: with the folder's own they would be too long.
        let folders = "a/".repeat(1900);
        let made = Command::new("sh")
            .arg("-c")
            .arg("mkdir -p \"$1\" && echo '{\"schemaVersion\":2,\"manifests\":[]}' >\"$1index.json\"")
            .args(["sh", &folders])
            .current_dir(shape.folder.path())
            .status()
            .unwrap();
        assert!(made.success());
        let index = shape.folder.path().join("index.json");
        symlink(format!("{folders}index.json"), index).unwrap();
        shape.old_kernel = old_kernel;
        shape.check("folders", &["open: OK", "load: OK"]);
    }
}
