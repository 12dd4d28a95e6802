//! `examples/c/libarchive.c` on a layer, and on altered ones.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::image::{Blob, CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE};

fn program() -> Option<PathBuf> {
    // Compiling a program shows whether there is a library to link to.
    let has = Command::new("cc")
        .args(["-x", "c", "-", "-o", "/dev/null", "-larchive"])
        .args(["-include", "archive.h"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .and_then(|mut cc| {
            use std::io::Write;
            let mut source = cc.stdin.take().expect("it was piped");
            source.write_all(b"int main(void) { return archive_version_number() == 0; }")?;
            drop(source);
            cc.wait()
        });
    if !has.is_ok_and(|status| status.success()) {
        support::skip("examples/c/libarchive.c", "libarchive cannot be linked to");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c/libarchive.c");
    Some(support::cc::program_with(
        &[&source],
        "list",
        &["-larchive"],
    ))
}

/// A layout of one image for this machine, with this layer; and the layer's file.
fn layout(folder: &Path, layer: &[u8]) -> PathBuf {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let layer = Blob::new("application/vnd.oci.image.layer.v1.tar", layer);
    let config = Blob::new(
        CONFIG_TYPE,
        format!(
            r#"{{"os":"linux","architecture":"{architecture}","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            layer.digest()
        ),
    );
    let manifest = Blob::new(
        MANIFEST_TYPE,
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{},"layers":[{}]}}"#,
            config.json(),
            layer.json()
        ),
    );
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    for blob in [&layer, &config, &manifest] {
        fs::write(folder.join(blob.path()), &blob.bytes).unwrap();
    }
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX_TYPE}","manifests":[{}]}}"#,
        manifest.json()
    );
    fs::write(folder.join("index.json"), index).unwrap();
    folder.join(layer.path())
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["etc/passwd", "etc/group"] {
        let mut header = tar::Header::new_ustar();
        header.set_size(1000);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, &[b'x'; 1000][..])
            .unwrap();
    }
    let mut archive = builder.into_inner().unwrap();
    // As GNU tar pads its archives.
    archive.resize(archive.len().next_multiple_of(10 << 10), 0);
    archive
}

#[test]
fn an_altered_layer_is_refused_though_libarchive_has_read_it() {
    let Some(program) = program() else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    let archive = archive();
    let layer = layout(folder.path(), &archive);
    let list = || -> (Output, String) {
        let run = Command::new(&program).arg(folder.path()).output().unwrap();
        let names = String::from_utf8_lossy(&run.stdout).into_owned();
        (run, names)
    };
    let (run, names) = list();
    assert!(run.status.success(), "{run:?}");
    assert!(names.contains("1000 etc/passwd") && names.contains("1000 etc/group"));

    // In a file; behind the blocks of zeros.
    for at in [600, archive.len() - 1] {
        let mut altered = archive.clone();
        altered[at] ^= 1;
        fs::write(&layer, altered).unwrap();
        let (run, names) = list();
        let message = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{at}");
        assert!(names.contains("etc/passwd"), "{at}");
        assert!(message.contains("content has digest"), "{at}: {message}");
    }
}
