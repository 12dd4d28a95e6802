//! Content that is handed out in its stored form.

use super::blob::{Blob, PIECE};
use super::chunk::Chunk;
use super::content::Content;
use crate::digest::{Digest, Hasher};
use crate::error::Result;
use std::ops::Range;

/// The most that one call asks of a stream, so that the bytes are still in the cache when
/// they are hashed, and cancellation is checked between calls.
const MAX_PIECE: usize = 256 * 1024;

pub struct Stored {
    blob: Blob,
    digest: Digest,
    hasher: Hasher,
    /// Hashed bytes that wait for callers whose reads are smaller than the stream's;
    /// allocated when needed.
    buffer: Box<[u8]>,
    waiting: Range<usize>,
    /// Bytes returned by the last stream call. Only streams that return large pieces read
    /// straight into the caller's buffer, because for callbacks it has to be zeroed first: see
    /// [`Stream::read_foreign`](crate::loader::Stream::read_foreign).
    last: usize,
}

impl Stored {
    pub fn new(blob: Blob, digest: Digest) -> Result<Self> {
        let hasher = Hasher::new(digest.algorithm()?);
        Ok(Self {
            blob,
            digest,
            hasher,
            buffer: Box::default(),
            waiting: 0..0,
            last: PIECE,
        })
    }

    /// The first `len` bytes, or all if there are fewer; only before anything was read.
    pub fn peek(&mut self, len: usize) -> Result<&[u8]> {
        while self.waiting.len() < len && self.fill(len)? > 0 {}
        Ok(&self.buffer[..self.waiting.len().min(len)])
    }

    /// The blob, the bytes that were peeked at, and the hasher that has seen them.
    pub fn into_parts(self) -> (Blob, Chunk, Hasher) {
        let head = Chunk {
            room: self.buffer,
            len: self.waiting.end,
        };
        (self.blob, head, self.hasher)
    }

    /// Reads more after the waiting bytes, of which there are less than `ahead` unless that
    /// is 0.
    fn fill(&mut self, ahead: usize) -> Result<usize> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; PIECE + ahead].into_boxed_slice();
        }
        if self.waiting.is_empty() {
            self.waiting = 0..0;
        }
        let room = &mut self.buffer[self.waiting.end..];
        self.last = self.blob.read(room)?;
        self.hasher.update(&room[..self.last]);
        self.waiting.end += self.last;
        Ok(self.last)
    }
}

