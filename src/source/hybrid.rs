//! Archives with both index.json and manifest.json, as Docker writes since version 25.
//!
//! index.json counts first. Further images of manifest.json follow: `docker save` of two
//! images by digest puts one into index.json and both into manifest.json, and programs that
//! edit an archive may leave its old index.json.

use super::archive::Archive;
use super::docker_save::{self, MANIFEST, descriptor};
use super::files::Files;
use super::layout;
use super::listing::Listed;
use super::options::Options;
use super::ref_name::RefName;
use super::saved_images::{Saved, SavedImages, breaks_image};
use super::tags::Tags;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};
use crate::document::Document;
use crate::document::layout::{INDEX, blob_path, index_of};
use crate::error::{Error, Result, Status};
use crate::loader::{Loader, Stream};
use crate::text::Text;
use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::rc::Rc;
use std::sync::Arc;

/// Limits of reading index.json's tree at open: those of a load by default.
const MAX_VISITS: usize = 16384;
const MAX_DEPTH: u32 = 8;
const MAX_TOTAL: u64 = 32 << 20;

pub struct Hybrid {
    archive: Archive,
    /// The generated root; index.json itself if no images follow and none were chosen.
    root: Option<Arc<[u8]>>,
    names: Vec<Option<Text>>,
    saved: Saved,
}

impl Hybrid {
    /// Opens an archive whose index.json has descriptors.
    pub fn open(archive: Archive, options: &Options, ctx: &Context) -> Result<Self> {
        layout::check_version(&archive, options)?;
        let index = layout::read_index(&archive, options)?;
        let listed = layout::listed_in(&archive, &index)?;
        let document = docker_save::read_manifest(&archive, options)?;
        let items = docker_save::read_items(&archive, &document)?;
        let configs = Tree::new(&archive, options, ctx).configs(&index)?;
        let name = options.ref_name();

        let mut images = SavedImages::new(&archive, options, ctx);
        let in_index: HashSet<&Digest> = configs.iter().flatten().collect();
        let mut tags = Tags::default();
        let mut following = Vec::new();
        let mut known: Vec<&Text> = listed.iter().filter_map(Listed::name).collect();
        let mut left_out = None;
        for item in &items {
            let wanted = item.wanted(name.as_ref());
            let config = match images.config(item) {
                Err(e) if breaks_image(&e) => {
                    left_out = left_out.or((!wanted.is_empty()).then_some(e));
                    continue;
                }
                config => config?,
            };
            if in_index.contains(&config.digest) {
                known.extend(&item.tags);
                tags.add(&config.digest, &item.tags);
                continue;
            }
            if wanted.is_empty() {
                known.extend(&item.tags);
                continue;
            }
            match images.add(item) {
                Err(e) if breaks_image(&e) => left_out = left_out.or(Some(e)),
                key => {
                    let key = key?;
                    let descriptors = wanted
                        .into_iter()
                        .map(|tag| (descriptor(&key, tag), tag.cloned()));
                    following.extend(descriptors);
                }
            }
        }
        let saved = images.into_saved();

        let mut root = Vec::new();
        let mut names = Vec::new();
        for (one, configs) in listed.iter().zip(&configs) {
            let has_name =
                |name: &RefName<'_>| one.has_name(name) || tags.with_name(configs, name).is_some();
            if name.as_ref().is_none_or(has_name) {
                root.push(one.raw);
                names.push(tag_of(one, &tags, configs, name.as_ref()).cloned());
            }
        }
        let is_index_json = name.is_none() && following.is_empty();
        for (descriptor, tag) in &following {
            root.push(descriptor);
            names.push(tag.clone());
        }
        if let Some(name) = name
            && root.is_empty()
        {
            let place = format!("{} and {MANIFEST}", archive.place(INDEX));
            let e = name.not_found(&known).context(place);
            return Err(match left_out {
                Some(why) => Error::not_found(format_args!(
                    "{}; one with this name is left out: {}",
                    e.message(),
                    why.message()
                )),
                None => e,
            });
        }
        let root = (!is_index_json).then(|| index_of(root).into_bytes().into());
        Ok(Self {
            root,
            names,
            saved,
            archive,
        })
    }
}

