//! Logins: the credentials sent to each server.

mod support;

use ociimg_registry::ociimg_sys::*;
use std::sync::Arc;
use std::sync::Mutex;
use support::api::{NO_CREDENTIAL_HELPERS, Options, Registry};
use support::image::{Image, noise};
use support::mean::{Body, Reply, Request, Server, Store};

/// alice:secret
const BASIC: &str = "Basic YWxpY2U6c2VjcmV0";

fn image() -> Image {
    Image::new(vec![noise(1, 300_000), b"hello".to_vec()])
}

fn alice() -> Options {
    Options {
        username: Some("alice".into()),
        password: Some("secret".into()),
        ..Options::alone()
    }
}

/// A registry that wants a token, `challenge` with its own host for HOST, and the answers of
/// its token server.
fn server(
    challenge: &'static str,
    token: impl Fn(&Request, &str) -> Reply + Send + Sync + 'static,
) -> Server {
    let store: Arc<Store> = Store::with(&image());
    Server::start(move |request: &Request, body: &mut Body<'_>| {
        if request.path().starts_with("/token") {
            let form = String::from_utf8(body.read_all()).unwrap();
            return token(request, &form);
        }
        match request.header("authorization") {
            Some("Bearer good") => store.answer(request, body),
            _ => {
                let host = request.header("host").unwrap();
                Reply::error(401, "UNAUTHORIZED", "log in")
                    .header("WWW-Authenticate", challenge.replace("HOST", host))
            }
        }
    })
}

const BEARER: &str =
    "Bearer realm=\"http://HOST/token\",service=\"the service\",scope=\"repository:other:push\"";

fn good() -> Reply {
    Reply::new(200).body(r#"{"token":"good","expires_in":300}"#)
}

fn pull(server: &Server, options: &Options) -> Result<(), (ociimg_status, String)> {
    let registry = Registry::new(options).unwrap();
    let pulled = registry.pull(&format!("{}/a/b", server.host));
    pulled.map(drop).map_err(|failure| {
        for secret in [
            "secret",
            "c2VjcmV0",
            "YWxpY2U6c2VjcmV0",
            "the-token",
            "good",
        ] {
            assert!(!failure.message.contains(secret), "{}", failure.message);
        }
        (failure.status, failure.message)
    })
}

#[test]
fn a_token_is_asked_for_with_the_password() {
    for challenge in [
        BEARER,
        "Negotiate, Bearer realm=\"http://HOST/token\",service=\"the service\"",
        "Basic realm=\"a, b\", bearer service=\"the service\" , Realm=\"http://HOST/token\"",
    ] {
        let server = server(challenge, |_, _| good());
        pull(&server, &alice()).unwrap();
        let seen = server.seen();
        assert_eq!(seen[0].header("authorization"), None);
        let tokens: Vec<&Request> = seen.iter().filter(|r| r.path() == "/token").collect();
        // One serves manifest and blobs.
        assert_eq!(tokens.len(), 1);
        assert_eq!(tokens[0].method, "GET");
        assert_eq!(
            tokens[0].query(),
            "service=the%20service&scope=repository%3Aa%2Fb%3Apull"
        );
        assert_eq!(tokens[0].header("authorization"), Some(BASIC));
    }
}

#[test]
fn without_a_login_a_token_is_asked_for_as_nobody() {
    let server = server(BEARER, |request, _| {
        assert_eq!(request.header("authorization"), None);
        Reply::new(200).body(r#"{"access_token":"good"}"#)
    });
    pull(&server, &Options::alone()).unwrap();
}

#[test]
fn a_token_of_the_program_goes_to_the_registry_alone() {
    let server = server(BEARER, |_, _| panic!("no token is to be asked for"));
    let options = Options {
        token: Some("good".into()),
        ..Options::alone()
    };
    pull(&server, &options).unwrap();
    let options = Options {
        token: Some("the-token".into()),
        ..Options::alone()
    };
    assert_eq!(pull(&server, &options).unwrap_err().0, OCIIMG_STATUS_DENIED);
}

#[test]
fn an_identity_token_is_posted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let server = server(BEARER, |request, form| {
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("authorization"), None);
        let mut parameters: Vec<&str> = form.split('&').collect();
        parameters.sort_unstable();
        assert_eq!(
            parameters,
            [
                "client_id=ociimg-registry",
                "grant_type=refresh_token",
                "refresh_token=the%2Ftoken",
                "scope=repository%3Aa%2Fb%3Apull",
                "service=the%20service",
            ]
        );
        good()
    });
    let auths = format!(
        r#"{{"auths":{{"{}":{{"auth":"YWxpY2U6","identitytoken":"the/token"}}}}}}"#,
        server.host
    );
    std::fs::write(&file, auths).unwrap();
    let options = Options {
        auth_file: Some(file.to_str().unwrap().into()),
        ..Options::alone()
    };
    pull(&server, &options).unwrap();
}

