//! The walk over an index and the indexes nested in it.

use super::documents::{Documents, Verified, is_image, other_kind, parse, parse_config};
use super::{Entry, EntryKind, Options};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{self, BadChild, Document, Manifest};
use crate::error::{Error, Result};
use crate::media_type::{self, Kind};
use crate::platform::Platform;
use crate::text::Text;
use std::collections::HashMap;
use std::sync::Arc;

/// What a load has read already, by digest, with the size that it had, or, of a failure,
/// that it was to have.
type Memo<T> = HashMap<Digest, (u64, Result<T>)>;

/// What a digest led to.
#[derive(Clone)]
enum Node {
    Index(Arc<document::Index>),
    /// What of a manifest a walk has to know.
    Manifest {
        media_type: Option<Text>,
        config: Arc<Descriptor>,
    },
}

impl From<Manifest> for Node {
    fn from(manifest: Manifest) -> Self {
        let Manifest {
            media_type, config, ..
        } = manifest;
        let data = config.data().cloned();
        let config = Descriptor::new(config.media_type, config.digest, config.size).with_data(data);
        Self::Manifest {
            media_type,
            config: Arc::new(config),
        }
    }
}

/// What became of a descriptor.
#[derive(Clone)]
enum Seen {
    /// An index, to be walked.
    Index(Arc<document::Index>),
    /// The entry at this place.
    Entry(usize),
}

/// One walk over a tree of indexes: iterative, since the depth is the caller's to set.
pub struct Walk<'a> {
    options: &'a Options,
    documents: &'a Documents,
    ctx: &'a Context,
    /// Of `max_total_size`.
    bytes_left: u64,
    visited: u64,
    entries: Vec<Entry>,
    /// By where a descriptor stands (`nodes` and the walk keep all of them): an index
    /// that is named a thousand times costs no more a time than what it lists, however
    /// long its texts are.
    seen: HashMap<*const Descriptor, Seen>,
    nodes: Memo<Node>,
    /// Of configs that were read for nothing else.
    platforms: Memo<Option<Arc<Platform>>>,
}

impl<'a> Walk<'a> {
    /// A walk that may read so many bytes.
    pub fn new(
        documents: &'a Documents,
        options: &'a Options,
        bytes_left: u64,
        ctx: &'a Context,
    ) -> Self {
        Self {
            options,
            documents,
            ctx,
            bytes_left,
            visited: 0,
            entries: Vec::new(),
            seen: HashMap::new(),
            nodes: Memo::new(),
            platforms: Memo::new(),
        }
    }

    /// Walks over an index that is the root.
    pub fn tree(mut self, root: document::Index) -> Result<Vec<Entry>> {
        let root = Arc::new(root);
        // The indexes being walked, each with the place of its next child.
        let mut open = vec![(root.clone(), 0)];
        while let Some((index, next)) = open.last_mut() {
            let index = Arc::clone(index);
            let at = *next;
            *next += 1;
            match index.children.get(at) {
                None => drop(open.pop()),
                Some(child) => {
                    let nested = self.visit(child, open.len())?;
                    open.extend(nested.map(|index| (index, 0)));
                }
            }
        }
        self.decide_by_what_was_read();
        Ok(self.entries)
    }

    /// Visits a manifest that is the root, as the one child of an index.
    pub fn single(mut self, manifest: Manifest, root: &Verified<()>) -> Result<Vec<Entry>> {
        let size = root.bytes.len() as u64;
        let d = Descriptor::new(manifest.own_media_type(), root.digest.clone(), size);
        self.documents.keep_manifest(&d.digest, &root.bytes);
        remember(&mut self.nodes, &d, Ok(manifest.into()))?;
        self.visit(&Ok(Arc::new(d)), 0)?;
        Ok(self.entries)
    }

