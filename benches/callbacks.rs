//! The cost of reading through the C surface and a loader of callbacks, compared to a loop
//! without the library that hashes the same bytes with sha2.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ociimg::digest::{Algorithm, Digest};
use ociimg::ffi::*;
use sha2::Digest as _;
use std::ffi::{CString, c_char, c_void};
use std::hint::black_box;
use std::ptr;

const SIZE: usize = 256 << 20;
const PIECE: usize = 64 << 10;

/// A loader with the root and one blob: the bytes are the state, and a stream is a read
/// position.
struct Source {
    root: &'static [u8],
    blob: Vec<u8>,
}

struct Stream {
    of_root: bool,
    at: usize,
}

unsafe extern "C-unwind" fn open_root(
    _: *mut c_void,
    stream: *mut *mut c_void,
    _: *mut ociimg_call,
) -> i32 {
    let opened = Box::new(Stream {
        of_root: true,
        at: 0,
    });
    // SAFETY: the library's output.
    unsafe { *stream = Box::into_raw(opened).cast() };
    0
}

unsafe extern "C-unwind" fn open(
    _: *mut c_void,
    _: *const c_char,
    stream: *mut *mut c_void,
    _: *mut ociimg_call,
) -> i32 {
    let opened = Box::new(Stream {
        of_root: false,
        at: 0,
    });
    // SAFETY: the library's output.
    unsafe { *stream = Box::into_raw(opened).cast() };
    0
}

unsafe extern "C-unwind" fn read(
    state: *mut c_void,
    stream: *mut c_void,
    buf: *mut u8,
    cap: usize,
    n: *mut usize,
    _: *mut ociimg_call,
) -> i32 {
    // SAFETY: what the functions above and below made, and the library's buffer.
    unsafe {
        let source = &*state.cast::<Source>();
        let stream = &mut *stream.cast::<Stream>();
        let content = if stream.of_root {
            source.root
        } else {
            &source.blob
        };
        let piece = &content[stream.at..];
        *n = piece.len().min(cap);
        ptr::copy_nonoverlapping(piece.as_ptr(), buf, *n);
        stream.at += *n;
    }
    0
}

unsafe extern "C-unwind" fn close(_: *mut c_void, stream: *mut c_void) {
    // SAFETY: an open stream.
    drop(unsafe { Box::from_raw(stream.cast::<Stream>()) });
}

/// An index of that loader, and the descriptor of its blob.
fn open_source(source: &mut Source) -> (*mut ociimg_index, *mut ociimg_descriptor) {
    let vtable = ociimg_loader_vtable {
        struct_size: size_of::<ociimg_loader_vtable>(),
        root_digest: None,
        open_root_manifest: Some(open_root),
        open_manifest: Some(open),
        open_blob: Some(open),
        read: Some(read),
        close: Some(close),
        destroy: None,
    };
    let digest = Digest::of(Algorithm::Sha256, &source.blob).to_string();
    let digest = CString::new(digest).unwrap();
    let size = source.blob.len() as u64;
    let (mut loader, mut index, mut descriptor) =
        (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let none = ptr::null_mut();
    // SAFETY: the table and the source outlive the loader.
    unsafe {
        let state = ptr::from_mut(source).cast();
        assert_eq!(ociimg_loader_new(&vtable, state, &mut loader, none), 0);
        let loaded = ociimg_index_load(loader, ptr::null(), ptr::null(), &mut index, none);
        assert_eq!(loaded, 0);
        let media_type = c"application/octet-stream".as_ptr();
        let made = ociimg_descriptor_new(media_type, digest.as_ptr(), size, &mut descriptor, none);
        assert_eq!(made, 0);
        ociimg_loader_free(loader);
    }
    (index, descriptor)
}

fn open_reader(index: *mut ociimg_index, d: *mut ociimg_descriptor) -> *mut ociimg_reader {
    let mut reader = ptr::null_mut();
    // SAFETY: handles that `open_source` made.
    let opened = unsafe {
        ociimg_index_open_blob(
            index,
            d,
            0,
            ptr::null(),
            ptr::null(),
            &mut reader,
            ptr::null_mut(),
        )
    };
    assert_eq!(opened, 0);
    reader
}

/// Reads to the verified end in pieces of the buffer's size.
fn read_all(reader: *mut ociimg_reader, buf: &mut [u8]) {
    let mut n = 0;
    loop {
        // SAFETY: an open reader, and a buffer of this size.
        let status = unsafe {
            ociimg_reader_read(reader, buf.as_mut_ptr(), buf.len(), &mut n, ptr::null_mut())
        };
        assert_eq!(status, 0);
        black_box(&buf[..n]);
        if n == 0 {
            break;
        }
    }
    // SAFETY: given back once.
    unsafe { ociimg_reader_free(reader) };
}

fn large_blob(c: &mut Criterion) {
    let mut source = Source {
        root: br#"{"schemaVersion":2,"manifests":[]}"#,
        blob: (0..SIZE).map(|i| (i / 7) as u8).collect(),
    };
    let (index, d) = open_source(&mut source);
    let mut buf = vec![0; PIECE];
    let mut group = c.benchmark_group("256 MiB by callbacks in pieces of 64 KiB");
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.sample_size(20);
    group.bench_function("bare copy and sha2", |b| {
        b.iter(|| {
            let mut hasher = sha2::Sha256::new();
            for piece in source.blob.chunks(PIECE) {
                buf[..piece.len()].copy_from_slice(piece);
                hasher.update(black_box(&buf[..piece.len()]));
            }
            hasher.finalize()
        });
    });
    group.bench_function("ociimg_reader_read", |b| {
        b.iter(|| read_all(open_reader(index, d), &mut buf));
    });
    group.finish();
    // SAFETY: given back once.
    unsafe {
        ociimg_index_free(index);
        ociimg_descriptor_free(d);
    }
}

fn small_reads(c: &mut Criterion) {
    const SMALL: usize = 1 << 20;
    let mut source = Source {
        root: br#"{"schemaVersion":2,"manifests":[]}"#,
        blob: vec![7; SMALL],
    };
    let (index, d) = open_source(&mut source);
    let mut group = c.benchmark_group("1 MiB by callbacks in reads of 64 bytes");
    // Per read, to show the time beyond the hash of 64 bytes.
    group.throughput(Throughput::Elements((SMALL / 64) as u64));
    group.bench_function("bare sha2", |b| {
        b.iter(|| sha2::Sha256::digest(black_box(&source.blob)));
    });
    group.bench_function("ociimg_reader_read", |b| {
        b.iter_batched(
            || open_reader(index, d),
            |reader| read_all(reader, &mut [0; 64]),
            BatchSize::PerIteration,
        );
    });
    group.finish();
    // SAFETY: given back once.
    unsafe {
        ociimg_index_free(index);
        ociimg_descriptor_free(d);
    }
}

criterion_group!(all, large_blob, small_reads);
criterion_main!(all);
