//! Faults of an archive as a whole.

use crate::error::{Error, Status};
use thiserror::Error as LeafError;

/// The reason why the headers of an archive could not be read.
#[derive(Debug, LeafError)]
pub enum Flaw {
    #[error("archive at offset {at}: found a header whose checksum does not fit")]
    Checksum { at: u64 },
    #[error("archive at offset {at}: found the size \"{found}\", expected a number below 2^64")]
    Size { at: u64, found: String },
    #[error(
        "archive at offset {at}: is cut off, or its writer left out the end of the archive: \
         found its end after {size} bytes, expected {missing}"
    )]
    CutOff { at: u64, size: u64, missing: String },
    #[error(
        "archive at offset {at}: found the end of the archive, \
         expected the entry to which the extension header before it belongs"
    )]
    NoEntry { at: u64 },
    #[error("archive at offset {at}: found a PAX record that is not \"length key=value\"")]
    PaxRecord { at: u64 },
    #[error("archive at offset {at}: found the PAX size \"{found}\", expected a number below 2^64")]
    PaxSize { at: u64, found: String },
    #[error("archive at offset {at}: found a NUL in the PAX record {key}, expected none")]
    PaxNul { at: u64, key: &'static str },
    #[error(
        "archive at offset {at}: found a global PAX record {key}, expected none: \
         readers differ on whether it counts"
    )]
    Global { at: u64, key: &'static str },
    #[error(
        "archive at offset {at}: found a PAX record and a GNU header that name the entry or its \
         target differently, expected one of them: readers differ on which counts"
    )]
    TwoNames { at: u64 },
    #[error(
        "archive at offset {at}: found a second entry for {name}, expected one: \
         readers differ on which counts"
    )]
    Twice { at: u64, name: String },
    #[error(
        "archive: found the entry \"{name}\" below the link \"{link}\", expected none: \
         readers differ on which file it is"
    )]
    BelowLink { name: String, link: String },
    #[error(
        "archive at offset {at}: found an extension header of {size} bytes, expected at most {max}"
    )]
    LargeExtension { at: u64, size: u64, max: u64 },
    #[error("found more than {max} headers in the archive")]
    ManyHeaders { max: u32 },
    #[error("found more than {max} bytes of names in the archive")]
    ManyNames { max: usize },
    /// The archive could not be read.
    #[error(transparent)]
    Read(#[from] Error),
}

impl Flaw {
    /// The error for an archive that is called `place`.
    pub fn into_error(self, place: impl std::fmt::Display) -> Error {
        let status = match self {
            // It names the file already.
            Self::Read(error) => return error,
            Self::LargeExtension { .. } | Self::ManyHeaders { .. } | Self::ManyNames { .. } => {
                Status::LimitExceeded
            }
            _ => Status::Malformed,
        };
        Error::new(status, format_args!("{place}: {self}"))
    }
}
