//! Tar archives: the table of their files.
//!
//! An archive is read in one pass over its headers. The formats are those of POSIX
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>) and of GNU tar
//! (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>); where they leave
//! room, GNU tar decides:
//!
//! - The last entry of a name counts. A hard link has the content that its target had
//!   at that point of the archive.
//! - An archive ends at its first block of zeros.
//! - Links, folders, devices and FIFOs have no data, whatever size they declare. (A folder
//!   in the format from before POSIX, a file whose name ends in `/`, has.)
//! - A PAX record outweighs a GNU long name, which outweighs the header's field.
//! - An entry whose name leads out of the archive, or is longer than a path can be
//!   (PATH_MAX), is ignored.
//! - Links resolve as if the archive were unpacked, except that folders need no entry, so
//!   `..` also works in an unlisted one. An entry with exactly the requested name wins over
//!   links along its path.
//!
//! The tar crate's own readers are not used. `Header::entry_size` reads the last 8 bytes of
//! a size alone, so that 2^64 + 4 counts as 4, and accepts a sign. `PaxExtensions` splits
//! records at line ends, so that a value with one is an error. `entries` bounds nothing and
//! accepts an archive that is cut off.

mod blocks;
mod extensions;
mod find;
mod flaw;
mod header;
mod path;
mod sparse;
mod sparse_map;
mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod writer;

pub use find::{FindError, Found};
pub use flaw::Flaw;
pub use header::{BLOCK, is_archive, is_tar};
pub use path::normalized;
pub use sparse::Sparse;
pub use sparse_map::{Map, Piece, SparseFlaw};
pub use table::{End, Limits, Table};
