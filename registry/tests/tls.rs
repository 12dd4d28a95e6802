//! Certificates, and when plain http is asked.

mod support;

use ociimg_registry::ociimg_sys::*;
use support::api::{INSECURE_TLS, Options, PLAIN_HTTP, Registry};
use support::image::Image;
use support::mean::{Reply, Server};
use support::registry::{DockerRegistry, Mode};

#[test]
fn a_certificate_that_is_not_trusted() {
    let Some(server) = DockerRegistry::start(Mode::Tls) else {
        return;
    };
    let image = Image::new(vec![b"hello".to_vec()]);
    server.push(&image, "a", "x");
    let reference = format!("{}/a:x", server.host);
    let failure = Registry::new(&Options::alone())
        .unwrap()
        .pull(&reference)
        .map(drop)
        .unwrap_err();
    assert_eq!(failure.status, OCIIMG_STATUS_UNAVAILABLE);
    assert!(
        failure.message.contains("certificate"),
        "{}",
        failure.message
    );

    let insecure = Options {
        flags: Options::alone().flags | INSECURE_TLS,
        ..Options::alone()
    };
    Registry::new(&insecure).unwrap().pull(&reference).unwrap();
    // By its other names, too.
    let port = server.host.rsplit_once(':').unwrap().1;
    Registry::new(&server.options())
        .unwrap()
        .pull(&format!("localhost:{port}/a:x"))
        .unwrap();
}

#[test]
fn a_file_of_authorities_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| Some(folder.path().join(name).to_str().unwrap().to_owned());
    std::fs::write(folder.path().join("no.pem"), "no certificate").unwrap();
    for ca_file in [path("absent.pem"), path("no.pem"), path("")] {
        let options = Options {
            ca_file,
            ..Options::alone()
        };
        let failure = Registry::new(&options).map(drop).unwrap_err();
        assert_eq!(
            failure.status, OCIIMG_STATUS_INVALID_ARGUMENT,
            "{}",
            failure.message
        );
    }
}

#[test]
fn http_is_asked_where_no_tls_answers_and_found_out_once() {
    let server = Server::start(|_, _| Reply::new(200).body(r#"{"tags":["x"]}"#));
    let registry = Registry::new(&Options::alone()).unwrap();
    for _ in 0..3 {
        assert_eq!(
            registry
                .tags(&format!("{}/a", server.host), 9, None)
                .unwrap(),
            ["x"]
        );
    }
    // What began a TLS connection came once, and is no request.
    assert_eq!(server.seen().len(), 3);
    assert_eq!(server.connections() - server.seen_connections(), 1);
    // https alone where it is no loopback: 127.0.0.1 under another name is not asked in http.
    let options = Options {
        max_retries: 1,
        connect_timeout_ms: 2000,
        ..Options::alone()
    };
    let registry = Registry::new(&options).unwrap();
    registry.tags("0.0.0.0:1/a", 9, None).unwrap_err();
    // And http alone where the program says so.
    let options = Options {
        flags: PLAIN_HTTP,
        ..Options::alone()
    };
    let before = server.connections();
    Registry::new(&options)
        .unwrap()
        .tags(&format!("{}/a", server.host), 9, None)
        .unwrap();
    assert_eq!(server.connections() - before, 1);
}
