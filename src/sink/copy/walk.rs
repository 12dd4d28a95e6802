//! The walk over the tree below a root, one document at a time.

use super::names::expect_one_root;
use super::options::CopyOptions;
use super::roots::{ReadRoot, RootList};
use super::source::{RootKind, Source};
use super::step::{Document, Step};
use super::visited::Visited;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{self, Child};
use crate::error::{Error, Result, Status};
use crate::load;
use crate::media_type::{self, Kind};
use crate::sink::roots::Root;
use crate::text::Text;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;

/// The most bytes of a layout's roots that are kept until they are put, at the end.
const MAX_ROOT_BYTES: usize = 1 << 20;

/// Turns the tree into steps, in document order: the blobs of a manifest, the manifest, and
/// an index after everything that it names; the roots come last. Content visited before is
/// not returned again.
///
/// A failure leaves the walk where it was: the next call tries the same again.
pub struct Walk {
    source: Arc<Source>,
    options: CopyOptions,
    stage: Stage,
    /// The indexes that the walk is in.
    open: Vec<Open>,
    visited: Visited,
    roots: Vec<ReadRoot>,
    /// The names of `roots`.
    names: HashSet<Text>,
    /// The names of the roots in the source, each root once.
    own_names: Vec<Option<Text>>,
    root_bytes: HashMap<Digest, Arc<[u8]>>,
    root_bytes_left: usize,
    /// Selected manifests that were not visited yet.
    unmet: usize,
    /// Why an index was not searched for them.
    unread: Option<Error>,
}

#[derive(Clone, Copy)]
enum Stage {
    Root,
    Tree,
    Roots,
    End,
}

/// An index that the walk is in.
struct Open {
    /// `None` for the list of roots of a layout or archive.
    document: Option<(Document, Place)>,
    children: Vec<Child>,
    next: usize,
    /// Whether something below it is copied.
    kept: bool,
}

/// The place where a document is named.
enum Place {
    BelowRoot,
    /// A root, with its name in the source.
    Root(Option<Text>),
}

/// The result of visiting a document.
enum Visit {
    /// Its steps and those of everything that it names, and whether it is copied at all.
    Done(Vec<Step>, bool),
    /// An index, which the walk has entered.
    Opened,
}

const LEFT_OUT: Visit = Visit::Done(Vec::new(), false);

impl Walk {
    /// INVALID_ARGUMENT if names are given for several roots.
    pub fn new(source: Arc<Source>, options: &CopyOptions) -> Result<Self> {
        if source.root_kind == RootKind::List && source.selected.is_none() {
            let children = source.parse_index(&source.root)?;
            let names = children.iter().enumerate().map(|(i, child)| match child {
                Ok(d) => source.name(i, d),
                Err(_) => None,
            });
            expect_one_root(options, names)?;
        }
        Ok(Self {
            unmet: source
                .selected
                .as_ref()
                .map_or(0, |selected| selected.len()),
            source,
            options: options.clone(),
            stage: Stage::Root,
            open: Vec::new(),
            visited: Visited::new(options),
            roots: Vec::new(),
            names: HashSet::new(),
            own_names: Vec::new(),
            root_bytes: HashMap::new(),
            root_bytes_left: MAX_ROOT_BYTES,
            unread: None,
        })
    }

    /// The steps of the next document, perhaps none; `None` at the end.
    pub fn next(&mut self, ctx: &Context) -> Result<Option<Vec<Step>>> {
        ctx.check()?;
        match self.stage {
            Stage::Root => {
                let steps = self.root(ctx)?;
                self.stage = Stage::Tree;
                Ok(Some(steps))
            }
            Stage::Tree if !self.open.is_empty() => self.child(ctx).map(Some),
            Stage::Tree => {
                if let (1.., Some(error)) = (self.unmet, &self.unread) {
                    return Err(error.clone());
                }
                self.stage = Stage::Roots;
                Ok(Some(Vec::new()))
            }
            Stage::Roots => {
                if self.source.root_kind == RootKind::List {
                    expect_one_root(&self.options, self.own_names.iter().cloned())?;
                }
                self.stage = Stage::End;
                let roots = mem::take(&mut self.roots);
                Ok(Some(match roots.is_empty() {
                    true => Vec::new(),
                    false => vec![Step::Roots(Arc::new(RootList::new(roots)))],
                }))
            }
            Stage::End => Ok(None),
        }
    }

