//! Extension headers: PAX records and GNU long names.

use super::blocks::Blocks;
use super::flaw::Flaw;
use super::header::{BLOCK, data_size, decimal};
use crate::error::Result;
use crate::text::Escaped;
use ::tar::{EntryType, Header};
use std::ops::Range;
use std::sync::Arc;

/// The most bytes of one PAX header or GNU long name.
const MAX_EXTENSION: u64 = 1 << 20;
/// The prefix of the PAX records of sparse files.
pub(super) const SPARSE: &[u8] = b"GNU.sparse.";

/// Fields that extension headers set for the next entry.
#[derive(Clone, Default)]
pub(super) struct ExtensionFields {
    pub(super) name: Option<Arc<[u8]>>,
    /// The name of a sparse file; `name` is a placeholder for programs without support for
    /// them.
    pub(super) sparse_name: Option<Arc<[u8]>>,
    pub(super) target: Option<Arc<[u8]>>,
    pub(super) size: Option<u64>,
    /// The place in the archive of the PAX records with the map of a sparse file.
    pub(super) sparse_records: Option<Range<u64>>,
}

#[derive(Default)]
pub(super) struct Extensions {
    /// PAX records for all further entries.
    global: ExtensionFields,
    /// The global records and those of the next entry, if it has any.
    own: Option<ExtensionFields>,
    long_name: Option<Arc<[u8]>>,
    long_target: Option<Arc<[u8]>>,
}

impl Extensions {
    /// Whether an entry must follow.
    pub(super) fn are_pending(&self) -> bool {
        self.own.is_some() || self.long_name.is_some() || self.long_target.is_some()
    }

    /// Reads the extension header at `at`; returns the offset of the next header.
    pub(super) fn take<R: FnMut(&mut [u8], u64) -> Result<()>>(
        &mut self,
        header: &Header,
        at: u64,
        blocks: &mut Blocks<R>,
    ) -> Result<u64, Flaw> {
        let size = data_size(header, at)?;
        let start = at + BLOCK as u64;
        let end = blocks.end_of_data(start, size)?;
        if size > MAX_EXTENSION {
            return Err(Flaw::LargeExtension {
                at,
                size,
                max: MAX_EXTENSION,
            });
        }
        let data = blocks.get(start, size)?;
        // An empty one counts for nothing, as in Go.
        let text = || {
            let text = data.split(|b| *b == 0).next().unwrap_or_default();
            (!text.is_empty()).then(|| text.into())
        };
        match header.entry_type() {
            EntryType::GNULongName => self.long_name = text(),
            EntryType::GNULongLink => self.long_target = text(),
            EntryType::XGlobalHeader => {
                self.global.take_records(data, start)?;
                // Go ignores them, POSIX applies them: two readers would see two archives.
                let global = &self.global;
                let found = [
                    (global.name.is_some(), "path"),
                    (global.sparse_name.is_some(), "GNU.sparse.name"),
                    (global.target.is_some(), "linkpath"),
                    (global.size.is_some(), "size"),
                ];
                if let Some((_, key)) = found.into_iter().find(|(is_there, _)| *is_there) {
                    return Err(Flaw::Global { at, key });
                }
                // One map cannot apply to every further entry: those entries fail when they
                // are opened.
                let sparse_records = &mut self.global.sparse_records;
                *sparse_records = sparse_records.as_ref().map(|_| 0..0);
            }
            _ => {
                let mut own = self.global.clone();
                own.take_records(data, start)?;
                self.own = Some(own);
            }
        }
        Ok(end)
    }

    /// Fields for the following entry alone, whose header is at `at`.
    pub(super) fn of_entry(&mut self, at: u64) -> Result<ExtensionFields, Flaw> {
        let mut entry = self.own.take().unwrap_or_else(|| self.global.clone());
        let long = [
            (&mut entry.name, self.long_name.take()),
            (&mut entry.target, self.long_target.take()),
        ];
        for (field, long) in long {
            // Go takes GNU's, others the PAX record.
            if field.is_some() && long.is_some() && *field != long {
                return Err(Flaw::TwoNames { at });
            }
            *field = field.take().or(long);
        }
        Ok(entry)
    }
}

impl ExtensionFields {
    /// Reads the PAX records `data`, which start at `at`: `length key=value\n`, the length
    /// being that of the whole record. A value may hold line ends. An empty one removes an
    /// earlier record.
    pub(super) fn take_records(&mut self, mut data: &[u8], at: u64) -> Result<(), Flaw> {
        let all = at..at + data.len() as u64;
        while !data.is_empty() {
            let (key, value, rest) = record(data).ok_or(Flaw::PaxRecord { at })?;
            data = rest;
            let text = |key| match value.contains(&0) {
                true => Err(Flaw::PaxNul { at, key }),
                false => Ok((!value.is_empty()).then(|| Arc::from(value))),
            };
            match key {
                b"path" => self.name = text("path")?,
                b"linkpath" => self.target = text("linkpath")?,
                b"size" if value.is_empty() => self.size = None,
                b"size" => {
                    let size = decimal(value);
                    self.size = Some(size.ok_or_else(|| Flaw::PaxSize {
                        at,
                        found: Escaped(&String::from_utf8_lossy(value)).to_string(),
                    })?);
                }
                b"GNU.sparse.name" => {
                    self.sparse_records = Some(all.clone());
                    self.sparse_name = text("GNU.sparse.name")?;
                }
                _ if key.starts_with(SPARSE) => self.sparse_records = Some(all.clone()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Key and value of the first PAX record, and the rest.
pub(super) fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().position(|b| *b == b' ')?;
    let len = usize::try_from(decimal(&data[..space])?).ok()?;
    let (record, rest) = data.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}
