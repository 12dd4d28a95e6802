//! The walk over an index and the indexes nested in it.

use super::entry::{Entry, EntryKind, Way};
use super::findings::Findings;
use super::kind::{is_image, is_unknown, marked_kind, other_kind, schema1};
use super::memo::Memo;
use super::node::{ConfigFacts, Node};
use super::options::LoadOptions;
use super::store::Store;
use crate::config::Config;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::document::{Child, Document, IndexDocument, ManifestDocument};
use crate::error::{Error, Result, Status};
use crate::media_type::{self, Kind};
use crate::platform::Platform;
use rustix::io::Errno;
use std::collections::HashMap;
use std::sync::Arc;

/// The result of visiting a descriptor.
#[derive(Clone)]
enum Visited {
    /// An index, to be walked.
    Index(Arc<IndexDocument>),
    /// The entry at this place.
    Entry(usize),
}

/// An index that is being walked.
struct Open {
    index: Arc<IndexDocument>,
    /// The place of its next child.
    next: usize,
    /// The way to its children; the root's children each begin their own.
    way: Option<Way>,
}

/// One walk over a tree of indexes. Iterative, since the caller's options set the depth.
pub struct Walk<'a> {
    options: &'a LoadOptions,
    store: &'a Store,
    known: &'a Findings,
    ctx: &'a Context,
    /// Of `max_total_size`.
    bytes_left: u64,
    visited: u64,
    /// Children of indexes being walked that are still to be visited.
    pending: u64,
    entries: Vec<Entry>,
    /// Keyed by address; `nodes` keeps every descriptor below the root's own alive.
    /// Revisiting an index thus costs one lookup per child, whatever the length of its
    /// texts.
    seen: HashMap<*const Descriptor, Visited>,
    nodes: Memo<Node>,
    /// Of configs that were read for their platforms.
    configs: Memo<ConfigFacts>,
}

impl<'a> Walk<'a> {
    /// A walk that may read `bytes_left` bytes.
    pub fn new(
        store: &'a Store,
        options: &'a LoadOptions,
        known: &'a Findings,
        bytes_left: u64,
        ctx: &'a Context,
    ) -> Self {
        Self {
            options,
            store,
            known,
            ctx,
            bytes_left,
            visited: 0,
            pending: 0,
            entries: Vec::new(),
            seen: HashMap::new(),
            nodes: Memo::default(),
            configs: Memo::default(),
        }
    }

    /// Walks over an index that is the root.
    pub fn tree(mut self, root: IndexDocument) -> Result<Vec<Entry>> {
        self.pending = root.children.len() as u64;
        self.entries.reserve_exact(root.children.len());
        let mut open = vec![Open {
            index: Arc::new(root),
            next: 0,
            way: None,
        }];
        while let Some(mut top) = open.pop() {
            let depth = open.len() + 1;
            let at = top.next;
            let Some(child) = top.index.children.get(at) else {
                continue;
            };
            top.next += 1;
            let has_platform = platform_of(child).is_some();
            let mut way = top.way.clone().unwrap_or_else(|| Way {
                root_child: at as u32,
                begins_with_platform: has_platform,
                ..Way::default()
            });
            if depth == 2 && self.store.loader.root_is_index() {
                way.goes_on_with_platform = has_platform;
            }
            let nested = self.visit(child, depth, &way)?.map(|index| Open {
                index,
                next: 0,
                way: descriptor_of(child).map(|d| way.through(d)),
            });
            open.push(top);
            if let Some(nested) = nested {
                self.pending += nested.index.children.len() as u64;
                open.push(nested);
            }
        }
        self.decide_by_what_was_read()?;
        self.entries.shrink_to_fit();
        Ok(self.entries)
    }

    /// Visits a root that is no index, as the one child of an index.
    pub fn single(
        mut self,
        d: Descriptor,
        manifest: Option<ManifestDocument>,
    ) -> Result<Vec<Entry>> {
        if let Some(manifest) = manifest {
            self.nodes.remember(&d, Ok(manifest.into()))?;
        }
        self.pending = 1;
        self.visit(&Ok(Arc::new(d)), 0, &Way::default())?;
        Ok(self.entries)
    }

