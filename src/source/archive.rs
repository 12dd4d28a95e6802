//! Tar archives as sources: read in place, by a table of their entries.

use super::extent::Extent;
use super::files::Files;
use super::system_error::escaped;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::tar::{self, Flaw, Found, Limits, Table};

/// Far more than images have.
const LIMITS: Limits = Limits {
    headers: 1 << 21,
    names: 256 << 20,
};
/// Files that an archive may have only once: readers differ on which of two counts.
const ONCE: [&str; 3] = [
    crate::document::layout::MARKER,
    crate::document::layout::INDEX,
    super::docker_save::MANIFEST,
];

pub struct Archive {
    file: Extent,
    table: Table,
}

impl Archive {
    /// UNSUPPORTED if the file is something else.
    pub fn read(file: Extent, ctx: &Context) -> Result<Self> {
        let table = Table::read(
            |buf, at| {
                ctx.check()?;
                file.read_exact_at(buf, at)
            },
            file.size(),
            LIMITS,
            &ONCE,
        )
        .map_err(|flaw: Flaw| flaw.into_error(file.place()))?;
        Ok(Self { file, table })
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The archive's own name in messages.
    pub fn name(&self) -> &str {
        self.file.place()
    }

    pub fn size(&self) -> u64 {
        self.file.size()
    }

    /// Looks `name` up without reading from the archive.
    pub fn locate(&self, name: &str) -> Result<Found<'_>> {
        self.table
            .find(name)
            .map_err(|e| Error::new(e.status(), format_args!("{}: {e}", self.place(name))))
    }

    /// The content of the file found under `name`.
    pub fn extent(&self, name: &str, found: &Found<'_>) -> Result<Extent> {
        let place = self.place(name);
        match found {
            Found::File(data) => Ok(self.file.part(place, data.start, data.end - data.start)),
            Found::Sparse(sparse) => {
                let map = sparse
                    .read_map(|buf, at| self.file.read_exact_at(buf, at))
                    .map_err(|flaw| flaw.into_error(&place))?;
                Ok(self.file.sparse(place, sparse.offset(), map))
            }
        }
    }
}

impl Files for Archive {
    fn find(&self, name: &str) -> Result<Extent> {
        self.extent(name, &self.locate(name)?)
    }

    fn place(&self, name: &str) -> String {
        format!("{}: {}", self.file.place(), escaped(name.as_bytes()))
    }

    fn has(&self, name: &str) -> bool {
        !matches!(self.table.find(name), Err(tar::FindError::Absent))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Options, open, open_archive};
    use crate::context::Context;
    use crate::digest::Digest;
    use crate::error::{Result, Status};
    use std::path::Path;

    const CONTENTS: [&str; 3] = ["a layer", "", "a config"];

