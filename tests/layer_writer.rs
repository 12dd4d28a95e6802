//! Layers made by a program, read back.

mod support;

use ociimg::compression::Method;
use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Result, Status};
use ociimg::layer::Layer;
use ociimg::mutate::layer_writer::{LayerOptions, LayerWriter, from_file};
use ociimg::reader::{Mode, ReadOptions};
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

const METHODS: [Method; 4] = [
    Method::None,
    Method::Gzip(1),
    Method::Gzip(6),
    Method::Zstd(3),
];

/// A tar archive of one file of text and noise.
fn tar(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut random = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    let mut content = Vec::with_capacity(len);
    while content.len() < len {
        let r = random.next().unwrap();
        match r % 5 {
            0 => content.extend(r.to_le_bytes()),
            n => content.extend(["one ", "fish two ", "fish red fish "][n as usize % 3].bytes()),
        }
    }
    content.truncate(len);
    let mut header = tar::Header::new_ustar();
    header.set_size(len as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header, "file", &content[..])
        .unwrap();
    builder.into_inner().unwrap()
}

/// Several pieces of gzip, and of zstd one frame and a bit.
static TAR: LazyLock<Vec<u8>> = LazyLock::new(|| tar((8 << 20) + 300_000));

fn options(method: Method) -> LayerOptions {
    LayerOptions {
        method,
        ..LayerOptions::default()
    }
}

/// Writes `content` in writes of the sizes in `sizes`, over and over.
fn write(content: &[u8], sizes: &[usize], options: &LayerOptions) -> Result<Layer> {
    let mut writer = LayerWriter::new(options, Arc::default())?;
    let (mut at, mut sizes) = (0, sizes.iter().cycle());
    while at < content.len() {
        let n = (*sizes.next().unwrap()).min(content.len() - at);
        writer.write(&content[at..at + n])?;
        at += n;
    }
    writer.finish()
}

fn read(layer: &Layer, mode: Mode) -> Vec<u8> {
    let mut reader = layer
        .open(mode, ReadOptions::default(), Arc::default())
        .unwrap();
    let (mut out, mut buf) = (Vec::new(), vec![0; 100_000]);
    loop {
        match reader.read(&mut buf).unwrap() {
            0 => return out,
            n => out.extend_from_slice(&buf[..n]),
        }
    }
}

#[test]
fn a_layer_is_read_back_as_often_as_wanted_and_by_several_threads() {
    for method in METHODS {
        for max_memory in [0, 1 << 20, 1 << 30] {
            let options = LayerOptions {
                max_memory,
                ..options(method)
            };
            let layer = write(&TAR, &[1 << 20], &options).unwrap();
            let diff_id = Digest::of(Algorithm::Sha256, &TAR);
            assert_eq!(layer.diff_id(), Some(&diff_id));
            std::thread::scope(|threads| {
                for _ in 0..2 {
                    threads.spawn(|| assert!(read(&layer, Mode::Uncompressed) == *TAR));
                }
            });
            let stored = read(&layer, Mode::Stored);
            assert_eq!(layer.descriptor().size, stored.len() as u64);
            let media_type = match method {
                Method::None => "application/vnd.oci.image.layer.v1.tar",
                Method::Gzip(_) => "application/vnd.oci.image.layer.v1.tar+gzip",
                Method::Zstd(_) => "application/vnd.oci.image.layer.v1.tar+zstd",
            };
            assert_eq!(&*layer.descriptor().media_type, media_type);
        }
    }
}

