//! The source of a copy: an index, a selection or an image.

use super::step::Document;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{self, Child, Manifest};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::index::Index;
use crate::load::{self, Store};
use crate::loader::{Loader, Stream};
use crate::media_type::{self, Kind};
use crate::text::Text;
use oci_spec::image::MediaType;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A root, and the loader of everything below it.
pub struct Source {
    pub root: Document,
    pub root_kind: RootKind,
    /// The selected manifests; `None` if all are copied.
    pub selected: Option<HashSet<Digest>>,
    /// The errors of entries that the load found broken.
    broken: HashMap<Arc<Descriptor>, Error>,
    content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootKind {
    /// The index of a layout or archive, which lists roots.
    List,
    Index,
    Manifest,
    /// Neither index nor manifest: copied alone.
    Unknown,
}

enum Content {
    Index(Arc<Store>),
    Image {
        image: Image,
        loader: Arc<dyn Loader>,
    },
}

impl Source {
    /// INVALID_ARGUMENT for a selection, unless `sparse`.
    pub fn of_index(index: &Index, sparse: bool) -> Result<Self> {
        let selected = match index.is_selection() {
            false => None,
            true if sparse => {
                let images = index.entries().iter().filter_map(|e| e.descriptor.as_ref());
                Some(images.map(|d| d.digest.clone()).collect())
            }
            true => {
                return Err(Error::invalid_argument(
                    "a selection has no document of its own: make an index of it with an index \
                     builder, or copy it sparsely",
                ));
            }
        };
        let broken = index.entries().iter();
        let broken = broken.filter_map(|entry| entry.descriptor.clone().zip(entry.error.clone()));
        let documents = index.store().clone();
        let (root, root_kind) = root_of(index, documents.loader.root_is_index())?;
        Ok(Self {
            root,
            root_kind,
            selected,
            broken: broken.collect(),
            content: Content::Index(documents),
        })
    }

    /// A snapshot of the image.
    pub fn of_image(image: &Image) -> Self {
        let manifest = image.manifest();
        let descriptor = Descriptor::new(
            manifest.content.own_media_type(),
            manifest.digest.clone(),
            manifest.bytes.len() as u64,
        )
        .with_platform(image.platform().cloned());
        Self {
            root: Document {
                descriptor: Arc::new(descriptor),
                bytes: manifest.bytes.clone(),
            },
            root_kind: RootKind::Manifest,
            selected: None,
            broken: HashMap::new(),
            content: Content::Image {
                image: image.clone(),
                loader: image.loader(),
            },
        }
    }

    /// The error of an entry that the load found broken.
    pub fn error_of(&self, d: &Descriptor) -> Option<&Error> {
        self.broken.get(d)
    }

    /// The name under which a layout or archive offers its `i`-th root.
    pub fn name(&self, i: usize, d: &Descriptor) -> Option<Text> {
        match &self.content {
            Content::Index(documents) => load::name_of(&*documents.loader, i, Some(d)),
            Content::Image { .. } => None,
        }
    }

    /// Reads a manifest or index below the root, and verifies it.
    pub fn document(&self, d: &Descriptor, ctx: &Context) -> Result<Arc<[u8]>> {
        if d.digest == self.root.descriptor.digest {
            d.expect_size(self.root.bytes.len() as u64)?;
            return Ok(self.root.bytes.clone());
        }
        match &self.content {
            Content::Index(documents) => documents.bytes(d, ctx),
            Content::Image { .. } => Err(Error::internal("an image names no manifest")),
        }
    }

    pub fn parse_manifest(&self, document: &Document) -> Result<Manifest> {
        let d = &document.descriptor;
        let parsed = match document::Document::parse(&document.bytes, u32::MAX) {
            Ok(document::Document::Manifest(manifest)) => Ok(manifest),
            Ok(document::Document::Index(_)) => Err(load::other_kind(Kind::Index, Kind::Manifest)),
            Err(e) => Err(e),
        };
        parsed.map_err(|e| self.at(d, e))
    }