    /// Visits a child at this depth below the root; an index is given back, to be walked
    /// where it stands, all else becomes an entry.
    fn visit(
        &mut self,
        child: &Result<Arc<Descriptor>, BadChild>,
        depth: usize,
    ) -> Result<Option<Arc<document::Index>>> {
        // A tree may be large without anything to be read.
        self.ctx.check()?;
        self.visited += 1;
        let most = self.options.max_entries;
        if self.visited > u64::from(most) {
            return Err(Error::limit_exceeded(format_args!(
                "found more than {most} descriptors, expected at most so many"
            )));
        }
        let d = match child {
            Ok(d) => d,
            Err(bad) => {
                let entry = broken(bad.descriptor.as_ref(), bad.error.clone());
                self.entries.push(entry);
                return Ok(None);
            }
        };
        let is_index = media_type::kind(&d.media_type) == Kind::Index;
        let deepest = self.options.max_index_depth;
        if is_index && depth as u64 > u64::from(deepest) {
            let error = Error::limit_exceeded(format_args!(
                "index nested {depth} deep, expected at most {deepest}"
            ));
            let entry = broken(Some(d), error.with_digest(d.digest.text()));
            self.entries.push(entry);
            return Ok(None);
        }
        let entry = match self.seen.get(&Arc::as_ptr(d)) {
            Some(Seen::Index(index)) => return Ok(Some(index.clone())),
            Some(Seen::Entry(at)) => self.entries[*at].clone(),
            None if is_index => match self.index(d) {
                Ok(index) => {
                    let seen = Seen::Index(index.clone());
                    self.seen.insert(Arc::as_ptr(d), seen);
                    return Ok(Some(index));
                }
                Err(e) => of_content(d, e)?,
            },
            None => self.entry(d)?,
        };
        let at = Seen::Entry(self.entries.len());
        self.seen.entry(Arc::as_ptr(d)).or_insert(at);
        self.entries.push(entry);
        Ok(None)
    }

