//! Registries that misbehave while an image is pulled.

mod support;

use ociimg_registry::ociimg_sys::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::api::{Failure, Options, PLAIN_HTTP, Pulled, Registry};
use support::image::{Image, digest, noise};
use support::mean::{Body, Reply, Request, Server, Store, ranged};

fn image() -> Image {
    Image::new(vec![noise(1, 300_000), b"hello".to_vec()])
}

/// A registry with the image, where `meddle` may answer first.
fn server(
    meddle: impl Fn(&Request, &Store) -> Option<Reply> + Send + Sync + 'static,
) -> (Server, Arc<Store>) {
    let store = Store::with(&image());
    let kept = store.clone();
    let handler = move |request: &Request, body: &mut Body<'_>| {
        meddle(request, &store).unwrap_or_else(|| store.answer(request, body))
    };
    (Server::start(handler), kept)
}

fn pull_with(server: &Server, options: &Options) -> Result<Pulled, Failure> {
    Registry::new(options)
        .unwrap()
        .pull(&format!("{}/a/b", server.host))
}

fn pull(server: &Server) -> Result<Pulled, Failure> {
    pull_with(server, &Options::alone())
}

#[track_caller]
fn assert_whole(pulled: Result<Pulled, Failure>) {
    let pulled = pulled.expect("the image is pulled");
    assert!(pulled.layers == image().layers, "other bytes");
    assert_eq!(pulled.root_digest, digest(&image().manifest));
}

/// Fails with this status; its message.
#[track_caller]
fn assert_fails(pulled: Result<Pulled, Failure>, status: ociimg_status) -> String {
    let failure = pulled.map(drop).expect_err("it must fail");
    assert_eq!(failure.status, status, "{}", failure.message);
    assert!(
        !failure.message.contains(char::is_control),
        "{:?}",
        failure.message
    );
    failure.message
}

fn is_large_blob(request: &Request) -> bool {
    request.path().ends_with(&digest(&image().layers[0]))
}

/// How often something has happened before.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[test]
fn requests_are_as_they_should_be() {
    let (server, _) = server(|_, _| None);
    assert_whole(pull(&server));
    let seen = server.seen();
    for request in &seen {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("accept-encoding"), None);
        assert_eq!(request.header("authorization"), None);
        let agent = request.header("user-agent").unwrap();
        assert_eq!(
            agent,
            format!("ociimg-registry/{}", env!("CARGO_PKG_VERSION"))
        );
    }
    let manifests: Vec<&Request> = seen
        .iter()
        .filter(|r| r.target.contains("/manifests/"))
        .collect();
    // The tag's bytes are the root: they are not asked for again.
    assert_eq!(manifests.len(), 1);
    assert_eq!(manifests[0].target, "/v2/a/b/manifests/latest");
    let accept = manifests[0].header("accept").unwrap();
    for media_type in [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ] {
        assert!(
            accept.split(", ").any(|part| part == media_type),
            "{accept}"
        );
    }
}

#[test]
fn headers_of_an_answer_are_hints() {
    let (server, _) = server(|request, store| {
        let path = request.path().rsplit_once('/').unwrap().1.to_owned();
        let blob = store.blobs.lock().unwrap().get(&path).cloned();
        let manifest = store
            .manifests
            .lock()
            .unwrap()
            .get(&path)
            .map(|(_, bytes)| bytes.clone());
        let body = blob.or(manifest)?;
        Some(
            Reply::new(200)
                .header("Content-Type", "text/html; charset=utf-8")
                .header("Content-Encoding", "gzip")
                .body(body),
        )
    });
    assert_whole(pull(&server));
}

#[test]
fn a_blob_that_breaks_off_is_continued() {
    let (server, _) = server(|request, _| {
        let image = image();
        is_large_blob(request).then(|| ranged(request, &image.layers[0]).cut(100_000))
    });
    assert_whole(pull(&server));
    let ranges: Vec<String> = server
        .seen()
        .iter()
        .filter_map(|r| r.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, ["bytes=100000-", "bytes=200000-"]);
}

#[test]
fn a_range_that_is_answered_with_all_is_skipped() {
    let count = Count::default();
    let (server, _) = server(move |request, _| {
        let whole = Reply::new(200).body(image().layers[0].clone());
        is_large_blob(request).then(|| match count.next() {
            0 => whole.cut(100_000),
            _ => whole,
        })
    });
    assert_whole(pull(&server));
}

