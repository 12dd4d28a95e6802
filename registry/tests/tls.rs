//! Certificates, and when plain http is asked.

mod support;

use ociimg_registry::ociimg_sys::*;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::api::{INSECURE_TLS, Options, PLAIN_HTTP, Registry};
use support::image::Image;
use support::mean::{Reply, Server};
use support::registry::{DockerRegistry, Mode, PASSWORD, USER, make_certificates};

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

/// A server over TLS whose answers are files: `openssl s_server` in the folder with its
/// certificates.
struct TlsServer {
    host: String,
    process: Child,
}

impl TlsServer {
    fn start(folder: &Path, answers: &[(&str, String)], more: &[&str]) -> Self {
        for (path, answer) in answers {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, answer).unwrap();
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let host = format!("127.0.0.1:{port}");
        let process = Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-HTTP",
                "-cert",
                "server.crt",
                "-key",
                "server.key",
            ])
            .args(["-accept", &host])
            .args(more)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let since = Instant::now();
        while std::net::TcpStream::connect(&host).is_err() {
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "openssl s_server does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { host, process }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn certificates() -> Option<(tempfile::TempDir, Options)> {
    if !support::has("openssl", "what is asked over TLS") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let ca_file = folder.path().join("ca.crt").to_str().unwrap().to_owned();
    let options = Options {
        ca_file: Some(ca_file),
        username: Some(USER.into()),
        password: Some(PASSWORD.into()),
        max_retries: 1,
        ..Options::alone()
    };
    Some((folder, options))
}

#[test]
fn nothing_leads_from_https_to_http() {
    let Some((folder, options)) = certificates() else {
        return;
    };
    let plain = Server::start(|_, _| Reply::new(200).body("{}"));
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/x\r\nContent-Length: 0\r\n\r\n",
        plain.host
    );
    let server = TlsServer::start(folder.path(), &[("v2/a/manifests/latest", answer)], &[]);
    let registry = Registry::new(&options).unwrap();
    let failure = registry
        .pull(&format!("{}/a", server.host))
        .map(drop)
        .unwrap_err();
    assert_eq!(
        failure.status, OCIIMG_STATUS_UNAVAILABLE,
        "{}",
        failure.message
    );
    assert!(failure.message.contains("https"), "{}", failure.message);
    assert!(plain.seen().is_empty());
}

#[test]
fn a_token_server_in_http_gets_no_password_of_a_registry_in_https() {
    let Some((folder, options)) = certificates() else {
        return;
    };
    let token_server = Server::start(|_, _| Reply::new(200).body(r#"{"token":"t"}"#));
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{}/token\"\r\nContent-Length: 0\r\n\r\n",
        token_server.host
    );
    let server = TlsServer::start(folder.path(), &[("v2/a/manifests/latest", answer)], &[]);
    let registry = Registry::new(&options).unwrap();
    let failure = registry
        .pull(&format!("{}/a", server.host))
        .map(drop)
        .unwrap_err();
    assert_eq!(failure.status, OCIIMG_STATUS_DENIED, "{}", failure.message);
    let seen = token_server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
}

#[test]
fn a_client_shows_its_certificate() {
    let Some((folder, options)) = certificates() else {
        return;
    };
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"tags\":[\"x\"]}".to_owned();
    let answers = [("v2/a/tags/list", answer)];
    let server = TlsServer::start(
        folder.path(),
        &answers,
        &["-Verify", "1", "-CAfile", "ca.crt"],
    );
    let tags = |options: &Options| {
        Registry::new(options)
            .unwrap()
            .tags(&format!("{}/a", server.host), 9, None)
    };
    let failure = tags(&options).unwrap_err();
    assert_eq!(
        failure.status, OCIIMG_STATUS_UNAVAILABLE,
        "{}",
        failure.message
    );
    let path = |name: &str| Some(folder.path().join(name).to_str().unwrap().to_owned());
    let with = Options {
        client_cert: path("token.crt"),
        client_key: path("token.key"),
        ..options
    };
    assert_eq!(tags(&with).unwrap(), ["x"]);
}
