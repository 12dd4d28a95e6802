//! Finds libociimg, which this library links to as any program does, and names the library.
//!
//! libociimg is looked for in `OCIIMG_LIB_DIR` (an installed one), then where cargo builds
//! the workspace's own.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=OCIIMG_LIB_DIR");
    if let Some(folder) = env::var_os("OCIIMG_LIB_DIR") {
        let folder = PathBuf::from(folder);
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
    // target/PROFILE/build/NAME-HASH/out: shared libraries are built into target/PROFILE/deps.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let profile = out.ancestors().nth(3).expect("cargo's folders").to_owned();
    let deps = profile.join("deps");
    println!("cargo::rustc-link-search=native={}", deps.display());
    println!("cargo::rustc-link-lib=dylib=ociimg");

    let os = env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    if !["linux", "android", "freebsd", "netbsd", "openbsd"].contains(&&*os) {
        return;
    }
    // Rust's standard library can't be unloaded cleanly, see the core's build.rs.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // Before 1.0 a minor version may break the ABI: it is part of the name.
    let version = |part| env::var(format!("CARGO_PKG_VERSION_{part}")).expect("cargo sets it");
    let soname = match (version("MAJOR"), version("MINOR")) {
        (major, minor) if major == "0" => format!("libociimg-registry.so.0.{minor}"),
        (major, _) => format!("libociimg-registry.so.{major}"),
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    // A crate can't have the hyphen of the library's name: links beside what cargo builds
    // let programs be linked and run without an installation.
    for folder in [&profile, &deps] {
        for (name, target) in [
            (&*soname, "libociimg_registry.so"),
            ("libociimg-registry.so", "libociimg_registry.so"),
            ("libociimg-registry.a", "libociimg_registry.a"),
        ] {
            if let Err(e) = link(target, &folder.join(name)) {
                println!("cargo::warning={}: {e}", folder.join(name).display());
            }
        }
    }
}

#[cfg(unix)]
fn link(target: &str, path: &Path) -> std::io::Result<()> {
    match std::os::unix::fs::symlink(target, path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn link(_target: &str, _path: &Path) -> std::io::Result<()> {
    Ok(())
}
