//! The documents of one loader, read and verified, and those that are kept.

use super::kind::other_kind;
use super::options::LoadOptions;
use super::stream::{drain, open};
use super::verified::Verified;
use crate::config::Config;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{Document, ManifestDocument};
use crate::error::{Error, Result};
use crate::loader::Loader;
use crate::media_type::Kind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Further bytes that are read of content that is too long, to find out whether only its
/// size is wrong.
const MAX_DIAGNOSIS: u64 = 64 << 10;

/// The documents of one loader: each is verified before it is parsed. The bytes of
/// manifests and configs are kept while their total is small enough, so that a second
/// request needs no loading. (Parsed documents are not kept: hostile ones are larger than
/// their bytes.) Failures are not kept.
pub struct Store {
    pub loader: Arc<dyn Loader>,
    max_document_size: u64,
    max_kept_size: u64,
    // Not held while a loader runs: two threads that request one manifest at once may both
    // load it.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    manifests: HashMap<Digest, Arc<[u8]>>,
    configs: HashMap<Digest, Arc<[u8]>>,
    /// Bytes of all documents, the root's too.
    size: u64,
}

#[derive(Clone, Copy)]
enum Role {
    Manifest,
    Config,
}

impl Kept {
    fn of(&mut self, role: Role) -> &mut HashMap<Digest, Arc<[u8]>> {
        match role {
            Role::Manifest => &mut self.manifests,
            Role::Config => &mut self.configs,
        }
    }
}

impl Store {
    /// A store for an index whose root has `root_size` bytes.
    pub fn new(loader: Arc<dyn Loader>, options: &LoadOptions, root_size: u64) -> Self {
        Self {
            loader,
            max_document_size: options.max_document_size,
            max_kept_size: options.max_total_size,
            kept: Mutex::new(Kept {
                size: root_size,
                ..Kept::default()
            }),
        }
    }

    /// The manifest that a descriptor names.
    pub fn manifest(&self, d: &Descriptor, ctx: &Context) -> Result<Verified<ManifestDocument>> {
        self.document(Role::Manifest, d, ctx, |bytes| {
            match Document::parse(bytes, 0)? {
                Document::Manifest(manifest) => Ok(manifest),
                Document::Index(_) => Err(other_kind(Kind::Index, Kind::Manifest)),
            }
        })
    }

    /// The image config that a descriptor names.
    pub fn config(&self, d: &Descriptor, ctx: &Context) -> Result<Verified<Config>> {
        self.document(Role::Config, d, ctx, Config::parse)
    }

