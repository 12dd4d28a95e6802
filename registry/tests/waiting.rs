//! What happens while a call waits: it is cancelled, and it leaves nothing behind.

mod support;

use ociimg_registry::ociimg_sys::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use support::api::{Context, Failure, Options, PLAIN_HTTP, Registry};
use support::image::{Image, digest, noise};
use support::mean::{Body, Reply, Request, Server, Store, ranged};
use support::registry::{DockerRegistry, Mode};

/// Descriptors are the process's: one test at a time looks at them.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs this, cancels it from another thread while it waits, and sees that it ends.
#[track_caller]
fn is_cancelled(run: impl FnOnce(&Context) -> Result<(), Failure>) {
    is_cancelled_after(Duration::from_millis(300), run);
}

#[track_caller]
fn is_cancelled_after(delay: Duration, run: impl FnOnce(&Context) -> Result<(), Failure>) {
    let ctx = Context::new();
    let (outcome, took) = thread::scope(|scope| {
        let canceller = scope.spawn(|| {
            thread::sleep(delay);
            ctx.cancel();
            Instant::now()
        });
        let outcome = run(&ctx);
        let ended = Instant::now();
        (
            outcome,
            ended.saturating_duration_since(canceller.join().unwrap()),
        )
    });
    let failure = outcome.expect_err("it can't have succeeded");
    assert_eq!(
        failure.status, OCIIMG_STATUS_CANCELLED,
        "{}",
        failure.message
    );
    // A tenth of a second is the rule; the machine may be busy.
    assert!(took < Duration::from_millis(700), "{took:?}");
}

fn image() -> Image {
    Image::new(vec![noise(1, 300_000)])
}

#[test]
fn a_call_is_cancelled_while_it_connects() {
    // It takes the connection, and says nothing to the beginning of TLS.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let registry = Registry::new(&Options::alone()).unwrap();
    is_cancelled(|ctx| registry.loader(&format!("{host}/a"), Some(ctx)).map(drop));
    is_cancelled(|ctx| registry.tags(&format!("{host}/a"), 1, Some(ctx)).map(drop));
}

#[test]
fn a_call_is_cancelled_while_it_waits_for_an_answer() {
    let server = Server::start(|_, _| Reply::silent());
    let options = Options {
        flags: PLAIN_HTTP,
        ..Options::alone()
    };
    let registry = Registry::new(&options).unwrap();
    is_cancelled(|ctx| {
        registry
            .loader(&format!("{}/a", server.host), Some(ctx))
            .map(drop)
    });
}

#[test]
fn a_call_is_cancelled_while_it_waits_for_the_next_try() {
    let server = Server::start(|_, _| Reply::new(503).header("Retry-After", "50"));
    let registry = Registry::new(&Options::alone()).unwrap();
    is_cancelled(|ctx| {
        registry
            .loader(&format!("{}/a", server.host), Some(ctx))
            .map(drop)
    });
}

#[test]
fn a_read_is_cancelled() {
    let store = Store::with(&image());
    let server = Server::start(move |request, body| {
        match request.path().ends_with(&digest(&image().layers[0])) {
            true => ranged(request, &image().layers[0]).stall(50_000),
            false => store.answer(request, body),
        }
    });
    let registry = Registry::new(&Options::alone()).unwrap();
    is_cancelled(|ctx| {
        registry
            .pull_with(&format!("{}/a", server.host), Some(ctx))
            .map(drop)
    });
}

#[test]
fn an_upload_is_cancelled() {
    let store = Store::default();
    let server = Server::start(move |request: &Request, body: &mut Body<'_>| {
        match request.method == "PUT" && request.target.contains("/blobs/") {
            // Nothing of it is read.
            true => Reply::silent(),
            false => store.answer(request, body),
        }
    });
    // More than what the system keeps for a connection.
    let image = Image::new(vec![noise(1, 32 << 20)]);
    let registry = Registry::new(&Options::alone()).unwrap();
    // The image is hashed first.
    is_cancelled_after(Duration::from_secs(3), |ctx| {
        registry.push(&image, &format!("{}/a", server.host), &["x"], Some(ctx))
    });
}

#[test]
fn a_credential_helper_is_cancelled() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("docker-credential-sleeping");
    std::fs::write(&helper, "#!/bin/sh\nsleep 1000\n").unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"credsStore":"sleeping"}"#).unwrap();
    // SAFETY: no other test of this file changes the environment.
    unsafe {
        let old = std::env::var("PATH").unwrap();
        std::env::set_var("PATH", format!("{}:{old}", folder.path().display()));
    }
    let server = Server::start(|_, _| Reply::new(401).header("WWW-Authenticate", "Basic"));
    let options = Options {
        auth_file: Some(config.to_str().unwrap().into()),
        ..Options::alone()
    };
    let registry = Registry::new(&options).unwrap();
    is_cancelled(|ctx| {
        registry
            .loader(&format!("{}/a", server.host), Some(ctx))
            .map(drop)
    });
    // It and what it started are gone.
    let left = std::process::Command::new("pgrep")
        .args(["-f", "sleep 1000"])
        .output();
    if let Ok(left) = left {
        assert!(
            left.stdout.is_empty(),
            "{}",
            String::from_utf8_lossy(&left.stdout)
        );
    }
}

fn descriptors() -> BTreeSet<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("it can be read");
    let numbers: Vec<i32> = entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    // The folder itself is open while it is read.
    // SAFETY: asks for flags.
    numbers
        .into_iter()
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0)
        .collect()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("it can be read")
        .count()
}

