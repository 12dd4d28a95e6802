//! Streams scripted by a test.

use super::{Expected, Mode, ReadOptions, Reader};
use crate::context::Context;
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result};
use crate::loader::Stream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A record of what a stream did, which outlives it.
#[derive(Default)]
pub struct Seen {
    pub calls: AtomicUsize,
    pub smallest_request: AtomicUsize,
    pub closed: AtomicBool,
}

type Before = Box<dyn FnMut(usize, &Context) -> Result<()> + Send>;

/// Returns `content` in pieces of at most the sizes in `pieces`, repeated, and runs
/// `before` ahead of each call, with its number.
pub struct Script {
    content: Vec<u8>,
    pieces: Vec<usize>,
    before: Before,
    pub seen: Arc<Seen>,
    at: usize,
}

impl Script {
    pub fn new(content: impl Into<Vec<u8>>, pieces: impl Into<Vec<usize>>) -> Self {
        let seen = Arc::new(Seen::default());
        seen.smallest_request.store(usize::MAX, Ordering::Relaxed);
        Self {
            content: content.into(),
            pieces: pieces.into(),
            before: Box::new(|_, _| Ok(())),
            seen,
            at: 0,
        }
    }

    pub fn before(
        mut self,
        before: impl FnMut(usize, &Context) -> Result<()> + Send + 'static,
    ) -> Self {
        self.before = Box::new(before);
        self
    }

    pub fn failing_at(self, call: usize) -> Self {
        self.before(move |n, _| match n == call {
            true => Err(Error::callback("asked to fail").with_callback_code(7)),
            false => Ok(()),
        })
    }

    pub fn cancelling_at(self, call: usize) -> Self {
        self.before(move |n, ctx| {
            if n == call {
                ctx.cancel();
            }
            Ok(())
        })
    }
}

impl Stream for Script {
    fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
        let call = self.seen.calls.fetch_add(1, Ordering::Relaxed);
        self.seen
            .smallest_request
            .fetch_min(buf.len(), Ordering::Relaxed);
        (self.before)(call, ctx)?;
        let piece = self.pieces[call % self.pieces.len()];
        let n = piece.min(buf.len()).min(self.content.len() - self.at);
        buf[..n].copy_from_slice(&self.content[self.at..][..n]);
        self.at += n;
        Ok(n)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.seen.closed.store(true, Ordering::Relaxed);
    }
}

pub fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

/// The expected digests and size of `stored` and of its unpacked content.
pub fn expected(stored: &[u8], unpacked: &[u8]) -> Expected {
    Expected {
        digest: sha256(stored),
        size: stored.len() as u64,
        diff_id: Some(sha256(unpacked)),
    }
}

pub fn open(stream: Script, expected: &Expected, mode: Mode, options: ReadOptions) -> Reader {
    Reader::open(
        Box::new(stream),
        expected.clone(),
        mode,
        options,
        Arc::default(),
    )
    .unwrap()
}

/// All output, in reads of at most the sizes in `sizes`, repeated, and its end. Each read
/// is given a buffer with a mark behind it.
pub fn drain(reader: &mut Reader, sizes: &[usize]) -> (Vec<u8>, Result<()>) {
    let mut out = Vec::new();
    for size in sizes.iter().cycle() {
        let mut buf = vec![0xAA; size + 1];
        match reader.read(&mut buf[..*size]) {
            Ok(0) => return (out, Ok(())),
            Ok(n) => out.extend_from_slice(&buf[..n]),
            Err(e) => return (out, Err(e)),
        }
        assert_eq!(buf[*size], 0xAA);
    }
    unreachable!("sizes is not empty")
}

/// Bytes without a pattern, the same every time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(len)
    .collect()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// One frame, with a checksum.
pub fn zstd(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn bzip2(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// One stream of one block, with a CRC64.
pub fn xz(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// `content` in each form that a blob may have.
pub fn forms(content: &[u8]) -> [Vec<u8>; 5] {
    [
        content.to_vec(),
        gzip(content),
        zstd(content),
        bzip2(content),
        xz(content),
    ]
}

/// Bytes that compress.
pub fn prose(len: usize) -> Vec<u8> {
    noise(len)
        .iter()
        .map(|b| b"layer by layer"[(b % 14) as usize])
        .collect()
}
