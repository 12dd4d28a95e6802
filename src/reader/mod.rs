//! Readers: the bytes of one blob, verified while they stream.
//!
//! Bytes that a reader hands out before its end are not yet verified. Reaching the end
//! means that all of them are verified, an error that they are not; either is final.
//!
//! Errors come in the order of the bytes: data that breaks a compression or a limit fails
//! when it is read, whatever the rest of the blob is. At the end of the stored blob, size
//! and digest are checked first: a blob that ends within a gzip member is MALFORMED only
//! if it is the very blob that was asked for. The diff ID comes last.

mod blob;
mod chunk;
mod content;
mod decompress;
mod detect;
mod expected;
mod hashing;
mod options;
mod plain;
mod progress;
mod ring;
mod stored;
#[cfg(test)]
mod testing;

pub use expected::Expected;
pub use options::{Mode, ReadOptions};
pub use progress::Progress;

use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::loader::{Loader, Stream};
use blob::Blob;
use content::Content;
use detect::Undetected;
use std::mem;
use std::sync::Arc;
use stored::Stored;

/// The content of one blob as a stream.
pub struct Reader {
    digest: Digest,
    ctx: Arc<Context>,
    progress: Arc<Progress>,
    state: State,
    /// Kept until the reader is freed, so that no read destroys it midway.
    loader: Option<Arc<dyn Loader>>,
}

enum State {
    Undetected(Box<Undetected>),
    Reading(Box<dyn Content>),
    Verified,
    Failed(Error),
    /// A call has taken the content; found later only if that call panicked.
    Taken,
}

impl Reader {
    /// Reads nothing yet.
    pub fn open(
        stream: Box<dyn Stream>,
        expected: Expected,
        mode: Mode,
        options: ReadOptions,
        ctx: Arc<Context>,
    ) -> Result<Self> {
        expected.check(mode)?;
        let progress = Arc::new(Progress::default());
        let digest = expected.digest.clone();
        let blob = Blob::new(stream, expected.size, ctx.clone(), progress.clone());
        let stored = Stored::new(blob, digest.clone())?;
        let state = match mode {
            Mode::Stored => State::Reading(Box::new(stored)),
            Mode::Uncompressed => State::Undetected(Box::new(Undetected {
                stored,
                expected,
                options,
            })),
        };
        Ok(Self {
            digest,
            ctx,
            progress,
            state,
            loader: None,
        })
    }

    /// The same reader, holding the loader that its stream came from.
    pub fn holding(self, loader: Arc<dyn Loader>) -> Self {
        Self {
            loader: Some(loader),
            ..self
        }
    }

