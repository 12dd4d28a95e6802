//! What loading a large index costs, beside what serde_json needs to parse it.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::loader::{MANIFEST, MemoryLoader, index, load};

/// The system's allocator, which remembers the most that was taken at once.
struct Peak;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Peak {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(taken, Ordering::Relaxed);
        // SAFETY: as given.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as given.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Peak = Peak;

/// Bytes that `run` takes at most beyond what is taken already.
fn peak<R>(run: impl FnOnce() -> R) -> usize {
    let before = TAKEN.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    drop(black_box(run()));
    MOST.load(Ordering::Relaxed) - before
}

fn large_index() -> Arc<MemoryLoader> {
    let platforms = [
        ("linux", "amd64"),
        ("linux", "arm64"),
        ("linux", "s390x"),
        ("windows", "amd64"),
    ];
    let child = |i: usize| {
        let (os, architecture) = platforms[i % platforms.len()];
        json!({"mediaType": MANIFEST, "digest": format!("sha256:{i:064x}"), "size": 500 + i,
            "platform": {"os": os, "architecture": architecture}})
    };
    let children: Vec<_> = (0..10_000).map(child).collect();
    MemoryLoader::default().with_root(index(&children).to_string())
}

/// How many times as long `a` takes as `b`: the median of pairs, so that a change of the
/// machine's speed meets both.
fn median_ratio(a: impl Fn(), b: impl Fn()) -> f64 {
    let time = |run: &dyn Fn()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..41).map(|_| time(&a) / time(&b)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn benches(c: &mut Criterion) {
    let memory = large_index();
    let document = load(&memory).unwrap().root().bytes.clone();
    let size = document.len();
    let loading = peak(|| load(&memory).unwrap());
    println!(
        "index of 10,000 entries: {size} bytes; loading takes {loading} at most, {:.2} times that",
        // The loader's own copy of the document is not the library's.
        (loading - size) as f64 / size as f64
    );
    let parse = || serde_json::from_slice::<Value>(&document).unwrap();
    println!(
        "loading takes {:.2} times what serde_json::Value takes for the same bytes",
        median_ratio(|| drop(load(&memory)), || drop(black_box(parse())))
    );
    let mut group = c.benchmark_group("index of 10,000 entries");
    group.throughput(Throughput::Bytes(size as u64));
    group.bench_function("load", |b| b.iter(|| load(&memory).unwrap()));
    group.bench_function("serde_json::Value", |b| b.iter(parse));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
