//! What the linker is told of the shared library.

fn main() {
    // Rust's standard library can't be unloaded without a trace: where it has started a
    // thread, one of the keys for data of threads stays taken, of which a process has about
    // a thousand. What a program loads and unloads again and again stays loaded therefore.
    let os = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets it");
    if ["linux", "android", "freebsd", "netbsd", "openbsd"].contains(&&*os) {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
