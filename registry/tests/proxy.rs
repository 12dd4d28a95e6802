//! Proxies: of the program, and of the environment.

mod support;

use std::path::Path;
use std::process::Command;
use support::api::{NO_AUTH_FILES, NO_PROXY, Options, PLAIN_HTTP, Registry};
use support::image::Image;
use support::mean::{Body, Reply, Request, Server, Store};
use support::native::output_of;

/// A proxy that answers itself, for every host.
fn proxy() -> Server {
    let store = Store::with(&Image::new(vec![b"hello".to_vec()]));
    Server::start(move |request: &Request, body: &mut Body<'_>| {
        if request.method == "CONNECT" {
            return Reply::new(403);
        }
        let target = request.target.replacen("http://registry.example", "", 1);
        store.answer(
            &Request {
                target,
                ..request.clone()
            },
            body,
        )
    })
}

#[test]
fn a_program_names_its_proxy() {
    let proxy = proxy();
    let options = Options {
        proxy: Some(format!("http://{}", proxy.host)),
        flags: PLAIN_HTTP | NO_AUTH_FILES,
        ..Options::default()
    };
    Registry::new(&options)
        .unwrap()
        .pull("registry.example/a")
        .map(drop)
        .unwrap();
    let seen = proxy.seen();
    assert_eq!(
        seen[0].target,
        "http://registry.example/v2/a/manifests/latest"
    );
    // And none where it wants none.
    let options = Options {
        flags: options.flags | NO_PROXY,
        max_retries: 1,
        proxy: options.proxy.clone(),
        ..Options::default()
    };
    Registry::new(&options)
        .unwrap()
        .pull("registry.invalid/a")
        .map(drop)
        .unwrap_err();
    assert_eq!(proxy.seen().len(), seen.len());
}

#[test]
fn the_environment_names_proxies_and_who_goes_without() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/c/copy.c");
    let copy =
        support::native::program_with(&source, "registry-copy-proxy", &["-DOCIIMG_WITH_REGISTRY"]);
    let home = tempfile::tempdir().unwrap();
    for (name, value, count) in [("https_proxy", "", 1), ("NO_PROXY", ".invalid", 0)] {
        let proxy = proxy();
        let run = Command::new(&copy)
            .args(["docker://registry.invalid/a", "layout"])
            .env("https_proxy", format!("http://{}", proxy.host))
            .envs((!value.is_empty()).then_some((name, value)))
            .env("HOME", home.path())
            .current_dir(home.path())
            .output()
            .expect("it is built");
        assert!(!run.status.success(), "{}", output_of(&run));
        assert_eq!(
            proxy.count("CONNECT", "registry.invalid:443").min(1),
            count,
            "{}",
            output_of(&run)
        );
    }
}
