//! The cost of opening an archive, by size and by number of entries, and of reading a blob
//! from one, compared to a layout.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ociimg::context::Context;
use ociimg::digest::Digest;
use ociimg::loader::Loader;
use ociimg::source::{self, Options};
use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;
use support::archive::archive;
use tempfile::TempDir;

const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

fn layout(digest: &Digest, size: u64) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("oci-layout"), VERSION).unwrap();
    fs::write(folder.path().join("index.json"), INDEX).unwrap();
    fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
    let blob = folder.path().join("blobs/sha256").join(digest.parts().1);
    File::create(blob).unwrap().set_len(size).unwrap();
    folder
}

fn open(path: &Path) -> std::sync::Arc<dyn Loader> {
    source::open(path, &Options::default(), &Context::default()).unwrap()
}

fn opening(c: &mut Criterion) {
    let mut group = c.benchmark_group("open an OCI archive");
    let large = archive(10, (1 << 30) / 10);
    group.bench_function("1 GiB in 10 blobs", |b| {
        b.iter(|| black_box(open(large.path())));
    });
    for blobs in [1_000, 10_000, 100_000] {
        let file = archive(blobs, 1000);
        group.throughput(Throughput::Elements(blobs as u64));
        group.bench_function(BenchmarkId::new("blobs", blobs), |b| {
            b.iter(|| black_box(open(file.path())));
        });
    }
    group.finish();
}

fn reading(c: &mut Criterion) {
    const SIZE: u64 = 64 << 20;
    let digest = Digest::parse(&format!("sha256:{:064x}", 0)).unwrap();
    let (layout, archive) = (layout(&digest, SIZE), archive(1, SIZE));
    let ctx = Context::default();
    let mut buf = vec![0; 64 << 10];
    let mut group = c.benchmark_group("read a stored blob");
    group.throughput(Throughput::Bytes(SIZE));
    for (name, path) in [("layout", layout.path()), ("archive", archive.path())] {
        let loader = open(path);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut stream = loader.open_blob(&digest, &ctx).unwrap();
                while stream.read(&mut buf, &ctx).unwrap() > 0 {}
            });
        });
    }
    group.finish();
}

criterion_group!(benches, opening, reading);
criterion_main!(benches);
