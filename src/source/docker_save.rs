//! Archives as `docker save` writes them, and `podman save`, skopeo and others after it:
//! a manifest.json with a list of images, each with its config and its layers as files.
//!
//! There is no index and no manifest in the image specification's sense, so they are made
//! here: the same bytes every time for the same archive and the same name. The format is
//! that of <https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md>.

use super::Options;
use super::archive::Archive;
use super::escaped;
use super::extent::Extent;
use super::layout::{CONTAINERD_NAME, Files, index_of};
use super::reference::{RefName, docker_name};
use super::tar;
use crate::compression::Compression;
use crate::config::Config;
use crate::context::Context;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Error, Result};
use crate::json::{self, Fault, Value};
use crate::loader::{Loader, Stream};
use crate::text::Text;
use oci_spec::image::MediaType;
use serde::Serialize;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::sync::Arc;

pub const MANIFEST: &str = "manifest.json";

const DEFINED: &[&str] = &["Config", "RepoTags", "Layers", "Parent", "LayerSources"];
/// Images and layers that one manifest.json may name. A layer's name of three bytes
/// becomes a descriptor of two hundred.
const MOST_NAMED: usize = 1 << 14;

pub struct DockerSave {
    root: Arc<[u8]>,
    manifests: HashMap<Digest, Arc<[u8]>>,
    blobs: HashMap<Digest, Extent>,
}

/// An image as manifest.json lists it.
struct Item {
    config: Text,
    tags: Vec<Text>,
    layers: Vec<Text>,
}

impl Item {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let object = value.object(DEFINED)?;
        Ok(Self {
            config: object.required("Config", Value::text)?,
            tags: object.list("RepoTags", Value::text)?,
            layers: object.list("Layers", Value::text)?,
        })
    }

    /// The tag by which it is wanted.
    fn tag(&self, name: Option<&RefName<'_>>) -> Option<&str> {
        let wanted = |tag: &&Text| name.is_none_or(|name| name.is_docker_name(tag));
        self.tags.iter().find(wanted).map(|tag| &**tag)
    }
}

impl DockerSave {
    pub fn open(archive: Archive, options: &Options) -> Result<Self> {
        let document = archive.find(MANIFEST)?.read_document()?;
        let items = json::parse(&document)
            .and_then(|items| items.list(Item::read))
            .map_err(|e| Error::from(e).context(MANIFEST))?;
        let named: usize = items.iter().map(|item| 1 + item.layers.len()).sum();
        if named > MOST_NAMED {
            return Err(Error::limit_exceeded(format_args!(
                "{MANIFEST}: found {named} images and layers, expected at most {MOST_NAMED}"
            )));
        }
        let name = options.ref_name();
        let mut images = Images::new(&archive);
        let mut root = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let tag = item.tag(name.as_ref());
            if name.is_some() && tag.is_none() {
                continue;
            }
            let manifest = images
                .take(item)
                .map_err(|e| e.context(format_args!("{MANIFEST}: [{i}]")))?;
            let descriptor = manifest.descriptor(tag);
            root.push(json_of(&descriptor));
            images.manifests.insert(manifest.digest, manifest.document);
        }
        if let Some(name) = name
            && root.is_empty()
        {
            return Err(name.not_found().context(MANIFEST));
        }
        Ok(Self {
            root: index_of(&root),
            manifests: images.manifests,
            blobs: images.blobs,
        })
    }
}

impl Loader for DockerSave {
    fn root_is_index(&self) -> bool {
        true
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Cursor::new(self.root.clone())))
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        let manifest = self
            .manifests
            .get(digest)
            .ok_or_else(|| not_found(digest))?;
        Ok(Box::new(Cursor::new(manifest.clone())))
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        let blob = self.blobs.get(digest).ok_or_else(|| not_found(digest))?;
        Ok(Box::new(blob.clone().stream()))
    }
}

fn not_found(digest: &Digest) -> Error {
    Error::not_found(format_args!(
        "{digest}: {MANIFEST} leads to no such content"
    ))
    .with_digest(digest.text())
}

