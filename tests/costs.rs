//! What the library takes of memory: little, whatever a blob unpacks to and however large an
//! archive is.

// Where a program that defines malloc is asked for all memory of its process, and finds the
// system's own malloc under another name.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod compile;
mod native;

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::NamedTempFile;

/// Runs tests/c/memory.c, which says what it measured; nobody has to see that while it is
/// within the bounds.
fn measure(args: &[&str]) {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        compile::program(&[&root.join("tests/c/memory.c")], "memory")
    });
    let run = Command::new(program).args(args).output().unwrap();
    assert!(
        run.status.success(),
        "{args:?}: {}\n{}{}",
        run.status,
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

/// An OCI archive with so many blobs, each of so many bytes that are a hole in the file.
fn archive(blobs: usize, size: u64) -> NamedTempFile {
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

fn opening_takes_at_most(archive: &NamedTempFile, bytes: usize) {
    let path = archive.path().to_str().unwrap();
    measure(&["open", path, &bytes.to_string()]);
}

/// What was not counted would be in no bound.
#[test]
fn no_way_to_take_memory_is_missed() {
    measure(&["count"]);
}

#[test]
fn a_reader_takes_a_mebibyte_beside_the_window_whatever_comes_out() {
    measure(&["readers"]);
}

#[test]
fn a_window_above_the_limit_is_refused_before_it_is_taken() {
    measure(&["windows"]);
}

#[test]
fn opening_an_archive_takes_the_same_however_large_it_is() {
    let large = archive(10, (1 << 30) / 10);
    assert!(large.as_file().metadata().unwrap().len() >= 1 << 30);
    opening_takes_at_most(&large, 4 << 20);
}

/// 300 bytes. The second number is just above what a table of 2^17 places takes, where most of
/// a larger one is empty.
#[test]
fn opening_an_archive_takes_little_for_each_entry() {
    for blobs in [100_000, 115_000] {
        opening_takes_at_most(&archive(blobs, 0), blobs * 300);
    }
}
