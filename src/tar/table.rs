//! The table of an archive: its names, and the place of the content of each.

use super::blocks::Blocks;
use super::extensions::{ExtensionFields, Extensions};
use super::flaw::Flaw;
use super::header::{BLOCK, data_size, is_tar, path};
use super::path::{normalized, normalized_at_root};
use super::sparse::{Sparse, behind_map};
use crate::error::Result;
use crate::text::Escaped;
use ::tar::{EntryType, Header};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

/// Limits of a table.
#[derive(Clone, Copy)]
pub struct Limits {
    pub headers: u32,
    /// Bytes of all names and link targets.
    pub names: usize,
}

/// How an archive ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a block of zeros.
    Zeros,
    /// Exactly after an entry: its writer omitted the zeros, or the rest is cut off.
    Bare,
}

#[derive(Debug)]
pub struct Table {
    nodes: HashMap<Box<[u8]>, Node>,
    /// Bytes of the names and targets in `nodes`, those of replaced ones too.
    names: usize,
    end: End,
}

/// Names that may have one entry only, and what may hide a second one.
struct Once<'a> {
    names: &'a [&'a str],
    /// Those of the names that have an entry.
    met: Vec<&'a str>,
    /// Whether one of them is a link, so that the content may have any name.
    is_link: bool,
    /// Links that another entry replaced.
    replaced_links: Vec<Box<[u8]>>,
    /// Paths that only some readers take for those of files.
    unlisted: Vec<Box<[u8]>>,
}

impl<'a> Once<'a> {
    /// Notes an entry that some readers take for one of the names.
    fn meet(&mut self, path: &[u8], kind: EntryType, at: u64) -> Result<(), Flaw> {
        let Some(name) = self.names.iter().find(|name| name.as_bytes() == path) else {
            return Ok(());
        };
        if self.met.contains(name) {
            let name = (*name).to_owned();
            return Err(Flaw::Twice { at, name });
        }
        self.met.push(name);
        self.is_link |= matches!(kind, EntryType::Symlink | EntryType::Link);
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// The offsets of its content.
    File(Range<u64>),
    Sparse(Box<Sparse>),
    /// Its target starts at the folder of the link.
    SymbolicLink(Arc<[u8]>),
    /// Its target is a name without an entry so far.
    HardLink(Arc<[u8]>),
    /// A folder, a device or a FIFO.
    NoFile,
}

impl Node {
    fn target(&self) -> &[u8] {
        match self {
            Self::SymbolicLink(target) | Self::HardLink(target) => target,
            Self::File(_) | Self::Sparse(_) | Self::NoFile => b"",
        }
    }

    fn is_link(&self) -> bool {
        matches!(self, Self::SymbolicLink(_) | Self::HardLink(_))
    }
}

impl Table {
    /// Reads the table of an archive of `size` bytes through `read_exact_at`, which fills
    /// its buffer from an offset or fails. A second entry for one of the names in `once` is
    /// an error.
    pub fn read(
        read_exact_at: impl FnMut(&mut [u8], u64) -> Result<()>,
        size: u64,
        limits: Limits,
        once: &[&str],
    ) -> Result<Self, Flaw> {
        let mut blocks = Blocks::new(read_exact_at, size);
        let mut table = Self {
            nodes: HashMap::new(),
            names: 0,
            end: End::Zeros,
        };
        let mut extensions = Extensions::default();
        let mut once = Once {
            names: once,
            met: Vec::new(),
            is_link: false,
            replaced_links: Vec::new(),
            unlisted: Vec::new(),
        };
        let mut at = 0;
        for _ in 0..limits.headers {
            if at == blocks.size() && at > 0 && !extensions.are_pending() {
                table.end = End::Bare;
                table.expect_none_below_links(&once)?;
                return Ok(table);
            }
            let block = blocks.get(at, BLOCK as u64)?;
            let mut block: [u8; BLOCK] = block.try_into().expect("it has this size");
            if block == [0; BLOCK] {
                if extensions.are_pending() {
                    return Err(Flaw::NoEntry { at });
                }
                table.expect_none_below_links(&once)?;
                return Ok(table);
            }
            if !is_tar(&block) {
                return Err(Flaw::Checksum { at });
            }
            if &block[257..263] == b"ustar\0" {
                // `Header` is the only reader that looks at the version after the magic.
                block[263..265].copy_from_slice(b"00");
            }
            let header = Header::from_byte_slice(&block);
            at = match header.entry_type() {
                EntryType::XHeader
                | EntryType::XGlobalHeader
                | EntryType::GNULongName
                | EntryType::GNULongLink => extensions.take(header, at, &mut blocks)?,
                _ => {
                    let fields = extensions.of_entry(at)?;
                    table.take(header, at, fields, &mut blocks, &mut once)?
                }
            };
            if table.names > limits.names {
                return Err(Flaw::ManyNames { max: limits.names });
            }
        }
        Err(Flaw::ManyHeaders {
            max: limits.headers,
        })
    }

