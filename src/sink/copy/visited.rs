//! The content that a walk has visited.

use super::options::CopyOptions;
use super::source::is_foreign;
use super::step::{Absence, Blob, Counted, Step};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::Manifest;
use crate::error::{Error, Result};
use crate::media_type::Kind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The most blobs of one copy: a record of each stays in memory.
const MAX_BLOBS: usize = 1 << 20;

/// The digests visited, each with the properties that must be equal when it is named again.
pub struct Visited {
    leave_out_missing: bool,
    skip_foreign: bool,
    blobs: HashMap<Digest, VisitedBlob>,
    documents: HashMap<Digest, VisitedDocument>,
}

struct VisitedBlob {
    size: u64,
    /// In a box, since most blobs have none.
    diff_id: Option<Box<Digest>>,
    absence: Absence,
}

#[derive(Clone, Copy)]
pub struct VisitedDocument {
    size: u64,
    kind: Kind,
    /// Whether it is put below a root; otherwise it was only a root so far.
    pub put: bool,
    /// Whether it is copied: a selection copies only part of the tree.
    pub kept: bool,
}

impl Visited {
    pub fn new(options: &CopyOptions) -> Self {
        Self {
            leave_out_missing: options.leave_out_missing,
            skip_foreign: options.skip_foreign,
            blobs: HashMap::new(),
            documents: HashMap::new(),
        }
    }

    /// The record of a document; fails if it had another size or kind.
    pub fn document(&self, d: &Descriptor, kind: Kind) -> Result<Option<VisitedDocument>> {
        let Some(visited) = self.documents.get(&d.digest) else {
            return Ok(None);
        };
        d.expect_size(visited.size)?;
        if visited.kind == Kind::Other && kind != Kind::Other {
            // Its content was not visited.
            return Ok(None);
        }
        if visited.kind != kind && kind != Kind::Other {
            return Err(Error::malformed(format_args!(
                "document {}: found {}, expected {kind}, as its descriptor says",
                d.digest, visited.kind
            ))
            .with_digest(d.digest.text()));
        }
        Ok(Some(*visited))
    }

    pub fn insert(&mut self, d: &Descriptor, kind: Kind, kept: bool) {
        let document = VisitedDocument {
            size: d.size,
            kind,
            put: false,
            kept,
        };
        self.documents.insert(d.digest.clone(), document);
    }

    /// Marks a document as put below a root.
    pub fn put(&mut self, d: &Descriptor) {
        if let Some(visited) = self.documents.get_mut(&d.digest) {
            visited.put = true;
        }
    }

    /// The steps of a manifest's blobs, without those visited before. All of them count as
    /// visited afterwards; after a failure none.
    pub fn blobs(
        &mut self,
        manifest: Manifest,
        diff_ids: Vec<Option<Digest>>,
    ) -> Result<Vec<Step>> {
        let mut steps = Vec::with_capacity(manifest.layers.len() + 2);
        let mut added = Vec::new();
        let config = (manifest.config, None);
        let diff_ids = diff_ids.into_iter().chain(std::iter::repeat(None));
        let layers = manifest.layers.iter().zip(diff_ids);
        for (d, diff_id) in std::iter::once(config).chain(layers) {
            if let Err(e) = self.blob(&d, diff_id, &mut steps, &mut added) {
                for digest in added {
                    self.blobs.remove(&digest);
                }
                return Err(e);
            }
        }
        Ok(steps)
    }

    fn blob(
        &mut self,
        d: &Arc<Descriptor>,
        diff_id: Option<Digest>,
        steps: &mut Vec<Step>,
        added: &mut Vec<Digest>,
    ) -> Result<()> {
        let foreign = is_foreign(d);
        if foreign && self.skip_foreign {
            return Ok(());
        }
        let required = !foreign && !self.leave_out_missing;
        let mut push = |diff_id: &Option<Digest>, check_only, absence: &Absence| {
            steps.push(Step::Blob(Arc::new(Blob {
                descriptor: d.clone(),
                diff_id: diff_id.clone(),
                check_only,
                absence: absence.clone(),
                counted: Mutex::new(Counted::default()),
            })));
        };
        let count = self.blobs.len();
        let Some(visited) = self.blobs.get_mut(&d.digest) else {
            if count >= MAX_BLOBS {
                return Err(Error::limit_exceeded(format_args!(
                    "found more than {MAX_BLOBS} blobs, expected at most that many in one copy"
                )));
            }
            let absence = Absence::new(required);
            push(&diff_id, false, &absence);
            added.push(d.digest.clone());
            let visited = VisitedBlob {
                size: d.size,
                diff_id: diff_id.map(Box::new),
                absence,
            };
            self.blobs.insert(d.digest.clone(), visited);
            return Ok(());
        };
        if d.size != visited.size {
            return Err(Error::size_mismatch(format_args!(
                "blob {}: found the size {} in one descriptor and {} in another, expected the same",
                d.digest, visited.size, d.size
            ))
            .with_digest(d.digest.text()));
        }
        if required && visited.absence.require() {
            visited.absence = Absence::new(true);
            push(&diff_id, false, &visited.absence);
        } else if let Some(diff_id) = diff_id
            && visited.diff_id.as_deref() != Some(&diff_id)
        {
            // Two manifests disagree, or use different algorithms, or the first one had
            // no diff ID for it.
            let diff_id = Some(diff_id);
            push(&diff_id, true, &visited.absence);
            visited.diff_id = diff_id.map(Box::new);
        }
        Ok(())
    }
}
