//! Zstandard: <https://www.rfc-editor.org/rfc/rfc8878>.

mod header;

use super::decoder::{Decoder, Step};
use crate::error::{Error, Result};
use header::{Header, MAGIC, MAX_HEADER, malformed, may_be_magic, no_frame};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

/// The largest window that libzstd accepts, as a power of two.
const WINDOW_LOG_MAX: u32 = if usize::BITS > 32 { 31 } else { 30 };

/// Any number of frames, one after the other. The header of each is read here before
/// libzstd sees it, since libzstd bounds the window by a power of two only, and takes a
/// last block that is empty for the end of content of any size. It checks everything
/// else, checksums too.
pub struct Zstd {
    frames: DCtx<'static>,
    max_window: u64,
    header: [u8; MAX_HEADER],
    position: Position,
}

enum Position {
    /// This many bytes of a header were read; at 0, between two frames.
    Header(usize),
    /// Within a frame: the bytes unpacked so far, and its content size if the header has
    /// it.
    Frame { unpacked: u64, content: Option<u64> },
    /// Within a skippable frame, this many bytes before its end.
    Skipped(usize),
}

impl Zstd {
    /// `max_window` in bytes.
    pub fn new(max_window: u64) -> Result<Self> {
        let mut frames = DCtx::try_create().ok_or_else(no_memory)?;
        frames
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .map_err(failure)?;
        Ok(Self {
            frames,
            max_window,
            header: [0; MAX_HEADER],
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
                Header::Frame {
                    window,
                    dictionary,
                    content,
                } => {
                    self.check(window, dictionary)?;
                    // libzstd takes the whole header and returns no output yet.
                    let mut header = InBuffer::around(&self.header[..have]);
                    let mut none = OutBuffer::around(&mut [][..]);
                    self.frames
                        .decompress_stream(&mut none, &mut header)
                        .map_err(failure)?;
                    self.position = Position::Frame {
                        unpacked: 0,
                        content,
                    };
                    return Ok(read);
                }
            }
        }
    }

