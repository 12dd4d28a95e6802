//! `examples/c/copy.c` copies an image from a layout into archives and back.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_example_copies_between_layouts_and_archives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = support::cc::program(&[&root.join("examples/c/copy.c")], "copy-example");
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name);
    let run = |from: &Path, to: &Path, more: &[&str]| {
        let run = Command::new(&copy).arg(from).arg(to).args(more).output();
        run.expect("it is built")
    };
    let mut from = root.join("examples/sample");
    for to in ["a", "b.tar", "c.tar.gz", "d.tar.zst", "e.docker.tar", "f"] {
        let to = path(to);
        let run = run(
            &from,
            &to,
            &["--platform", "linux/amd64", "--name", "x/y:z"],
        );
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        from = to;
    }
    let index = |layout: &str| {
        let text = fs::read(path(layout).join("index.json")).expect("a layout has an index");
        let index: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        index["manifests"][0]["digest"].clone()
    };
    assert!(index("a").is_string());
    assert_eq!(index("a"), index("f"));
    assert_eq!(
        run(&path("nowhere"), &path("g"), &[]).status.code(),
        Some(1)
    );
    assert_eq!(run(&from, &path("g"), &["--name"]).status.code(), Some(2));
    assert!(!path("g").exists());
}
