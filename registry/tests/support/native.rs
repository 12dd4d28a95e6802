//! The shared libraries as C programs get them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder where cargo builds both of them.
pub fn folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its executable");
    test.parent().expect("it is in a folder").to_owned()
}

pub fn library(name: &str) -> PathBuf {
    let file = format!(
        "{}{name}{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let path = folder().join(file);
    assert!(
        path.is_file(),
        "{}: cargo builds it as long as crate-type names cdylib",
        path.display()
    );
    path
}

/// Compiles a C program against both headers, without a warning.
pub fn program(source: &Path, name: &str) -> PathBuf {
    program_with(source, name, &[])
}

pub fn program_with(source: &Path, name: &str, options: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let run = Command::new("cc")
        .args([
            "-std=c11",
            "-g",
            "-O1",
            "-pthread",
            "-D_POSIX_C_SOURCE=200809L",
        ])
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(options)
        .arg("-I")
        .arg(root.join("../include"))
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg(format!("-L{}", folder().display()))
        .args(["-lociimg-registry", "-lociimg"])
        .arg(format!("-Wl,-rpath,{}", folder().display()))
        .output()
        .expect("cc runs");
    assert!(
        run.status.success(),
        "{name}:\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    program
}

/// What valgrind ends with when it finds something; no program of ours ends so.
const FOUND: i32 = 97;

/// Runs a program as it is, and under valgrind where there is one.
#[track_caller]
pub fn passes(program: &Path, args: &[&str]) {
    let plain = Command::new(program)
        .args(args)
        .output()
        .expect("it is built");
    assert!(plain.status.success(), "{}", output_of(&plain));
    if !super::has("valgrind", "a C program under valgrind") {
        return;
    }
    let run = Command::new("valgrind")
        .args([
            "--quiet",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ])
        .args(["--show-leak-kinds=definite", "--track-fds=no"])
        .arg(format!("--error-exitcode={FOUND}"))
        .arg(program)
        .args(args)
        .output()
        .expect("valgrind runs");
    assert!(run.status.success(), "valgrind: {}", output_of(&run));
}

pub fn output_of(run: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    format!("{}\n{out}{err}", run.status)
}
