//! The table of a tar archive: which bytes of it are which file.
//!
//! Read in one pass over the headers. The formats are those of POSIX
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>) and of GNU tar
//! (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>); where they leave
//! room, it is done as GNU tar does:
//!
//! - The last entry of a name counts. A hard link is what its target was when the link
//!   came.
//! - An archive ends at its first block of zeros.
//! - Links, folders, devices and FIFOs have no data, whatever size they name. (A folder
//!   as it was written before there was a type for it, a file whose name ends in `/`, has.)
//! - A PAX record goes before a GNU long name, that before the header's field.
//! - An entry whose name leads out of the archive, or is longer than a path can be
//!   (PATH_MAX), is none.
//! - Links are followed as if all were unpacked, but that folders need no entry: `..` leads
//!   back from one that there is nothing in too. An entry that bears the very name that is
//!   wanted goes before links on the way to it.
//!
//! One thing is not as GNU tar does it: an archive without a block of zeros behind its
//! entries is cut off. What is missing may be the very index that says what it holds.

use super::escaped;
use crate::compression::is_tar;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tar::{EntryType, Header};

const BLOCK: u64 = 512;
/// What is read at once where headers stand close together.
const WINDOW: u64 = 32 << 10;
/// Bytes of one PAX header or GNU long name.
const LONGEST_EXTENSION: u64 = 1 << 20;
const LONGEST_NAME: usize = 4096;
/// Links on the way to one file: as many as Linux follows.
const MOST_LINKS: u32 = 40;
/// Names looked up on the way through links: an archive may make its reader do so for
/// thousands of layers.
const MOST_LOOKUPS: u32 = 128;

/// How much of an archive is kept at most.
#[derive(Clone, Copy)]
pub struct Limits {
    pub headers: u32,
    /// Bytes of all names, and of those that links lead to.
    pub names: usize,
}

#[derive(Debug, Default)]
pub struct Table {
    nodes: HashMap<Box<[u8]>, Node>,
    /// Bytes of the names that were taken up.
    names: usize,
}

#[derive(Clone, Debug)]
enum Node {
    /// Where its data is.
    File(Range<u64>),
    /// To a name that starts where the link stands.
    SymbolicLink(Arc<[u8]>),
    /// To a name that there was no entry of yet.
    HardLink(Arc<[u8]>),
    Sparse,
    /// A folder, a device or a FIFO.
    NoFile,
}

impl Node {
    fn target(&self) -> &[u8] {
        match self {
            Self::SymbolicLink(target) | Self::HardLink(target) => target,
            Self::File(_) | Self::Sparse | Self::NoFile => b"",
        }
    }
}

/// Whether what starts with `head` (of a block, where there is one) is a tar archive, be
/// it an empty or a broken one.
pub fn is_archive(head: &[u8]) -> bool {
    const MAGIC: Range<usize> = 257..262;
    head.len() == BLOCK as usize
        && (is_tar(head) || head.iter().all(|b| *b == 0) || &head[MAGIC] == b"ustar")
}

impl Table {
    /// Reads the table of an archive of `size` bytes through `read_exact_at`, which fills
    /// its buffer from an offset or fails.
    pub fn read(
        read_exact_at: impl FnMut(&mut [u8], u64) -> Result<()>,
        size: u64,
        limits: Limits,
    ) -> Result<Self> {
        let mut blocks = Blocks {
            read_exact_at,
            size,
            window: Vec::new(),
            start: 0,
        };
        let mut table = Self::default();
        let mut extensions = Extensions::default();
        let mut at = 0;
        for _ in 0..limits.headers {
            let block = blocks.get(at, BLOCK)?;
            let mut block: [u8; BLOCK as usize] = block.try_into().expect("it has this size");
            if block == [0; BLOCK as usize] {
                if extensions.are_pending() {
                    return Err(malformed(
                        at,
                        "found the end of the archive, expected the entry that the extension header before it is about",
                    ));
                }
                return Ok(table);
            }
            if !is_tar(&block) {
                return Err(malformed(at, "found a header whose checksum does not fit"));
            }
            if &block[257..263] == b"ustar\0" {
                // No reader but `Header` looks at the version behind it.
                block[263..265].copy_from_slice(b"00");
            }
            let header = Header::from_byte_slice(&block);
            at = match header.entry_type() {
                EntryType::XHeader
                | EntryType::XGlobalHeader
                | EntryType::GNULongName
                | EntryType::GNULongLink => extensions.take(header, at, &mut blocks)?,
                _ => table.take(header, at, extensions.of_entry(), &mut blocks)?,
            };
            if table.names > limits.names {
                return Err(Error::limit_exceeded(format_args!(
                    "found more than {} bytes of names in the archive",
                    limits.names
                )));
            }
        }
        Err(Error::limit_exceeded(format_args!(
            "found more than {} headers in the archive",
            limits.headers
        )))
    }

