//! Unpacks compressed archives to a file that can be read in place.

use super::extent::Extent;
use super::foreign_format;
use super::system_error::{escaped, os_message};
use super::temp_dir::temp_dir;
use crate::compression::{Compression, DEFAULT_MAX_WINDOW_SIZE};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::tar;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The file itself or, if it is compressed, an unnamed temporary file with its content, of
/// at most `max_size` bytes.
pub fn unpacked(file: Extent, max_size: Option<u64>, ctx: &Context) -> Result<Extent> {
    let context = |e: Error| e.context(file.place());
    let compression = Compression::of(&file.head()?);
    let Some(mut decoder) = compression
        .decoder(DEFAULT_MAX_WINDOW_SIZE)
        .map_err(context)?
    else {
        return Ok(file);
    };
    let mut spool = Spool::new(max_size)?;
    let mut room = vec![0; 128 << 10];
    let mut head = Vec::with_capacity(tar::BLOCK);
    // Some writers pad the file with zeros, as tar pads an archive.
    let mut is_padding = false;
    file.for_each_piece(ctx, |mut piece| {
        loop {
            is_padding |= compression == Compression::Gzip
                && piece.first() == Some(&0)
                && decoder.finish().is_ok();
            if is_padding {
                return match piece.iter().find(|byte| **byte != 0) {
                    None => Ok(()),
                    Some(other) => Err(context(Error::malformed(format_args!(
                        "gzip: found byte {other:#04x} after zeros behind the last member, \
                         expected zeros alone"
                    )))),
                };
            }
            let step = decoder.decode(piece, &mut room).map_err(context)?;
            if head.len() < tar::BLOCK {
                head.extend(room[..step.written].iter().take(tar::BLOCK - head.len()));
                // A file of any size may come out of one that is no archive.
                if head.len() == tar::BLOCK && !tar::is_archive(&head) {
                    return Err(no_archive(file.place(), &head));
                }
            }
            spool.write(&room[..step.written]).map_err(context)?;
            piece = &piece[step.read..];
            if piece.is_empty() && step.written < room.len() {
                return Ok(());
            }
        }
    })?;
    decoder.finish().map_err(context)?;
    Extent::of_file(spool.file, file.place())
}

/// The error for a file that is no archive, or holds none but what begins with `head`.
pub fn no_archive(place: impl Display, head: &[u8]) -> Error {
    let found = match foreign_format::is_text(head) {
        true => "found text in it, perhaps the message of a failed command",
        false => "found no tar archive in it",
    };
    Error::unsupported(format_args!(
        "{found}, expected an OCI archive or one of docker save, as it is or compressed once"
    ))
    .context(place)
}

/// A temporary file for an unpacked archive.
struct Spool {
    file: File,
    folder: PathBuf,
    max_size: Option<u64>,
    left: u64,
}

impl Spool {
    fn new(max_size: Option<u64>) -> Result<Self> {
        let folder = temp_dir();
        Ok(Self {
            file: tempfile::tempfile_in(&folder).map_err(|e| spool_error(&folder, &e))?,
            folder,
            max_size,
            left: max_size.unwrap_or(u64::MAX),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            Error::limit_exceeded(format_args!(
                "unpacks to more than {} bytes, expected no more",
                self.max_size.unwrap_or(u64::MAX)
            ))
        })?;
        self.file
            .write_all(bytes)
            .map_err(|e| spool_error(&self.folder, &e))
    }
}

