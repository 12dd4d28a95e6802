//! `examples/c/copy.c`, built with this library, between registries and layouts.

mod support;

use std::path::Path;
use std::process::Command;
use support::image::{Image, digest, noise};
use support::native::{output_of, program_with};
use support::registry::{DockerRegistry, MODES};

#[test]
fn an_image_goes_to_a_layout_and_back_in_every_mode() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/c/copy.c");
    let copy = program_with(&source, "registry-copy", &["-DOCIIMG_WITH_REGISTRY"]);
    let image = Image::new(vec![noise(1, 3_000_000), b"hello".to_vec()]);
    for mode in MODES {
        let Some(server) = DockerRegistry::start(mode) else {
            continue;
        };
        server.push(&image, "a/b", "v1");
        let home = tempfile::tempdir().expect("a folder can be made");
        server.write_home(home.path());
        let run = |from: &str, to: &str| {
            let mut copy = Command::new(&copy);
            for name in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"] {
                copy.env_remove(name);
            }
            let run = copy
                .args([from, to, "--name", "v2"])
                .env("HOME", home.path())
                .output()
                .expect("it is built");
            assert!(
                run.status.success(),
                "{mode:?}, {from} to {to}: {}",
                output_of(&run)
            );
        };
        let layout = home
            .path()
            .join("layout")
            .to_str()
            .expect("UTF-8")
            .to_owned();
        run(&format!("docker://{}/a/b:v1", server.host), &layout);
        // Twice: the second time all of it is there.
        for _ in 0..2 {
            run(&layout, &format!("docker://{}/c/d", server.host));
        }
        let back = home.path().join("back");
        server.pull_with_skopeo("c/d:v2", &back);
        let manifest = back
            .join("blobs/sha256")
            .join(&digest(&image.manifest)["sha256:".len()..]);
        assert!(
            std::fs::read(manifest).expect("it is there") == image.manifest,
            "{mode:?}"
        );
        assert_eq!(server.open_uploads("c/d"), 0, "{mode:?}");
    }
}