/// The value if it is present and valid; fails only if the source does.
fn good<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if breaks_image(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The tag of a descriptor of index.json that leads to these configs: that of its own name,
/// or the wanted one. A descriptor with another name of its own has no tag.
fn tag_of<'a>(
    one: &Listed<'_>,
    tags: &Tags<'a>,
    configs: &[Digest],
    wanted: Option<&RefName<'_>>,
) -> Option<&'a Text> {
    if let Some(own) = &one.containerd_name {
        return tags.with_name(configs, &RefName::new(own));
    }
    wanted
        .and_then(|name| tags.with_name(configs, name))
        .or_else(|| {
            let own = one.ref_name.as_deref()?;
            tags.with_text(configs, own)
                .or_else(|| tags.with_version(configs, own))
        })
        .or_else(|| tags.first(configs))
}

impl Loader for Hybrid {
    fn root_is_index(&self) -> bool {
        true
    }

    fn entry_name(&self, i: usize) -> Option<Text> {
        self.names.get(i)?.clone()
    }

    fn root_file(&self) -> Option<String> {
        Some(self.archive.place(INDEX))
    }

    fn file(&self, digest: &Digest) -> Option<String> {
        if self.saved.has_manifest(digest) {
            return Some(self.archive.place(MANIFEST));
        }
        let path = blob_path(digest);
        let saved = match self.archive.has(&path) {
            true => None,
            false => self.saved.blob_file(digest),
        };
        Some(saved.unwrap_or_else(|| self.archive.place(&path)))
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(match &self.root {
            Some(root) => Box::new(Cursor::new(root.clone())),
            None => Box::new(self.archive.find(INDEX)?.document_stream()?),
        })
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        match self.saved.open_manifest(digest) {
            Some(manifest) => manifest,
            None => layout::open_blob(&self.archive, digest),
        }
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        match layout::open_blob(&self.archive, digest) {
            Err(e) if e.status() == Status::NotFound => self.saved.open_blob(digest).ok_or(e),
            opened => opened,
        }
    }
}

/// The tree below index.json, as far as it is present.
struct Tree<'a> {
    archive: &'a Archive,
    options: &'a Options,
    ctx: &'a Context,
    /// The documents read, by digest; `None` for a missing or invalid one.
    nodes: HashMap<Digest, Option<Rc<Node>>>,
    left: u64,
}

enum Node {
    Index(Vec<Arc<Descriptor>>),
    /// A manifest, with the digest of its config.
    Manifest(Digest),
}

impl<'a> Tree<'a> {
    fn new(archive: &'a Archive, options: &'a Options, ctx: &'a Context) -> Self {
        Self {
            archive,
            options,
            ctx,
            nodes: HashMap::new(),
            left: MAX_TOTAL,
        }
    }

    /// The digests of the configs that each descriptor of `index`, the bytes of index.json,
    /// leads to.
    fn configs(mut self, index: &[u8]) -> Result<Vec<Vec<Digest>>> {
        let place = self.archive.place(INDEX);
        let children = children(index).map_err(|e| e.context(&place))?;
        let mut configs = vec![Vec::new(); children.len()];
        let mut pending: Vec<_> = children
            .into_iter()
            .enumerate()
            .filter_map(|(i, child)| Some((i, child?, 0)))
            .rev()
            .collect();
        let mut visits = 0;
        while let Some((position, descriptor, depth)) = pending.pop() {
            visits += 1;
            if visits + pending.len() > MAX_VISITS {
                return Err(Error::limit_exceeded(format_args!(
                    "{place}: found more than {MAX_VISITS} descriptors below it"
                )));
            }
            match self.node(&descriptor)?.as_deref() {
                None => {}
                Some(Node::Manifest(config)) => configs[position].push(config.clone()),
                Some(Node::Index(_)) if depth == MAX_DEPTH => {}
                Some(Node::Index(children)) => {
                    let children = children.iter().rev().cloned();
                    pending.extend(children.map(|child| (position, child, depth + 1)));
                }
            }
        }
        Ok(configs)
    }

    fn node(&mut self, descriptor: &Descriptor) -> Result<Option<Rc<Node>>> {
        if let Some(known) = self.nodes.get(&descriptor.digest) {
            return Ok(known.clone());
        }
        let node = good(self.read(descriptor))?.map(Rc::new);
        self.nodes.insert(descriptor.digest.clone(), node.clone());
        Ok(node)
    }

