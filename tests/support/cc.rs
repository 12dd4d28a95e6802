//! Examples in C, compiled against the header and linked to the library as its users do.

use super::library;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a source to a program of this name, without a warning.
pub fn program(sources: &[&Path], name: &str) -> PathBuf {
    program_with(sources, name, &[])
}

/// Compiles a source to a program that is also linked to other libraries.
pub fn program_with(sources: &[&Path], name: &str, libraries: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let run = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg("-I")
        .arg(root.join("include"))
        .args(sources)
        .arg("-o")
        .arg(&program)
        .args(library::link_args())
        .args(libraries)
        .output()
        .unwrap_or_else(|e| panic!("cc: {e}"));
    assert!(
        run.status.success(),
        "{name}:\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    program
}