    fn root(&mut self, ctx: &Context) -> Result<Vec<Step>> {
        let source = self.source.clone();
        let root = &source.root;
        let kind = match source.root_kind {
            RootKind::List => {
                self.open.push(Open {
                    document: None,
                    children: source.parse_index(root)?,
                    next: 0,
                    kept: true,
                });
                return Ok(Vec::new());
            }
            RootKind::Index => Kind::Index,
            RootKind::Manifest => Kind::Manifest,
            RootKind::Unknown => Kind::Other,
        };
        if let Some(error) = source.error_of(&root.descriptor)
            && !self.options.leave_out_missing
            && source.selected.is_none()
        {
            return Err(error.clone());
        }
        let place = Place::Root(None);
        match self.visit(&root.descriptor, kind, place, ctx)? {
            Visit::Done(steps, _) => Ok(steps),
            Visit::Opened => Ok(Vec::new()),
        }
    }

    /// Visits the next child of the index that the walk is in, or leaves that index.
    fn child(&mut self, ctx: &Context) -> Result<Vec<Step>> {
        let depth = self.open.len();
        let index = &self.open[depth - 1];
        let visit = match index.children.get(index.next) {
            None => {
                let index = self.open.pop().expect("the walk is in an index");
                return Ok(self.close(index));
            }
            Some(Err(bad)) => self.broken(&bad.error)?,
            Some(Ok(d)) => match self.source.error_of(d) {
                Some(error) => self.broken(error)?,
                None => {
                    let (d, at) = (d.clone(), index.next);
                    let place = match index.document {
                        None => Place::Root(self.source.name(at, &d)),
                        Some(_) => Place::BelowRoot,
                    };
                    self.visit_child(&d, place, ctx)?
                }
            },
        };
        let index = &mut self.open[depth - 1];
        index.next += 1;
        match visit {
            Visit::Opened => Ok(Vec::new()),
            Visit::Done(steps, kept) => {
                index.kept |= kept;
                Ok(steps)
            }
        }
    }

    /// Leaves an index that was walked over.
    fn close(&mut self, index: Open) -> Vec<Step> {
        let Some((document, place)) = index.document else {
            return Vec::new();
        };
        if let Some(parent) = self.open.last_mut() {
            parent.kept |= index.kept;
        }
        self.visited
            .insert(&document.descriptor, Kind::Index, index.kept);
        match index.kept {
            true => self.place(document, place).into_iter().collect(),
            false => Vec::new(),
        }
    }

    /// Skips an entry that the load found broken, if that is allowed. Content that does not
    /// match its digest is never skipped.
    fn broken(&self, error: &Error) -> Result<Visit> {
        let is_wrong = matches!(
            error.status(),
            Status::DigestMismatch | Status::SizeMismatch
        );
        let is_selection = self.source.selected.is_some();
        match is_selection || (self.options.leave_out_missing && !is_wrong) {
            true => Ok(LEFT_OUT),
            false => Err(error.clone()),
        }
    }

    fn visit_child(&mut self, d: &Arc<Descriptor>, place: Place, ctx: &Context) -> Result<Visit> {
        let kind = media_type::kind(&d.media_type);
        let error = match self.visit(d, kind, place, ctx) {
            Ok(visit) => return Ok(visit),
            Err(error) => error,
        };
        if self.options.leave_out_missing && error.status() == Status::NotFound {
            return Ok(LEFT_OUT);
        }
        // A selection needs only the indexes that lead to selected manifests.
        let is_searched = self.source.selected.is_some() && kind == Kind::Index;
        if is_searched && error.status().is_of_content() {
            self.unread.get_or_insert(error);
            return Ok(LEFT_OUT);
        }
        Err(error)
    }