#[test]
fn a_wrong_content_range_is_no_continuation() {
    for range in [
        "bytes 99999-299999/300000",
        "bytes 100000-299999/300001",
        "bytes 100001-299999/300000",
        "",
    ] {
        let count = Count::default();
        let (server, _) = server(move |request, _| {
            is_large_blob(request).then(|| match count.next() {
                0 => Reply::new(200).body(image().layers[0].clone()).cut(100_000),
                _ => Reply::new(206)
                    .header("Content-Range", range)
                    .body(vec![0; 200_000]),
            })
        });
        let message = assert_fails(pull(&server), OCIIMG_STATUS_UNAVAILABLE);
        assert!(message.contains("Content-Range"), "{message}");
    }
}

#[test]
fn a_stalled_blob_is_continued() {
    let count = Count::default();
    let (server, _) = server(move |request, _| {
        is_large_blob(request).then(|| match count.next() {
            0 => Reply::new(200)
                .body(image().layers[0].clone())
                .stall(50_000),
            _ => ranged(request, &image().layers[0]),
        })
    });
    let options = Options {
        stall_timeout_ms: 200,
        ..Options::alone()
    };
    assert_whole(pull_with(&server, &options));
}

#[test]
fn only_tries_without_progress_are_counted() {
    // Thirty breaks, each after some bytes.
    let (first, _) = server(|request, _| {
        is_large_blob(request).then(|| ranged(request, &image().layers[0]).cut(10_000))
    });
    let options = Options {
        max_retries: 1,
        ..Options::alone()
    };
    assert_whole(pull_with(&first, &options));
    // And one after which nothing comes any more.
    let (second, _) = server(|request, _| {
        is_large_blob(request).then(|| match request.header("range") {
            None => ranged(request, &image().layers[0]).cut(10_000),
            Some(_) => Reply::raw(""),
        })
    });
    let options = Options {
        max_retries: 2,
        ..Options::alone()
    };
    assert_fails(pull_with(&second, &options), OCIIMG_STATUS_UNAVAILABLE);
    let tries = second
        .seen()
        .iter()
        .filter(|r| r.header("range").is_some())
        .count();
    assert_eq!(tries, 2);
}

#[test]
fn what_fails_for_a_while_is_asked_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let count = Count::default();
        let (server, _) = server(move |_, _| (count.next() < 2).then(|| Reply::new(status)));
        assert_whole(pull(&server));
    }
}

#[test]
fn retry_after_is_waited_for() {
    let count = Count::default();
    let (first, _) =
        server(move |_, _| (count.next() == 0).then(|| Reply::new(429).header("Retry-After", "1")));
    let start = Instant::now();
    assert_whole(pull(&first));
    assert!(start.elapsed() >= Duration::from_secs(1));

    for field in [
        "61",
        "99999999999999999999",
        "Fri, 31 Dec 2100 23:59:59 GMT",
    ] {
        let (server, _) = server(move |_, _| Some(Reply::new(503).header("Retry-After", field)));
        let start = Instant::now();
        assert_fails(pull(&server), OCIIMG_STATUS_UNAVAILABLE);
        assert!(start.elapsed() < Duration::from_secs(1));
        assert_eq!(server.seen().len(), 1);
    }
    // What is none counts as absent, and a date that is over as now.
    for field in ["soon", "-1", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let count = Count::default();
        let (server, _) = server(move |_, _| {
            (count.next() == 0).then(|| Reply::new(503).header("Retry-After", field))
        });
        assert_whole(pull(&server));
    }
}

