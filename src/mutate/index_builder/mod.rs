//! Makes indexes from images and from other indexes.
//!
//! The root document is edited in place: entries and members that no call names keep their
//! bytes.

mod assembled;
mod child;
mod source;

use self::assembled::AssembledLoader;
use self::child::{Child, child_of_image, reference_of};
use self::source::Source;
use super::config::{check_key, check_platform, check_text, root};
use super::values::set_entry;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};
use crate::document::{Document, IndexDocument, write};
use crate::error::{Error, Result};
use crate::image::members::array_made_in;
use crate::image::{Format, Image};
use crate::index::Index;
use crate::json::edit::{ArrayMut, Tree};
use crate::json::scan::quoted;
use crate::load::LoadOptions;
use crate::media_type::{DOCKER_MANIFEST_LIST, OCI_INDEX};
use crate::platform::{Matcher, Platform};
use crate::text::Text;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// An index in the making. Clones are independent.
#[derive(Clone)]
pub struct IndexBuilder {
    format: Format,
    document: Tree,
    /// Of the root's digest: that of the index it began as.
    algorithm: Algorithm,
    children: Vec<Child>,
    /// Where the content of the children is read from.
    sources: Vec<Source>,
}

impl IndexBuilder {
    /// An index without entries.
    pub fn new(format: Format) -> Self {
        let document = format!(
            "{{\"schemaVersion\":2,\"mediaType\":{},\"manifests\":[]}}",
            quoted(list_type(format))
        );
        Self {
            format,
            document: Tree::new(document),
            algorithm: Algorithm::Sha256,
            children: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// An index with the entries of another root, as written there. A selection has the
    /// root of the index that it was selected from.
    pub fn from_index(index: &Index) -> Result<Self> {
        let (document, media_type) = index_document(index)?;
        let mut below = vec![Vec::new(); document.children.len()];
        for entry in index.all_entries() {
            if let Some(entries) = below.get_mut(entry.way.root_child as usize) {
                entries.push(entry.clone());
            }
        }
        let children = document.children.into_iter().zip(below).enumerate();
        let children = children.map(|(i, (child, below))| Child {
            descriptor: child.map_or_else(|bad| bad.descriptor, Some),
            name: index.loader().entry_name(i),
            below,
            source: 0,
        });
        let text = std::str::from_utf8(&index.root().bytes).expect("a document is UTF-8");
        Ok(Self {
            format: format_of_list(&media_type),
            document: Tree::new(text),
            algorithm: index.root().digest.algorithm()?,
            children: children.collect(),
            sources: vec![Source::of_index(index)],
        })
    }

    pub fn count(&self) -> usize {
        self.children.len()
    }

    /// The descriptor at a place; `None` beyond the end, and where it cannot be read.
    pub fn descriptor(&self, i: usize) -> Option<&Arc<Descriptor>> {
        self.children.get(i)?.descriptor.as_ref()
    }

    /// Adds a snapshot of an image, for this platform or else its own.
    pub fn add_image(&mut self, image: &Image, platform: Option<&Platform>) -> Result<()> {
        if let Some(platform) = platform {
            check_platform(platform)?;
        }
        self.check_family(image.format(), "image")?;
        let platform = match platform {
            Some(platform) => Some(Arc::new(platform.clone())),
            None => image.platform().cloned(),
        };
        let child = child_of_image(image, platform, self.sources.len());
        let json = child.descriptor.as_deref().map(write::descriptor);
        self.list()?.push(&json.unwrap_or_default());
        self.sources.push(Source::of_image(image));
        self.children.push(child);
        Ok(())
    }

    /// Adds another index, to be nested in this one.
    pub fn add_index(&mut self, nested: &Index) -> Result<()> {
        if nested.loader().root_is_index() {
            return Err(Error::invalid_argument(
                "nested: found the index.json of a layout or archive, which is no manifest, \
                 expected an index: build one from it first",
            ));
        }
        let (_, media_type) = index_document(nested)?;
        self.check_family(format_of_list(&media_type), "index")?;
        let root = nested.root();
        let size = root.bytes.len() as u64;
        let d = Descriptor::new(media_type, root.digest.clone(), size);
        self.list()?.push(&write::descriptor(&d));
        self.children.push(Child {
            descriptor: Some(Arc::new(d)),
            name: None,
            below: nested.all_entries().to_vec(),
            source: self.sources.len(),
        });
        self.sources.push(Source::of_index(nested));
        Ok(())
    }

    /// Puts an image in the place of an entry, whose annotations and unknown members stay.
    /// Attestations of the replaced entry are removed, unless another entry has the same digest.
    pub fn replace_image(&mut self, i: usize, image: &Image) -> Result<()> {
        self.check_place(i)?;
        self.check_family(image.format(), "image")?;
        let platform = image.platform().cloned();
        let new = child_of_image(image, platform, self.sources.len());
        let Some(d) = new.descriptor.clone() else {
            return Err(Error::internal("an image has no descriptor"));
        };
        let old = self.children[i].descriptor.clone();
        let mut list = self.list()?;
        match &old {
            // An unreadable entry has nothing worth keeping.
            None => list.at(i).overwrite(&write::descriptor(&d)),
            Some(old) => child::replace(list.at(i), old, &d),
        }
        let name = self.children[i].name.take();
        self.children[i] = Child { name, ..new };
        self.sources.push(Source::of_image(image));
        self.read_again(i)?;
        self.remove_attestations(old.map(|old| old.digest.clone()))
    }

    /// Removes an entry, and the attestations of it.
    pub fn remove(&mut self, i: usize) -> Result<()> {
        self.check_place(i)?;
        let removed = self.take(i)?;
        self.remove_attestations(removed)
    }

    /// Removes images whose platform does not match, with their attestations, and nested
    /// indexes without a matching image.
    pub fn keep(&mut self, matcher: &Matcher) -> Result<()> {
        let mut removed = Vec::new();
        for i in (0..self.children.len()).rev() {
            if !self.children[i].is_kept_by(matcher) {
                removed.extend(self.take(i)?);
            }
        }
        self.remove_attestations(removed)
    }

    /// Sets an annotation of the index; `None` removes it.
    pub fn set_annotation(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        self.check_annotation(key, value)?;
        set_entry(root(&mut self.document)?, "annotations", key, value);
        Ok(())
    }

    /// Sets an annotation of an entry; `None` removes it.
    pub fn set_entry_annotation(&mut self, i: usize, key: &str, value: Option<&str>) -> Result<()> {
        self.check_place(i)?;
        self.check_annotation(key, value)?;
        if self.children[i].descriptor.is_none() {
            return Err(Error::invalid_argument(format_args!(
                "entry {i} has a descriptor that cannot be read, expected one with annotations"
            )));
        }
        if let Some(entry) = self.list()?.at(i).object() {
            set_entry(entry, "annotations", key, value);
        }
        self.read_again(i)
    }

    /// A snapshot of the index, like a loaded one. Reads the documents that decide kinds
    /// and platforms of entries, unless they were read before, within the default limits.
    pub fn finish(&self, ctx: &Context) -> Result<Index> {
        let document: Arc<[u8]> = self.document.render().into_bytes().into();
        let digest = Digest::of(self.algorithm, &document);
        let names = self
            .children
            .iter()
            .map(|child| child.name.clone())
            .collect();
        let loader = AssembledLoader::new(document, digest, names, self.sources.clone());
        let mut known = HashMap::new();
        for child in &self.children {
            loader.settle(child);
            known.extend(child.known());
        }
        Index::load_knowing(Arc::new(loader), &LoadOptions::default(), &known, ctx)
    }

    fn list(&mut self) -> Result<ArrayMut<'_>> {
        array_made_in(root(&mut self.document)?, "manifests")
            .ok_or_else(|| Error::internal("the manifests are no array"))
    }

    fn take(&mut self, i: usize) -> Result<Option<Digest>> {
        self.list()?.remove(i);
        let child = self.children.remove(i);
        Ok(child.descriptor.map(|d| d.digest.clone()))
    }

    /// Removes the attestations of digests that no entry has any more, repeatedly.
    fn remove_attestations(&mut self, gone: impl IntoIterator<Item = Digest>) -> Result<()> {
        let mut gone: HashSet<_> = gone.into_iter().collect();
        while !gone.is_empty() {
            for d in self.children.iter().filter_map(|c| c.descriptor.as_ref()) {
                gone.remove(&d.digest);
            }
            let texts: HashSet<&str> = gone.iter().map(|digest| &**digest.text()).collect();
            let mut next = HashSet::new();
            for i in (0..self.children.len()).rev() {
                let d = self.children[i].descriptor.as_deref();
                let reference = d.and_then(reference_of);
                if reference.is_some_and(|reference| texts.contains(reference.as_str())) {
                    next.extend(self.take(i)?);
                }
            }
            gone = next;
        }
        Ok(())
    }

    /// Reads a descriptor again after its entry was edited.
    fn read_again(&mut self, i: usize) -> Result<()> {
        let raw = self.list()?.at(i).raw().into_owned();
        let document = format!("{{\"schemaVersion\":2,\"manifests\":[{raw}]}}");
        if let Document::Index(mut index) = Document::parse(document.as_bytes(), 1)? {
            let child = index.children.pop();
            self.children[i].descriptor = child.and_then(Result::ok);
        }
        Ok(())
    }

    fn check_place(&self, i: usize) -> Result<()> {
        let count = self.children.len();
        match i < count {
            true => Ok(()),
            false => Err(Error::invalid_argument(format_args!(
                "entry {i}, expected one below {count}"
            ))),
        }
    }

    /// UNSUPPORTED if OCI documents would be added to a Docker list.
    fn check_family(&self, format: Format, what: &str) -> Result<()> {
        match (self.format, format) {
            (Format::Docker, Format::Oci) => Err(Error::unsupported(format_args!(
                "found an OCI {what} for a Docker manifest list, expected a Docker one: convert it \
                 first"
            ))),
            _ => Ok(()),
        }
    }

    fn check_annotation(&self, key: &str, value: Option<&str>) -> Result<()> {
        check_key("key", key)?;
        check_text("value", value.unwrap_or_default())?;
        match self.format {
            Format::Oci => Ok(()),
            Format::Docker => Err(Error::unsupported(
                "found a Docker manifest list, which has no annotations, expected an OCI index",
            )),
        }
    }
}

fn list_type(format: Format) -> &'static str {
    match format {
        Format::Oci => OCI_INDEX,
        Format::Docker => DOCKER_MANIFEST_LIST,
    }
}

fn format_of_list(media_type: &str) -> Format {
    match media_type {
        DOCKER_MANIFEST_LIST => Format::Docker,
        _ => Format::Oci,
    }
}

/// The root of an index and its media type; INVALID_ARGUMENT if the root is no index.
fn index_document(index: &Index) -> Result<(IndexDocument, Text)> {
    let root = index.root();
    let parsed = match index.root_is_index() {
        true => Document::parse(&root.bytes, u32::MAX)?,
        false => {
            return Err(Error::invalid_argument(
                "index: found a root that is a single manifest, expected an index",
            )
            .with_digest(root.digest.text()));
        }
    };
    let Document::Index(document) = parsed else {
        return Err(Error::internal("a root is no index"));
    };
    let media_type = document.media_type.clone();
    let media_type = media_type.or_else(|| Text::new(OCI_INDEX));
    let media_type = media_type.ok_or_else(|| Error::internal("a media type holds U+0000"))?;
    Ok((document, media_type))
}
