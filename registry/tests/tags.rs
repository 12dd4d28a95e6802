//! The tags of a repository.

mod support;

use ociimg_registry::ociimg_sys::*;
use support::api::{Options, Registry};
use support::image::Image;
use support::mean::{Reply, Server};
use support::registry::{DockerRegistry, Mode};

fn tags(server: &Server) -> Result<Vec<String>, ociimg_status> {
    let registry = Registry::new(&Options::alone()).unwrap();
    let tags = registry.tags(&format!("{}/a/b", server.host), 1000, None);
    tags.map_err(|failure| failure.status)
}

#[test]
fn pages_are_followed() {
    for link in [
        "</v2/a/b/tags/list?last=LAST>; rel=\"next\"",
        "<http://HOST/v2/a/b/tags/list?last=LAST>;rel=next",
        "<?last=LAST>; title=x; rel=\"last next\"",
    ] {
        let server = Server::start(move |request, _| {
            let page: usize = request
                .query()
                .trim_start_matches("last=")
                .parse()
                .unwrap_or(0);
            let body = format!(r#"{{"name":"a/b","tags":["t{page}"]}}"#);
            let link = link
                .replace("LAST", &(page + 1).to_string())
                .replace("HOST", request.header("host").unwrap());
            let reply = Reply::new(200).body(body);
            match page {
                3 => reply,
                _ => reply.header("Link", link),
            }
        });
        assert_eq!(tags(&server).unwrap(), ["t0", "t1", "t2", "t3"]);
    }
}

#[test]
fn pages_without_end_are_ended() {
    let elsewhere = Server::start(|_, _| Reply::new(200).body(r#"{"tags":["x"]}"#));
    let links = [
        "</v2/a/b/tags/list>; rel=next".to_owned(),
        format!("<http://{}/v2/a/b/tags/list>; rel=next", elsewhere.host),
        "<ftp://x/>; rel=next".to_owned(),
    ];
    for link in links {
        let server = Server::start(move |_, _| {
            Reply::new(200)
                .body(r#"{"tags":["x"]}"#)
                .header("Link", link.clone())
        });
        assert_eq!(tags(&server), Err(OCIIMG_STATUS_UNAVAILABLE));
        assert!(server.seen().len() <= 2);
    }
    assert!(elsewhere.seen().is_empty());
    // Always another page, without a tag.
    let server = Server::start(|request, _| {
        let link = format!("</v2/a/b/tags/list?x{}>; rel=next", request.query());
        Reply::new(200)
            .body(r#"{"tags":null}"#)
            .header("Link", link)
    });
    assert_eq!(tags(&server), Err(OCIIMG_STATUS_UNAVAILABLE));
    assert_eq!(server.seen().len(), 16);
}

#[test]
fn answers_that_are_no_list() {
    for (body, expected) in [
        (r#"{"tags":null}"#, Ok(vec![])),
        (r#"{"name":"a"}"#, Ok(vec![])),
        ("", Err(OCIIMG_STATUS_MALFORMED)),
        ("<html>", Err(OCIIMG_STATUS_MALFORMED)),
        ("[]", Err(OCIIMG_STATUS_MALFORMED)),
        (r#"{"tags":[1]}"#, Err(OCIIMG_STATUS_MALFORMED)),
        (r#"{"tags":["a\u0000b"]}"#, Err(OCIIMG_STATUS_MALFORMED)),
    ] {
        let server = Server::start(move |_, _| Reply::new(200).body(body));
        assert_eq!(tags(&server), expected, "{body}");
    }
    let server = Server::start(|_, _| Reply::new(200).body(vec![b' '; 5_000_000]));
    assert_eq!(tags(&server), Err(OCIIMG_STATUS_LIMIT_EXCEEDED));
    let server = Server::start(|_, _| Reply::error(404, "NAME_UNKNOWN", "no"));
    assert_eq!(tags(&server), Err(OCIIMG_STATUS_NOT_FOUND));
}

#[test]
fn tags_of_a_real_registry() {
    let Some(server) = DockerRegistry::start(Mode::Htpasswd) else {
        return;
    };
    let image = Image::new(vec![b"hello".to_vec()]);
    for tag in ["v1", "v2"] {
        server.push(&image, "a/b", tag);
    }
    let registry = Registry::new(&server.options()).unwrap();
    let repository = format!("{}/a/b", server.host);
    assert_eq!(registry.tags(&repository, 10, None).unwrap(), ["v1", "v2"]);
    let failure = registry.tags(&repository, 1, None).unwrap_err();
    assert_eq!((failure.status, failure.code), (OCIIMG_STATUS_CALLBACK, 77));
    let failure = registry
        .tags(&format!("{}/absent", server.host), 1, None)
        .unwrap_err();
    assert_eq!(failure.status, OCIIMG_STATUS_NOT_FOUND);
}
