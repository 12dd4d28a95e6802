//! README.md is correct: its programs compile without a warning, its commands run and print
//! the output below them, its tables are those of the header.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The fenced blocks in order: the language that they are marked with, and what is in them.
fn blocks(markdown: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body = lines.by_ref().take_while(|line| *line != "```");
            blocks.push((language, body.flat_map(|line| [line, "\n"]).collect()));
        }
    }
    blocks
}

/// The name that the first line of a snippet gives it: "/* first.c: ... */", "# first.py".
fn name(snippet: &str) -> &str {
    let line = snippet.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = line.find([':', ' ', '\n']).unwrap_or(line.len());
    &line[..end]
}

/// A folder like a clone after `cargo build --release`, with the README's snippets as
/// files; `cargo` does nothing there.
fn clone_of(blocks: &[(&str, String)], folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clone = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&clone);
    fs::create_dir_all(clone.join("target")).unwrap();
    fs::create_dir(clone.join("bin")).unwrap();
    for shared in ["include", "examples", "tools"] {
        symlink(root.join(shared), clone.join(shared)).unwrap();
    }
    let library = support::library::shared();
    symlink(library.parent().unwrap(), clone.join("target/release")).unwrap();
    let cargo = clone.join("bin/cargo");
    fs::write(&cargo, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    for (language, snippet) in blocks {
        if ["c", "python"].contains(language) {
            fs::write(clone.join(name(snippet)), snippet).unwrap();
        }
    }
    clone
}

#[test]
fn the_commands_print_what_the_readme_shows() {
    let readme = text("README.md");
    let blocks = blocks(&readme);
    let clone = clone_of(&blocks, "readme");
    let path = std::env::var("PATH").unwrap();
    let mut ran = 0;
    for (i, (language, commands)) in blocks.iter().enumerate() {
        if *language != "sh"
            || commands.contains("python3") && !support::has("python3", "the README's Python")
        {
            continue;
        }
        let run = Command::new("sh")
            .args(["-e", "-c", commands])
            .current_dir(&clone)
            // Cargo names folders there that may have a library of an earlier build.
            .env_remove("LD_LIBRARY_PATH")
            .env("PATH", format!("{}:{path}", clone.join("bin").display()))
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{commands}{}",
            String::from_utf8_lossy(&run.stderr)
        );
        if let Some(("text", expected)) = blocks.get(i + 1) {
            assert_eq!(
                &String::from_utf8_lossy(&run.stdout),
                expected,
                "{commands}"
            );
            ran += 1;
        }
    }
    assert!(ran > 0, "nothing was compared");
}

#[test]
fn the_first_program_compiles_without_a_warning() {
    let readme = text("README.md");
    let clone = clone_of(&blocks(&readme), "readme-programs");
    support::cc::program(&[&clone.join("first.c")], "readme-first");
}

#[test]
fn the_layers_are_read() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c/layers.c");
    let program = support::cc::program(&[&source], "layers");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sample");
    let run = Command::new(program)
        .arg(sample)
        .arg("linux/arm/v7")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(run.stdout).unwrap(),
        "sha256:bf06887797d5746aac833c9902f7764ce37cefc2d5385f232de6bb90a192f999: 2560 bytes\n\
         sha256:cab3fefb6d05429158c8bbb730969b750e2d481b1a01411a03e1c6d2db5eeb6e: 2560 bytes\n"
    );
}

/// The sample's root and blobs as files that are named by their digests.
#[test]
fn an_own_loader_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = support::cc::program(&[&root.join("examples/c/own_loader.c")], "own-loader");
    let image = tempfile::TempDir::new().unwrap();
    let sample = root.join("examples/sample");
    fs::copy(sample.join("index.json"), image.path().join("root")).unwrap();
    let load = || {
        let run = Command::new(&program).arg(image.path()).output().unwrap();
        String::from_utf8([run.stdout, run.stderr].concat()).unwrap()
    };
    assert!(load().contains("open_manifest"), "{}", load());
    for blob in fs::read_dir(sample.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let digest = format!("sha256:{}", blob.file_name().to_str().unwrap());
        fs::copy(blob.path(), image.path().join(digest)).unwrap();
    }
    assert_eq!(load(), "3 entries; the first has 2 layers\n");
}

#[test]
fn the_image_from_memory_gives_its_layer() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c/memory_loader.c");
    let program = support::cc::program(&[&source], "memory-loader");
    let run = Command::new(program).output().unwrap();
    assert!(run.status.success());
    assert_eq!(run.stdout.len(), 2048);
    assert!(run.stdout[512..].starts_with(b"Hello from memory\n\0"));
}

/// The first two cells of the rows of three whose first cell passes, without backquotes.
fn rows(markdown: &str, first: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    markdown
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|row| row.len() == 3 && first(row[0]))
        .map(|row| (row[0].replace('`', ""), row[1].replace('`', "")))
        .collect()
}

#[test]
fn the_table_of_statuses_has_all_that_the_header_has() {
    let header = text("include/ociimg.h");
    let statuses: Vec<_> = header
        .lines()
        .filter_map(|line| {
            let constant = line.trim().strip_prefix("OCIIMG_STATUS_")?;
            Some(constant.trim_end_matches(','))
        })
        .filter_map(|constant| constant.split_once(" = "))
        .map(|(name, number)| (number.to_owned(), name.to_owned()))
        .collect();
    assert_eq!(statuses.len(), 20);
    let number = |cell: &str| cell.parse::<u32>().is_ok();
    assert_eq!(rows(&text("docs/statuses.md"), number), statuses);
}

/// The fields of the options in the header whose comments end in "Default: ...".
fn defaults(header: &str) -> Vec<(String, String)> {
    let mut defaults = Vec::new();
    let mut comment = String::new();
    for line in header.lines().map(str::trim) {
        if let Some(whole) = line
            .strip_prefix("/** ")
            .and_then(|l| l.strip_suffix(" */"))
        {
            comment = format!("{whole} ");
        } else if let Some(more) = line.strip_prefix("* ") {
            comment += more;
            comment += " ";
        } else if let Some(field) = line.strip_suffix(';') {
            let default = comment.split_once("Default: ");
            if let Some((_, default)) = default {
                let name = field.rsplit([' ', '*']).next().unwrap();
                let default = default.trim_end_matches(['.', ' ']);
                defaults.push((name.to_owned(), default.to_owned()));
            }
            comment.clear();
        } else if line == "/**" {
            comment.clear();
        }
    }
    defaults
}

#[test]
fn the_table_of_limits_is_the_header_s() {
    let is_limit = |name: &str| name.starts_with("max_") && name != "max_streams";
    let mut header: Vec<_> = defaults(&text("include/ociimg.h"))
        .into_iter()
        .filter(|(name, _)| is_limit(name))
        .collect();
    let mut documented = rows(&text("docs/limits.md"), |cell| {
        is_limit(cell.trim_matches('`'))
    });
    header.sort();
    // Sources and loads have a limit of documents each, with the same default.
    header.dedup();
    documented.sort();
    assert_eq!(header.len(), 10);
    assert_eq!(documented, header);
}
