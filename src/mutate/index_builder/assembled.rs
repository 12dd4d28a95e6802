//! A loader over the sources of an assembled index.

use super::child::Child;
use super::source::Source;
use crate::context::Context;
use crate::digest::{Algorithm, Digest};
use crate::document::Document;
use crate::error::{Error, Result, Status};
use crate::loader::{Loader, Stream};
use crate::text::Text;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

/// The largest manifest that is parsed for the digests that it names.
const MAX_MANIFEST_SIZE: usize = 4 << 20;

/// The places of the sources that have content, by digest.
type Homes = Mutex<HashMap<Digest, usize>>;

/// Reads each child of a new root, and what it names, from its own source. Content of
/// unknown source is requested from all of them in turn.
pub struct AssembledLoader {
    root: Arc<[u8]>,
    digest: Digest,
    names: Vec<Option<Text>>,
    sources: Vec<Source>,
    // Never held while a source runs.
    homes: Arc<Homes>,
}

impl AssembledLoader {
    pub fn new(
        root: Arc<[u8]>,
        digest: Digest,
        names: Vec<Option<Text>>,
        sources: Vec<Source>,
    ) -> Self {
        Self {
            root,
            digest,
            names,
            sources,
            homes: Arc::default(),
        }
    }

    /// Notes where a child comes from.
    pub fn settle(&self, child: &Child) {
        let entries = child
            .below
            .iter()
            .filter_map(|entry| entry.descriptor.as_ref());
        for d in child.descriptor.iter().chain(entries) {
            settle(&self.homes, d.digest.clone(), child.source);
        }
    }

    fn open(
        &self,
        digest: &Digest,
        open: impl Fn(&Source) -> Result<Box<dyn Stream>>,
    ) -> Result<(usize, Box<dyn Stream>)> {
        let home = lock(&self.homes).get(digest).copied();
        if let Some(home) = home {
            return Ok((home, open(&self.sources[home])?));
        }
        for (i, source) in self.sources.iter().enumerate() {
            match open(source) {
                Err(e) if e.status() == Status::NotFound => {}
                result => return Ok((i, result?)),
            }
        }
        Err(Error::not_found("no source of the index has this content").with_digest(digest.text()))
    }
}

impl Loader for AssembledLoader {
    /// The load uses sha256 unless the loader names another algorithm.
    fn root_digest(&self, _ctx: &Context) -> Result<Option<String>> {
        let is_default = self.digest.algorithm().ok() == Some(Algorithm::Sha256);
        Ok((!is_default).then(|| self.digest.to_string()))
    }

    fn entry_name(&self, i: usize) -> Option<Text> {
        self.names.get(i)?.clone()
    }

    fn file(&self, digest: &Digest) -> Option<String> {
        let home = lock(&self.homes).get(digest).copied()?;
        self.sources[home].file(digest)
    }

    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Cursor::new(self.root.clone())))
    }

    fn open_manifest(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        if *digest == self.digest {
            return self.open_root_manifest(ctx);
        }
        let (source, stream) = self.open(digest, |source| source.open_manifest(digest, ctx))?;
        Ok(Box::new(Learning {
            stream,
            bytes: Some(Vec::new()),
            source,
            homes: self.homes.clone(),
        }))
    }

    fn open_blob(&self, digest: &Digest, ctx: &Context) -> Result<Box<dyn Stream>> {
        let (_, stream) = self.open(digest, |source| source.open_blob(digest, ctx))?;
        Ok(stream)
    }
}

/// A stream that records the digests in a manifest: their content comes from the same
/// source. Nothing is trusted here: a manifest with wrong digests only leads to a source
/// without that content.
struct Learning {
    stream: Box<dyn Stream>,
    /// `None` once the manifest is too long.
    bytes: Option<Vec<u8>>,
    source: usize,
    homes: Arc<Homes>,
}

impl Learning {
    fn note(&mut self, read: &[u8]) {
        let Some(bytes) = &mut self.bytes else { return };
        if !read.is_empty() {
            bytes.extend_from_slice(read);
            if bytes.len() > MAX_MANIFEST_SIZE {
                self.bytes = None;
            }
            return;
        }
        let named: Vec<_> = match Document::parse(bytes, u32::MAX) {
            Ok(Document::Manifest(manifest)) => {
                let layers = manifest.layers.iter();
                layers
                    .chain([manifest.config.clone()])
                    .map(|d| d.digest.clone())
                    .collect()
            }
            Ok(Document::Index(index)) => {
                let children = index
                    .children
                    .iter()
                    .filter_map(|child| child.as_ref().ok());
                children.map(|d| d.digest.clone()).collect()
            }
            Err(_) => Vec::new(),
        };
        for digest in named {
            settle(&self.homes, digest, self.source);
        }
        self.bytes = None;
    }
}

impl Stream for Learning {
    fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        let n = self.stream.read(buf, ctx)?;
        self.note(buf.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn read_foreign(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        let n = self.stream.read_foreign(buf, ctx)?;
        self.note(buf.get(..n).unwrap_or_default());
        Ok(n)
    }
}

fn settle(homes: &Homes, digest: Digest, source: usize) {
    lock(homes).entry(digest).or_insert(source);
}

fn lock(homes: &Homes) -> std::sync::MutexGuard<'_, HashMap<Digest, usize>> {
    // A map is whole after a panic too: nothing else runs under the lock.
    homes.lock().unwrap_or_else(PoisonError::into_inner)
}
