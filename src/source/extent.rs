//! Extents: ranges of open files with the content of sources.

use super::system_error::{file_error, no_regular_file};
use crate::compression::HEAD;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::loader::Stream;
use crate::tar::{Map, Piece};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes read at once when content is read through.
const PIECE: usize = 64 << 10;

/// The place of some content: a whole file, or an entry of an archive. It is read with
/// `pread`, so that one open file serves any number of readers.
#[derive(Clone)]
pub struct Extent {
    file: Arc<File>,
    place: Arc<str>,
    /// Its offset in its file; meaningless for a sparse one.
    offset: u64,
    size: u64,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// Whether it ends where the file ends.
    WholeFile,
    Part,
    /// Offsets in the map are those of the file.
    Sparse(Arc<Map>),
}

impl Extent {
    /// A whole file; MALFORMED if it is not a regular file, which might never end. `place`
    /// is its name in messages.
    pub fn of_file(file: File, place: &str) -> Result<Self> {
        let metadata = file.metadata().map_err(|e| file_error(place, e))?;
        if !metadata.is_file() {
            return Err(no_regular_file(place));
        }
        Ok(Self {
            file: Arc::new(file),
            place: place.into(),
            offset: 0,
            size: metadata.len(),
            kind: Kind::WholeFile,
        })
    }

    /// `size` bytes of this whole file from `offset` on; the caller ensures that they are
    /// inside.
    pub fn part(&self, place: String, offset: u64, size: u64) -> Self {
        debug_assert!(offset + size <= self.size);
        Self {
            file: self.file.clone(),
            place: place.into(),
            offset: self.offset + offset,
            size,
            kind: Kind::Part,
        }
    }

    /// A sparse file in this whole file; `offset` is that of its first stretch.
    pub fn sparse(&self, place: String, offset: u64, map: Map) -> Self {
        Self {
            file: self.file.clone(),
            place: place.into(),
            offset: self.offset + offset,
            size: map.size(),
            kind: Kind::Sparse(Arc::new(map)),
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of its holes, which are not stored.
    pub fn holes(&self) -> u64 {
        match &self.kind {
            Kind::Sparse(map) => map.holes(),
            Kind::WholeFile | Kind::Part => 0,
        }
    }

    /// Its name in messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn stream(self) -> ExtentStream {
        ExtentStream {
            extent: self,
            position: 0,
        }
    }

    /// Fills `buf` from `position`; content that ends earlier has changed since it was
    /// opened.
    pub fn read_exact_at(&self, buf: &mut [u8], position: u64) -> Result<()> {
        let end = position + buf.len() as u64;
        let mut done = 0;
        while done < buf.len() {
            match self.read_at(&mut buf[done..], position + done as u64)? {
                0 => return Err(self.changed(format_args!("fewer than {end} bytes"))),
                n => done += n,
            }
        }
        Ok(())
    }

    /// The content, if it has at most `max_size` bytes.
    pub fn read_document(&self, max_size: u64) -> Result<Vec<u8>> {
        if self.size > max_size {
            return Err(Error::limit_exceeded(format_args!(
                "{}: found {} bytes, expected at most {max_size}",
                self.place, self.size
            )));
        }
        self.expect_no_holes()?;
        let mut document = Vec::new();
        while (document.len() as u64) < self.size {
            let at = document.len();
            let room = (self.size - at as u64).min(PIECE as u64);
            document.resize(at + room as usize, 0);
            self.read_exact_at(&mut document[at..], at as u64)?;
        }
        self.check_end()?;
        Ok(document)
    }

    /// The content, which is a document, as a stream.
    pub fn document_stream(self) -> Result<ExtentStream> {
        self.expect_no_holes()?;
        Ok(self.stream())
    }

    /// MALFORMED for a sparse file with holes: they are zeros, which no JSON has, and a few
    /// bytes of archive may have holes of 2^63.
    fn expect_no_holes(&self) -> Result<()> {
        match self.holes() {
            0 => Ok(()),
            holes => Err(Error::malformed(format_args!(
                "{}: found a sparse file with {holes} bytes in holes, expected JSON",
                self.place
            ))),
        }
    }

    /// Its first bytes, enough to detect its format.
    pub fn head(&self) -> Result<Vec<u8>> {
        let mut head = vec![0; self.size.min(HEAD as u64) as usize];
        self.read_exact_at(&mut head, 0)?;
        Ok(head)
    }

    /// Passes all of it to `take` in pieces, until the context is cancelled.
    pub fn for_each_piece(
        &self,
        ctx: &Context,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut stream = self.clone().stream();
        let mut piece = vec![0; PIECE];
        loop {
            ctx.check()?;
            match stream.read(&mut piece, ctx)? {
                0 => return Ok(()),
                n => take(&piece[..n])?,
            }
        }
    }

    /// SIZE_MISMATCH if the file has grown since it was opened. An entry of an archive
    /// ends where its header says, whatever follows.
    fn check_end(&self) -> Result<()> {
        if !matches!(self.kind, Kind::WholeFile) {
            return Ok(());
        }
        match self.pread(&mut [0], self.size)? {
            0 => Ok(()),
            _ => Err(self.changed(format_args!("more than {} bytes", self.size))),
        }
    }

    /// Up to `buf.len()` bytes at `position`, which is inside; 0 if the file has shrunk.
    fn read_at(&self, buf: &mut [u8], position: u64) -> Result<usize> {
        let room = |len: u64| buf.len().min(usize::try_from(len).unwrap_or(usize::MAX));
        match &self.kind {
            Kind::WholeFile | Kind::Part => self.pread(buf, self.offset + position),
            Kind::Sparse(map) => match map.piece_at(position) {
                Piece::Stored { offset, len } => {
                    let room = room(len);
                    self.pread(&mut buf[..room], offset)
                }
                Piece::Hole { len } => {
                    let room = room(len);
                    buf[..room].fill(0);
                    Ok(room)
                }
            },
        }
    }

    fn pread(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        loop {
            match self.file.read_at(buf, offset) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|e| file_error(&self.place, e)),
            }
        }
    }

    fn changed(&self, found: std::fmt::Arguments<'_>) -> Error {
        Error::size_mismatch(format_args!(
            "{}: found {found}, expected {} as when it was opened",
            self.place, self.size
        ))
    }
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
