//! Small images for sinks, and layouts as a reader finds them.

use flate2::Compression;
use flate2::write::GzEncoder;
use ociimg::context::Context;
use ociimg::descriptor::Descriptor;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::Result;
use ociimg::sink::{Begin, Root, Roots, Sink};
use ociimg::text::Text;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Content, and the descriptor of it.
#[derive(Clone)]
pub struct Blob {
    pub descriptor: Arc<Descriptor>,
    pub bytes: Vec<u8>,
}

impl Blob {
    pub fn new(media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::with_algorithm(media_type, bytes, Algorithm::Sha256)
    }

    pub fn with_algorithm(
        media_type: &str,
        bytes: impl Into<Vec<u8>>,
        algorithm: Algorithm,
    ) -> Self {
        let bytes = bytes.into();
        let digest = Digest::of(algorithm, &bytes);
        let media_type = Text::new(media_type).unwrap();
        Self {
            descriptor: Arc::new(Descriptor::new(media_type, digest, bytes.len() as u64)),
            bytes,
        }
    }

    pub fn digest(&self) -> String {
        self.descriptor.digest.to_string()
    }

    /// Its path below a layout.
    pub fn path(&self) -> String {
        format!("blobs/{}", self.digest().replace(':', "/"))
    }

    pub fn json(&self) -> String {
        format!(
            r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#,
            &*self.descriptor.media_type,
            self.digest(),
            self.bytes.len()
        )
    }
}

/// An image: its config and layers, and the manifest that names them.
#[derive(Clone)]
pub struct TestImage {
    pub blobs: Vec<Blob>,
    pub manifest: Blob,
}

/// An image for linux and the architecture, of as many layers, each of one file of 200
/// bytes. Another `seed` makes other layers.
pub fn image(seed: &str, architecture: &str, layers: usize) -> TestImage {
    let (mut blobs, mut diff_ids) = (Vec::new(), Vec::new());
    for i in 0..layers {
        let tar = tar_of(
            &format!("file-{i}"),
            &format!("{seed} {i} ").repeat(200)[..200],
        );
        diff_ids.push(format!(r#""{}""#, Digest::of(Algorithm::Sha256, &tar)));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut encoder, &tar).unwrap();
        blobs.push(Blob::new(LAYER_TYPE, encoder.finish().unwrap()));
    }
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        diff_ids.join(",")
    );
    blobs.push(Blob::new(CONFIG_TYPE, config));
    let layers: Vec<_> = blobs[..layers].iter().map(Blob::json).collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{},"layers":[{}]}}"#,
        blobs.last().unwrap().json(),
        layers.join(",")
    );
    TestImage {
        blobs,
        manifest: Blob::new(MANIFEST_TYPE, manifest),
    }
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

/// An index of images, each for the platform of its place.
pub fn index_of(images: &[TestImage], architectures: &[&str]) -> Blob {
    let entries: Vec<_> = images
        .iter()
        .zip(architectures)
        .map(|(image, architecture)| {
            let entry = image.manifest.json();
            let entry = entry.trim_end_matches('}');
            format!(r#"{entry},"platform":{{"architecture":"{architecture}","os":"linux"}}}}"#)
        })
        .collect();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX_TYPE}","manifests":[{}]}}"#,
        entries.join(",")
    );
    Blob::new(INDEX_TYPE, index)
}

/// Writes a blob as a copy does, unless it is there.
pub fn put_blob(sink: &dyn Sink, blob: &Blob, ctx: &Context) -> Result<()> {
    if sink.has_blob(&blob.descriptor, ctx)? {
        return Ok(());
    }
    match sink.begin_blob(&blob.descriptor, ctx)? {
        Begin::Exists => Ok(()),
        Begin::Write { mut writer, .. } => {
            for piece in blob.bytes.chunks(64 << 10) {
                writer.write(piece, ctx)?;
            }
            writer.commit(ctx)
        }
    }
}

pub fn put_blobs(sink: &dyn Sink, image: &TestImage) -> Result<()> {
    let ctx = Context::default();
    let mut blobs = image.blobs.iter();
    blobs.try_for_each(|blob| put_blob(sink, blob, &ctx))
}

/// Roots that are read from memory.
struct TestRoots {
    roots: std::vec::IntoIter<(Root, Arc<[u8]>)>,
    put: usize,
}

impl Roots for TestRoots {
    fn next(&mut self) -> Result<Option<(Root, Arc<[u8]>)>> {
        Ok(self.roots.next())
    }

    fn put(&mut self, count: usize) {
        self.put += count;
    }
}