impl Content for Stored {
    /// At most one call of the stream.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.waiting.is_empty() {
            // Never room for more than was declared: the excess would have been handed
            // out, if only into the caller's memory.
            let room = (buf.len().min(MAX_PIECE) as u64).min(self.blob.left()) as usize;
            if room >= PIECE && self.last >= PIECE / 2 {
                self.last = self.blob.read_foreign(&mut buf[..room])?;
                self.hasher.update(&buf[..self.last]);
                return Ok(self.last);
            }
            if self.fill(0)? == 0 {
                self.digest.expect(&self.hasher.clone().finish())?;
                return Ok(0);
            }
        }
        let n = buf.len().min(self.waiting.len());
        buf[..n].copy_from_slice(&self.buffer[self.waiting.start..][..n]);
        self.waiting.start += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::error::Status;
    use crate::loader::Stream;
    use crate::reader::testing::{Script, drain, expected, noise, open};
    use crate::reader::{Expected, Mode, ReadOptions, Reader};
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    fn stored(stream: Script, expected: &Expected) -> Reader {
        open(stream, expected, Mode::Stored, ReadOptions::default())
    }

    proptest! {
        #[test]
        fn any_pieces_and_any_reads_give_the_content(
            len in 0..400_000_usize,
            pieces in prop::collection::vec(1..300_000_usize, 1..5),
            reads in prop::collection::vec(1..300_000_usize, 1..5),
        ) {
            let content = noise(len);
            let stream = Script::new(content.clone(), pieces);
            let seen = stream.seen.clone();
            let mut reader = stored(stream, &expected(&content, b""));
            let (out, end) = drain(&mut reader, &reads);
            prop_assert!(end.is_ok());
            prop_assert!(out == content);
            prop_assert!(reader.progress().is_verified());
            prop_assert_eq!(reader.progress().stored_read(), len as u64);
            prop_assert!(seen.smallest_request.load(Ordering::Relaxed) >= PIECE);
        }

        #[test]
        fn more_than_declared_is_never_handed_out(
            declared in 0..300_000_usize,
            excess in 1..100_000_usize,
            pieces in prop::collection::vec(1..300_000_usize, 1..4),
            reads in prop::collection::vec(1..300_000_usize, 1..4),
        ) {
            let content = noise(declared + excess);
            let stream = Script::new(content.clone(), pieces);
            let mut reader = stored(stream, &expected(&content[..declared], b""));
            let mut written = Vec::new();
            let mut buf = vec![0; 300_000];
            let failure = loop {
                // 0xAA marks what no read has written to.
                buf.fill(0xAA);
                let size = reads[written.len() % reads.len()];
                match reader.read(&mut buf[..size]) {
                    Ok(n) => {
                        prop_assert!(n > 0);
                        written.extend_from_slice(&buf[..n]);
                    }
                    Err(e) => break e,
                }
            };
            prop_assert!(written[..] == content[..written.len()]);
            prop_assert!(written.len() <= declared);
            // The failing call leaves none of it in the caller's memory either.
            prop_assert!(buf.iter().all(|b| *b == 0xAA));
            prop_assert_eq!(failure.status(), Status::SizeMismatch);
        }
    }

    #[test]
    fn what_is_wrong_fails_instead_of_ending() {
        let content = b"content of a blob";
        let right = expected(content, b"");
        let rows: [(&str, Vec<u8>, Status, &str); 6] = [
            (
                "one byte short",
                content[..16].into(),
                Status::SizeMismatch,
                "content ends after 16 bytes, expected 17",
            ),
            (
                "empty",
                vec![],
                Status::SizeMismatch,
                "content ends after 0 bytes, expected 17",
            ),
            (
                "one byte long",
                [&content[..], b"!"].concat(),
                Status::SizeMismatch,
                "content goes on after 17 bytes, expected its end there",
            ),
            (
                "long and other",
                vec![b'x'; 18],
                Status::SizeMismatch,
                "content goes on after 17 bytes, expected its end there",
            ),
            (
                "short and other",
                vec![b'x'; 5],
                Status::SizeMismatch,
                "content ends after 5 bytes, expected 17",
            ),
            (
                "other",
                b"content of a bloc".into(),
                Status::DigestMismatch,
                "content has digest sha256:",
            ),
        ];
        for (row, given, status, message) in rows {
            for piece in [1, 5, 17, 18, 100] {
                for read in [1, 16, 17, 18, 100_000] {
                    let mut reader = stored(Script::new(given.clone(), [piece]), &right);
                    let (out, end) = drain(&mut reader, &[read]);
                    let e = end.expect_err(row);
                    assert_eq!(e.status(), status, "{row}");
                    assert!(e.message().starts_with(message), "{row}: {e}");
                    assert_eq!(e.digest(), Some(right.digest.text()), "{row}");
                    assert!(given.starts_with(&out), "{row}");
                    assert!(!reader.progress().is_verified(), "{row}");
                }
            }
        }
    }

    #[test]
    fn every_call_may_fail_or_cancel() {
        let content = noise(10);
        let right = expected(&content, b"");
        // Ten calls for the bytes, one for the end.
        for call in 0..11 {
            let (out, end) = drain(
                &mut stored(Script::new(content.clone(), [1]).failing_at(call), &right),
                &[3],
            );
            assert_eq!(end.unwrap_err().status(), Status::Callback, "{call}");
            assert_eq!(out, content[..call]);

            // Bytes of the call that cancels are still handed out; at the end everything
            // was verified already.
            let (out, end) = drain(
                &mut stored(
                    Script::new(content.clone(), [1]).cancelling_at(call),
                    &right,
                ),
                &[3],
            );
            match end {
                Ok(()) => assert_eq!(call, 10),
                Err(e) => assert_eq!(e.status(), Status::Cancelled, "{call}"),
            }
            assert_eq!(out, content[..10.min(call + 1)]);
        }
    }

    #[test]
    fn a_stream_that_claims_more_than_it_was_asked_for_breaks_its_contract() {
        struct Boaster(usize);
        impl Stream for Boaster {
            fn read(&mut self, buf: &mut [u8], _: &Context) -> Result<usize> {
                Ok(buf.len().saturating_add(self.0))
            }
        }
        for size in [0, 1, 1_000_000] {
            for excess in [1, usize::MAX] {
                for read in [1, 1_000_000] {
                    let expected = Expected {
                        size,
                        ..expected(b"", b"")
                    };
                    let mut reader = Reader::open(
                        Box::new(Boaster(excess)),
                        expected,
                        Mode::Stored,
                        ReadOptions::default(),
                        Arc::default(),
                    )
                    .unwrap();
                    let e = reader.read(&mut vec![0; read]).unwrap_err();
                    assert_eq!(e.status(), Status::CallbackContract);
                }
            }
        }
    }

    #[test]
    fn nothing_is_allocated_from_a_declared_size() {
        let huge = Expected {
            size: i64::MAX as u64,
            ..expected(b"abc", b"")
        };
        let mut reader = stored(Script::new(*b"abc", [1]), &huge);
        let (out, end) = drain(&mut reader, &[10]);
        assert_eq!(out, b"abc");
        assert_eq!(end.unwrap_err().status(), Status::SizeMismatch);
    }

    #[test]
    fn every_known_algorithm_is_checked() {
        use crate::digest::Algorithm::{Blake3, Sha256, Sha512};
        for algorithm in [Sha256, Sha512, Blake3] {
            let right = Expected {
                digest: Digest::of(algorithm, b"abc"),
                size: 3,
                diff_id: None,
            };
            let (_, end) = drain(&mut stored(Script::new(*b"abc", [2]), &right), &[9]);
            end.unwrap();
            let (_, end) = drain(&mut stored(Script::new(*b"abd", [2]), &right), &[9]);
            assert_eq!(end.unwrap_err().status(), Status::DigestMismatch);
        }
    }
}
