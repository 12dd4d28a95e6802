//! Images out of a real registry.

mod support;

use support::api::Registry;
use support::image::{Image, digest, noise};
use support::registry::{DockerRegistry, MODES};

#[test]
fn an_image_is_pulled_in_every_mode() {
    let image = Image::new(vec![noise(1, 3_000_000), b"hello".to_vec(), Vec::new()]);
    for mode in MODES {
        let Some(server) = DockerRegistry::start(mode) else {
            continue;
        };
        server.push(&image, "a/b", "v1");
        let registry = Registry::new(&server.options()).unwrap();
        for reference in [
            "a/b:v1".to_owned(),
            format!("a/b@{}", digest(&image.manifest)),
        ] {
            let pulled = registry.pull(&format!("{}/{reference}", server.host));
            let pulled = pulled.unwrap_or_else(|e| panic!("{mode:?}, {reference}: {e:?}"));
            assert_eq!(pulled.root_digest, digest(&image.manifest), "{mode:?}");
            assert!(pulled.layers == image.layers, "{mode:?}");
        }
    }
}
