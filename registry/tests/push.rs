//! Images into registries.

mod support;

use ociimg_registry::ociimg_sys::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::api::{Failure, Options, Registry};
use support::image::{Image, MANIFEST, digest, noise};
use support::mean::{Body, Reply, Request, Server, Store};
use support::registry::{DockerRegistry, MODES, Mode};

fn image() -> Image {
    Image::new(vec![noise(1, 3_000_000), b"hello".to_vec(), Vec::new()])
}

/// A registry that holds nothing, where `meddle` may answer first.
fn server(
    meddle: impl Fn(&Request, &mut Body<'_>, &Store) -> Option<Reply> + Send + Sync + 'static,
) -> (Server, Arc<Store>) {
    let store = Arc::new(Store::default());
    let kept = store.clone();
    let handler = move |request: &Request, body: &mut Body<'_>| {
        meddle(request, body, &store).unwrap_or_else(|| store.answer(request, body))
    };
    (Server::start(handler), kept)
}

fn push(host: &str, options: &Options, names: &[&str]) -> Result<(), Failure> {
    Registry::new(options)
        .unwrap()
        .push(&image(), &format!("{host}/a/b"), names, None)
}

#[track_caller]
fn assert_there(store: &Store) {
    let blobs = store.blobs.lock().unwrap();
    for blob in image().blobs() {
        assert!(
            blobs.get(&digest(blob)) == Some(blob),
            "{} is missing",
            digest(blob)
        );
    }
    let manifests = store.manifests.lock().unwrap();
    assert_eq!(manifests["latest"].1, image().manifest);
    assert!(
        store.uploads.lock().unwrap().is_empty(),
        "an upload was left behind"
    );
}

#[test]
fn an_image_is_pushed_in_every_mode() {
    for mode in MODES {
        let Some(server) = DockerRegistry::start(mode) else {
            continue;
        };
        push(&server.host, &server.options(), &["v1", "v2"])
            .unwrap_or_else(|e| panic!("{mode:?}: {e:?}"));
        let layout = tempfile::tempdir().unwrap();
        server.pull_with_skopeo("a/b:v2", layout.path());
        let blobs = layout.path().join("blobs/sha256");
        for bytes in image().blobs().chain([&image().manifest]) {
            let name = digest(bytes);
            let found = std::fs::read(blobs.join(name.trim_start_matches("sha256:"))).unwrap();
            assert!(&found == bytes, "{mode:?}");
        }
        // And back, through our own.
        let pulled = Registry::new(&server.options())
            .unwrap()
            .pull(&format!("{}/a/b:v1", server.host))
            .unwrap();
        assert!(pulled.layers == image().layers);
        assert_eq!(server.open_uploads("a/b"), 0, "{mode:?}");
    }
}

#[test]
fn a_blob_is_one_post_and_one_put() {
    let (server, store) = server(|_, _, _| None);
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    let seen = server.seen();
    for request in &seen {
        assert_eq!(request.header("expect"), None);
        let media_type = match &*request.method {
            "PUT" if request.target.contains("/manifests/") => Some(MANIFEST),
            "PUT" => Some("application/octet-stream"),
            _ => None,
        };
        assert_eq!(
            request.header("content-type"),
            media_type,
            "{}",
            request.method
        );
        assert_eq!(request.header("transfer-encoding"), None);
    }
    let count = |method: &str, part: &str| server.count(method, part);
    assert_eq!(
        (
            count("POST", "/blobs/uploads/"),
            count("PUT", "/blobs/uploads/"),
            count("PATCH", "")
        ),
        (4, 4, 0)
    );
    assert_eq!((count("HEAD", "/blobs/"), count("DELETE", "")), (4, 0));
    assert_eq!(seen.last().unwrap().target, "/v2/a/b/manifests/latest");
    // A second push uploads nothing.
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_eq!((count("POST", ""), count("PATCH", "")), (4, 0));
}

