//! Documents read through a loader and verified, and those that are kept.

use crate::config::Config;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{Document, Manifest};
use crate::error::{Error, Result};
use crate::loader::{Loader, Stream, at_most};
use crate::media_type::{self, Kind};
use crate::text::Text;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A document with the very bytes that were read.
#[derive(Debug)]
pub struct Verified<T> {
    pub bytes: Arc<[u8]>,
    pub digest: Digest,
    pub content: T,
}

/// The documents of one loader: each is verified before it is understood, and the bytes of
/// manifests and configs are kept, so that a second ask costs no loading. (Not what they
/// say: a hostile document is many times as large when it is understood.) A failure is not
/// kept.
pub struct Documents {
    pub loader: Arc<dyn Loader>,
    max_document_size: u64,
    // Neither lock is held while a loader runs: two threads that ask for one manifest at
    // once may both load it.
    manifests: Kept,
    configs: Kept,
}

type Kept = Mutex<HashMap<Digest, Arc<[u8]>>>;

impl Documents {
    pub fn new(loader: Arc<dyn Loader>, max_document_size: u64) -> Self {
        Self {
            loader,
            max_document_size,
            manifests: Kept::default(),
            configs: Kept::default(),
        }
    }

    /// The manifest that a descriptor names.
    pub fn manifest(&self, d: &Descriptor, ctx: &Context) -> Result<Verified<Manifest>> {
        self.document(
            &self.manifests,
            d,
            Kind::Manifest,
            ctx,
            |bytes| match parse(d, bytes, 0)? {
                Document::Manifest(manifest) => Ok(manifest),
                Document::Index(_) => Err(other_kind(d, Kind::Index, Kind::Manifest)),
            },
        )
    }

    /// The image config that a descriptor names.
    pub fn config(&self, d: &Descriptor, ctx: &Context) -> Result<Verified<Config>> {
        self.document(&self.configs, d, Kind::Other, ctx, |bytes| {
            parse_config(d, bytes)
        })
    }

    fn document<T>(
        &self,
        kept: &Kept,
        d: &Descriptor,
        kind: Kind,
        ctx: &Context,
        parse: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Verified<T>> {
        let found = lock(kept).get(&d.digest).cloned();
        let (bytes, content) = match found {
            Some(bytes) => {
                d.expect_size(bytes.len() as u64)?;
                let content = parse(&bytes)?;
                (bytes, content)
            }
            None => {
                let mut bytes_left = u64::MAX;
                let bytes = self.read(d, kind, ctx, &mut bytes_left)?;
                let content = parse(&bytes)?;
                lock(kept).insert(d.digest.clone(), bytes.clone());
                (bytes, content)
            }
        };
        Ok(Verified {
            bytes,
            digest: d.digest.clone(),
            content,
        })
    }

    /// The bytes of a manifest or index, as kept or as read now. They are not kept: a copy
    /// needs each document once.
    pub fn bytes(&self, d: &Descriptor, ctx: &Context) -> Result<Arc<[u8]>> {
        let kept = lock(&self.manifests).get(&d.digest).cloned();
        match kept {
            Some(bytes) => d.expect_size(bytes.len() as u64).map(|()| bytes),
            None => self.read(d, Kind::Manifest, ctx, &mut { u64::MAX }),
        }
    }

    /// Keeps a manifest that was read and understood by somebody else.
    pub fn keep_manifest(&self, digest: &Digest, bytes: &Arc<[u8]>) {
        lock(&self.manifests).insert(digest.clone(), bytes.clone());
    }

    /// The bytes that a descriptor names, verified: at most one more than it says is
    /// asked of the loader, and nothing where that is above the limit. What the loader
    /// gave, be it right or wrong, is taken from `bytes_left`; embedded data was read with
    /// the document that it stands in.
    pub fn read(
        &self,
        d: &Descriptor,
        kind: Kind,
        ctx: &Context,
        bytes_left: &mut u64,
    ) -> Result<Arc<[u8]>> {
        let concern = |e: Error| e.with_digest(d.digest.text());
        if d.size > self.max_document_size {
            return Err(concern(Error::limit_exceeded(format_args!(
                "document of {} bytes, expected at most {}",
                d.size, self.max_document_size
            ))));
        }
        let algorithm = d.digest.algorithm()?;
        let mut stream = open(&*self.loader, d, kind, ctx)?;
        let (bytes, end) = drain(&mut *stream, d.size, ctx);
        if d.data().is_none() {
            *bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
        }
        end.map_err(concern)?;
        if bytes.len() as u64 > d.size {
            return Err(concern(Error::size_mismatch(format_args!(
                "content has more bytes than the {} expected",
                d.size
            ))));
        }
        d.expect_size(bytes.len() as u64)?;
        d.digest.expect(&Digest::of(algorithm, &bytes))?;
        Ok(bytes.into())
    }
}

/// Opens the content that a descriptor names: its embedded data, or what the loader has
/// for it. Manifests and indexes are asked of `open_manifest`, all else of `open_blob`.
pub fn open(
    loader: &dyn Loader,
    d: &Descriptor,
    kind: Kind,
    ctx: &Context,
) -> Result<Box<dyn Stream>> {
    ctx.check()?;
    if let Some(data) = d.data() {
        return Ok(Box::new(Cursor::new(data.clone())));
    }
    match kind {
        Kind::Index | Kind::Manifest | Kind::Schema1 => loader.open_manifest(&d.digest, ctx),
        Kind::Other => loader.open_blob(&d.digest, ctx),
    }
    .map_err(|e| e.with_digest(d.digest.text()))
}

/// The largest piece that is asked of a stream at once.
const CHUNK: usize = 64 << 10;

/// All bytes of a stream, but not more than `most` and one; those that came before a
/// failure too. The buffer grows with what comes, never with what was announced.
pub fn drain(stream: &mut dyn Stream, most: u64, ctx: &Context) -> (Vec<u8>, Result<()>) {
    let most = most.saturating_add(1);
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK.min(usize::try_from(most).unwrap_or(CHUNK))];
    loop {
        let left = most - bytes.len() as u64;
        let room = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
        if room == 0 {
            return (bytes, Ok(()));
        }
        let read = ctx
            .check()
            .and_then(|()| stream.read(&mut chunk[..room], ctx))
            .and_then(|n| at_most(room, n));
        match read {
            Ok(0) => return (bytes, Ok(())),
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(e) => return (bytes, Err(e)),
        }
    }
}

pub fn parse(d: &Descriptor, bytes: &[u8], most_children: u32) -> Result<Document> {
    Document::parse(bytes, most_children).map_err(|e| {
        e.context(format_args!("document {}", d.digest))
            .with_digest(d.digest.text())
    })
}

pub fn other_kind(d: &Descriptor, found: Kind, expected: Kind) -> Error {
    Error::malformed(format_args!(
        "document {}: found {found}, expected {expected}, as its descriptor says",
        d.digest
    ))
    .with_digest(d.digest.text())
}

pub fn parse_config(d: &Descriptor, bytes: &[u8]) -> Result<Config> {
    Config::parse(bytes).map_err(|e| {
        e.context(format_args!("config {}", d.digest))
            .with_digest(d.digest.text())
    })
}

fn lock(kept: &Kept) -> MutexGuard<'_, HashMap<Digest, Arc<[u8]>>> {
    // A map is whole after a panic too: nothing else runs under the lock.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a manifest with this type of its own and this config is an image's.
pub fn is_image(media_type: Option<&Text>, config: &Descriptor, d: &Descriptor) -> bool {
    let own = media_type.unwrap_or(&d.media_type);
    media_type::is_image_config(&config.media_type, own)
}
