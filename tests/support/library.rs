//! The shared library, as programs in other languages link it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names another shared library to test, one that was built with optimisation.
const OTHER: &str = "OCIIMG_TESTS_LIBRARY";

/// The shared library that cargo built together with this test, or the one that
/// `OCIIMG_TESTS_LIBRARY` names.
///
/// It is in the folder of the test's own executable. A library of an earlier build may be
/// there, so one that is older than the sources is refused.
pub fn shared() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its executable");
    let name = format!(
        "{}ociimg{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let library = match std::env::var_os(OTHER) {
        Some(other) => Path::new(env!("CARGO_MANIFEST_DIR")).join(other),
        None => test.with_file_name(name),
    };
    let built = modified(&library).unwrap_or_else(|e| {
        panic!(
            "{}: {e}; expected the shared library there, which `cargo test` builds as long as \
             crate-type in Cargo.toml names cdylib",
            library.display()
        )
    });
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (changed, source) = newest(&sources).expect("there are sources, and they can be read");
    assert!(
        built >= changed,
        "{} is older than {}; make it anew with\n    cargo build --tests",
        library.display(),
        source.display()
    );
    library
}

/// The arguments that link a program to that library, and to no other.
///
/// Cargo lets tests look for libraries in target/debug, by LD_LIBRARY_PATH: a `cargo build`
/// leaves one there that `cargo test` does not renew. Only the older kind of rpath counts
/// before that.
pub fn link_args() -> [String; 4] {
    let library = shared();
    let folder = library.parent().expect("a file is in a folder").display();
    [
        format!("-L{folder}"),
        "-lociimg".into(),
        format!("-Wl,-rpath,{folder}"),
        "-Wl,--disable-new-dtags".into(),
    ]
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// The file below a folder that was changed last, and when.
fn newest(folder: &Path) -> std::io::Result<(SystemTime, PathBuf)> {
    let mut newest = (SystemTime::UNIX_EPOCH, folder.to_owned());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            self::newest(&path)?
        } else {
            (modified(&path)?, path)
        };
        newest = newest.max(found);
    }
    Ok(newest)
}
