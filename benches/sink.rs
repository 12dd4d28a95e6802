//! The cost of a copy into a layout or an archive, compared to a loop that reads, hashes
//! and writes the same bytes; and of a second copy of the same content.
//!
//! Neither waits for the disk: that would measure the disk. Beside criterion's figures it
//! prints the ratios of the best of several rounds, in which the loop and the copies take
//! turns: the page cache of a moment serves all alike. OCIIMG_BENCH_MIB is the size of the
//! image, 1024 by default.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput};
use ociimg::context::Context;
use ociimg::digest::{Algorithm, Hasher};
use ociimg::index::Index;
use ociimg::load;
use ociimg::sink::copy::{Copy, CopyOptions, Source};
use ociimg::sink::{ArchiveSink, LayoutSink, SharedSink, Sink, SinkOptions};
use ociimg::source;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::image::*;
use tempfile::TempDir;

const LAYERS: usize = 4;

/// How often the loop and the copies take turns.
const ROUNDS: usize = 7;

/// What a copy may take, in times of the bare loop.
const AT_MOST: f64 = 1.15;

fn main() {
    let ground = Ground::new();
    if std::env::args().any(|argument| argument == "--bench") {
        ground.take_turns();
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .configure_from_args();
    ground.measure(&mut criterion);
    criterion.final_summary();
}

/// A layout to copy from, and the places of the copies.
struct Ground {
    folder: TempDir,
    size: usize,
}

impl Ground {
    fn new() -> Self {
        let size = std::env::var("OCIIMG_BENCH_MIB").map_or(1024, |mib| mib.parse().unwrap());
        let ground = Self {
            folder: TempDir::new().unwrap(),
            size: size << 20,
        };
        let sink = LayoutSink::open(&ground.at("from"), &options()).unwrap();
        put_image(&sink, &large_image(ground.size / LAYERS), Some("x")).unwrap();
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads, hashes and writes every blob.
    fn bare_loop(&self) {
        let (from, to) = (self.at("from/blobs/sha256"), self.at("bare"));
        fs::create_dir(&to).unwrap();
        let mut chunk = vec![0; 64 << 10];
        for blob in fs::read_dir(from).unwrap() {
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
            let digest = hasher.finish();
            let name = blob.file_name();
            assert!(digest.text().ends_with(name.to_str().unwrap()));
        }
    }

    fn to_layout(&self) {
        self.copy(LayoutSink::open(&self.at("layout"), &options()).unwrap());
    }

    fn to_archive(&self) {
        self.copy(ArchiveSink::create(&self.at("x.tar"), &options()).unwrap());
    }

    fn copy(&self, sink: impl Sink + 'static) {
        let ctx = Arc::new(Context::default());
        let from = self.at("from");
        let loader = source::open(&from, &source::Options::default(), &ctx).unwrap();
        let index = Index::load(loader, &load::LoadOptions::default(), &ctx).unwrap();
        let source = Source::of_index(&index, false).unwrap();
        let sink = Arc::new(SharedSink::new(sink));
        let copy = Copy::new(source, sink.clone(), CopyOptions::default()).unwrap();
        copy.run(&ctx).unwrap();
        sink.finish(&ctx).unwrap();
    }

    /// Removes what was copied. The page cache that it took is there for the next.
    fn clear(&self) {
        for folder in ["bare", "layout"] {
            let _ = fs::remove_dir_all(self.at(folder));
        }
        let _ = fs::remove_file(self.at("x.tar"));
    }

    fn time(&self, run: fn(&Self)) -> Duration {
        self.clear();
        let start = Instant::now();
        run(self);
        start.elapsed()
    }

    fn take_turns(&self) {
        let runs: [(&str, fn(&Self)); 3] = [
            ("bare loop", Self::bare_loop),
            ("to a layout", Self::to_layout),
            ("to an archive", Self::to_archive),
        ];
        let mut best = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            for ((_, run), best) in runs.iter().zip(&mut best) {
                *best = self.time(*run).min(*best);
            }
        }
        self.to_layout();
        let again = self.again();
        self.clear();
        let [bare, copies @ ..] = best;
        println!("{} MiB: bare loop {bare:.3?}", self.size >> 20);
        for ((name, _), time) in runs[1..].iter().zip(copies) {
            let ratio = time.as_secs_f64() / bare.as_secs_f64();
            println!("{name}: {ratio:.3} times the bare loop, at most {AT_MOST}");
        }
        println!("to a layout that has it: {again:.3?}");
    }

    fn again(&self) -> Duration {
        let start = Instant::now();
        self.to_layout();
        start.elapsed()
    }

    fn measure(&self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("copy a layout");
        group.throughput(Throughput::Bytes(self.size as u64));
        let mut measure = |name, run: fn(&Self)| {
            group.bench_function(name, |b| {
                b.iter_custom(|n| (0..n).map(|_| self.time(run)).sum());
            });
        };
        measure("bare loop", Self::bare_loop);
        measure("to a layout", Self::to_layout);
        measure("to an archive", Self::to_archive);
        self.clear();
        self.to_layout();
        group.bench_function("to a layout that has it", |b| b.iter(|| self.to_layout()));
        group.finish();
    }
}

fn options() -> SinkOptions {
    SinkOptions {
        no_sync: true,
        ..SinkOptions::default()
    }
}

/// An image whose layers nothing compresses.
fn large_image(layer_size: usize) -> TestImage {
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
        let bytes: Vec<u8> = (0..layer_size).map(|_| noise()).collect();
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