#[test]
fn nothing_is_left_behind() {
    let _alone = alone();
    if !cfg!(target_os = "linux") {
        return support::skip("descriptors", "no /proc");
    }
    // In a process of its own, where no other test opens anything.
    if std::env::var_os("OCIIMG_TEST_CHILD").is_none() {
        let test = std::env::current_exe().unwrap();
        let run = std::process::Command::new(test)
            .args(["--exact", "nothing_is_left_behind", "--nocapture"])
            .env("OCIIMG_TEST_CHILD", "1")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&run.stderr);
        assert!(
            run.status.success(),
            "{printed}{}",
            String::from_utf8_lossy(&run.stdout)
        );
        return;
    }
    // What this process itself inherited.
    let inherited_before = descriptors();
    let Some(server) = DockerRegistry::start(Mode::TlsHtpasswd) else {
        return;
    };
    let image = image();
    server.push(&image, "a", "x");
    let round = || {
        let registry = Registry::new(&server.options()).unwrap();
        let before = threads();
        registry.pull(&format!("{}/a:x", server.host)).unwrap();
        registry
            .loader(&format!("{}/absent:x", server.host), None)
            .map(drop)
            .unwrap_err();
        assert_eq!(threads(), before, "a thread was started");
        // SAFETY: asks for flags.
        let inherited =
            |fd: &&i32| unsafe { libc::fcntl(**fd, libc::F_GETFD) } & libc::FD_CLOEXEC == 0;
        let open = descriptors();
        open.iter()
            .filter(|fd| !inherited_before.contains(fd))
            .filter(inherited)
            .copied()
            .collect::<Vec<_>>()
    };
    let first = round();
    let before = descriptors();
    for _ in 0..5 {
        let inherited = round();
        assert_eq!(inherited, first, "descriptors that a program would inherit");
    }
    assert_eq!(descriptors(), before);
    assert!(
        first.is_empty(),
        "descriptors that a program would inherit: {first:?}"
    );
}

#[test]
fn a_server_that_hangs_up_raises_no_signal() {
    // Programs that did not ask for it are ended by SIGPIPE; Rust's test runner ignores it.
    // SAFETY: sets the default, which ends this process where it is raised.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let store = Store::default();
    let server = Server::start(move |request: &Request, body: &mut Body<'_>| {
        match request.method == "PUT" && request.target.contains("/blobs/") {
            true => Reply::raw(""),
            false => store.answer(request, body),
        }
    });
    let image = Image::new(vec![noise(1, 8 << 20)]);
    let registry = Registry::new(&Options {
        max_retries: 1,
        ..Options::alone()
    })
    .unwrap();
    let failure = registry
        .push(&image, &format!("{}/a", server.host), &["x"], None)
        .unwrap_err();
    assert_eq!(
        failure.status, OCIIMG_STATUS_UNAVAILABLE,
        "{}",
        failure.message
    );
}

#[test]
fn many_threads_share_a_handle() {
    for mode in [Mode::Plain, Mode::TlsHtpasswd, Mode::Token] {
        let Some(server) = DockerRegistry::start(mode) else {
            continue;
        };
        let image = Image::new((0..4).map(|i| noise(i, 200_000)).collect());
        server.push(&image, "a/b", "x");
        let registry = Registry::new(&server.options()).unwrap();
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let pulled = registry.pull(&format!("{}/a/b:x", server.host)).unwrap();
                    assert!(pulled.layers == image.layers, "{mode:?}");
                });
            }
        });
    }
}

#[test]
fn one_login_serves_all_threads() {
    let image = image();
    let store = Store::with(&image);
    let server = Server::start(move |request: &Request, body: &mut Body<'_>| {
        if request.path() == "/token" {
            thread::sleep(Duration::from_millis(100));
            return Reply::new(200).body(r#"{"token":"good","expires_in":300}"#);
        }
        match request.header("authorization") {
            Some("Bearer good") => store.answer(request, body),
            _ => {
                let realm = format!(
                    "Bearer realm=\"http://{}/token\"",
                    request.header("host").unwrap()
                );
                Reply::new(401).header("WWW-Authenticate", realm)
            }
        }
    });
    let registry = Registry::new(&Options::alone()).unwrap();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                registry
                    .pull(&format!("{}/a", server.host))
                    .map(drop)
                    .unwrap()
            });
        }
    });
    assert_eq!(server.count("GET", "/token"), 1);
}

#[test]
fn a_server_that_is_ended_under_tls_raises_no_signal() {
    // SAFETY: sets the default, which ends this process where it is raised.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let Some(mut server) = DockerRegistry::start(Mode::Tls) else {
        return;
    };
    let image = Image::new((0..8).map(|seed| noise(seed, 8 << 20)).collect());
    let options = Options {
        max_retries: 1,
        ..server.options()
    };
    let registry = Registry::new(&options).unwrap();
    let repository = format!("{}/a", server.host);
    thread::scope(|scope| {
        let push = scope.spawn(|| registry.push(&image, &repository, &["x"], None));
        let since = Instant::now();
        // In the midst of an upload.
        while server.open_uploads("a") == 0 && since.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        server.stop();
        let failure = push.join().unwrap().unwrap_err();
        assert_eq!(
            failure.status, OCIIMG_STATUS_UNAVAILABLE,
            "{}",
            failure.message
        );
    });
}
