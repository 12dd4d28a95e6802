//! Tar archives as sources read them: in place, by a table of their entries.

use super::escaped;
use super::extent::Extent;
use super::layout::Files;
use super::tar::{self, Table};
use crate::error::{Error, Result, Status};

/// A bound for what is kept of one archive, far above what images have.
const MOST_HEADERS: u32 = 1 << 21;

pub struct Archive {
    file: Extent,
    table: Table,
}

impl Archive {
    /// UNSUPPORTED where the file is something else.
    pub fn read(file: Extent) -> Result<Self> {
        if !tar::is_archive(&file.head()?) {
            return Err(Error::new(
                Status::Unsupported,
                format_args!(
                    "{}: found neither a tar archive nor one compressed with gzip or zstd, \
                     expected an OCI archive or one of docker save",
                    escaped(file.name())
                ),
            ));
        }
        let table = Table::read(
            |buf, at| file.read_exact_at(buf, at),
            file.size(),
            MOST_HEADERS,
        )?;
        Ok(Self { file, table })
    }
}

impl Files for Archive {
    fn find(&self, name: &str) -> Result<Extent> {
        let data = self.table.find(name)?;
        let size = data.end - data.start;
        Ok(self.file.part(name.as_bytes(), data.start, size))
    }
}