/// What becomes of the images of a manifest.json. Each entry of the archive is looked into
/// once, however often it is named.
struct Images<'a> {
    archive: &'a Archive,
    /// By where they stand, as are the layers; nothing but the diff IDs is kept.
    configs: HashMap<(u64, Algorithm), (Digest, Config)>,
    layers: HashMap<u64, Layer>,
    manifests: HashMap<Digest, Arc<[u8]>>,
    blobs: HashMap<Digest, Extent>,
}

enum Layer {
    /// A tar archive, whose digest is its diff ID.
    Plain,
    Compressed(MediaType, Digest),
}

struct Manifest {
    digest: Digest,
    document: Arc<[u8]>,
}

impl<'a> Images<'a> {
    fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            configs: HashMap::new(),
            layers: HashMap::new(),
            manifests: HashMap::new(),
            blobs: HashMap::new(),
        }
    }

    fn take(&mut self, item: &Item) -> Result<Manifest> {
        let extent = self.archive.find(&item.config)?;
        let named = digest_in_name(&item.config);
        let algorithm = named
            .as_ref()
            .map_or(Ok(Algorithm::Sha256), Digest::algorithm)?;
        let known = (extent.offset(), algorithm);
        let (digest, config) = match self.configs.entry(known) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(read_config(&extent, algorithm)?),
        };
        if let Some(named) = named {
            named
                .expect(digest)
                .map_err(|e| e.context(escaped(extent.name())))?;
        }
        config.expect_layers(item.layers.len())?;

        let config_descriptor = Descriptor::new(MediaType::ImageConfig, digest, extent.size());
        self.blobs.insert(digest.clone(), extent);
        let mut layers = Vec::new();
        for (name, diff_id) in item.layers.iter().zip(&config.diff_ids) {
            let extent = self.archive.find(name)?;
            let layer = match self.layers.entry(extent.offset()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(read_layer(&extent)?),
            };
            // What was hashed counts before what only claims to have a digest.
            let (media_type, digest) = match layer {
                Layer::Plain => {
                    let known = self.blobs.entry(diff_id.clone());
                    known.or_insert_with(|| extent.clone());
                    (MediaType::ImageLayer, diff_id)
                }
                Layer::Compressed(media_type, digest) => {
                    self.blobs.insert(digest.clone(), extent.clone());
                    (media_type.clone(), &*digest)
                }
            };
            layers.push(Descriptor::new(media_type, digest, extent.size()));
        }
        let document = json_of(&ManifestDocument {
            schema_version: 2,
            media_type: MediaType::ImageManifest,
            config: config_descriptor,
            layers,
        });
        Ok(Manifest {
            digest: Digest::of(Algorithm::Sha256, document.as_bytes()),
            document: document.into_bytes().into(),
        })
    }
}

impl Manifest {
    fn descriptor(&self, tag: Option<&str>) -> Descriptor {
        let name = tag.and_then(docker_name);
        Descriptor {
            annotations: name.map(|name| BTreeMap::from([(CONTAINERD_NAME, name)])),
            ..Descriptor::new(
                MediaType::ImageManifest,
                &self.digest,
                self.document.len() as u64,
            )
        }
    }
}

fn read_config(extent: &Extent, algorithm: Algorithm) -> Result<(Digest, Config)> {
    let document = extent.read_document()?;
    let config = Config {
        diff_ids: Config::parse(&document)
            .map_err(|e| e.context(escaped(extent.name())))?
            .diff_ids,
        ..Config::default()
    };
    Ok((Digest::of(algorithm, &document), config))
}

