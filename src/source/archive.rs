//! Tar archives as sources read them: in place, by a table of their entries.

use super::escaped;
use super::extent::Extent;
use super::layout::Files;
use super::tar::{self, Limits, Table};
use crate::error::{Error, Result};

/// Far above what images have.
const LIMITS: Limits = Limits {
    headers: 1 << 21,
    names: 256 << 20,
};

pub struct Archive {
    file: Extent,
    table: Table,
}

impl Archive {
    /// UNSUPPORTED where the file is something else.
    pub fn read(file: Extent) -> Result<Self> {
        if !tar::is_archive(&file.head()?) {
            return Err(Error::unsupported(format_args!(
                "{}: found no tar archive in it, expected an OCI archive or one of docker save, \
                     as it is or compressed once with gzip or zstd",
                escaped(file.name())
            )));
        }
        let table = Table::read(|buf, at| file.read_exact_at(buf, at), file.size(), LIMITS)?;
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

    /// All that can be read, or the first failure; what its digest does not fit is none
    /// of the source's doing.
    fn read_all(path: &Path, digests: &[Digest; 3]) -> Result<()> {
        let loader = open(path, &Options::default())?;
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
            let loader = open_archive(file.path(), &Options::default()).unwrap();
            assert!(loader.root_is_index());
            // The file may go: what is open stays.
            drop(file);
            let e = blob(&*loader, &sha256("absent")).unwrap_err();
            assert_eq!(e.status(), Status::NotFound);
            assert_eq!(e.digest(), Some(sha256("absent").text()));
            // Several at once, none minding the other.
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
        // All entries are there, and one or both of the blocks that end it.
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
    fn an_archive_that_shrinks_while_it_is_read_is_caught() {
        let (tar, digests) = sample();
        for cut in (0..tar.len()).step_by(512) {
            let file = on_disk(&tar);
            let loader = open(file.path(), &Options::default()).unwrap();
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