    /// Visits a child at this depth below the root. Returns an index, to be walked in its
    /// place; anything else becomes an entry.
    fn visit(
        &mut self,
        child: &Child,
        depth: usize,
        way: &Way,
    ) -> Result<Option<Arc<IndexDocument>>> {
        // A large tree may need no reads, which check the context too.
        self.ctx.check()?;
        self.visited += 1;
        self.pending -= 1;
        let max = self.options.max_entries;
        if self.visited > u64::from(max) {
            return Err(Error::limit_exceeded(format_args!(
                "found more than {max} descriptors, expected at most that many"
            )));
        }
        let d = match child {
            Ok(d) => d,
            Err(bad) => {
                self.entries.push(Entry {
                    kind: EntryKind::Broken,
                    descriptor: bad.descriptor.clone(),
                    platform: platform_of(child).cloned(),
                    error: Some(bad.error.clone()),
                    way: way.clone(),
                });
                return Ok(None);
            }
        };
        let is_index = media_type::kind(&d.media_type) == Kind::Index;
        let max_depth = self.options.max_index_depth;
        if is_index && depth as u64 > u64::from(max_depth) {
            let error = Error::limit_exceeded(format_args!(
                "index nested {depth} deep, expected at most {max_depth}"
            ));
            let entry = broken(d, error.with_digest(d.digest.text()), way);
            self.entries.push(entry);
            return Ok(None);
        }
        let entry = match self.seen.get(&Arc::as_ptr(d)) {
            Some(Visited::Index(index)) => return Ok(Some(index.clone())),
            Some(Visited::Entry(at)) => Entry {
                way: way.clone(),
                ..self.entries[*at].clone()
            },
            None if is_index => match self.index(d) {
                Ok(index) => {
                    self.remember(d, depth, Visited::Index(index.clone()));
                    return Ok(Some(index));
                }
                Err(e) => of_content(d, e, way)?,
            },
            None => self.entry(d, way)?,
        };
        self.remember(d, depth, Visited::Entry(self.entries.len()));
        self.entries.push(entry);
        Ok(None)
    }

    fn remember(&mut self, d: &Arc<Descriptor>, depth: usize, visited: Visited) {
        // No index can name the root, so its children are visited once.
        if depth > 1 {
            self.seen.entry(Arc::as_ptr(d)).or_insert(visited);
        }
    }

