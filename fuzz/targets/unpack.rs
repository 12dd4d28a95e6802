//! Compressed layers, beside other decoders.

use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::reader::{Expected, Mode, ReadOptions, Reader};
use std::io::{Cursor, Read};
use std::sync::Arc;

const MAX: u64 = 1 << 20;

/// Other decoders must give the same content, with and without a worker.
pub fn unpack(data: &[u8]) {
    let serial = ours(data, 0);
    let worker = ours(data, 1);
    match (&serial, &worker) {
        (Ok(a), Ok(b)) => assert!(a == b, "a worker changes the content"),
        (Err(a), Err(b)) => assert_eq!(a, b),
        (a, b) => panic!("with a worker {:?}, without {:?}", b.is_ok(), a.is_ok()),
    }
    let Ok(content) = serial else {
        return;
    };
    let theirs = match data {
        _ if content == data => return,
        [0x1f, 0x8b, ..] => unpacked(flate2::read::MultiGzDecoder::new(data)),
        [b'B', b'Z', b'h', ..] => unpacked(bzip2::read::MultiBzDecoder::new(data)),
        [0xfd, b'7', b'z', ..] => unpacked(liblzma::read::XzDecoder::new_multi_decoder(data)),
        _ => unpacked(zstd::stream::read::Decoder::new(data).expect("memory")),
    };
    assert!(theirs.as_ref() == Some(&content), "another decoder differs");
}

fn unpacked(reader: impl Read) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(2 * MAX).read_to_end(&mut content).ok()?;
    Some(content)
}

fn ours(data: &[u8], workers: u32) -> Result<Vec<u8>, String> {
    let expected = Expected {
        digest: Digest::of(Algorithm::Sha256, data),
        size: data.len() as u64,
        diff_id: None,
    };
    let options = ReadOptions {
        max_uncompressed_size: Some(MAX),
        max_window_size: 8 << 20,
        workers,
    };
    let stream = Box::new(Cursor::new(data.to_vec()));
    let ctx = Arc::new(Context::default());
    let mut reader = Reader::open(stream, expected, Mode::Uncompressed, options, ctx)
        .map_err(|e| e.to_string())?;
    let mut content = Vec::new();
    let mut buf = [0; 8192];
    loop {
        match reader.read(&mut buf).map_err(|e| e.to_string())? {
            0 => return Ok(content),
            n => content.extend_from_slice(&buf[..n]),
        }
    }
}
