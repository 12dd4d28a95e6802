//! Shared code of the tests.

#![allow(dead_code)] // No test uses all of it.

pub mod api;
pub mod image;
pub mod mean;
pub mod native;
pub mod registry;

use std::io::Write;
use std::process::{Command, Stdio};

/// Says that something was not tested, and why; visible in what cargo prints. Fails with
/// OCIIMG_TESTS_NO_SKIP=1, as in CI.
pub fn skip(what: &str, why: &str) {
    let skipped = format!("skipped: {what}: {why}");
    if std::env::var_os("OCIIMG_TESTS_NO_SKIP").is_some_and(|set| set == "1") {
        panic!("{skipped}; OCIIMG_TESTS_NO_SKIP=1 does not allow that");
    }
    let _ = writeln!(std::io::stderr(), "{skipped}");
}

/// Returns whether a program is installed; if not, prints which test is skipped.
pub fn has(program: &str, what: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(|mut child| child.wait());
    let is_there = found.is_ok();
    if !is_there {
        skip(what, &format!("{program} is not installed"));
    }
    is_there
}