    /// Takes up the entry whose header is at `at`; gives where the next header is.
    fn take<R: FnMut(&mut [u8], u64) -> Result<()>>(
        &mut self,
        header: &Header,
        at: u64,
        extensions: Entry,
        blocks: &mut Blocks<R>,
    ) -> Result<u64> {
        let size = data_size(header, at)?;
        let size = extensions.size.unwrap_or(size);
        let name = match &extensions.name {
            Some(name) => Cow::Borrowed(&**name),
            None => header.path_bytes(),
        };
        let kind = header.entry_type();
        let start = match kind {
            EntryType::GNUSparse => behind_sparse_map(header, at + BLOCK, blocks)?,
            _ => at + BLOCK,
        };
        let size = match kind {
            EntryType::Link
            | EntryType::Symlink
            | EntryType::Directory
            | EntryType::Fifo
            | EntryType::Char
            | EntryType::Block => 0,
            _ => size,
        };
        let end = blocks.end_of_data(start, size)?;

        let Some(path) = normalized(&name).filter(|path| !path.is_empty()) else {
            return Ok(end);
        };
        let target = || {
            let own = || header.link_name_bytes().unwrap_or_default().as_ref().into();
            extensions.target.clone().unwrap_or_else(own)
        };
        let node = match kind {
            EntryType::Link => self.hard_link(target()),
            EntryType::Symlink => Node::SymbolicLink(target()),
            EntryType::Directory | EntryType::Fifo | EntryType::Char | EntryType::Block => {
                Node::NoFile
            }
            EntryType::GNUSparse => Node::Sparse,
            _ if extensions.is_sparse => Node::Sparse,
            // Before there was a type for folders their names ended so.
            EntryType::Regular if name.ends_with(b"/") => Node::NoFile,
            // POSIX: a type that is not known is a file.
            _ => Node::File(start..start + size),
        };
        self.names += path.len() + node.target().len();
        self.nodes.insert(path.into(), node);
        Ok(end)
    }

    fn hard_link(&self, target: Arc<[u8]>) -> Node {
        normalized(&target)
            .and_then(|name| self.nodes.get(&*name).cloned())
            .unwrap_or(Node::HardLink(target))
    }

    /// Where the data of the file with this name is, through any links to it and to the
    /// folders on the way.
    pub fn find(&self, wanted: &str) -> Result<Range<u64>> {
        let leads_out = || {
            fault(
                wanted,
                "leads out of the archive, or to a longer name than a path can have",
            )
        };
        let mut path = normalized(wanted.as_bytes()).ok_or_else(leads_out)?;
        let mut at = Vec::new();
        // Where in `path` the way from there on begins.
        let mut next = Some(0);
        let (mut links, mut lookups) = (0, 0);
        while let Some(start) = next {
            if start == 0
                && let Some(Node::File(data)) = self.nodes.get(&*joined(&at, &path))
            {
                return Ok(data.clone());
            }
            let end = path[start..].iter().position(|b| *b == b'/');
            let end = end.map_or(path.len(), |len| start + len);
            next = (end < path.len()).then_some(end + 1);
            let folder = at.len();
            if !push(&mut at, &path[start..end]).ok_or_else(leads_out)? {
                continue;
            }
            lookups += 1;
            let target = match self.nodes.get(&*at) {
                Some(Node::SymbolicLink(target)) if target.starts_with(b"/") => {
                    return Err(leads_out());
                }
                Some(Node::SymbolicLink(target)) => {
                    at.truncate(folder);
                    target
                }
                Some(Node::HardLink(target)) => {
                    at.clear();
                    target
                }
                Some(Node::File(_) | Node::Sparse) if next.is_some() => {
                    return Err(fault(wanted, "found a file in the place of a folder"));
                }
                // Folders need no entry.
                _ => continue,
            };
            links += 1;
            if links > MOST_LINKS || lookups > MOST_LOOKUPS {
                return Err(fault(
                    wanted,
                    "found links that lead on and on, expected them to end",
                ));
            }
            path = [target, &path[end..]].concat();
            if at.len() + path.len() > LONGEST_NAME {
                return Err(leads_out());
            }
            next = Some(0);
        }
        match self.nodes.get(&*at) {
            Some(Node::File(data)) => Ok(data.clone()),
            Some(Node::Sparse) => Err(Error::unsupported(format_args!(
                "{}: found a sparse entry, expected a plain one",
                escaped(wanted.as_bytes())
            ))),
            Some(Node::NoFile) => Err(super::extent::no_regular_file(wanted.as_bytes())),
            _ => Err(Error::not_found(format_args!(
                "{}: found no such entry in the archive",
                escaped(wanted.as_bytes())
            ))),
        }
    }
}

/// What a name is written as that leads straight on.
fn joined(folder: &[u8], path: &[u8]) -> Vec<u8> {
    match folder {
        b"" => path.to_owned(),
        _ => [folder, b"/", path].concat(),
    }
}

/// `path` by its components: without `.`, empty ones (a leading `/` therefore says nothing)
/// and `..`. `None` where it leads out or is too long.
pub fn normalized(path: &[u8]) -> Option<Vec<u8>> {
    if path.len() > LONGEST_NAME {
        return None;
    }
    let mut name = Vec::with_capacity(path.len());
    for component in path.split(|b| *b == b'/') {
        push(&mut name, component)?;
    }
    Some(name)
}