    fn visit(
        &mut self,
        d: &Arc<Descriptor>,
        kind: Kind,
        place: Place,
        ctx: &Context,
    ) -> Result<Visit> {
        let is_root_document = d.digest == self.source.root.descriptor.digest;
        let is_selected = match &self.source.selected {
            Some(selected) => selected.contains(&d.digest),
            None => true,
        };
        if let Some(visited) = self.visited.document(d, kind)? {
            if !visited.kept {
                return Ok(LEFT_OUT);
            }
            let steps = match place {
                Place::BelowRoot if visited.put => Vec::new(),
                Place::BelowRoot => vec![self.put(self.read(d, ctx)?)],
                Place::Root(own_name) => {
                    self.list(d, None, own_name);
                    Vec::new()
                }
            };
            return Ok(Visit::Done(steps, true));
        }
        if kind != Kind::Index && !is_selected && !is_root_document {
            return Ok(LEFT_OUT);
        }
        let document = self.read(d, ctx)?;
        let mut steps = Vec::new();
        match kind {
            Kind::Index => {
                let children = self.source.parse_index(&document)?;
                self.open.push(Open {
                    document: Some((document, place)),
                    children,
                    next: 0,
                    kept: self.source.selected.is_none() || is_root_document,
                });
                return Ok(Visit::Opened);
            }
            Kind::Manifest if is_selected => {
                let manifest = self.source.parse_manifest(&document)?;
                let diff_ids = match self.options.check_diff_ids {
                    true => self.diff_ids(d, &manifest, ctx)?,
                    false => Vec::new(),
                };
                steps = self.visited.blobs(manifest, diff_ids)?;
            }
            Kind::Schema1 => return Err(self.source.at(d, load::schema1())),
            Kind::Manifest | Kind::Other => {}
        }
        if is_selected {
            self.unmet = self.unmet.saturating_sub(1);
        }
        self.visited.insert(d, kind, true);
        steps.extend(self.place(document, place));
        Ok(Visit::Done(steps, true))
    }

    fn read(&self, d: &Arc<Descriptor>, ctx: &Context) -> Result<Document> {
        Ok(Document {
            descriptor: d.clone(),
            bytes: self.source.document(d, ctx)?,
        })
    }

    fn diff_ids(
        &self,
        d: &Descriptor,
        manifest: &document::Manifest,
        ctx: &Context,
    ) -> Result<Vec<Option<Digest>>> {
        match self.source.diff_ids(d, manifest, ctx) {
            // The config is skipped as well, so there is nothing to check them with.
            Err(e) if self.options.leave_out_missing && e.status() == Status::NotFound => {
                Ok(Vec::new())
            }
            diff_ids => diff_ids,
        }
    }

    /// Puts a document where it is named: below a root now, as a root at the end.
    fn place(&mut self, document: Document, place: Place) -> Option<Step> {
        match place {
            Place::BelowRoot => Some(self.put(document)),
            Place::Root(own_name) => {
                self.list(&document.descriptor, Some(document.bytes), own_name);
                None
            }
        }
    }

    fn put(&mut self, document: Document) -> Step {
        self.visited.put(&document.descriptor);
        Step::Manifest(document)
    }

    /// Lists a root under the names given for the copy, or under its own. Its bytes are kept
    /// while all of them are few.
    fn list(&mut self, d: &Arc<Descriptor>, bytes: Option<Arc<[u8]>>, own_name: Option<Text>) {
        let kept = self.root_bytes.get(&d.digest).cloned();
        let bytes = kept.or_else(|| {
            let bytes = bytes.filter(|bytes| bytes.len() <= self.root_bytes_left)?;
            self.root_bytes_left -= bytes.len();
            self.root_bytes.insert(d.digest.clone(), bytes.clone());
            Some(bytes)
        });
        let names = match &self.options.names[..] {
            [] => vec![own_name.clone()],
            names => names.iter().cloned().map(Some).collect(),
        };
        self.own_names.push(own_name);
        for name in names {
            let keeps_name = match &name {
                Some(name) => !self.names.insert(name.clone()),
                None => false,
            };
            let root = Root {
                descriptor: d.clone(),
                name,
                keeps_name,
            };
            let bytes = bytes.clone();
            self.roots.push(ReadRoot { root, bytes });
        }
    }
}