    fn document<T>(
        &self,
        role: Role,
        d: &Descriptor,
        ctx: &Context,
        parse: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Verified<T>> {
        let kept = self.lock().of(role).get(&d.digest).cloned();
        let is_kept = kept.is_some();
        let bytes = match kept {
            Some(bytes) => {
                expect_size(d, bytes.len() as u64).map_err(|e| self.at(d, e))?;
                bytes
            }
            None => {
                let kind = match role {
                    Role::Manifest => Kind::Manifest,
                    Role::Config => Kind::Other,
                };
                self.read(d, kind, ctx, &mut { u64::MAX })?
            }
        };
        let content = parse(&bytes).map_err(|e| self.at(d, e))?;
        if !is_kept {
            self.keep(role, &d.digest, &bytes);
        }
        Ok(Verified {
            bytes,
            digest: d.digest.clone(),
            content,
        })
    }

    /// The bytes of a manifest or index, kept or read now. They are not added to those
    /// kept: a copy needs each document once.
    pub fn bytes(&self, d: &Descriptor, ctx: &Context) -> Result<Arc<[u8]>> {
        let kept = self.lock().manifests.get(&d.digest).cloned();
        match kept {
            Some(bytes) => expect_size(d, bytes.len() as u64)
                .map(|()| bytes)
                .map_err(|e| self.at(d, e)),
            None => self.read(d, Kind::Manifest, ctx, &mut { u64::MAX }),
        }
    }

    /// Begins the message of an error with the document concerned: its file, where the
    /// source has files, else its digest.
    pub fn at(&self, d: &Descriptor, e: Error) -> Error {
        let file = self.loader.file(&d.digest);
        let place = file.unwrap_or_else(|| format!("document {}", d.digest));
        e.at(&place).with_digest(d.digest.text())
    }

    /// The bytes of a manifest that is kept.
    pub fn kept_manifest(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.lock().manifests.get(digest).cloned()
    }

    /// The bytes of a config that is kept.
    pub fn kept_config(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.lock().configs.get(digest).cloned()
    }

    /// Keeps the root, which is a manifest.
    pub fn keep_root(&self, root: &Verified<()>) {
        let mut kept = self.lock();
        kept.manifests
            .insert(root.digest.clone(), root.bytes.clone());
    }

    /// Keeps a manifest that the walk has read and parsed.
    pub fn keep_manifest(&self, digest: &Digest, bytes: &Arc<[u8]>) {
        self.keep(Role::Manifest, digest, bytes);
    }

    fn keep(&self, role: Role, digest: &Digest, bytes: &Arc<[u8]>) {
        let mut kept = self.lock();
        let size = kept.size.saturating_add(bytes.len() as u64);
        if size > self.max_kept_size || kept.of(role).contains_key(digest) {
            return;
        }
        kept.size = size;
        kept.of(role).insert(digest.clone(), bytes.clone());
    }

    /// The bytes that a descriptor names, verified: reads at most one byte more than its
    /// size, and nothing if the size is above the limit. The bytes read, right or wrong,
    /// are subtracted from `bytes_left`; embedded data was read with the document that
    /// contains it.
    pub fn read(
        &self,
        d: &Descriptor,
        kind: Kind,
        ctx: &Context,
        bytes_left: &mut u64,
    ) -> Result<Arc<[u8]>> {
        let concern = |e: Error| e.with_digest(d.digest.text());
        if d.size > self.max_document_size {
            let e = Error::limit_exceeded(format_args!(
                "found a size of {} bytes, expected at most {}",
                d.size, self.max_document_size
            ));
            return Err(self.at(d, e));
        }
        let algorithm = d.digest.algorithm()?;
        let mut stream = open(&*self.loader, d, kind, ctx)?;
        let (mut pieces, end) = drain(&mut *stream, d.size, ctx);
        if end.is_ok() && pieces.len() > d.size {
            // It is wrong already. A little more may show that only the size is wrong.
            let more = self.max_document_size.min(MAX_DIAGNOSIS);
            let (rest, _) = drain(&mut *stream, more, ctx);
            pieces.append(rest);
        }
        drop(stream);
        if d.data().is_none() {
            *bytes_left = bytes_left.saturating_sub(pieces.len());
        }
        end.map_err(concern)?;
        let bytes = pieces.join();
        let digest = Digest::of(algorithm, &bytes);
        check(d, bytes.len() as u64, &digest).map_err(|e| self.at(d, e))?;
        Ok(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A map is whole after a panic too: nothing else runs under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks content of this size and digest; content that is too long may not have been read
/// to its end.
fn check(d: &Descriptor, size: u64, digest: &Digest) -> Result<()> {
    if *digest == d.digest {
        return expect_size(d, size);
    }
    if size > d.size {
        return Err(Error::size_mismatch(format_args!(
            "content has more than the {} bytes expected",
            d.size
        ))
        .with_digest(d.digest.text()));
    }
    d.expect_size(size)?;
    d.digest.expect(digest)
}

/// SIZE_MISMATCH unless content that has the digest of `d` has its size too.
pub fn expect_size(d: &Descriptor, found: u64) -> Result<()> {
    d.expect_size(found)
        .map_err(|e| e.context("the digest is right, but the size in the descriptor is not"))
}
