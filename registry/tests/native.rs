//! The library as C programs get it: its symbols, and programs compiled against its header.

mod support;

use std::path::Path;
use std::process::Command;
use support::image::{Image, noise};
use support::native::{folder, library, passes, program};
use support::registry::{DockerRegistry, Mode};

fn output(program: &str, args: &[&str]) -> Option<String> {
    if !support::has(program, "what the library exports and needs") {
        return None;
    }
    let run = Command::new(program)
        .args(args)
        .arg(library("ociimg_registry"))
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{run:?}");
    Some(String::from_utf8(run.stdout).expect("it is text"))
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let Some(symbols) = output(
        "nm",
        &["--dynamic", "--defined-only", "--format=just-symbols"],
    ) else {
        return;
    };
    let mut exported: Vec<&str> = symbols.lines().collect();
    exported.sort_unstable();
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/ociimg_registry.h");
    let header = std::fs::read_to_string(header).expect("it is there");
    let code = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']));
    let mut declared: Vec<&str> = code
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("ociimg_"))
        .collect();
    declared.sort_unstable();
    assert_eq!(exported, declared);
    assert_eq!(declared.len(), 6);
}

#[test]
fn the_library_has_no_second_core() {
    let Some(needed) = output("readelf", &["--dynamic", "--wide"]) else {
        return;
    };
    let needs = |name: &str| {
        needed
            .lines()
            .any(|line| line.contains("(NEEDED)") && line.contains(name))
    };
    assert!(needs("[libociimg.so"), "{needed}");
    assert!(needs("[libcurl.so"), "{needed}");
    if cfg!(target_os = "linux") {
        assert!(
            needed.contains("soname: [libociimg-registry.so."),
            "{needed}"
        );
    }
    let Some(symbols) = output(
        "nm",
        &["--dynamic", "--undefined-only", "--format=just-symbols"],
    ) else {
        return;
    };
    for name in ["ociimg_loader_new", "ociimg_sink_new", "ociimg_error_new"] {
        assert!(
            symbols.lines().any(|symbol| symbol == name),
            "{name} comes from elsewhere"
        );
    }
}

#[test]
fn bad_callers() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/callers.c");
    passes(&program(&source, "registry-callers"), &[]);
}

#[test]
fn a_program_copies_from_repository_to_repository() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/roundtrip.c");
    let program = program(&source, "registry-roundtrip");
    let Some(server) = DockerRegistry::start(Mode::Plain) else {
        return;
    };
    let image = Image::new(vec![noise(1, 400_000), noise(2, 400_000)]);
    server.push(&image, "a", "x");
    let (from, to) = (format!("{}/a:x", server.host), format!("{}/b", server.host));
    passes(&program, &[&from, &to]);
    assert!(folder().is_dir());
}
