//! Skips tests that need a missing tool, and prints a note.

use std::io::{Write, stderr};
use std::process::Command;

/// Prints that something is not tested, and why. Fails with OCIIMG_TESTS_NO_SKIP=1, as in CI.
pub fn skip(what: &str, why: &str) {
    let skipped = format!("skipped: {what}: {why}");
    if std::env::var_os("OCIIMG_TESTS_NO_SKIP").is_some_and(|set| set == "1") {
        panic!("{skipped}; OCIIMG_TESTS_NO_SKIP=1 does not allow that");
    }
    // Not eprintln: its output is hidden if the test passes.
    let _ = writeln!(stderr(), "{skipped}");
}

/// Checks that a tool is installed; if not, `what` is skipped.
pub fn has(tool: &str, what: &str) -> bool {
    has_with(tool, &["--version"], what)
}

/// Checks that a tool succeeds with these arguments; if not, `what` is skipped.
pub fn has_with(tool: &str, args: &[&str], what: &str) -> bool {
    let why = match Command::new(tool).args(args).output() {
        Ok(run) if run.status.success() => return true,
        Ok(run) => format!("`{tool} {}` ended with {}", args.join(" "), run.status),
        Err(e) => format!("{tool}: {e}"),
    };
    skip(what, &why);
    false
}