/// Bytes may change between versions of the library or its compressors, but not by
/// accident: note the change in the changelog, then the new digests here.
#[test]
fn golden_digests() {
    let tar = tar(3_000_000);
    let digest = |method| {
        let layer = write(&tar, &[123_456], &options(method)).unwrap();
        layer.descriptor().digest.to_string()
    };
    let found = [
        Method::None,
        Method::Gzip(1),
        Method::Gzip(2),
        Method::Gzip(3),
        Method::Gzip(4),
        Method::Gzip(5),
        Method::Gzip(6),
        Method::Gzip(7),
        Method::Gzip(8),
        Method::Gzip(9),
        Method::Zstd(-3),
        Method::Zstd(1),
        Method::Zstd(3),
        Method::Zstd(9),
        Method::Zstd(19),
    ]
    .map(|method| format!("{method:?} {}", digest(method)));
    assert_eq!(
        found.join("\n"),
        include_str!("data/layer_digests.txt").trim_end()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn neither_writes_nor_workers_change_the_bytes(
        sizes in prop::collection::vec(1..3_000_000_usize, 1..6),
        len in (0..TAR.len() / 512).prop_map(|blocks| (blocks + 1) * 512),
        workers in 0..4_u32,
        method in prop::sample::select(&METHODS[..]),
    ) {
        let tar = &TAR[..len];
        let whole = write(tar, &[len], &options(method)).unwrap();
        let workers = LayerOptions { workers, ..options(method) };
        let pieces = write(tar, &sizes, &workers).unwrap();
        prop_assert_eq!(&whole.descriptor().digest, &pieces.descriptor().digest);
        prop_assert!(read(&pieces, Mode::Uncompressed) == tar);
    }
}

#[test]
fn single_bytes_give_the_same_layer() {
    let tar = tar(300_000);
    for method in METHODS {
        let whole = write(&tar, &[tar.len()], &options(method)).unwrap();
        let bytes = write(&tar, &[1], &options(method)).unwrap();
        assert_eq!(whole.descriptor().digest, bytes.descriptor().digest);
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_no_tar_archive_is_malformed_and_stays_so() {
    let tar = tar(1000);
    let rows: [(&str, Vec<u8>, bool, &str); 9] = [
        ("nothing", vec![], false, "layer has 0 bytes"),
        (
            "half a block",
            tar[..511].into(),
            false,
            "layer has 511 bytes",
        ),
        (
            "text",
            vec![b'x'; 2000],
            false,
            "neither a tar header nor zeros",
        ),
        ("short gzip", gzip(b"x"), false, "compressed with gzip"),
        ("gzip", gzip(&TAR), false, "compressed with gzip"),
        ("nothing, kept", vec![], true, "layer has 0 bytes"),
        (
            "gzip of text, kept",
            gzip(&[b'x'; 2000]),
            true,
            "neither a tar header nor zeros",
        ),
        (
            "gzip of nothing, kept",
            gzip(b""),
            true,
            "layer has 0 bytes",
        ),
        ("cut gzip, kept", gzip(&tar)[..300].into(), true, "gzip: "),
    ];
    for (row, content, is_compressed, message) in rows {
        for size in [1, 600, 1 << 20] {
            let options = LayerOptions {
                is_compressed,
                ..LayerOptions::default()
            };
            let mut writer = LayerWriter::new(&options, Arc::default()).unwrap();
            let written = content.chunks(size).try_for_each(|c| writer.write(c));
            let e = written
                .and_then(|()| writer.finish().map(drop))
                .unwrap_err();
            assert_eq!(e.status(), Status::Malformed, "{row}: {e}");
            assert!(e.message().contains(message), "{row}: {e}");
            let again = writer.write(b"x").unwrap_err();
            assert_eq!(again.message(), e.message(), "{row}");
            let again = writer.finish().map(drop).unwrap_err();
            assert_eq!(again.message(), e.message(), "{row}");
        }
    }
    // An archive without entries is one.
    write(&[0; 1024], &[1024], &LayerOptions::default()).unwrap();
}

#[test]
fn compressed_input_is_kept_as_it_is() {
    let tar = tar(200_000);
    let stored: [(Vec<u8>, &str); 5] = [
        (tar.clone(), "tar"),
        (gzip(&tar), "tar+gzip"),
        (zstd::encode_all(&tar[..], 1).unwrap(), "tar+zstd"),
        (
            {
                let mut e = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                e.write_all(&tar).unwrap();
                e.finish().unwrap()
            },
            "tar+bzip2",
        ),
        (
            {
                let mut e = liblzma::write::XzEncoder::new(Vec::new(), 0);
                e.write_all(&tar).unwrap();
                e.finish().unwrap()
            },
            "tar+xz",
        ),
    ];
    for (stored, suffix) in stored {
        let options = LayerOptions {
            is_compressed: true,
            ..LayerOptions::default()
        };
        for size in [1, 1 << 20] {
            let layer = write(&stored, &[size], &options).unwrap();
            assert!(layer.descriptor().media_type.ends_with(suffix));
            assert_eq!(
                layer.descriptor().digest,
                Digest::of(Algorithm::Sha256, &stored)
            );
            assert!(read(&layer, Mode::Stored) == stored);
            assert!(read(&layer, Mode::Uncompressed) == tar);
        }
    }
}

#[test]
fn the_size_limit_is_exact() {
    let tar = tar(2_000_000);
    for (content, is_compressed) in [(tar.clone(), false), (gzip(&tar), true)] {
        for (max_size, fits) in [(tar.len() as u64, true), (tar.len() as u64 - 1, false)] {
            let options = LayerOptions {
                is_compressed,
                max_size: Some(max_size),
                ..LayerOptions::default()
            };
            match write(&content, &[70_000], &options) {
                Ok(_) => assert!(fits),
                Err(e) => {
                    assert!(!fits);
                    assert_eq!(e.status(), Status::LimitExceeded);
                }
            }
        }
    }
}

#[test]
fn finish_is_for_once() {
    let mut writer = LayerWriter::new(&LayerOptions::default(), Arc::default()).unwrap();
    writer.write(&tar(1000)).unwrap();
    writer.finish().unwrap();
    for _ in 0..2 {
        let e = writer.finish().map(drop).unwrap_err();
        assert_eq!(e.status(), Status::InvalidArgument);
        let e = writer.write(b"x").unwrap_err();
        assert_eq!(e.status(), Status::InvalidArgument);
    }
}

#[test]
fn cancelling_is_final() {
    let ctx = Arc::new(Context::default());
    let mut writer = LayerWriter::new(&LayerOptions::default(), ctx.clone()).unwrap();
    writer.write(&tar(1000)).unwrap();
    ctx.cancel();
    assert_eq!(writer.write(b"x").unwrap_err().status(), Status::Cancelled);
    assert_eq!(
        writer.finish().map(drop).unwrap_err().status(),
        Status::Cancelled
    );
}

#[test]
fn every_algorithm_serves_for_digest_and_diff_id() {
    let tar = tar(1000);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3] {
        for method in METHODS {
            let options = LayerOptions {
                algorithm,
                ..options(method)
            };
            let layer = write(&tar, &[100], &options).unwrap();
            assert_eq!(layer.diff_id(), Some(&Digest::of(algorithm, &tar)));
            let stored = read(&layer, Mode::Stored);
            assert_eq!(layer.descriptor().digest, Digest::of(algorithm, &stored));
        }
    }
}

#[test]
fn a_missing_temp_dir_is_an_error_that_names_it() {
    let options = LayerOptions {
        temp_dir: "/no/such\nfolder".into(),
        max_memory: 100,
        ..options(Method::None)
    };
    let e = write(&tar(5000), &[100], &options).map(drop).unwrap_err();
    assert_eq!(e.status(), Status::Io);
    assert!(e.message().contains("/no/such\\nfolder"), "{e}");
    assert_ne!(e.errno(), 0);
    // A missing folder does not matter while no file is needed.
    write(
        &tar(10),
        &[100],
        &LayerOptions {
            max_memory: 1 << 20,
            ..options
        },
    )
    .unwrap();
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    support::in_small_file_system("full_disk", "a disk that is too small for a layer");
}

#[test]
#[ignore = "run by the test above, in a mount namespace of its own"]
fn full_disk() {
    let Some(mount) = std::env::var_os("OCIIMG_TEST_MOUNT") else {
        return;
    };
    let free = || {
        let left = rustix::fs::statvfs(&mount).unwrap();
        (left.f_bfree, std::fs::read_dir(&mount).unwrap().count())
    };
    let all_free = free();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("layer.tar");
    std::fs::write(&file, &*TAR).unwrap();
    for method in METHODS {
        for workers in [0, 2] {
            for max_memory in [0, 100_000, 200_000] {
                let options = LayerOptions {
                    temp_dir: mount.clone().into(),
                    max_memory,
                    workers,
                    ..options(method)
                };
                let mut writer = LayerWriter::new(&options, Arc::default()).unwrap();
                let written = TAR.chunks(70_000).try_for_each(|piece| writer.write(piece));
                let e = written
                    .and_then(|()| writer.finish().map(drop))
                    .unwrap_err();
                assert_eq!((e.status(), e.errno()), (Status::Io, 28), "{e}");
                let place = mount.to_str().unwrap();
                assert!(e.message().contains(place), "{e}");
                for _ in 0..2 {
                    let again = writer.write(b"x").unwrap_err();
                    assert_eq!((again.status(), again.message()), (e.status(), e.message()));
                    let again = writer.finish().map(drop).unwrap_err();
                    assert_eq!((again.status(), again.message()), (e.status(), e.message()));
                }
                // Also while the writer that failed still exists.
                assert_eq!(free(), all_free, "{method:?}");

                let e = file_layer(&file, &options).map(drop).unwrap_err();
                assert_eq!((e.status(), e.errno()), (Status::Io, 28), "{e}");
                assert!(e.message().starts_with(file.to_str().unwrap()), "{e}");
                assert_eq!(free(), all_free, "{method:?}");

                // What fits is a layer, whose file is gone when the layer is.
                let small = tar(150_000);
                let layer = write(&small, &[10_000], &options).unwrap();
                assert!(read(&layer, Mode::Uncompressed) == small);
                drop(layer);
                assert_eq!(free(), all_free, "{method:?}");
            }
        }
    }

    // And a disk that may only be read.
    let mut remount = std::process::Command::new("mount");
    remount.args(["-o", "remount,ro"]).arg(&mount);
    assert!(remount.status().unwrap().success());
    let options = LayerOptions {
        temp_dir: mount.clone().into(),
        ..options(Method::None)
    };
    let e = write(&TAR, &[1 << 20], &options).map(drop).unwrap_err();
    assert_eq!((e.status(), e.errno()), (Status::Io, 30), "{e}");
}

fn file_layer(path: &Path, options: &LayerOptions) -> Result<Layer> {
    from_file(path, options, Arc::default())
}

#[test]
fn files_become_layers() {
    let folder = tempfile::TempDir::new().unwrap();
    let tar = tar(2_000_000);
    let path = folder.path().join("layer.tar");
    std::fs::write(&path, &tar).unwrap();
    // A tar archive is compressed.
    let layer = file_layer(&path, &LayerOptions::default()).unwrap();
    let written = write(&tar, &[10_000], &LayerOptions::default()).unwrap();
    assert_eq!(layer.descriptor(), written.descriptor());
    assert!(read(&layer, Mode::Uncompressed) == tar);
    // A compressed file is not copied, and is verified when it is read.
    let stored = gzip(&tar);
    let path = folder.path().join("layer.tar.gz");
    std::fs::write(&path, &stored).unwrap();
    let layer = file_layer(&path, &LayerOptions::default()).unwrap();
    assert!(read(&layer, Mode::Stored) == stored);
    assert!(read(&layer, Mode::Uncompressed) == tar);
    assert_eq!(layer.diff_id(), written.diff_id());
    let mut changed = stored.clone();
    changed[1000] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    let mut reader = layer
        .open(Mode::Stored, ReadOptions::default(), Arc::default())
        .unwrap();
    assert_eq!(
        reader.finish().unwrap_err().status(),
        Status::DigestMismatch
    );
}

#[test]
fn files_that_are_no_layers_are_refused_by_name() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("text"), vec![b'x'; 3000]).unwrap();
    std::fs::write(at("cut.gz"), &gzip(&tar(1000))[..300]).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    for (name, status) in [
        ("missing", Status::NotFound),
        ("text", Status::Malformed),
        ("cut.gz", Status::Malformed),
        ("folder", Status::Malformed),
        ("text/below", Status::NotFound),
    ] {
        let e = file_layer(&at(name), &LayerOptions::default())
            .map(drop)
            .unwrap_err();
        assert_eq!(e.status(), status, "{e}");
        assert_eq!(e.message().matches(name).count(), 1, "{e}");
    }
}
