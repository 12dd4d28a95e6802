//! Zstandard: <https://www.rfc-editor.org/rfc/rfc8878>.

use super::compression::{Decoder, Step};
use crate::error::{Error, Result, Status};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

const DEFAULT_MAX_WINDOW: u64 = 128 << 20;

/// The largest window that libzstd can be told to take, as a power of two.
const WINDOW_LOG_MAX: u32 = if usize::BITS > 32 { 31 } else { 30 };

/// Magic, descriptor, window, dictionary and content size at their longest.
const LONGEST_HEADER: usize = 18;

/// Any number of frames, one after the other. The header of each is read here before
/// libzstd sees it, since libzstd bounds the window by a power of two only. It checks
/// everything else, checksums too.
pub struct Zstd {
    frames: DCtx<'static>,
    max_window: u64,
    header: [u8; LONGEST_HEADER],
    position: Position,
}

enum Position {
    /// That many bytes of a header were read; at 0, between two frames.
    Header(usize),
    Frame,
    /// In a skippable frame, that many bytes before its end.
    Skipped(usize),
}

impl Zstd {
    /// `max_window` in bytes; 0 is 128 MiB.
    pub fn new(max_window: u64) -> Result<Self> {
        let mut frames = DCtx::try_create().ok_or_else(no_memory)?;
        frames
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .map_err(failure)?;
        Ok(Self {
            frames,
            max_window: match max_window {
                0 => DEFAULT_MAX_WINDOW,
                limit => limit,
            },
            header: [0; LONGEST_HEADER],
            position: Position::Header(0),
        })
    }

    /// Reads `input` until the header is complete.
    fn read_header(&mut self, mut have: usize, input: &[u8]) -> Result<usize> {
        let mut read = 0;
        loop {
            match Header::parse(&self.header[..have])? {
                Header::Longer(len) => {
                    let n = (len - have).min(input.len() - read);
                    self.header[have..][..n].copy_from_slice(&input[read..][..n]);
                    have += n;
                    read += n;
                    if have < len {
                        self.position = Position::Header(have);
                        return Ok(read);
                    }
                }
                Header::Skippable(len) => {
                    self.position = Position::skipped(len);
                    return Ok(read);
                }
                Header::Frame { window, dictionary } => {
                    self.check(window, dictionary)?;
                    // libzstd takes all of it and has nothing to give yet.
                    let mut header = InBuffer::around(&self.header[..have]);
                    let mut none = OutBuffer::around(&mut [][..]);
                    self.frames
                        .decompress_stream(&mut none, &mut header)
                        .map_err(failure)?;
                    self.position = Position::Frame;
                    return Ok(read);
                }
            }
        }
    }

    fn check(&self, window: u64, dictionary: u32) -> Result<()> {
        if dictionary != 0 {
            return Err(Error::new(
                Status::Unsupported,
                format_args!("zstd: frame needs dictionary {dictionary}, expected none"),
            ));
        }
        if window > self.max_window {
            return Err(Error::new(
                Status::LimitExceeded,
                format_args!(
                    "zstd: frame needs a window of {window} bytes, expected at most {}",
                    self.max_window
                ),
            ));
        }
        Ok(())
    }
}

impl Position {
    fn skipped(left: usize) -> Self {
        match left {
            0 => Self::Header(0),
            left => Self::Skipped(left),
        }
    }
}

impl Decoder for Zstd {
    /// libzstd holds some hundred KiB beside the window.
    fn room(&self) -> usize {
        40 * 1024
    }

    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        match self.position {
            Position::Header(have) => Ok(Step {
                read: self.read_header(have, input)?,
                written: 0,
            }),
            Position::Skipped(left) => {
                let read = left.min(input.len());
                self.position = Position::skipped(left - read);
                Ok(Step { read, written: 0 })
            }
            Position::Frame => {
                let mut input = InBuffer::around(input);
                let mut out = OutBuffer::around(out);
                let hint = self
                    .frames
                    .decompress_stream(&mut out, &mut input)
                    .map_err(failure)?;
                if hint == 0 {
                    self.position = Position::Header(0);
                }
                Ok(Step {
                    read: input.pos(),
                    written: out.pos(),
                })
            }
        }
    }

    fn finish(&self) -> Result<()> {
        match self.position {
            Position::Header(0) => Ok(()),
            _ => Err(Error::new(
                Status::Malformed,
                "zstd: content ends within a frame",
            )),
        }
    }
}