#[test]
fn names_are_tags() {
    let (server, store) = server(|_, _, _| None);
    push(&server.host, &Options::alone(), &[]).unwrap();
    let last = server.seen().pop().unwrap();
    assert_eq!(
        last.target,
        format!("/v2/a/b/manifests/{}", digest(&image().manifest))
    );
    assert!(!store.manifests.lock().unwrap().contains_key("latest"));
    for name in ["not/a/tag", "-x", "a:b", &"x".repeat(129)] {
        let failure = push(&server.host, &Options::alone(), &[name]).unwrap_err();
        assert_eq!(
            failure.status, OCIIMG_STATUS_INVALID_ARGUMENT,
            "{}",
            failure.message
        );
    }
}

#[test]
fn a_blob_of_another_repository_is_mounted() {
    for mode in [Mode::Plain, Mode::Htpasswd, Mode::Token] {
        let Some(server) = DockerRegistry::start(mode) else {
            continue;
        };
        let registry = Registry::new(&server.options()).unwrap();
        registry
            .push(&image(), &format!("{}/first", server.host), &["v1"], None)
            .unwrap();
        registry
            .push(&image(), &format!("{}/second", server.host), &["v1"], None)
            .unwrap();
        let pulled = registry
            .pull(&format!("{}/second:v1", server.host))
            .unwrap();
        assert!(pulled.layers == image().layers, "{mode:?}");
        assert_eq!(server.open_uploads("second"), 0);
    }
}

#[test]
fn a_mount_that_is_refused_is_done_without() {
    for refusal in [200, 400, 401, 403, 404, 405, 202] {
        let store = Store::with(&image());
        let server = Server::start(move |request: &Request, body: &mut Body<'_>| {
            if request.target.contains("mount=") {
                assert!(
                    request.query().starts_with("mount=sha256%3A"),
                    "{}",
                    request.target
                );
                assert!(
                    request.query().ends_with("&from=first"),
                    "{}",
                    request.target
                );
                if refusal == 200 {
                    // Neither mounted nor begun.
                    return Reply::new(200).header("Location", "/v2/second/blobs/x");
                }
                if refusal != 202 {
                    return Reply::error(refusal, "DENIED", "no");
                }
            }
            match request.method == "HEAD" && request.target.contains("/second/") {
                true => Reply::new(404),
                false => store.answer(request, body),
            }
        });
        let registry = Registry::new(&Options::alone()).unwrap();
        for repository in ["first", "second"] {
            registry
                .push(
                    &image(),
                    &format!("{}/{repository}", server.host),
                    &["latest"],
                    None,
                )
                .unwrap();
        }
        assert_eq!(server.count("POST", "mount="), 4);
        assert_eq!(server.count("PUT", "/second/blobs/uploads/"), 4);
    }
}

fn is_first_put(request: &Request, count: &AtomicUsize) -> bool {
    let is_large = request
        .header("content-length")
        .is_some_and(|n| n.parse::<u64>().unwrap() > 1_000_000);
    is_large
        && matches!(&*request.method, "PUT" | "PATCH")
        && count.fetch_add(1, Ordering::SeqCst) == 0
}

#[test]
fn an_upload_that_breaks_off_is_continued() {
    let count = AtomicUsize::new(0);
    let (server, store) = server(move |request, body, store| {
        is_first_put(request, &count).then(|| {
            let upload = request.path().rsplit_once('/').unwrap().1.to_owned();
            let bytes = body.read(1_000_000);
            store
                .uploads
                .lock()
                .unwrap()
                .get_mut(&upload)
                .unwrap()
                .extend(bytes);
            Reply::raw("")
        })
    });
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    let patches: Vec<Request> = server
        .seen()
        .into_iter()
        .filter(|r| r.method == "PATCH")
        .collect();
    assert_eq!(patches.len(), 1);
    assert_eq!(patches[0].header("content-range"), Some("1000000-2999999"));
    assert_eq!(patches[0].header("content-length"), Some("2000000"));
}