    fn check(&self, window: u64, dictionary: u32) -> Result<()> {
        if dictionary != 0 {
            return Err(Error::unsupported(format_args!(
                "zstd: frame needs dictionary {dictionary}, expected none"
            )));
        }
        if window > self.max_window {
            return Err(Error::limit_exceeded(format_args!(
                "zstd: frame needs a window of {window} bytes, expected at most {}",
                self.max_window
            )));
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

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
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
            Position::Frame { unpacked, content } => {
                let mut input = InBuffer::around(input);
                let mut out = OutBuffer::around(out);
                let hint = self
                    .frames
                    .decompress_stream(&mut out, &mut input)
                    .map_err(|code| match content {
                        // libzstd allocates no more than the size in the header.
                        Some(content) if is(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall) => {
                            malformed(format_args!(
                                "frame unpacks to more than the {content} bytes that its header says"
                            ))
                        }
                        _ => failure(code),
                    })?;
                let unpacked = unpacked + out.pos() as u64;
                self.position = match (hint, content) {
                    (0, Some(content)) if content != unpacked => {
                        return Err(malformed(format_args!(
                            "frame unpacks to {unpacked} bytes, expected {content} as its header says"
                        )));
                    }
                    (0, _) => Position::Header(0),
                    _ => Position::Frame { unpacked, content },
                };
                Ok(Step {
                    read: input.pos(),
                    written: out.pos(),
                })
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        match self.position {
            Position::Header(0) => Ok(()),
            Position::Header(have) if !may_be_magic(&self.header[..have.min(MAGIC.len())]) => {
                Err(no_frame(&self.header[..have]))
            }
            _ => Err(malformed("content ends within a frame")),
        }
    }
}

fn no_memory() -> Error {
    Error::limit_exceeded("zstd: there is no memory for the window of a frame")
}

/// Whether libzstd's code is this error: codes are negated error numbers.
fn is(code: zstd_safe::ErrorCode, error: ZSTD_ErrorCode) -> bool {
    code.wrapping_neg() == error as usize
}

fn failure(code: zstd_safe::ErrorCode) -> Error {
    if is(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
        return no_memory();
    }
    if is(
        code,
        ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge,
    ) {
        // The caller's limit alone would have accepted it.
        return Error::unsupported(format_args!("zstd: {}", zstd_safe::get_error_name(code)));
    }
    malformed(zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    /// The header of a frame with `descriptor` and what is behind it.
    fn header(descriptor: u8, rest: &[u8]) -> Vec<u8> {
        [&[0x28, 0xB5, 0x2F, 0xFD, descriptor], rest].concat()
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
    }

    #[test]
    fn windows_that_libzstd_cannot_hold_are_unsupported() {
        let too_large = header(0x00, &[0xFF]);
        let e = Zstd::new(u64::MAX).unwrap().decode(&too_large, &mut [0]);
        assert_eq!(e.unwrap_err().status(), Status::Unsupported);
    }

    #[test]
    fn dictionaries_are_unsupported() {
        let e = Zstd::new(128 << 20)
            .unwrap()
            .decode(&header(0x21, &[5, 7]), &mut [0]);
        let e = e.unwrap_err();
        assert_eq!(e.status(), Status::Unsupported);
        assert!(e.message().contains("dictionary 5"), "{e}");
    }

    /// An uncompressed block.
    fn block(is_last: bool, content: &[u8]) -> Vec<u8> {
        let header = (content.len() as u32) << 3 | u32::from(is_last);
        [&header.to_le_bytes()[..3], content].concat()
    }

    #[test]
    fn a_frame_has_the_content_that_its_header_says() {
        let hello = block(false, b"hello");
        let empty = block(true, b"");
        let last = block(true, b"hello");
        let window = |size: u64| header(0xC0, &[&[0x38][..], &size.to_le_bytes()].concat());
        type Row<'a> = (&'a str, Vec<Vec<u8>>, Result<&'a [u8], &'a str>);
        let rows: [Row<'_>; 9] = [
            (
                "right",
                vec![header(0x20, &[5]), last.clone()],
                Ok(b"hello"),
            ),
            (
                "right, last block empty",
                vec![header(0x20, &[5]), hello.clone(), empty.clone()],
                Ok(b"hello"),
            ),
            ("nothing", vec![header(0x20, &[0]), empty.clone()], Ok(b"")),
            (
                "no size",
                vec![header(0x00, &[0x38]), hello.clone(), empty.clone()],
                Ok(b"hello"),
            ),
            (
                "says 32, is empty",
                vec![header(0x20, &[32]), empty.clone()],
                Err("unpacks to 0 bytes, expected 32"),
            ),
            (
                "says 32, last block empty",
                vec![header(0x20, &[32]), hello.clone(), empty.clone()],
                Err("unpacks to 5 bytes, expected 32"),
            ),
            (
                "with a window says 1000, last block empty",
                vec![window(1000), hello.clone(), empty.clone()],
                Err("unpacks to 5 bytes, expected 1000"),
            ),
            (
                "with a window says what libzstd takes for nothing",
                vec![window(u64::MAX), last.clone()],
                Err("unpacks to 5 bytes, expected 18446744073709551615"),
            ),
            (
                "says 4",
                vec![header(0x20, &[4]), last.clone()],
                // In libzstd's words, which depend on the size of its buffer.
                Err("zstd: "),
            ),
        ];
        for (row, frame, expected) in rows {
            let frame = frame.concat();
            for piece in [1, frame.len()] {
                let mut zstd = Zstd::new(128 << 20).unwrap();
                let mut out = Vec::new();
                let end = frame.chunks(piece).try_for_each(|mut piece| {
                    while !piece.is_empty() {
                        let mut room = [0; 100];
                        let step = zstd.decode(piece, &mut room)?;
                        out.extend_from_slice(&room[..step.written]);
                        piece = &piece[step.read..];
                    }
                    Ok(())
                });
                match (end.and_then(|()| zstd.finish()), expected) {
                    (Ok(()), Ok(content)) => assert_eq!(out, content, "{row}"),
                    (Err(e), Err(message)) => {
                        let e: Error = e;
                        assert_eq!(e.status(), Status::Malformed, "{row}");
                        assert!(e.message().contains(message), "{row}: {e}");
                    }
                    (end, _) => panic!("{row}: {end:?}"),
                }
            }
        }
    }

    #[test]
    fn a_few_bytes_after_the_last_frame_are_malformed() {
        for tail in [
            &b"x"[..],
            b"\0\0",
            b"\x1F\x8B\x08",
            b"\x28\xB5\x2F",
            b"\x28\xB5\x2F\xFD\x20",
            b"\x50",
            b"\x50\x2A\x4D\x18\x03",
        ] {
            let mut zstd = Zstd::new(128 << 20).unwrap();
            zstd.decode(tail, &mut [0]).unwrap();
            let e = zstd.finish().unwrap_err();
            assert_eq!(e.status(), Status::Malformed);
            let is_cut = matches!(tail, [0x28 | 0x50, ..]);
            let message = if is_cut {
                "within a frame"
            } else {
                "after the last frame"
            };
            assert!(e.message().contains(message), "{tail:x?}: {e}");
        }
    }

    #[test]
    fn reserved_bits_are_malformed() {
        let e = Zstd::new(128 << 20)
            .unwrap()
            .decode(&header(0x28, &[1]), &mut [0]);
        assert_eq!(e.unwrap_err().status(), Status::Malformed);
    }
}
