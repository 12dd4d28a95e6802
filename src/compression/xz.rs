//! xz: <https://tukaani.org/xz/xz-file-format.txt>.

use super::decoder::{Decoder, Step};
use crate::error::{Error, Result};
use liblzma::stream::{self, Action, Status, Stream};
use std::sync::LazyLock;

/// Any number of streams, with stream padding between and behind them. liblzma checks
/// what the format has to check: the CRCs of all headers, the check of each block (CRC32,
/// CRC64 or SHA-256) and the index. It keeps a hash of the index, so that memory does not
/// grow with the number of blocks.
pub struct Xz {
    streams: Stream,
    max_dictionary: u64,
    /// A failure after decoded bytes, which are handed out first.
    failure: Option<Error>,
}

impl Xz {
    /// A decoder that accepts dictionaries of up to `max_dictionary` bytes.
    pub fn new(max_dictionary: u64) -> Result<Self> {
        Ok(Self {
            streams: decoder(memory_limit(max_dictionary))
                .map_err(|e| failure(e, max_dictionary))?,
            max_dictionary,
            failure: None,
        })
    }

    fn process(&mut self, input: &[u8], out: &mut [u8], action: Action) -> Result<(Status, Step)> {
        if let Some(e) = &self.failure {
            return Err(e.clone());
        }
        let (read, written) = (self.streams.total_in(), self.streams.total_out());
        let outcome = self.streams.process(input, out, action);
        // Both fit into usize: they are differences within the two slices.
        let step = Step {
            read: (self.streams.total_in() - read) as usize,
            written: (self.streams.total_out() - written) as usize,
        };
        match outcome.map_err(|e| failure(e, self.max_dictionary)) {
            Ok(status) => Ok((status, step)),
            Err(e) if step.written > 0 => {
                self.failure = Some(e);
                Ok((Status::Ok, step))
            }
            Err(e) => Err(e),
        }
    }
}

impl Decoder for Xz {
    fn room(&self) -> usize {
        96 * 1024
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        Ok(self.process(input, out, Action::Run)?.1)
    }

    fn finish(&mut self) -> Result<()> {
        // Only now does liblzma learn that no other stream follows.
        match self.process(&[], &mut [], Action::Finish)? {
            (Status::StreamEnd, _) => Ok(()),
            _ => Err(malformed("content ends within a stream")),
        }
    }
}

fn decoder(memory_limit: u64) -> Result<Stream, stream::Error> {
    let flags = stream::CONCATENATED | stream::TELL_UNSUPPORTED_CHECK;
    Stream::new_stream_decoder(memory_limit, flags)
}

/// The limit on liblzma's memory that admits dictionaries of up to `max_dictionary` bytes
/// and no larger ones. liblzma compares it before it allocates, with what the decoder of a
/// block takes in all: the dictionary, [`OVERHEAD`], and some KiB for other filters where a
/// block has them. So the limit is one byte less than the next larger dictionary needs.
/// (Where filters are used, it is exact for dictionaries of 64 KiB and more.)
fn memory_limit(max_dictionary: u64) -> u64 {
    // 2 or 3 times a power of two, from 4 KiB on, and at last 4 GiB - 1.
    let sizes = (0..40).map(|bits| (2 | bits & 1) << (bits / 2 + 11));
    let too_large = sizes
        .chain([u64::from(u32::MAX)])
        .find(|size| *size > max_dictionary);
    too_large.map_or(u64::MAX, |size| size + *OVERHEAD - 1)
}

/// The least memory that a block needs beside its dictionary, according to liblzma. It
/// depends on the version and on the machine, and no safe function returns it, so this
/// searches for the smallest limit under which liblzma accepts a block with the smallest
/// dictionary.
static OVERHEAD: LazyLock<u64> = LazyLock::new(|| {
    let takes = |limit| {
        decoder(limit)
            .and_then(|mut d| d.process(&SMALLEST, &mut [], Action::Run))
            .is_ok()
    };
    let (mut too_small, mut enough) = (0, 1_u64 << 24);
    while enough - too_small > 1 {
        let middle = too_small.midpoint(enough);
        match takes(middle) {
            true => enough = middle,
            false => too_small = middle,
        }
    }
    enough - (4 << 10)
});

/// The start of a stream without a check: its header, and that of a block with a
/// dictionary of 4 KiB.
const SMALLEST: [u8; 24] = [
    0xFD, b'7', b'z', b'X', b'Z', 0, 0, 0, 0xFF, 0x12, 0xD9, 0x41, // header and CRC32
    2, 0, 0x21, 1, 0, 0, 0, 0, 0x37, 0x27, 0x97, 0xD6, // LZMA2, dictionary 0, CRC32
];

fn malformed(message: &str) -> Error {
    Error::malformed(format_args!("xz: {message}"))
}