fn read_layer(extent: &Extent) -> Result<Layer> {
    let compression = Compression::of(&extent.head()?);
    let media_type = match compression {
        Compression::None => return Ok(Layer::Plain),
        Compression::Gzip => MediaType::ImageLayerGzip,
        Compression::Zstd => MediaType::ImageLayerZstd,
        // Without a name in the specification.
        Compression::Bzip2 => MediaType::from("application/vnd.oci.image.layer.v1.tar+bzip2"),
        Compression::Xz => MediaType::from("application/vnd.oci.image.layer.v1.tar+xz"),
    };
    let mut hasher = Hasher::new(Algorithm::Sha256);
    extent.for_each_piece(|piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(Layer::Compressed(media_type, hasher.finish()))
}

/// The digest that the name of a config is made of: `<sha256>.json`, `sha256:<sha256>` or
/// `blobs/<algorithm>/<encoded>`.
fn digest_in_name(name: &str) -> Option<Digest> {
    // By whatever way it is written.
    let name = String::from_utf8(tar::normalized(name.as_bytes())?).ok()?;
    let text = match name.strip_prefix("blobs/") {
        Some(blob) => blob.replacen('/', ":", 1),
        None => {
            let name = name.strip_suffix(".json").unwrap_or(&name);
            format!("sha256:{}", name.strip_prefix("sha256:").unwrap_or(name))
        }
    };
    let digest = Digest::parse(&text).ok()?;
    digest.algorithm().is_ok().then_some(digest)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument {
    schema_version: u32,
    media_type: MediaType,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: MediaType,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<&'static str, String>>,
}

impl Descriptor {
    fn new(media_type: MediaType, digest: &Digest, size: u64) -> Self {
        Self {
            media_type,
            digest: digest.to_string(),
            size,
            annotations: None,
        }
    }
}

fn json_of(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("texts and numbers alone are in it")
}

#[cfg(test)]
mod tests {
    use super::super::{open_archive, testing::*};
    use super::*;
    use crate::document::Document;
    use crate::error::Status;

    fn config(diff_ids: &[&Digest]) -> String {
        let diff_ids: Vec<_> = diff_ids.iter().map(|d| format!("\"{d}\"")).collect();
        format!(
            r#"{{"os":"linux","architecture":"arm","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            diff_ids.join(",")
        )
    }

    fn config_name(config: &str) -> String {
        format!("{}.json", sha256(config).parts().1)
    }

    fn open_as(entries: &[Vec<u8>], ref_name: Option<&str>) -> Result<Arc<dyn Loader>> {
        let options = Options {
            ref_name: ref_name.map(Into::into),
            ..Options::default()
        };
        open_archive(on_disk(&archive(entries)).path(), &options)
    }

    fn open(entries: &[Vec<u8>]) -> Result<Arc<dyn Loader>> {
        open_as(entries, None)
    }

    /// The manifests in order, each as its document and as what it says.
    fn manifests(loader: &dyn Loader) -> Vec<(String, crate::document::Manifest)> {
        let Document::Index(index) = Document::parse(root(loader).unwrap().as_bytes(), 99).unwrap()
        else {
            panic!("the root is an index");
        };
        let manifest = |child: Result<Arc<crate::descriptor::Descriptor>, _>| {
            let d = child.unwrap();
            let stream = loader
                .open_manifest(&d.digest, &Context::default())
                .unwrap();
            let document = drain(stream).unwrap();
            assert_eq!(
                (sha256(&document), document.len() as u64),
                (d.digest.clone(), d.size)
            );
            assert_eq!(&*d.media_type, "application/vnd.oci.image.manifest.v1+json");
            assert_eq!(d.platform(), None);
            let Document::Manifest(manifest) = Document::parse(&document, 0).unwrap() else {
                panic!("an entry is a manifest");
            };
            (String::from_utf8(document).unwrap(), manifest)
        };
        index.children.into_iter().map(manifest).collect()
    }

    /// As docker 20.10 writes: two images that share a layer by a link, plain layers.
    fn legacy() -> (Vec<Vec<u8>>, [String; 2]) {
        let configs = [
            config(&[&sha256("base"), &sha256("top")]),
            config(&[&sha256("base")]),
        ];
        let names = [0, 1].map(|i| config_name(&configs[i]));
        let manifest = format!(
            r#"[{{"Config":"{}","RepoTags":["busybox:1","example.org/a/b:2"],"Layers":["aa/layer.tar","bb/layer.tar"]}},
                {{"Config":"{}","RepoTags":null,"Layers":["cc/layer.tar"],"Other":{{}}}}]"#,
            names[0], names[1]
        );
        let entries = vec![
            entry(header(b'5', "aa/", "", 0), b""),
            file("aa/VERSION", "1.0"),
            file("aa/layer.tar", "base"),
            file("bb/layer.tar", "top"),
            symbolic_link("cc/layer.tar", "../aa/layer.tar"),
            file(&names[0], &configs[0]),
            file(&names[1], &configs[1]),
            file("manifest.json", manifest),
        ];
        (entries, configs)
    }

    #[test]
    fn images_become_manifests_in_their_order() {
        let (entries, configs) = legacy();
        let loader = open(&entries).unwrap();
        assert!(loader.root_is_index());
        assert_eq!(loader.root_digest(&Context::default()).unwrap(), None);
        let manifests = manifests(&*loader);
        let layers: [&[&str]; 2] = [&["base", "top"], &["base"]];
        assert_eq!(manifests.len(), 2);
        for ((_, manifest), (config, layers)) in manifests.iter().zip(configs.iter().zip(layers)) {
            assert_eq!(
                &*manifest.config.media_type,
                "application/vnd.oci.image.config.v1+json"
            );
            assert_eq!(manifest.config.digest, sha256(config));
            assert_eq!(manifest.config.size, config.len() as u64);
            assert_eq!(
                blob(&*loader, &manifest.config.digest).unwrap(),
                config.as_bytes()
            );
            assert_eq!(manifest.layers.len(), layers.len());
            for (layer, content) in manifest.layers.iter().zip(layers) {
                assert_eq!(&*layer.media_type, "application/vnd.oci.image.layer.v1.tar");
                assert_eq!(
                    (&layer.digest, layer.size),
                    (&sha256(content), content.len() as u64)
                );
                assert_eq!(blob(&*loader, &layer.digest).unwrap(), content.as_bytes());
            }
        }
        for absent in [
            loader.open_manifest(&sha256("base"), &Context::default()),
            loader.open_blob(&sha256(&manifests[0].0), &Context::default()),
        ] {
            assert_eq!(absent.map(drop).unwrap_err().status(), Status::NotFound);
        }
    }

    #[test]
    fn the_same_archive_gives_the_same_bytes() {
        let config = config(&[&sha256("base")]);
        let manifest = r#"[{"Config":"c","RepoTags":["busybox:1"],"Layers":["l"]}]"#;
        let entries = [
            file("c", &config),
            file("l", "base"),
            file("manifest.json", manifest),
        ];
        let loader = open(&entries).unwrap();
        let digest = sha256(&config);
        let document = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
             \"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
             \"digest\":\"{digest}\",\"size\":{}}},\
             \"layers\":[{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\
             \"digest\":\"{}\",\"size\":4}}]}}",
            config.len(),
            sha256("base"),
        );
        assert_eq!(manifests(&*loader)[0].0, document);
        let expected = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\
             \"manifests\":[{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
             \"digest\":\"{}\",\"size\":{},\
             \"annotations\":{{\"io.containerd.image.name\":\"docker.io/library/busybox:1\"}}}}]}}",
            sha256(&document),
            document.len(),
        );
        assert_eq!(root(&*loader).unwrap(), expected);
    }

    #[test]
    fn tags_pick_images_as_users_write_them() {
        let config = config(&[]);
        let items: Vec<_> = [
            r#"["busybox:latest"]"#,
            r#"["busybox:1","localhost/x:1"]"#,
            r#"["localhost:5000/x"]"#,
            r#"[]"#,
            r#"null"#,
            r#"["docker.io/library/busybox:1","No Name"]"#,
        ]
        .iter()
        .enumerate()
        // Layers that are not there tell which of the images are looked into.
        .map(|(i, tags)| format!(r#"{{"Config":"c{i}","RepoTags":{tags},"Layers":null}}"#))
        .collect();
        let mut entries: Vec<_> = (0..items.len())
            .map(|i| file(&format!("c{i}"), format!("{config}{}", " ".repeat(i))))
            .collect();
        entries.push(file("manifest.json", format!("[{}]", items.join(","))));
        let rows: [(&str, &[usize]); 12] = [
            ("busybox", &[0]),
            ("busybox:latest", &[0]),
            ("busybox:1", &[1, 5]),
            ("docker.io/library/busybox:1", &[1, 5]),
            ("index.docker.io/library/busybox:1", &[1, 5]),
            ("localhost/x:1", &[1]),
            ("localhost:5000/x:latest", &[2]),
            ("", &[0, 1, 2, 3, 4, 5]),
            ("busybox:2", &[]),
            ("x:1", &[]),
            ("No Name", &[]),
            ("latest", &[]),
        ];
        for (name, chosen) in rows {
            match open_as(&entries, Some(name)) {
                Ok(loader) => {
                    let sizes: Vec<_> = manifests(&*loader)
                        .iter()
                        .map(|(_, manifest)| manifest.config.size as usize - config.len())
                        .collect();
                    assert_eq!(sizes, chosen, "{name}");
                }
                Err(e) => {
                    assert_eq!(
                        (e.status(), chosen),
                        (Status::NotFound, &[][..]),
                        "{name}: {e}"
                    );
                }
            }
        }
    }

    #[test]
    fn compressed_layers_are_hashed_once_and_plain_ones_not() {
        let tar = archive(&[file("f", "x".repeat(5000))]);
        let (gzip, zstd) = (gzip(&tar), zstd(&tar));
        let diff_id = sha256(&tar);
        let config = config(&[&diff_id; 5]);
        let manifest = r#"[{"Config":"c","Layers":["gzip","zstd","plain","again","gzip"]}]"#;
        let entries = [
            file("c", &config),
            file("gzip", &gzip),
            file("zstd", &zstd),
            file("plain", &tar),
            hard_link("again", "gzip"),
            file("manifest.json", manifest),
        ];
        let loader = open(&entries).unwrap();
        let found: Vec<_> = manifests(&*loader)[0]
            .1
            .layers
            .iter()
            .map(|layer| {
                let content = blob(&*loader, &layer.digest).unwrap();
                assert_eq!(
                    (sha256(&content), content.len() as u64),
                    (layer.digest.clone(), layer.size)
                );
                (
                    layer.media_type.rsplit('.').next().unwrap().to_owned(),
                    content,
                )
            })
            .collect();
        let stored = [
            ("tar+gzip", &gzip),
            ("tar+zstd", &zstd),
            ("tar", &tar),
            ("tar+gzip", &gzip),
            ("tar+gzip", &gzip),
        ]
        .map(|(name, content)| (name.to_owned(), content.clone()));
        assert_eq!(found, stored);

        let on_disk = on_disk(&archive(&entries));
        let file = Extent::of_file(on_disk.reopen().unwrap(), b"").unwrap();
        let archive = Archive::read(file).unwrap();
        let mut images = Images::new(&archive);
        let document = archive.find(MANIFEST).unwrap().read_document().unwrap();
        let items = json::parse(&document).unwrap().list(Item::read).unwrap();
        for _ in 0..2 {
            images.take(&items[0]).unwrap();
        }
        assert_eq!((images.configs.len(), images.layers.len()), (1, 3));
    }

    #[test]
    fn what_was_hashed_counts_before_what_claims_to_have_a_digest() {
        // The second image's config has the digest that the first one's layer claims.
        let second = config(&[]);
        let first = config(&[&sha256(&second)]);
        let manifest = r#"[{"Config":"1","Layers":["layer"]},{"Config":"2","Layers":[]}]"#;
        let loader = open(&[
            file("1", &first),
            file("2", &second),
            file("layer", "another"),
            file("manifest.json", manifest),
        ]);
        let content = blob(&*loader.unwrap(), &sha256(&second)).unwrap();
        assert_eq!(content, second.as_bytes());
    }

    #[test]
    fn configs_are_named_by_their_digest() {
        let config = config(&[]);
        let hex = |algorithm| {
            let digest = Digest::of(algorithm, config.as_bytes());
            digest.parts().1.to_owned()
        };
        let [sha256, sha512, blake3] =
            [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3].map(hex);
        let wrong = "0".repeat(64);
        let rows = [
            (format!("{sha256}.json"), Ok("sha256")),
            (format!("sha256:{sha256}"), Ok("sha256")),
            (format!("blobs/sha256/{sha256}"), Ok("sha256")),
            (format!("blobs/sha512/{sha512}"), Ok("sha512")),
            (format!("blobs/blake3/{blake3}"), Ok("blake3")),
            (format!("{wrong}.json"), Err(Status::DigestMismatch)),
            (format!("sha256:{wrong}"), Err(Status::DigestMismatch)),
            (format!("blobs/sha256/{wrong}"), Err(Status::DigestMismatch)),
            (
                format!("blobs/sha512/{wrong}{wrong}"),
                Err(Status::DigestMismatch),
            ),
            (
                format!("blobs/blake3/{sha256}"),
                Err(Status::DigestMismatch),
            ),
            // By another way.
            (format!("./{sha256}.json"), Ok("sha256")),
            (format!("./{wrong}.json"), Err(Status::DigestMismatch)),
            (
                format!("/blobs//sha256/{wrong}"),
                Err(Status::DigestMismatch),
            ),
            (format!("x/../{wrong}.json"), Err(Status::DigestMismatch)),
            // Names that are no digests.
            ("config.json".into(), Ok("sha256")),
            (format!("{}.json", &wrong[1..]), Ok("sha256")),
            (format!("{}.json", "A".repeat(64)), Ok("sha256")),
            ("blobs/md5/0".into(), Ok("sha256")),
        ];
        for (name, expected) in rows {
            let manifest = format!(r#"[{{"Config":"{name}","Layers":[]}}]"#);
            // Some are too long for the header.
            let path = pax(&[("path", &name)]);
            let opened = open(&[path, file("x", &config), file("manifest.json", manifest)]);
            let digest = opened.map(|loader| manifests(&*loader)[0].1.config.digest.clone());
            let algorithm = digest.as_ref().map(|digest| digest.parts().0);
            assert_eq!(algorithm.map_err(|e| e.status()), expected, "{name}");
        }
    }

    #[test]
    fn a_bad_item_fails_the_open() {
        use Status::{LimitExceeded, Malformed, NotFound, Unsupported};
        let one = config(&[&sha256("base")]);
        let good = r#"{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}"#;
        let rows = [
            (good.to_string(), Ok(())),
            (r#"{"Layers":["l"]}"#.into(), Err(Malformed)),
            (r#"{"Config":null,"Layers":["l"]}"#.into(), Err(Malformed)),
            (r#"{"Config":1,"Layers":["l"]}"#.into(), Err(Malformed)),
            (r#"{"config":"c","Layers":["l"]}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"c","Config":"c","Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            (r#"{"Config":"c","Layers":"l"}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"c\u0000","Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            (
                r#"{"Config":"c","Layers":["l\u0000"]}"#.into(),
                Err(Malformed),
            ),
            (
                r#"{"Config":"c","RepoTags":["a\u0000"],"Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            (r#"{"Config":"c","Layers":[null]}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"c","RepoTags":"a:1","Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            ("[]".into(), Err(Malformed)),
            ("null".into(), Err(Malformed)),
            // One diff ID, so there is one layer.
            (r#"{"Config":"c","Layers":[]}"#.into(), Err(Malformed)),
            (r#"{"Config":"c","Layers":null}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"c","Layers":["l","l"]}"#.into(),
                Err(Malformed),
            ),
            (r#"{"Config":"no","Layers":["l"]}"#.into(), Err(NotFound)),
            (r#"{"Config":"","Layers":["l"]}"#.into(), Err(NotFound)),
            (r#"{"Config":"c","Layers":["no"]}"#.into(), Err(NotFound)),
            (r#"{"Config":"c","Layers":["../l"]}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"c","Layers":["folder"]}"#.into(),
                Err(Malformed),
            ),
            (r#"{"Config":"c","Layers":["loop"]}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"c","Layers":["bzip2"]}"#.into(),
                Err(Unsupported),
            ),
            (r#"{"Config":"c","Layers":["xz"]}"#.into(), Err(Unsupported)),
            (r#"{"Config":"text","Layers":["l"]}"#.into(), Err(Malformed)),
            (
                r#"{"Config":"long","Layers":["l"]}"#.into(),
                Err(LimitExceeded),
            ),
            (
                format!(
                    r#"{{"Config":"c","Layers":[{}"l"]}}"#,
                    r#""l","#.repeat(MOST_NAMED)
                ),
                Err(LimitExceeded),
            ),
        ];
        for (item, expected) in rows {
            let manifest = format!("[{good},{item}]");
            let entries = [
                file("c", &one),
                file("l", "base"),
                file("text", "text"),
                file("long", vec![b' '; (4 << 20) + 1]),
                entry(header(b'5', "folder", "", 0), b""),
                symbolic_link("loop", "loop"),
                file("bzip2", b"BZh9\x31\x41\x59\x26\x53\x59"),
                file("xz", b"\xFD7zXZ\0"),
                file("manifest.json", manifest),
            ];
            let opened = open(&entries).map(drop);
            if let Err(e) = &opened {
                // It says where, and no name twice.
                let mut places: Vec<_> = e.message().split(": ").collect();
                assert!(places.starts_with(&["manifest.json"]), "{e}");
                let all = places.len();
                places.dedup();
                assert_eq!(places.len(), all, "{e}");
            }
            assert_eq!(opened.map_err(|e| e.status()), expected, "{item:.90}");
        }
        for document in ["", "{}", "null", "[] 1", "[{]"] {
            let opened = open(&[file("manifest.json", document)]).map(drop);
            assert_eq!(opened.map_err(|e| e.status()), Err(Malformed), "{document}");
        }
        assert_eq!(
            manifests(&*open(&[file("manifest.json", "[]")]).unwrap()).len(),
            0
        );
    }

    #[test]
    fn a_hybrid_that_is_cut_off_is_never_taken_for_another_archive() {
        let (mut entries, _) = legacy();
        let manifest = entries.split_off(entries.len() - 1);
        let index = r#"{"schemaVersion":2,"manifests":[{"digest":"a:1"}]}"#;
        let marker = vec![file("oci-layout", VERSION_1)];
        let index_json = vec![file("index.json", index)];
        for order in [
            // Sorted by name, as docker writes.
            [&entries, &index_json, &manifest, &marker],
            [&marker, &entries, &manifest, &index_json],
        ] {
            let hybrid = archive(&order.map(|part| part.concat()));
            let mut opened = 0;
            for cut in (0..=hybrid.len()).step_by(512) {
                let file = on_disk(&hybrid[..cut]);
                if let Ok(loader) = open_archive(file.path(), &Options::default()) {
                    assert_eq!(root(&*loader).unwrap(), index, "{cut}");
                    opened += 1;
                }
            }
            // With all entries, and one or both of the blocks that end it.
            assert_eq!(opened, 2);
        }
    }

    #[test]
    fn in_a_hybrid_index_json_counts_unless_it_lists_nothing() {
        let (entries, _) = legacy();
        let index = |manifests: &str| format!(r#"{{"schemaVersion":2,"manifests":{manifests}}}"#);
        let listed = r#"[{"annotations":{"org.opencontainers.image.ref.name":"v1"}}]"#;
        let hybrid = |index: &str, version: &str, name: Option<&str>| {
            let layout = [file("oci-layout", version), file("index.json", index)];
            open_as(&[entries.clone(), layout.to_vec()].concat(), name)
                .and_then(|loader| root(&*loader))
                .map_err(|e| e.status())
        };
        let saved = root(&*open(&entries).unwrap()).unwrap();
        assert_eq!(hybrid(&index(listed), VERSION_1, None), Ok(index(listed)));
        assert_eq!(hybrid(&index("[]"), VERSION_1, None).as_ref(), Ok(&saved));
        assert_eq!(hybrid(&index("null"), VERSION_1, None).as_ref(), Ok(&saved));
        // A name is looked for where the entries are taken from, and there alone.
        assert!(hybrid(&index(listed), VERSION_1, Some("v1")).is_ok());
        assert_eq!(
            hybrid(&index(listed), VERSION_1, Some("busybox:1")),
            Err(Status::NotFound)
        );
        assert!(hybrid(&index("[]"), VERSION_1, Some("busybox:1")).is_ok());
        assert_eq!(hybrid("{}", VERSION_1, None), Err(Status::Malformed));
        let version = r#"{"imageLayoutVersion":"2.0.0"}"#;
        assert_eq!(
            hybrid(&index(listed), version, None),
            Err(Status::Unsupported)
        );
        // Without oci-layout it is no layout.
        let no_marker = [entries.clone(), vec![file("index.json", index(listed))]].concat();
        assert_eq!(root(&*open(&no_marker).unwrap()).unwrap(), saved);
    }
}
