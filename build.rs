//! Sets the SONAME of the shared library, and keeps it loaded once it is.

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
    link_beside_library(&soname);
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
