//! Inputs that once broke something, and the seeds of the fuzzers, through what the fuzzers do.

#[path = "../fuzz/targets/auth.rs"]
mod auth;
#[allow(dead_code)]
#[path = "../registry/src/error.rs"]
mod error;
#[path = "../fuzz/targets/headers.rs"]
mod headers;
#[allow(dead_code)]
#[path = "../registry/src/http/mod.rs"]
mod http;
#[allow(dead_code)]
#[path = "../registry/src/reference.rs"]
mod reference;
#[path = "../fuzz/targets/mod.rs"]
mod targets;
#[allow(dead_code)]
#[path = "../registry/src/text.rs"]
mod text;

use std::fs;
use std::path::Path;

const TARGETS: [(&str, fn(&[u8])); 14] = [
    ("abi", targets::abi),
    ("archive", targets::archive),
    ("auth", auth::auth),
    ("config", targets::config),
    ("documents", targets::documents),
    ("edits", targets::edits),
    ("headers", headers::headers),
    ("layout", targets::layout),
    ("platform", targets::platform),
    ("reference", targets::reference),
    ("sinks", targets::sinks),
    ("tar", targets::tar),
    ("tar_writer", targets::tar_writer),
    ("unpack", targets::unpack),
];

#[test]
fn what_was_found_stays_mended() {
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    for (name, target) in TARGETS {
        target(b"");
        let Ok(inputs) = fs::read_dir(regressions.join(name)) else {
            continue;
        };
        for input in inputs {
            let path = input.expect("the folder can be read").path();
            println!("{}", path.display());
            target(&fs::read(path).expect("the file can be read"));
        }
    }
}

/// Miri runs this too, and sees what the library does with the memory of a program.
#[test]
fn walks_over_the_c_functions_touch_their_own_memory_alone() {
    let (walks, steps) = if cfg!(miri) { (12, 60) } else { (400, 400) };
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..walks {
        let mut walk = || {
            // xorshift64
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 32) as u8
        };
        let walk: Vec<_> = (0..steps).map(|_| walk()).collect();
        targets::abi(&walk);
    }
    // An image, its layers, its edits and a copy.
    targets::abi(&[
        0, 1, 0, 4, 0, 0, 7, 0, 8, 1, 0, 9, 0, 200, 11, 0, 12, 0, 0, 0, 19, 0, 20, 1, 0, 0, 21, 0,
    ]);
}