/// Goes on from `name` by one component, or back by `..`; whether it is a longer name now.
/// `None` where that leads out.
fn push(name: &mut Vec<u8>, component: &[u8]) -> Option<bool> {
    match component {
        b"" | b"." => return Some(false),
        b".." if name.is_empty() => return None,
        b".." => {
            name.truncate(name.iter().rposition(|b| *b == b'/').unwrap_or(0));
            return Some(false);
        }
        _ => {}
    }
    if !name.is_empty() {
        name.push(b'/');
    }
    name.extend_from_slice(component);
    Some(true)
}

/// The blocks of an archive, read in windows where they stand close together.
struct Blocks<R> {
    read_exact_at: R,
    size: u64,
    window: Vec<u8>,
    start: u64,
}

impl<R: FnMut(&mut [u8], u64) -> Result<()>> Blocks<R> {
    /// `len` bytes (no more than [`LONGEST_EXTENSION`]) at `at`.
    fn get(&mut self, at: u64, len: u64) -> Result<&[u8]> {
        self.end_within(at, len)?;
        let known = self.start..self.start + self.window.len() as u64;
        if !(known.contains(&at) && at + len <= known.end) {
            let ahead = len.max(WINDOW).min(self.size - at);
            self.window.resize(ahead as usize, 0);
            self.start = at;
            if let Err(e) = (self.read_exact_at)(&mut self.window, at) {
                self.window.clear();
                return Err(e);
            }
        }
        let from = (at - self.start) as usize;
        Ok(&self.window[from..from + len as usize])
    }

    /// Where the header behind `size` bytes of data at `start` is.
    fn end_of_data(&self, start: u64, size: u64) -> Result<u64> {
        let padded = size.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        self.end_within(start, padded)
    }

    fn end_within(&self, start: u64, size: u64) -> Result<u64> {
        match start.checked_add(size) {
            Some(end) if end <= self.size => Ok(end),
            _ => Err(malformed(
                start,
                format_args!(
                    "found the end of the archive after {} bytes, expected {size} more",
                    self.size
                ),
            )),
        }
    }
}

/// What extension headers say about the entry behind them.
#[derive(Clone, Default)]
struct Entry {
    name: Option<Arc<[u8]>>,
    target: Option<Arc<[u8]>>,
    size: Option<u64>,
    is_sparse: bool,
}

#[derive(Default)]
struct Extensions {
    /// PAX records that hold for all entries from here on.
    global: Entry,
    /// The global records and those of the next entry, where it has any.
    own: Option<Entry>,
    long_name: Option<Arc<[u8]>>,
    long_target: Option<Arc<[u8]>>,
}

impl Extensions {
    /// Whether an entry must follow.
    fn are_pending(&self) -> bool {
        self.own.is_some() || self.long_name.is_some() || self.long_target.is_some()
    }

    /// Takes up the extension header at `at`; gives where the next header is.
    fn take<R: FnMut(&mut [u8], u64) -> Result<()>>(
        &mut self,
        header: &Header,
        at: u64,
        blocks: &mut Blocks<R>,
    ) -> Result<u64> {
        let size = data_size(header, at)?;
        let end = blocks.end_of_data(at + BLOCK, size)?;
        if size > LONGEST_EXTENSION {
            return Err(Error::limit_exceeded(format_args!(
                "archive at offset {at}: found an extension header of {size} bytes, expected at most {LONGEST_EXTENSION}"
            )));
        }
        let data = blocks.get(at + BLOCK, size)?;
        let text = || data.split(|b| *b == 0).next().unwrap_or_default().into();
        match header.entry_type() {
            EntryType::GNULongName => self.long_name = Some(text()),
            EntryType::GNULongLink => self.long_target = Some(text()),
            EntryType::XGlobalHeader => self.global.take_records(data, at)?,
            _ => {
                let mut own = self.global.clone();
                own.take_records(data, at)?;
                self.own = Some(own);
            }
        }
        Ok(end)
    }

    /// What holds for the entry that follows, and for it alone.
    fn of_entry(&mut self) -> Entry {
        let mut entry = self.own.take().unwrap_or_else(|| self.global.clone());
        let (name, target) = (self.long_name.take(), self.long_target.take());
        entry.name = entry.name.or(name);
        entry.target = entry.target.or(target);
        entry
    }
}

