//! Programs in C and C++ against the library as it is shipped: compiled with
//! include/ociimg.h, linked to the shared library, and run as they are, under valgrind,
//! and with the compiler's sanitizers.

mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use ociimg::digest::{Algorithm, Digest};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

/// How a program is built and run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Means {
    Plain,
    /// Every read and write that goes wrong, and every leak, in program and library alike.
    Valgrind,
    /// Undefined behaviour in the program, and leaks of both.
    Sanitizers,
}

const ALL: [Means; 3] = [Means::Plain, Means::Valgrind, Means::Sanitizers];

/// Valgrind's exit code when it finds something; the programs here never use it.
const FOUND: i32 = 97;

impl Means {
    /// Whether this can be done here; checked once, and reported if not.
    fn available(self) -> bool {
        static VALGRIND: LazyLock<bool> =
            LazyLock::new(|| support::has("valgrind", "C programs under valgrind"));
        static SANITIZERS: LazyLock<bool> = LazyLock::new(|| {
            // An accepted option need not work: the runtime may be missing, or the memory
            // layout unsuitable.
            let why = match build("guilty.c", Means::Sanitizers) {
                Ok(program) => match Means::Sanitizers.run(&program, &["nothing"]) {
                    run if run.status.success() => return true,
                    run => output_of(&run),
                },
                Err(compiler) => output_of(&compiler),
            };
            support::skip("C programs with the sanitizers", &why);
            false
        });
        match self {
            Self::Plain => true,
            Self::Valgrind => *VALGRIND,
            Self::Sanitizers => *SANITIZERS,
        }
    }

    fn run(self, program: &Path, args: &[&str]) -> Output {
        let mut command = match self {
            Self::Plain | Self::Sanitizers => Command::new(program),
            Self::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind
                    .args(["--quiet", "--leak-check=full"])
                    // A handle points after its reference count, so valgrind reports a
                    // leaked one as "possibly lost".
                    .args(["--errors-for-leak-kinds=definite,possible"])
                    .args(["--show-leak-kinds=definite,possible"])
                    .arg(format!("--error-exitcode={FOUND}"))
                    .arg(program);
                valgrind
            }
        };
        command
            .args(args)
            .output()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"))
    }
}

/// Builds a program of tests/c; fails with the output of the compiler.
fn build(source: &str, means: Means) -> Result<PathBuf, Output> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (compiler, standard) = match source.ends_with(".cc") {
        true => ("c++", "-std=c++17"),
        false => ("cc", "-std=c11"),
    };
    // A test of its own may build what another one runs.
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "{source}-{means:?}-{:?}",
        std::thread::current().id()
    ));
    let mut command = Command::new(compiler);
    command
        .args([standard, "-g", "-O1", "-pthread"])
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        // A program that uses dlopen is not linked to the library.
        .arg("-Wl,--as-needed")
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join("tests/c").join(source))
        .arg("-o")
        .arg(&program)
        .args(support::library::link_args());
    if means == Means::Sanitizers {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    let run = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    match run.status.success() {
        true => Ok(program),
        false => Err(run),
    }
}

fn output_of(run: &Output) -> String {
    format!(
        "{}\n{}{}",
        run.status,
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    )
}

fn built(source: &str, means: Means) -> PathBuf {
    build(source, means).unwrap_or_else(|e| panic!("{source}, {means:?}: {}", output_of(&e)))
}

/// Runs the program in every way; each run must succeed.
fn passes(source: &str) {
    for means in ALL {
        if means.available() {
            let run = means.run(&built(source, means), &[]);
            assert!(
                run.status.success(),
                "{source}, {means:?}: {}",
                output_of(&run)
            );
        }
    }
}

#[test]
fn a_hostile_loader_at_every_callback() {
    passes("hostile.c");
}

#[test]
fn what_a_loader_knows_of_its_root() {
    passes("root.c");
}

#[test]
fn bad_callers() {
    passes("callers.c");
}

#[test]
fn bad_callers_of_what_reads() {
    passes("callers_read.c");
}

#[test]
fn bad_callers_of_what_edits() {
    passes("callers_edit.c");
}

#[test]
fn bad_callers_of_what_writes() {
    passes("callers_write.c");
}

#[test]
fn layer_writers() {
    passes("layer_writer.c");
}

#[test]
fn handles_in_use_on_another_thread() {
    passes("busy.c");
}

#[test]
fn processes_and_signals_beside_workers() {
    passes("workers.c");
}

#[test]
fn a_tar_reader_that_stops_before_the_end() {
    passes("tar_reader.c");
}

#[test]
fn readers() {
    passes("readers.c");
}

#[test]
fn edits_of_images() {
    passes("edit.c");
}

#[test]
fn indexes_that_are_made() {
    passes("index_builder.c");
}

