//! How a blob is compressed, told by its content, and what undoes that.
//!
//! Media types are not asked: they are wrong often enough, and every reader that goes
//! by the content would see something else than one that believes them.

mod decoder;
mod gzip;
mod zstd;

pub use decoder::Decoder;

use crate::error::{Error, Result};
use gzip::Gzip;
use zstd::Zstd;

/// Bytes from the start of a blob that tell what it is: a tar header.
pub const HEAD: usize = 512;

/// The memory that a zstd window or an xz dictionary may take, unless a caller says
/// otherwise.
pub const DEFAULT_MAX_WINDOW_SIZE: u64 = 128 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Of the blob that starts with `head`: its first [`HEAD`] bytes, or all of it if it
    /// has fewer. What nobody can read here is UNSUPPORTED by name, what is unknown is
    /// not compressed.
    pub fn of(head: &[u8]) -> Result<Self> {
        // First of all, since a tar archive starts with a file's name, which may be
        // anything.
        if is_tar(head) {
            return Ok(Self::None);
        }
        match head {
            [0x1F, 0x8B, 8, ..] => Ok(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Ok(Self::Zstd),
            // A skippable frame.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Ok(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..]
                // The first block, or the end of a file without one.
                if block.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                    || block.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) =>
            {
                Err(unsupported("bzip2"))
            }
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Err(unsupported("xz")),
            _ => Ok(Self::None),
        }
    }

    /// What undoes it; nothing where there is nothing to undo. `max_window_size` bounds
    /// what a zstd frame may make it allocate.
    pub fn decoder(self, max_window_size: u64) -> Result<Option<Box<dyn Decoder>>> {
        Ok(match self {
            Self::None => None,
            Self::Gzip => Some(Box::new(Gzip::new())),
            Self::Zstd => Some(Box::new(Zstd::new(max_window_size)?)),
        })
    }
}

fn unsupported(name: &str) -> Error {
    Error::unsupported(format_args!(
        "content is compressed with {name}, expected gzip, zstd or none"
    ))
}

/// Whether a tar header stands here whose checksum fits, taken over unsigned bytes or,
/// as some old programs did, over signed ones.
pub fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<HEAD>() else {
        return false;
    };
    let header = tar::Header::from_byte_slice(block);
    let Ok(written) = header.cksum() else {
        return false;
    };
    // The checksum's own field counts as blanks.
    let sum = |value: fn(u8) -> i64| -> i64 {
        let of = |bytes: &[u8]| -> i64 { bytes.iter().map(|b| value(*b)).sum() };
        of(block) - of(&block[148..156]) + 8 * i64::from(b' ')
    };
    let written = i64::from(written);
    sum(i64::from) == written || sum(|b| i64::from(b as i8)) == written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn tar_header(name: &[u8]) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    #[test]
    fn content_tells_its_compression() {
        let bzip2_block = b"BZh9\x31\x41\x59\x26\x53\x59";
        let bzip2_empty = b"BZh1\x17\x72\x45\x38\x50\x90";
        let rows: [(&[u8], Result<Compression, &str>); 19] = [
            (b"", Ok(Compression::None)),
            (b"\x1F\x8B", Ok(Compression::None)),
            (b"\x1F\x8B\x08", Ok(Compression::Gzip)),
            (b"\x1F\x8B\x07", Ok(Compression::None)),
            (b"\x1F\x8B\x08\0\0\0\0\0\0\x03", Ok(Compression::Gzip)),
            (b"\x28\xB5\x2F\xFD", Ok(Compression::Zstd)),
            (b"\x28\xB5\x2F", Ok(Compression::None)),
            (b"\x28\xB5\x2F\xFC", Ok(Compression::None)),
            (b"\x4F\x2A\x4D\x18", Ok(Compression::None)),
            (b"\x50\x2A\x4D\x18", Ok(Compression::Zstd)),
            (b"\x5F\x2A\x4D\x18", Ok(Compression::Zstd)),
            (b"\x60\x2A\x4D\x18", Ok(Compression::None)),
            (bzip2_block, Err("bzip2")),
            (bzip2_empty, Err("bzip2")),
            (b"BZh0\x31\x41\x59\x26\x53\x59", Ok(Compression::None)),
            (b"BZh9 is the start of a text", Ok(Compression::None)),
            (b"\xFD7zXZ\0", Err("xz")),
            (b"\xFD7zXZ", Ok(Compression::None)),
            (&[0; 1024], Ok(Compression::None)),
        ];
        for (head, compression) in rows {
            match (Compression::of(head), compression) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{head:x?}"),
                (Err(e), Err(name)) => {
                    assert_eq!(e.status(), Status::Unsupported);
                    assert!(e.message().contains(name), "{e}");
                }
                (found, _) => panic!("{head:x?}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_fitting_tar_checksum_outweighs_every_magic() {
        let magics: [&[u8]; 5] = [
            b"\x1F\x8B\x08",
            b"\x28\xB5\x2F\xFD",
            b"\x50\x2A\x4D\x18",
            b"BZh9\x31\x41\x59\x26\x53\x59",
            b"\xFD7zXZ",
        ];
        for magic in magics {
            let mut header = tar_header(magic);
            let fits = Compression::of(header.as_bytes());
            assert_eq!(fits.unwrap(), Compression::None, "{magic:x?}");

            // Another byte in the name, and it is no longer a tar header; nor is what
            // ends before its header does.
            let whole = *header.as_bytes();
            header.as_mut_bytes()[50] ^= 1;
            for head in [&header.as_bytes()[..], &whole[..511]] {
                let found = Compression::of(head);
                assert!(!matches!(found, Ok(Compression::None)), "{magic:x?}");
            }
        }
    }

    #[test]
    fn tar_checksums_over_signed_bytes_fit_too() {
        let mut header = tar_header(b"\x1F\x8B\x08");
        let unsigned = header.cksum().unwrap();
        // Two bytes of the name are 0x80 or more or, as here, one: 0x8B is 256 less.
        let signed = format!("{:06o}\0 ", unsigned - 256);
        header.as_old_mut().cksum.copy_from_slice(signed.as_bytes());
        assert_eq!(
            Compression::of(header.as_bytes()).unwrap(),
            Compression::None
        );
        let neither = format!("{:06o}\0 ", unsigned - 255);
        header
            .as_old_mut()
            .cksum
            .copy_from_slice(neither.as_bytes());
        assert_eq!(
            Compression::of(header.as_bytes()).unwrap(),
            Compression::Gzip
        );
    }
}
