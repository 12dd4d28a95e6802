//! Indexes: the content of a loader as a list of images and other entries.

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::document::ManifestDocument;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::layer;
use crate::load::{self, Entry, EntryKind, Findings, LoadOptions, Loaded, Store, Verified};
use crate::loader::Loader;
use crate::media_type::{self, Kind};
use crate::reader::{Expected, Mode, ReadOptions, Reader};
use crate::text::{Escaped, Text};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

/// All entries below a root, or those of them that were selected. Immutable and shared:
/// several threads may use one index at once.
#[derive(Clone)]
pub struct Index {
    tree: Arc<Tree>,
    entries: Arc<[Entry]>,
    is_selection: bool,
}

/// The result of a load, which selections share.
struct Tree {
    root: Verified<()>,
    root_is_verified: bool,
    root_is_index: bool,
    /// All entries, whatever was selected.
    entries: Arc<[Entry]>,
    /// The names of the root's descriptors, by their place.
    names: HashMap<u32, Text>,
    store: Arc<Store>,
}

impl Index {
    pub fn load(loader: Arc<dyn Loader>, options: &LoadOptions, ctx: &Context) -> Result<Self> {
        Ok(Self::of(load::load(loader, options, ctx)?))
    }

    /// Loads without reading manifests whose `known` findings suffice.
    pub fn load_knowing(
        loader: Arc<dyn Loader>,
        options: &LoadOptions,
        known: &Findings,
        ctx: &Context,
    ) -> Result<Self> {
        Ok(Self::of(load::load_knowing(loader, options, known, ctx)?))
    }

    fn of(loaded: Loaded) -> Self {
        let entries: Arc<[Entry]> = loaded.entries.into();
        Self {
            entries: entries.clone(),
            tree: Arc::new(Tree {
                root: loaded.root,
                root_is_verified: loaded.root_is_verified,
                root_is_index: loaded.root_is_index,
                entries,
                names: loaded.names,
                store: Arc::new(loaded.store),
            }),
            is_selection: false,
        }
    }

    pub fn root(&self) -> &Verified<()> {
        &self.tree.root
    }

    /// Whether the root was checked against a digest known beforehand.
    pub fn root_is_verified(&self) -> bool {
        self.tree.root_is_verified
    }

