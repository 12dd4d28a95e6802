//! Deterministic compression: the output depends only on the input, the level and the
//! version of the library, not on the sizes of the writes or the number of threads.
//!
//! The input is cut into pieces of a fixed size, and pieces are grouped into units. Each
//! unit is compressed independently, so any thread may do it.

mod gzip;
mod piece;
mod zstd;

pub use piece::{Encoder, Layout, Piece};

use crate::error::{Error, Result};
use ::zstd::zstd_safe;

/// How to compress, with the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    None,
    /// 1 to 9.
    Gzip(u32),
    Zstd(i32),
}

impl Method {
    pub const DEFAULT_GZIP_LEVEL: u32 = 6;
    pub const DEFAULT_ZSTD_LEVEL: i32 = 3;

    /// INVALID_ARGUMENT if there is no such level.
    pub fn gzip(level: i32) -> Result<Self> {
        match u32::try_from(level) {
            Ok(level @ 1..=9) => Ok(Self::Gzip(level)),
            _ => Err(Error::invalid_argument(format_args!(
                "level of gzip is {level}, expected 1 to 9"
            ))),
        }
    }

    /// INVALID_ARGUMENT if there is no such level.
    pub fn zstd(level: i32) -> Result<Self> {
        let levels = zstd_safe::min_c_level()..=zstd_safe::max_c_level();
        if level == 0 || !levels.contains(&level) {
            return Err(Error::invalid_argument(format_args!(
                "level of zstd is {level}, expected 1 to {}, or a negative one from {} on",
                levels.end(),
                levels.start()
            )));
        }
        Ok(Self::Zstd(level))
    }

    pub fn layout(self) -> Layout {
        match self {
            Self::None => Layout {
                piece: 256 << 10,
                history: 0,
                pieces_per_unit: 1,
            },
            Self::Gzip(_) => gzip::LAYOUT,
            Self::Zstd(level) => zstd::layout(level),
        }
    }

    /// Makes an encoder; `None` where there is nothing to do. Each thread needs its own.
    pub fn encoder(self) -> Result<Option<Box<dyn Encoder>>> {
        Ok(match self {
            Self::None => None,
            Self::Gzip(level) => Some(Box::new(gzip::Gzip::new(level))),
            Self::Zstd(level) => Some(Box::new(zstd::Zstd::new(level)?)),
        })
    }

    /// The bytes before the first piece.
    pub fn header(self) -> &'static [u8] {
        match self {
            Self::Gzip(_) => &gzip::HEADER,
            Self::None | Self::Zstd(_) => &[],
        }
    }
}

/// The bytes after the last piece, which depend on all of the input.
pub struct Trailer(Option<flate2::Crc>);

impl Trailer {
    pub fn new(method: Method) -> Self {
        Self(matches!(method, Method::Gzip(_)).then(flate2::Crc::new))
    }