#[test]
fn refusals_have_their_statuses() {
    for (code, status) in [
        (400, OCIIMG_STATUS_CALLBACK),
        (401, OCIIMG_STATUS_DENIED),
        (403, OCIIMG_STATUS_DENIED),
        (404, OCIIMG_STATUS_NOT_FOUND),
        (405, OCIIMG_STATUS_CALLBACK),
        (418, OCIIMG_STATUS_CALLBACK),
    ] {
        let (server, _) =
            server(move |_, _| Some(Reply::error(code, "CODE", "why\u{1b}[31m\nnot")));
        let message = assert_fails(pull(&server), status);
        {
            let place = format!(
                "GET http://{}/v2/a/b/manifests/latest: HTTP {code}: CODE: why\\u{{1b}}[31m\\nnot",
                server.host
            );
            assert_eq!(message, place);
        }
        // None of them is asked again.
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[test]
fn tries_end() {
    let (server, _) = server(|_, _| Some(Reply::error(503, "BUSY", "later")));
    let options = Options {
        max_retries: 2,
        flags: PLAIN_HTTP,
        ..Options::alone()
    };
    let message = assert_fails(pull_with(&server, &options), OCIIMG_STATUS_UNAVAILABLE);
    assert!(message.contains("HTTP 503: BUSY: later"), "{message}");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_is_no_http_is_unavailable() {
    for answer in [
        "",
        "220 smtp.example ESMTP\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        "\0\0\0",
    ] {
        let (server, _) = server(move |_, _| Some(Reply::raw(answer)));
        let options = Options {
            max_retries: 1,
            flags: PLAIN_HTTP,
            ..Options::alone()
        };
        assert_fails(pull_with(&server, &options), OCIIMG_STATUS_UNAVAILABLE);
    }
}

#[test]
fn nobody_is_there() {
    let host = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let options = Options {
        max_retries: 1,
        ..Options::alone()
    };
    let registry = Registry::new(&options).unwrap();
    assert_fails(
        registry.pull(&format!("{host}/a")),
        OCIIMG_STATUS_UNAVAILABLE,
    );
    assert_fails(registry.pull("name.invalid/a"), OCIIMG_STATUS_UNAVAILABLE);
}

#[test]
fn redirects_are_followed_without_a_login() {
    let (storage, _) = server(|request, _| match request.header("authorization") {
        Some(_) => Some(Reply::new(400)),
        None => request.path().starts_with("/signed/").then(|| {
            let name = request.path().rsplit_once('/').unwrap().1;
            let blobs: Vec<Vec<u8>> = image().blobs().cloned().collect();
            let blob = blobs.iter().find(|blob| digest(blob) == name).unwrap();
            assert_eq!(request.query(), "signature=a%2Fb%3D&x=1");
            ranged(request, blob).cut(200_000)
        }),
    });
    let host = storage.host.clone();
    let (server, _) = server(move |request, _| {
        if request.header("authorization") != Some("Basic YWxpY2U6c2VjcmV0") {
            return Some(Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
        }
        let (_, name) = request.path().split_once("/blobs/")?;
        let location = format!("http://{host}/signed/{name}?signature=a%2Fb%3D&x=1");
        Some(Reply::new(307).header("Location", location))
    });
    let options = Options {
        username: Some("alice".into()),
        password: Some("secret".into()),
        ..Options::alone()
    };
    assert_whole(pull_with(&server, &options));
    // What broke off is asked for at the registry, not at the storage.
    let continued = |server: &Server| {
        server
            .seen()
            .iter()
            .filter(|r| r.header("range").is_some())
            .count()
    };
    assert_eq!((continued(&server), continued(&storage)), (1, 1));
}

#[test]
fn the_rest_of_an_answer_is_not_waited_for() {
    let (server, _) = server(|request, store| {
        let long = |reply: Reply| Some(reply.body(vec![b'x'; 1000]).stall(1));
        if request.path() == "/large" {
            let blobs = store.blobs.lock().unwrap();
            return Some(Reply::new(200).body(blobs[&digest(&image().layers[0])].clone()));
        }
        if request.header("authorization").is_none() {
            return long(Reply::new(401).header("WWW-Authenticate", "Basic"));
        }
        match is_large_blob(request) {
            true => long(Reply::new(307).header("Location", "/large")),
            false => None,
        }
    });
    let options = Options {
        username: Some("alice".into()),
        password: Some("secret".into()),
        ..Options::alone()
    };
    let start = Instant::now();
    assert_whole(pull_with(&server, &options));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_refusal_is_not_waited_for_to_its_end() {
    let (server, _) = server(|_, _| Some(Reply::error(403, "DENIED", "no").stall(5)));
    let start = Instant::now();
    assert_fails(pull(&server), OCIIMG_STATUS_DENIED);
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn redirects_have_limits() {
    for location in [
        Some("/v2/a/b/manifests/latest"),
        Some("ftp://127.0.0.1/x"),
        Some("file:///etc/passwd"),
        Some("http://"),
        Some(""),
        None,
    ] {
        let (server, _) = server(move |_, _| {
            let reply = Reply::new(302);
            Some(match location {
                Some(location) => reply.header("Location", location),
                None => reply,
            })
        });
        let options = Options {
            flags: PLAIN_HTTP,
            ..Options::alone()
        };
        assert_fails(pull_with(&server, &options), OCIIMG_STATUS_UNAVAILABLE);
        assert!(server.seen().len() <= 11, "{location:?}");
    }
}

/// A server that serves as a proxy answers for any name.
#[test]
fn a_redirect_to_nobody_says_nothing_of_the_scheme() {
    let (server, _) =
        server(|_, _| Some(Reply::new(307).header("Location", "http://127.0.0.1:1/x")));
    let message = assert_fails(pull(&server), OCIIMG_STATUS_UNAVAILABLE);
    assert!(message.contains("http://127.0.0.1:1/x"), "{message}");
}

#[test]
fn a_public_registry_leads_nobody_into_a_private_network() {
    let inner = Server::start(|_, _| Reply::new(200));
    for target in [
        format!("http://{}/x", inner.host),
        "http://127.1/x".to_owned(),
        "http://localhost/x".to_owned(),
        "http://[::1]/x".to_owned(),
        "http://169.254.169.254/latest".to_owned(),
        "http://0x7f000001/x".to_owned(),
        "http://[::ffff:10.0.0.1]/x".to_owned(),
    ] {
        let location = target.clone();
        let proxy = Server::start(move |_, _| Reply::new(302).header("Location", location.clone()));
        let options = Options {
            proxy: Some(format!("http://{}", proxy.host)),
            flags: PLAIN_HTTP | support::api::NO_AUTH_FILES,
            ..Options::default()
        };
        let registry = Registry::new(&options).unwrap();
        let message = assert_fails(
            registry.pull("registry.example/a"),
            OCIIMG_STATUS_UNAVAILABLE,
        );
        assert!(message.contains("private address"), "{target}: {message}");
        assert_eq!(proxy.seen().len(), 1);

        let realm = format!("Bearer realm=\"{target}\"");
        let proxy =
            Server::start(move |_, _| Reply::new(401).header("WWW-Authenticate", realm.clone()));
        let options = Options {
            proxy: Some(format!("http://{}", proxy.host)),
            ..options
        };
        let registry = Registry::new(&options).unwrap();
        assert_fails(registry.pull("registry.example/a"), OCIIMG_STATUS_DENIED);
        assert_eq!(proxy.seen().len(), 1);
    }
    assert!(inner.seen().is_empty());
}

#[test]
fn manifests_are_bounded() {
    let (server, _) = server(|request, _| {
        request
            .path()
            .ends_with("/manifests/latest")
            .then(|| Reply::new(200).body(vec![b' '; 200_000]))
    });
    let options = Options {
        max_manifest_size: 100_000,
        ..Options::alone()
    };
    let message = assert_fails(pull_with(&server, &options), OCIIMG_STATUS_LIMIT_EXCEEDED);
    assert!(message.contains("100000"), "{message}");
}

#[test]
fn a_manifest_by_digest_is_bounded() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let (server, _) = server(|request, _| {
        request
            .path()
            .contains("/manifests/")
            .then(|| Reply::new(200).body(vec![b' '; (4 << 20) + 10]))
    });
    let registry = Registry::new(&Options::alone()).unwrap();
    let reference = format!("{}/a/b@{digest}", server.host);
    assert_fails(registry.pull(&reference), OCIIMG_STATUS_LIMIT_EXCEEDED);
}

#[test]
fn content_is_verified() {
    let (first, _) = server(|request, _| {
        is_large_blob(request).then(|| Reply::new(200).body(noise(2, 300_000)))
    });
    assert_fails(pull(&first), 5);
    // Longer, without a length.
    let (second, _) = server(|request, _| {
        is_large_blob(request).then(|| {
            let mut body = image().layers[0].clone();
            body.extend_from_slice(b"more");
            Reply::new(200).body(body)
        })
    });
    assert_fails(pull(&second), 6);
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let (server, _) = server(|_, _| {
        let mut raw = b"HTTP/1.1 200 OK\r\n".to_vec();
        for i in 0..20_000 {
            raw.extend_from_slice(format!("X-{i}: {}\r\n", "a".repeat(40)).as_bytes());
        }
        Some(Reply::raw(raw))
    });
    let options = Options {
        max_retries: 1,
        flags: PLAIN_HTTP,
        ..Options::alone()
    };
    assert_fails(pull_with(&server, &options), OCIIMG_STATUS_UNAVAILABLE);
}

#[test]
fn a_registry_at_an_ipv6_address() {
    let store = Store::with(&image());
    let handler = move |request: &Request, body: &mut Body<'_>| store.answer(request, body);
    let Some(server) = Server::start_at("[::1]:0", handler) else {
        return support::skip("a registry at an IPv6 address", "there is no ::1");
    };
    assert!(server.host.starts_with("[::1]:"), "{}", server.host);
    assert_whole(pull(&server));
}
