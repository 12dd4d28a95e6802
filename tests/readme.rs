//! README.md says what is so: its programs compile without a warning, its commands run and
//! print what stands below them, its tables are those of the header.

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

/// A folder that looks like a clone in which `cargo build --release` has run, and has the
/// README's snippets as files; `cargo` does nothing there.
fn clone_of(blocks: &[(&str, String)], folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clone = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&clone);
    fs::create_dir_all(clone.join("target")).unwrap();
    fs::create_dir(clone.join("bin")).unwrap();
    for shared in ["include", "examples"] {
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
fn the_commands_run_and_print_what_stands_below_them() {
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
fn the_programs_compile_without_a_warning_and_the_loader_loads() {
    let readme = text("README.md");
    let blocks = blocks(&readme);
    let clone = clone_of(&blocks, "readme-programs");
    support::cc::program(&[&clone.join("first.c")], "readme-first");

    // The README's loader has the sample's root and blobs as files; the program around it
    // opens what it gets from the loader instead of a path.
    let main = clone.join("main.c");
    fs::write(
        &main,
        r#"
        #include <ociimg.h>
        #include <stdio.h>
        extern const ociimg_loader_vtable files;
        int main(int argc, char **argv)
        {
            ociimg_loader *loader = NULL;
            ociimg_index *index = NULL;
            ociimg_image *image = NULL;
            ociimg_error *err = NULL;
            if (argc != 2 || ociimg_loader_new(&files, argv[1], &loader, &err) ||
                ociimg_index_load(loader, NULL, NULL, &index, &err) ||
                ociimg_index_image(index, 0, NULL, &image, &err))
                printf("%s\n", ociimg_error_message(err));
            else
                printf("%zu entries\n", ociimg_index_entry_count(index));
            ociimg_error_free(err);
            ociimg_image_free(image);
            ociimg_index_free(index);
            ociimg_loader_free(loader);
        }
        "#,
    )
    .unwrap();
    let program = support::cc::program(&[&clone.join("files.c"), &main], "readme-files");
    let image = clone.join("image");
    fs::create_dir(&image).unwrap();
    fs::copy(clone.join("examples/sample/index.json"), image.join("root")).unwrap();
    let load = || {
        let run = Command::new(&program).arg(&image).output().unwrap();
        String::from_utf8(run.stdout).unwrap()
    };
    assert_eq!(load(), "open_manifest: not found\n");
    for blob in fs::read_dir(clone.join("examples/sample/blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let digest = format!("sha256:{}", blob.file_name().to_str().unwrap());
        fs::copy(blob.path(), image.join(digest)).unwrap();
    }
    assert_eq!(load(), "3 entries\n");
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
            line.trim()
                .strip_prefix("OCIIMG_STATUS_")?
                .strip_suffix(',')
        })
        .filter_map(|constant| constant.split_once(" = "))
        .map(|(name, number)| (number.to_owned(), name.to_owned()))
        .collect();
    assert_eq!(statuses.len(), 15);
    let number = |cell: &str| cell.parse::<u32>().is_ok();
    assert_eq!(rows(&text("README.md"), number), statuses);
}

/// The fields of the options in the header whose comments end in "Default: ...".
fn defaults(header: &str) -> Vec<(String, String)> {
    let mut defaults = Vec::new();
    let mut comment = String::new();
    for line in header.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("* ") {
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
fn the_table_of_defaults_is_the_header_s() {
    let mut header = defaults(&text("include/ociimg.h"));
    assert_eq!(header.len(), 11);
    let known: Vec<_> = header.iter().map(|(name, _)| format!("`{name}`")).collect();
    let mut readme = rows(&text("README.md"), |cell| {
        known.iter().any(|name| name == cell)
    });
    header.sort();
    readme.sort();
    assert_eq!(readme, header);
}
