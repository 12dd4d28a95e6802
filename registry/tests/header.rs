//! The committed header is what cbindgen makes of `src/ffi`, and compiles as C99 and C++17
//! without a warning.

use std::path::{Path, PathBuf};
use std::process::Command;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/ociimg_registry.h")
}

#[test]
fn the_header_is_generated_from_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_root_or_default(root);
    // By file, in the order of the header. The functions of libociimg are left out.
    let files = ["options", "registry", "loader", "sink", "tags"];
    let builder = files
        .iter()
        .fold(cbindgen::Builder::new(), |builder, file| {
            builder.with_src(root.join(format!("src/ffi/{file}.rs")))
        });
    let bindings = builder
        .with_config(config)
        .generate()
        .expect("cbindgen reads src/ffi");
    let mut generated = Vec::new();
    bindings.write(&mut generated);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(committed(), &generated).expect("the header can be written");
    }
    let found = std::fs::read(committed()).unwrap_or_default();
    assert!(
        found == generated,
        "include/ociimg_registry.h is not what registry/src/ffi says; mend it with\n    \
         UPDATE=1 cargo test -p ociimg-registry --test header"
    );
}

#[test]
fn the_header_compiles_alone_without_a_warning() {
    let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    for (compiler, standard, language) in [
        ("cc", "-std=c99", "c"),
        ("cc", "-std=c11", "c"),
        ("c++", "-std=c++17", "c++"),
    ] {
        let run = Command::new(compiler)
            .arg(standard)
            .args(flags)
            .args(["-x", language, "-include"])
            .arg(committed())
            .arg("/dev/null")
            .output()
            .unwrap_or_else(|e| panic!("{compiler} runs: {e}"));
        let printed = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{compiler} {standard}:\n{printed}");
    }
}
