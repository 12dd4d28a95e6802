//! Compressed archives, unpacked where they can be read in place.

use super::extent::Extent;
use super::{escaped, said};
use crate::compression::{Compression, DEFAULT_MAX_WINDOW_SIZE};
use crate::error::{Error, Result};
use std::env;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// The archive itself: the file, or where it is compressed a temporary file without a
/// name that it was unpacked to, of at most `max_size` bytes (0 is no limit).
pub fn unpacked(file: Extent, max_size: u64) -> Result<Extent> {
    let within = |e: Error| e.context(escaped(file.name()));
    let compression = Compression::of(&file.head()?);
    let Some(mut decoder) = compression
        .decoder(DEFAULT_MAX_WINDOW_SIZE)
        .map_err(within)?
    else {
        return Ok(file);
    };
    let spool_error = |e: io::Error| {
        Error::io(format_args!(
            "temporary file for the unpacked archive in {}: {}",
            escaped(env::temp_dir().as_os_str().as_bytes()),
            said(&e)
        ))
    };
    let mut spool = tempfile::tempfile().map_err(spool_error)?;
    let mut room = vec![0; 128 << 10];
    let mut left = match max_size {
        0 => u64::MAX,
        limit => limit,
    };
    file.for_each_piece(|mut piece| {
        loop {
            let step = decoder.decode(piece, &mut room).map_err(within)?;
            left = left.checked_sub(step.written as u64).ok_or_else(|| {
                within(Error::limit_exceeded(format_args!(
                    "unpacks to more than {max_size} bytes, expected no more"
                )))
            })?;
            spool
                .write_all(&room[..step.written])
                .map_err(spool_error)?;
            piece = &piece[step.read..];
            if piece.is_empty() && step.written < room.len() {
                return Ok(());
            }
        }
    })?;
    decoder.finish().map_err(within)?;
    Extent::of_file(spool, file.name())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{archive, drain, file, gzip, on_disk, zstd};
    use super::*;
    use crate::error::Status;

    fn unpack(packed: &[u8], max_size: u64) -> Result<Vec<u8>, Status> {
        let file = Extent::of_file(on_disk(packed).reopen().unwrap(), b"a.tar").unwrap();
        unpacked(file, max_size)
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
            assert!(unpack(&packed, 0).as_ref() == Ok(&tar), "{row}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let tar = sample();
        let size = tar.len() as u64;
        for packed in [gzip(&tar), zstd(&tar)] {
            assert!(unpack(&packed, size).is_ok());
            assert_eq!(unpack(&packed, size - 1), Err(Status::LimitExceeded));
            assert_eq!(unpack(&packed, 1), Err(Status::LimitExceeded));
        }
        // It is about what is unpacked.
        assert!(unpack(&tar, 1).is_ok());
    }

    #[test]
    fn damage_is_malformed() {
        let tar = archive(&[file("a", "a")]);
        for packed in [gzip(&tar), zstd(&tar)] {
            for cut in 4..packed.len() {
                assert_eq!(unpack(&packed[..cut], 0), Err(Status::Malformed), "{cut}");
            }
            for garbage in [&b"x"[..], &[0; 512]] {
                let packed = [&packed[..], garbage].concat();
                assert_eq!(unpack(&packed, 0), Err(Status::Malformed));
            }
        }
        let mut wrong_sum = gzip(&tar);
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        assert_eq!(unpack(&wrong_sum, 0), Err(Status::Malformed));
    }

    #[test]
    fn the_window_is_bounded() {
        // 128 MiB, and the next larger one there is.
        for (window, expected) in [
            (17 << 3, Err(Status::Malformed)),
            ((17 << 3) + 1, Err(Status::LimitExceeded)),
        ] {
            let frame = [0x28, 0xB5, 0x2F, 0xFD, 0, window];
            assert_eq!(unpack(&frame, 0), expected, "{window}");
        }
    }
}
