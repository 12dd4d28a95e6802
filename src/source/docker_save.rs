//! Archives in the format of `docker save`, which podman, skopeo and others write too:
//! manifest.json lists images, each with its config and its layers as files.
//!
//! The format is that of
//! <https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md>. It has no index and no
//! manifests, so they are made: the same bytes every time for the same archive and name.

use super::archive::Archive;
use super::files::Files;
use super::options::Options;
use super::ref_name::{RefName, docker_name};
use super::saved_images::{ImageKey, Saved, SavedImages};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::layout::{CONTAINERD_NAME, index_of};
use crate::document::write;
use crate::error::{Error, Result};
use crate::json::{self, Fault, Value};
use crate::loader::{Loader, Stream};
use crate::media_type::OCI_MANIFEST;
use crate::tar;
use crate::text::Text;
use std::io::Cursor;
use std::sync::Arc;

pub const MANIFEST: &str = "manifest.json";

const DEFINED: &[&str] = &["Config", "RepoTags", "Layers", "Parent", "LayerSources"];
/// The most images, tags and layers that one manifest.json may name. A layer's name of
/// three bytes becomes a descriptor of two hundred, so this bounds all made documents
/// together.
const MAX_NAMED: usize = 1 << 14;

pub struct DockerSave {
    /// manifest.json, for messages.
    place: String,
    root: Arc<[u8]>,
    names: Vec<Option<Text>>,
    saved: Saved,
}

/// An image as manifest.json lists it.
pub struct Item<'a> {
    pub config: Text,
    pub tags: Vec<Text>,
    pub layers: Vec<Text>,
    /// As written.
    pub raw: &'a str,
}

impl<'a> Item<'a> {
    fn read(value: Value<'a>) -> Result<Self, Fault> {
        // Keys match in any case, as in Docker: jib wrote these in lower case.
        let object = value.object_in_any_case(DEFINED)?;
        let mut tags = object.list("RepoTags", Value::item)?;
        tags.retain(|tag| !tag.is_empty());
        Ok(Self {
            config: object.required("Config", Value::text)?,
            tags,
            layers: object.list("Layers", Value::item)?,
            raw: value.raw(),
        })
    }

    /// The names of all files of the image.
    pub fn files(&self) -> impl Iterator<Item = &Text> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// The wanted tags: all of them, or one absent tag if it has none.
    pub fn wanted(&self, name: Option<&RefName<'_>>) -> Vec<Option<&Text>> {
        match name {
            None if self.tags.is_empty() => vec![None],
            None => self.tags.iter().map(Some).collect(),
            Some(name) => {
                let wanted = self.tags.iter().filter(|tag| name.is_docker_name(tag));
                wanted.map(Some).collect()
            }
        }
    }
}

/// Reads manifest.json, whose bytes are `document`.
pub fn read_items<'a>(archive: &Archive, document: &'a [u8]) -> Result<Vec<Item<'a>>> {
    let items = json::parse(document)
        .and_then(|items| items.list(Item::read))
        .map_err(|e| Error::from(e).context(archive.place(MANIFEST)))?;
    let named = |item: &Item<'_>| 1 + item.tags.len() + item.layers.len();
    let named: usize = items.iter().map(named).sum();
    if named > MAX_NAMED {
        return Err(Error::limit_exceeded(format_args!(
            "{}: found {named} images, tags and layers, expected at most {MAX_NAMED}",
            archive.place(MANIFEST)
        )));
    }
    Ok(items)
}

pub fn read_manifest(archive: &Archive, options: &Options) -> Result<Vec<u8>> {
    archive
        .find(MANIFEST)?
        .read_document(options.max_document_size)
}

/// Whether nothing that manifest.json names is missing. An archive with `blobs/` has, or
/// had, an index.json too.
pub fn is_complete(archive: &Archive, options: &Options) -> Result<bool> {
    let document = read_manifest(archive, options)?;
    let items = read_items(archive, &document)?;
    let is_there = |name: &Text| {
        let path = tar::normalized(name.as_bytes()).unwrap_or_default();
        !path.starts_with(b"blobs/") && archive.has(name)
    };
    Ok(items.iter().flat_map(Item::files).all(is_there))
}

