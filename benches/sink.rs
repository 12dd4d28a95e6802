//! What a copy into a layout or an archive costs, beside a bare loop that reads, hashes and
//! writes the same bytes; and a second copy of what is there.
//!
//! Neither waits for the disk: that would measure the disk.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ociimg::context::Context;
use ociimg::digest::{Algorithm, Hasher};
use ociimg::index::Index;
use ociimg::load;
use ociimg::sink::copy::{Copy, CopyOptions, Source};
use ociimg::sink::{ArchiveSink, LayoutSink, SharedSink, Sink, SinkOptions};
use ociimg::source;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use support::image::*;
use tempfile::TempDir;

const LAYERS: usize = 4;
const LAYER_SIZE: usize = 64 << 20;

fn options() -> SinkOptions {
    SinkOptions {
        no_sync: true,
        ..SinkOptions::default()
    }
}

/// An image whose layers nothing compresses.
fn large_image() -> TestImage {
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let mut small = image("x", "amd64", 0);
    let config = small.blobs.remove(0);
    let layers = (0..LAYERS).map(|_| {
        let bytes: Vec<u8> = (0..LAYER_SIZE).map(|_| noise()).collect();
        Blob::new("application/vnd.oci.image.layer.v1.tar", bytes)
    });
    let layers: Vec<_> = layers.collect();
    let list: Vec<_> = layers.iter().map(Blob::json).collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{},"layers":[{}]}}"#,
        config.json(),
        list.join(",")
    );
    TestImage {
        blobs: layers.into_iter().chain([config]).collect(),
        manifest: Blob::new(MANIFEST_TYPE, manifest),
    }
}

fn copy(from: &Path, sink: impl Sink + 'static) {
    let ctx = Arc::new(Context::default());
    let loader = source::open(from, &source::Options::default(), &ctx).unwrap();
    let index = Index::load(loader, &load::LoadOptions::default(), &ctx).unwrap();
    let source = Source::of_index(&index, false).unwrap();
    let sink = Arc::new(SharedSink::new(sink));
    let copy = Copy::new(source, sink.clone(), CopyOptions::default()).unwrap();
    copy.run(&ctx).unwrap();
    sink.finish(&ctx).unwrap();
}

/// Reads, hashes and writes every blob.
fn bare_loop(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    let mut chunk = vec![0; 64 << 10];
    for blob in fs::read_dir(from.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut read = File::open(blob.path()).unwrap();
        let mut write = File::create(to.join(blob.file_name())).unwrap();
        loop {
            match read.read(&mut chunk).unwrap() {
                0 => break,
                n => {
                    hasher.update(&chunk[..n]);
                    write.write_all(&chunk[..n]).unwrap();
                }
            }
        }
        assert!(
            hasher
                .finish()
                .text()
                .ends_with(blob.file_name().to_str().unwrap())
        );
    }
}

fn copies(c: &mut Criterion) {
    let folder = TempDir::new().unwrap();
    let from = folder.path().join("from");
    let to = folder.path().join("to");
    put_image(
        &LayoutSink::open(&from, &options()).unwrap(),
        &large_image(),
        Some("x"),
    )
    .unwrap();

    let mut group = c.benchmark_group("copy a layout");
    group.sample_size(10);
    group.throughput(Throughput::Bytes((LAYERS * LAYER_SIZE) as u64));
    group.bench_function("bare loop", |b| {
        b.iter(|| {
            let _ = fs::remove_dir_all(&to);
            bare_loop(&from, &to);
        });
    });
    group.bench_function("to a layout", |b| {
        b.iter(|| {
            let _ = fs::remove_dir_all(&to);
            copy(&from, LayoutSink::open(&to, &options()).unwrap());
        });
    });
    group.bench_function("to a layout that has it", |b| {
        b.iter(|| copy(&from, LayoutSink::open(&to, &options()).unwrap()));
    });
    let _ = fs::remove_dir_all(&to);
    let archive = folder.path().join("x.tar");
    group.bench_function("to an archive", |b| {
        b.iter(|| {
            let _ = fs::remove_file(&archive);
            copy(&from, ArchiveSink::create(&archive, &options()).unwrap());
        });
    });
    group.finish();
}

criterion_group!(benches, copies);
criterion_main!(benches);
