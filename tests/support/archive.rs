//! OCI archives that are large or have many blobs, and take no room on the disk.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use tempfile::NamedTempFile;

/// An OCI archive with this many blobs, each a hole in the file of this many bytes.
pub fn archive(blobs: usize, size: u64) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    let mut out = BufWriter::new(file.as_file_mut());
    entry(
        &mut out,
        "oci-layout",
        r#"{"imageLayoutVersion":"1.0.0"}"#,
        0,
    );
    for n in 0..blobs {
        entry(&mut out, &format!("blobs/sha256/{n:064x}"), "", size);
    }
    entry(
        &mut out,
        "index.json",
        r#"{"schemaVersion":2,"manifests":[]}"#,
        0,
    );
    out.write_all(&[0; 1024]).unwrap();
    drop(out);
    file
}

/// A file with this content, and a hole behind it.
fn entry(out: &mut BufWriter<&mut File>, name: &str, content: &str, hole: u64) {
    let size = content.len() as u64 + hole;
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_cksum();
    out.write_all(header.as_bytes()).unwrap();
    out.write_all(content.as_bytes()).unwrap();
    let rest = size.next_multiple_of(512) - content.len() as u64;
    if rest > 0 {
        out.seek(SeekFrom::Current(rest as i64)).unwrap();
    }
}
