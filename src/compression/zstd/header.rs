//! The header of a zstd frame.
//!
//! Parsed here and not by libzstd: the window has to be known before libzstd allocates it,
//! and zstd_safe offers no safe call for it (`ZSTD_getFrameHeader` is unsafe there and
//! experimental).

use crate::error::{Error, Result};

pub const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// Magic, descriptor, window, dictionary and content size at their longest.
pub const MAX_HEADER: usize = 18;

/// The start of a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Header {
    /// More bytes are needed: this many in all.
    Longer(usize),
    Frame {
        window: u64,
        dictionary: u32,
        /// Its uncompressed size, if the header has it.
        content: Option<u64>,
    },
    /// A skippable frame with this many bytes behind its header.
    Skippable(usize),
}

impl Header {
    /// Sections 3.1.1.1 and 3.1.2; `header` is never longer than was asked for.
    pub fn parse(header: &[u8]) -> Result<Self> {
        let Some((magic, rest)) = header.split_first_chunk::<4>() else {
            return Ok(Self::Longer(4));
        };
        if !may_be_magic(magic) {
            return Err(no_frame(magic));
        }
        if *magic != MAGIC {
            // A skippable frame.
            return Ok(match rest.first_chunk::<4>() {
                Some(len) => Self::Skippable(u32::from_le_bytes(*len) as usize),
                None => Self::Longer(8),
            });
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
        let content = match content_len {
            0 => None,
            2 => Some(number(content) + 256),
            _ => Some(number(content)),
        };
        let window = match window {
            [descriptor] => {
                let base = 1 << (10 + (descriptor >> 3));
                base + base / 8 * u64::from(descriptor & 7)
            }
            // A single segment, which always says its size, is its own window.
            _ => content.unwrap_or_default(),
        };
        Ok(Self::Frame {
            window,
            // At most four bytes long.
            dictionary: number(dictionary) as u32,
            content,
        })
    }
}

/// Whether a frame may begin with these bytes, of which there are at most four.
pub fn may_be_magic(start: &[u8]) -> bool {
    let begins = |magic: [u8; 4]| magic.starts_with(start);
    begins(MAGIC) || (0x50..=0x5F).any(|first| begins([first, 0x2A, 0x4D, 0x18]))
}

pub fn no_frame(start: &[u8]) -> Error {
    let start: Vec<_> = start.iter().map(|b| format!("{b:02x}")).collect();
    malformed(format_args!(
        "bytes {} after the last frame, expected the end or another frame",
        start.join(" ")
    ))
}

fn number(little_endian: &[u8]) -> u64 {
    little_endian
        .iter()
        .rev()
        .fold(0, |n, b| n << 8 | u64::from(*b))
}

pub fn malformed(message: impl std::fmt::Display) -> Error {
    Error::malformed(format_args!("zstd: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    /// The header of a frame with `descriptor` and what is behind it.
    fn header(descriptor: u8, rest: &[u8]) -> Vec<u8> {
        [&[0x28, 0xB5, 0x2F, 0xFD, descriptor], rest].concat()
    }

    fn frame(window: u64, dictionary: u32, content: Option<u64>) -> Header {
        Header::Frame {
            window,
            dictionary,
            content,
        }
    }

    #[test]
    fn headers_are_read_as_the_specification_writes_them() {
        let kib = 1 << 10;
        let rows = [
            // Windows: exponent in the upper five bits, eighths in the lower three.
            (header(0x00, &[0x00]), frame(kib, 0, None)),
            (header(0x00, &[0x07]), frame(kib + 7 * kib / 8, 0, None)),
            (header(0x00, &[0x88]), frame(128 << 20, 0, None)),
            (header(0x00, &[0x89]), frame(144 << 20, 0, None)),
            (
                header(0x00, &[0xFF]),
                frame((1 << 41) + 7 * (1 << 38), 0, None),
            ),
            // Content sizes beside a window are no window.
            (
                header(0x40, &[0x00, 9, 9]),
                frame(kib, 0, Some(0x0909 + 256)),
            ),
            (
                header(0x80, &[0x00, 9, 9, 9, 9]),
                frame(kib, 0, Some(0x0909_0909)),
            ),
            (
                header(0xC0, &[0x00, 9, 0, 0, 0, 0, 0, 0, 9]),
                frame(kib, 0, Some((9 << 56) + 9)),
            ),
            // Single segments: 1, 2, 4 and 8 bytes.
            (header(0x20, &[0]), frame(0, 0, Some(0))),
            (header(0x20, &[255]), frame(255, 0, Some(255))),
            (header(0x60, &[0, 0]), frame(256, 0, Some(256))),
            (header(0x60, &[0xFF, 0xFF]), frame(65_791, 0, Some(65_791))),
            (
                header(0xA0, &[1, 2, 0, 0x80]),
                frame(0x8000_0201, 0, Some(0x8000_0201)),
            ),
            (header(0xE0, &[0xFF; 8]), frame(u64::MAX, 0, Some(u64::MAX))),
            // Dictionaries of 1, 2 and 4 bytes, with and without a window.
            (header(0x01, &[0x00, 5]), frame(kib, 5, None)),
            (header(0x22, &[5, 1, 7]), frame(7, 261, Some(7))),
            (
                header(0x23, &[0, 0, 0, 0x80, 7]),
                frame(7, 1 << 31, Some(7)),
            ),
            (header(0x23, &[0, 0, 0, 0, 7]), frame(7, 0, Some(7))),
            // The checksum flag changes nothing here.
            (header(0x04, &[0x00]), frame(kib, 0, None)),
            (
                [&[0x53, 0x2A, 0x4D, 0x18][..], &[1, 2, 3, 4]].concat(),
                Header::Skippable(0x0403_0201),
            ),
        ];
        for (bytes, header) in rows {
            assert_eq!(Header::parse(&bytes).unwrap(), header, "{bytes:x?}");
            // For a shorter input it asks for more bytes, but never for more than a header
            // has.
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
}
