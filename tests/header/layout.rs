//! Lays `include/ociimg.h` out for its readers: cbindgen lists all types first and then all
//! functions; here each section has its own types and functions, in the order in which a
//! program meets them, as a group for Doxygen.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A group of the header.
struct Section {
    id: &'static str,
    title: &'static str,
    brief: &'static str,
    /// The files of `src/ffi` that belong to it.
    files: &'static [&'static str],
}

const fn section(
    id: &'static str,
    title: &'static str,
    brief: &'static str,
    files: &'static [&'static str],
) -> Section {
    Section {
        id,
        title,
        brief,
        files,
    }
}

const SECTIONS: &[Section] = &[
    section(
        "version",
        "Version and basic types",
        "Which version is in use, and truth values.",
        &["version", "boolean"],
    ),
    section(
        "error",
        "Statuses and errors",
        "How calls end, and why they failed.",
        &["error"],
    ),
    section(
        "context",
        "Contexts",
        "Cancellation, and a pointer carried to the callbacks.",
        &["context"],
    ),
    section(
        "callback",
        "Calls of callbacks",
        "What a callback may do with the call that it serves.",
        &["call"],
    ),
    section(
        "loader",
        "Loaders",
        "Where images come from: callbacks of the program, or a built-in source.",
        &["media_type", "loader_vtable", "loader", "source"],
    ),
    section(
        "reference",
        "References",
        "Names of images by their parts, by Docker's rules.",
        &["reference"],
    ),
    section(
        "platform",
        "Platforms",
        "Operating systems and processors, by the rules of containerd/platforms v1.0.0-rc.4.",
        &["platform"],
    ),
    section(
        "matcher",
        "Matchers",
        "Which platforms match, and which of two is better.",
        &["matcher"],
    ),
    section(
        "descriptor",
        "Descriptors",
        "Media type, digest and size of a piece of content.",
        &["descriptor"],
    ),
    section(
        "index",
        "Indexes",
        "All that is below a root: loading, listing, selecting.",
        &["index", "entry"],
    ),
    section(
        "image",
        "Images",
        "A manifest, its config and its layers.",
        &["image"],
    ),
    section(
        "manifest",
        "Manifests",
        "Manifests of every kind as they are: of images, artifacts and attestations.",
        &["manifest"],
    ),
    section(
        "config",
        "Image configurations",
        "The configuration of an image, read-only.",
        &["config"],
    ),
    section("layer", "Layers", "The layers of an image.", &["layer"]),
    section(
        "reader",
        "Readers",
        "Content as a stream of bytes, verified while it passes.",
        &["reader"],
    ),
    section(
        "edit",
        "Changing images",
        "Edits, which keep every byte that they do not change.",
        &["image_edit", "config_edit"],
    ),
    section(
        "layer_writer",
        "Making layers",
        "Layers from a tar stream, from a file, or from a loader.",
        &["compression", "layer_writer"],
    ),
    section(
        "index_builder",
        "Making indexes",
        "Indexes from images and from other indexes.",
        &["index_builder"],
    ),
    section(
        "sink",
        "Sinks",
        "Where images go: callbacks of the program, a layout or an archive.",
        &["sink_vtable", "sink", "sink_files"],
    ),
    section(
        "copy",
        "Copying",
        "Images from a loader into a sink; bytes and digests never change.",
        &["copy"],
    ),
];

/// Functions that stand with the handle they make rather than with the one they ask.
const PLACED: &[(&str, &str)] = &[
    ("ociimg_index_image", "image"),
    ("ociimg_index_image_for", "image"),
    ("ociimg_index_manifest", "manifest"),
    ("ociimg_image_manifest", "manifest"),
    ("ociimg_image_config", "config"),
    ("ociimg_image_layer", "layer"),
    ("ociimg_layer_open", "reader"),
    ("ociimg_index_open_blob", "reader"),
];

const WIDTH: usize = 92;

/// One declaration of cbindgen's output, in the order of its kind within a section.
struct Item {
    kind: Kind,
    name: String,
    doc: Vec<String>,
    code: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Scalar,
    Enum,
    Handle,
    Struct,
    Function,
}

