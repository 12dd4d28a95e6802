//! `include/ociimg.cdef` contains the declarations of the header without a preprocessor, for
//! LuaJIT's `ffi.cdef`, Python's cffi, and others that parse C themselves.

use std::fs;
use std::path::Path;

/// Removes comments.
fn without_comments(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    loop {
        let block = rest.find("/*");
        let line = rest.find("//");
        match (block, line) {
            (Some(at), other) if other.is_none_or(|line| at < line) => {
                code += &rest[..at];
                let end = rest[at..].find("*/").expect("a comment ends");
                rest = &rest[at + end + 2..];
            }
            (_, Some(at)) => {
                code += &rest[..at];
                let end = rest[at..].find('\n').unwrap_or(rest.len() - at);
                rest = &rest[at + end..];
            }
            _ => return code + rest,
        }
    }
}

/// Whether a condition of the header holds for C99.
fn holds(condition: &str) -> bool {
    match condition.strip_prefix("#ifndef ") {
        Some(_) => true,
        None => !["__cplusplus", "202311L", "201703L"]
            .iter()
            .any(|newer| condition.contains(newer)),
    }
}

/// The declarations that C99 sees.
fn declarations(header: &str) -> String {
    let mut kept = String::from(
        "/* The declarations of ociimg.h without a preprocessor. Generated from it; do not edit. */\n",
    );
    let mut conditions: Vec<bool> = Vec::new();
    let mut continued = false;
    for line in without_comments(header).lines() {
        let text = line.trim();
        let directive = continued || text.starts_with('#');
        continued = directive && text.ends_with('\\');
        if text.starts_with("#if") {
            conditions.push(holds(text));
        } else if text.starts_with("#else") {
            let last = conditions.last_mut().expect("#else follows #if");
            *last = !*last;
        } else if text.starts_with("#endif") {
            conditions.pop().expect("#endif follows #if");
        } else if !directive && !text.is_empty() && conditions.iter().all(|holds| *holds) {
            let code = line
                .replace("OCIIMG_MUST_USE", "")
                .replace("OCIIMG_INT32_ENUM", "");
            if !code.trim().is_empty() {
                kept += code.trim_end();
                kept.push('\n');
            }
        }
    }
    assert!(conditions.is_empty(), "every #if has its #endif");
    kept
}

#[test]
fn the_declarations_are_those_of_the_header() {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let header = fs::read_to_string(include.join("ociimg.h")).expect("the header is there");
    let expected = declarations(&header);
    let path = include.join("ociimg.cdef");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).expect("the declarations can be written");
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == expected,
        "include/ociimg.cdef is not what include/ociimg.h says; mend it with\n    \
         UPDATE=1 cargo test --test cdef"
    );
}

#[test]
fn conditions_are_those_of_c99() {
    let header = "#ifndef A\n#define A\n/* c */ int a; // d\n#ifdef __cplusplus\nb\n#else\nc\n#endif\n\
                  #define X \\\n  1\nOCIIMG_MUST_USE\nint e;\n#endif\n";
    let found = declarations(header);
    let code: Vec<_> = found.lines().skip(1).map(str::trim).collect();
    assert_eq!(code, ["int a;", "c", "int e;"]);
}