impl Entry {
    /// PAX records: `length key=value\n`, the length being that of all of it. A value may
    /// hold line ends. An empty one takes back what an earlier record said.
    fn take_records(&mut self, mut data: &[u8], at: u64) -> Result<()> {
        let mut sparse_name = None;
        while !data.is_empty() {
            let (key, value, rest) = record(data).ok_or_else(|| {
                malformed(at, "found a PAX record that is not \"length key=value\"")
            })?;
            data = rest;
            let text = || (!value.is_empty()).then(|| Arc::from(value));
            match key {
                b"path" => self.name = text(),
                b"linkpath" => self.target = text(),
                b"size" if value.is_empty() => self.size = None,
                b"size" => {
                    let size = decimal(value);
                    self.size = Some(size.ok_or_else(|| {
                        malformed(
                            at,
                            format_args!(
                                "found the PAX size \"{}\", expected a number below 2^64",
                                escaped(value)
                            ),
                        )
                    })?);
                }
                b"GNU.sparse.name" => {
                    self.is_sparse = true;
                    sparse_name = text();
                }
                _ => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        // The path of a sparse entry is a stopgap for programs that do not know of them.
        if sparse_name.is_some() {
            self.name = sparse_name;
        }
        Ok(())
    }
}

/// Key and value of the first PAX record, and what follows it.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().position(|b| *b == b' ')?;
    let len = usize::try_from(decimal(&data[..space])?).ok()?;
    let (record, rest) = data.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number in a field of octal digits, between blanks and NULs; an empty one is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let padding = |b: &u8| matches!(b, b' ' | 0);
    let start = field
        .iter()
        .position(|b| !padding(b))
        .unwrap_or(field.len());
    let digits = field[start..].split(padding).next().unwrap_or_default();
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// The size that a header names, in octal or in GNU's base 256.
fn data_size(header: &Header, at: u64) -> Result<u64> {
    let field = &header.as_old().size;
    let size = match field {
        [0x80, 0, 0, 0, number @ ..] => Some(u64::from_be_bytes(*number)),
        // Negative, or beyond any file.
        [0x80..=0xff, ..] => None,
        _ => octal(field),
    };
    size.ok_or_else(|| {
        malformed(
            at,
            format_args!(
                "found the size \"{}\", expected a number below 2^64",
                escaped(field)
            ),
        )
    })
}

/// Where the data of a GNU sparse entry begins: the map of its holes goes on in further
/// blocks while they say so.
fn behind_sparse_map<R: FnMut(&mut [u8], u64) -> Result<()>>(
    header: &Header,
    mut at: u64,
    blocks: &mut Blocks<R>,
) -> Result<u64> {
    const GOES_ON: usize = 504;
    let mut goes_on = header.as_gnu().is_some_and(|gnu| gnu.is_extended());
    while goes_on {
        goes_on = blocks.get(at, BLOCK)?[GOES_ON] != 0;
        at += BLOCK;
    }
    Ok(at)
}

fn malformed(at: u64, message: impl std::fmt::Display) -> Error {
    Error::malformed(format_args!("archive at offset {at}: {message}"))
}

fn fault(name: &str, message: &str) -> Error {
    Error::malformed(format_args!("{}: {message}", escaped(name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::error::Status;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        headers: 1000,
        names: 10_000,
    };

    fn table(archive: &[u8]) -> Result<Table> {
        Table::read(reading(archive), archive.len() as u64, LIMITS)
    }

    fn reading(archive: &[u8]) -> impl FnMut(&mut [u8], u64) -> Result<()> {
        |buf, at| {
            buf.copy_from_slice(&archive[at as usize..][..buf.len()]);
            Ok(())
        }
    }

    fn content<'a>(archive: &'a [u8], name: &str) -> Result<&'a str> {
        let data = table(archive)?.find(name)?;
        let data = &archive[data.start as usize..data.end as usize];
        Ok(std::str::from_utf8(data).unwrap())
    }

    fn with_field(mut header: [u8; 512], at: usize, value: &[u8]) -> [u8; 512] {
        header[at..at + value.len()].copy_from_slice(value);
        summed(header)
    }

    /// A header in GNU's format, which has other fields where POSIX has the prefix.
    fn gnu(header: [u8; 512]) -> [u8; 512] {
        with_field(header, 257, b"ustar  \0")
    }

    #[test]
    fn names_are_normalized() {
        let rows = [
            ("a/b", "a/b", true),
            ("./a/b", "a/b", true),
            ("/a/b", "a/b", true),
            ("//a//.///b", "a/b", true),
            ("a/b", "./a/b", true),
            ("x/../a/b", "a/b", true),
            ("a/b", "a/x/../b", true),
            // Leads out of the archive: no entry.
            ("../a/b", "a/b", false),
            ("x/../../a/b", "a/b", false),
            ("/../a/b", "a/b", false),
            ("a/b/", "a/b", false),
            ("A/b", "a/b", false),
            ("a/b", "a", false),
        ];
        for (name, wanted, found) in rows {
            let archive = archive(&[file(name, "data")]);
            let result = content(&archive, wanted);
            assert_eq!(result.is_ok(), found, "{name} as {wanted}: {result:?}");
        }
        for wanted in ["../a", "a/../../b", &"a".repeat(4097)] {
            let e = content(&archive(&[file("a", "")]), wanted).unwrap_err();
            assert_eq!(e.status(), Status::Malformed, "{wanted}");
        }
    }

    #[test]
    fn every_format_is_read() {
        let long = "folder/".repeat(30) + "file";
        let base_256 = b"\x80\0\0\0\0\0\0\0\0\0\0\x04";
        let signed = {
            let block = header(b'0', "\u{e9}", "", 4);
            let sum = |b: &u8| i64::from(*b as i8);
            let sum: i64 = block[..148].iter().chain(&block[156..]).map(sum).sum();
            let mut block = block;
            block[148..156].copy_from_slice(format!("{:06o}\0 ", sum + 256).as_bytes());
            block
        };
        let old = {
            let mut block = header(b'\0', "a", "", 4);
            block[257..265].fill(0);
            summed(block)
        };
        let rows: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
            ("POSIX", vec![file("a", "data")], "a"),
            ("before POSIX", vec![entry(old, b"data")], "a"),
            ("signed checksum", vec![entry(signed, b"data")], "\u{e9}"),
            (
                "POSIX prefix",
                vec![entry(
                    with_field(header(b'0', "b", "", 4), 345, b"p/q"),
                    b"data",
                )],
                "p/q/b",
            ),
            (
                "POSIX prefix in another version",
                vec![entry(
                    with_field(
                        with_field(header(b'0', "b", "", 4), 345, b"p/q"),
                        263,
                        b" \0",
                    ),
                    b"data",
                )],
                "p/q/b",
            ),
            (
                "GNU has no prefix",
                vec![entry(
                    gnu(with_field(header(b'0', "b", "", 4), 345, b"p/q")),
                    b"data",
                )],
                "b",
            ),
            (
                "GNU long name",
                vec![
                    extension(b'L', format!("{long}\0").as_bytes()),
                    file("x", "data"),
                ],
                &long,
            ),
            (
                "GNU long target",
                vec![
                    file("t", "data"),
                    extension(b'K', b"t\0"),
                    symbolic_link("a", "x"),
                ],
                "a",
            ),
            (
                "GNU base 256",
                vec![entry(
                    gnu(with_field(header(b'0', "a", "", 0), 124, base_256)),
                    b"data",
                )],
                "a",
            ),
            (
                "size without a terminator, in blanks",
                vec![entry(
                    with_field(header(b'0', "a", "", 0), 124, b"           4"),
                    b"data",
                )],
                "a",
            ),
            (
                "PAX path",
                vec![pax(&[("path", &long)]), file("x", "data")],
                &long,
            ),
            (
                "PAX target",
                vec![
                    file("t", "data"),
                    pax(&[("linkpath", "t")]),
                    hard_link("a", "x"),
                ],
                "a",
            ),
            (
                "PAX size",
                vec![
                    pax(&[("size", "4")]),
                    entry(header(b'0', "a", "", 0), b"data"),
                ],
                "a",
            ),
            (
                "PAX size in both headers, an entry behind it",
                vec![
                    pax(&[("size", "600")]),
                    entry(header(b'0', "b", "", 1), &[b'b'; 600]),
                    file("a", "data"),
                ],
                "a",
            ),
            (
                "the last PAX record of a key",
                vec![pax(&[("path", "b"), ("path", "a")]), file("x", "data")],
                "a",
            ),
            (
                "PAX value with a line end",
                vec![
                    pax(&[("SCHILY.xattr.user.x", "1\n5 a=b\n"), ("path", "a")]),
                    file("x", "data"),
                ],
                "a",
            ),
            (
                "unknown PAX records",
                vec![
                    pax(&[("mtime", "1.5"), ("VENDOR.x", "")]),
                    file("a", "data"),
                ],
                "a",
            ),
            (
                "PAX path before GNU long name",
                vec![
                    extension(b'L', b"b"),
                    pax(&[("path", "a")]),
                    file("x", "data"),
                ],
                "a",
            ),
            (
                "global PAX path",
                vec![
                    extension(b'g', &records(&[("path", "a")])),
                    file("x", "data"),
                ],
                "a",
            ),
            (
                "global PAX size",
                vec![
                    extension(b'g', &records(&[("size", "4"), ("comment", "c")])),
                    entry(header(b'0', "b", "", 0), b"bbbb"),
                    entry(header(b'0', "a", "", 0), b"data"),
                ],
                "a",
            ),
            (
                "own PAX record before a global one",
                vec![
                    extension(b'g', &records(&[("path", "b")])),
                    pax(&[("path", "a")]),
                    file("x", "data"),
                ],
                "a",
            ),
            (
                "an empty PAX record takes back",
                vec![
                    extension(b'g', &records(&[("path", "b"), ("size", "9999")])),
                    pax(&[("path", ""), ("size", "")]),
                    file("a", "data"),
                ],
                "a",
            ),
            (
                "own PAX records hold once",
                vec![
                    pax(&[("path", "b"), ("size", "2")]),
                    file("x", "bb"),
                    file("a", "data"),
                ],
                "a",
            ),
            (
                "GNU long names hold once",
                vec![extension(b'L', b"b"), file("x", "bb"), file("a", "data")],
                "a",
            ),
            (
                "contiguous file",
                vec![entry(header(b'7', "a", "", 4), b"data")],
                "a",
            ),
            (
                "unknown type",
                vec![entry(header(b'Z', "a", "", 4), b"data")],
                "a",
            ),
            (
                "no data behind links, folders and devices whatever their size",
                b"123456"
                    .iter()
                    .map(|kind| entry(header(*kind, "b", "c", 1 << 30), b""))
                    .chain([file("a", "data")])
                    .collect(),
                "a",
            ),
        ];
        for (row, entries, name) in rows {
            let archive = archive(&entries);
            assert_eq!(
                content(&archive, name).ok(),
                Some("data"),
                "{row}: {:?}",
                table(&archive)
            );
        }
    }

    #[test]
    fn an_archive_ends_at_zeros() {
        let entry = file("a", "data");
        for (row, end) in [
            ("two blocks", vec![0; 1024]),
            ("one block", vec![0; 512]),
            (
                "garbage after one block",
                [vec![0; 512], vec![7; 700]].concat(),
            ),
        ] {
            let archive = [entry.clone(), end].concat();
            assert_eq!(content(&archive, "a").ok(), Some("data"), "{row}");
        }
        let archive = [entry, vec![0; 512], file("b", "data")].concat();
        assert_eq!(
            content(&archive, "b").unwrap_err().status(),
            Status::NotFound
        );
    }

    #[test]
    fn the_last_entry_of_a_name_counts() {
        let both = archive(&[file("a", "1"), file("b", ""), file("./a", "2")]);
        assert_eq!(content(&both, "a").unwrap(), "2");
        let folder = archive(&[file("a", "1"), entry(header(b'5', "a/", "", 0), b"")]);
        assert_eq!(
            content(&folder, "a").unwrap_err().status(),
            Status::Malformed
        );
    }

    #[test]
    fn links_are_followed_inside_the_archive() {
        use Status::{Malformed, NotFound};
        let link = symbolic_link;
        type Row<'a> = (&'a str, Vec<Vec<u8>>, Result<&'a str, Status>);
        let rows: Vec<Row<'_>> = vec![
            ("beside", vec![link("l", "t")], Ok("data")),
            (
                "before its target",
                vec![link("l", "late"), file("late", "2")],
                Ok("2"),
            ),
            (
                "to another link",
                vec![link("l", "m"), link("m", "./t")],
                Ok("data"),
            ),
            (
                "from its own folder",
                vec![link("l", "f/m"), link("f/m", "../f/t")],
                Ok("in f"),
            ),
            (
                "to a folder",
                vec![link("l", "g/t"), link("g", "f")],
                Ok("in f"),
            ),
            (
                "to a folder further up",
                vec![
                    link("l", "x/y/z/t"),
                    link("x/y", "../h"),
                    link("h/z", "../f"),
                ],
                Ok("in f"),
            ),
            ("hard", vec![hard_link("l", "t")], Ok("data")),
            (
                "hard, its name looks absolute",
                vec![hard_link("l", "/t")],
                Ok("data"),
            ),
            (
                "hard, from the top",
                vec![link("l", "f/m"), hard_link("f/m", "t")],
                Ok("data"),
            ),
            (
                "hard, then its target replaced",
                vec![hard_link("l", "t"), file("t", "2")],
                Ok("data"),
            ),
            (
                "hard, to itself",
                vec![file("l", "1"), hard_link("l", "l")],
                Ok("1"),
            ),
            (
                "hard, before its target",
                vec![hard_link("l", "late"), file("late", "2")],
                Ok("2"),
            ),
            (
                "hard, to a link",
                vec![link("m", "t"), hard_link("l", "m")],
                Ok("data"),
            ),
            ("dangling", vec![link("l", "no")], Err(NotFound)),
            ("hard, dangling", vec![hard_link("l", "no")], Err(NotFound)),
            ("leads out", vec![link("l", "../t")], Err(Malformed)),
            ("absolute", vec![link("l", "/t")], Err(Malformed)),
            (
                "hard, leads out",
                vec![hard_link("l", "../t")],
                Err(Malformed),
            ),
            (
                "leads out by a folder",
                vec![link("l", "g/t"), link("g", "..")],
                Err(Malformed),
            ),
            (
                "to no file",
                vec![link("l", "d"), entry(header(b'6', "d", "", 0), b"")],
                Err(Malformed),
            ),
            ("to itself", vec![link("l", "l")], Err(Malformed)),
            (
                "in a circle",
                vec![link("l", "m"), link("m", "l")],
                Err(Malformed),
            ),
            (
                "hard, in a circle",
                vec![hard_link("l", "m"), hard_link("m", "l")],
                Err(Malformed),
            ),
            (
                "out of a linked folder, from where that is",
                vec![
                    link("l", "g/../t"),
                    link("g", "x/y"),
                    file("x/t", "in x"),
                    file("x/y/z", ""),
                ],
                Ok("in x"),
            ),
            (
                "out of what is no folder",
                vec![link("l", "f/t/../t")],
                Err(Malformed),
            ),
            (
                "to a file as a folder",
                vec![link("l", "t/")],
                Err(Malformed),
            ),
            ("into itself", vec![link("l", "l/x")], Err(Malformed)),
            (
                "through itself",
                vec![link("l", "g/x"), link("g", "g/x")],
                Err(Malformed),
            ),
        ];
        for (row, links, expected) in rows {
            let files = vec![file("t", "data"), file("f/t", "in f")];
            let archive = archive(&[files, links].concat());
            assert_eq!(
                content(&archive, "l").map_err(|e| e.status()),
                expected,
                "{row}"
            );
        }
    }

