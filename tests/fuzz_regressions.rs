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
