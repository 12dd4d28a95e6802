//! Mirrors: used first for content with a digest, and never trusted.

mod support;

use std::sync::Arc;
use support::api::{Options, Registry};
use support::image::{Image, digest, noise};
use support::mean::{Body, Reply, Request, Server, Store, ranged};

fn image() -> Image {
    Image::new(vec![noise(1, 3_000_000), b"hello".to_vec()])
}

fn server(meddle: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let store: Arc<Store> = Store::with(&image());
    Server::start(move |request: &Request, body: &mut Body<'_>| {
        meddle(request).unwrap_or_else(|| store.answer(request, body))
    })
}

/// Pulls through mirrors; the content must be right whatever they do.
#[track_caller]
fn pull(registry: &Server, mirrors: &[&str]) {
    let options = Options {
        mirrors: mirrors.iter().map(|mirror| (*mirror).to_owned()).collect(),
        username: Some("alice".into()),
        password: Some("secret".into()),
        ..Options::alone()
    };
    let handle = Registry::new(&options).unwrap();
    for reference in [
        "a/b:latest".to_owned(),
        format!("a/b@{}", digest(&image().manifest)),
    ] {
        let pulled = handle
            .pull(&format!("{}/{reference}", registry.host))
            .expect("it is pulled");
        assert!(pulled.layers == image().layers);
    }
}

fn in_one_chunk(bytes: &[u8]) -> Reply {
    let size = format!("{:x}\r\n", bytes.len());
    let body = [size.as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat();
    Reply::new(200)
        .header("Transfer-Encoding", "chunked")
        .body(body)
}

#[test]
fn a_mirror_need_not_say_how_long_a_blob_is() {
    let mirror = server(|request| {
        let image = image();
        let blob = image
            .blobs()
            .find(|blob| request.path().ends_with(&digest(blob)));
        blob.map(|blob| in_one_chunk(blob))
    });
    // Or where it ends.
    let cut = server(|request| {
        let layer = &image().layers[0];
        let mut reply = in_one_chunk(layer);
        reply.body.truncate(reply.body.len() - "0\r\n\r\n".len());
        let length = reply.body.len();
        let is_layer = request.path().ends_with(&digest(layer));
        is_layer.then(|| reply.cut(length))
    });
    let registry = server(|_| None);
    pull(&registry, &[&mirror.host]);
    pull(&registry, &[&cut.host]);
    assert_eq!(registry.count("GET", "/blobs/"), 0);
}

#[test]
fn what_has_a_digest_comes_from_a_mirror() {
    let (mirror, registry) = (server(|_| None), server(|_| None));
    pull(&registry, &[&format!("{}/some/prefix", mirror.host)]);
    // The tag alone is asked for at the registry.
    let seen = registry.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].target, "/v2/a/b/manifests/latest");
    assert!(
        mirror
            .seen()
            .iter()
            .all(|r| r.target.starts_with("/v2/some/prefix/a/b/"))
    );
    assert_eq!(mirror.count("GET", "latest"), 0);
}

#[test]
fn whatever_is_wrong_with_a_mirror_the_next_is_asked() {
    let absent = server(|_| Some(Reply::error(404, "UNKNOWN", "no")));
    let broken = server(|_| Some(Reply::raw("no HTTP")));
    let busy = server(|_| Some(Reply::new(503).header("Retry-After", "30")));
    let login = server(|_| Some(Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\"")));
    let wrong = server(|_| Some(Reply::new(200).body("other bytes")));
    // Small blobs are compared even where nobody says how long they are.
    let chunked = server(|_| Some(in_one_chunk(b"other bytes")));
    let cut = server(|request| {
        let layer = &image().layers[0];
        request
            .path()
            .ends_with(&digest(layer))
            .then(|| ranged(request, layer).cut(1_500_000))
    });
    let short = server(|request| {
        let layer = &image().layers[0];
        let is_layer = request.path().ends_with(&digest(layer));
        is_layer.then(|| Reply::new(200).body(&layer[..1_200_000]))
    });
    let registry = server(|_| None);
    pull(&registry, &[&short.host]);
    let hosts: Vec<&str> = [&absent, &broken, &busy, &login, &wrong, &chunked, &cut]
        .map(|server| &*server.host)
        .into();
    pull(&registry, &hosts);
    // It went on where the last mirror broke off.
    let ranges: Vec<Request> = registry
        .seen()
        .into_iter()
        .filter(|r| r.header("range").is_some())
        .collect();
    let ranges: Vec<Option<&str>> = ranges.iter().map(|r| r.header("range")).collect();
    let (first, second) = (Some("bytes=1200000-"), Some("bytes=1500000-"));
    assert_eq!(ranges, [first, first, second, second]);
    // The name and the password are the registry's.
    for mirror in [&absent, &broken, &busy, &login, &wrong, &chunked, &cut] {
        assert!(
            mirror
                .seen()
                .iter()
                .all(|r| r.header("authorization").is_none())
        );
    }
}
