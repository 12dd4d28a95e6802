//! Sets the SONAME of the shared library, keeps it loaded once it is, and leaves unused parts of
//! libzstd out.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    if !["linux", "android", "freebsd", "netbsd", "openbsd"].contains(&&*os) {
        return;
    }
    // Unloading Rust's standard library after it started a thread leaks a pthread key, of
    // which a process has about 1000. So the library marks itself as never unloaded.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");

    // Before 1.0 a minor version may break the ABI: it is part of the name.
    let version = |part| env::var(format!("CARGO_PKG_VERSION_{part}")).expect("cargo sets it");
    let soname = match (version("MAJOR"), version("MINOR")) {
        (major, minor) if major == "0" => format!("libociimg.so.0.{minor}"),
        (major, _) => format!("libociimg.so.{major}"),
    };
    // Not rustc-cdylib-link-arg: that goes on to the shared libraries of crates that depend
    // on this one (https://github.com/rust-lang/cargo/issues/9562), and would name them too.
    println!("cargo::rustc-link-arg=-Wl,-soname,{soname}");
    leave_out_dictionaries();
    link_beside_library(&soname);
}

/// Leaves libzstd's compressors with a dictionary out of what is linked: 130 KiB. libzstd finds
/// these functions in one table and calls them only for a dictionary, which this crate never
/// sets; they are NULL in that table. Crates that depend on this one get all of libzstd.
fn leave_out_dictionaries() {
    const STRATEGIES: [&str; 8] = [
        "fast",
        "doubleFast",
        "greedy",
        "lazy",
        "lazy2",
        "btlazy2",
        "btopt",
        "btultra",
    ];
    const WITH_ROWS: [&str; 3] = ["greedy", "lazy", "lazy2"];

    let of_all = STRATEGIES.map(|strategy| format!("{strategy}_dictMatchState"));
    let of_some = WITH_ROWS.into_iter().flat_map(|strategy| {
        [
            "dictMatchState_row",
            "dedicatedDictSearch",
            "dedicatedDictSearch_row",
        ]
        .map(|kind| format!("{strategy}_{kind}"))
    });
    for name in of_all.into_iter().chain(of_some) {
        println!("cargo::rustc-link-arg=-Wl,--defsym=ZSTD_compressBlock_{name}=0");
    }
}

/// Links the SONAME to the library in cargo's output folders, so that programs run from
/// there without an installation.
fn link_beside_library(soname: &str) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    // OUT_DIR is target/PROFILE/build/ociimg-HASH/out.
    let Some(profile) = out.ancestors().nth(3) else {
        return;
    };
    for folder in [profile.to_owned(), profile.join("deps")] {
        if let Err(e) = link(&folder.join(soname)) {
            println!("cargo::warning={}: {e}", folder.join(soname).display());
        }
    }
}

#[cfg(unix)]
fn link(path: &Path) -> std::io::Result<()> {
    match std::os::unix::fs::symlink("libociimg.so", path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn link(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