#[test]
fn an_upload_that_is_lost_is_begun_anew() {
    for status in [404, 416, 429, 500, 503] {
        let count = AtomicUsize::new(0);
        let (server, store) = server(move |request, body, store| {
            is_first_put(request, &count).then(|| {
                body.read(500_000);
                store.uploads.lock().unwrap().clear();
                Reply::error(status, "CODE", "gone")
            })
        });
        push(&server.host, &Options::alone(), &["latest"])
            .unwrap_or_else(|e| panic!("{status}: {e:?}"));
        assert_there(&store);
        assert_eq!(server.count("PATCH", ""), 0);
    }
}

#[test]
fn an_offset_beyond_what_was_sent_is_not_believed() {
    for range in [
        "0-99999999",
        "0-2999999",
        "0-0",
        "5-10",
        "x",
        "0-18446744073709551615",
    ] {
        let count = AtomicUsize::new(0);
        let (server, store) = server(move |request, body, _| {
            if is_first_put(request, &count) {
                body.read(1000);
                return Some(Reply::raw(""));
            }
            (request.method == "GET" && request.path().contains("/uploads/")).then(|| {
                Reply::new(204)
                    .header("Range", range)
                    .header("Location", request.target.clone())
            })
        });
        push(&server.host, &Options::alone(), &["latest"])
            .unwrap_or_else(|e| panic!("{range}: {e:?}"));
        assert_there(&store);
        assert_eq!(server.count("PATCH", ""), 0, "{range}");
    }
}

#[test]
fn an_offset_that_the_server_refuses_is_not_asked_for_again() {
    let count = AtomicUsize::new(0);
    let (server, store) = server(move |request, body, _| {
        if is_first_put(request, &count) {
            body.read(1_000_000);
            return Some(Reply::raw(""));
        }
        if request.method == "PATCH" {
            return Some(Reply::new(416));
        }
        (request.method == "GET" && request.path().contains("/uploads/")).then(|| {
            Reply::new(204)
                .header("Range", "0-499999")
                .header("Location", request.target.clone())
        })
    });
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    assert_eq!(server.count("PATCH", ""), 1);
}

#[test]
fn requests_that_write_are_redirected() {
    for status in [307, 308] {
        let (target, store) = server(|_, _, _| None);
        let host = target.host.clone();
        let (first, _) = server(move |request, _, _| {
            (request.method == "POST" || request.path().contains("/manifests/")).then(|| {
                Reply::new(status).header("Location", format!("http://{host}{}", request.target))
            })
        });
        push(&first.host, &Options::alone(), &["latest"])
            .unwrap_or_else(|e| panic!("{status}: {e:?}"));
        assert_there(&store);
    }
    // So is an upload, with all of its bytes.
    for is_elsewhere in [false, true] {
        let (target, store) = server(|_, _, _| None);
        let host = target.host.clone();
        let kept = store.clone();
        let first = Server::start(move |request, body| {
            let is_first = !request.target.contains("&moved=1");
            match request.method == "PUT" && request.path().contains("/uploads/") && is_first {
                true => {
                    let to = if is_elsewhere { &host } else { "" };
                    let scheme = if is_elsewhere { "http://" } else { "" };
                    let location = format!("{scheme}{to}{}&moved=1", request.target);
                    Reply::new(307).header("Location", location)
                }
                false => store.answer(request, body),
            }
        });
        push(&first.host, &Options::alone(), &["latest"]).unwrap();
        assert_there(&kept);
        let moved = target.count("PUT", "&moved=1");
        assert_eq!(
            moved,
            if is_elsewhere {
                image().blobs().count()
            } else {
                0
            }
        );
    }
    // Others would make a GET of it.
    let (server, _) = server(|request, _, _| {
        (request.method == "POST").then(|| Reply::new(303).header("Location", "/elsewhere"))
    });
    let failure = push(&server.host, &Options::alone(), &["latest"]).unwrap_err();
    assert_eq!(failure.status, OCIIMG_STATUS_UNAVAILABLE);
}

