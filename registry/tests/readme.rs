//! The program of the README does what the README says.

mod support;

use std::path::Path;
use std::process::Command;
use support::image::{Image, digest, noise};
use support::native::{program, told};
use support::registry::{DockerRegistry, Mode};

#[test]
fn the_program_pulls_an_image_into_a_layout() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("it is there");
    let (_, rest) = readme
        .split_once("```c\n")
        .expect("there is a program in C");
    let (source, _) = rest.split_once("```").expect("and it ends");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("pull.c");
    std::fs::write(&file, source).expect("a file can be written");
    let program = program(&file, "registry-readme");

    let Some(server) = DockerRegistry::start(Mode::Plain) else {
        return;
    };
    let image = Image::new(vec![noise(1, 400_000), b"hello".to_vec()]);
    server.push(&image, "a/b", "v1");
    let layout = folder.path().join("layout");
    let pull = |reference: &str| {
        let mut pull = Command::new(&program);
        pull.arg(format!("{}/{reference}", server.host))
            .arg(&layout)
            .env("HOME", folder.path());
        pull.output().expect("it is built")
    };
    let run = pull("a/b:v1");
    assert!(run.status.success(), "{}", told(&run));
    for bytes in image.blobs().chain([&image.manifest]) {
        let blob = layout
            .join("blobs/sha256")
            .join(&digest(bytes)["sha256:".len()..]);
        assert!(&std::fs::read(&blob).expect("the blob is there") == bytes);
    }
    let index = std::fs::read_to_string(layout.join("index.json")).expect("it is there");
    assert!(
        index.contains(&digest(&image.manifest)) && index.contains("latest"),
        "{index}"
    );

    let run = pull("a/b:absent");
    assert!(!run.status.success(), "{}", told(&run));
    assert!(told(&run).contains("MANIFEST_UNKNOWN"), "{}", told(&run));
}
