//! Extents: the stretches of open files in which sources keep their content.

use super::{escaped, file_error};
use crate::compression::HEAD;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::loader::Stream;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that a document may have which a source reads for itself: what a load allows
/// one by default.
pub const LONGEST_DOCUMENT: u64 = 4 << 20;

/// What is read at once of content that is read through.
const PIECE: usize = 64 << 10;

/// Where some content stands: a whole file, or an entry of an archive. It is read with
/// `pread`, so that one open file serves any number of readers.
#[derive(Clone)]
pub struct Extent {
    file: Arc<File>,
    name: Box<[u8]>,
    offset: u64,
    size: u64,
    is_whole_file: bool,
}

impl Extent {
    /// All of a file; MALFORMED if it is no regular one, which might never end.
    pub fn of_file(file: File, name: &[u8]) -> Result<Self> {
        let metadata = file.metadata().map_err(|e| file_error(name, e))?;
        if !metadata.is_file() {
            return Err(no_regular_file(name));
        }
        Ok(Self {
            file: Arc::new(file),
            name: name.into(),
            offset: 0,
            size: metadata.len(),
            is_whole_file: true,
        })
    }

    /// `size` bytes of this extent from `offset` on, which the caller knows to be inside.
    pub fn part(&self, name: &[u8], offset: u64, size: u64) -> Self {
        debug_assert!(offset + size <= self.size);
        Self {
            file: self.file.clone(),
            name: name.into(),
            offset: self.offset + offset,
            size,
            is_whole_file: false,
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it begins in its file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn stream(self) -> ExtentStream {
        ExtentStream {
            extent: self,
            position: 0,
        }
    }

    /// Fills `buf` from `position`; content that ends before is no longer what it was
    /// when it was opened.
    pub fn read_exact_at(&self, buf: &mut [u8], position: u64) -> Result<()> {
        self.file
            .read_exact_at(buf, self.offset + position)
            .map_err(|e| match e.kind() {
                ErrorKind::UnexpectedEof => self.changed(format_args!(
                    "fewer than {} bytes",
                    position + buf.len() as u64
                )),
                _ => file_error(&self.name, e),
            })
    }

    /// The content, where it is short enough for a document.
    pub fn read_document(&self) -> Result<Vec<u8>> {
        if self.size > LONGEST_DOCUMENT {
            return Err(Error::limit_exceeded(format_args!(
                "{}: found {} bytes, expected at most {LONGEST_DOCUMENT}",
                escaped(&self.name),
                self.size
            )));
        }
        let mut document = vec![0; self.size as usize];
        self.read_exact_at(&mut document, 0)?;
        self.check_end()?;
        Ok(document)
    }

    /// Its first bytes, by which what it holds can be told.
    pub fn head(&self) -> Result<Vec<u8>> {
        let mut head = vec![0; self.size.min(HEAD as u64) as usize];
        self.read_exact_at(&mut head, 0)?;
        Ok(head)
    }

    /// Hands all of it to `take`, piece by piece.
    pub fn for_each_piece(&self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut stream = self.clone().stream();
        let mut piece = vec![0; PIECE];
        loop {
            match stream.read(&mut piece, &Context::default())? {
                0 => return Ok(()),
                n => take(&piece[..n])?,
            }
        }
    }

    /// SIZE_MISMATCH if the file has grown since it was opened. An entry of an archive
    /// ends where its header says, whatever follows.
    fn check_end(&self) -> Result<()> {
        if !self.is_whole_file {
            return Ok(());
        }
        match self.read_at(&mut [0], self.size)? {
            0 => Ok(()),
            _ => Err(self.changed(format_args!("more than {} bytes", self.size))),
        }
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> Result<usize> {
        loop {
            match self.file.read_at(buf, self.offset + position) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|e| file_error(&self.name, e)),
            }
        }
    }

    fn changed(&self, found: std::fmt::Arguments<'_>) -> Error {
        Error::size_mismatch(format_args!(
            "{}: found {found}, expected {} as when it was opened",
            escaped(&self.name),
            self.size
        ))
    }
}

pub fn no_regular_file(name: &[u8]) -> Error {
    Error::malformed(format_args!(
        "{}: found no regular file where one was expected",
        escaped(name)
    ))
}

/// The content of an extent, read from its beginning.
pub struct ExtentStream {
    extent: Extent,
    position: u64,
}

impl Stream for ExtentStream {
    fn read(&mut self, buf: &mut [u8], _ctx: &Context) -> Result<usize> {
        let left = self.extent.size - self.position;
        if left == 0 {
            self.extent.check_end()?;
            return Ok(0);
        }
        let room = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match self.extent.read_at(&mut buf[..room], self.position)? {
            0 => Err(self.extent.changed(format_args!("{} bytes", self.position))),
            n => {
                self.position += n as u64;
                Ok(n)
            }
        }
    }
}
