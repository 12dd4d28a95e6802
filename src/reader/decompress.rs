//! Content that is decompressed while it is read.

use super::blob::Blob;
use super::chunk::Chunk;
use super::content::Content;
use super::expected::Expected;
use super::hashing::{Hashing, Lane};
use super::options::ReadOptions;
use super::ring::Ring;
use super::stored::Stored;
use crate::compression::Decoder;
use crate::digest::Hasher;
use crate::error::{Error, Result, Status};

/// Chunks of each kind when a worker hashes: one is in use, the others wait for the worker.
const STORED_CHUNKS: usize = 2;
const UNPACKED_CHUNKS: usize = 6;

/// Bytes that are unpacked before a worker is started: starting one takes as long as
/// hashing a good part of them. (Lower in tests, which use little content.)
const WORTH_A_WORKER: u64 = if cfg!(test) { 100 } else { 256 << 10 };

pub struct Decompress {
    blob: Blob,
    expected: Expected,
    decoder: Box<dyn Decoder>,
    hashing: Hashing,
    /// Whether a worker starts as soon as that pays.
    wants_worker: bool,
    stored: Ring,
    /// Bytes of the current stored chunk that were decoded.
    decoded: usize,
    unpacked: Ring,
    /// Bytes of the current unpacked chunk that were handed out.
    handed_out: usize,
    size: u64,
    max_size: u64,
}

impl Decompress {
    /// `stored` has been peeked at.
    pub fn new(
        stored: Stored,
        expected: Expected,
        decoder: Box<dyn Decoder>,
        options: &ReadOptions,
    ) -> Result<Self> {
        let (blob, head, hasher) = stored.into_parts();
        let unpacked = match &expected.diff_id {
            Some(diff_id) => Some(Hasher::new(diff_id.algorithm()?)),
            None => None,
        };
        Ok(Self {
            blob,
            expected,
            unpacked: Ring::new(Chunk::new(decoder.room())),
            decoder,
            stored: Ring::new(head),
            decoded: 0,
            handed_out: 0,
            hashing: Hashing::new(hasher, unpacked),
            wants_worker: options.workers > 0,
            size: 0,
            max_size: options.max_uncompressed_size.unwrap_or(u64::MAX),
        })
    }

    fn start_worker(&mut self) {
        self.wants_worker = false;
        if self.hashing.start_worker() {
            self.stored.grow(STORED_CHUNKS);
            self.unpacked.grow(UNPACKED_CHUNKS);
        }
    }

    /// The next chunk, empty at the end. It is filled from the bytes already read; the
    /// stream is only read if they give no output.
    fn unpack(&mut self) -> Result<()> {
        if self.wants_worker && self.size >= WORTH_A_WORKER {
            self.start_worker();
        }
        let chunk = self.unpacked.next(&self.hashing)?;
        (chunk.len, self.handed_out) = (0, 0);
        // One byte more than the limit, to see whether there is one.
        let left = (self.max_size - self.size).saturating_add(1);
        let room = (chunk.room.len() as u64).min(left) as usize;
        loop {
            self.blob.context().check()?;
            let input = &self.stored.current().bytes()[self.decoded..];
            let step = match self.decoder.decode(input, &mut chunk.room[chunk.len..room]) {
                Ok(step) => step,
                Err(e) => return Err(self.cause(e)),
            };
            self.decoded += step.read;
            chunk.len += step.written;
            if chunk.len == room {
                break;
            }
            if step.read < input.len() {
                continue;
            }
            if chunk.len > 0 {
                break;
            }
            let piece = self.stored.next(&self.hashing)?;
            piece.len = 0;
            self.decoded = 0;
            piece.len = self.blob.read(&mut piece.room)?;
            if piece.len == 0 {
                return self.verify();
            }
            self.hashing.update(Lane::Stored, self.stored.current())?;
        }
        self.size += chunk.len as u64;
        if self.size > self.max_size {
            return Err(Error::limit_exceeded(format_args!(
                "content unpacks to more than {} bytes, expected no more",
                self.max_size
            )));
        }
        if self.expected.diff_id.is_some() {
            self.hashing
                .update(Lane::Unpacked, self.unpacked.current())?;
        }
        Ok(())
    }

    /// The failure to report if the decoder refuses the content. A wrong blob is more
    /// informative than the fault in its content.
    fn cause(&mut self, refused: Error) -> Error {
        if refused.status() != Status::Malformed {
            return refused;
        }
        match self.check_rest() {
            Err(e)
                if matches!(
                    e.status(),
                    Status::SizeMismatch | Status::DigestMismatch | Status::Cancelled
                ) =>
            {
                e
            }
            _ => refused,
        }
    }

    /// Reads the rest of the stored blob without decoding it, and checks the blob.
    fn check_rest(&mut self) -> Result<()> {
        loop {
            self.blob.context().check()?;
            let piece = self.stored.next(&self.hashing)?;
            piece.len = 0;
            piece.len = self.blob.read(&mut piece.room)?;
            if piece.len == 0 {
                break;
            }
            self.hashing.update(Lane::Stored, self.stored.current())?;
        }
        let stored = self.hashing.finish(Lane::Stored)?;
        self.expected.digest.expect(&stored)
    }

    /// The stored blob is checked first: if it is the wrong blob, its content does not
    /// matter.
    fn verify(&mut self) -> Result<()> {
        let stored = self.hashing.finish(Lane::Stored)?;
        self.expected.digest.expect(&stored)?;
        self.decoder.finish()?;
        if self.expected.diff_id.is_none() {
            return Ok(());
        }
        self.expected
            .check_diff_id(&self.hashing.finish(Lane::Unpacked)?)
    }
}

impl Content for Decompress {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.hashing.check_worker()?;
        if self.handed_out == self.unpacked.current().len {
            self.unpack()?;
        }
        let waiting = &self.unpacked.current().bytes()[self.handed_out..];
        let n = buf.len().min(waiting.len());
        buf[..n].copy_from_slice(&waiting[..n]);
        self.handed_out += n;
        Ok(n)
    }
}
