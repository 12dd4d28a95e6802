//! Parsing a specifier, and selecting among many platforms.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ociimg::platform::{Matcher, Platform};
use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;

const CANDIDATES: usize = 100_000;

fn parse(c: &mut Criterion) {
    for specifier in ["linux/arm64/v8", "windows(10.0.17763+win32k)/amd64"] {
        c.bench_function(&format!("parse {specifier}"), |b| {
            b.iter(|| Platform::parse(black_box(specifier), Platform::host()));
        });
    }
}

/// Typical platforms, some in other spellings, in pseudorandom order; equal ones are
/// shared, as after loading. About 43 of a hundred run on linux/arm64.
fn candidates() -> Vec<Arc<Platform>> {
    const SPECIFIERS: [&str; 14] = [
        "linux/arm64",
        "linux/arm64",
        "linux/arm64/v8",
        "linux/arm64/v8",
        "linux/arm/v7",
        "linux/arm/v6",
        "linux/amd64",
        "linux/amd64/v3",
        "linux/386",
        "linux/ppc64le",
        "linux(+gpu)/arm64/v8",
        "windows(10.0.20348.5189)/amd64",
        "windows(10.0.26100.6093+win32k)/amd64",
        "darwin/arm64/v9.1",
    ];
    let host = Platform::host();
    let platforms = SPECIFIERS.map(|s| Platform::parse(s, host).unwrap());
    let mut shared = HashSet::new();
    pseudorandom()
        .map(|n| {
            let mut platform = platforms[n as usize % platforms.len()].clone();
            if (n >> 32) % 16 == 0 {
                let upper = platform.architecture.map(|a| a.to_uppercase());
                platform.architecture = upper.as_deref().and_then(ociimg::text::Text::new);
            }
            let platform = Arc::new(platform);
            shared.insert(platform.clone());
            shared.get(&platform).unwrap().clone()
        })
        .take(CANDIDATES)
        .collect()
}

/// Splitmix64, so that every run has the same candidates.
fn pseudorandom() -> impl Iterator<Item = u64> {
    (1u64..).map(|i| {
        let n = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    })
}

fn select(c: &mut Criterion) {
    let candidates = candidates();
    let arm64 = Platform::parse("linux/arm64", Platform::host()).unwrap();
    let matching = Matcher::only(&arm64).select(candidates.iter().map(Arc::as_ref).zip(0..));
    eprintln!("{} of {CANDIDATES} match", matching.len());
    c.bench_function("select linux/arm64 among 100000", |b| {
        b.iter(|| {
            let indices: Vec<u32> = Matcher::only(black_box(&arm64))
                .select(candidates.iter().map(Arc::as_ref).zip(0..));
            indices
        });
    });
    // Sorting plain numbers, for comparison.
    let pairs: Vec<(u64, u64)> = pseudorandom()
        .zip(pseudorandom().skip(CANDIDATES))
        .take(CANDIDATES)
        .collect();
    c.bench_function("sort 100000 pairs of integers", |b| {
        b.iter_batched(
            || pairs.clone(),
            |mut pairs| {
                pairs.sort();
                pairs
            },
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, parse, select);
criterion_main!(benches);