fn failure(e: stream::Error, max_dictionary: u64) -> Error {
    match e {
        stream::Error::Data => malformed("invalid compressed data"),
        stream::Error::Format => malformed("no stream header"),
        stream::Error::Options => Error::unsupported("xz: unknown filter or option"),
        stream::Error::UnsupportedCheck => {
            Error::unsupported("xz: unknown check, expected none, CRC32, CRC64 or SHA-256")
        }
        stream::Error::MemLimit => Error::limit_exceeded(format_args!(
            "xz: block needs a larger dictionary, expected at most {max_dictionary} bytes"
        )),
        stream::Error::Mem => Error::limit_exceeded("xz: no memory for a dictionary"),
        stream::Error::Program | stream::Error::NoCheck => {
            Error::internal("xz: liblzma was called in a wrong way")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use liblzma::stream::{Check, Filters, LzmaOptions};

    /// One block with a dictionary of `size` bytes, behind the filters of `add`.
    fn with_dictionary(size: u32, add: impl FnOnce(&mut Filters)) -> Vec<u8> {
        let mut options = LzmaOptions::new_preset(0).unwrap();
        options.dict_size(size);
        let mut filters = Filters::new();
        add(&mut filters);
        filters.lzma2(&options);
        let mut encoder = Stream::new_stream_encoder(&filters, Check::Crc64).unwrap();
        let mut out = Vec::with_capacity(1000);
        let end = encoder.process_vec(b"content", &mut out, Action::Finish);
        assert_eq!(end, Ok(stream::Status::StreamEnd));
        out
    }

    fn unpack(stored: &[u8], max_dictionary: u64) -> Result<Vec<u8>> {
        let mut xz = Xz::new(max_dictionary)?;
        let mut out = [0; 100];
        let step = xz.decode(stored, &mut out)?;
        xz.finish()?;
        Ok(out[..step.written].to_vec())
    }

    #[test]
    fn the_dictionary_limit_is_exact_whatever_the_filters() {
        for size in [4 << 10, 6 << 10, 64 << 10, 96 << 10, 1 << 20, 64 << 20_u32] {
            let most = if size < 64 << 10 { 1 } else { 3 };
            for filters in 0..most {
                let stored = with_dictionary(size, |f| {
                    if filters > 0 {
                        f.x86();
                    }
                    if filters > 1 {
                        f.arm64().delta_properties(&[3]).unwrap();
                    }
                });
                let size = u64::from(size);
                for limit in [size, size + 1, size * 2, u64::MAX] {
                    assert_eq!(unpack(&stored, limit).unwrap(), b"content", "{size}");
                }
                let e = unpack(&stored, size - 1).unwrap_err();
                assert_eq!(e.status(), Status::LimitExceeded, "{size}: {e}");
                assert!(e.message().contains(&(size - 1).to_string()), "{e}");
            }
        }
    }

    #[test]
    fn the_limit_holds_for_each_block() {
        let stored = [with_dictionary(4096, |_| {}), with_dictionary(8192, |_| {})].concat();
        assert_eq!(unpack(&stored, 8192).unwrap(), b"contentcontent");
        // The content before the large dictionary is handed out.
        let mut xz = Xz::new(4096).unwrap();
        let mut out = [0; 100];
        assert_eq!(xz.decode(&stored, &mut out).unwrap().written, 7);
        for _ in 0..2 {
            let e = xz.decode(&[], &mut out).unwrap_err();
            assert_eq!(e.status(), Status::LimitExceeded);
        }
        assert_eq!(xz.finish().unwrap_err().status(), Status::LimitExceeded);
    }

    #[test]
    fn padding_has_a_multiple_of_four_bytes() {
        let stream = with_dictionary(4096, |_| {});
        for padding in 0..9 {
            let zeros = vec![0; padding];
            for tail in [&[][..], &stream] {
                let stored = [&stream[..], &zeros, tail].concat();
                match unpack(&stored, 4096) {
                    Ok(out) => {
                        assert_eq!(padding % 4, 0);
                        assert_eq!(out.len(), 7 + 7 * usize::from(!tail.is_empty()));
                    }
                    Err(e) => {
                        assert_ne!(padding % 4, 0, "{e}");
                        assert_eq!(e.status(), Status::Malformed, "{e}");
                    }
                }
            }
        }
    }

    #[test]
    fn checks_that_nobody_knows_are_unsupported() {
        let mut stored = with_dictionary(4096, |_| {});
        // Check number 2, of four bytes.
        stored[7] = 2;
        let mut crc = flate2::Crc::new();
        crc.update(&stored[6..8]);
        stored[8..12].copy_from_slice(&crc.sum().to_le_bytes());
        let e = unpack(&stored, 4096).unwrap_err();
        assert_eq!(e.status(), Status::Unsupported);
    }
}
