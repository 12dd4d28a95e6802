//! The memory that the library uses: little, whatever the size of an archive or of the
//! content of a blob.

// Where a program that defines malloc is asked for all memory of its process, and finds the
// system's own malloc under another name.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::archive::archive;
use tempfile::NamedTempFile;

/// Runs tests/c/memory.c, which prints its measurements; they are shown only if a bound is
/// exceeded.
fn measure(args: &[&str]) {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        support::cc::program(&[&root.join("tests/c/memory.c")], "memory")
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

fn opening_takes_at_most(archive: &NamedTempFile, bytes: usize) {
    let path = archive.path().to_str().unwrap();
    measure(&["open", path, &bytes.to_string()]);
}

/// All memory must be counted for the bounds to hold.
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
