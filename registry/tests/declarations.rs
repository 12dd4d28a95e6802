//! What `src/ociimg_sys.rs` declares is what `include/ociimg.h` has: cbindgen turns it back
//! into C, and the compiler compares both.

use std::path::Path;
use std::process::Command;

#[test]
fn the_declarations_are_those_of_the_header() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(root.join("src/ociimg_sys.rs")).expect("it is there");
    let header = std::fs::read_to_string(root.join("../include/ociimg.h")).expect("it is there");

    // Constants: each is in the header, with this value.
    let mut constants = 0;
    let mut check = String::from("#include \"ociimg.h\"\n#include <stddef.h>\n");
    for line in source.lines() {
        let Some(rest) = line.strip_prefix("pub const ") else {
            continue;
        };
        let (name, rest) = rest.split_once(':').expect("a constant has a type");
        let value = rest
            .split_once('=')
            .expect("and a value")
            .1
            .trim_end_matches(';');
        check.push_str(&format!("_Static_assert({name} == {value}, \"{name}\");\n"));
        constants += 1;
    }
    assert!(constants > 10);

    // Functions: the header's, with these types. A second declaration that differs is an
    // error; pointers to our own structs are those of the header, by name.
    let start = source
        .find("unsafe extern \"C\" {")
        .expect("there are functions");
    let block = &source[start..];
    let mut functions = 0;
    for declaration in block.split("pub fn ").skip(1) {
        let declaration: String = declaration
            .split(';')
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let (name, rest) = declaration.split_once('(').expect("it has parameters");
        let (parameters, result) = rest.rsplit_once(')').expect("they end");
        let types: Vec<String> = parameters
            .split(',')
            .map(str::trim)
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| c_type(parameter.split_once(':').expect("name: type").1))
            .collect();
        let result = result
            .trim()
            .strip_prefix("->")
            .map_or("void".to_owned(), c_type);
        assert!(
            header.contains(&format!("{name}(")),
            "{name} is not in ociimg.h"
        );
        check.push_str(&format!("{result} {name}({});\n", types.join(", ")));
        functions += 1;
    }
    assert!(functions >= 10);

    // Structs: as large, with each field at the same place and of the same size.
    for (name, size, fields) in layouts() {
        check.push_str(&format!(
            "_Static_assert(sizeof({name}) == {size}, \"{name}\");\n"
        ));
        for (field, at) in fields {
            check.push_str(&format!(
                "_Static_assert(offsetof({name}, {field}) == {at}, \"{name}.{field}\");\n"
            ));
        }
    }

    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("check.c");
    std::fs::write(&file, check).expect("a file can be written");
    let run = Command::new("cc")
        .args([
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fsyntax-only",
            "-I",
        ])
        .arg(root.join("../include"))
        .arg(&file)
        .output()
        .expect("cc runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

fn c_type(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(to) = rust.strip_prefix("*const ") {
        return format!("const {}*", c_type(to));
    }
    if let Some(to) = rust.strip_prefix("*mut ") {
        return format!("{}*", c_type(to));
    }
    match rust {
        "i32" => "int32_t",
        "i64" => "int64_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "c_char" => "char",
        "c_void" => "void",
        other => other,
    }
    .to_owned()
}

type Layout = (&'static str, usize, Vec<(&'static str, usize)>);

macro_rules! layout {
    ($name:ident { $($field:ident),* $(,)? }) => {{
        use ociimg_registry::ociimg_sys::$name;
        (
            stringify!($name),
            size_of::<$name>(),
            vec![$((stringify!($field), std::mem::offset_of!($name, $field))),*],
        )
    }};
}

fn layouts() -> Vec<Layout> {
    vec![
        layout!(ociimg_loader_vtable {
            struct_size,
            root_digest,
            open_root_manifest,
            open_manifest,
            open_blob,
            read,
            close,
            destroy,
        }),
        layout!(ociimg_sink_vtable {
            struct_size,
            max_streams,
            reserved,
            has_blob,
            begin_blob,
            write,
            commit_blob,
            abort_blob,
            put_manifest,
            put_root,
            finish,
            destroy,
        }),
    ]
}