    pub fn update(&mut self, input: &[u8]) {
        if let Some(crc) = &mut self.0 {
            crc.update(input);
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.0.map_or_else(Vec::new, |crc| gzip::trailer(&crc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::{Compression, DEFAULT_MAX_WINDOW_SIZE};
    use crate::error::Status;

    fn compress(method: Method, content: &[u8]) -> Vec<u8> {
        let layout = method.layout();
        let mut encoder = method.encoder().unwrap().unwrap();
        let mut trailer = Trailer::new(method);
        trailer.update(content);
        let mut out = method.header().to_vec();
        let count = content.len().div_ceil(layout.piece);
        for i in 0..count {
            let start = i * layout.piece;
            let history = start.min(layout.history);
            let end = (start + layout.piece).min(content.len());
            let piece = Piece {
                bytes: content[start - history..end].to_vec(),
                history,
                starts_unit: layout.starts_unit(i as u64),
                ends_unit: layout.ends_unit(i as u64) || i + 1 == count,
                is_last: i + 1 == count,
            };
            encoder.encode(&piece, &mut out).unwrap();
        }
        out.extend(trailer.finish());
        out
    }

    fn unpack(stored: &[u8]) -> Vec<u8> {
        let mut decoder = Compression::of(stored)
            .decoder(DEFAULT_MAX_WINDOW_SIZE)
            .unwrap()
            .unwrap();
        let (mut out, mut room, mut at) = (Vec::new(), vec![0; 1 << 16], 0);
        loop {
            let step = decoder.decode(&stored[at..], &mut room).unwrap();
            at += step.read;
            out.extend_from_slice(&room[..step.written]);
            if at == stored.len() && step.written < room.len() {
                decoder.finish().unwrap();
                return out;
            }
        }
    }

    /// Content that is partly repetitive.
    fn content(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 30 == 0 {
                (state >> 20) as u8
            } else {
                b"all work and no play"[(state >> 16) as usize % 20]
            }
        })
        .take(len)
        .collect()
    }

    #[test]
    fn what_was_compressed_unpacks() {
        for method in [
            Method::gzip(1),
            Method::gzip(6),
            Method::zstd(1),
            Method::zstd(3),
            Method::zstd(-5),
        ] {
            let method = method.unwrap();
            let piece = method.layout().piece;
            for len in [
                1,
                512,
                piece - 1,
                piece,
                piece + 1,
                3 * piece + 100,
                9 << 20,
            ] {
                let content = content(len);
                assert!(
                    unpack(&compress(method, &content)) == content,
                    "{method:?} {len}"
                );
            }
        }
    }

    /// The build leaves out the parts of libzstd that compress with a dictionary: each of its
    /// strategies does without, and all but the last also where the content is longer than the
    /// window.
    #[test]
    fn every_strategy_of_zstd_is_there() {
        let (long, short) = (content(5 << 20), content(1 << 20));
        let levels = [1, 3, 5, 6, 8, 13, 16, 18].map(|level| (level, &long));
        for (level, content) in levels.into_iter().chain([(19, &short)]) {
            let method = Method::zstd(level).unwrap();
            assert!(unpack(&compress(method, content)) == *content, "{level}");
        }
    }

    /// Which blocks a thread compressed before must not matter.
    #[test]
    fn a_used_encoder_gives_the_bytes_of_a_new_one() {
        let mut state = 1_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize % below
        };
        for method in (1..=9).map(Method::Gzip).chain([Method::Zstd(3)]) {
            let mut used = method.encoder().unwrap().unwrap();
            for i in 0..30 {
                let history = random(2) * random(32 << 10) / 2;
                let mut bytes = content(history + 1 + random(150_000) + random(2) * 100_000);
                let (start, noisy) = (random(bytes.len()), random(40_000));
                for byte in bytes[start..].iter_mut().take(noisy) {
                    *byte = random(1 << (i % 9)) as u8;
                }
                let piece = Piece {
                    bytes,
                    history: method.layout().history.min(history),
                    starts_unit: true,
                    ends_unit: true,
                    is_last: random(3) == 0,
                };
                let mut new = method.encoder().unwrap().unwrap();
                let [mut expected, mut found] = [Vec::new(), Vec::new()];
                new.encode(&piece, &mut expected).unwrap();
                used.encode(&piece, &mut found).unwrap();
                assert!(found == expected, "{method:?}, block {i}");
            }
        }
    }

    #[test]
    fn gzip_has_one_member_with_a_plain_header() {
        let out = compress(Method::Gzip(6), &content(3 << 20));
        assert_eq!(out[..10], [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]);
        let mut decoder = flate2::read::GzDecoder::new(&out[..]);
        let len = std::io::copy(&mut decoder, &mut std::io::sink()).unwrap();
        assert_eq!(len, 3 << 20);
    }

    #[test]
    fn cutting_the_input_costs_little() {
        use std::io::Write;
        let content = content(20 << 20);
        let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        whole.write_all(&content).unwrap();
        let whole = whole.finish().unwrap().len() as f64;
        let ours = compress(Method::Gzip(6), &content).len() as f64;
        assert!(ours < whole * 1.001, "{}", ours / whole);
        let whole = ::zstd::encode_all(&content[..], 3).unwrap().len() as f64;
        let ours = compress(Method::Zstd(3), &content).len() as f64;
        assert!(ours < whole * 1.01, "{}", ours / whole);
    }

    #[test]
    fn levels_that_do_not_exist_are_invalid() {
        for level in [-1, 0, 10] {
            let e = Method::gzip(level).unwrap_err();
            assert_eq!(e.status(), Status::InvalidArgument, "{level}");
        }
        for level in [i32::MIN, 0, 23] {
            let e = Method::zstd(level).unwrap_err();
            assert_eq!(e.status(), Status::InvalidArgument, "{level}");
        }
        assert!(Method::zstd(22).is_ok() && Method::zstd(-7).is_ok());
    }
}
