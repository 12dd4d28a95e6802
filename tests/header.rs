//! The committed header is what cbindgen makes of `src/ffi`, and compiles as C99 and C++17
//! without a warning.

#[path = "header/layout.rs"]
mod layout;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/ociimg.h")
}

/// The functions that a header declares: "ociimg_...(" outside comments.
fn functions(header: &[u8]) -> BTreeSet<String> {
    let header = std::str::from_utf8(header).expect("the header is text");
    let code = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']));
    let names = code.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next());
    let ours = names.filter(|name| name.starts_with("ociimg_"));
    ours.map(str::to_owned).collect()
}

/// The header as it must be; with UPDATE=1 it is written first.
fn generated() -> &'static [u8] {
    static GENERATED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let generated = generate();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(committed(), &generated).expect("the header can be written");
            let names = functions(&generated);
            let list: String = names.iter().map(|name| format!("{name}\n")).collect();
            let symbols = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/symbols.txt");
            std::fs::write(symbols, list).expect("the list of symbols can be written");
        }
        generated
    });
    &GENERATED
}

fn generate() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is right");
    // No function takes or returns them: C sees the constants alone.
    config.export.include = layout::enums(&root.join("src/ffi"));
    let bindings = cbindgen::generate_with_config(root, config).expect("cbindgen reads src/ffi");
    let mut bare = Vec::new();
    bindings.write(&mut bare);
    let bare = String::from_utf8(bare).expect("cbindgen writes text");
    let preamble = std::fs::read_to_string(root.join("include/preamble.txt")).expect("a preamble");
    let version = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    layout::layout(&bare, &preamble, &root.join("src/ffi"), version).into_bytes()
}

#[test]
fn the_header_is_generated_from_the_sources() {
    let generated = generated();
    let found = std::fs::read(committed()).unwrap_or_default();
    assert!(
        found == generated,
        "include/ociimg.h is not what src/ffi says; mend it with\n    UPDATE=1 cargo test --test header"
    );
}

#[test]
fn the_header_compiles_alone_without_a_warning() {
    generated();
    let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    for (compiler, standard, language) in [
        ("cc", "-std=c99", "c"),
        ("cc", "-std=c11", "c"),
        ("c++", "-std=c++17", "c++"),
        ("c++", "-std=c++20", "c++"),
    ] {
        let run = Command::new(compiler)
            .arg(standard)
            .args(flags)
            .args(["-x", language, "-include"])
            .arg(committed())
            .arg("/dev/null")
            .output()
            .unwrap_or_else(|e| panic!("{compiler} runs: {e}"));
        assert!(
            run.status.success(),
            "{compiler} {standard}:\n{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}
