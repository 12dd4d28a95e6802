//! The cost of a reader, compared to reading, hashing and decompressing alone. The ratios
//! after criterion's figures use the best times of this run. Those with a worker need two
//! idle cores.

use criterion::{Criterion, Throughput};
use flate2::bufread::GzDecoder;
use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::Result;
use ociimg::loader::Stream;
use ociimg::reader::{Expected, Mode, ReadOptions, Reader};
use sha2::Digest as _;
use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PIECE: usize = 64 * 1024;
const BLOB: usize = 256 << 20;
const TAR: usize = 64 << 20;
/// Content for compressions that are an order of magnitude slower.
const SLOW_TAR: usize = 8 << 20;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut best = Best::default();
    stored(&mut criterion, &mut best);
    uncompressed(&mut criterion, &mut best);
    slow(&mut criterion, &mut best);
    criterion.final_summary();
    best.print();
}

/// The shortest time of each function, in seconds.
#[derive(Default)]
struct Best(HashMap<&'static str, f64>);

impl Best {
    fn measure(
        &mut self,
        criterion: &mut Criterion,
        name: &'static str,
        bytes: usize,
        mut function: impl FnMut(),
    ) {
        let mut group = criterion.benchmark_group("reader");
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(name, |b| {
            b.iter_custom(|n| {
                (0..n)
                    .map(|_| {
                        let start = Instant::now();
                        function();
                        let time = start.elapsed();
                        let best = self.0.entry(name).or_insert(f64::MAX);
                        *best = best.min(time.as_secs_f64());
                        time
                    })
                    .sum()
            });
        });
        group.finish();
    }

    fn print(&self) {
        // `None` for a benchmark that the command line filters out.
        let t = |names: &[&str]| names.iter().map(|n| self.0.get(n)).sum::<Option<f64>>();
        let row = |bare: &[&str], reader, least: f64| {
            if let (Some(expected), Some(found)) = (t(bare), t(&[reader])) {
                let bare = bare.join(" + ");
                println!(
                    "{reader}: {:.3} of {bare}, at least {least}",
                    expected / found
                );
            }
        };
        row(&["memory, bare"], "memory", 0.97);
        row(&["file, bare"], "file", 0.97);
        row(&["inflate", "hash gzip", "hash tar"], "gzip", 0.9);
        row(&["inflate"], "gzip, worker", 0.9);
        row(&["unzstd", "hash zstd", "hash tar"], "zstd", 0.9);
        row(&["hash tar"], "zstd, worker", 0.85);
        row(&["bunzip2", "hash bzip2", "hash slow tar"], "bzip2", 0.9);
        row(&["unxz", "hash xz", "hash slow tar"], "xz", 0.9);
        if let (Some(small), Some(bare)) = (t(&["64 bytes"]), t(&["memory, bare"])) {
            let ns = (small - bare) * 1e9 / (BLOB / 64) as f64;
            println!("64 bytes: {ns:.1} ns a read above memory, bare; at most 50");
        }
    }
}

fn stored(criterion: &mut Criterion, best: &mut Best) {
    let blob = noise(BLOB);
    let digest = Digest::of(Algorithm::Sha256, &blob);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&blob).unwrap();
    let again = || {
        let mut file = file.try_clone().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    };
    let blob: Arc<[u8]> = blob.into();
    let memory = || Cursor::new(blob.clone());

    let expected = Expected {
        digest,
        size: BLOB as u64,
        diff_id: None,
    };
    let read = |stream: Box<dyn Stream>, piece| {
        drain(stream, &expected, Mode::Stored, 0, piece);
    };
    best.measure(criterion, "memory, bare", BLOB, || bare(memory()));
    best.measure(criterion, "memory", BLOB, || {
        read(Box::new(memory()), PIECE);
    });
    best.measure(criterion, "file, bare", BLOB, || bare(again()));
    best.measure(criterion, "file", BLOB, || {
        read(Box::new(FileStream(again())), PIECE);
    });
    best.measure(criterion, "64 bytes", BLOB, || read(Box::new(memory()), 64));
}

fn uncompressed(criterion: &mut Criterion, best: &mut Best) {
    let tar = tar();
    let diff_id = Digest::of(Algorithm::Sha256, &tar);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar).unwrap();
    let gzip: Arc<[u8]> = gzip.finish().unwrap().into();
    let zstd: Arc<[u8]> = zstd::encode_all(&tar[..], 3).unwrap().into();
    for (name, stored) in [("gzip", &gzip), ("zstd", &zstd)] {
        let ratio = TAR as f64 / stored.len() as f64;
        println!("{name} compresses the tar {ratio:.2}:1");
        assert!(ratio >= 2.0);
    }

    best.measure(criterion, "hash tar", TAR, || hash(&tar));
    best.measure(criterion, "hash gzip", gzip.len(), || hash(&gzip));
    best.measure(criterion, "hash zstd", zstd.len(), || hash(&zstd));
    best.measure(criterion, "inflate", TAR, || {
        exhaust(GzDecoder::new(&gzip[..]));
    });
    best.measure(criterion, "unzstd", TAR, || {
        exhaust(zstd::Decoder::with_buffer(&zstd[..]).unwrap());
    });
    for (name, stored, workers) in [
        ("gzip", &gzip, 0),
        ("gzip, worker", &gzip, 1),
        ("zstd", &zstd, 0),
        ("zstd, worker", &zstd, 1),
    ] {
        let expected = Expected {
            digest: Digest::of(Algorithm::Sha256, stored),
            size: stored.len() as u64,
            diff_id: Some(diff_id.clone()),
        };
        best.measure(criterion, name, TAR, || {
            let stream = Box::new(Cursor::new(stored.clone()));
            drain(stream, &expected, Mode::Uncompressed, workers, PIECE);
        });
    }
}