#[test]
fn a_token_is_renewed_in_the_midst() {
    let valid = Arc::new(Mutex::new(String::from("0")));
    let (store, now) = (Store::with(&image()), valid.clone());
    let server = Server::start(move |request: &Request, body: &mut Body<'_>| {
        let mut now = now.lock().unwrap();
        if request.path() == "/token" {
            *now = (now.parse::<u32>().unwrap() + 1).to_string();
            return Reply::new(200).body(format!(r#"{{"token":"{now}"}}"#));
        }
        match request.header("authorization") == Some(&format!("Bearer {now}")) {
            // The next one wants another token.
            true => {
                *now = (now.parse::<u32>().unwrap() + 1).to_string();
                store.answer(request, body)
            }
            false => {
                let realm = format!(
                    "Bearer realm=\"http://{}/token\"",
                    request.header("host").unwrap()
                );
                Reply::new(401).header("WWW-Authenticate", realm)
            }
        }
    });
    pull(&server, &alice()).unwrap();
    assert_eq!(
        server.count("GET", "/token"),
        server.count("GET", "/v2/") / 2
    );
}

#[test]
fn a_login_that_is_refused_is_denied() {
    let refusing = |status: u16| {
        server(BEARER, move |request, _| {
            let echo = request
                .header("authorization")
                .unwrap_or_default()
                .to_owned();
            Reply::error(
                status,
                "DENIED",
                &format!("not with {echo} nor secret nor {}", "YWxpY2U6c2VjcmV0"),
            )
        })
    };
    for status in [400, 401, 403, 404] {
        let server = refusing(status);
        let (found, message) = pull(&server, &alice()).unwrap_err();
        assert_eq!(found, OCIIMG_STATUS_DENIED, "{message}");
        assert!(message.contains("/token: HTTP"), "{message}");
        assert!(message.contains("***"), "{message}");
        assert_eq!(server.count("GET", "/token"), 1);
    }
    let server = refusing(503);
    let options = Options {
        max_retries: 1,
        ..alice()
    };
    assert_eq!(
        pull(&server, &options).unwrap_err().0,
        OCIIMG_STATUS_UNAVAILABLE
    );
}

#[test]
fn a_bad_answer_of_a_token_server_is_denied() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"token":""}"#,
        r#"{"token":1}"#,
        r#"{"token":"a\r\nX-Evil: 1"}"#,
        &format!(r#"{{"token":"{}"}}"#, "x".repeat(100_000)),
    ] {
        let body = body.to_owned();
        let server = server(BEARER, move |_, _| Reply::new(200).body(body.clone()));
        assert_eq!(pull(&server, &alice()).unwrap_err().0, OCIIMG_STATUS_DENIED);
        assert!(server.seen().iter().all(|r| r.header("x-evil").is_none()));
    }
}

#[test]
fn a_password_does_not_follow_the_redirect_of_a_token_server() {
    let other = Server::start(|request, _| {
        assert_eq!(request.header("authorization"), None);
        good()
    });
    let target = format!("http://{}/elsewhere", other.host);
    let server = server(BEARER, move |request, _| match request.path() {
        "/token" => Reply::new(307).header("Location", target.clone()),
        _ => Reply::new(404),
    });
    pull(&server, &alice()).unwrap();
    assert_eq!(other.seen().len(), 1);
}

#[test]
fn a_registry_that_wants_what_nobody_has() {
    for challenge in [
        "Negotiate",
        "Basic realm=\"x\"",
        "Bearer realm=\"ftp://HOST/token\"",
        "Bearer realm=\"/token\"",
    ] {
        let server = server(challenge, |_, _| good());
        let (status, message) = pull(&server, &Options::alone()).unwrap_err();
        assert_eq!(status, OCIIMG_STATUS_DENIED, "{message}");
    }
}

