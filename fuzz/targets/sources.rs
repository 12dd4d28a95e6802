//! Archives, layouts, and sinks.

use super::loader::{Pieces, read_all};
use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::loader::Loader;
use ociimg::sink::copy::{Copy, CopyOptions, Source};
use ociimg::sink::{ArchiveSink, LayoutSink, SharedSink, SinkOptions};
use ociimg::source::{self, Options};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

fn options() -> Options {
    Options {
        max_unpacked_size: Some(4 << 20),
        max_document_size: 1 << 16,
        ..Options::default()
    }
}

fn open(path: &Path) {
    let ctx = Context::default();
    if let Ok(loader) = source::open(path, &options(), &ctx) {
        load(loader);
    }
}

fn load(loader: Arc<dyn Loader>) {
    if let Ok(index) = Index::load(loader, &LoadOptions::default(), &Context::default()) {
        read_all(&index);
    }
}

fn open_file(content: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(content).expect("a file can be written");
    open(file.path());
}

/// A file as it is.
pub fn tar(data: &[u8]) {
    open_file(data);
}

/// Corrects the checksums of a tar, so that the fuzzer gets past them.
pub fn archive(data: &[u8]) {
    let mut archive = data.to_vec();
    let mut at = 0;
    while let Some(header) = archive.get_mut(at..at + 512) {
        if header.iter().all(|b| *b == 0) {
            break;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&header[124..135])
            .ok()
            .and_then(|size| usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok())
            .unwrap_or(0);
        at += 512 + size.min(1 << 20).next_multiple_of(512);
    }
    archive.extend_from_slice(&[0; 1024]);
    open_file(&archive);
}

/// A layout whose index.json is the first piece, and whose blobs are all.
pub fn layout(data: &[u8]) {
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let blobs = folder.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder can be made");
    let write = |name: &Path, content: &[u8]| {
        fs::write(name, content).expect("a file can be written");
    };
    write(
        &folder.path().join("oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    );
    let pieces = Pieces::new(data);
    write(&folder.path().join("index.json"), pieces.root());
    for piece in pieces.all() {
        let digest = Digest::of(Algorithm::Sha256, piece);
        write(&blobs.join(digest.parts().1), piece);
    }
    open(folder.path());
}

/// What is loaded is written to a layout and an archive, and has the same root there.
pub fn sinks(data: &[u8]) {
    let ctx = Arc::new(Context::default());
    let pieces = Arc::new(Pieces::new(data));
    let Ok(index) = Index::load(pieces, &LoadOptions::default(), &ctx) else {
        return;
    };
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let options = SinkOptions {
        no_sync: true,
        ..SinkOptions::default()
    };
    let layout = folder.path().join("layout");
    let archive = folder.path().join("archive.tar");
    let targets: [(&Path, SharedSink); 2] = [
        (
            &layout,
            SharedSink::new(LayoutSink::open(&layout, &options).expect("a folder can be made")),
        ),
        (
            &archive,
            SharedSink::new(ArchiveSink::create(&archive, &options).expect("a file can be made")),
        ),
    ];
    for (path, sink) in targets {
        let sink = Arc::new(sink);
        let source = Source::of_index(&index, false).expect("it is no selection");
        let copied = Copy::new(source, sink.clone(), CopyOptions::default())
            .and_then(|copy| copy.run(&ctx))
            .and_then(|()| sink.finish(&ctx));
        if copied.is_err() {
            continue;
        }
        let loader = source::open(path, &Options::default(), &ctx).expect("it was written whole");
        let again = Index::load(loader, &LoadOptions::default(), &ctx).expect("it is right");
        let root = index.root().digest.to_string();
        let bytes = String::from_utf8(again.root().bytes.to_vec()).expect("it is JSON");
        assert!(bytes.contains(&root), "{root} is not in {bytes}");
    }
}