/// A root with its document. `keeps_name` says that its copy put another one under the name.
pub fn root(blob: &Blob, name: Option<&str>, keeps_name: bool) -> (Root, Arc<[u8]>) {
    let root = Root {
        descriptor: blob.descriptor.clone(),
        name: name.map(|name| Text::new(name).unwrap()),
        keeps_name,
    };
    (root, blob.bytes.as_slice().into())
}

/// Puts roots as a copy does. Returns how many were put.
pub fn put_roots(sink: &dyn Sink, roots: Vec<(Root, Arc<[u8]>)>) -> (usize, Result<()>) {
    let mut roots = TestRoots {
        roots: roots.into_iter(),
        put: 0,
    };
    let result = sink.put_roots(&mut roots, &Context::default());
    (roots.put, result)
}

pub fn put_root(sink: &dyn Sink, blob: &Blob, name: Option<&str>) -> Result<()> {
    put_roots(sink, vec![root(blob, name, false)]).1
}

/// Writes an image as a copy does.
pub fn put_image(sink: &dyn Sink, image: &TestImage, name: Option<&str>) -> Result<()> {
    put_blobs(sink, image)?;
    put_root(sink, &image.manifest, name)
}

/// Writes an index of images as a copy does.
pub fn put_index(
    sink: &dyn Sink,
    images: &[TestImage],
    index: &Blob,
    name: Option<&str>,
) -> Result<()> {
    let ctx = Context::default();
    for image in images {
        put_blobs(sink, image)?;
        sink.put_manifest(&image.manifest.descriptor, &image.manifest.bytes, &ctx)?;
    }
    put_root(sink, index, name)
}

/// The entries of index.json: the name (or "") and digest of each entry, in order. Everything
/// that it leads to is there and right.
pub fn check_layout(folder: &Path) -> Vec<(String, String)> {
    let marker = fs::read(folder.join("oci-layout")).expect("there is oci-layout");
    let marker: Value = serde_json::from_slice(&marker).unwrap();
    assert_eq!(marker["imageLayoutVersion"], "1.0.0");
    let index = fs::read(folder.join("index.json")).expect("there is index.json");
    let index: Value = serde_json::from_slice(&index).expect("index.json is JSON");
    let entries = index["manifests"].as_array().expect("it lists manifests");
    for entry in entries {
        check_tree(folder, entry);
    }
    entries.iter().map(name_and_digest).collect()
}

/// The name (or "") and the digest of an entry of index.json.
pub fn name_and_digest(entry: &Value) -> (String, String) {
    let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
    (
        name.as_str().unwrap_or_default().to_owned(),
        entry["digest"].as_str().unwrap().to_owned(),
    )
}

fn check_tree(folder: &Path, descriptor: &Value) {
    let digest = descriptor["digest"].as_str().unwrap();
    let bytes = fs::read(blob_path(folder, digest)).unwrap_or_else(|e| panic!("{digest}: {e}"));
    assert_eq!(descriptor["size"], bytes.len(), "{digest}");
    check_content(digest, &bytes);
    let media_type = descriptor["mediaType"].as_str().unwrap();
    if [INDEX_TYPE, MANIFEST_TYPE].contains(&media_type) {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let lists = ["manifests", "layers"].map(|key| document[key].as_array());
        for child in lists.into_iter().flatten().flatten() {
            check_tree(folder, child);
        }
        if document["config"].is_object() {
            check_tree(folder, &document["config"]);
        }
    }
}

/// Checks that the content of every blob file matches its name.
pub fn check_blobs(folder: &Path) {
    let Ok(algorithms) = fs::read_dir(folder.join("blobs")) else {
        return;
    };
    for algorithm in algorithms {
        let algorithm = algorithm.unwrap();
        for blob in fs::read_dir(algorithm.path()).unwrap() {
            let blob = blob.unwrap();
            let [algorithm, encoded] =
                [algorithm.file_name(), blob.file_name()].map(|name| name.into_string().unwrap());
            let bytes = fs::read(blob.path()).unwrap();
            check_content(&format!("{algorithm}:{encoded}"), &bytes);
        }
    }
}

fn check_content(digest: &str, bytes: &[u8]) {
    let digest = Digest::parse(digest).unwrap();
    let found = Digest::of(digest.algorithm().unwrap(), bytes);
    assert_eq!(found, digest, "content is what its name says");
}

fn blob_path(folder: &Path, digest: &str) -> PathBuf {
    folder.join("blobs").join(digest.replace(':', "/"))
}
