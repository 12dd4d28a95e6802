//! Edits of images: labels on one image, and layers by the thousand.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ociimg::context::Context;
use ociimg::descriptor::Descriptor;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Error, Result};
use ociimg::image::{Format, Image};
use ociimg::layer::Layer;
use ociimg::loader::{Loader, Stream};
use ociimg::mutate::AppendOptions;
use ociimg::platform::Platform;
use ociimg::text::Text;
use std::hint::black_box;
use std::sync::Arc;

/// A loader that is never read.
struct Nowhere;

impl Loader for Nowhere {
    fn open_root_manifest(&self, _: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("nothing is here"))
    }

    fn open_manifest(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("nothing is here"))
    }

    fn open_blob(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
        Err(Error::not_found("nothing is here"))
    }
}

fn image() -> Image {
    let platform = Platform {
        os: Text::new("linux"),
        architecture: Text::new("amd64"),
        ..Platform::default()
    };
    Image::create(Format::Oci, &platform).expect("a platform has os and architecture")
}

fn layer() -> Layer {
    let digest = Digest::of(Algorithm::Sha256, b"layer");
    let media_type = Text::new("application/vnd.oci.image.layer.v1.tar").expect("no U+0000");
    let d = Descriptor::new(media_type, digest.clone(), 5);
    Layer::new(Arc::new(d), Some(digest), Arc::new(Nowhere))
}

/// At most 20 microseconds for an edit, beyond hashing the document once.
fn labels(c: &mut Criterion) {
    let mut group = c.benchmark_group("labels");
    for count in [100_usize, 1_000, 10_000] {
        let labels: Vec<_> = (0..count)
            .map(|i| format!("org.example.label.{i}"))
            .collect();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("set", count), |b| {
            b.iter_batched(
                image,
                |mut image| {
                    for label in &labels {
                        image
                            .set_label(label, Some("value"))
                            .expect("a label is set");
                    }
                    black_box(image.manifest());
                    image
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The time for one layer does not depend on their number.
fn layers(c: &mut Criterion) {
    let layer = layer();
    let mut group = c.benchmark_group("layers");
    for count in [1_000_usize, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("append", count), |b| {
            b.iter_batched(
                image,
                |mut image| {
                    for _ in 0..count {
                        let options = AppendOptions::default();
                        image
                            .append_layer(&layer, &options)
                            .expect("a layer is appended");
                    }
                    black_box(image.manifest());
                    image
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, labels, layers);
criterion_main!(benches);
