//! Compressed archives, unpacked where they can be read in place.

use super::escaped;
use super::extent::Extent;
use crate::error::{Error, Result, Status};
use crate::reader::compression::Compression;
use std::io::{self, Write};

/// The archive itself: the file, or where it is compressed a temporary file without a
/// name that it was unpacked to, of at most `max_size` bytes (0 is no limit).
pub fn unpacked(file: Extent, max_size: u64) -> Result<Extent> {
    let within = |e: Error| e.within(escaped(file.name()));
    let compression = Compression::of(&file.head()?).map_err(within)?;
    let Some(mut decoder) = compression.decoder(0).map_err(within)? else {
        return Ok(file);
    };
    let spool_error = |e: io::Error| {
        Error::new(
            Status::Io,
            format_args!("temporary file for the unpacked archive: {e}"),
        )
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
                within(Error::new(
                    Status::LimitExceeded,
                    format_args!("unpacks to more than {max_size} bytes, expected no more"),
                ))
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