#[test]
fn only_200_says_that_a_blob_is_there() {
    for location in [None, Some("ftp://x/"), Some("/v2/a/b/blobs/again")] {
        let (server, store) = server(move |request, _, _| {
            (request.method == "HEAD").then(|| match location {
                Some(location) => Reply::new(307).header("Location", location),
                None => Reply::new(307),
            })
        });
        push(&server.host, &Options::alone(), &["latest"])
            .unwrap_or_else(|e| panic!("{location:?}: {e:?}"));
        assert_there(&store);
    }
}

#[test]
fn what_is_too_large_fails_at_once() {
    let (server, _) = server(|request, body, _| {
        let is_put = request.method == "PUT" && request.target.contains("/blobs/");
        is_put.then(|| {
            body.read(10_000);
            Reply::error(413, "SIZE_INVALID", "too much")
        })
    });
    let failure = push(&server.host, &Options::alone(), &["latest"]).unwrap_err();
    assert_eq!(
        failure.status, OCIIMG_STATUS_LIMIT_EXCEEDED,
        "{}",
        failure.message
    );
    assert!(failure.message.contains("413"), "{}", failure.message);
}

#[test]
fn refusals_have_their_statuses() {
    for (status, expected) in [
        (400, OCIIMG_STATUS_CALLBACK),
        (403, OCIIMG_STATUS_DENIED),
        (405, OCIIMG_STATUS_CALLBACK),
    ] {
        for part in ["/blobs/uploads/", "/manifests/"] {
            let (server, _) = server(move |request, _, _| {
                let is_push = matches!(&*request.method, "POST" | "PUT");
                (is_push && request.target.contains(part))
                    .then(|| Reply::error(status, "CODE", "why not"))
            });
            let failure = push(&server.host, &Options::alone(), &["latest"]).unwrap_err();
            assert_eq!(failure.status, expected, "{}", failure.message);
            assert!(
                failure
                    .message
                    .contains(&format!("HTTP {status}: CODE: why not")),
                "{}",
                failure.message
            );
        }
    }
}

#[test]
fn locations_have_many_forms() {
    for form in [
        "/v2/a/b/blobs/uploads/ID?_state=a%2Bb",
        "http://HOST/v2/a/b/blobs/uploads/ID?_state=a%2Bb",
        "//HOST/v2/a/b/blobs/uploads/ID?_state=a%2Bb",
        "ID?_state=a%2Bb",
    ] {
        let (server, store) = server(move |request, _, store| {
            (request.method == "POST").then(|| {
                let mut uploads = store.uploads.lock().unwrap();
                let id = format!("upload-{}", uploads.len());
                uploads.insert(id.clone(), Vec::new());
                let location = form
                    .replace("ID", &id)
                    .replace("HOST", request.header("host").unwrap());
                Reply::new(202).header("Location", location)
            })
        });
        push(&server.host, &Options::alone(), &["latest"])
            .unwrap_or_else(|e| panic!("{form}: {e:?}"));
        assert_there(&store);
    }
    for location in [None, Some("ftp://x/"), Some("http://")] {
        let (server, _) = server(move |request, _, _| {
            (request.method == "POST").then(|| match location {
                Some(location) => Reply::new(202).header("Location", location),
                None => Reply::new(202),
            })
        });
        let failure = push(&server.host, &Options::alone(), &["latest"]).unwrap_err();
        assert_eq!(
            failure.status, OCIIMG_STATUS_UNAVAILABLE,
            "{}",
            failure.message
        );
    }
}

