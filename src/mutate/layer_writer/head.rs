//! The check that a layer is a tar archive.

use crate::compression::{Compression, HEAD};
use crate::error::{Error, Result};
use crate::tar::is_tar;

/// Looks at the first block of a layer, and counts its bytes.
pub struct TarCheck {
    head: Vec<u8>,
    size: u64,
    max_size: Option<u64>,
}

impl TarCheck {
    pub fn new(max_size: Option<u64>) -> Self {
        Self {
            head: Vec::with_capacity(HEAD),
            size: 0,
            max_size,
        }
    }

    /// Checks the next uncompressed bytes: LIMIT_EXCEEDED if there are too many, MALFORMED
    /// once the first block is complete and is neither a tar header nor zeros.
    pub fn update(&mut self, bytes: &[u8]) -> Result<()> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if let Some(limit) = self.max_size
            && self.size > limit
        {
            return Err(Error::limit_exceeded(format_args!(
                "layer has more than {limit} bytes uncompressed, expected no more"
            )));
        }
        if self.head.len() == HEAD {
            return Ok(());
        }
        let missing = (HEAD - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        match self.head.len() {
            HEAD => self.check(),
            _ => Ok(()),
        }
    }

    /// MALFORMED if there was no whole block.
    pub fn finish(&self) -> Result<()> {
        if self.head.len() == HEAD {
            return Ok(());
        }
        Err(self.no_archive(format_args!(
            "layer has {} bytes, expected a tar archive: at least one block of {HEAD}",
            self.size
        )))
    }

    fn check(&self) -> Result<()> {
        if is_tar(&self.head) || self.head.iter().all(|b| *b == 0) {
            return Ok(());
        }
        Err(self.no_archive(format_args!(
            "layer starts with neither a tar header nor zeros, expected a tar archive"
        )))
    }

    /// If the block looks compressed, the message says so.
    fn no_archive(&self, otherwise: std::fmt::Arguments<'_>) -> Error {
        match Compression::of(&self.head).name() {
            Some(name) => Error::malformed(format_args!(
                "layer is compressed with {name}, expected a tar archive (or the option for \
                 compressed input)"
            )),
            None => Error::malformed(otherwise),
        }
    }
}
