//! Loading: documents read and verified through a loader, and the walk over an index
//! and the indexes nested in it.

mod documents;
mod walk;

pub use documents::{Documents, Verified, is_image, open};

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::loader::Loader;
use crate::platform::Platform;
use std::sync::Arc;
use walk::Walk;

/// What a load may cost. A zero is the default of its field.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Bytes of one index, manifest or config; 4 MiB.
    pub max_document_size: u64,
    /// Bytes of all documents of one load; 256 MiB.
    pub max_total_size: u64,
    /// Nested indexes below the root; 8.
    pub max_index_depth: u32,
    /// Descriptors visited in the whole tree, indexes too; 16384.
    pub max_entries: u32,
    /// The digest that the root must have, whatever the loader knows.
    pub root_digest: Option<Digest>,
}

impl Options {
    /// With every default written out.
    fn filled(&self) -> Self {
        let or = |given: u64, default: u64| if given == 0 { default } else { given };
        let or32 = |given: u32, default: u32| if given == 0 { default } else { given };
        Self {
            max_document_size: or(self.max_document_size, 4 << 20),
            max_total_size: or(self.max_total_size, 256 << 20),
            max_index_depth: or32(self.max_index_depth, 8),
            max_entries: or32(self.max_entries, 16384),
            root_digest: self.root_digest.clone(),
        }
    }
}

/// What an entry of an index turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Image,
    /// A manifest about another, as BuildKit writes them.
    Attestation,
    /// A manifest whose config is no image config.
    Artifact,
    /// A media type that is neither manifest nor index.
    Unknown,
    /// Could not be read or understood.
    Broken,
}

/// A manifest that an index names, or whatever stands in its place.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: EntryKind,
    /// `None` where not even the descriptor could be read.
    pub descriptor: Option<Arc<Descriptor>>,
    /// The descriptor's as written, else the config's.
    pub platform: Option<Arc<Platform>>,
    /// Why it is broken.
    pub error: Option<Error>,
}

/// What a load gave.
pub struct Loaded {
    pub root: Verified<()>,
    pub root_is_verified: bool,
    pub entries: Vec<Entry>,
    pub documents: Documents,
}

/// Loads the root, and walks over it and all indexes below it in document order.
pub fn load(loader: Arc<dyn Loader>, options: &Options, ctx: &Context) -> Result<Loaded> {
    let options = options.filled();
    let (root, root_is_verified) = read_root(&*loader, &options, ctx)?;
    let document = Document::parse(&root.bytes, options.max_entries)
        .map_err(|e| e.context("root").with_digest(root.digest.text()))?;

    let documents = Documents::new(loader, options.max_document_size);
    let bytes_left = options.max_total_size - root.bytes.len() as u64;
    let walk = Walk::new(&documents, &options, bytes_left, ctx);
    let entries = match document {
        Document::Index(index) => walk.tree(index)?,
        Document::Manifest(_) if documents.loader.root_is_index() => {
            return Err(
                Error::malformed("root: found a manifest, expected an index")
                    .with_digest(root.digest.text()),
            );
        }
        // A single manifest is an index of one; its bytes are not asked for again.
        Document::Manifest(manifest) => walk.single(manifest, &root)?,
    };
    Ok(Loaded {
        root,
        root_is_verified,
        entries,
        documents,
    })
}

/// The bytes of the root, and whether they are what somebody knew them to be.
fn read_root(
    loader: &dyn Loader,
    options: &Options,
    ctx: &Context,
) -> Result<(Verified<()>, bool)> {
    ctx.check()?;
    let known = match &options.root_digest {
        Some(required) => Some(required.clone()),
        None => match loader.root_digest(ctx)? {
            Some(text) => Some(
                Digest::parse(&text)
                    .map_err(|e| Error::malformed(e).context("the root's digest"))?,
            ),
            None => None,
        },
    };
    let algorithm = match &known {
        Some(digest) => digest
            .algorithm()
            .map_err(|e| Error::malformed(e).context("the root's digest"))?,
        None => Algorithm::Sha256,
    };
    let concern = |e: Error| match &known {
        Some(digest) => e.with_digest(digest.text()),
        None => e,
    };
    ctx.check()?;
    let mut stream = loader.open_root_manifest(ctx).map_err(concern)?;
    let most = options.max_document_size.min(options.max_total_size);
    let (bytes, end) = documents::drain(&mut *stream, most, ctx);
    drop(stream);
    end.map_err(concern)?;
    if bytes.len() as u64 > most {
        return Err(concern(Error::limit_exceeded(format_args!(
            "root has more than {most} bytes, expected at most so many"
        ))));
    }
    let digest = Digest::of(algorithm, &bytes);
    if let Some(known) = &known {
        known.expect(&digest).map_err(|e| e.context("root"))?;
    }
    let root = Verified {
        bytes: bytes.into(),
        digest,
        content: (),
    };
    Ok((root, known.is_some()))
}