    fn read_blob(&mut self, descriptor: &Descriptor, algorithm: Algorithm) -> Result<Vec<u8>> {
        let extent = self.archive.find(&blob_path(&descriptor.digest))?;
        if extent.size() != descriptor.size {
            return Err(Error::malformed("is not as large as its descriptor says"));
        }
        if extent.size() > self.left {
            return Err(Error::limit_exceeded("is more than one open may read"));
        }
        let document = extent.read_document(self.options.max_document_size)?;
        self.left -= document.len() as u64;
        let digest = Digest::of(algorithm, &document);
        descriptor.digest.expect(&digest)?;
        Ok(document)
    }

    fn read(&mut self, descriptor: &Descriptor) -> Result<Node> {
        self.ctx.check()?;
        let algorithm = descriptor.digest.algorithm()?;
        let document = match descriptor.data() {
            // Checked when the descriptor was read.
            Some(data) => data.to_vec(),
            None => self.read_blob(descriptor, algorithm)?,
        };
        match Document::parse(&document, MAX_VISITS as u32)? {
            Document::Manifest(manifest) => Ok(Node::Manifest(manifest.config.digest.clone())),
            Document::Index(index) => {
                let children = index.children.into_iter();
                Ok(Node::Index(children.filter_map(Result::ok).collect()))
            }
        }
    }
}