    #[test]
    fn links_are_followed_for_so_long() {
        let chain = |len: usize| {
            let mut entries = vec![file("0", "data")];
            entries.extend((1..=len).map(|n| symbolic_link(&n.to_string(), &(n - 1).to_string())));
            content(&archive(&entries), &len.to_string())
                .map(str::len)
                .map_err(|e| e.status())
        };
        assert_eq!(chain(40), Ok(4));
        assert_eq!(chain(41), Err(Status::Malformed));
    }

    #[test]
    fn folders_are_no_links() {
        let deep = "folder/".repeat(100);
        let long = pax(&[("path", &format!("{deep}file"))]);
        let target = pax(&[("linkpath", &format!("{deep}file"))]);
        let archive = archive(&[long, file("x", "data"), target, symbolic_link("l", "x")]);
        assert_eq!(content(&archive, "l").unwrap(), "data");
        let e = content(&archive, &format!("{deep}absent")).unwrap_err();
        assert_eq!(e.status(), Status::NotFound);
    }

    #[test]
    fn what_is_no_plain_file_is_refused_when_wanted() {
        use Status::{Malformed, Unsupported};
        let gnu_sparse = with_field(gnu(header(b'S', "a", "", 1)), 482, &[1]);
        let [mut map, last_map] = [[0; 512]; 2];
        map[504] = 1;
        let rows: Vec<(&str, Vec<u8>, Status)> = vec![
            ("folder", entry(header(b'5', "a", "", 0), b""), Malformed),
            ("folder before POSIX", file("a/", ""), Malformed),
            ("FIFO", entry(header(b'6', "a", "", 0), b""), Malformed),
            (
                "character device",
                entry(header(b'3', "a", "", 0), b""),
                Malformed,
            ),
            (
                "block device",
                entry(header(b'4', "a", "", 0), b""),
                Malformed,
            ),
            (
                "GNU sparse",
                entry(gnu(header(b'S', "a", "", 1)), b"x"),
                Unsupported,
            ),
            (
                "GNU sparse with a long map",
                [&gnu_sparse[..], &map, &last_map, &entry([b'x'; 512], b"")].concat(),
                Unsupported,
            ),
            (
                "PAX sparse 0.0",
                [
                    pax(&[("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "0")]),
                    file("a", "x"),
                ]
                .concat(),
                Unsupported,
            ),
            (
                "PAX sparse 1.0",
                [
                    pax(&[
                        ("GNU.sparse.major", "1"),
                        ("GNU.sparse.name", "a"),
                        ("path", "b"),
                    ]),
                    file("GNUSparseFile.0/a", "x"),
                ]
                .concat(),
                Unsupported,
            ),
        ];
        for (row, sparse, status) in rows {
            let archive = archive(&[sparse, file("behind", "data")]);
            assert_eq!(
                content(&archive, "a").unwrap_err().status(),
                status,
                "{row}"
            );
            assert_eq!(content(&archive, "behind").unwrap(), "data", "{row}");
        }
    }

    #[test]
    fn damage_is_found() {
        use Status::{LimitExceeded, Malformed};
        let size = |field: &[u8]| entry(with_field(header(b'0', "a", "", 0), 124, field), b"data");
        let records = |data: &str| [extension(b'x', data.as_bytes()), file("a", "data")].concat();
        let mut no_sum = file("a", "data");
        no_sum[0] = b'b';
        let negative = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe";
        let rows: Vec<(&str, Vec<u8>, Status)> = vec![
            ("a checksum", no_sum, Malformed),
            ("no octal number", size(b"00000000009\0"), Malformed),
            ("a number before another", size(b"4x0\0"), Malformed),
            ("a negative size", size(negative), Malformed),
            (
                "a size of 2^64 - 1",
                size(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
                Malformed,
            ),
            (
                "a size of 2^64 and 4",
                size(b"\x80\0\0\x01\0\0\0\0\0\0\0\x04"),
                Malformed,
            ),
            (
                "a size beyond the archive",
                size(b"00000004000\0"),
                Malformed,
            ),
            (
                "a PAX size beyond the archive",
                records("13 size=99999\n"),
                Malformed,
            ),
            (
                "a PAX size of 2^64",
                records("29 size=18446744073709551616\n"),
                Malformed,
            ),
            ("a negative PAX size", records("11 size=-1\n"), Malformed),
            (
                "a PAX record without length",
                records("path=a\n"),
                Malformed,
            ),
            ("a PAX record of length 0", records("0 path=a\n"), Malformed),
            (
                "a PAX record shorter than its length",
                records("99 path=a\n"),
                Malformed,
            ),
            (
                "a PAX record longer than its length",
                records("8 path=a\n"),
                Malformed,
            ),
            (
                "a PAX length beyond any number",
                records("99999999999999999999999 path=a\n"),
                Malformed,
            ),
            (
                "a PAX length with a sign",
                records("+9 path=a\n"),
                Malformed,
            ),
            (
                "a PAX record without equals sign",
                records("7 path\n"),
                Malformed,
            ),
            (
                "bytes behind the PAX records",
                records("9 path=a\n\0"),
                Malformed,
            ),
            (
                "a PAX header of 5 MB",
                extension(b'x', &vec![b'0'; 5 << 20]),
                LimitExceeded,
            ),
            (
                "a global PAX header of 5 MB",
                extension(b'g', &vec![b'0'; 5 << 20]),
                LimitExceeded,
            ),
            (
                "a GNU long name of 5 MB",
                extension(b'L', &vec![b'a'; 5 << 20]),
                LimitExceeded,
            ),
            (
                "no entry behind a PAX header",
                pax(&[("path", "a")]),
                Malformed,
            ),
            (
                "no entry behind a GNU long name",
                extension(b'L', b"a"),
                Malformed,
            ),
            (
                "no entry behind a GNU long target",
                extension(b'K', b"a"),
                Malformed,
            ),
        ];
        for (row, damaged, status) in rows {
            let ok = file("before", "data");
            let archive = archive(&[ok.clone(), damaged]);
            let e = table(&archive).expect_err(row);
            assert_eq!(e.status(), status, "{row}: {e}");
            assert!(e.message().contains("offset "), "{row}: {e}");
            if row == "a checksum" {
                assert!(
                    e.message().contains(&format!("offset {}:", ok.len())),
                    "{e}"
                );
            }
        }
    }

    #[test]
    fn headers_are_counted() {
        let entries: Vec<_> = (0..5).map(|_| extension(b'g', b"")).collect();
        let bytes = archive(&entries);
        let read = |headers| {
            let limits = Limits { headers, ..LIMITS };
            Table::read(reading(&bytes), bytes.len() as u64, limits)
        };
        assert_eq!(read(5).unwrap_err().status(), Status::LimitExceeded);
        assert!(read(6).unwrap().nodes.is_empty());
    }

    #[test]
    fn names_and_targets_are_counted() {
        let bytes = archive(&[
            file("./abc", ""),
            file("abc", ""),
            symbolic_link("s", "12345"),
            hard_link("h", "12345678"),
            hard_link("k", "abc"),
            file("../leads out", ""),
        ]);
        let read = |names| {
            let limits = Limits { names, ..LIMITS };
            Table::read(reading(&bytes), bytes.len() as u64, limits).map_err(|e| e.status())
        };
        assert!(read(22).is_ok());
        assert_eq!(read(21).err(), Some(Status::LimitExceeded));
    }

    fn sample() -> Vec<u8> {
        archive(&[
            file("a", "a".repeat(700)),
            pax(&[("path", "pax")]),
            file("x", "p".repeat(1024)),
            extension(b'L', b"long\0"),
            file("x", "l"),
            symbolic_link("s", "a"),
            hard_link("h", "pax"),
            file("e", ""),
        ])
    }

    const NAMES: [&str; 6] = ["a", "pax", "long", "s", "h", "e"];

    #[test]
    fn a_truncated_archive_never_gives_other_content() {
        let whole = sample();
        let all = table(&whole).unwrap();
        let end_of_entries = whole.len() - 1024;
        for cut in 0..whole.len() {
            let complete = cut >= end_of_entries + 512;
            let table = table(&whole[..cut]);
            assert_eq!(table.is_ok(), complete, "{cut}");
            for name in NAMES {
                match table.as_ref().map(|table| table.find(name)) {
                    Ok(Ok(data)) => assert_eq!(data, all.find(name).unwrap(), "{name} at {cut}"),
                    _ => assert!(!complete, "{name} at {cut}"),
                }
            }
        }
    }

    #[test]
    fn a_failing_read_fails() {
        // Larger than a window, so that there are several.
        let large = vec![b'x'; 100 << 10];
        let whole = archive(&[file("1", &large), sample(), file("2", &large)]);
        let whole = [file("1", &large), file("2", &large), whole].concat();
        let mut reads = 0;
        Table::read(
            |buf, at| {
                reads += 1;
                reading(&whole)(buf, at)
            },
            whole.len() as u64,
            LIMITS,
        )
        .unwrap();
        assert!(reads > 3);
        for failing in 0..reads {
            let mut count = 0;
            let e = Table::read(
                |buf, at| {
                    count += 1;
                    match count > failing {
                        true => Err(Error::io("as told")),
                        false => reading(&whole)(buf, at),
                    }
                },
                whole.len() as u64,
                LIMITS,
            )
            .unwrap_err();
            assert_eq!(e.status(), Status::Io, "read {failing}");
        }
    }

    fn some_block() -> impl Strategy<Value = Vec<u8>> {
        let kind = prop::sample::select(&b"01257xgLKSZ\0"[..]);
        let size = prop_oneof![0..2000u64, Just(1 << 20), any::<u64>()];
        let path = prop::sample::select(&["a", "b", "a/b", "..", "/", "./b/../a", ""][..]);
        prop_oneof![
            4 => (kind, path.clone(), path, size).prop_map(|(kind, name, target, size)| {
                header(kind, name, target, size).to_vec()
            }),
            1 => prop::collection::vec(any::<u8>(), 0..600),
            1 => "[0-9]{1,2} (path|size|linkpath|GNU.sparse.name)=[ab/.0-9]{0,9}\n".prop_map(String::into_bytes),
            1 => Just(vec![0; 512]),
        ]
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_is_found_outside(blocks in prop::collection::vec(some_block(), 0..30)) {
            let mut archive = Vec::new();
            for block in blocks {
                archive.extend_from_slice(&block);
                archive.resize(archive.len().next_multiple_of(512), 0);
            }
            if let Ok(table) = table(&archive) {
                for name in table.nodes.keys().map(|name| String::from_utf8_lossy(name)).chain(["b".into()]) {
                    if let Ok(data) = table.find(&name) {
                        prop_assert!(data.start <= data.end && data.end <= archive.len() as u64);
                    }
                }
            }
        }

        #[test]
        fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let _ = table(&bytes);
            let _ = Entry::default().take_records(&bytes, 0);
        }
    }
}
