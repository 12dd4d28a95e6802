//! The rules of ARCHITECTURE.md and CONTRIBUTING.md for src: imports run down the floors and
//! never to a parent, files stay short, and unsafe code stays in src/ffi.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 400;

/// A module's path below the crate: `["tar", "header"]`.
type Module = Vec<String>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

struct File {
    path: PathBuf,
    module: Module,
    /// Without the unit tests at its end, and without comments.
    code: String,
    /// Without the unit tests at its end.
    lines: usize,
}

/// The files of src that are not for tests alone.
fn files() -> Vec<File> {
    let src = root().join("src");
    let mut paths = Vec::new();
    rust_files(&src, &mut paths);
    paths.sort();
    let mut files = Vec::new();
    let mut tests = BTreeSet::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let relative = path.strip_prefix(&src).expect("it is below src");
        let mut module: Module = relative
            .with_extension("")
            .iter()
            .map(|part| part.to_str().expect("names are UTF-8").to_owned())
            .collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        for declared in text.split("#[cfg(test)]\n").skip(1) {
            let line = declared.lines().next().unwrap_or_default();
            if let Some((_, name)) = line.split_once("mod ")
                && let Some(name) = name.strip_suffix(';')
            {
                tests.insert([module.clone(), vec![name.to_owned()]].concat());
            }
        }
        let kept = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        files.push(File {
            lines: kept.lines().count(),
            code: kept
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n"),
            path: relative.to_owned(),
            module,
        });
    }
    files.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
    assert!(files.len() > 50, "src has files: {}", files.len());
    files
}

/// The paths that begin with `crate::` or `super::`, with braces written out.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)) {
                tail(&code[at..], String::new(), &mut found);
            }
        }
    }
    found
}

/// Adds the paths that `code` begins with, each behind `prefix`; returns what follows them.
fn tail<'a>(code: &'a str, mut prefix: String, found: &mut Vec<String>) -> &'a str {
    let mut rest = code.trim_start();
    loop {
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*'))
            .unwrap_or(rest.len());
        prefix.push_str(&rest[..end]);
        rest = &rest[end..];
        let Some(next) = rest.strip_prefix("::") else {
            break;
        };
        let Some(mut inside) = next.strip_prefix('{') else {
            prefix.push_str("::");
            rest = next;
            continue;
        };
        prefix.push_str("::");
        loop {
            inside = tail(inside, prefix.clone(), found).trim_start();
            // `as name` in a list.
            inside = inside.trim_start_matches(|c: char| !",}".contains(c));
            match inside.strip_prefix(',') {
                Some(next) if next.trim_start().starts_with('}') => inside = next.trim_start(),
                Some(next) => {
                    inside = next;
                    continue;
                }
                None => {}
            }
            return inside.strip_prefix('}').unwrap_or(inside);
        }
    }
    found.push(prefix);
    rest
}

/// The module that a path leads to from inside `from`.
fn target(path: &str, from: &Module, modules: &BTreeSet<Module>) -> Module {
    let mut parts = path.split("::").peekable();
    let mut at = match parts.next() {
        Some("crate") => Module::new(),
        _ => from[..from.len().saturating_sub(1)].to_vec(),
    };
    while parts.next_if_eq(&"super").is_some() {
        at.pop();
    }
    for part in parts {
        let below = [at.clone(), vec![part.to_owned()]].concat();
        if !modules.contains(&below) {
            break;
        }
        at = below;
    }
    at
}

/// Each import: the file, the path as it is written, and the module that it leads to.
fn imports(files: &[File]) -> Vec<(&File, String, Module)> {
    let modules: BTreeSet<_> = files.iter().map(|file| file.module.clone()).collect();
    let mut imports = Vec::new();
    for file in files {
        for path in paths(&file.code) {
            let module = target(&path, &file.module, &modules);
            imports.push((file, path, module));
        }
    }
    assert!(imports.len() > 200, "imports were found: {}", imports.len());
    imports
}