    pub fn end(&self) -> End {
        self.end
    }

    /// The names of all entries, normalized, in no order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.nodes.keys().map(|name| &**name)
    }

    pub(super) fn node(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Adds the entry whose header is at `at`; returns the offset of the next header.
    fn take<R: FnMut(&mut [u8], u64) -> Result<()>>(
        &mut self,
        header: &Header,
        at: u64,
        extensions: ExtensionFields,
        blocks: &mut Blocks<R>,
        once: &mut Once<'_>,
    ) -> Result<u64, Flaw> {
        let size = data_size(header, at)?;
        let size = extensions.size.unwrap_or(size);
        let plain = match &extensions.name {
            Some(path) => Cow::Borrowed(&**path),
            None => path(header),
        };
        let name = extensions.sparse_name.as_deref().unwrap_or(&plain);
        let kind = header.entry_type();
        let start = match kind {
            EntryType::GNUSparse => behind_map(header, at + BLOCK as u64, blocks)?,
            _ => at + BLOCK as u64,
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

        // Readers differ on which of the names of a sparse file counts, on whether a label is a
        // file, and on whether a path can lead out.
        let is_label = kind.as_byte() == b'V';
        let (path, unlisted) = match normalized(name) {
            Some(path) if !path.is_empty() && !is_label => (Some(path), None),
            Some(path) => (None, Some(path)),
            None => (None, normalized_at_root(name)),
        };
        let placeholder = extensions.sparse_name.as_ref();
        let placeholder = placeholder.and_then(|_| normalized_at_root(&plain));
        let read_as = path.as_ref().or(unlisted.as_ref());
        let placeholder = placeholder.filter(|path| read_as != Some(path));
        for path in read_as.into_iter().chain(&placeholder) {
            once.meet(path, kind, at)?;
        }
        let unlisted = unlisted.into_iter().chain(placeholder);
        for path in unlisted.filter(|path| !path.is_empty()) {
            self.names += path.len();
            once.unlisted.push(path.into());
        }
        let Some(path) = path else {
            return Ok(end);
        };
        let target = || {
            let own = || header.link_name_bytes().unwrap_or_default().as_ref().into();
            extensions.target.clone().unwrap_or_else(own)
        };
        let data = start..start + size;
        let node = match kind {
            EntryType::Link => self.hard_link(target()),
            EntryType::Symlink => Node::SymbolicLink(target()),
            EntryType::Directory | EntryType::Fifo | EntryType::Char | EntryType::Block => {
                Node::NoFile
            }
            EntryType::GNUSparse => Node::Sparse(Box::new(Sparse::gnu(at, data))),
            // Before POSIX, folders had no type: their names ended so.
            EntryType::Regular if name.ends_with(b"/") => Node::NoFile,
            // POSIX: an unknown type is a file.
            _ => match extensions.sparse_records {
                Some(records) => Node::Sparse(Box::new(Sparse::pax(records, data))),
                None => Node::File(data),
            },
        };
        self.names += path.len() + node.target().len();
        match self.nodes.entry(path.into()) {
            Entry::Occupied(mut known) => {
                if known.get().is_link() && !node.is_link() {
                    once.replaced_links.push(known.key().clone());
                }
                known.insert(node);
            }
            Entry::Vacant(place) => {
                place.insert(node);
            }
        }
        Ok(end)
    }

    /// Fails if an entry below a link (also a link that was replaced later) could be another
    /// file of a name in `once`, or of its link target: programs that unpack the archive write
    /// it through the link.
    fn expect_none_below_links(&self, once: &Once<'_>) -> Result<(), Flaw> {
        let links = self.nodes.iter().filter(|(_, node)| node.is_link());
        let links = links.map(|(name, _)| name).chain(&once.replaced_links);
        let mut links = links.peekable();
        if links.peek().is_none() {
            return Ok(());
        }
        let has_name = |path: &[u8], name: &str| {
            let folder = path.strip_suffix(name.as_bytes());
            folder.is_some_and(|folder| folder.is_empty() || folder.ends_with(b"/"))
        };
        let may_be_one =
            |path: &&[u8]| once.is_link || once.names.iter().any(|name| has_name(path, name));
        let unlisted = once.unlisted.iter().map(|path| &**path);
        let all = self.names().chain(unlisted);
        let mut sorted: Vec<&[u8]> = all.filter(may_be_one).collect();
        sorted.sort_unstable();
        for link in links {
            let folder = [link, &b"/"[..]].concat();
            let first = sorted.partition_point(|name| *name < &*folder);
            if let Some(name) = sorted.get(first).filter(|name| name.starts_with(&folder)) {
                return Err(Flaw::BelowLink {
                    name: escaped(name),
                    link: escaped(link),
                });
            }
        }
        Ok(())
    }

    fn hard_link(&self, target: Arc<[u8]>) -> Node {
        normalized(&target)
            .and_then(|name| self.nodes.get(&*name).cloned())
            .unwrap_or(Node::HardLink(target))
    }
}

fn escaped(name: &[u8]) -> String {
    Escaped(&String::from_utf8_lossy(name)).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::find::Found;
    use super::super::testing::*;
    use super::*;
    use crate::error::{Error, Status};
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        headers: 1000,
        names: 10_000,
    };

    fn table(archive: &[u8]) -> Result<Table> {
        read(archive, LIMITS)
    }

    fn read(archive: &[u8], limits: Limits) -> Result<Table> {
        let size = archive.len() as u64;
        Table::read(reading(archive), size, limits, &["once"])
            .map_err(|flaw| flaw.into_error("a.tar"))
    }

    fn reading(archive: &[u8]) -> impl FnMut(&mut [u8], u64) -> Result<()> {
        |buf, at| {
            buf.copy_from_slice(&archive[at as usize..][..buf.len()]);
            Ok(())
        }
    }

    fn content(archive: &[u8], name: &str) -> Result<String> {
        let table = table(archive)?;
        let found = table
            .find(name)
            .map_err(|e| Error::new(e.status(), format_args!("{name}: {e}")))?;
        let content = match found {
            Found::File(data) => archive[data.start as usize..data.end as usize].to_owned(),
            Found::Sparse(sparse) => expanded(archive, sparse)?,
        };
        Ok(String::from_utf8(content).unwrap())
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
            // It leads out of the archive, so it is ignored.
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
                "GNU has two times where POSIX has the prefix",
                vec![entry(
                    gnu(with_field(
                        header(b'0', "b", "", 4),
                        345,
                        b"15166661234\x0015166661234\0",
                    )),
                    b"data",
                )],
                "b",
            ),
            (
                "a time before 1970 in GNU's format",
                vec![entry(
                    gnu(with_field(
                        header(b'0', "b", "", 4),
                        345,
                        &[&b"15166661234\0"[..], &[0xff; 12]].concat(),
                    )),
                    b"data",
                )],
                "b",
            ),
            (
                "a time of 2^63 in GNU's format, which Go takes for a prefix",
                vec![entry(
                    gnu(with_field(
                        header(b'0', "b", "", 4),
                        345,
                        &[&b"15166661234\0\x80\0\0\0\x80"[..], &[0; 7]].concat(),
                    )),
                    b"data",
                )],
                "15166661234/b",
            ),
            (
                "POSIX prefix in GNU's format, as Go wrote it before 1.8",
                vec![entry(
                    gnu(with_field(header(b'0', "b", "", 4), 345, b"p/q")),
                    b"data",
                )],
                "p/q/b",
            ),
            (
                "star's prefix, which is shorter",
                vec![entry(
                    with_field(
                        with_field(
                            header(b'0', "b", "", 4),
                            345,
                            format!("p/{}q/q", "./".repeat(64)).as_bytes(),
                        ),
                        508,
                        b"tar\0",
                    ),
                    b"data",
                )],
                "p/q/b",
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
                "size before a NUL and other bytes",
                vec![entry(
                    with_field(header(b'0', "a", "", 0), 124, b"4\0junk"),
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
                "a sparse name that is the path too",
                vec![
                    pax(&[
                        ("path", "once"),
                        ("GNU.sparse.name", "once"),
                        ("GNU.sparse.numblocks", "1"),
                        ("GNU.sparse.map", "0,4"),
                        ("GNU.sparse.size", "4"),
                    ]),
                    file("x", "data"),
                ],
                "once",
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
                "PAX path beside the same GNU long name",
                vec![
                    extension(b'L', b"a\0"),
                    pax(&[("path", "a")]),
                    file("x", "data"),
                ],
                "a",
            ),
            (
                "an empty GNU long name",
                vec![extension(b'L', b"\0"), file("a", "data")],
                "a",
            ),
            (
                "a global comment",
                vec![
                    extension(b'g', &records(&[("path", ""), ("comment", "c")])),
                    file("a", "data"),
                ],
                "a",
            ),
            (
                "an empty PAX record takes back",
                vec![
                    pax(&[("path", "b"), ("path", ""), ("size", "9"), ("size", "")]),
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
                Some("data".into()),
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
            assert_eq!(content(&archive, "a").ok(), Some("data".into()), "{row}");
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
                expected.map(str::to_owned),
                "{row}"
            );
        }
    }

    #[test]
    fn an_entry_below_a_link_may_be_no_second_one() {
        let through = |link: Vec<u8>| vec![file("a", "1"), link, file("l/once", "2")];
        let rows = [
            ("a link", through(symbolic_link("l", "."))),
            ("an absolute link", through(symbolic_link("l", "/"))),
            ("a hard link to nothing", through(hard_link("l", "b"))),
            (
                "a hard link to a link",
                vec![
                    symbolic_link("m", "."),
                    hard_link("l", "m"),
                    file("l/once", "2"),
                ],
            ),
            (
                "a link that a folder replaces",
                [
                    through(symbolic_link("l", ".")),
                    vec![entry(header(b'5', "l/", "", 0), b"")],
                ]
                .concat(),
            ),
            (
                "a link behind it",
                vec![file("l/once", "2"), symbolic_link("l", ".")],
            ),
            (
                "far above",
                vec![symbolic_link("l", "."), file("l/b/c/once", "2")],
            ),
            (
                "by a path that leads out",
                vec![symbolic_link("l", "."), file("../l/once", "2")],
            ),
            (
                "a label",
                vec![
                    symbolic_link("l", "."),
                    entry(header(b'V', "l/once", "", 0), b""),
                ],
            ),
            (
                "the placeholder of a sparse file",
                vec![
                    symbolic_link("l", "."),
                    pax(&[("path", "l/once"), ("GNU.sparse.name", "x")]),
                    file("y", ""),
                ],
            ),
            (
                "the target of such a name",
                vec![
                    symbolic_link("once", "l/a"),
                    symbolic_link("l", "d"),
                    file("l/a", "1"),
                    file("d/a", "2"),
                ],
            ),
            (
                "the content of such a name",
                vec![
                    symbolic_link("l", "d"),
                    file("l/a", "1"),
                    file("d/a", "2"),
                    hard_link("once", "l/a"),
                ],
            ),
        ];
        for (row, entries) in rows {
            let e = table(&archive(&entries)).expect_err(row);
            assert_eq!(e.status(), Status::Malformed, "{row}");
            assert!(e.message().contains("below the link \"l\""), "{row}: {e}");
        }
        let beside = [
            symbolic_link("l", "."),
            file("l.a/once", "2"),
            file("la/b", "3"),
        ];
        assert_eq!(content(&archive(&beside), "l/la/b").unwrap(), "3");
        // Of other names the exact one counts before links on the way to it.
        let exact = [symbolic_link("l", "."), file("a", "1"), file("l/a", "2")];
        assert_eq!(content(&archive(&exact), "l/a").unwrap(), "2");
    }

    #[test]
    fn links_are_followed_for_so_long() {
        let chain = |len: usize| {
            let mut entries = vec![file("0", "data")];
            entries.extend((1..=len).map(|n| symbolic_link(&n.to_string(), &(n - 1).to_string())));
            content(&archive(&entries), &len.to_string())
                .map(|content| content.len())
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
        use Status::Malformed;
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
            ("a blank between digits", size(b"4 0\0"), Malformed),
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
                "a PAX path beside another GNU long name",
                [extension(b'L', b"b"), pax(&[("path", "a")]), file("x", "")].concat(),
                Malformed,
            ),
            (
                "a PAX target beside another GNU long target",
                [
                    pax(&[("linkpath", "a")]),
                    extension(b'K', b"b"),
                    file("x", ""),
                ]
                .concat(),
                Malformed,
            ),
            (
                "a global PAX path",
                extension(b'g', &super::super::testing::records(&[("path", "a")])),
                Malformed,
            ),
            (
                "a global PAX size",
                extension(b'g', &super::super::testing::records(&[("size", "4")])),
                Malformed,
            ),
            ("a NUL in a PAX path", pax(&[("path", "a\0b")]), Malformed),
            (
                "a NUL in a PAX target",
                pax(&[("linkpath", "\0")]),
                Malformed,
            ),
            (
                "a NUL in a sparse name",
                pax(&[("GNU.sparse.name", "a\0")]),
                Malformed,
            ),
            (
                "a NUL in a global PAX path",
                extension(b'g', &super::super::testing::records(&[("path", "a\0")])),
                Malformed,
            ),
            (
                "a second entry of a name that may be there once",
                [file("once", ""), file("./x/../once", "")].concat(),
                Malformed,
            ),
            (
                "a folder of such a name",
                [entry(header(b'5', "once/", "", 0), b""), file("once", "")].concat(),
                Malformed,
            ),
            (
                "a spelling of such a name that leads out",
                [file("once", ""), file("../once", "")].concat(),
                Malformed,
            ),
            (
                "a spelling of such a name that is longer than a path",
                [
                    pax(&[("path", &("./".repeat(3000) + "once"))]),
                    file("x", ""),
                    file("once", ""),
                ]
                .concat(),
                Malformed,
            ),
            (
                "a label of such a name",
                [entry(header(b'V', "once", "", 0), b""), file("once", "")].concat(),
                Malformed,
            ),
            (
                "a sparse name beside such a path, without a map",
                [
                    file("once", ""),
                    pax(&[("path", "once"), ("GNU.sparse.name", "b")]),
                    file("x", ""),
                ]
                .concat(),
                Malformed,
            ),
            (
                "a sparse name beside such a path, of an unknown version",
                [
                    file("once", ""),
                    pax(&[("GNU.sparse.major", "2"), ("GNU.sparse.name", "b")]),
                    file("once", ""),
                ]
                .concat(),
                Malformed,
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
        let read = |headers| read(&bytes, Limits { headers, ..LIMITS });
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
            read(&bytes, limits).map_err(|e| e.status())
        };
        assert!(read(31).is_ok());
        assert_eq!(read(30).err(), Some(Status::LimitExceeded));
    }

    /// Entries, each with the extension headers before it.
    fn sample_entries() -> [Vec<u8>; 6] {
        [
            file("a", "a".repeat(700)),
            [pax(&[("path", "pax")]), file("x", "p".repeat(1024))].concat(),
            [extension(b'L', b"long\0"), file("x", "l")].concat(),
            symbolic_link("s", "a"),
            hard_link("h", "pax"),
            file("e", ""),
        ]
    }

    fn sample() -> Vec<u8> {
        archive(&sample_entries())
    }

    fn border_offsets() -> Vec<usize> {
        let mut end = 0;
        let ends = sample_entries().into_iter().map(|entry| {
            end += entry.len();
            end
        });
        ends.collect()
    }

    const NAMES: [&str; 6] = ["a", "pax", "long", "s", "h", "e"];

    #[test]
    fn a_truncated_archive_never_gives_other_content() {
        let whole = sample();
        let all = table(&whole).unwrap();
        let end_of_entries = whole.len() - 1024;
        // Behind each entry, with the extension headers before it.
        let borders = border_offsets();
        assert_eq!(borders.last(), Some(&end_of_entries));
        let data = |found: Found<'_>| match found {
            Found::File(data) => data,
            Found::Sparse(_) => panic!("no entry is sparse"),
        };
        for cut in 0..whole.len() {
            let complete = cut >= end_of_entries + 512;
            let table = table(&whole[..cut]);
            assert_eq!(table.is_ok(), complete || borders.contains(&cut), "{cut}");
            if let Ok(table) = &table {
                let end = if complete { End::Zeros } else { End::Bare };
                assert_eq!(table.end(), end, "{cut}");
            }
            for name in NAMES {
                match table.as_ref().map(|table| table.find(name)) {
                    Ok(Ok(found)) => {
                        assert_eq!(
                            data(found),
                            data(all.find(name).unwrap()),
                            "{name} at {cut}"
                        );
                    }
                    _ => assert!(cut < end_of_entries || table.is_err(), "{name} at {cut}"),
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
            &[],
        )
        .unwrap();
        assert!(reads > 3);
        for failing in 0..reads {
            let mut count = 0;
            let e = Table::read(
                |buf, at| {
                    count += 1;
                    match count > failing {
                        true => Err(Error::io("asked to fail")),
                        false => reading(&whole)(buf, at),
                    }
                },
                whole.len() as u64,
                LIMITS,
                &[],
            )
            .unwrap_err();
            assert!(matches!(e, Flaw::Read(_)), "read {failing}: {e}");
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
                    if let Ok(Found::File(data)) = table.find(&name) {
                        prop_assert!(data.start <= data.end && data.end <= archive.len() as u64);
                    }
                }
            }
        }

        #[test]
        fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let _ = table(&bytes);
            let _ = ExtensionFields::default().take_records(&bytes, 0);
        }
    }
}
