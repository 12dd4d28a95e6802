//! Sparse files: a map lists the stored stretches of the file, the rest are zeros.
//!
//! GNU tar has had four formats, its own and the PAX versions 0.0, 0.1 and 1.0:
//! <https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html>. A map is read
//! when its file is opened, so that a bad one affects no other file and maps take no memory
//! until then. As in Go's archive/tar, stretches are in order, do not overlap, and cover
//! exactly the stored bytes.

use super::blocks::Blocks;
use super::extensions::{SPARSE, record};
use super::flaw::Flaw;
use super::header::{BLOCK, decimal, number};
use super::sparse_map::{MAX_STRETCHES, Map, Pairs, SparseFlaw};
use crate::error::Result;
use ::tar::Header;
use std::ops::Range;

/// Bytes of a map in the data read at once.
const PIECE: u64 = 32 << 10;

/// The places of the parts of a sparse file in its archive.
#[derive(Clone, Debug)]
pub struct Sparse {
    map: MapPlace,
    /// The stored stretches; in PAX 1.0 after the map.
    data: Range<u64>,
}

#[derive(Clone, Debug)]
enum MapPlace {
    /// In the header at this offset, and in the blocks after it.
    Gnu(u64),
    /// In these PAX records, or announced there.
    Pax(Range<u64>),
}

/// The offset of the data of a GNU sparse entry: its map goes on in further blocks.
pub(super) fn behind_map<R: FnMut(&mut [u8], u64) -> Result<()>>(
    header: &Header,
    mut at: u64,
    blocks: &mut Blocks<R>,
) -> Result<u64, Flaw> {
    let mut goes_on = header.as_gnu().is_some_and(|gnu| gnu.is_extended());
    while goes_on {
        goes_on = blocks.get(at, BLOCK as u64)?[GNU_EXTENSION.end] != 0;
        at += BLOCK as u64;
    }
    Ok(at)
}

const GNU_MAGIC: &[u8] = b"ustar  \0";
/// The pairs of the map in a GNU header, followed by a flag for more blocks.
const GNU_MAP: Range<usize> = 386..482;
const GNU_SIZE: Range<usize> = 483..495;
/// The same in the blocks after it.
const GNU_EXTENSION: Range<usize> = 0..504;

impl Sparse {
    pub(super) fn gnu(header: u64, data: Range<u64>) -> Self {
        Self {
            map: MapPlace::Gnu(header),
            data,
        }
    }

    pub(super) fn pax(records: Range<u64>, data: Range<u64>) -> Self {
        Self {
            map: MapPlace::Pax(records),
            data,
        }
    }

    /// An offset that no other file of the archive has.
    pub fn offset(&self) -> u64 {
        self.data.start
    }

    /// Reads the map through `read_exact_at`, which fills its buffer from an offset of the
    /// archive or fails.
    pub fn read_map(
        &self,
        mut read_exact_at: impl FnMut(&mut [u8], u64) -> Result<()>,
    ) -> Result<Map, SparseFlaw> {
        match &self.map {
            MapPlace::Gnu(header) => self.read_gnu(*header, &mut read_exact_at),
            MapPlace::Pax(records) => {
                let mut data = vec![0; (records.end - records.start) as usize];
                read_exact_at(&mut data, records.start)?;
                self.read_pax(&Records::read(&data)?, &mut read_exact_at)
            }
        }
    }

    fn read_gnu(
        &self,
        header: u64,
        read_exact_at: &mut impl FnMut(&mut [u8], u64) -> Result<()>,
    ) -> Result<Map, SparseFlaw> {
        let mut block = [0; BLOCK];
        read_exact_at(&mut block, header)?;
        if &block[257..265] != GNU_MAGIC {
            return Err(SparseFlaw::Grammar);
        }
        let field = block[GNU_SIZE].first_chunk().expect("it has this size");
        let size = number(field).ok_or(SparseFlaw::NoSize)?;
        let mut pairs = Pairs::default();
        let mut is_over = false;
        let (mut at, mut map) = (header, GNU_MAP);
        loop {
            for pair in block[map.clone()].chunks_exact(24) {
                let [position, len] = [0, 12].map(|from| pair[from..].first_chunk().expect("12"));
                // As in GNU tar and Go, a pair without numbers is the end of the map.
                is_over |= position[0] == 0 || len[0] == 0;
                if is_over {
                    continue;
                }
                match (number(position), number(len)) {
                    (Some(position), Some(len)) => pairs.push(position, len)?,
                    _ => return Err(SparseFlaw::Grammar),
                }
            }
            if block[map.end] == 0 {
                break;
            }
            if is_over {
                return Err(SparseFlaw::Grammar);
            }
            at += BLOCK as u64;
            map = GNU_EXTENSION;
            read_exact_at(&mut block, at)?;
        }
        pairs.map(size, self.data.clone())
    }

