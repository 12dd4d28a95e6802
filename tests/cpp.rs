//! `include/ociimg.hpp`: programs in C++ that use it, compiled without a warning by each
//! compiler that is there, with and without exceptions.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::library;

const COMPILERS: [&str; 2] = ["g++", "clang++"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command that compiles as strictly as users may.
fn compiler(name: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(name);
    command
        .args([
            "-std=c++17",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wconversion",
            "-Wshadow",
        ])
        .args(["-Werror", "-pthread"])
        .args(flags)
        .arg("-I")
        .arg(root().join("include"));
    command
}

fn succeed(command: &mut Command, what: &str) {
    let run = command.output().unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(
        run.status.success(),
        "{what}: {}\n{}{}",
        run.status,
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

/// Builds a program of tests/cpp with each compiler, and runs it with an argument.
fn passes(source: &str, flags: &[&str], argument: impl Fn() -> PathBuf) {
    for name in COMPILERS {
        if !support::has(name, source) {
            continue;
        }
        let stem = format!("{name}-{source}{}", flags.join(""));
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(stem);
        let mut command = compiler(name, flags);
        command
            .arg(root().join("tests/cpp").join(source))
            .arg("-o")
            .arg(&program);
        succeed(command.args(library::link_args()), source);
        succeed(Command::new(&program).arg(argument()), source);
    }
}

fn sample() -> PathBuf {
    root().join("examples/sample")
}

#[test]
fn reading_with_exceptions() {
    passes("exceptions.cpp", &[], sample);
}

#[test]
fn reading_without_exceptions() {
    for flag in ["-DOCIIMG_NO_EXCEPTIONS", "-fno-exceptions"] {
        passes("no_exceptions.cpp", &[flag], sample);
    }
}

#[test]
fn writing() {
    let folders = COMPILERS.map(|_| tempfile::TempDir::new().expect("a folder can be made"));
    let next = std::cell::Cell::new(0);
    passes("writing.cpp", &[], || {
        folders[next.replace(next.get() + 1)].path().to_owned()
    });
}

#[test]
fn the_header_compiles_alone_in_every_standard() {
    let header = root().join("include/ociimg.hpp");
    for name in COMPILERS {
        for standard in ["-std=c++17", "-std=c++20"] {
            for flags in [&[standard][..], &[standard, "-fno-exceptions"]] {
                if support::has(name, standard) {
                    let mut command = compiler(name, flags);
                    command.args(["-fsyntax-only", "-x", "c++", "-include"]);
                    succeed(command.arg(&header).arg("/dev/null"), standard);
                }
            }
        }
    }
}
