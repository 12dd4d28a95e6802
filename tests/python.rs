//! The library loaded by Python with ctypes: another language, whose callbacks fail in its
//! own way.

mod support;

use std::path::Path;
use std::process::Command;

#[test]
fn a_loader_in_python() {
    if !support::has("python3", "a loader in Python") {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/loader.py");
    let run = Command::new("python3")
        .arg(script)
        .arg(support::library::shared())
        .output()
        .expect("python3 runs");
    let printed = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{}\n{printed}{errors}", run.status);
    assert_eq!(printed, "all went well\n", "{errors}");
}