/// The children of an index; nothing for those that cannot be followed.
fn children(index: &[u8]) -> Result<Vec<Option<Arc<Descriptor>>>> {
    match Document::parse(index, MAX_VISITS as u32)? {
        Document::Index(index) => {
            let children = index.children.into_iter();
            Ok(children.map(Result::ok).collect())
        }
        Document::Manifest(_) => Err(Error::malformed("found a manifest, expected an index")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Options, open_archive};
    use super::*;

    const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

    fn config(tag: &str) -> String {
        let diff_id = sha256("layer");
        format!(
            r#"{{"os":"linux","architecture":"arm","author":"{tag}","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
        )
    }

    fn blob_file(content: &str) -> Vec<u8> {
        file(&blob_name(&sha256(content)), content)
    }

    fn descriptor_of(media_type: &str, content: &str, rest: &str) -> String {
        let digest = sha256(content);
        let size = content.len();
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{rest}}}"#)
    }

    fn named(name: &str) -> String {
        format!(r#","annotations":{{"io.containerd.image.name":"{name}"}}"#)
    }

    fn manifest(config: &str) -> String {
        let config = descriptor_of("application/vnd.oci.image.config.v1+json", config, "");
        let layer = descriptor_of("application/vnd.oci.image.layer.v1.tar", "layer", "");
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#)
    }

    fn index(descriptors: &[String]) -> String {
        let descriptors = descriptors.join(",");
        format!(r#"{{"schemaVersion":2,"manifests":[{descriptors}]}}"#)
    }

    fn item(config: &str, tags: &str) -> String {
        let [config, layer] = [config, "layer"].map(|content| blob_name(&sha256(content)));
        format!(r#"{{"Config":"{config}","RepoTags":{tags},"Layers":["{layer}"]}}"#)
    }

    fn entries(index: &str, items: &[String], blobs: &[&str]) -> Vec<Vec<u8>> {
        let mut entries: Vec<_> = blobs.iter().map(|blob| blob_file(blob)).collect();
        entries.push(blob_file("layer"));
        entries.push(file("index.json", index));
        entries.push(file("manifest.json", format!("[{}]", items.join(","))));
        entries.push(file("oci-layout", VERSION_1));
        entries
    }

    fn open_as(entries: &[Vec<u8>], name: Option<&str>) -> Result<Arc<dyn Loader>> {
        let options = Options {
            ref_name: name.map(Into::into),
            ..Options::default()
        };
        open_archive(
            on_disk(&archive(entries)).path(),
            &options,
            &Context::default(),
        )
    }

    fn open(entries: &[Vec<u8>]) -> Arc<dyn Loader> {
        open_as(entries, None).unwrap()
    }

    /// The number of the root's descriptors, and their names.
    fn names(loader: &dyn Loader) -> Vec<Option<String>> {
        let root = root(loader).unwrap();
        let count = listed(root.as_bytes()).unwrap().len();
        assert_eq!(loader.entry_name(count), None);
        let name = |i| loader.entry_name(i).map(|name| name.to_string());
        (0..count).map(name).collect()
    }

    fn listed(index: &[u8]) -> Result<Vec<Listed<'_>>> {
        super::super::listing::listed(index)
    }

    fn some(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    }

    #[test]
    fn an_image_that_both_list_is_there_once_with_its_tags() {
        let [a, b] = ["a", "b"].map(config);
        let manifest = manifest(&a);
        for (annotations, expected) in [
            // One of several tags: docker writes an entry for each.
            (named("docker.io/example/a:2"), Some("example/a:2")),
            (String::new(), Some("example/a:1")),
            (
                r#","annotations":{"org.opencontainers.image.ref.name":"2"}"#.into(),
                Some("example/a:2"),
            ),
            // A name that the annotation alone gives is left to it.
            (named("docker.io/example/other:1"), None),
            // An empty one is none.
            (named(""), Some("example/a:1")),
        ] {
            let index = index(&[descriptor_of(MANIFEST_TYPE, &manifest, &annotations)]);
            let items = [item(&a, r#"["example/a:1","example/a:2"]"#)];
            let loader = open(&entries(&index, &items, &[&a, &manifest]));
            assert_eq!(root(&*loader).unwrap(), index);
            assert_eq!(
                names(&*loader),
                [expected.map(str::to_owned)],
                "{annotations}"
            );
        }
        // Also below another index, of whose manifests one is there.
        let absent = tests::manifest(&b);
        let nested = index(&[
            descriptor_of(MANIFEST_TYPE, &absent, ""),
            descriptor_of(MANIFEST_TYPE, &manifest, ""),
        ]);
        let index = index(&[descriptor_of(INDEX_TYPE, &nested, "")]);
        let items = [item(&a, r#"["example/a:1"]"#)];
        let loader = open(&entries(&index, &items, &[&a, &manifest, &nested]));
        assert_eq!(root(&*loader).unwrap(), index);
        assert_eq!(names(&*loader), some(&["example/a:1"]));
    }

    #[test]
    fn other_images_of_manifest_json_follow() {
        let [a, b, c] = ["a", "b", "c"].map(config);
        let manifest = manifest(&a);
        let index = index(&[descriptor_of(MANIFEST_TYPE, &manifest, "")]);
        let items = [
            item(&b, r#"["b:1","b:2"]"#),
            item(&a, "null"),
            // Its config is missing, so it is ignored.
            item(&c, r#"["c:1"]"#),
        ];
        let loader = open(&entries(&index, &items, &[&a, &b, &manifest]));
        let made = root(&*loader).unwrap();
        let listed = listed(made.as_bytes()).unwrap();
        assert_eq!(listed[0].raw, descriptor_of(MANIFEST_TYPE, &manifest, ""));
        assert_eq!(
            names(&*loader),
            [None, Some("b:1".into()), Some("b:2".into())]
        );
        let Document::Index(made) = Document::parse(made.as_bytes(), 9).unwrap() else {
            panic!("the root is an index");
        };
        for child in made.children {
            let child = child.unwrap();
            let opened = loader.open_manifest(&child.digest, &Context::default());
            let document = drain(opened.unwrap()).unwrap();
            assert_eq!(sha256(&document), child.digest);
        }
        assert_eq!(blob(&*loader, &sha256(&b)).unwrap(), b.as_bytes());
        assert_eq!(blob(&*loader, &sha256("layer")).unwrap(), b"layer");
        assert!(blob(&*loader, &sha256("no")).is_err());
    }

    #[test]
    fn a_manifest_that_is_missing_or_wrong_hides_no_item() {
        let [a, b] = ["a", "b"].map(config);
        let manifest = manifest(&a);
        let index = index(&[descriptor_of(MANIFEST_TYPE, &manifest, "")]);
        let items = [item(&a, r#"["a:1"]"#)];
        // Missing.
        let loader = open(&entries(&index, &items, &[&a]));
        assert_eq!(names(&*loader), [None, Some("a:1".into())]);
        // With other content.
        let mut wrong = entries(&index, &items, &[&a]);
        wrong.push(file(&blob_name(&sha256(&manifest)), tests::manifest(&b)));
        assert_eq!(names(&*open(&wrong)), [None, Some("a:1".into())]);
        // No manifest at all.
        let index = tests::index(&[descriptor_of(MANIFEST_TYPE, "text", "")]);
        let loader = open(&entries(&index, &items, &[&a, "text"]));
        assert_eq!(names(&*loader), [None, Some("a:1".into())]);
    }

    #[test]
    fn items_that_are_not_good_do_not_follow() {
        let [a, b] = ["a", "b"].map(config);
        let manifest = manifest(&a);
        let index = index(&[descriptor_of(MANIFEST_TYPE, &manifest, "")]);
        let layer = blob_name(&sha256("layer"));
        let config = blob_name(&sha256(&b));
        for bad in [
            item("no", r#"["b:1"]"#),
            format!(r#"{{"Config":"{config}","RepoTags":["b:1"],"Layers":[]}}"#),
            format!(r#"{{"Config":"{config}","RepoTags":["b:1"],"Layers":["no"]}}"#),
            format!(r#"{{"Config":"../{config}","RepoTags":["b:1"],"Layers":["{layer}"]}}"#),
            format!(r#"{{"Config":"oci-layout","RepoTags":["b:1"],"Layers":["{layer}"]}}"#),
        ] {
            let entries = entries(&index, std::slice::from_ref(&bad), &[&a, &b, &manifest]);
            assert_eq!(root(&*open(&entries)).unwrap(), index, "{bad}");
            let e = open_as(&entries, Some("b:1")).map(drop).unwrap_err();
            assert_eq!(e.status(), Status::NotFound, "{bad}");
        }
        // An invalid manifest.json fails the open.
        let entries = entries(&index, &["{}".into()], &[&a, &manifest]);
        let e = open_as(&entries, None).map(drop).unwrap_err();
        assert_eq!(e.status(), Status::Malformed);
    }

    #[test]
    fn names_of_both_choose() {
        let [a, b] = ["a", "b"].map(config);
        let [one, two] = [&a, &b].map(|config| manifest(config));
        let index = index(&[
            descriptor_of(MANIFEST_TYPE, &one, &named("docker.io/library/own:1")),
            descriptor_of(MANIFEST_TYPE, &two, ""),
        ]);
        let c = config("c");
        let items = [
            item(&a, r#"["a:1","own:1"]"#),
            item(&b, r#"["b:1"]"#),
            item(&c, r#"["c:1","c:2"]"#),
        ];
        let entries = entries(&index, &items, &[&a, &b, &c, &one, &two]);
        let rows: [(&str, &[&str]); 6] = [
            ("own:1", &["own:1"]),
            ("docker.io/library/b:1", &["b:1"]),
            ("c:2", &["c:2"]),
            ("c:1", &["c:1"]),
            ("c", &[]),
            ("b", &[]),
        ];
        for (name, expected) in rows {
            match open_as(&entries, Some(name)) {
                Ok(loader) => assert_eq!(names(&*loader), some(expected), "{name}"),
                Err(e) => {
                    assert_eq!(
                        (e.status(), expected),
                        (Status::NotFound, &[][..]),
                        "{name}: {e}"
                    );
                    assert!(e.message().contains("\"c:2\""), "{e}");
                }
            }
        }
        // A tag that is not the descriptor's own name counts too.
        let chosen = open_as(&entries, Some("a:1")).unwrap();
        assert_eq!(listed(root(&*chosen).unwrap().as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn a_wanted_image_that_is_left_out_says_why() {
        let [a, b] = ["a", "b"].map(config);
        let manifest = manifest(&a);
        let index = index(&[descriptor_of(MANIFEST_TYPE, &manifest, &named("a:1"))]);
        let absent = blob_name(&sha256(&b));
        let no_layer = item(&b, r#"["b:1"]"#).replace("\"Layers\":[\"", "\"Layers\":[\"no\",\"");
        for (bad, blobs, why) in [
            (item(&b, r#"["b:1"]"#), vec![&*a, &manifest], &*absent),
            (no_layer, vec![&*a, &b, &manifest], "2 as there are layers"),
        ] {
            let items = [item(&a, "null"), bad];
            let e = open_as(&entries(&index, &items, &blobs), Some("b:1"));
            let e = e.map(drop).unwrap_err();
            assert_eq!(e.status(), Status::NotFound, "{e}");
            assert!(
                e.message().contains("only \"a:1\"; one with this name"),
                "{e}"
            );
            assert!(e.message().contains(why), "{e}");
        }
    }

    #[test]
    fn an_index_that_lists_nothing_leaves_all_to_manifest_json() {
        let a = config("a");
        for list in ["[]", "null"] {
            let index = format!(r#"{{"schemaVersion":2,"manifests":{list}}}"#);
            let loader = open(&entries(&index, &[item(&a, r#"["a:1"]"#)], &[&a]));
            assert_eq!(names(&*loader), some(&["a:1"]));
        }
        let open = |index: &str, version: &str| {
            let mut entries = entries(index, &[item(&a, "[]")], &[&a]);
            *entries.last_mut().unwrap() = file("oci-layout", version);
            open_as(&entries, None).map(drop).map_err(|e| e.status())
        };
        assert_eq!(open("{}", VERSION_1), Err(Status::Malformed));
        let version = r#"{"imageLayoutVersion":"2.0.0"}"#;
        assert_eq!(open(&index(&[]), version), Err(Status::Unsupported));
        assert_eq!(
            open(&index(&["{}".into()]), version),
            Err(Status::Unsupported)
        );
    }

    #[test]
    fn one_that_is_cut_off_is_never_taken_for_another_archive() {
        let [a, b] = ["a", "b"].map(config);
        let manifest = manifest(&a);
        let index = index(&[descriptor_of(MANIFEST_TYPE, &manifest, "")]);
        let items = [item(&a, "null"), item(&b, "null")];
        let entries = entries(&index, &items, &[&a, &b, &manifest]);
        let [blobs @ .., index_json, manifest_json, marker] = &entries[..] else {
            panic!("there are more");
        };
        let blobs = blobs.concat();
        let whole = root(&*open(&entries)).unwrap();
        for order in [
            // Sorted by name, as docker writes.
            [&blobs, index_json, manifest_json, marker],
            [marker, &blobs, manifest_json, index_json],
            [marker, index_json, &blobs, manifest_json],
        ] {
            let hybrid = order.map(Vec::as_slice).concat();
            let listing = [index_json, marker].map(|part| {
                let at = order.iter().position(|one| *one == part).unwrap();
                order[..=at].iter().map(|part| part.len()).sum::<usize>()
            });
            let listing = listing.into_iter().max().unwrap();
            for cut in (512..=hybrid.len()).step_by(512) {
                let file = on_disk(&hybrid[..cut]);
                let opened = open_archive(file.path(), &Options::default(), &Context::default());
                match opened {
                    // Behind an entry, and index.json is there.
                    Ok(loader) => {
                        assert!(cut >= listing, "{cut}");
                        let root = root(&*loader).unwrap();
                        assert!(root == index || root == whole, "{cut}: {root}");
                    }
                    Err(e) => assert_eq!(e.status(), Status::Malformed, "{cut}: {e}"),
                }
            }
        }
    }

    #[test]
    fn the_tree_is_read_within_limits() {
        let a = config("a");
        // Each index names the next one twice.
        let mut blobs = vec![manifest(&a)];
        for _ in 0..20 {
            let media_type = if blobs.len() == 1 {
                MANIFEST_TYPE
            } else {
                INDEX_TYPE
            };
            let child = descriptor_of(media_type, blobs.last().unwrap(), "");
            blobs.push(index(&vec![child; 8]));
        }
        let open = |depth: usize| {
            let top = index(&[descriptor_of(INDEX_TYPE, &blobs[depth], "")]);
            let blobs: Vec<_> = blobs.iter().map(|blob| &**blob).chain([&*a]).collect();
            open_as(&entries(&top, &[item(&a, r#"["a:1"]"#)], &blobs), None)
        };
        assert_eq!(names(&*open(4).unwrap()), some(&["a:1"]));
        let e = open(6).map(drop).unwrap_err();
        assert_eq!(e.status(), Status::LimitExceeded, "{e}");
    }
}
