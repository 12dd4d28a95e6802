//! The examples in other languages, each with a loader of its own, on the sample image.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DIFF_IDS: &str = "sha256:bf06887797d5746aac833c9902f7764ce37cefc2d5385f232de6bb90a192f999\n\
                        sha256:12b0d69f6ffdecfdf6ba66f80e4fa2c3e199c9d960b9816e416a19a5ef213562\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command, whose output must be the diff IDs of the sample's first image.
fn prints_the_diff_ids(command: &mut Command) {
    let run = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "{command:?}: {}\n{errors}",
        run.status
    );
    assert_eq!(String::from_utf8_lossy(&run.stdout), DIFF_IDS, "{errors}");
}

#[test]
fn luajit() {
    if support::has_with("luajit", &["-v"], "the example in Lua") {
        prints_the_diff_ids(
            Command::new("luajit")
                .arg(root().join("examples/lua/loader.lua"))
                .arg(support::library::shared())
                .arg(root().join("include/ociimg.cdef"))
                .arg(root().join("examples/sample")),
        );
    }
}

#[test]
fn node() {
    if support::has_with("node", &["-e", "require('koffi')"], "the example for Node") {
        prints_the_diff_ids(
            Command::new("node")
                .arg(root().join("examples/node/loader.js"))
                .arg(support::library::shared())
                .arg(root().join("examples/sample")),
        );
    }
}

#[test]
fn java() {
    let jna = PathBuf::from(
        std::env::var_os("JNA_JAR").unwrap_or_else(|| "/usr/share/java/jna.jar".into()),
    );
    if !jna.exists() {
        return support::skip("the example in Java", "no jna.jar; set JNA_JAR");
    }
    if support::has("java", "the example in Java") {
        prints_the_diff_ids(
            Command::new("java")
                .arg("-cp")
                .arg(jna)
                .arg(root().join("examples/java/Loader.java"))
                .arg(support::library::shared())
                .arg(root().join("examples/sample")),
        );
    }
}

/// A Java that has java.lang.foreign: the one in the path, or another that is installed.
fn java_22() -> Option<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let others = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten();
    let others = others.flatten().map(|jvm| jvm.path().join("bin/java"));
    let mut all = home
        .into_iter()
        .chain([PathBuf::from("java")])
        .chain(others);
    all.find(|java| {
        let run = Command::new(java).arg("--version").output();
        let text = run.map(|run| String::from_utf8_lossy(&run.stdout).into_owned());
        let text = text.unwrap_or_default();
        // "openjdk 25.0.1 2025-10-21"
        let version = text.split(['.', ' ', '-', '+']).nth(1);
        version.and_then(|v| v.parse().ok()).unwrap_or(0) >= 22
    })
}

#[test]
fn java_foreign() {
    let Some(java) = java_22() else {
        // Allowed in CI too: few distributions have one.
        let why = "skipped: the example by java.lang.foreign: no Java of version 22 or newer";
        return writeln!(std::io::stderr(), "{why}").unwrap();
    };
    prints_the_diff_ids(
        Command::new(java)
            .arg("--enable-native-access=ALL-UNNAMED")
            .arg(root().join("examples/java/ForeignLoader.java"))
            .arg(support::library::shared())
            .arg(root().join("examples/sample")),
    );
}

#[test]
fn c_over_http() {
    if !support::has("curl-config", "the example over libcurl")
        || !support::has("python3", "the example over libcurl")
    {
        return;
    }
    let source = root().join("examples/c/http_loader.c");
    let program = support::cc::program_with(&[&source], "http-loader", &["-lcurl"]);
    // The server prints its port.
    let mut server = Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(root().join("examples/sample"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 runs");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("it is a pipe"))
        .read_line(&mut line)
        .expect("the server prints its address");
    let url = line
        .split(['(', ')'])
        .find(|part| part.starts_with("http://"))
        .unwrap_or_else(|| panic!("{line}: no address"))
        .trim_end_matches('/')
        .to_owned();
    let run = Command::new(&program)
        .env("no_proxy", "*")
        .arg(&url)
        .output();
    let missing = Command::new(&program)
        .env("no_proxy", "*")
        .arg(format!("{url}/missing"))
        .output();
    server.kill().expect("the server runs");
    server.wait().expect("the server ends");
    let run = run.expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&run.stdout), DIFF_IDS);
    assert!(!missing.expect("the program runs").status.success());
}
