//! Time and memory of loading a large index, compared to parsing it with serde_json.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::Instant;
use support::loader::{MANIFEST, MemoryLoader, index, load};

/// The system's allocator, which records the most memory in use while it is asked to. It does
/// not count during the timings: serde_json allocates more often, and would pay more for it.
struct Peak;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

impl Peak {
    fn count(bytes: isize) {
        if IS_COUNTING.load(Ordering::Relaxed) {
            let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
            MOST.fetch_max(in_use, Ordering::Relaxed);
        }
    }
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Peak {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: as given.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: as given.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both blocks may be in use at once.
        Self::count(size as isize);
        Self::count(-(layout.size() as isize));
        // SAFETY: as given.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        Self::count(-(layout.size() as isize));
        // SAFETY: as given.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Peak = Peak;

/// The most bytes in use during `run`, beyond those in use before.
fn peak<R>(run: impl FnOnce() -> R) -> usize {
    IN_USE.store(0, Ordering::Relaxed);
    MOST.store(0, Ordering::Relaxed);
    IS_COUNTING.store(true, Ordering::Relaxed);
    drop(black_box(run()));
    IS_COUNTING.store(false, Ordering::Relaxed);
    MOST.load(Ordering::Relaxed).unsigned_abs()
}

/// Indented, as tools write indexes.
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
    let document = serde_json::to_string_pretty(&index(&children));
    MemoryLoader::default().with_root(document.unwrap())
}

/// The ratio of the times of `a` and `b`: the median of pairs, so that a change of the
/// machine's speed affects both.
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
        loading as f64 / size as f64
    );
    let parse = || serde_json::from_slice::<Value>(&document).unwrap();
    println!(
        "loading takes {:.2} of the time of parsing the same bytes as serde_json::Value",
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
