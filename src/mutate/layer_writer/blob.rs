//! A loader with one blob: the source of a layer that the program made.

use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::loader::{Loader, Stream};
use crate::source::system_error::file_error;
use std::fs::File;
use std::io::{Cursor, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The bytes of a layer.
#[derive(Clone)]
pub enum Content {
    Memory(Arc<[u8]>),
    /// From its start to its end; with a name for error messages.
    File(Arc<File>, Arc<str>),
}

pub struct OneBlob {
    pub digest: Digest,
    pub content: Content,
}

impl Loader for OneBlob {
    fn open_root_manifest(&self, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("the layer does not come from an image"))
    }

    fn open_manifest(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("there is a layer alone, no manifest").with_digest(digest.text()))
    }

    fn open_blob(&self, digest: &Digest, _ctx: &Context) -> Result<Box<dyn Stream>> {
        if *digest != self.digest {
            return Err(
                Error::not_found(format_args!("there is the layer {} alone", self.digest))
                    .with_digest(digest.text()),
            );
        }
        Ok(match &self.content {
            Content::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Content::File(file, name) => Box::new(FileStream {
                file: file.clone(),
                name: name.clone(),
                position: 0,
            }),
        })
    }
}

/// Reads with `pread`, so that one open file serves any number of streams.
pub struct FileStream {
    pub file: Arc<File>,
    pub name: Arc<str>,
    pub position: u64,
}

impl Stream for FileStream {
    fn read(&mut self, buf: &mut [u8], _ctx: &Context) -> Result<usize> {
        loop {
            match self.file.read_at(buf, self.position) {
                Ok(n) => {
                    self.position += n as u64;
                    return Ok(n);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(file_error(&self.name, e));
                }
            }
        }
    }
}
