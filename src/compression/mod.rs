//! How a blob is compressed, detected by its content, and decoders for it.
//!
//! Media types are ignored: they are often wrong, and a reader that trusts them would see
//! other content than one that looks at the bytes.

mod bzip2;
mod decoder;
mod encoder;
mod gzip;
mod xz;
mod zstd;

pub use decoder::Decoder;
pub use encoder::{Encoder, Layout, Method, Piece, Trailer};

use crate::error::Result;
use crate::tar::{self, is_tar};
use bzip2::Bzip2;
use gzip::Gzip;
use xz::Xz;
use zstd::Zstd;

/// Bytes from the start of a blob that detection needs: a tar header.
pub const HEAD: usize = tar::BLOCK;

/// The memory that a zstd window or an xz dictionary may take, unless a caller says
/// otherwise.
pub const DEFAULT_MAX_WINDOW_SIZE: u64 = 128 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    /// Detects the compression of a blob from `head`: its first [`HEAD`] bytes, or all of
    /// it if it has fewer. Unknown content counts as not compressed.
    pub fn of(head: &[u8]) -> Self {
        // Comes first: a tar archive starts with the name of a file, which may be
        // anything.
        if is_tar(head) {
            return Self::None;
        }
        match head {
            [0x1F, 0x8B, 8, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Self::Zstd,
            // A skippable frame.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..]
                // The first block, or the end of a stream without one.
                if block.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                    || block.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) =>
            {
                Self::Bzip2
            }
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    /// The name of the compression; `None` for content that is not compressed.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        })
    }

    /// The media type of an OCI layer that is compressed this way. The specification has
    /// none for bzip2 and xz; theirs follow its pattern.
    pub fn oci_layer(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::Bzip2 => "application/vnd.oci.image.layer.v1.tar+bzip2",
            Self::Xz => "application/vnd.oci.image.layer.v1.tar+xz",
        }
    }

    /// Makes a decoder; `None` for content that is not compressed. `max_window_size`
    /// bounds what a zstd window or an xz dictionary may take.
    pub fn decoder(self, max_window_size: u64) -> Result<Option<Box<dyn Decoder>>> {
        Ok(match self {
            Self::None => None,
            Self::Gzip => Some(Box::new(Gzip::new())),
            Self::Zstd => Some(Box::new(Zstd::new(max_window_size)?)),
            Self::Bzip2 => Some(Box::new(Bzip2::new())),
            Self::Xz => Some(Box::new(Xz::new(max_window_size)?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_header(name: &[u8]) -> ::tar::Header {
        let mut header = ::tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    #[test]
    fn compression_is_found_by_content() {
        let bzip2_block = b"BZh9\x31\x41\x59\x26\x53\x59";
        let bzip2_empty = b"BZh1\x17\x72\x45\x38\x50\x90";
        let rows: [(&[u8], Compression); 19] = [
            (b"", Compression::None),
            (b"\x1F\x8B", Compression::None),
            (b"\x1F\x8B\x08", Compression::Gzip),
            (b"\x1F\x8B\x07", Compression::None),
            (b"\x1F\x8B\x08\0\0\0\0\0\0\x03", Compression::Gzip),
            (b"\x28\xB5\x2F\xFD", Compression::Zstd),
            (b"\x28\xB5\x2F", Compression::None),
            (b"\x28\xB5\x2F\xFC", Compression::None),
            (b"\x4F\x2A\x4D\x18", Compression::None),
            (b"\x50\x2A\x4D\x18", Compression::Zstd),
            (b"\x5F\x2A\x4D\x18", Compression::Zstd),
            (b"\x60\x2A\x4D\x18", Compression::None),
            (bzip2_block, Compression::Bzip2),
            (bzip2_empty, Compression::Bzip2),
            (b"BZh0\x31\x41\x59\x26\x53\x59", Compression::None),
            (b"BZh9 is the start of a text", Compression::None),
            (b"\xFD7zXZ\0", Compression::Xz),
            (b"\xFD7zXZ", Compression::None),
            (&[0; 1024], Compression::None),
        ];
        for (head, compression) in rows {
            assert_eq!(Compression::of(head), compression, "{head:x?}");
        }
    }

    #[test]
    fn a_fitting_tar_checksum_outweighs_every_magic() {
        let magics: [&[u8]; 5] = [
            b"\x1F\x8B\x08",
            b"\x28\xB5\x2F\xFD",
            b"\x50\x2A\x4D\x18",
            b"BZh9\x31\x41\x59\x26\x53\x59",
            b"\xFD7zXZ\0",
        ];
        for magic in magics {
            let mut header = tar_header(magic);
            let fits = Compression::of(header.as_bytes());
            assert_eq!(fits, Compression::None, "{magic:x?}");

            // With another byte in the name the checksum is wrong; a header that is cut off
            // is none either.
            let whole = *header.as_bytes();
            header.as_mut_bytes()[50] ^= 1;
            for head in [&header.as_bytes()[..], &whole[..511]] {
                let found = Compression::of(head);
                assert!(found != Compression::None, "{magic:x?}");
            }
        }
    }

    #[test]
    fn tar_checksums_over_signed_bytes_fit_too() {
        let mut header = tar_header(b"\x1F\x8B\x08");
        let unsigned = header.cksum().unwrap();
        // One byte of the name is 0x80 or more: read as signed, 0x8B is 256 less.
        let signed = format!("{:06o}\0 ", unsigned - 256);
        header.as_old_mut().cksum.copy_from_slice(signed.as_bytes());
        assert_eq!(Compression::of(header.as_bytes()), Compression::None);
        let neither = format!("{:06o}\0 ", unsigned - 255);
        header
            .as_old_mut()
            .cksum
            .copy_from_slice(neither.as_bytes());
        assert_eq!(Compression::of(header.as_bytes()), Compression::Gzip);
    }
}