    /// A manifest that was read for one entry decides between image and artifact for all
    /// that name it, those before it too.
    fn decide_by_what_was_read(&mut self) -> Result<()> {
        let is_manifest = |node: &Node| matches!(node, Node::Manifest(_));
        if !self.nodes.contents().any(is_manifest) {
            return Ok(());
        }
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let is_undecided = matches!(entry.kind, EntryKind::Image | EntryKind::Artifact);
            let Some(d) = entry.descriptor.clone().filter(|_| is_undecided) else {
                continue;
            };
            if !self.nodes.has(&d.digest) {
                continue;
            }
            // Reads at most the config of what was taken for an artifact, for its platform.
            match self.classify(&d) {
                Ok((kind, platform)) => {
                    self.entries[at].kind = kind;
                    self.entries[at].platform = platform;
                }
                // What does not fit this descriptor shows when its image is asked for, as
                // where nothing was known of it.
                Err(e) if is_of_entry(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The entry of a child that is no index.
    fn entry(&mut self, d: &Arc<Descriptor>, way: &Way) -> Result<Entry> {
        match self.classify(d) {
            Ok((kind, platform)) => Ok(Entry {
                kind,
                descriptor: Some(d.clone()),
                platform,
                error: None,
                way: way.clone(),
            }),
            Err(e) => of_content(d, e, way),
        }
    }

    fn index(&mut self, d: &Descriptor) -> Result<Arc<IndexDocument>> {
        match self.node(d, Kind::Index)? {
            Node::Index(index) => Ok(index),
            Node::Manifest(_) => {
                let e = other_kind(Kind::Manifest, Kind::Index);
                Err(self.store.at(d, e))
            }
        }
    }

    /// The kind of a child that is no index, and its platform.
    fn classify(&mut self, d: &Descriptor) -> Result<(EntryKind, Option<Arc<Platform>>)> {
        let as_described = |kind| Ok((kind, d.platform().cloned()));
        match media_type::kind(&d.media_type) {
            Kind::Schema1 => return Err(self.store.at(d, schema1())),
            Kind::Other => return as_described(EntryKind::Unknown),
            Kind::Index | Kind::Manifest => {}
        }
        let marked = marked_kind(d);
        // A mark on a descriptor with a platform is ignored: containerd and skopeo look at the
        // platform alone, and would run content that a scanner skipped because of the mark.
        let own = d.platform().filter(|p| !is_unknown(p));
        // A manifest that was read already decides between image and artifact.
        let was_read = self.nodes.has(&d.digest);
        if let (Some(kind), None) = (marked, own)
            && (kind == EntryKind::Attestation || !was_read)
        {
            return as_described(kind);
        }
        // Otherwise a manifest is asked for only for its platform.
        if marked.is_none() && d.platform().is_some() && !was_read {
            return as_described(EntryKind::Image);
        }
        if marked.is_none()
            && d.platform().is_none()
            && !d.has_incomplete_platform()
            && let Some(known) = self.known.get(&d.digest)
            && known.size == d.size
        {
            return Ok((known.kind, known.platform.clone()));
        }
        let manifest = match self.node(d, Kind::Manifest)? {
            Node::Manifest(manifest) => manifest,
            Node::Index(_) => {
                let e = other_kind(Kind::Index, Kind::Manifest);
                return Err(self.store.at(d, e));
            }
        };
        if !is_image(manifest.media_type.as_ref(), &manifest.config, d) {
            return as_described(EntryKind::Artifact);
        }
        let platform = match d.platform() {
            Some(platform) => Some(platform.clone()),
            None if d.has_incomplete_platform() => None,
            None => {
                let config = self.config(&manifest.config)?;
                let fit = manifest.layers.expect_fit(config.diff_ids);
                fit.map_err(|e| self.store.at(d, e))?;
                config.platform
            }
        };
        Ok((EntryKind::Image, platform))
    }

    fn node(&mut self, d: &Descriptor, kind: Kind) -> Result<Node> {
        if let Some(known) = self.nodes.recall(d) {
            return known;
        }
        // Further children of an index cannot be visited: the load fails before.
        let left = u64::from(self.options.max_entries).saturating_sub(self.visited + self.pending);
        let max_children = u32::try_from(left).unwrap_or(u32::MAX);
        let node = self.read(d, kind).and_then(|bytes| {
            let document = Document::parse(&bytes, max_children);
            Ok(match document.map_err(|e| self.store.at(d, e))? {
                Document::Index(index) => Node::Index(Arc::new(index)),
                Document::Manifest(manifest) => {
                    self.store.keep_manifest(&d.digest, &bytes);
                    manifest.into()
                }
            })
        });
        self.nodes.remember(d, node)
    }

    fn config(&mut self, d: &Descriptor) -> Result<ConfigFacts> {
        if let Some(known) = self.configs.recall(d) {
            return known;
        }
        let config = self
            .read(d, Kind::Other)
            .and_then(|bytes| Config::parse(&bytes).map_err(|e| self.store.at(d, e)))
            .map(ConfigFacts::from);
        self.configs.remember(d, config)
    }

    fn read(&mut self, d: &Descriptor, kind: Kind) -> Result<Arc<[u8]>> {
        if d.data().is_none() && d.size > self.bytes_left {
            let e = Error::limit_exceeded(format_args!(
                "found a size of {} bytes, expected at most the {} left of {} in all",
                d.size, self.bytes_left, self.options.max_total_size
            ));
            return Err(self.store.at(d, e));
        }
        self.store.read(d, kind, self.ctx, &mut self.bytes_left)
    }
}

fn descriptor_of(child: &Child) -> Option<&Arc<Descriptor>> {
    match child {
        Ok(d) => Some(d),
        Err(bad) => bad.descriptor.as_ref(),
    }
}

/// The platform that selects a child; for a refused descriptor, the one that other readers
/// see.
fn platform_of(child: &Child) -> Option<&Arc<Platform>> {
    match (descriptor_of(child), child) {
        (Some(d), _) => d.platform(),
        (None, Err(bad)) => bad.platform.as_ref(),
        (None, Ok(_)) => None,
    }
}

/// The entry of a descriptor that leads to something broken.
fn broken(descriptor: &Arc<Descriptor>, error: Error, way: &Way) -> Entry {
    Entry {
        kind: EntryKind::Broken,
        descriptor: Some(descriptor.clone()),
        platform: descriptor.platform().cloned(),
        error: Some(error),
        way: way.clone(),
    }
}

/// Returns a broken entry for a failure of the content; any other fails the whole load.
fn of_content(d: &Arc<Descriptor>, error: Error, way: &Way) -> Result<Entry> {
    match is_of_entry(&error) {
        true => Ok(broken(d, error, way)),
        false => Err(error),
    }
}

fn is_of_entry(error: &Error) -> bool {
    // One file of a layout that may not be read concerns nothing else.
    let is_denied_file =
        error.status() == Status::Io && error.errno() == Errno::ACCESS.raw_os_error();
    error.status().is_of_content() || is_denied_file
}
