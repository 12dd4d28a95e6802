//! OCI image layouts in folders, which several programs may write at once.
//!
//! Blobs get their names when they are complete and, unless the options waive it, synced;
//! index.json changes atomically, under a lock. A process can thus be killed at any time,
//! and every reader still finds a valid layout.

mod folder;
mod merge;
mod update;

use super::layout_format::is_document;
use super::options::SinkOptions;
use super::roots::{Root, Roots};
use super::system_error::shown;
use super::target::{Begin, BlobWriter, Sink, finished};
use super::temporary::TempFile;
use crate::compression::Method;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::document::layout::{INDEX, MARKER, MARKER_CONTENT, check_version, index_of};
use crate::error::{Error, Result};
use folder::{BlobFolder, Folder};
use merge::merge;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use update::update;

/// Bytes read at once to hash a blob.
const CHUNK: usize = 64 << 10;

/// A layout that images are written to.
pub struct LayoutSink {
    folder: Folder,
    verify_existing: bool,
    /// In a layout that must be new: the digest of index.json as this sink wrote it.
    written: Option<Mutex<Digest>>,
    finished: AtomicBool,
}

impl LayoutSink {
    /// Opens a layout; creates it if absent.
    pub fn open(path: &Path, options: &SinkOptions) -> Result<Self> {
        if options.docker || options.compression != Method::None {
            return Err(Error::invalid_argument(
                "a layout is neither compressed nor has it a form for docker load: \
                 expected these options of an archive only",
            ));
        }
        if options.must_be_new && fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
            return Err(Error::exists(format_args!(
                "{}: found a file, expected none",
                shown(path)
            )));
        }
        let folder = Folder::open(path, !options.no_sync)?;
        let exists = || {
            Error::exists(format_args!(
                "{}: found a folder that is not empty, expected a new one",
                folder.shown()
            ))
        };
        if options.must_be_new && !folder.is_empty()? {
            return Err(exists());
        }
        let is_new = match folder.read_document(MARKER)? {
            Some(marker) => {
                check_version(&marker).map_err(|e| e.context(MARKER))?;
                false
            }
            None => folder.create_document(MARKER, MARKER_CONTENT.as_bytes())?,
        };
        // A layout has this folder, even if it is empty.
        folder.make_blob_root()?;
        let empty = index_of::<&str>([]);
        let is_new = folder.create_document(INDEX, empty.as_bytes())? && is_new;
        if options.must_be_new && !is_new {
            return Err(exists());
        }
        let written = options.must_be_new.then(|| digest(empty.as_bytes()));
        Ok(Self {
            folder,
            verify_existing: options.verify_existing,
            written: written.map(Mutex::new),
            finished: AtomicBool::new(false),
        })
    }

    fn check_open(&self) -> Result<()> {
        match self.finished.load(Ordering::Acquire) {
            true => Err(finished()),
            false => Ok(()),
        }
    }

    /// Whether the complete blob is there. Documents and, if the options require it, layers
    /// are hashed; of others only the size is compared.
    fn has(&self, d: &Descriptor, ctx: &Context) -> Result<bool> {
        let (algorithm, _) = d.digest.parts();
        let Some(blobs) = self.folder.find_blobs(algorithm)? else {
            return Ok(false);
        };
        let Some(file) = blobs.open_blob(&d.digest)? else {
            return Ok(false);
        };
        let size = file.metadata().map(|metadata| metadata.len());
        if size.map_err(|e| super::system_error::name_error(d.digest.text(), e))? != d.size {
            return Ok(false);
        }
        if !self.verify_existing && !is_document(d) {
            return Ok(true);
        }
        has_digest(file, &d.digest, ctx)
    }

    fn put_document(&self, d: &Descriptor, bytes: &[u8], ctx: &Context) -> Result<()> {
        ctx.check()?;
        self.check_open()?;
        if self.has(d, ctx)? {
            return Ok(());
        }
        let blobs = self.folder.make_blobs(d.digest.parts().0)?;
        let mut temp = self.folder.create_temporary()?;
        let written = temp.write_all(bytes);
        written.map_err(|e| blobs.blob_error(&d.digest, e))?;
        blobs.publish(temp, &d.digest)
    }

    /// Stores the documents of roots; adds to `stored` those that are there.
    fn store(&self, roots: &mut dyn Roots, stored: &mut Vec<Root>, ctx: &Context) -> Result<()> {
        while let Some((root, bytes)) = roots.next()? {
            self.put_document(&root.descriptor, &bytes, ctx)?;
            stored.push(root);
        }
        Ok(())
    }

    /// Adds roots to index.json, which is written once for all of them.
    fn list(&self, roots: &[Root], ctx: &Context) -> Result<()> {
        let empty = index_of::<&str>([]);
        let mut written = self.written();
        let mut after = None;
        update(&self.folder, ctx, |before| {
            let before = before.unwrap_or(empty.as_bytes());
            self.check_new(written.as_deref(), before)?;
            let merged = merge(before, roots)?;
            after = merged.as_ref().map(|merged| digest(merged.as_bytes()));
            Ok(merged)
        })?;
        if let (Some(written), Some(after)) = (&mut written, after) {
            **written = after;
        }
        Ok(())
    }

    fn written(&self) -> Option<MutexGuard<'_, Digest>> {
        let written = self.written.as_ref()?;
        Some(written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// EXISTS if the layout must be new and another writer changed index.json.
    fn check_new(&self, written: Option<&Digest>, index: &[u8]) -> Result<()> {
        if written.is_none_or(|written| *written == digest(index)) {
            return Ok(());
        }
        Err(Error::exists(format_args!(
            "{}: another program wrote {INDEX} meanwhile, expected a new layout",
            self.folder.shown()
        )))
    }
}

