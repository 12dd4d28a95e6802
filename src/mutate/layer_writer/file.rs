//! Files as layers.

use super::blob::{Content, FileStream};
use super::options::LayerOptions;
use super::output::Finished;
use super::unpack::Unpack;
use crate::compression::{Compression, HEAD};
use crate::context::Context;
use crate::digest::Hasher;
use crate::error::Result;
use crate::loader::Stream;
use crate::source::system_error::{escaped, file_error, no_regular_file, path_error};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// A file that may become a layer.
pub struct LayerFile {
    file: Arc<File>,
    name: Arc<str>,
}

impl LayerFile {
    pub fn open(path: &Path) -> Result<Self> {
        let name: Arc<str> = escaped(path.as_os_str().as_bytes()).into();
        // Opening must neither wait for the other end of a FIFO nor take a terminal.
        let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(|e| path_error(path, e))?;
        if !file.metadata().map_err(|e| file_error(&name, e))?.is_file() {
            return Err(no_regular_file(&name));
        }
        Ok(Self {
            file: Arc::new(file),
            name,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is compressed, by its first bytes.
    pub fn is_compressed(&self) -> Result<bool> {
        let mut head = Vec::new();
        self.read(&Context::default(), |bytes| {
            head.extend_from_slice(bytes);
            Ok(head.len() < HEAD)
        })?;
        head.truncate(HEAD);
        Ok(Compression::of(&head) != Compression::None)
    }

    /// Hands the content to `take` piece by piece, until that returns false.
    pub fn read(&self, ctx: &Context, mut take: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        let mut stream = FileStream {
            file: self.file.clone(),
            name: self.name.clone(),
            position: 0,
        };
        let mut piece = vec![0; PIECE];
        loop {
            ctx.check()?;
            let n = stream.read(&mut piece, ctx)?;
            if n == 0 || !take(&piece[..n])? {
                return Ok(());
            }
        }
    }

    /// Finds digest and diff ID, and leaves the content where it is.
    pub fn keep(self, options: &LayerOptions, ctx: &Context) -> Result<Finished> {
        let mut hasher = Hasher::new(options.algorithm);
        let mut unpack = Unpack::new(options.algorithm, options.max_size);
        let mut size = 0;
        self.read(ctx, |bytes| {
            hasher.update(bytes);
            size += bytes.len() as u64;
            unpack.write(bytes).map(|()| true)
        })?;
        let (diff_id, compression) = unpack.finish()?;
        Ok(Finished {
            digest: hasher.finish(),
            diff_id,
            size,
            compression,
            content: Content::File(self.file, self.name),
        })
    }
}
