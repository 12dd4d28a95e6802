//! Programs of earlier releases run with this library.
//!
//! `tests/abi/VERSION` contains the header of a release, a program that is compiled with it, and
//! the layout of its structs on 64-bit machines.

mod support;

use ociimg::ffi;
use std::collections::BTreeSet;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;

fn abi(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/abi/0.2")
        .join(file)
}

/// "struct field offset" and "struct - size", of the release.
fn layout() -> Vec<(String, String, usize)> {
    let text = fs::read_to_string(abi("layout.txt")).expect("the layout is there");
    text.lines()
        .map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut word = || words.next().expect("three words");
            (word(), word(), word().parse().expect("a number"))
        })
        .collect()
}

#[test]
fn a_program_of_the_release_runs() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi-0.2");
    let run = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror"])
        // The header beside the program comes first.
        .arg(abi("program.c"))
        .arg("-o")
        .arg(&program)
        .args(support::library::link_args())
        .output()
        .expect("cc runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let target = tempfile::TempDir::new().expect("a folder can be made");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sample");
    let run = Command::new(program)
        .arg(sample)
        .arg(target.path())
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(String::from_utf8_lossy(&run.stdout), "ok\n", "{errors}");
}

#[test]
fn structs_in_c_have_the_layout_of_the_release() {
    let mut source = String::from("#include <ociimg.h>\n#include <stddef.h>\n");
    for (name, field, number) in layout() {
        source += &match &*field {
            "-" => format!("_Static_assert(sizeof({name}) >= {number}, \"size of {name}\");\n"),
            _ => format!(
                "_Static_assert(offsetof({name}, {field}) == {number}, \"{name}.{field}\");\n"
            ),
        };
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.c");
    fs::write(&file, source).expect("a file can be made");
    let run = Command::new("cc")
        .args(["-std=c11", "-fsyntax-only", "-I"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg(file)
        .output()
        .expect("cc runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[test]
fn structs_in_rust_have_the_layout_of_the_release() {
    let mut found = BTreeSet::new();
    macro_rules! structs {
        ($($name:ident { $($field:ident),* })*) => {$(
            $(found.insert((stringify!($name).to_owned(), stringify!($field).to_owned(), offset_of!(ffi::$name, $field)));)*
            found.insert((stringify!($name).to_owned(), "-".to_owned(), size_of::<ffi::$name>()));
        )*};
    }
    structs! {
        ociimg_loader_vtable { struct_size, root_digest, open_root_manifest, open_manifest, open_blob, read, close, destroy }
        ociimg_source_options { struct_size, ref_name, max_unpacked_size, max_document_size, flags, reserved }
        ociimg_load_options { struct_size, max_document_size, max_total_size, max_index_depth, max_entries, root_digest }
        ociimg_reader_options { struct_size, max_uncompressed_size, max_window_size, workers, reserved }
        ociimg_append_options { struct_size, created, created_by, author, comment, media_type, history, reserved }
        ociimg_layer_options { struct_size, compression, level, digest_algorithm, temp_dir, max_memory, max_size, workers, flags }
        ociimg_sink_vtable { struct_size, max_streams, reserved, has_blob, begin_blob, write, commit_blob, abort_blob, put_manifest, put_root, finish, destroy }
        ociimg_sink_options { struct_size, flags, compression, level, reserved }
        ociimg_copy_progress { struct_size, descriptor, blob_bytes, bytes_done, bytes_skipped, bytes_total, blobs_done, blobs_skipped, blobs_total, event }
        ociimg_copy_options { struct_size, names, name_count, flags, max_restarts, progress, user_data }
    }
    let released: BTreeSet<_> = layout().into_iter().collect();
    if cfg!(target_pointer_width = "64") {
        let gone: Vec<_> = released.difference(&found).collect();
        assert!(gone.is_empty(), "changed since the release: {gone:?}");
    }
}

/// Every later library exports the symbols of the release.
#[test]
fn functions_of_the_release_are_there() {
    let released = fs::read_to_string(abi("symbols.txt")).expect("the list is there");
    let current =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/symbols.txt"))
            .expect("the list is there");
    let current: BTreeSet<_> = current.lines().collect();
    let gone: Vec<_> = released
        .lines()
        .filter(|name| !current.contains(name))
        .collect();
    assert!(gone.is_empty(), "gone since the release: {gone:?}");
}