#[test]
fn logins_come_from_files_and_helpers() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let helper = |name: &str, script: &str| {
        let file = path(&format!("docker-credential-{name}"));
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let server = server(BEARER, |request, _| match request.header("authorization") {
        Some(BASIC) => good(),
        _ => Reply::error(401, "UNAUTHORIZED", "who are you"),
    });
    let host = &server.host;
    helper(
        "alice",
        &format!(
            "[ \"$1\" = get ] || exit 3\nread host\n[ \"$host\" = {host} ] || exit 4\n\
             ls -l /proc/$$/fd > {folder}/descriptors\n\
             echo '{{\"Username\":\"alice\",\"Secret\":\"secret\"}}'",
            folder = folder.path().display()
        ),
    );
    // A descriptor that any program would inherit.
    // SAFETY: duplicates a descriptor of this process, without the flag to close it.
    assert!(unsafe { libc::dup(0) } > 2);
    helper(
        "empty",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    helper("failing", "echo 'my secret is out'; exit 1");
    helper("silent", "sleep 1000");
    helper("loud", "exec cat /dev/zero");
    helper("odd", "echo hello");
    helper("bare", "echo '{}'");
    helper("half", "echo '{\"Username\":\"alice\"}'");
    helper("nobody", "echo '{\"Username\":\"\",\"Secret\":\"\"}'");
    // SAFETY: no other test of this file reads the environment.
    unsafe {
        let old = std::env::var("PATH").unwrap();
        std::env::set_var("PATH", format!("{}:{old}", folder.path().display()));
    }
    let login = r#"{"auth":"YWxpY2U6c2VjcmV0"}"#;
    let with = |json: String, flags: u32| {
        let file = path("config.json");
        std::fs::write(&file, json).unwrap();
        let options = Options {
            auth_file: Some(file.to_str().unwrap().into()),
            stall_timeout_ms: 500,
            flags: Options::alone().flags | flags,
            ..Options::alone()
        };
        pull(&server, &options).map_err(|(status, message)| {
            assert_eq!(status, OCIIMG_STATUS_DENIED, "{message}");
            message
        })
    };
    with(format!(r#"{{"auths":{{"{host}":{login}}}}}"#), 0).unwrap();
    with(
        format!(r#"{{"auths":{{"https://{host}/v1/":{login}}}}}"#),
        0,
    )
    .unwrap();
    with(
        format!(r#"{{"auths":{{"{host}":{{"auth":"eDp5"}},"{host}/a":{login}}}}}"#),
        0,
    )
    .unwrap();
    with(
        format!(r#"{{"credHelpers":{{"{host}":"alice"}},"auths":{{"{host}":{{"auth":"eDp5"}}}}}}"#),
        0,
    )
    .unwrap();
    with(
        format!(r#"{{"credHelpers":{{"{host}":"empty"}},"auths":{{"{host}":{login}}}}}"#),
        0,
    )
    .unwrap();
    with(
        format!(r#"{{"auths":{{"{host}":{{}}}},"credsStore":"alice"}}"#),
        0,
    )
    .unwrap();
    with(r#"{"credsStore":"alice"}"#.into(), NO_CREDENTIAL_HELPERS).unwrap_err();
    // It has no login, so the next place counts.
    with(
        format!(r#"{{"credHelpers":{{"{host}":"nobody"}},"auths":{{"{host}":{login}}}}}"#),
        0,
    )
    .unwrap();
    for name in [
        "failing", "silent", "loud", "odd", "bare", "half", "absent", "a/b", "../x",
    ] {
        let message = with(format!(r#"{{"credsStore":"{name}"}}"#), 0).unwrap_err();
        assert!(
            message.contains(&format!("docker-credential-{name}")),
            "{message}"
        );
    }
    let message = with("{\"auths\": secret".into(), 0).unwrap_err();
    assert!(message.contains("config.json"), "{message}");
    // Not base64, no UTF-8, no colon.
    for auth in ["!", "gIA6gA==", "YWxpY2U="] {
        let message = with(
            format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#),
            0,
        );
        let message = message.unwrap_err();
        assert!(message.contains("config.json: found an auth"), "{message}");
        assert!(!message.contains(auth), "{message}");
    }
}