/// What stands at the start of a frame.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// Not known before there are this many bytes.
    Longer(usize),
    Frame {
        window: u64,
        dictionary: u32,
    },
    /// A skippable frame with this many bytes behind its header.
    Skippable(usize),
}

impl Header {
    /// Sections 3.1.1.1 and 3.1.2; `header` is never longer than was asked for.
    fn parse(header: &[u8]) -> Result<Self> {
        let Some((magic, rest)) = header.split_first_chunk::<4>() else {
            return Ok(Self::Longer(4));
        };
        match magic {
            [0x28, 0xB5, 0x2F, 0xFD] => {}
            [0x50..=0x5F, 0x2A, 0x4D, 0x18] => {
                return Ok(match rest.first_chunk::<4>() {
                    Some(len) => Self::Skippable(u32::from_le_bytes(*len) as usize),
                    None => Self::Longer(8),
                });
            }
            [a, b, c, d] => {
                return Err(Error::new(
                    Status::Malformed,
                    format_args!(
                        "zstd: bytes {a:02x} {b:02x} {c:02x} {d:02x} after the last frame, expected the end or another frame"
                    ),
                ));
            }
        }
        let Some((descriptor, rest)) = rest.split_first() else {
            return Ok(Self::Longer(5));
        };
        let single_segment = descriptor & 0x20 != 0;
        let window_len = usize::from(!single_segment);
        let dictionary_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let content_len = match descriptor >> 6 {
            0 => usize::from(single_segment),
            n => 1 << n,
        };
        let len = window_len + dictionary_len + content_len;
        if rest.len() < len {
            return Ok(Self::Longer(5 + len));
        }
        let (window, rest) = rest.split_at(window_len);
        let (dictionary, content) = rest.split_at(dictionary_len);
        let window = match window {
            [descriptor] => {
                let base = 1 << (10 + (descriptor >> 3));
                base + base / 8 * u64::from(descriptor & 7)
            }
            // A single segment is its own window.
            _ if content_len == 2 => number(content) + 256,
            _ => number(content),
        };
        Ok(Self::Frame {
            window,
            // At most four bytes long.
            dictionary: number(dictionary) as u32,
        })
    }
}

fn number(little_endian: &[u8]) -> u64 {
    little_endian
        .iter()
        .rev()
        .fold(0, |n, b| n << 8 | u64::from(*b))
}

fn no_memory() -> Error {
    Error::new(
        Status::LimitExceeded,
        "zstd: there is no memory for the window of a frame",
    )
}

