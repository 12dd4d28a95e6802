//! What a layer writer costs above compressing and hashing, each measured bare beside it;
//! what a second worker gains, what cutting the input costs, and the memory that a writer
//! takes. Times are the best of a few runs, in turn; the ratios with workers need two idle
//! cores. Takes about two minutes; `OCIIMG_BENCH_MIB=64` for a quick look at less.

use flate2::write::GzEncoder;
use ociimg::compression::Method;
use ociimg::mutate::layer_writer::{LayerOptions, LayerWriter};
use sha2::Digest as _;
use std::env;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const MIB: usize = 1 << 20;
/// In MiB.
const TAR: usize = 512;
/// Enough for all buffers to be full.
const TAR_FOR_MEMORY: usize = 32 * MIB;
const PIECE: usize = 64 << 10;
const METHODS: [(&str, Method, usize); 2] = [
    ("gzip 6", Method::Gzip(6), 2),
    ("zstd 3", Method::Zstd(3), 3),
];
/// In MiB, what a writer may take above its compressors: each worker has one.
const MAX_MEMORY: f64 = 8.0;

fn main() {
    let args: Vec<_> = env::args().collect();
    // `cargo test` and `cargo bench` both say what they want; nothing is measured in tests.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    if let Ok(case) = env::var(CASE) {
        return measure_memory(&case);
    }
    memory();
    let size = env::var("OCIIMG_BENCH_MIB")
        .ok()
        .and_then(|mib| mib.parse().ok());
    let tar = tar(size.unwrap_or(TAR) * MIB);
    for (name, method, runs) in METHODS {
        times(&tar, name, method, runs);
    }
}

/// Seconds that passed, and that all threads together took of the processor.
#[derive(Clone, Copy)]
struct Time {
    passed: f64,
    busy: f64,
}

fn times(tar: &[u8], name: &str, method: Method, runs: usize) {
    let mut best = [Time {
        passed: f64::MAX,
        busy: f64::MAX,
    }; 4];
    let mut sizes = [0; 4];
    for _ in 0..runs {
        for (i, best) in best.iter_mut().enumerate() {
            let (start, busy) = (Instant::now(), busy());
            sizes[i] = match i {
                0 => bare(tar, method),
                _ => write(tar, method, i as u32 - 1),
            };
            let passed = start.elapsed().as_secs_f64();
            best.passed = best.passed.min(passed);
            best.busy = best.busy.min(self::busy() - busy);
        }
    }
    let [bare, none, one, two] = best;
    for (what, time) in [
        ("bare", bare),
        ("no worker", none),
        ("one worker", one),
        ("two", two),
    ] {
        println!(
            "{name}: {what}: {:.2} s, of the processor {:.2} s",
            time.passed, time.busy
        );
    }
    println!(
        "{name}: {:.3} of bare compressing and hashing, at least 0.95",
        bare.passed / none.passed
    );
    println!(
        "{name}: two workers are {:.2} times none, {:.2} times one; at least 1.7 for gzip",
        none.passed / two.passed,
        one.passed / two.passed
    );
    println!(
        "{name}: {:+.3} % of size, at most {}",
        100.0 * (sizes[1] as f64 / sizes[0] as f64 - 1.0),
        if name == "gzip 6" { 0.1 } else { 1.0 }
    );
}

/// Seconds of the processor that this process took; 0 where that cannot be read.
fn busy() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name of the program, which may contain anything.
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let ticks = numbers.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
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

/// Hashes, counts and discards the bytes.
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

/// The variable that makes this program one case of measuring memory.
const CASE: &str = "OCIIMG_BENCH_MEMORY";

/// Peaks, each of a process of its own, above that of one that only makes the archive: of
/// the compressor bare, then of writers; of content that compresses and of content that does
/// not.
fn memory() {
    for content in ["mixed", "noise"] {
        for (i, (name, _, _)) in METHODS.into_iter().enumerate() {
            let peak = |what: &str| -> f64 {
                let run = Command::new(env::current_exe().unwrap())
                    .arg("--bench")
                    .env(CASE, format!("{i} {what} {content}"))
                    .output()
                    .unwrap();
                String::from_utf8_lossy(&run.stdout).trim().parse().unwrap()
            };
            let nothing = peak("nothing");
            let bare = peak("bare") - nothing;
            println!("{name}, {content}: the compressor takes {bare:.1} MiB");
            for workers in [0, 1, 2_u32] {
                println!(
                    "{name}, {content}: a writer with {workers} workers takes {:.1} MiB, at most \
                     {:.1}",
                    peak(&workers.to_string()) - nothing,
                    bare * f64::from(workers.max(1)) + MAX_MEMORY
                );
            }
        }
    }
}

fn measure_memory(case: &str) {
    let [method, what, content] = case.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{case}");
    };
    let (_, method, _) = METHODS[method.parse::<usize>().unwrap()];
    let tar = match content {
        "mixed" => tar(TAR_FOR_MEMORY),
        _ => noise(TAR_FOR_MEMORY),
    };
    match what {
        "nothing" => 0,
        "bare" => bare(&tar, method),
        workers => write(&tar, method, workers.parse().unwrap()),
    };
    black_box(&tar);
    println!("{}", status("VmHWM:") as f64 / 1024.0);
}

/// A number of KiB in /proc/self/status; 0 where there is none.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}

fn random() -> impl FnMut() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// A tar archive of one file: text, and what does not compress, five parts to one.
fn tar(size: usize) -> Vec<u8> {
    let mut random = random();
    let words: Vec<String> = (0..3000)
        .map(|_| format!("{:x} ", random() >> 40))
        .collect();
    archive(size, |file| {
        let start = file.len();
        while file.len() < start + 40_000 {
            file.extend(words[random() as usize % words.len()].bytes());
        }
        for _ in 0..1000 {
            file.extend(random().to_le_bytes());
        }
    })
}

/// A tar archive of one file that does not compress.
fn noise(size: usize) -> Vec<u8> {
    let mut random = random();
    archive(size, |file| file.extend(random().to_le_bytes()))
}

fn archive(size: usize, mut add: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut tar = Vec::with_capacity(size + 48_000);
    let mut header = tar::Header::new_ustar();
    header.set_path("file").unwrap();
    header.set_size((size - 3 * 512) as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    while tar.len() < size - 1024 {
        add(&mut tar);
    }
    tar.truncate(size - 1024);
    tar.resize(size, 0);
    tar
}