/// bzip2 and xz: the crates alone, with hashing beside them.
fn slow(criterion: &mut Criterion, best: &mut Best) {
    let tar = &tar()[..SLOW_TAR];
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(tar).unwrap();
    let bzip2: Arc<[u8]> = bzip2.finish().unwrap().into();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 3);
    xz.write_all(tar).unwrap();
    let xz: Arc<[u8]> = xz.finish().unwrap().into();

    best.measure(criterion, "hash slow tar", SLOW_TAR, || hash(tar));
    best.measure(criterion, "hash bzip2", bzip2.len(), || hash(&bzip2));
    best.measure(criterion, "hash xz", xz.len(), || hash(&xz));
    best.measure(criterion, "bunzip2", SLOW_TAR, || {
        exhaust(bzip2::bufread::BzDecoder::new(&bzip2[..]));
    });
    best.measure(criterion, "unxz", SLOW_TAR, || {
        exhaust(liblzma::bufread::XzDecoder::new(&xz[..]));
    });
    for (name, stored) in [("bzip2", &bzip2), ("xz", &xz)] {
        let expected = Expected {
            digest: Digest::of(Algorithm::Sha256, stored),
            size: stored.len() as u64,
            diff_id: Some(Digest::of(Algorithm::Sha256, tar)),
        };
        best.measure(criterion, name, SLOW_TAR, || {
            let stream = Box::new(Cursor::new(stored.clone()));
            drain(stream, &expected, Mode::Uncompressed, 0, PIECE);
        });
    }
}

/// The loop of a program without the library.
fn bare(mut source: impl Read) {
    let mut buf = vec![0; PIECE];
    let mut hasher = sha2::Sha256::new();
    loop {
        match source.read(&mut buf).unwrap() {
            0 => break,
            n => hasher.update(&buf[..n]),
        }
    }
    black_box(hasher.finalize());
}

/// The fastest possible source: nothing is copied.
fn hash(content: &[u8]) {
    black_box(sha2::Sha256::digest(content));
}

fn exhaust(mut source: impl Read) {
    let mut buf = vec![0; PIECE];
    while source.read(&mut buf).unwrap() > 0 {
        black_box(&buf);
    }
}

fn drain(stream: Box<dyn Stream>, expected: &Expected, mode: Mode, workers: u32, piece: usize) {
    let options = ReadOptions {
        workers,
        ..ReadOptions::default()
    };
    let ctx = Arc::new(Context::default());
    let mut reader = Reader::open(stream, expected.clone(), mode, options, ctx).unwrap();
    let mut buf = vec![0; piece];
    while reader.read(&mut buf).unwrap() > 0 {
        black_box(&buf);
    }
}

struct FileStream(File);

impl Stream for FileStream {
    fn read(&mut self, buf: &mut [u8], _ctx: &Context) -> Result<usize> {
        Ok(self.0.read(buf).unwrap())
    }
}

fn random() -> impl Iterator<Item = u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

fn noise(len: usize) -> Vec<u8> {
    random().flat_map(u64::to_le_bytes).take(len).collect()
}

/// One file, five parts text to one part incompressible data, as in images.
fn tar() -> Vec<u8> {
    let text: Vec<u8> = {
        let words: Vec<String> = random()
            .take(100)
            .map(|r| format!("{:x} ", r >> 44))
            .collect();
        let picks = random().skip(100);
        picks
            .flat_map(|r| words[r as usize % words.len()].bytes())
            .take(1 << 20)
            .collect()
    };
    let noise = noise(1 << 20);
    let mut file = Vec::with_capacity(TAR);
    let mut random = random();
    let mut part = |of: &[u8], len: usize| {
        let at = random.next().unwrap() as usize % (of.len() - len);
        file.extend_from_slice(&of[at..][..len]);
        file.len()
    };
    while part(&text, 40_000) < TAR {
        part(&noise, 8_000);
    }
    // With its header and the two blocks of zeros that end it.
    file.truncate(TAR - 3 * 512);
    let mut header = tar::Header::new_ustar();
    header.set_size(file.len() as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::with_capacity(TAR));
    builder.append_data(&mut header, "file", &file[..]).unwrap();
    builder.into_inner().unwrap()
}