fn failure(code: zstd_safe::ErrorCode) -> Error {
    // libzstd's codes are its error numbers, negated.
    let is = |e: ZSTD_ErrorCode| code.wrapping_neg() == e as usize;
    if is(ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
        return no_memory();
    }
    let status = match is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        // The caller's limit would have let it pass.
        true => Status::Unsupported,
        false => Status::Malformed,
    };
    Error::new(
        status,
        format_args!("zstd: {}", zstd_safe::get_error_name(code)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a frame with `descriptor` and what is behind it.
    fn header(descriptor: u8, rest: &[u8]) -> Vec<u8> {
        [&[0x28, 0xB5, 0x2F, 0xFD, descriptor], rest].concat()
    }

    fn frame(window: u64, dictionary: u32) -> Header {
        Header::Frame { window, dictionary }
    }

    #[test]
    fn headers_are_read_as_the_specification_writes_them() {
        let kib = 1 << 10;
        let rows = [
            // Windows: exponent in the upper five bits, eighths in the lower three.
            (header(0x00, &[0x00]), frame(kib, 0)),
            (header(0x00, &[0x07]), frame(kib + 7 * kib / 8, 0)),
            (header(0x00, &[0x88]), frame(128 << 20, 0)),
            (header(0x00, &[0x89]), frame(144 << 20, 0)),
            (header(0x00, &[0xFF]), frame((1 << 41) + 7 * (1 << 38), 0)),
            // Content sizes beside a window are no window.
            (header(0x40, &[0x00, 9, 9]), frame(kib, 0)),
            (header(0x80, &[0x00, 9, 9, 9, 9]), frame(kib, 0)),
            (header(0xC0, &[0x00, 9, 9, 9, 9, 9, 9, 9, 9]), frame(kib, 0)),
            // Single segments: 1, 2, 4 and 8 bytes.
            (header(0x20, &[0]), frame(0, 0)),
            (header(0x20, &[255]), frame(255, 0)),
            (header(0x60, &[0, 0]), frame(256, 0)),
            (header(0x60, &[0xFF, 0xFF]), frame(65_791, 0)),
            (header(0xA0, &[1, 2, 0, 0x80]), frame(0x8000_0201, 0)),
            (header(0xE0, &[0xFF; 8]), frame(u64::MAX, 0)),
            // Dictionaries of 1, 2 and 4 bytes, with and without a window.
            (header(0x01, &[0x00, 5]), frame(kib, 5)),
            (header(0x22, &[5, 1, 7]), frame(7, 261)),
            (header(0x23, &[0, 0, 0, 0x80, 7]), frame(7, 1 << 31)),
            (header(0x23, &[0, 0, 0, 0, 7]), frame(7, 0)),
            // The checksum flag changes nothing here.
            (header(0x04, &[0x00]), frame(kib, 0)),
            (
                [&[0x53, 0x2A, 0x4D, 0x18][..], &[1, 2, 3, 4]].concat(),
                Header::Skippable(0x0403_0201),
            ),
        ];
        for (bytes, header) in rows {
            assert_eq!(Header::parse(&bytes).unwrap(), header, "{bytes:x?}");
            // Shorter, it asks for more, but never for more than there is to a header.
            for cut in 0..bytes.len() {
                match Header::parse(&bytes[..cut]).unwrap() {
                    Header::Longer(n) => assert!(cut < n && n <= bytes.len(), "{bytes:x?}"),
                    header => panic!("{bytes:x?} cut at {cut}: {header:?}"),
                }
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_malformed() {
        for magic in [
            [0, 0, 0, 0],
            [0x1F, 0x8B, 8, 0],
            [0x28, 0xB5, 0x2F, 0xFC],
            [0x60, 0x2A, 0x4D, 0x18],
        ] {
            let e = Header::parse(&magic).unwrap_err();
            assert_eq!(e.status(), Status::Malformed, "{magic:x?}");
        }
    }

    #[test]
    fn the_window_limit_is_exact_and_comes_first() {
        for (bytes, window) in [
            (header(0x00, &[0x00]), 1 << 10),
            (header(0x00, &[0x8B]), 176 << 20),
            (header(0x00, &[0xA8]), 1 << 31),
            (header(0xA0, &[0, 0, 0, 1]), 1 << 24),
            (header(0x60, &[0, 0]), 256),
        ] {
            let mut out = [0; 10];
            let step = Zstd::new(window).unwrap().decode(&bytes, &mut out).unwrap();
            assert_eq!((step.read, step.written), (bytes.len(), 0));
            let e = Zstd::new(window - 1).unwrap().decode(&bytes, &mut out);
            let e = e.unwrap_err();
            assert_eq!(e.status(), Status::LimitExceeded, "{bytes:x?}");
            assert!(e.message().contains(&window.to_string()), "{e}");
        }
        // By default 128 MiB.
        for (descriptor, fits) in [(0x88, true), (0x89, false)] {
            let opened = Zstd::new(0)
                .unwrap()
                .decode(&header(0x00, &[descriptor]), &mut [0]);
            assert_eq!(opened.is_ok(), fits);
        }
    }

    #[test]
    fn windows_that_libzstd_cannot_hold_are_unsupported() {
        let too_large = header(0x00, &[0xFF]);
        let e = Zstd::new(u64::MAX).unwrap().decode(&too_large, &mut [0]);
        assert_eq!(e.unwrap_err().status(), Status::Unsupported);
    }

    #[test]
    fn dictionaries_are_unsupported() {
        let e = Zstd::new(0)
            .unwrap()
            .decode(&header(0x21, &[5, 7]), &mut [0]);
        let e = e.unwrap_err();
        assert_eq!(e.status(), Status::Unsupported);
        assert!(e.message().contains("dictionary 5"), "{e}");
    }

    #[test]
    fn reserved_bits_are_malformed() {
        let e = Zstd::new(0).unwrap().decode(&header(0x28, &[1]), &mut [0]);
        assert_eq!(e.unwrap_err().status(), Status::Malformed);
    }
}
