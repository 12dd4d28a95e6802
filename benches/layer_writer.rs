//! What a layer writer costs above compressing and hashing, each measured bare beside it;
//! what a second worker gains, what cutting the input costs, and the memory that a writer
//! takes above its compressor's. Ratios are of the best of three runs. Those with workers
//! need two idle cores.

use flate2::write::GzEncoder;
use ociimg::compression::Method;
use ociimg::mutate::layer_writer::{LayerOptions, LayerWriter};
use sha2::Digest as _;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

const TAR: usize = 512 << 20;
const PIECE: usize = 64 << 10;
const RUNS: usize = 3;

fn main() {
    // `cargo test` and `cargo bench` both say what they want; nothing is measured in tests.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let tar = tar();
    memory(&tar);
    for (name, method) in [("gzip 6", Method::Gzip(6)), ("zstd 3", Method::Zstd(3))] {
        let (bare, bare_size) = best(|| bare(&tar, method));
        let [none, one, two] = [0, 1, 2].map(|workers| best(|| write(&tar, method, workers)));
        println!(
            "{name}: {:.3} of bare compressing and hashing, at least 0.95",
            bare / none.0
        );
        println!(
            "{name}: two workers are {:.2} times one ({:.2} times none), at least 1.7",
            one.0 / two.0,
            none.0 / two.0
        );
        println!(
            "{name}: {:+.3} % of size, at most {}",
            100.0 * (none.1 as f64 / bare_size as f64 - 1.0),
            if name == "gzip 6" { 0.1 } else { 1.0 }
        );
    }
}

/// The shortest time in seconds, and the size of what came out.
fn best(mut run: impl FnMut() -> u64) -> (f64, u64) {
    let mut best = f64::MAX;
    let mut size = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        size = run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    (best, size)
}

fn write(tar: &[u8], method: Method, workers: u32) -> u64 {
    let options = LayerOptions {
        method,
        workers,
        ..LayerOptions::default()
    };
    let mut writer = LayerWriter::new(&options, Arc::default()).unwrap();
    for piece in tar.chunks(PIECE) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap().descriptor().size
}

/// Hashes and counts, and drops what passes.
#[derive(Default)]
struct Hashing(sha2::Sha256, u64);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        self.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bare(tar: &[u8], method: Method) -> u64 {
    let mut diff_id = sha2::Sha256::new();
    let mut feed = |out: &mut dyn Write| {
        for piece in tar.chunks(PIECE) {
            diff_id.update(piece);
            out.write_all(piece).unwrap();
        }
    };
    let out = match method {
        Method::Gzip(level) => {
            let level = flate2::Compression::new(level);
            let mut encoder = GzEncoder::new(Hashing::default(), level);
            feed(&mut encoder);
            encoder.finish().unwrap()
        }
        Method::Zstd(level) => {
            let mut encoder = zstd::Encoder::new(Hashing::default(), level).unwrap();
            feed(&mut encoder);
            encoder.finish().unwrap()
        }
        Method::None => unreachable!("not measured"),
    };
    black_box((diff_id.finalize(), out.0.finalize()));
    out.1
}

/// The growth of the peak, each in turn: later ones include what earlier ones took.
fn memory(tar: &[u8]) {
    for method in [Method::Gzip(6), Method::Zstd(3)] {
        for (what, run) in [
            ("bare", &(|| bare(tar, method)) as &dyn Fn() -> u64),
            ("writer", &|| write(tar, method, 0)),
            ("two workers", &|| write(tar, method, 2)),
        ] {
            let _ = fs::write("/proc/self/clear_refs", "5");
            let before = status("VmRSS:");
            run();
            let kib = status("VmHWM:").saturating_sub(before);
            println!(
                "{method:?}, {what}: peak {:.1} MiB above",
                kib as f64 / 1024.0
            );
        }
    }
}

/// A number of KiB in /proc/self/status; 0 where there is none.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}

/// A tar archive of one file: text, and what does not compress, five parts to one.
fn tar() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: Vec<String> = (0..3000)
        .map(|_| format!("{:x} ", random() >> 40))
        .collect();
    let mut file = Vec::with_capacity(TAR);
    while file.len() < TAR {
        let start = file.len();
        while file.len() < start + 40_000 {
            file.extend(words[random() as usize % words.len()].bytes());
        }
        for _ in 0..1000 {
            file.extend(random().to_le_bytes());
        }
    }
    file.truncate(TAR - 3 * 512);
    let mut header = tar::Header::new_ustar();
    header.set_size(file.len() as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::with_capacity(TAR));
    builder.append_data(&mut header, "file", &file[..]).unwrap();
    builder.into_inner().unwrap()
}
