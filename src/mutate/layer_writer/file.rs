//! Files as layers.

use super::blob::Content;
use super::options::LayerOptions;
use super::output::Finished;
use super::unpack::Unpack;
use crate::compression::Compression;
use crate::context::Context;
use crate::digest::Hasher;
use crate::error::Result;
use crate::source::Extent;
use crate::source::system_error::{escaped, path_error};
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file that may become a layer.
pub struct LayerFile(Extent);

impl LayerFile {
    pub fn open(path: &Path) -> Result<Self> {
        // Opening must neither wait for the other end of a FIFO nor take a terminal.
        let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(|e| path_error(path, e))?;
        Extent::of_file(file, &escaped(path.as_os_str().as_bytes())).map(Self)
    }

    pub fn name(&self) -> &str {
        self.0.place()
    }

    /// Whether it is compressed, by its first bytes.
    pub fn is_compressed(&self) -> Result<bool> {
        Ok(Compression::of(&self.0.head()?) != Compression::None)
    }

    /// Hands the content to `take` piece by piece. SIZE_MISMATCH if the file changes
    /// meanwhile.
    pub fn read(&self, ctx: &Context, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.0.for_each_piece(ctx, take)
    }

    /// Finds digest and diff ID, and leaves the content where it is.
    pub fn keep(self, options: &LayerOptions, ctx: &Context) -> Result<Finished> {
        let mut hasher = Hasher::new(options.algorithm);
        let mut unpack = Unpack::new(options.algorithm, options.max_size);
        self.read(ctx, |bytes| {
            hasher.update(bytes);
            unpack.write(bytes)
        })?;
        let (diff_id, compression) = unpack.finish()?;
        Ok(Finished {
            digest: hasher.finish(),
            diff_id,
            size: self.0.size(),
            compression,
            content: Content::File(self.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use std::io::Write;

    #[test]
    fn a_file_that_changes_while_it_is_read_is_no_layer() {
        for size in [1000, 200_000] {
            let mut disk = tempfile::NamedTempFile::new().unwrap();
            disk.write_all(&[0; 100_000]).unwrap();
            let file = LayerFile::open(disk.path()).unwrap();
            disk.as_file().set_len(size).unwrap();
            let e = file.keep(&LayerOptions::default(), &Context::default());
            assert_eq!(e.err().unwrap().status(), Status::SizeMismatch, "{size}");
        }
    }
}
