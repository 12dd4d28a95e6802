//! The exports of the shared library: the functions of the header, by the list in
//! tests/symbols.txt, and nothing else.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The symbols that the library exports; `None` without nm.
fn exported() -> Option<BTreeSet<String>> {
    if !support::has("nm", "the symbols of the library") {
        return None;
    }
    let run = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=just-symbols"])
        .arg(support::library::shared())
        .output()
        .expect("nm runs");
    assert!(run.status.success(), "{run:?}");
    let names = String::from_utf8(run.stdout).expect("symbols are text");
    Some(names.lines().map(str::to_owned).collect())
}

#[cfg(unix)]
#[test]
fn the_library_exports_what_is_listed() {
    let Some(exported) = exported() else {
        return;
    };
    let foreign: Vec<_> = exported
        .iter()
        .filter(|name| !name.starts_with("ociimg_"))
        .collect();
    assert!(
        foreign.is_empty(),
        "exported without the prefix ociimg_: {foreign:?}"
    );
    let list: String = exported.iter().map(|name| format!("{name}\n")).collect();
    if std::env::var_os("UPDATE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/symbols.txt");
        fs::write(path, &list).expect("the list can be written");
    }
    let listed = read("tests/symbols.txt");
    let names: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    assert!(
        list == listed,
        "listed in tests/symbols.txt, but not exported: {:?}\n\
         exported, but not listed: {:?}\n\
         if that is meant, mend the list (sorted, one name a line) with\n    \
         UPDATE=1 cargo test --test symbols",
        names.difference(&exported).collect::<Vec<_>>(),
        exported.difference(&names).collect::<Vec<_>>()
    );
}

/// The declarations of the header: "ociimg_...(" outside comments.
fn declared() -> BTreeSet<String> {
    let header = read("include/ociimg.h");
    let code = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']));
    let mut names = BTreeSet::new();
    for line in code {
        let Some((before, _)) = line.split_once('(') else {
            continue;
        };
        let name = before.rsplit([' ', '*']).next().unwrap_or_default();
        if name.starts_with("ociimg_") {
            names.insert(name.to_owned());
        }
    }
    names
}

#[cfg(unix)]
#[test]
fn the_library_exports_what_the_header_declares() {
    if let Some(exported) = exported() {
        let declared = declared();
        let missing: Vec<_> = declared.symmetric_difference(&exported).collect();
        assert!(missing.is_empty(), "in one of the two only: {missing:?}");
    }
}

/// A function that is new is called badly, too.
#[test]
fn every_function_has_bad_callers() {
    let callers: String = ["callers", "callers_read", "callers_edit", "callers_write"]
        .iter()
        .map(|name| read(&format!("tests/c/{name}.c")))
        .collect();
    let never: Vec<_> = declared()
        .into_iter()
        .filter(|name| !callers.contains(&format!("{name}(")))
        .collect();
    assert!(
        never.is_empty(),
        "tests/c/callers*.c never call {never:?}; call it there with NULL for every pointer"
    );
}
