//! Files as layers.

use super::blob::{Content, FileStream};
use super::options::LayerOptions;
use super::output::Finished;
use super::unpack::Unpack;
use crate::compression::{Compression, HEAD};
use crate::context::Context;
use crate::digest::Hasher;
use crate::error::{Error, Result};
use crate::loader::Stream;
use crate::text::Escaped;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
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
        let name: Arc<str> = Escaped(&path.to_string_lossy()).to_string().into();
        let fail = |e: std::io::Error| {
            let make = match e.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Error::not_found,
                _ => Error::io,
            };
            make(format!("{name}: {e}")).with_errno(e.raw_os_error().unwrap_or(0))
        };
        // Opening must neither wait for the other end of a FIFO nor take a terminal.
        let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(Error::malformed(format_args!(
                "{name}: found no regular file where one was expected"
            )));
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