    /// Whether the root is an index; else its one entry is the root itself.
    pub fn root_is_index(&self) -> bool {
        self.tree.root_is_index
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All entries below the root, whatever was selected.
    pub fn all_entries(&self) -> &[Entry] {
        &self.tree.entries
    }

    /// The name under which the root offers entry `i`, or the index that it is nested in.
    pub fn entry_name(&self, i: usize) -> Option<&Text> {
        self.name(self.entries.get(i)?)
    }

    pub(crate) fn name(&self, entry: &Entry) -> Option<&Text> {
        self.tree.names.get(&entry.way.root_child)
    }

    /// Whether the entries were selected from another index, whose root this one has.
    pub fn is_selection(&self) -> bool {
        self.is_selection
    }

    /// An index of some of these entries.
    pub(crate) fn selection(&self, entries: Arc<[Entry]>) -> Self {
        Self {
            tree: self.tree.clone(),
            entries,
            is_selection: true,
        }
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.tree.store
    }

    pub fn loader(&self) -> &Arc<dyn Loader> {
        &self.tree.store.loader
    }

    /// The image at this place of the list.
    pub fn image(&self, at: usize, ctx: &Context) -> Result<Image> {
        let entry = self.usable_entry(at, ctx)?;
        let (Some(d), EntryKind::Image) = (&entry.descriptor, entry.kind) else {
            return Err(self.not_an_image(entry, ctx));
        };
        let manifest = self.tree.store.manifest(d, ctx)?;
        let content = &manifest.content;
        if !load::is_image(content.media_type.as_ref(), &content.config, d) {
            return Err(not_an_image("an artifact", config_type(content), entry));
        }
        let config = self.tree.store.config(&content.config, ctx)?;
        let platform = match &entry.platform {
            None if d.has_incomplete_platform() => None,
            None => config.content.platform.clone(),
            platform => platform.clone(),
        };
        Image::new(manifest, config, platform, self.loader()).map_err(|e| self.tree.store.at(d, e))
    }

    /// The manifest of the entry at this place, also of an artifact or attestation.
    pub fn manifest(
        &self,
        at: usize,
        ctx: &Context,
    ) -> Result<(Verified<ManifestDocument>, Arc<Descriptor>)> {
        let entry = self.usable_entry(at, ctx)?;
        match &entry.descriptor {
            Some(d) if entry.kind != EntryKind::Unknown => {
                Ok((self.tree.store.manifest(d, ctx)?, d.clone()))
            }
            d => {
                let media_type = d.as_ref().map_or("", |d| &*d.media_type);
                Err(Error::unsupported(format_args!(
                    "entry has media type \"{}\", expected that of a manifest",
                    Escaped(media_type)
                )))
            }
        }
    }

    /// The entry at this place; its error where it is broken.
    fn usable_entry(&self, at: usize, ctx: &Context) -> Result<&Entry> {
        ctx.check()?;
        let count = self.entries.len();
        let entry = self.entries.get(at).ok_or_else(|| {
            Error::invalid_argument(format_args!("entry {at}, expected one below {count}"))
        })?;
        match &entry.error {
            Some(error) => Err(error.clone()),
            None => Ok(entry),
        }
    }

    /// Opens any content of the same source. The root is served from memory.
    pub fn open_blob(
        &self,
        d: &Descriptor,
        mode: Mode,
        options: ReadOptions,
        ctx: Arc<Context>,
    ) -> Result<Reader> {
        let expected = Expected {
            digest: d.digest.clone(),
            size: d.size,
            diff_id: None,
        };
        layer::refuse_encrypted(d, mode)?;
        expected.check(mode)?;
        ctx.check()?;
        let kind = match media_type::kind(&d.media_type) {
            // A source serves entries as manifests, whatever their media type.
            Kind::Other if self.lists(d) => Kind::Manifest,
            kind => kind,
        };
        let stream = match kind {
            Kind::Index | Kind::Manifest if d.digest == self.root().digest => {
                Box::new(Cursor::new(self.root().bytes.clone()))
            }
            _ => load::open(&**self.loader(), d, kind, &ctx).map_err(|e| layer::name_urls(e, d))?,
        };
        let reader = Reader::open(stream, expected, mode, options, ctx)?;
        Ok(reader.holding(self.loader().clone()))
    }

    /// Whether the digest is that of an entry, selected or not.
    fn lists(&self, d: &Descriptor) -> bool {
        let mut listed = self
            .tree
            .entries
            .iter()
            .filter_map(|e| e.descriptor.as_ref());
        listed.any(|listed| listed.digest == d.digest)
    }

    /// The error of an entry that is known to be no image.
    fn not_an_image(&self, entry: &Entry, ctx: &Context) -> Error {
        let d = entry.descriptor.as_deref();
        let artifact_type = d.and_then(Descriptor::artifact_type);
        let of_type = |named: &str| format!(" of type \"{}\"", Escaped(named));
        match (entry.kind, artifact_type, d) {
            (EntryKind::Attestation, ..) => not_an_image("an attestation", String::new(), entry),
            (EntryKind::Artifact, Some(named), _) => {
                not_an_image("an artifact", of_type(named), entry)
            }
            // Its manifest was read to find its kind, and is kept.
            (EntryKind::Artifact, None, Some(d)) => {
                let manifest = self.tree.store.manifest(d, ctx);
                let named = manifest.map_or(String::new(), |m| config_type(&m.content));
                not_an_image("an artifact", named, entry)
            }
            (_, _, d) => {
                let named = d.map_or(String::new(), |d| of_type(&d.media_type));
                not_an_image("content of unknown kind", named, entry)
            }
        }
    }
}

fn config_type(manifest: &ManifestDocument) -> String {
    let artifact_type = match &manifest.artifact_type {
        Some(named) => format!(" of type \"{}\"", Escaped(named)),
        None => String::new(),
    };
    let config = Escaped(&manifest.config.media_type);
    format!("{artifact_type} with a config of type \"{config}\"")
}

fn not_an_image(found: &str, named: String, entry: &Entry) -> Error {
    let error = Error::not_an_image(format_args!("entry is {found}{named}, expected an image"));
    match &entry.descriptor {
        Some(d) => error.with_digest(d.digest.text()),
        None => error,
    }
}