impl Sink for LayoutSink {
    fn has_blob(&self, d: &Descriptor, ctx: &Context) -> Result<bool> {
        ctx.check()?;
        self.check_open()?;
        self.has(d, ctx)
    }

    fn begin_blob(&self, d: &Arc<Descriptor>, ctx: &Context) -> Result<Begin> {
        ctx.check()?;
        self.check_open()?;
        let writer = LayoutBlob {
            blobs: self.folder.make_blobs(d.digest.parts().0)?,
            temp: self.folder.create_temporary()?,
            digest: d.digest.clone(),
        };
        Ok(Begin::Write {
            writer: Box::new(writer),
            offset: 0,
        })
    }

    fn put_manifest(&self, d: &Arc<Descriptor>, bytes: &[u8], ctx: &Context) -> Result<()> {
        self.put_document(d, bytes, ctx)
    }

    /// Roots that were stored before a failure are listed, but none once `ctx` is cancelled.
    fn put_roots(&self, roots: &mut dyn Roots, ctx: &Context) -> Result<()> {
        let mut stored = Vec::new();
        let result = self.store(roots, &mut stored, ctx);
        if stored.is_empty() {
            return result;
        }
        match self.list(&stored, ctx) {
            Ok(()) => roots.put(stored.len()),
            Err(e) => return result.and(Err(e)),
        }
        result
    }

    fn finish(&self, ctx: &Context) -> Result<()> {
        ctx.check()?;
        self.check_open()?;
        if let Some(written) = self.written() {
            let _lock = self.folder.lock(ctx)?;
            let index = self.folder.read_document(INDEX)?;
            self.check_new(Some(&*written), &index.unwrap_or_default())?;
        }
        match self.finished.swap(true, Ordering::AcqRel) {
            true => Err(finished()),
            false => Ok(()),
        }
    }
}

/// A blob in a file that has no name yet.
struct LayoutBlob {
    blobs: BlobFolder,
    temp: TempFile,
    digest: Digest,
}

impl BlobWriter for LayoutBlob {
    fn write(&mut self, bytes: &[u8], ctx: &Context) -> Result<()> {
        ctx.check()?;
        let written = self.temp.write_all(bytes);
        written.map_err(|e| self.blobs.blob_error(&self.digest, e))
    }

    fn commit(self: Box<Self>, ctx: &Context) -> Result<()> {
        ctx.check()?;
        self.blobs.publish(self.temp, &self.digest)
    }
}

fn has_digest(mut file: File, expected: &Digest, ctx: &Context) -> Result<bool> {
    let mut hasher = Hasher::new(expected.algorithm()?);
    let mut chunk = vec![0; CHUNK];
    loop {
        ctx.check()?;
        let read = file.read(&mut chunk);
        match read.map_err(|e| super::system_error::name_error(expected.text(), e))? {
            0 => return Ok(hasher.finish() == *expected),
            n => hasher.update(&chunk[..n]),
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}