    fn read_pax(
        &self,
        records: &Records,
        read_exact_at: &mut impl FnMut(&mut [u8], u64) -> Result<()>,
    ) -> Result<Map, SparseFlaw> {
        let [major, minor] = [&records.major, &records.minor].map(|text| text.as_deref());
        let (pairs, data) = match (major, minor) {
            (Some("1"), Some("0")) => self.read_pairs(read_exact_at)?,
            (Some("0"), Some("0" | "1")) | (None, None) => {
                let declared = records.count.ok_or(SparseFlaw::Grammar)?;
                (records.pairs(declared)?, self.data.clone())
            }
            _ => {
                let [major, minor] = [major, minor].map(Option::unwrap_or_default);
                return Err(SparseFlaw::Version(format!("{major}.{minor}")));
            }
        };
        pairs.map(records.size.ok_or(SparseFlaw::NoSize)?, data)
    }

    /// Reads the map of PAX 1.0: lines of digits before the data, padded to a block.
    /// Also returns the offsets of the stored bytes.
    fn read_pairs(
        &self,
        read_exact_at: &mut impl FnMut(&mut [u8], u64) -> Result<()>,
    ) -> Result<(Pairs, Range<u64>), SparseFlaw> {
        let mut lines = Lines {
            read_exact_at,
            data: self.data.clone(),
            piece: Vec::new(),
            used: 0,
        };
        let declared = lines.number()?;
        if declared > MAX_STRETCHES as u64 {
            return Err(SparseFlaw::ManyStretches);
        }
        let mut pairs = Pairs::default();
        for _ in 0..declared {
            let position = lines.number()?;
            pairs.push(position, lines.number()?)?;
        }
        let map = lines.offset() - self.data.start;
        let start = self.data.start + map.next_multiple_of(BLOCK as u64);
        if start > self.data.end {
            return Err(SparseFlaw::Grammar);
        }
        Ok((pairs, start..self.data.end))
    }
}

/// The PAX records about a sparse file.
#[derive(Default)]
struct Records {
    major: Option<String>,
    minor: Option<String>,
    size: Option<u64>,
    count: Option<u64>,
    /// The numbers of version 0.0, a record each.
    numbers: Vec<u64>,
    /// Those of version 0.1, in one record.
    map: Option<Vec<u8>>,
}

impl Records {
    fn read(mut data: &[u8]) -> Result<Self, SparseFlaw> {
        let mut records = Self::default();
        while !data.is_empty() {
            let (key, value, rest) = record(data).ok_or(SparseFlaw::Grammar)?;
            data = rest;
            let text = || Some(String::from_utf8_lossy(value).into_owned());
            let number = || match value {
                b"" => Err(SparseFlaw::Grammar),
                _ => decimal(value).ok_or(SparseFlaw::Grammar),
            };
            match key.strip_prefix(SPARSE) {
                Some(b"major") => records.major = text(),
                Some(b"minor") => records.minor = text(),
                Some(b"size" | b"realsize") => records.size = Some(number()?),
                Some(b"numblocks") => records.count = Some(number()?),
                Some(b"map") => records.map = Some(value.to_owned()),
                Some(b"offset" | b"numbytes") => {
                    // Offsets and lengths alternate, an offset first.
                    let is_offset = key.ends_with(b"offset");
                    if is_offset != records.numbers.len().is_multiple_of(2) {
                        return Err(SparseFlaw::Grammar);
                    }
                    records.numbers.push(number()?);
                }
                _ => {}
            }
        }
        Ok(records)
    }