/// The header, from cbindgen's bare output and the texts that go before it.
pub fn layout(bare: &str, preamble: &str, ffi: &Path, version: [&str; 3]) -> String {
    let files = files_of_names(ffi);
    // cbindgen also sees type aliases of the core, which C has no use for.
    let ours = |item: &Item| item.name.starts_with("ociimg_");
    let items: Vec<Item> = bare.split("\n\n").filter_map(item).filter(ours).collect();
    let mut sections: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
    for item in items {
        let file = files.get(&item.name);
        let file = file.unwrap_or_else(|| panic!("no file of src/ffi defines {}", item.name));
        let placed = PLACED.iter().find(|(name, _)| *name == item.name);
        let place = SECTIONS.iter().position(|section| match placed {
            Some((_, id)) => section.id == *id,
            None => section.files.contains(&&**file),
        });
        let place = place.unwrap_or_else(|| {
            panic!("give src/ffi/{file}.rs a section in tests/header/layout.rs")
        });
        sections.entry(place).or_default().push(item);
    }
    let mut out = preamble
        .replace("@VERSION@", &version.join("."))
        .replace("@VERSION_NUMBER@", &version_number(version).to_string());
    for (place, mut items) in sections {
        let section = &SECTIONS[place];
        let Section {
            id, title, brief, ..
        } = section;
        let file = |item: &Item| section.files.iter().position(|f| *f == files[&item.name]);
        items.sort_by_key(|item| (item.kind, file(item)));
        let dashes = "-".repeat(WIDTH - 10 - title.len());
        writeln!(out, "\n/* ---- {title} {dashes} */").unwrap();
        writeln!(
            out,
            "\n/**\n * @defgroup {id} {title}\n * {brief}\n * @{{\n */"
        )
        .unwrap();
        for item in items {
            write!(out, "\n{}{}", comment(&item.doc, ""), item.code).unwrap();
        }
        out.push_str("\n/** @} */\n");
    }
    out.push_str("\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* OCIIMG_H */\n");
    out
}

/// major * 1000000 + minor * 1000 + patch.
fn version_number(version: [&str; 3]) -> u32 {
    let number = |part: &str| part.parse::<u32>().expect("cargo's versions are numbers");
    version
        .into_iter()
        .fold(0, |sum, part| sum * 1000 + number(part))
}

/// The file of `src/ffi` that defines each public name.
fn files_of_names(ffi: &Path) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(ffi).expect("src/ffi can be read") {
        let path = entry.expect("src/ffi can be read").path();
        let Ok(source) = fs::read_to_string(&path) else {
            continue;
        };
        let stem = path
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy();
        for line in source.lines().filter(|line| line.starts_with("pub ")) {
            let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let mut words = words.skip_while(|w| !["fn", "struct", "enum", "type"].contains(w));
            if let Some(name) = words.nth(1) {
                names.insert(name.to_owned(), stem.clone().into_owned());
            }
        }
    }
    names
}

/// The enums of `src/ffi`.
pub fn enums(ffi: &Path) -> Vec<String> {
    let names = files_of_names(ffi).into_keys();
    names.filter(|name| name.ends_with("_values")).collect()
}

fn item(text: &str) -> Option<Item> {
    let text = text.trim();
    let (doc, code) = match text.split_once("*/\n") {
        Some((doc, code)) if text.starts_with("/**") => (doc_lines(doc), code),
        _ => (Vec::new(), text),
    };
    let name_after = |prefix: &str| -> Option<String> {
        let rest = code.strip_prefix(prefix)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        Some(rest[..end.unwrap_or(rest.len())].to_owned())
    };
    if let Some(name) = name_after("enum ") {
        let code = enumeration(&name, code);
        return Some(Item {
            kind: Kind::Enum,
            name,
            doc,
            code,
        });
    }
    if let Some(name) = name_after("typedef struct ") {
        return Some(if code.contains('{') {
            Item {
                kind: Kind::Struct,
                code: structure(code),
                name,
                doc,
            }
        } else {
            let code = format!("{code}\n");
            Item {
                kind: Kind::Handle,
                code,
                name,
                doc,
            }
        });
    }
    if let Some(name) = name_after("typedef int32_t ") {
        let code = format!("{code}\n");
        return Some(Item {
            kind: Kind::Scalar,
            name,
            doc,
            code,
        });
    }
    let before = code.split_once('(')?.0;
    let name = before.rsplit([' ', '*']).next()?.to_owned();
    let mut code = declaration(code, "");
    if code.starts_with("ociimg_status ") {
        code.insert_str(0, "OCIIMG_MUST_USE\n");
    }
    Some(Item {
        kind: Kind::Function,
        name,
        doc,
        code,
    })
}

