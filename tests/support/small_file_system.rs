//! A small file system, for tests of what a full disk does.

use super::skip::skip;
use std::process::Command;
use tempfile::TempDir;

/// Runs a test of the same file in a mount namespace of its own, with a file system of 256 KiB
/// at the folder that OCIIMG_TEST_MOUNT names.
pub fn in_small_file_system(test: &str, what: &str) {
    let folder = TempDir::new().unwrap();
    let script = r#"mount -t tmpfs -o size=256k none "$OCIIMG_TEST_MOUNT" && exec "$0" "$@""#;
    let mounts = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "true"])
        .env("OCIIMG_TEST_MOUNT", folder.path())
        .output();
    match mounts {
        Ok(run) if run.status.success() => {}
        Ok(run) => return skip(what, &String::from_utf8_lossy(&run.stderr)),
        Err(e) => return skip(what, &format!("unshare: {e}")),
    }
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .env("OCIIMG_TEST_MOUNT", folder.path())
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stdout)
    );
}