    fn pairs(&self, declared: u64) -> Result<Pairs, SparseFlaw> {
        let mut numbers = self.numbers.clone();
        if let Some(map) = self.map.as_deref().filter(|map| !map.is_empty()) {
            if !numbers.is_empty() {
                return Err(SparseFlaw::Grammar);
            }
            for digits in map.split(|b| *b == b',') {
                numbers.push(decimal(digits).ok_or(SparseFlaw::Grammar)?);
            }
        }
        let mut pairs = Pairs::default();
        let (whole, rest) = numbers.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(SparseFlaw::Grammar);
        }
        if whole.len() as u64 != declared {
            return Err(SparseFlaw::Count {
                found: whole.len(),
                declared,
            });
        }
        for [position, len] in whole {
            pairs.push(*position, *len)?;
        }
        Ok(pairs)
    }
}

/// Lines of digits at the start of the data of an entry.
struct Lines<'a, R> {
    read_exact_at: &'a mut R,
    /// The part not read yet.
    data: Range<u64>,
    piece: Vec<u8>,
    used: usize,
}

impl<R: FnMut(&mut [u8], u64) -> Result<()>> Lines<'_, R> {
    /// The offset of what follows the last line.
    fn offset(&self) -> u64 {
        self.data.start - (self.piece.len() - self.used) as u64
    }

    fn byte(&mut self) -> Result<u8, SparseFlaw> {
        if self.used == self.piece.len() {
            let len = PIECE.min(self.data.end - self.data.start);
            self.piece.resize(len as usize, 0);
            (self.read_exact_at)(&mut self.piece, self.data.start)?;
            self.data.start += len;
            self.used = 0;
        }
        let byte = *self.piece.get(self.used).ok_or(SparseFlaw::Grammar)?;
        self.used += 1;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64, SparseFlaw> {
        let mut digits = 0;
        let mut number = 0_u64;
        loop {
            let digit = match self.byte()? {
                b'\n' if digits > 0 => return Ok(number),
                digit @ b'0'..=b'9' if digits < 20 => digit - b'0',
                _ => return Err(SparseFlaw::Grammar),
            };
            digits += 1;
            number = number
                .checked_mul(10)
                .and_then(|number| number.checked_add(u64::from(digit)))
                .ok_or(SparseFlaw::Grammar)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Found, Limits, Table};
    use super::*;
    use crate::error::Status;
    use proptest::prelude::*;

    /// Stretches of a file by position and content, and the size of the file.
    type File = (Vec<(u64, Vec<u8>)>, u64);

    /// The file, made by writing each stretch at its place.
    fn naive((stretches, size): &File) -> Vec<u8> {
        let mut content = vec![0; *size as usize];
        for (position, bytes) in stretches {
            content[*position as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        content
    }

    fn stored((stretches, _): &File) -> Vec<u8> {
        stretches
            .iter()
            .flat_map(|(_, bytes)| bytes.clone())
            .collect()
    }

    fn numbers((stretches, _): &File) -> Vec<(u64, u64)> {
        let pair = |(position, bytes): &(u64, Vec<u8>)| (*position, bytes.len() as u64);
        stretches.iter().map(pair).collect()
    }

    #[derive(Clone, Copy, Debug)]
    enum Format {
        Gnu,
        Pax00,
        Pax01,
        Pax10,
    }

    const FORMATS: [Format; 4] = [Format::Gnu, Format::Pax00, Format::Pax01, Format::Pax10];

    /// The entry "a" with any map, right or wrong, before what is stored.
    fn entry_of(format: Format, map: &[(u64, u64)], size: u64, stored: &[u8]) -> Vec<u8> {
        let count = map.len().to_string();
        let size = size.to_string();
        match format {
            Format::Gnu => gnu_entry(map, size.parse().unwrap(), stored),
            Format::Pax00 => {
                let numbers: Vec<_> = map
                    .iter()
                    .map(|(position, len)| (position.to_string(), len.to_string()))
                    .collect();
                let mut pairs = vec![
                    ("GNU.sparse.size", &*size),
                    ("GNU.sparse.numblocks", &*count),
                ];
                for (position, len) in &numbers {
                    pairs.push(("GNU.sparse.offset", position));
                    pairs.push(("GNU.sparse.numbytes", len));
                }
                [pax(&pairs), file("a", stored)].concat()
            }
            Format::Pax01 => {
                let numbers: Vec<_> = map
                    .iter()
                    .map(|(position, len)| format!("{position},{len}"))
                    .collect();
                let records = pax(&[
                    ("GNU.sparse.size", &size),
                    ("GNU.sparse.numblocks", &count),
                    ("GNU.sparse.name", "a"),
                    ("GNU.sparse.map", &numbers.join(",")),
                ]);
                [records, file("GNUSparseFile.1/a", stored)].concat()
            }
            Format::Pax10 => {
                let mut data = format!("{count}\n");
                for (position, len) in map {
                    data += &format!("{position}\n{len}\n");
                }
                let mut data = data.into_bytes();
                data.resize(data.len().next_multiple_of(512), 0);
                data.extend_from_slice(stored);
                let records = pax(&[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "a"),
                    ("GNU.sparse.realsize", &size),
                ]);
                [records, file("GNUSparseFile.1/a", data)].concat()
            }
        }
    }

    fn gnu_entry(map: &[(u64, u64)], size: u64, stored: &[u8]) -> Vec<u8> {
        let field = |number: u64| format!("{number:011o}\0").into_bytes();
        let mut block = header(b'S', "a", "", stored.len() as u64);
        block[257..265].copy_from_slice(GNU_MAGIC);
        block[345..].fill(0);
        block[GNU_SIZE].copy_from_slice(&field(size));
        let pairs = |map: &[(u64, u64)]| -> Vec<u8> {
            let pairs = map.iter().flat_map(|(position, len)| [*position, *len]);
            pairs.flat_map(field).collect()
        };
        let (own, mut rest) = map.split_at(map.len().min(4));
        let own = pairs(own);
        block[GNU_MAP.start..][..own.len()].copy_from_slice(&own);
        block[GNU_MAP.end] = u8::from(!rest.is_empty());
        let mut entry = summed(block).to_vec();
        while !rest.is_empty() {
            let (these, others) = rest.split_at(rest.len().min(21));
            rest = others;
            let mut block = [0; 512];
            let these = pairs(these);
            block[..these.len()].copy_from_slice(&these);
            block[504] = u8::from(!rest.is_empty());
            entry.extend_from_slice(&block);
        }
        entry.extend_from_slice(stored);
        entry.resize(entry.len().next_multiple_of(512), 0);
        entry
    }

    fn table_of(archive: &[u8]) -> Table {
        let read = |buf: &mut [u8], at: u64| {
            buf.copy_from_slice(&archive[at as usize..][..buf.len()]);
            Ok(())
        };
        let limits = Limits {
            headers: 100,
            names: 1000,
        };
        Table::read(read, archive.len() as u64, limits, &[]).unwrap()
    }

    /// The content of "a"; checks that the entry after it is found in any case.
    fn read(sparse: Vec<u8>) -> Result<Vec<u8>> {
        let archive = archive(&[sparse, file("behind", "data")]);
        let table = table_of(&archive);
        assert!(matches!(table.find("behind"), Ok(Found::File(_))));
        match table.find("a").unwrap() {
            Found::Sparse(sparse) => expanded(&archive, sparse),
            Found::File(_) => panic!("it is sparse"),
        }
    }

    fn some_file() -> impl Strategy<Value = File> {
        let stretch = (0..600_u64, prop::collection::vec(1..=255_u8, 0..700));
        (prop::collection::vec(stretch, 0..40), 0..600_u64).prop_map(|(stretches, end)| {
            let mut reached = 0;
            let mut file = Vec::new();
            for (hole, bytes) in stretches {
                let position = reached + hole;
                reached = position + bytes.len() as u64;
                file.push((position, bytes));
            }
            (file, reached + end)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn every_format_expands_as_the_naive_way(file in some_file()) {
            for format in FORMATS {
                let entry = entry_of(format, &numbers(&file), file.1, &stored(&file));
                let content = read(entry).unwrap();
                prop_assert!(content == naive(&file), "{format:?}");
            }
        }

        #[test]
        fn any_map_is_refused_or_expands_within_its_size(
            map in prop::collection::vec((0..3000_u64, 0..1000_u64), 0..6),
            size in 0..4000_u64,
            len in 0..2000_usize,
        ) {
            let stored = vec![1; len];
            let mapped: u64 = map.iter().map(|(_, len)| len).sum();
            for format in FORMATS {
                if let Ok(content) = read(entry_of(format, &map, size, &stored)) {
                    prop_assert_eq!(content.len() as u64, size);
                    prop_assert_eq!(content.iter().filter(|byte| **byte == 1).count(), len);
                    prop_assert_eq!(mapped, len as u64);
                }
            }
        }
    }

    #[test]
    fn a_bad_map_breaks_its_entry_alone() {
        let rows: [(&str, &[(u64, u64)], u64, usize); 9] = [
            ("a stretch behind the end", &[(10, 4)], 13, 4),
            ("a stretch without end", &[(10, u64::MAX / 2)], 13, 4),
            ("stretches the other way round", &[(10, 2), (0, 2)], 20, 4),
            ("stretches that overlap", &[(0, 3), (2, 1)], 20, 4),
            ("less stored", &[(0, 3), (5, 3)], 20, 5),
            ("more stored", &[(0, 3), (5, 3)], 20, 7),
            ("nothing mapped", &[], 20, 7),
            ("nothing stored", &[(0, 20)], 20, 0),
            ("a size beyond any file", &[(0, 4)], 1 << 63, 4),
        ];
        for format in FORMATS {
            for (row, map, size, len) in rows {
                // GNU's fields are too short for the largest numbers.
                let fits = |number: u64| number < 1 << 33;
                let fields = map.iter().flat_map(|(position, len)| [*position, *len]);
                if matches!(format, Format::Gnu) && !fields.chain([size]).all(fits) {
                    continue;
                }
                let entry = entry_of(format, map, size, &vec![1; len]);
                let e = read(entry).map(drop).expect_err(row);
                assert_eq!(e.status(), Status::Malformed, "{format:?}, {row}: {e}");
                assert!(e.message().starts_with("sparse: found"), "{e}");
            }
        }
    }

    #[test]
    fn bad_records_and_lines_are_refused() {
        use Status::{LimitExceeded, Malformed, Unsupported};
        let major = ("GNU.sparse.major", "1");
        let minor = ("GNU.sparse.minor", "0");
        let realsize = ("GNU.sparse.realsize", "4");
        let size = ("GNU.sparse.size", "4");
        let one = ("GNU.sparse.numblocks", "1");
        let none = ("GNU.sparse.numblocks", "0");
        let map = |map| ("GNU.sparse.map", map);
        let lines = |text: &str| {
            let mut data = text.as_bytes().to_owned();
            data.resize(512, 0);
            [data, b"data".to_vec()].concat()
        };
        let many = format!("{}\n", MAX_STRETCHES + 1);
        type Row<'a> = (Vec<(&'a str, &'a str)>, Vec<u8>, Result<(), Status>);
        let rows: Vec<Row<'_>> = vec![
            (vec![major, minor, realsize], lines("1\n0\n4\n"), Ok(())),
            (vec![size, one, map("0,4")], b"data".to_vec(), Ok(())),
            (vec![size, none], vec![], Ok(())),
            (vec![size, none, map("")], vec![], Ok(())),
            // Unknown versions, halves of one, none at all.
            (
                vec![("GNU.sparse.major", "2"), minor, realsize],
                lines("1\n0\n4\n"),
                Err(Unsupported),
            ),
            (
                vec![major, ("GNU.sparse.minor", "1"), realsize],
                lines("1\n0\n4\n"),
                Err(Unsupported),
            ),
            (vec![major, realsize], lines("1\n0\n4\n"), Err(Unsupported)),
            (
                vec![("GNU.sparse.name", "a")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (vec![size], b"data".to_vec(), Err(Malformed)),
            (vec![major, minor], lines("1\n0\n4\n"), Err(Malformed)),
            (vec![one, map("0,4")], b"data".to_vec(), Err(Malformed)),
            // Numbers.
            (
                vec![("GNU.sparse.size", "-4"), one, map("0,4")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![("GNU.sparse.size", ""), one, map("0,4")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![size, one, map("0,4,")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (vec![size, one, map("0")], b"data".to_vec(), Err(Malformed)),
            (
                vec![size, one, map("0;4")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![size, one, map("+0,4")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![size, none, map("0,4")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![
                    size,
                    one,
                    ("GNU.sparse.numbytes", "4"),
                    ("GNU.sparse.offset", "0"),
                ],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![size, one, ("GNU.sparse.offset", "0")],
                b"data".to_vec(),
                Err(Malformed),
            ),
            (
                vec![
                    size,
                    one,
                    ("GNU.sparse.offset", "0"),
                    ("GNU.sparse.numbytes", "4"),
                    map("0,4"),
                ],
                b"data".to_vec(),
                Err(Malformed),
            ),
            // Lines.
            (
                vec![major, minor, realsize],
                lines("1\n0\n"),
                Err(Malformed),
            ),
            (
                vec![major, minor, realsize],
                lines("1\n0\n4"),
                Err(Malformed),
            ),
            (
                vec![major, minor, realsize],
                lines("\n1\n0\n4\n"),
                Err(Malformed),
            ),
            (
                vec![major, minor, realsize],
                lines("1 \n0\n4\n"),
                Err(Malformed),
            ),
            (
                vec![major, minor, realsize],
                lines("1\n0\n18446744073709551620\n"),
                Err(Malformed),
            ),
            (
                vec![major, minor, realsize],
                b"1\n0\n4".to_vec(),
                Err(Malformed),
            ),
            (
                vec![major, minor, realsize],
                b"1\n0\n4\n".to_vec(),
                Err(Malformed),
            ),
            (vec![major, minor, realsize], vec![], Err(Malformed)),
            (
                vec![major, minor, realsize],
                lines(&many),
                Err(LimitExceeded),
            ),
        ];
        for (records, data, expected) in rows {
            let entry = [pax(&records), file("a", &data)].concat();
            let found = read(entry).map(drop).map_err(|e| e.status());
            assert_eq!(
                found,
                expected,
                "{records:?} {:?}",
                String::from_utf8_lossy(&data)
            );
        }
    }

    #[test]
    fn a_map_in_a_global_header_is_that_of_no_file() {
        let records = records(&[
            ("GNU.sparse.size", "4"),
            ("GNU.sparse.numblocks", "1"),
            ("GNU.sparse.map", "0,4"),
        ]);
        let entries = |kind| [extension(kind, &records), file("a", "data")].concat();
        assert_eq!(read(entries(b'x')).unwrap(), b"data");
        let bytes = archive(&[entries(b'g')]);
        let table = table_of(&bytes);
        let Found::Sparse(sparse) = table.find("a").unwrap() else {
            panic!("it is sparse");
        };
        let e = expanded(&bytes, sparse).unwrap_err();
        assert_eq!(e.status(), Status::Malformed);
    }

    #[test]
    fn a_gnu_map_ends_once() {
        let entry = entry_of(
            Format::Gnu,
            &[(0, 1), (4, 1), (8, 1), (12, 1), (16, 1)],
            20,
            b"abcde",
        );
        assert_eq!(read(entry.clone()).unwrap().len(), 20);
        // An end in the header, and blocks after it.
        let mut ended = entry.clone();
        ended[GNU_MAP.end - 24..GNU_MAP.end].fill(0);
        let sum: [u8; 512] = summed(ended[..512].try_into().unwrap());
        ended[..512].copy_from_slice(&sum);
        assert_eq!(read(ended).map_err(|e| e.status()), Err(Status::Malformed));
        // Not GNU's format.
        let mut posix = entry;
        posix[257..265].copy_from_slice(b"ustar\x0000");
        let sum: [u8; 512] = summed(posix[..512].try_into().unwrap());
        posix[..512].copy_from_slice(&sum);
        posix.drain(512..1024);
        assert_eq!(read(posix).map_err(|e| e.status()), Err(Status::Malformed));
    }
}