/// The lines of a comment of cbindgen's without their frame.
fn doc_lines(comment: &str) -> Vec<String> {
    let lines = comment
        .lines()
        .map(str::trim)
        .filter(|line| *line != "/**" && !line.is_empty());
    let lines = lines.map(|line| line.strip_prefix('*').unwrap_or(line));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
        .collect()
}

fn comment(lines: &[String], indent: &str) -> String {
    match lines {
        [] => String::new(),
        [line] if indent.len() + line.len() + 7 <= WIDTH => format!("{indent}/** {line} */\n"),
        lines => {
            let mut out = format!("{indent}/**\n");
            for line in lines {
                out.push_str(format!("{indent} * {line}").trim_end());
                out.push('\n');
            }
            out + indent + " */\n"
        }
    }
}

/// Without cbindgen's conditions on the standard in use: the constants are `int`s in C.
fn enumeration(name: &str, code: &str) -> String {
    let start = code.find('{').expect("an enum has a body") + 1;
    let end = code.find("\n};").expect("an enum has a body");
    let mut out = format!("enum {name} OCIIMG_INT32_ENUM {{\n");
    members(&code[start..end], &mut out, |member| {
        format!("  {member}\n")
    });
    let out = out.trim_end().trim_end_matches(',');
    format!("{out}\n}};\n")
}

fn structure(code: &str) -> String {
    let start = code.find('{').expect("a struct has a body") + 1;
    let end = code.rfind('}').expect("a struct has a body");
    let mut out = format!("{}\n", &code[..start]);
    members(&code[start..end], &mut out, |member| {
        declaration(member, "  ")
    });
    format!("{out}{}\n", &code[end..])
}

/// Writes each member of a struct or enum, with its comment before it.
fn members(body: &str, out: &mut String, write: impl Fn(&str) -> String) {
    let (mut doc, mut code) = (None, String::new());
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line == "/**" {
            doc = Some(Vec::new());
        } else if line == "*/" {
            out.push_str(&comment(&doc.take().unwrap_or_default(), "  "));
        } else if let Some(doc) = &mut doc {
            doc.extend(doc_lines(line).into_iter().next().or(Some(String::new())));
        } else {
            code.push_str(line);
            code.push(' ');
            if line.ends_with([';', ',']) && code.matches('(').count() == code.matches(')').count()
            {
                out.push_str(&write(code.trim_end()));
                code.clear();
            }
        }
    }
}

/// A function or a member, filled to the width, parameters aligned. `struct` is left out:
/// each has a typedef.
fn declaration(code: &str, indent: &str) -> String {
    let words: Vec<&str> = code.split_whitespace().collect();
    let line = words
        .join(" ")
        .replace("struct ociimg_", "ociimg_")
        .replace("( ", "(");
    if indent.len() + line.len() <= WIDTH || !line.contains('(') {
        return format!("{indent}{line}\n");
    }
    // The last list at depth 0 is that of the parameters.
    let open = if line.contains("(*") && !indent.is_empty() {
        line.find(")(").map_or(0, |at| at + 1)
    } else {
        line.find('(').unwrap_or_default()
    };
    let (head, list) = line.split_at(open + 1);
    let mut out = format!("{indent}{head}");
    let column = out.len();
    let mut at = column;
    for (i, parameter) in parameters(list).into_iter().enumerate() {
        if i > 0 {
            if at + 1 + parameter.len() > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(column));
                at = column;
            } else {
                out.push(' ');
                at += 1;
            }
        }
        out.push_str(parameter);
        at += parameter.len();
    }
    out + "\n"
}

/// The parameters, each with the comma or bracket behind it.
fn parameters(list: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0);
    for (i, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(list[start..=i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    found.push(list[start..].trim());
    found
}
