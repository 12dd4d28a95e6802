//! The program of the README works as described.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::image::{Image, digest, noise};
use support::native::{output_of, program};
use support::registry::{DockerRegistry, Mode};

/// The program, compiled under a name of this test's own.
fn readme_program(folder: &Path, name: &str) -> PathBuf {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("it is there");
    let (_, rest) = readme
        .split_once("```c\n")
        .expect("there is a program in C");
    let (source, _) = rest.split_once("```").expect("and it ends");
    let file = folder.join("pull.c");
    std::fs::write(&file, source).expect("a file can be written");
    program(&file, name)
}

/// What docker and podman have stored in a home folder is enough.
#[test]
fn logins_and_certificates_are_found_at_home() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let program = readme_program(folder.path(), "registry-readme-home");
    let Some(server) = DockerRegistry::start(Mode::TlsHtpasswd) else {
        return;
    };
    let image = Image::new(vec![b"hello".to_vec()]);
    server.push(&image, "a/b", "v1");
    let pull = || {
        let mut pull = Command::new(&program);
        pull.arg(format!("{}/a/b:v1", server.host))
            .arg(folder.path().join("layout"));
        for name in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"] {
            pull.env_remove(name);
        }
        pull.env("HOME", folder.path())
            .output()
            .expect("it is built")
    };
    let run = pull();
    assert!(
        output_of(&run).contains("certificate"),
        "{}",
        output_of(&run)
    );

    let config = folder.path().join(".config/containers");
    let certs = config.join("certs.d").join(&server.host);
    std::fs::create_dir_all(&certs).expect("a folder can be made");
    std::fs::copy(server.ca_file(), certs.join("ca.crt")).expect("a file can be copied");
    let run = pull();
    assert!(output_of(&run).contains("HTTP 401"), "{}", output_of(&run));

    let docker = folder.path().join(".docker");
    std::fs::create_dir_all(&docker).expect("a folder can be made");
    let auths = format!(
        r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6c2VjcmV0"}}}}}}"#,
        server.host
    );
    std::fs::write(docker.join("config.json"), &auths).expect("a file can be written");
    // One that is looked at earlier, and has nothing for this registry.
    std::fs::write(
        config.join("auth.json"),
        r#"{"auths":{"other.example":{"auth":"eDp5"}}}"#,
    )
    .expect("a file can be written");
    let run = pull();
    assert!(run.status.success(), "{}", output_of(&run));
}

#[test]
fn the_program_pulls_an_image_into_a_layout() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let program = readme_program(folder.path(), "registry-readme");
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
    assert!(run.status.success(), "{}", output_of(&run));
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
    assert!(!run.status.success(), "{}", output_of(&run));
    assert!(
        output_of(&run).contains("MANIFEST_UNKNOWN"),
        "{}",
        output_of(&run)
    );
}