impl DockerSave {
    pub fn open(archive: &Archive, options: &Options, ctx: &Context) -> Result<Self> {
        let document = read_manifest(archive, options)?;
        let items = read_items(archive, &document)?;
        let name = options.ref_name();
        let mut images = SavedImages::new(archive, options, ctx);
        let mut root = Vec::new();
        let mut names = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let wanted = item.wanted(name.as_ref());
            if wanted.is_empty() {
                continue;
            }
            let place = format!("{}: [{i}]", archive.place(MANIFEST));
            let key = images.add_or_break(item, &place)?;
            for tag in wanted {
                root.push(descriptor(&key, tag));
                names.push(tag.cloned());
            }
        }
        if let Some(name) = name
            && root.is_empty()
        {
            let tags: Vec<_> = items.iter().flat_map(|item| &item.tags).collect();
            return Err(name.not_found(&tags).context(archive.place(MANIFEST)));
        }
        Ok(Self {
            place: archive.place(MANIFEST),
            root: index_of(root).into_bytes().into(),
            names,
            saved: images.into_saved(),
        })
    }
}

impl Loader for DockerSave {
    fn root_is_index(&self) -> bool {
        true
    }

    fn entry_name(&self, i: usize) -> Option<Text> {
        self.names.get(i)?.clone()
    }

    fn root_file(&self) -> Option<String> {
        Some(self.place.clone())
    }

    fn file(&self, digest: &Digest) -> Option<String> {
        let blob = self.saved.blob_file(digest);
        Some(blob.unwrap_or_else(|| self.place.clone()))
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Cursor::new(self.root.clone())))
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        let manifest = self.saved.open_manifest(digest);
        manifest.unwrap_or_else(|| Err(not_found(digest)))
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        let blob = self.saved.open_blob(digest);
        blob.ok_or_else(|| not_found(digest))
    }
}

fn not_found(digest: &Digest) -> Error {
    Error::not_found(format_args!(
        "{digest}: {MANIFEST} leads to no such content"
    ))
    .with_digest(digest.text())
}

