//! Finds libociimg, which this library links to as any program does.
//!
//! Looked for in `OCIIMG_LIB_DIR` (an installed library), then where cargo builds the
//! workspace's own.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=OCIIMG_LIB_DIR");
    if let Some(folder) = env::var_os("OCIIMG_LIB_DIR") {
        println!(
            "cargo::rustc-link-search=native={}",
            PathBuf::from(folder).display()
        );
    }
    // target/PROFILE/build/NAME-HASH/out: the shared library is built into target/PROFILE/deps.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    if let Some(profile) = out.ancestors().nth(3) {
        println!(
            "cargo::rustc-link-search=native={}",
            profile.join("deps").display()
        );
    }
    println!("cargo::rustc-link-lib=dylib=ociimg");
    let os = env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    // Rust's standard library can't be unloaded cleanly, see the core's build.rs.
    if ["linux", "android", "freebsd", "netbsd", "openbsd"].contains(&&*os) {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