    /// A manifest that was read for one entry decides between image and artifact for all
    /// that name it, those too that stand before it.
    fn decide_by_what_was_read(&mut self) {
        let is_manifest = |(_, node): &_| matches!(node, Ok(Node::Manifest { .. }));
        if !self.nodes.values().any(is_manifest) {
            return;
        }
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let (EntryKind::Image, Some(d)) = (entry.kind, entry.descriptor.clone()) else {
                continue;
            };
            self.entries[at].kind = match self.seen.get(&Arc::as_ptr(&d)) {
                Some(Seen::Entry(first)) if *first < at => self.entries[*first].kind,
                // Nothing is read for this, and what does not fit this descriptor shows
                // when its image is asked for, as where nothing was known of it.
                _ => self.classify(&d).map_or(EntryKind::Image, |(kind, _)| kind),
            };
        }
    }

    /// The entry of a child that is no index.
    fn entry(&mut self, d: &Arc<Descriptor>) -> Result<Entry> {
        match self.classify(d) {
            Ok((kind, platform)) => Ok(Entry {
                kind,
                descriptor: Some(d.clone()),
                platform,
                error: None,
            }),
            Err(e) => of_content(d, e),
        }
    }

    fn index(&mut self, d: &Descriptor) -> Result<Arc<document::Index>> {
        match self.node(d, Kind::Index)? {
            Node::Index(index) => Ok(index),
            Node::Manifest { .. } => Err(other_kind(d, Kind::Manifest, Kind::Index)),
        }
    }

    /// The kind of a child that is no index, and its platform.
    fn classify(&mut self, d: &Descriptor) -> Result<(EntryKind, Option<Arc<Platform>>)> {
        let as_described = |kind| Ok((kind, d.platform().cloned()));
        match media_type::kind(&d.media_type) {
            Kind::Schema1 => {
                return Err(Error::unsupported(
                    "found a Docker schema 1 manifest, expected an OCI or Docker schema 2 one",
                )
                .with_digest(d.digest.text()));
            }
            Kind::Other => return as_described(EntryKind::Unknown),
            Kind::Index | Kind::Manifest => {}
        }
        let reference = d.annotation("vnd.docker.reference.type");
        if reference.is_some_and(|v| &*v == "attestation-manifest") {
            return as_described(EntryKind::Attestation);
        }
        if let Some(artifact_type) = d.artifact_type()
            && !media_type::is_image_config(artifact_type, &d.media_type)
        {
            return as_described(EntryKind::Artifact);
        }
        // Only for its platform is a manifest asked for; one that was read already decides.
        let is_read = matches!(self.nodes.get(&d.digest), Some((_, Ok(_))));
        if d.platform().is_some() && !is_read {
            return as_described(EntryKind::Image);
        }
        let (media_type, config) = match self.node(d, Kind::Manifest)? {
            Node::Manifest { media_type, config } => (media_type, config),
            Node::Index(_) => return Err(other_kind(d, Kind::Index, Kind::Manifest)),
        };
        if !is_image(media_type.as_ref(), &config, d) {
            return as_described(EntryKind::Artifact);
        }
        let platform = match d.platform() {
            Some(platform) => Some(platform.clone()),
            None => self.platform(&config)?,
        };
        Ok((EntryKind::Image, platform))
    }

    fn node(&mut self, d: &Descriptor, kind: Kind) -> Result<Node> {
        if let Some(met) = met(&self.nodes, d) {
            return met;
        }
        let node = self.read(d, kind).and_then(|bytes| {
            Ok(match parse(d, &bytes, self.options.max_entries)? {
                Document::Index(index) => Node::Index(Arc::new(index)),
                Document::Manifest(manifest) => {
                    self.documents.keep_manifest(&d.digest, &bytes);
                    manifest.into()
                }
            })
        });
        remember(&mut self.nodes, d, node)
    }

    fn platform(&mut self, d: &Descriptor) -> Result<Option<Arc<Platform>>> {
        if let Some(met) = met(&self.platforms, d) {
            return met;
        }
        let platform = self
            .read(d, Kind::Other)
            .and_then(|bytes| Ok(parse_config(d, &bytes)?.platform));
        remember(&mut self.platforms, d, platform)
    }

    fn read(&mut self, d: &Descriptor, kind: Kind) -> Result<Arc<[u8]>> {
        if d.data().is_none() && d.size > self.bytes_left {
            return Err(Error::limit_exceeded(format_args!(
                "document of {} bytes, expected at most the {} left of {} in all",
                d.size, self.bytes_left, self.options.max_total_size
            ))
            .with_digest(d.digest.text()));
        }
        self.documents.read(d, kind, self.ctx, &mut self.bytes_left)
    }
}

/// The entry of a child that is broken.
fn broken(descriptor: Option<&Arc<Descriptor>>, error: Error) -> Entry {
    Entry {
        kind: EntryKind::Broken,
        descriptor: descriptor.cloned(),
        platform: descriptor.and_then(|d| d.platform().cloned()),
        error: Some(error),
    }
}

/// A failure of the content breaks its entry alone, any other the whole load.
fn of_content(d: &Arc<Descriptor>, error: Error) -> Result<Entry> {
    match error.status().is_of_content() {
        true => Ok(broken(Some(d), error)),
        false => Err(error),
    }
}

/// What this load knows of a digest. Content that was read is checked against this
/// descriptor's size; a failure stands for descriptors of the same size alone, since
/// another size may be the right one, and for none that embeds the content.
fn met<T: Clone>(memo: &Memo<T>, d: &Descriptor) -> Option<Result<T>> {
    match memo.get(&d.digest)? {
        (size, Ok(content)) => Some(d.expect_size(*size).map(|()| content.clone())),
        (size, Err(e)) => (*size == d.size && d.data().is_none()).then(|| Err(e.clone())),
    }
}

fn remember<T: Clone>(memo: &mut Memo<T>, d: &Descriptor, result: Result<T>) -> Result<T> {
    memo.insert(d.digest.clone(), (d.size, result.clone()));
    result
}