#[test]
fn copies_to_a_hostile_sink() {
    passes("copy.c");
}

#[test]
fn sinks() {
    passes("sinks.c");
}

/// Not under helgrind, drd or the thread sanitizer: Rust's locks are atomics and futexes of
/// its own, in a library that is not instrumented, and what they guard looks unguarded.
#[test]
fn several_threads() {
    passes("threads.c");
}

/// Not that it is unloaded: see build.rs.
#[cfg(target_os = "linux")]
#[test]
fn the_library_can_be_loaded_any_number_of_times() {
    // Long enough for a worker, since starting a thread leaks a key.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&[0; 1 << 20]).expect("memory takes it");
    let blob = gzip.finish().expect("memory takes it");
    let digest = Digest::of(Algorithm::Sha256, &blob);

    let layout = tempfile::TempDir::new().expect("a folder can be made");
    let blobs = layout.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a folder can be made");
    let files: [(PathBuf, &[u8]); 3] = [
        (
            layout.path().join("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        ),
        (
            layout.path().join("index.json"),
            br#"{"schemaVersion":2,"manifests":[]}"#,
        ),
        (blobs.join(digest.parts().1), &blob),
    ];
    for (path, content) in files {
        std::fs::write(path, content).expect("a file can be made");
    }
    let run = Command::new(built("reload.c", Means::Plain))
        .arg(support::library::shared())
        .arg(layout.path())
        .args([digest.to_string(), blob.len().to_string()])
        .output()
        .expect("it is built");
    assert!(run.status.success(), "{}", output_of(&run));
}

/// A library of the same name in LD_LIBRARY_PATH is not used: cargo keeps one of an earlier
/// build there.
#[test]
fn the_programs_run_the_library_that_was_built() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("another");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("libociimg.so"), "no library").expect("a file can be made");
    let run = Command::new(built("guilty.c", Means::Plain))
        .arg("nothing")
        .env("LD_LIBRARY_PATH", folder)
        .output()
        .expect("it is built");
    assert!(run.status.success(), "{}", output_of(&run));
}

/// The detectors must detect: otherwise no test here would find anything.
#[test]
fn the_means_find_what_is_wrong() {
    for (means, guilt, finding) in [
        (Means::Valgrind, "leak", "lost"),
        (Means::Valgrind, "use after free", "Invalid read"),
        (Means::Sanitizers, "leak", "LeakSanitizer"),
        (Means::Sanitizers, "use after free", "heap-use-after-free"),
        (Means::Sanitizers, "overflow", "signed integer overflow"),
    ] {
        if !means.available() {
            continue;
        }
        let program = built("guilty.c", means);
        let run = means.run(&program, &["nothing"]);
        assert!(run.status.success(), "{means:?}: {}", output_of(&run));
        let run = means.run(&program, &[guilt]);
        let found = String::from_utf8_lossy(&run.stderr);
        assert!(
            !run.status.success() && found.contains(finding),
            "{means:?} does not find: {guilt}\n{}",
            output_of(&run)
        );
        if means == Means::Valgrind {
            assert_eq!(run.status.code(), Some(FOUND), "{}", output_of(&run));
        }
    }
}

/// An exception that leaves a callback aborts the program there.
#[cfg(unix)]
#[test]
fn a_cxx_exception_ends_the_program() {
    exceptions_end(
        "exception.cc",
        &[
            "root_digest",
            "open_root_manifest",
            "open_manifest",
            "open_blob",
            "read",
            "close",
            "destroy",
            "destroy of a context",
        ],
    );
}

#[cfg(unix)]
#[test]
fn a_cxx_exception_out_of_a_sink_ends_the_program() {
    exceptions_end(
        "sink_exception.cc",
        &[
            "has_blob",
            "begin_blob",
            "write",
            "commit_blob",
            "abort_blob",
            "put_manifest",
            "put_root",
            "finish",
            "destroy",
            "progress",
        ],
    );
}

#[cfg(unix)]
fn exceptions_end(source: &str, callbacks: &[&str]) {
    use std::os::unix::process::ExitStatusExt;
    if !support::has("c++", "a C++ exception out of a callback") {
        return;
    }
    let program = built(source, Means::Plain);
    for callback in callbacks {
        let run = Means::Plain.run(&program, &[callback]);
        assert_eq!(
            run.status.signal(),
            Some(6),
            "{callback}: {}",
            output_of(&run)
        );
        let printed = String::from_utf8_lossy(&run.stdout);
        assert_eq!(
            printed,
            format!("{callback} throws\n"),
            "{}",
            output_of(&run)
        );
    }
    // Without an exception it runs to its end.
    let run = Means::Plain.run(&program, &["nothing"]);
    assert!(run.status.success(), "{}", output_of(&run));
}
