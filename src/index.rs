//! Indexes: what a loader offers, as a list of images and other things.

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::load::{self, Documents, Entry, EntryKind, Options, Verified};
use crate::loader::Loader;
use crate::media_type::{self, Kind};
use crate::platform::Matcher;
use crate::reader::{Expected, Mode, ReadOptions, Reader};
use std::io::Cursor;
use std::sync::Arc;

/// All entries below a root, or those of them that were selected. Immutable and shared:
/// several threads may ask one index at once.
#[derive(Clone)]
pub struct Index {
    root: Arc<Verified<()>>,
    root_is_verified: bool,
    entries: Arc<[Entry]>,
    documents: Arc<Documents>,
    is_selection: bool,
}

impl Index {
    pub fn load(loader: Arc<dyn Loader>, options: &Options, ctx: &Context) -> Result<Self> {
        let loaded = load::load(loader, options, ctx)?;
        Ok(Self {
            root: Arc::new(loaded.root),
            root_is_verified: loaded.root_is_verified,
            entries: loaded.entries.into(),
            documents: Arc::new(loaded.documents),
            is_selection: false,
        })
    }

    pub fn root(&self) -> &Verified<()> {
        &self.root
    }

    /// Whether somebody knew the root's digest beforehand.
    pub fn root_is_verified(&self) -> bool {
        self.root_is_verified
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the entries were selected from another index, whose root this one has.
    pub fn is_selection(&self) -> bool {
        self.is_selection
    }

    pub fn documents(&self) -> &Arc<Documents> {
        &self.documents
    }

    /// The image at this place of the list.
    pub fn image(&self, at: usize, ctx: &Context) -> Result<Image> {
        ctx.check()?;
        let count = self.entries.len();
        let entry = self.entries.get(at).ok_or_else(|| {
            Error::invalid_argument(format_args!("entry {at}, expected one below {count}"))
        })?;
        let descriptor = match (&entry.descriptor, &entry.error) {
            (_, Some(error)) => return Err(error.clone()),
            (Some(descriptor), None) if entry.kind == EntryKind::Image => descriptor,
            (descriptor, None) => return Err(not_an_image(entry.kind, descriptor.as_deref())),
        };
        let manifest = self.documents.manifest(descriptor, ctx)?;
        let content = &manifest.content;
        if !load::is_image(content.media_type.as_ref(), &content.config, descriptor) {
            return Err(not_an_image(EntryKind::Artifact, Some(descriptor)));
        }
        let config = self.documents.config(&content.config, ctx)?;
        let platform = entry
            .platform
            .clone()
            .or_else(|| config.content.platform.clone());
        Image::new(manifest, config, platform, &self.documents.loader)
    }

    /// The images that the matcher takes, best first; ties keep the order of the document.
    pub fn select(&self, matcher: &Matcher) -> Self {
        let images = self
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Image)
            .filter_map(|entry| Some((&**entry.platform.as_ref()?, entry)));
        let chosen = matcher.select(images);
        Self {
            entries: chosen.into_iter().cloned().collect(),
            is_selection: true,
            ..self.clone()
        }
    }

    /// Any content of the same source. A document that is at hand is not asked for again.
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
        expected.check(mode)?;
        ctx.check()?;
        let kind = media_type::kind(&d.media_type);
        let stream = match kind {
            Kind::Index | Kind::Manifest if d.digest == self.root.digest => {
                Box::new(Cursor::new(self.root.bytes.clone()))
            }
            _ => load::open(&*self.documents.loader, d, kind, &ctx)?,
        };
        let reader = Reader::open(stream, expected, mode, options, ctx)?;
        Ok(reader.holding(self.documents.loader.clone()))
    }
}

fn not_an_image(kind: EntryKind, d: Option<&Descriptor>) -> Error {
    let found = match kind {
        EntryKind::Attestation => "an attestation",
        EntryKind::Artifact => "an artifact",
        _ => "a thing of unknown kind",
    };
    let error = Error::not_an_image(format_args!("entry is {found}, expected an image"));
    match d {
        Some(d) => error.with_digest(d.digest.text()),
        None => error,
    }
}