fn spool_error(folder: &Path, e: &io::Error) -> Error {
    Error::io(format_args!(
        "temporary file for the unpacked archive in {}: {}",
        escaped(folder.as_os_str().as_bytes()),
        os_message(e)
    ))
    .with_errno(e.raw_os_error().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{archive, bzip2, drain, file, gzip, on_disk, xz, zstd};
    use super::*;
    use crate::error::Status;

    fn unpack(packed: &[u8], max_size: impl Into<Option<u64>>) -> Result<Vec<u8>, Status> {
        let file = Extent::of_file(on_disk(packed).reopen().unwrap(), "a.tar").unwrap();
        unpacked(file, max_size.into(), &Context::default())
            .and_then(|file| drain(Box::new(file.stream())))
            .map_err(|e| e.status())
    }

    fn sample() -> Vec<u8> {
        // Of several pieces, and not of zeros alone.
        let noise: Vec<u8> = (0..300_000u32)
            .map(|n| (n.wrapping_mul(n) >> 7) as u8)
            .collect();
        archive(&[file("noise", noise)])
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let tar = sample();
        let (half, rest) = tar.split_at(tar.len() / 2);
        let skippable = b"\x50\x2A\x4D\x18\x03\0\0\0abc";
        for (row, packed) in [
            ("plain", tar.clone()),
            ("gzip", gzip(&tar)),
            ("zstd", zstd(&tar)),
            ("bzip2", bzip2(&tar)),
            ("xz", xz(&tar)),
            ("two bzip2 streams", [bzip2(half), bzip2(rest)].concat()),
            ("two xz streams", [xz(half), vec![0; 8], xz(rest)].concat()),
            ("xz and padding", [xz(&tar), vec![0; 512]].concat()),
            ("two members", [gzip(half), gzip(rest)].concat()),
            ("two frames", [zstd(half), zstd(rest)].concat()),
            (
                "skippable frames",
                [&skippable[..], &zstd(&tar), skippable].concat(),
            ),
            (
                "an empty member",
                [gzip(b""), gzip(&tar), gzip(b"")].concat(),
            ),
        ] {
            assert!(unpack(&packed, None).as_ref() == Ok(&tar), "{row}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let tar = sample();
        let size = tar.len() as u64;
        for packed in [gzip(&tar), zstd(&tar), bzip2(&tar), xz(&tar)] {
            assert!(unpack(&packed, size).is_ok());
            assert_eq!(unpack(&packed, size - 1), Err(Status::LimitExceeded));
            assert_eq!(unpack(&packed, 1), Err(Status::LimitExceeded));
        }
        // It limits the unpacked size.
        assert!(unpack(&tar, 1).is_ok());
    }

    /// A small file may unpack to any size: all of it need not be unpacked to find out.
    #[test]
    fn what_is_no_archive_ends_after_its_first_block() {
        type Pack = fn(&[u8]) -> Vec<u8>;
        let text = vec![b'x'; 16 << 20];
        let tar = archive(&[file("x", text.clone())]);
        let packers: [Pack; 4] = [zstd, gzip, bzip2, xz];
        for pack in packers {
            let packed = pack(&text);
            assert!(packed.len() < text.len() / 64);
            // Less than what is unpacked at once.
            let limit = 128 << 10;
            assert_eq!(unpack(&packed, limit), Err(Status::Unsupported));
            assert_eq!(unpack(&pack(&tar), limit), Err(Status::LimitExceeded));
            // Nothing behind it is read: it is cut off, or followed by anything.
            let other = [&packed[..packed.len() - 1], b"other"].concat();
            assert_eq!(unpack(&other, None), Err(Status::Unsupported));
            // The block may come in pieces.
            let pieces: Vec<_> = text[..2048].chunks(100).flat_map(pack).collect();
            assert_eq!(unpack(&pieces, 1024), Err(Status::Unsupported));
        }
    }

    #[test]
    fn damage_is_malformed() {
        let tar = archive(&[file("a", "a")]);
        for packed in [gzip(&tar), zstd(&tar), bzip2(&tar), xz(&tar)] {
            for cut in 10..packed.len() {
                assert_eq!(
                    unpack(&packed[..cut], None),
                    Err(Status::Malformed),
                    "{cut}"
                );
            }
            for garbage in [&b"x"[..], b"\0x", &[&[0; 100_000][..], b"x"].concat()] {
                let packed = [&packed[..], garbage].concat();
                assert_eq!(unpack(&packed, None), Err(Status::Malformed));
            }
        }
        let mut wrong_sum = gzip(&tar);
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        assert_eq!(unpack(&wrong_sum, None), Err(Status::Malformed));
    }

    #[test]
    fn zeros_behind_gzip_alone_are_padding() {
        let tar = sample();
        for zeros in [1, 512, 100_000] {
            let zeros = vec![0; zeros];
            let padded = [gzip(&tar), zeros.clone()].concat();
            assert!(unpack(&padded, None).as_ref() == Ok(&tar));
            // A member after the zeros is not read.
            let padded = [gzip(&tar), zeros.clone(), gzip(b"")].concat();
            assert_eq!(unpack(&padded, None), Err(Status::Malformed));
            let padded = [zstd(&tar), zeros].concat();
            assert_eq!(unpack(&padded, None), Err(Status::Malformed));
        }
    }

    #[test]
    fn unpacking_can_be_cancelled() {
        let ctx = Context::default();
        ctx.cancel();
        let packed = on_disk(&gzip(&sample()));
        let file = Extent::of_file(packed.reopen().unwrap(), "a.tar").unwrap();
        let e = unpacked(file, None, &ctx).map(drop).unwrap_err();
        assert_eq!(e.status(), Status::Cancelled);
    }

    #[test]
    fn the_window_is_bounded() {
        // 128 MiB, and the next larger one there is.
        for (window, expected) in [
            (17 << 3, Err(Status::Malformed)),
            ((17 << 3) + 1, Err(Status::LimitExceeded)),
        ] {
            let frame = [0x28, 0xB5, 0x2F, 0xFD, 0, window];
            assert_eq!(unpack(&frame, None), expected, "{window}");
        }
    }
}