#[test]
fn braces_of_imports_are_written_out() {
    let found = paths("use crate::a::{self, b::{C, D as E}, f};\nlet x = super::g::h(1);");
    let mut expected = [
        "crate::a::self",
        "crate::a::b::C",
        "crate::a::b::D",
        "crate::a::f",
    ]
    .to_vec();
    expected.push("super::g::h");
    assert_eq!(found, expected);
}

/// The list of floors in ARCHITECTURE.md, the ground last: each module's height.
fn floors() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it can be read");
    let picture = text
        .split("## Floors")
        .nth(1)
        .and_then(|text| text.split("```").nth(1))
        .expect("ARCHITECTURE.md has a picture of the floors");
    let mut floors = BTreeMap::new();
    for (height, line) in picture
        .lines()
        .skip(1)
        .collect::<Vec<_>>()
        .iter()
        .rev()
        .enumerate()
    {
        let (_, modules) = line.split_once('|').expect("each floor is NAME | MODULES");
        for module in modules.split_whitespace() {
            let before = floors.insert(module.to_owned(), height);
            assert!(before.is_none(), "{module} is on two floors");
        }
    }
    floors
}

#[test]
fn imports_run_down_the_floors() {
    let (files, floors) = (files(), floors());
    let modules: BTreeSet<_> = files
        .iter()
        .filter_map(|file| file.module.first())
        .cloned()
        .collect();
    assert_eq!(
        modules,
        floors.keys().cloned().collect(),
        "ARCHITECTURE.md lists the modules"
    );
    let mut up = Vec::new();
    for (file, path, module) in imports(&files) {
        let (Some(from), Some(to)) = (file.module.first(), module.first()) else {
            continue;
        };
        if floors[to] > floors[from] {
            up.push(format!("{}: {path}", file.path.display()));
        }
    }
    assert!(up.is_empty(), "imports up a floor: {up:#?}");
}

#[test]
fn no_file_imports_from_its_parents() {
    let files = files();
    let mut to_parents = BTreeSet::new();
    for (file, path, module) in imports(&files) {
        if module.len() < file.module.len() && file.module.starts_with(&module) {
            to_parents.insert(format!("{}: {path}", file.path.display()));
        }
    }
    assert!(
        to_parents.is_empty(),
        "give what is shared a file of its own: {to_parents:#?}"
    );
}

#[test]
fn no_two_modules_import_each_other() {
    let files = files();
    let mut edges = BTreeSet::new();
    for (file, _, module) in imports(&files) {
        if let (Some(from), Some(to)) = (file.module.first(), module.first())
            && from != to
        {
            edges.insert((from.clone(), to.clone()));
        }
    }
    let both: Vec<_> = edges
        .iter()
        .filter(|(a, b)| a < b && edges.contains(&(b.clone(), a.clone())))
        .collect();
    assert!(both.is_empty(), "in both directions: {both:?}");
}

#[test]
fn files_are_short() {
    let long: Vec<_> = files()
        .iter()
        .filter(|file| file.lines > MAX_LINES)
        .map(|file| format!("{}: {} lines", file.path.display(), file.lines))
        .collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines: {long:#?}");
}

#[test]
fn unsafe_code_is_in_ffi_alone() {
    let outside: Vec<_> = files()
        .iter()
        .filter(|file| file.module.first().is_none_or(|top| top != "ffi"))
        .filter(|file| {
            file.code
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|word| word == "unsafe")
                || file.code.contains("allow(unsafe_code)")
        })
        .map(|file| file.path.display().to_string())
        .collect();
    assert!(outside.is_empty(), "unsafe code: {outside:?}");
}

#[test]
fn no_module_is_a_drawer() {
    for file in files() {
        for name in ["util", "utils", "helper", "helpers", "misc", "common"] {
            assert!(
                !file.module.iter().any(|part| part == name),
                "{}: name it for the one idea that it holds",
                file.path.display()
            );
        }
    }
}