    /// The children of an index.
    pub fn parse_index(&self, document: &Document) -> Result<Vec<Child>> {
        let d = &document.descriptor;
        let parsed = match document::Document::parse(&document.bytes, u32::MAX) {
            Ok(document::Document::Index(index)) => Ok(index.children),
            Ok(document::Document::Manifest(_)) => {
                Err(load::other_kind(Kind::Manifest, Kind::Index))
            }
            Err(e) => Err(e),
        };
        parsed.map_err(|e| self.at(d, e))
    }

    /// Begins the message of an error with the document concerned.
    pub fn at(&self, d: &Descriptor, e: Error) -> Error {
        match &self.content {
            Content::Index(documents) => documents.at(d, e),
            Content::Image { .. } => e
                .at(&format!("document {}", d.digest))
                .with_digest(d.digest.text()),
        }
    }

    /// Opens a config, a layer or another blob.
    pub fn open_blob(&self, d: &Descriptor, ctx: &Context) -> Result<Box<dyn Stream>> {
        match &self.content {
            Content::Index(documents) => load::open(&*documents.loader, d, Kind::Other, ctx),
            Content::Image { loader, .. } => load::open(&**loader, d, Kind::Other, ctx),
        }
    }

    /// The diff IDs of a manifest's layers, where it is an image's.
    pub fn diff_ids(
        &self,
        d: &Descriptor,
        manifest: &Manifest,
        ctx: &Context,
    ) -> Result<Vec<Option<Digest>>> {
        if let Content::Image { image, .. } = &self.content {
            return Ok(diff_ids(image));
        }
        let Content::Index(documents) = &self.content else {
            return Ok(Vec::new());
        };
        if !load::is_image(manifest.media_type.as_ref(), &manifest.config, d) {
            return Ok(Vec::new());
        }
        let manifest = documents.manifest(d, ctx)?;
        let config = documents.config(&manifest.content.config, ctx)?;
        let image = Image::new(manifest, config, None, &documents.loader);
        Ok(diff_ids(&image.map_err(|e| self.at(d, e))?))
    }
}

fn diff_ids(image: &Image) -> Vec<Option<Digest>> {
    let layers = 0..image.layer_count();
    layers.map(|i| image.diff_id(i)).collect()
}

fn root_of(index: &Index, is_list: bool) -> Result<(Document, RootKind)> {
    let root = index.root();
    let place = load::root_place(&**index.loader());
    let concern = |e: Error| e.at(&place).with_digest(root.digest.text());
    let parsed = match is_list {
        true => document::Document::parse(&root.bytes, u32::MAX).map(document::Root::Document),
        false => document::Root::parse(&root.bytes, u32::MAX),
    };
    let (kind, media_type) = match parsed.map_err(concern)? {
        document::Root::Unknown(media_type) => (RootKind::Unknown, media_type),
        document::Root::Document(document::Document::Index(_)) if is_list => {
            (RootKind::List, oci_index())
        }
        document::Root::Document(document::Document::Index(index)) => {
            (RootKind::Index, index.media_type.unwrap_or_else(oci_index))
        }
        document::Root::Document(document::Document::Manifest(manifest)) => {
            (RootKind::Manifest, manifest.own_media_type())
        }
    };
    let size = root.bytes.len() as u64;
    let root = Document {
        descriptor: Arc::new(Descriptor::new(media_type, root.digest.clone(), size)),
        bytes: root.bytes.clone(),
    };
    Ok((root, kind))
}

fn oci_index() -> Text {
    Text::new(MediaType::ImageIndex.as_ref()).expect("a media type has no NUL")
}

/// Whether a layer may only be available from its URLs.
pub fn is_foreign(d: &Descriptor) -> bool {
    media_type::oci_layer(&d.media_type)
        .starts_with("application/vnd.oci.image.layer.nondistributable.")
}