    /// Up to `buf.len()` bytes into `buf` and their number; 0 is the end, and means that
    /// everything was verified. After a failure, cancellation too, every further call fails
    /// the same way; only a call without room leaves the reader unchanged.
    ///
    /// `buf` is written before it is read: its contents do not matter.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Err(Error::invalid_argument(
                "no room to read into: expected a buffer of at least 1 byte",
            ));
        }
        let content = match mem::replace(&mut self.state, State::Taken) {
            State::Reading(content) => Ok(content),
            State::Undetected(blob) => self.ctx.check().and_then(|()| blob.detect()),
            State::Verified => {
                self.state = State::Verified;
                return Ok(0);
            }
            State::Failed(e) => Err(e),
            State::Taken => Err(Error::internal("an earlier read of this content panicked")),
        };
        let read = content.and_then(|mut content| {
            self.ctx.check()?;
            let n = content.read(buf)?;
            if n > 0 {
                self.state = State::Reading(content);
            }
            Ok(n)
        });
        // At the end and after a failure the content is dropped by now: its stream is closed
        // and its thread has ended before the outcome is returned.
        match read {
            Ok(0) => {
                self.progress.set_verified();
                self.state = State::Verified;
                Ok(0)
            }
            Ok(n) => Ok(n),
            Err(e) => {
                let e = self.at_file(e).with_digest(self.digest.text());
                self.state = State::Failed(e.clone());
                Err(e)
            }
        }
    }

    /// Reads the rest and discards it. Succeeds if everything was verified, and
    /// fails as [`read`](Self::read) does. For callers who stop before the end, as tar
    /// readers do at the blocks of zeros.
    pub fn finish(&mut self) -> Result<()> {
        if self.progress.is_verified() {
            return Ok(());
        }
        let mut unused = vec![0; blob::PIECE];
        while self.read(&mut unused)? > 0 {}
        Ok(())
    }

    /// Begins the message of an error of the content with its file, where the source has
    /// files.
    fn at_file(&self, e: Error) -> Error {
        let loader = self.loader.as_ref();
        let file = loader.filter(|_| e.status().is_of_content());
        match file.and_then(|loader| loader.file(&self.digest)) {
            Some(file) => e.at(&file),
            None => e,
        }
    }

    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Script, drain, expected, noise, open, sha256};
    use super::*;
    use crate::error::Status;
    use std::io::Cursor;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::Ordering;

    fn stored(stream: Script, expected: &Expected) -> Reader {
        open(stream, expected, Mode::Stored, ReadOptions::default())
    }

    #[test]
    fn nothing_is_read_before_the_first_read() {
        let stream = Script::new(*b"abc", [1]);
        let seen = stream.seen.clone();
        let reader = stored(stream, &expected(b"abc", b""));
        assert_eq!(seen.calls.load(Ordering::Relaxed), 0);
        assert!(!reader.progress().is_verified());
    }

    #[test]
    fn the_end_stays_and_closes_the_stream() {
        let stream = Script::new(*b"abc", [2]);
        let seen = stream.seen.clone();
        let mut reader = stored(stream, &expected(b"abc", b""));
        let progress = reader.progress().clone();
        let mut buf = [0; 10];
        assert_eq!(reader.read(&mut buf).unwrap(), 2);
        assert_eq!((progress.stored_read(), progress.is_verified()), (2, false));
        assert_eq!(reader.read(&mut buf).unwrap(), 1);
        assert_eq!((progress.stored_read(), progress.is_verified()), (3, false));
        assert!(!seen.closed.load(Ordering::Relaxed));
        for _ in 0..2 {
            assert_eq!(reader.read(&mut buf).unwrap(), 0);
            assert!(seen.closed.load(Ordering::Relaxed));
            assert_eq!((progress.stored_read(), progress.is_verified()), (3, true));
        }
        assert_eq!(seen.calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_failure_stays_and_closes_the_stream() {
        let stream = Script::new(*b"abc", [1]).failing_at(1);
        let seen = stream.seen.clone();
        let expected = expected(b"abc", b"");
        let mut reader = stored(stream, &expected);
        let mut buf = [0; 10];
        assert_eq!(reader.read(&mut buf).unwrap(), 1);
        for _ in 0..3 {
            let e = reader.read(&mut buf).unwrap_err();
            assert_eq!((e.status(), e.callback_code()), (Status::Callback, 7));
            assert_eq!(&**e.message(), "asked to fail");
            assert_eq!(e.digest(), Some(expected.digest.text()));
            assert!(seen.closed.load(Ordering::Relaxed));
        }
        assert_eq!(seen.calls.load(Ordering::Relaxed), 2);
        assert!(!reader.progress().is_verified());
    }

    #[test]
    fn no_room_leaves_the_reader_as_it_was() {
        let mut reader = stored(Script::new(*b"abc", [1]), &expected(b"abc", b""));
        let e = reader.read(&mut []).unwrap_err();
        assert_eq!(e.status(), Status::InvalidArgument);
        assert_eq!(drain(&mut reader, &[10]).0, b"abc");
        let e = reader.read(&mut []).unwrap_err();
        assert_eq!(e.status(), Status::InvalidArgument);
    }

    #[test]
    fn finish_reads_the_rest_and_verifies_it() {
        let content = noise(300_000);
        let right = expected(&content, b"");
        for before in [0, 1, 100_000, 300_000] {
            let mut reader = stored(Script::new(content.clone(), [70_000]), &right);
            let mut read = 0;
            while read < before {
                read += reader.read(&mut vec![0; before - read]).unwrap();
            }
            assert!(!reader.progress().is_verified());
            for _ in 0..2 {
                reader.finish().unwrap();
                assert!(reader.progress().is_verified());
            }
            assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn finish_fails_as_a_read_does_and_goes_on_failing() {
        let mut content = noise(300_000);
        let right = expected(&content, b"");
        content[299_999] ^= 1;
        let mut reader = stored(Script::new(content, [70_000]), &right);
        assert!(reader.read(&mut [0; 10]).unwrap() > 0);
        for _ in 0..2 {
            let e = reader.finish().unwrap_err();
            assert_eq!(e.status(), Status::DigestMismatch);
            let e = reader.read(&mut [0; 10]).unwrap_err();
            assert_eq!(e.status(), Status::DigestMismatch);
        }
        assert!(!reader.progress().is_verified());
    }

    #[test]
    fn a_panic_in_a_stream_spoils_the_reader() {
        let stream = Script::new(*b"abc", [1]).before(|_, _| panic!("asked to fail"));
        let seen = stream.seen.clone();
        let mut reader = stored(stream, &expected(b"abc", b""));
        let mut buf = [0; 10];
        catch_unwind(AssertUnwindSafe(|| reader.read(&mut buf))).unwrap_err();
        assert!(seen.closed.load(Ordering::Relaxed));
        for _ in 0..2 {
            assert_eq!(
                reader.read(&mut buf).unwrap_err().status(),
                Status::Internal
            );
        }
    }

    #[test]
    fn a_cancelled_reader_asks_for_nothing() {
        let stream = Script::new(noise(100_000), [70_000]);
        let seen = stream.seen.clone();
        let ctx = Arc::new(Context::default());
        let expected = expected(&noise(100_000), b"");
        let mut reader = Reader::open(
            Box::new(stream),
            expected,
            Mode::Stored,
            ReadOptions::default(),
            ctx.clone(),
        )
        .unwrap();
        // The rest of the first piece waits in the buffer, and is not handed out either.
        assert_eq!(reader.read(&mut [0; 10]).unwrap(), 10);
        ctx.cancel();
        for _ in 0..2 {
            let e = reader.read(&mut [0; 10]).unwrap_err();
            assert_eq!(e.status(), Status::Cancelled);
        }
        assert_eq!(seen.calls.load(Ordering::Relaxed), 1);
        assert!(seen.closed.load(Ordering::Relaxed));
    }

    #[test]
    fn what_cannot_be_checked_is_not_opened() {
        let known = sha256(b"");
        let unknown = Digest::parse("md5:d41d8cd98f00b204e9800998ecf8427e").unwrap();
        for (digest, diff_id, mode, opens) in [
            (&known, None, Mode::Stored, true),
            (&known, None, Mode::Uncompressed, true),
            (&known, Some(&known), Mode::Uncompressed, true),
            (&known, Some(&unknown), Mode::Stored, true),
            (&known, Some(&unknown), Mode::Uncompressed, false),
            (&unknown, Some(&known), Mode::Stored, false),
            (&unknown, None, Mode::Uncompressed, false),
        ] {
            let expected = Expected {
                digest: digest.clone(),
                size: 0,
                diff_id: diff_id.cloned(),
            };
            let stream = Box::new(Cursor::new([]));
            let opened = Reader::open(
                stream,
                expected.clone(),
                mode,
                ReadOptions::default(),
                Arc::default(),
            );
            let row = format!("{expected:?} {mode:?}");
            match (expected.check(mode), opened) {
                (Ok(()), Ok(_)) => assert!(opens, "{row}"),
                (Err(a), Err(b)) => {
                    assert!(!opens, "{row}");
                    assert_eq!(a.status(), Status::Unsupported, "{row}");
                    assert_eq!(b.status(), Status::Unsupported, "{row}");
                    assert_eq!(a.digest(), Some(unknown.text()), "{row}");
                }
                _ => panic!("{row}: check and open differ"),
            }
        }
    }
}