/// The descriptor of an image in the made root.
pub fn descriptor(key: &ImageKey, tag: Option<&Text>) -> String {
    let text = |text: &str| Text::new(text).expect("neither a name nor a media type has a NUL");
    let name = tag.and_then(|tag| docker_name(tag));
    let annotations = name.map(|name| (text(CONTAINERD_NAME), text(&name.to_string())));
    let descriptor = Descriptor::new(text(OCI_MANIFEST), key.digest.clone(), key.size);
    write::descriptor(&descriptor.with_annotations(annotations.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::super::{open_archive, testing::*};
    use super::*;
    use crate::digest::Algorithm;
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
        open_archive(
            on_disk(&archive(entries)).path(),
            &options,
            &Context::default(),
        )
    }

    fn open(entries: &[Vec<u8>]) -> Result<Arc<dyn Loader>> {
        open_as(entries, None)
    }

    /// The manifests in order, each as a document and parsed.
    fn manifests(loader: &dyn Loader) -> Vec<(String, crate::document::Manifest)> {
        entries(loader).into_iter().collect::<Result<_>>().unwrap()
    }

    /// The same with the errors of broken ones.
    fn entries(loader: &dyn Loader) -> Vec<Result<(String, crate::document::Manifest)>> {
        let Document::Index(index) = Document::parse(root(loader).unwrap().as_bytes(), 99).unwrap()
        else {
            panic!("the root is an index");
        };
        let manifest = |child: Result<Arc<Descriptor>, _>| {
            let d = child.unwrap();
            let stream = loader.open_manifest(&d.digest, &Context::default())?;
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
            Ok((String::from_utf8(document).unwrap(), manifest))
        };
        index.children.into_iter().map(manifest).collect()
    }

    /// In the format of docker 20.10: two images that share a layer by a link, plain
    /// layers.
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
        // The first has two tags, which are two entries.
        let layers: [&[&str]; 3] = [&["base", "top"], &["base", "top"], &["base"]];
        let configs = [&configs[0], &configs[0], &configs[1]];
        assert_eq!(manifests.len(), 3);
        let names = ["busybox:1", "example.org/a/b:2"].map(Text::new);
        for (i, name) in names.into_iter().chain([None, None]).enumerate() {
            assert_eq!(loader.entry_name(i), name);
        }
        for ((_, manifest), (config, layers)) in
            manifests.iter().zip(configs.into_iter().zip(layers))
        {
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
            r#"["docker.io/library/busybox:1",null,"No Name",""]"#,
        ]
        .iter()
        .enumerate()
        // Missing layers show which images are read.
        .map(|(i, tags)| format!(r#"{{"Config":"c{i}","RepoTags":{tags},"Layers":null}}"#))
        .collect();
        let mut entries: Vec<_> = (0..items.len())
            .map(|i| file(&format!("c{i}"), format!("{config}{}", " ".repeat(i))))
            .collect();
        entries.push(file("manifest.json", format!("[{}]", items.join(","))));
        let rows: [(&str, &[usize]); 11] = [
            ("busybox", &[0]),
            ("busybox:latest", &[0]),
            ("busybox:1", &[1, 5]),
            ("docker.io/library/busybox:1", &[1, 5]),
            ("index.docker.io/library/busybox:1", &[1, 5]),
            ("localhost/x:1", &[1]),
            ("localhost:5000/x:latest", &[2]),
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
    fn compressed_layers_are_hashed_and_plain_ones_not() {
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
            // People edit such configs, and docker loads them.
            (format!("{wrong}.json"), Ok("sha256")),
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
            // By another path.
            (format!("./{sha256}.json"), Ok("sha256")),
            (format!("./sha256:{wrong}"), Err(Status::DigestMismatch)),
            (
                format!("/blobs//sha256/{wrong}"),
                Err(Status::DigestMismatch),
            ),
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
            let digest = entries(&*opened.unwrap())
                .remove(0)
                .map(|(_, manifest)| manifest.config.digest.clone());
            let algorithm = digest.as_ref().map(|digest| digest.parts().0);
            assert_eq!(algorithm.map_err(|e| e.status()), expected, "{name}");
        }
    }

    const GOOD: &str = r#"{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}"#;

    /// A good item and another, and files for it.
    fn with_item(item: &str) -> Vec<Vec<u8>> {
        let one = config(&[&sha256("base")]);
        vec![
            file("c", &one),
            file("l", "base"),
            file("text", "text"),
            file("long", vec![b' '; (4 << 20) + 1]),
            file("no diff IDs", config(&[])),
            file("no rootfs", r#"{"os":"linux","architecture":"arm"}"#),
            entry(header(b'5', "folder", "", 0), b""),
            symbolic_link("loop", "loop"),
            file("manifest.json", format!("[{GOOD},{item}]")),
        ]
    }

    #[test]
    fn a_bad_document_fails_the_open() {
        use Status::{LimitExceeded, Malformed};
        let rows = [
            (GOOD.to_string(), Ok(())),
            (
                r#"{"config":"c","repoTags":["a:1"],"LAYERS":["l"]}"#.into(),
                Ok(()),
            ),
            (
                r#"{"config":"c","Config":"c","Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            (
                r#"{"config":"c","CONFIG":"c","Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            (r#"{"Layers":["l"]}"#.into(), Err(Malformed)),
            (r#"{"Config":null,"Layers":["l"]}"#.into(), Err(Malformed)),
            (r#"{"Config":1,"Layers":["l"]}"#.into(), Err(Malformed)),
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
            (
                r#"{"Config":"c","RepoTags":"a:1","Layers":["l"]}"#.into(),
                Err(Malformed),
            ),
            ("[]".into(), Err(Malformed)),
            ("null".into(), Err(Malformed)),
            (
                format!(
                    r#"{{"Config":"c","Layers":[{}"l"]}}"#,
                    r#""l","#.repeat(MAX_NAMED)
                ),
                Err(LimitExceeded),
            ),
            (
                format!(
                    r#"{{"Config":"c","RepoTags":[{}"l"],"Layers":["l"]}}"#,
                    r#""l","#.repeat(MAX_NAMED)
                ),
                Err(LimitExceeded),
            ),
        ];
        for (item, expected) in rows {
            let opened = open(&with_item(&item)).map(drop);
            if let Err(e) = &opened {
                assert_places(e, "manifest.json");
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

    /// The message names the archive, then the place in it, and no name twice.
    fn assert_places(e: &Error, place: &str) {
        let mut places: Vec<_> = e.message().split(": ").collect();
        assert!(places[0].starts_with('/'), "{e}");
        assert_eq!(places[1], place, "{e}");
        let all = places.len();
        places.dedup();
        assert_eq!(places.len(), all, "{e}");
    }

    #[test]
    fn an_item_with_bad_files_is_broken_in_its_place() {
        use Status::{LimitExceeded, Malformed, NotFound};
        let rows = [
            (
                r#"{"Config":"c","Layers":[]}"#,
                Malformed,
                "1 diff IDs, expected 0",
            ),
            (r#"{"Config":"c","Layers":null}"#, Malformed, "1 diff IDs"),
            (
                r#"{"Config":"c","Layers":["l","l"]}"#,
                Malformed,
                "expected 2",
            ),
            (
                r#"{"Config":"no diff IDs","Layers":["l"]}"#,
                Malformed,
                "0 diff IDs",
            ),
            (
                r#"{"Config":"no rootfs","Layers":["l"]}"#,
                Malformed,
                "0 diff IDs",
            ),
            (r#"{"Config":"no","Layers":["l"]}"#, NotFound, ": no: "),
            (
                r#"{"Config":"","Layers":["l"]}"#,
                Malformed,
                "Config: found the empty path \"\"",
            ),
            (
                r#"{"Config":"./x/..","Layers":["l"]}"#,
                Malformed,
                "Config: found the empty path \"./x/..\"",
            ),
            (r#"{"Config":"c","Layers":["no"]}"#, NotFound, ": no: "),
            (
                r#"{"Config":"c","Layers":[""]}"#,
                Malformed,
                "Layers[0]: found the empty path \"\"",
            ),
            (
                r#"{"Config":"c","Layers":[null]}"#,
                Malformed,
                "Layers[0]: found the empty path \"\"",
            ),
            (
                r#"{"Config":"c","Layers":["../l"]}"#,
                Malformed,
                "leads out",
            ),
            (
                r#"{"Config":"../c","Layers":["l"]}"#,
                Malformed,
                "leads out",
            ),
            (
                r#"{"Config":"c","Layers":["folder"]}"#,
                Malformed,
                "no regular file",
            ),
            (r#"{"Config":"c","Layers":["loop"]}"#, Malformed, "links"),
            (r#"{"Config":"text","Layers":["l"]}"#, Malformed, "text"),
            (r#"{"Config":"long","Layers":["l"]}"#, LimitExceeded, "long"),
        ];
        for (item, status, says) in rows {
            let loader = open(&with_item(item)).unwrap();
            let [good, broken] = entries(&*loader).try_into().unwrap();
            assert!(good.is_ok(), "{item}");
            let e = broken.unwrap_err();
            assert_eq!(e.status(), status, "{item}: {e}");
            assert!(e.message().contains(says), "{item}: {e}");
            assert_places(&e, "manifest.json");
            assert!(e.message().contains(": [1]: "), "{e}");
            // A second request fails too, and tags lead to it.
            assert!(entries(&*loader)[1].is_err());
        }
        // Every tag of a broken item is an entry.
        let item = r#"{"Config":"no","RepoTags":["b:1","b:2"],"Layers":[]}"#;
        assert_eq!(entries(&*open(&with_item(item)).unwrap()).len(), 3);
        let chosen = open_as(&with_item(item), Some("b:2")).unwrap();
        assert_eq!(entries(&*chosen).len(), 1);
        assert_eq!(chosen.entry_name(0), Text::new("b:2"));
        assert!(open_as(&with_item(item), Some("a:1")).is_ok());
    }

    #[test]
    fn a_document_of_the_archive_has_a_limit_of_its_own() {
        let entries = with_item(GOOD);
        let file = on_disk(&archive(&entries));
        let open = |max_document_size| {
            let options = Options {
                max_document_size,
                ..Options::default()
            };
            open_archive(file.path(), &options, &Context::default()).map_err(|e| e.status())
        };
        let size = format!("[{GOOD},{GOOD}]").len() as u64;
        assert!(open(size).is_ok());
        assert_eq!(open(size - 1).err(), Some(Status::LimitExceeded));
    }

    #[test]
    fn made_manifests_are_not_kept() {
        // Each of the layers has a long diff ID: manifests of 300 bytes a layer.
        let diff_id = Digest::parse(&format!("a:{}", "0".repeat(200))).unwrap();
        let config = config(&vec![&diff_id; 100]);
        let layers = vec![r#""l""#; 100].join(",");
        let item = format!(r#"{{"Config":"c","Layers":[{layers}]}}"#);
        let loader = open(&[
            file("c", &config),
            file("l", "base"),
            file("manifest.json", format!("[{item}]")),
        ]);
        let loader = loader.unwrap();
        for _ in 0..2 {
            let made = manifests(&*loader);
            assert!(made[0].0.len() > 100 * 200);
            assert_eq!(made[0].1.layers.len(), 100);
        }
    }
}
