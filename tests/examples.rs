//! The examples that change and make images, on the sample image: what they write is read
//! back by the library.

mod support;

use ociimg::context::Context;
use ociimg::index::Index;
use ociimg::load::{EntryKind, LoadOptions};
use ociimg::reader::{Mode, ReadOptions};
use ociimg::source::{self, Options};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

fn program(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    support::cc::program(&[&root.join(format!("examples/c/{name}.c"))], name)
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sample")
}

/// Runs a program, which must succeed, and returns its output.
fn run(mut command: Command, input: &[u8]) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is built");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that fails early does not read all of it.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn load(path: &Path) -> Index {
    let ctx = Context::default();
    let loader = source::open(path, &Options::default(), &ctx).unwrap();
    Index::load(loader, &LoadOptions::default(), &ctx).unwrap()
}

/// Reads all layers of an image to their verified end.
fn verify(index: &Index, i: usize) {
    let image = index.image(i, &Context::default()).unwrap();
    for layer in image.layers() {
        let options = ReadOptions::default();
        let mut reader = layer
            .open(Mode::Uncompressed, options, Arc::default())
            .unwrap();
        reader.finish().unwrap();
    }
}

#[test]
fn append_puts_a_layer_on_a_base() {
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out.tar");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_cksum();
    tar.append_data(&mut header, "app/run", b"hello".as_slice())
        .unwrap();
    let tar = tar.into_inner().unwrap();

    let mut command = Command::new(program("append"));
    command
        .arg(sample())
        .arg(&out)
        .args(["/app/run", "--serve"]);
    let printed = run(command, &tar);

    let index = load(&out);
    assert_eq!(index.entries().len(), 1);
    verify(&index, 0);
    let image = index.image(0, &Context::default()).unwrap();
    let expected = format!(
        "manifest {}\nconfig {}\n",
        image.manifest().digest,
        image.config().digest
    );
    assert_eq!(printed, expected);
    let entrypoint: Vec<_> = image
        .config()
        .content
        .entrypoint
        .iter()
        .map(|w| w.to_string())
        .collect();
    assert_eq!(entrypoint, ["/app/run", "--serve"]);
}

#[test]
fn multi_platform_makes_an_index() {
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out");
    let mut command = Command::new(program("multi_platform"));
    command.arg(&out);
    for platform in ["linux/amd64", "linux/arm64"] {
        command.arg(sample()).arg(platform);
    }
    let printed = run(command, b"");
    let index = load(&out);
    assert_eq!(index.entries().len(), 2, "{printed}");
    for i in 0..2 {
        assert_eq!(index.entries()[i].kind, EntryKind::Image);
        verify(&index, i);
    }
}