#[test]
fn a_login_ends_in_the_midst_of_an_upload() {
    let refused = AtomicUsize::new(0);
    let tokens = AtomicUsize::new(0);
    let (server, store) = server(move |request, body, store| {
        if request.path() == "/token" {
            let n = tokens.fetch_add(1, Ordering::SeqCst);
            assert!(
                request
                    .query()
                    .contains("scope=repository%3Aa%2Fb%3Apull%2Cpush"),
                "{}",
                request.target
            );
            return Some(Reply::new(200).body(format!(r#"{{"token":"t{n}"}}"#)));
        }
        let is_ended = is_first_put(request, &refused);
        if is_ended {
            body.read(100_000);
            store.uploads.lock().unwrap().clear();
        }
        let realm = format!(
            "Bearer realm=\"http://{}/token\"",
            request.header("host").unwrap()
        );
        let is_logged_in = request
            .header("authorization")
            .is_some_and(|text| text.starts_with("Bearer t"));
        (is_ended || !is_logged_in).then(|| Reply::new(401).header("WWW-Authenticate", realm))
    });
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    assert_eq!(server.count("GET", "/token"), 2);
}

const BEARER: &str = "Bearer realm=\"http://HOST/token\"";

/// A registry that asks for tokens, which count from 0. To an upload of a large blob a token
/// before `first` is no login, while the state of the upload is anybody's to see.
fn with_tokens(first: usize, challenge: &'static str) -> (Server, Arc<Store>) {
    let tokens = AtomicUsize::new(0);
    server(move |request, body, _| {
        if request.path() == "/token" {
            let n = tokens.fetch_add(1, Ordering::SeqCst);
            return Some(Reply::new(200).body(format!(r#"{{"token":"{n}"}}"#)));
        }
        let is_upload = request.path().contains("/uploads/");
        let token = request.header("authorization");
        let token = token.and_then(|text| text.strip_prefix("Bearer ")?.parse::<usize>().ok());
        let is_large = is_first_put(request, &AtomicUsize::new(0));
        let is_refused = match is_large {
            true => token.is_none_or(|token| token < first),
            false => token.is_none() && !(is_upload && request.method == "GET"),
        };
        is_refused.then(|| {
            body.read(1000);
            let host = request.header("host").unwrap();
            let challenge = if is_large { challenge } else { BEARER };
            Reply::error(401, "UNAUTHORIZED", "who are you")
                .header("WWW-Authenticate", challenge.replace("HOST", host))
        })
    })
}

#[test]
fn an_upload_that_is_refused_gets_a_new_login() {
    for (first, challenge) in [(1, BEARER), (2, BEARER), (1, "")] {
        let (server, store) = with_tokens(first, challenge);
        push(&server.host, &Options::alone(), &["latest"]).unwrap();
        assert_there(&store);
        assert_eq!(server.count("GET", "/token"), first + 1);
    }

    let (server, store) = with_tokens(usize::MAX, BEARER);
    let failure = push(&server.host, &Options::alone(), &["latest"]).unwrap_err();
    assert_eq!(failure.status, OCIIMG_STATUS_DENIED, "{}", failure.message);
    assert!(failure.message.contains("HTTP 401"), "{}", failure.message);
    assert_eq!(server.count("GET", "/token"), 3);
    assert!(!store.manifests.lock().unwrap().contains_key("latest"));
}

#[test]
fn a_connection_that_is_closed_while_it_is_kept_breaks_no_upload() {
    let (server, store) = server(|request, body, store| {
        let reply = store.answer(request, body);
        let mut text = format!("HTTP/1.1 {} Status\r\n", reply.status);
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if reply.status != 204 {
            text.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
        }
        let mut raw = format!("{text}\r\n").into_bytes();
        if request.method != "HEAD" {
            raw.extend(reply.body);
        }
        // Closed when the next request is on its way.
        let pause = if request.method == "POST" { 50 } else { 0 };
        Some(Reply::raw(raw).after(Duration::from_millis(pause)))
    });
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
}

/// Breaks the first upload of five bytes off, of which it keeps three.
fn break_off(
    request: &Request,
    body: &mut Body<'_>,
    store: &Store,
    count: &AtomicUsize,
) -> Option<Reply> {
    let is_put = request.method == "PUT" && request.header("content-length") == Some("5");
    (is_put && count.fetch_add(1, Ordering::SeqCst) == 0).then(|| {
        let upload = request.path().rsplit_once('/').unwrap().1;
        let bytes = body.read(3);
        let mut uploads = store.uploads.lock().unwrap();
        uploads.get_mut(upload).unwrap().extend(bytes);
        Reply::raw("")
    })
}

/// libcurl itself repeats a request on a kept connection that dies before an answer.
#[test]
fn an_upload_that_breaks_off_is_repeated_only_from_where_it_stands() {
    let count = AtomicUsize::new(0);
    let (server, store) =
        server(move |request, body, store| break_off(request, body, store, &count));
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    let seen = server.seen();
    let patches: Vec<&Request> = seen.iter().filter(|r| r.method == "PATCH").collect();
    assert_eq!(patches.len(), 1);
    assert_eq!(patches[0].header("content-range"), Some("3-4"));
}

#[test]
fn an_upload_whose_answer_is_lost_is_not_sent_again() {
    let count = AtomicUsize::new(0);
    let (server, store) = server(move |request, body, store| {
        is_first_put(request, &count).then(|| {
            store.answer(request, body);
            Reply::raw("")
        })
    });
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    let blobs = image().blobs().count();
    assert_eq!(server.count("PUT", "/blobs/uploads/"), blobs);
}

#[test]
fn the_end_of_a_resumed_upload_whose_answer_is_lost_is_not_sent_again() {
    let (broken, patched) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (server, store) = server(move |request, body, store| {
        let is_closing = request.method == "PUT" && patched.swap(false, Ordering::SeqCst);
        if is_closing {
            store.answer(request, body);
            return Some(Reply::raw(""));
        }
        patched.store(request.method == "PATCH", Ordering::SeqCst);
        break_off(request, body, store, &broken)
    });
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert_there(&store);
    assert_eq!(server.count("PATCH", "/blobs/uploads/"), 1);
    let is_whole = |r: &&Request| r.method == "PUT" && r.header("content-length") == Some("5");
    assert_eq!(server.seen().iter().filter(is_whole).count(), 1);
}

#[test]
fn the_rest_of_an_answer_is_not_waited_for() {
    let (server, store) = server(|request, body, store| {
        let mut reply = store.answer(request, body);
        matches!(&*request.method, "POST" | "PUT").then(|| {
            reply.body = b"more".to_vec();
            reply.stall(1)
        })
    });
    let start = Instant::now();
    push(&server.host, &Options::alone(), &["latest"]).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_there(&store);
}

#[test]
fn an_upload_begins_with_any_success_that_has_a_location() {
    for status in [200, 204] {
        let (server, store) = server(move |request, body, store| {
            (request.method == "POST").then(|| {
                let mut reply = store.answer(request, body);
                reply.status = status;
                reply
            })
        });
        push(&server.host, &Options::alone(), &["latest"])
            .unwrap_or_else(|e| panic!("{status}: {e:?}"));
        assert_there(&store);
    }
}

#[test]
fn an_upload_that_is_given_up_is_deleted_within_a_second() {
    for is_deaf in [false, true] {
        let (server, _) = server(move |request, body, _| {
            if request.method == "DELETE" && is_deaf {
                return Some(Reply::silent());
            }
            (request.method == "PUT" && request.target.contains("/blobs/")).then(|| {
                body.read(10);
                Reply::error(400, "DIGEST_INVALID", "no")
            })
        });
        let start = Instant::now();
        let failure = push(&server.host, &Options::alone(), &["latest"]).unwrap_err();
        assert_eq!(failure.status, OCIIMG_STATUS_CALLBACK);
        assert!(start.elapsed() < Duration::from_secs(4));
        assert!(server.count("DELETE", "/blobs/uploads/") >= 1);
    }
}