    fn index() -> String {
        format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            " ".repeat(1000)
        )
    }

    /// An OCI archive, and the digests of [`CONTENTS`].
    fn sample() -> (Vec<u8>, [Digest; 3]) {
        let digests = CONTENTS.map(sha256);
        let mut entries: Vec<_> = CONTENTS
            .iter()
            .zip(&digests)
            .map(|(content, digest)| file(&format!("./{}", blob_name(digest)), content))
            .collect();
        entries.insert(0, file("oci-layout", VERSION_1));
        entries.push(file("/index.json", index()));
        (archive(&entries), digests)
    }

    /// The content, or the first failure. Content that does not match its digest is not the
    /// source's fault.
    fn read_all(path: &Path, digests: &[Digest; 3]) -> Result<()> {
        let loader = open(path, &Options::default(), &Context::default())?;
        assert_eq!(root(&*loader)?, index());
        for (digest, content) in digests.iter().zip(CONTENTS) {
            let read = blob(&*loader, digest)?;
            assert_eq!(String::from_utf8_lossy(&read), content);
        }
        Ok(())
    }

    #[test]
    fn an_oci_archive_is_read_as_a_layout() {
        let (tar, digests) = sample();
        for packed in [tar.clone(), gzip(&tar), zstd(&tar)] {
            read_all(on_disk(&packed).path(), &digests).unwrap();
            let file = on_disk(&packed);
            let loader =
                open_archive(file.path(), &Options::default(), &Context::default()).unwrap();
            assert!(loader.root_is_index());
            // The path may be removed: the open file stays readable.
            drop(file);
            let e = blob(&*loader, &sha256("absent")).unwrap_err();
            assert_eq!(e.status(), Status::NotFound);
            assert_eq!(e.digest(), Some(sha256("absent").text()));
            // Several at once, independent of each other.
            let mut streams = digests
                .each_ref()
                .map(|digest| loader.open_blob(digest, &Context::default()).unwrap());
            let mut contents = [const { Vec::new() }; 3];
            for _ in 0..10 {
                for (stream, content) in streams.iter_mut().zip(&mut contents) {
                    let mut byte = [0];
                    let n = stream.read(&mut byte, &Context::default()).unwrap();
                    content.extend_from_slice(&byte[..n]);
                }
            }
            assert_eq!(
                contents,
                CONTENTS.map(|content| content.as_bytes().to_vec())
            );
        }
    }

    #[test]
    fn a_truncated_archive_never_succeeds_otherwise() {
        let (tar, digests) = sample();
        let mut succeeded = Vec::new();
        for cut in (0..=tar.len()).step_by(512) {
            if read_all(on_disk(&tar[..cut]).path(), &digests).is_ok() {
                succeeded.push(tar.len() - cut);
            }
        }
        // All entries are complete, and one or both of the blocks of zeros are there.
        assert_eq!(succeeded, [512, 0]);
        let packed = gzip(&tar);
        for cut in 0..packed.len() {
            assert!(
                read_all(on_disk(&packed[..cut]).path(), &digests).is_err(),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_document_with_holes_is_refused_before_it_is_read() {
        let options = Options {
            max_document_size: u64::MAX,
            ..Options::default()
        };
        let size = (1_u64 << 62).to_string();
        for name in ["index.json", "manifest.json"] {
            let sparse = pax(&[
                ("GNU.sparse.size", &size),
                ("GNU.sparse.numblocks", "1"),
                ("GNU.sparse.name", name),
                ("GNU.sparse.map", "0,2"),
            ]);
            let archive = archive(&[file("oci-layout", VERSION_1), sparse, file("x", "[]")]);
            let opened = open_archive(on_disk(&archive).path(), &options, &Context::default());
            let e = opened.and_then(|loader| root(&*loader)).unwrap_err();
            assert_eq!(e.status(), Status::Malformed, "{e}");
            let expected = format!("{name}: found a sparse file with 4611686018427387902 bytes");
            assert!(e.message().contains(&expected), "{e}");
        }
    }

    #[test]
    fn an_archive_that_shrinks_while_it_is_read_is_caught() {
        let (tar, digests) = sample();
        for cut in (0..tar.len()).step_by(512) {
            let file = on_disk(&tar);
            let loader = open(file.path(), &Options::default(), &Context::default()).unwrap();
            file.as_file().set_len(cut as u64).unwrap();
            let mut failed = 0;
            for (digest, content) in digests.iter().zip(CONTENTS) {
                match blob(&*loader, digest) {
                    Ok(read) => assert_eq!(String::from_utf8_lossy(&read), content),
                    Err(e) => {
                        assert_eq!(e.status(), Status::SizeMismatch);
                        failed += 1;
                    }
                }
            }
            match root(&*loader) {
                Ok(read) => assert_eq!(read, index()),
                Err(e) => {
                    assert_eq!(e.status(), Status::SizeMismatch);
                    failed += 1;
                }
            }
            assert_eq!(failed > 0, cut < tar.len() - 1024, "{cut}");
        }
    }
}
