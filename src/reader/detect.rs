//! Detects the compression of a blob from its first bytes.

use super::content::Content;
use super::decompress::Decompress;
use super::expected::Expected;
use super::options::ReadOptions;
use super::plain::Plain;
use super::stored::Stored;
use crate::compression::{Compression, HEAD};
use crate::error::Result;

/// A blob whose compression is not known yet.
pub struct Undetected {
    pub stored: Stored,
    pub expected: Expected,
    pub options: ReadOptions,
}

impl Undetected {
    /// Reads just enough to detect the compression.
    pub fn detect(mut self) -> Result<Box<dyn Content>> {
        let compression = Compression::of(self.stored.peek(HEAD)?);
        Ok(match compression.decoder(self.options.max_window_size)? {
            Some(decoder) => Box::new(Decompress::new(
                self.stored,
                self.expected,
                decoder,
                &self.options,
            )?),
            None => Box::new(Plain::new(self.stored, self.expected, &self.options)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::digest::{Algorithm, Digest};
    use crate::error::Status;
    use crate::reader::testing::{
        Script, bzip2, drain, expected, forms, gzip, noise, open, prose, sha256, xz, zstd,
    };
    use crate::reader::{Expected, Mode, ReadOptions, Reader};
    use proptest::prelude::*;
    use std::sync::atomic::Ordering;

    const BESIDE: [u32; 2] = [0, 1];

    fn unpacking(stream: Script, expected: &Expected, workers: u32) -> Reader {
        let options = ReadOptions {
            workers,
            ..ReadOptions::default()
        };
        open(stream, expected, Mode::Uncompressed, options)
    }

    /// The output of `stored`, which is as declared, and its end; checks that they are the
    /// same in pieces of any size and with another thread.
    fn unpack(stored: &[u8], content: &[u8]) -> (Vec<u8>, Result<(), Status>) {
        let expected = expected(stored, content);
        let mut outcomes = [1, 7, 1_000_000].into_iter().flat_map(|piece| {
            BESIDE.map(|workers| {
                let mut reader = unpacking(Script::new(stored, [piece]), &expected, workers);
                let (out, end) = drain(&mut reader, &[100_000]);
                assert_eq!(reader.progress().is_verified(), end.is_ok());
                (out, end.map_err(|e| e.status()))
            })
        });
        let first = outcomes.next().unwrap();
        for other in outcomes {
            assert_eq!(other.1, first.1);
            if first.1.is_ok() {
                assert!(other.0 == first.0);
            }
        }
        first
    }

    fn skippable(len: u32) -> Vec<u8> {
        let mut frame = vec![0x5A, 0x2A, 0x4D, 0x18];
        frame.extend(len.to_le_bytes());
        frame.extend(noise(len as usize));
        frame
    }

    #[test]
    fn every_legal_sequence_unpacks() {
        let (a, b) = (prose(1000), prose(70_000));
        let both = [&a[..], &b].concat();
        let rows: [(&str, Vec<u8>, &[u8]); 26] = [
            ("nothing", vec![], b""),
            ("plain", b.clone(), &b),
            ("shorter than any magic", vec![0x1F], &[0x1F]),
            ("gzip", gzip(&a), &a),
            ("gzip, empty", gzip(b""), b""),
            ("gzip, members", [gzip(&a), gzip(&b)].concat(), &both),
            (
                "gzip, empty members",
                [
                    gzip(b""),
                    gzip(&a),
                    gzip(b""),
                    gzip(b""),
                    gzip(&b),
                    gzip(b""),
                ]
                .concat(),
                &both,
            ),
            ("gzip, noise", gzip(&noise(200_000)), &noise(200_000)),
            ("zstd", zstd(&a), &a),
            ("zstd, empty", zstd(b""), b""),
            ("zstd, frames", [zstd(&a), zstd(&b)].concat(), &both),
            (
                "zstd, empty frames",
                [zstd(b""), zstd(&a), zstd(b""), zstd(&b), zstd(b"")].concat(),
                &both,
            ),
            (
                "zstd, skippable frames",
                [
                    skippable(0),
                    zstd(&a),
                    skippable(100_000),
                    skippable(1),
                    zstd(&b),
                    skippable(3),
                ]
                .concat(),
                &both,
            ),
            ("zstd, nothing but skippable", skippable(5), b""),
            ("zstd, noise", zstd(&noise(200_000)), &noise(200_000)),
            ("bzip2", bzip2(&b), &b),
            ("bzip2, empty", bzip2(b""), b""),
            ("bzip2, noise", bzip2(&noise(300_000)), &noise(300_000)),
            (
                "bzip2, streams",
                [bzip2(b""), bzip2(&a), bzip2(b""), bzip2(&b), bzip2(b"")].concat(),
                &both,
            ),
            ("xz", xz(&b), &b),
            ("xz, empty", xz(b""), b""),
            ("xz, noise", xz(&noise(300_000)), &noise(300_000)),
            (
                "xz, streams",
                [xz(b""), xz(&a), xz(b""), xz(&b), xz(b"")].concat(),
                &both,
            ),
            (
                "xz, padding",
                [&xz(&a)[..], &[0; 4], &xz(&b), &[0; 512]].concat(),
                &both,
            ),
            // lzma-alone has no magic: it is plain.
            (
                "lzma-alone",
                b"\x5D\0\0\x80\0rest".to_vec(),
                b"\x5D\0\0\x80\0rest",
            ),
            (
                "zstd, without checksum",
                ::zstd::bulk::compress(&a, 3).unwrap(),
                &a,
            ),
        ];
        for (row, stored, content) in rows {
            let (out, end) = unpack(&stored, content);
            assert_eq!(end, Ok(()), "{row}");
            assert!(out == content, "{row}");
        }
    }

    #[test]
    fn what_breaks_the_format_is_malformed() {
        let content = prose(1000);
        let (gz, zs) = (gzip(&content), zstd(&content));
        let (bz, x) = (bzip2(&content), xz(&content));
        let with = |stored: &[u8], at: usize, byte: u8| {
            let mut stored = stored.to_vec();
            stored[at] = byte;
            stored
        };
        let rows: [(&str, Vec<u8>); 29] = [
            ("gzip, zeros behind", [&gz[..], &[0; 512]].concat()),
            ("gzip, text behind", [&gz[..], b"text"].concat()),
            ("gzip, half a magic behind", [&gz[..], &[0x1F]].concat()),
            ("gzip, another magic behind", [&gz[..], &zs].concat()),
            ("gzip, reserved flag", with(&gz, 3, 0x20)),
            ("gzip, CRC", with(&gz, gz.len() - 8, !gz[gz.len() - 8])),
            ("gzip, length", with(&gz, gz.len() - 1, !gz[gz.len() - 1])),
            ("gzip, only its magic", gz[..3].to_vec()),
            ("zstd, zeros behind", [&zs[..], &[0; 512]].concat()),
            ("zstd, text behind", [&zs[..], b"text"].concat()),
            (
                "zstd, half a magic behind",
                [&zs[..], &[0x28, 0xB5]].concat(),
            ),
            ("zstd, another magic behind", [&zs[..], &gz].concat()),
            ("zstd, checksum", with(&zs, zs.len() - 1, !zs[zs.len() - 1])),
            ("zstd, only its magic", zs[..4].to_vec()),
            ("bzip2, zeros behind", [&bz[..], &[0; 512]].concat()),
            ("bzip2, text behind", [&bz[..], b"text"].concat()),
            ("bzip2, half a magic behind", [&bz[..], b"BZ"].concat()),
            ("bzip2, another magic behind", [&bz[..], &gz].concat()),
            (
                "bzip2, level 0 behind",
                [&bz[..], b"BZh0\x17rE8P\x90"].concat(),
            ),
            ("bzip2, CRC of its block", with(&bz, 10, !bz[10])),
            ("bzip2, CRC", with(&bz, bz.len() - 2, !bz[bz.len() - 2])),
            ("bzip2, only its magic", bz[..10].to_vec()),
            ("xz, text behind", [&x[..], b"text"].concat()),
            ("xz, zeros behind, not by four", [&x[..], &[0; 7]].concat()),
            ("xz, half a magic behind", [&x[..], &x[..4]].concat()),
            ("xz, another magic behind", [&x[..], &gz].concat()),
            (
                "xz, padding, then text",
                [&x[..], &[0; 4], b"text"].concat(),
            ),
            ("xz, check", with(&x, x.len() - 30, !x[x.len() - 30])),
            ("xz, only its magic", x[..6].to_vec()),
        ];
        for (row, stored) in rows {
            let (_, end) = unpack(&stored, &content);
            assert_eq!(end, Err(Status::Malformed), "{row}");
        }
    }

    #[test]
    fn gzip_header_fields_are_passed_over_and_its_crc_is_checked() {
        // FTEXT, FHCRC, FEXTRA, FNAME and FCOMMENT.
        let mut header = vec![0x1F, 0x8B, 8, 0x1F, 0, 0, 0, 0, 0, 3];
        header.extend(b"\x05\0extra");
        header.extend(b"name\0comment\0");
        let mut crc = flate2::Crc::new();
        crc.update(&header);
        let crc = (crc.sum() as u16).to_le_bytes();
        let content = prose(100);
        let body = &gzip(&content)[10..];

        let (out, end) = unpack(&[&header[..], &crc, body].concat(), &content);
        assert_eq!((out, end), (content.clone(), Ok(())));
        let wrong = [crc[0] ^ 1, crc[1]];
        let (_, end) = unpack(&[&header[..], &wrong, body].concat(), &content);
        assert_eq!(end, Err(Status::Malformed));
    }

    #[test]
    fn what_is_cut_and_declared_so_is_malformed() {
        let content = prose(300);
        let [_, gz, zs, bz, x] = forms(&content);
        for (stored, magic) in [(gz, 3), (zs, 4), (skippable(20), 4), (bz, 10), (x, 6)] {
            for cut in magic..stored.len() {
                let (_, end) = unpack(&stored[..cut], &content);
                assert_eq!(end, Err(Status::Malformed), "{cut}");
            }
        }
    }

    #[test]
    fn what_is_cut_on_its_way_has_the_wrong_size() {
        let content = prose(300);
        for stored in forms(&content) {
            let right = expected(&stored, &content);
            for cut in 0..stored.len() {
                for workers in BESIDE {
                    let stream = Script::new(&stored[..cut], [50]);
                    let (out, end) = drain(&mut unpacking(stream, &right, workers), &[64]);
                    assert_eq!(end.unwrap_err().status(), Status::SizeMismatch, "{cut}");
                    assert!(content.starts_with(&out));
                }
            }
        }
    }

    #[test]
    fn what_goes_on_has_the_wrong_size_whatever_it_goes_on_with() {
        let content = prose(300);
        for stored in forms(&content) {
            let right = expected(&stored, &content);
            for tail in [
                &b"x"[..],
                &[0; 4],
                &gzip(b""),
                &gzip(b"more"),
                &zstd(b""),
                &zstd(b"more"),
                &bzip2(b""),
                &xz(b"more"),
            ] {
                for piece in [1, 10, 1000] {
                    for workers in BESIDE {
                        let stream = Script::new([&stored[..], tail].concat(), [piece]);
                        let (out, end) = drain(&mut unpacking(stream, &right, workers), &[64]);
                        assert_eq!(end.unwrap_err().status(), Status::SizeMismatch);
                        assert!(content.starts_with(&out));
                    }
                }
            }
        }
    }

    #[test]
    fn corrupt_bytes_never_end_well() {
        let content = prose(300);
        for stored in forms(&content) {
            let right = expected(&stored, &content);
            for at in 0..stored.len() {
                for flip in [0x01, 0x80, 0xFF] {
                    let mut corrupt = stored.clone();
                    corrupt[at] ^= flip;
                    let outcomes = BESIDE.map(|workers| {
                        let stream = Script::new(corrupt.clone(), [100]);
                        let (out, end) = drain(&mut unpacking(stream, &right, workers), &[64]);
                        (out, end.expect_err("corrupt").to_string())
                    });
                    assert_eq!(outcomes[0], outcomes[1]);

                    // With its own digest declared it may be valid, but only with this
                    // content.
                    let declared = Expected {
                        digest: sha256(&corrupt),
                        ..right.clone()
                    };
                    let stream = Script::new(corrupt, [100]);
                    let (out, end) = drain(&mut unpacking(stream, &declared, 0), &[64]);
                    assert!(end.is_err() || out == content);
                }
            }
        }
    }

    #[test]
    fn the_end_of_the_stored_blob_is_verified_behind_the_last_frame() {
        let content = prose(300);
        for (stored, other) in [
            (
                [zstd(&content), skippable(9)].concat(),
                [zstd(&content), skippable(8), vec![0]].concat(),
            ),
            (
                [gzip(&content), gzip(b"")].concat(),
                [gzip(&content), vec![0x1F; gzip(b"").len()]].concat(),
            ),
        ] {
            let right = expected(&stored, &content);
            for workers in BESIDE {
                let stream = Script::new(stored.clone(), [10]);
                let mut reader = unpacking(stream, &right, workers);
                drain(&mut reader, &[64]).1.unwrap();
                assert_eq!(reader.progress().stored_read(), stored.len() as u64);
                let (_, end) = drain(
                    &mut unpacking(Script::new(other.clone(), [10]), &right, workers),
                    &[64],
                );
                end.unwrap_err();
            }
        }
        // Skipped bytes count for the digest.
        let mut other = [zstd(&content), skippable(9)].concat();
        let right = expected(&other, &content);
        *other.last_mut().unwrap() ^= 1;
        let (_, end) = drain(&mut unpacking(Script::new(other, [10]), &right, 0), &[64]);
        assert_eq!(end.unwrap_err().status(), Status::DigestMismatch);
    }

    #[test]
    fn a_blob_of_other_content_is_reported_before_what_its_decoder_finds() {
        let content = prose(300_000);
        for stored in &forms(&content)[1..] {
            let declared = expected(stored, &content);
            let damaged = |at: usize| {
                let mut blob = stored.clone();
                blob[at..][..9].fill(0xFF);
                blob
            };
            let longer = [damaged(50), vec![0; 200_000]].concat();
            for workers in BESIDE {
                for at in [20, stored.len() / 2, stored.len() - 9] {
                    let stream = Script::new(damaged(at), [1000]);
                    let (_, end) = drain(&mut unpacking(stream, &declared, workers), &[5000]);
                    assert_eq!(end.unwrap_err().status(), Status::DigestMismatch, "{at}");
                }
                let stream = Script::new(longer.clone(), [1000]);
                let (_, end) = drain(&mut unpacking(stream, &declared, workers), &[5000]);
                assert_eq!(end.unwrap_err().status(), Status::SizeMismatch);
                // A failing stream does not mean that the blob is the wrong one.
                let stream = Script::new(damaged(50), [1000]).failing_at(stored.len() / 1000);
                let (_, end) = drain(&mut unpacking(stream, &declared, workers), &[5000]);
                let status = end.unwrap_err().status();
                assert!(matches!(status, Status::Malformed | Status::Callback));
            }
        }
    }

    #[test]
    fn the_diff_id_is_checked_last() {
        let content = prose(300);
        for stored in forms(&content) {
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3] {
                for workers in BESIDE {
                    let mut declared = expected(&stored, &content);
                    let mut outcome = |diff_id| {
                        declared.diff_id = diff_id;
                        let stream = Script::new(stored.clone(), [100]);
                        let (out, end) = drain(&mut unpacking(stream, &declared, workers), &[64]);
                        assert_eq!(out, content);
                        end
                    };
                    outcome(Some(Digest::of(algorithm, &content))).unwrap();
                    outcome(None).unwrap();
                    let wrong = Digest::of(algorithm, b"other content");
                    let e = outcome(Some(wrong.clone())).unwrap_err();
                    assert_eq!(e.status(), Status::DigestMismatch);
                    assert_eq!(e.digest(), Some(wrong.text()));

                    // A wrong blob is reported before a wrong diff ID.
                    declared.diff_id = Some(wrong);
                    declared.digest = sha256(b"another blob");
                    let stream = Script::new(stored.clone(), [100]);
                    let (_, end) = drain(&mut unpacking(stream, &declared, workers), &[64]);
                    assert_eq!(end.unwrap_err().digest(), Some(declared.digest.text()));
                }
            }
        }
    }

    #[test]
    fn the_size_limit_is_exact() {
        let content = prose(200_000);
        for stored in forms(&content) {
            let right = expected(&stored, &content);
            for workers in BESIDE {
                for (max_uncompressed_size, fits) in [
                    (200_000, true),
                    (200_001, true),
                    (199_999, false),
                    (1, false),
                ] {
                    let options = ReadOptions {
                        max_uncompressed_size: Some(max_uncompressed_size),
                        workers,
                        ..ReadOptions::default()
                    };
                    let stream = Script::new(stored.clone(), [10_000]);
                    let mut reader = open(stream, &right, Mode::Uncompressed, options);
                    let (out, end) = drain(&mut reader, &[64_000]);
                    assert!(content.starts_with(&out));
                    assert!(out.len() as u64 <= max_uncompressed_size);
                    match end {
                        Ok(()) => assert!(fits && out == content),
                        Err(e) => {
                            assert!(!fits, "{e}");
                            assert_eq!(e.status(), Status::LimitExceeded);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_size_limit_is_met_before_what_is_broken_behind_it() {
        let content = prose(1000);
        for stored in &forms(&content)[1..] {
            let stored = [&stored[..], b"text"].concat();
            let right = expected(&stored, &content);
            for (max_uncompressed_size, status) in
                [(999, Status::LimitExceeded), (1000, Status::Malformed)]
            {
                let options = ReadOptions {
                    max_uncompressed_size: Some(max_uncompressed_size),
                    ..ReadOptions::default()
                };
                let stream = Script::new(stored.clone(), [10_000]);
                let mut reader = open(stream, &right, Mode::Uncompressed, options);
                let (_, end) = drain(&mut reader, &[64_000]);
                assert_eq!(end.unwrap_err().status(), status);
            }
        }
    }

    #[test]
    fn every_call_may_fail_or_cancel() {
        let content = prose(40);
        for stored in forms(&content) {
            let right = expected(&stored, &content);
            for call in 0..=stored.len() {
                for workers in BESIDE {
                    let stream = Script::new(stored.clone(), [1]).failing_at(call);
                    let seen = stream.seen.clone();
                    let (out, end) = drain(&mut unpacking(stream, &right, workers), &[3]);
                    assert_eq!(end.unwrap_err().status(), Status::Callback, "{call}");
                    assert!(content.starts_with(&out));
                    assert_eq!(seen.calls.load(Ordering::Relaxed), call + 1);
                    assert!(seen.closed.load(Ordering::Relaxed));

                    let stream = Script::new(stored.clone(), [1]).cancelling_at(call);
                    let seen = stream.seen.clone();
                    let (_, end) = drain(&mut unpacking(stream, &right, workers), &[3]);
                    match end {
                        Ok(()) => assert_eq!(call, stored.len()),
                        Err(e) => assert_eq!(e.status(), Status::Cancelled, "{call}"),
                    }
                    assert_eq!(seen.calls.load(Ordering::Relaxed), call + 1);
                }
            }
        }
    }

    #[test]
    fn streams_are_read_on_the_thread_of_the_caller() {
        let content = prose(500_000);
        let stored = gzip(&content);
        let here = std::thread::current().id();
        let stream = Script::new(stored.clone(), [10_000]).before(move |_, _| {
            assert_eq!(std::thread::current().id(), here);
            Ok(())
        });
        let right = expected(&stored, &content);
        drain(&mut unpacking(stream, &right, 3), &[64_000])
            .1
            .unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_pieces_and_any_reads_give_the_content(
            lens in prop::collection::vec(0..150_000_usize, 1..4),
            compresses in any::<bool>(),
            format in 0..5,
            pieces in prop::collection::vec(1..100_000_usize, 1..4),
            reads in prop::collection::vec(1..100_000_usize, 1..4),
            workers in 0..3_u32,
        ) {
            let parts: Vec<_> = lens
                .iter()
                .map(|len| if compresses { prose(*len) } else { noise(*len) })
                .collect();
            let content = parts.concat();
            let stored: Vec<u8> = match format {
                0 => content.clone(),
                1 => parts.iter().flat_map(|part| gzip(part)).collect(),
                2 => parts.iter().flat_map(|part| bzip2(part)).collect(),
                3 => parts.iter().flat_map(|part| xz(part)).collect(),
                _ => parts.iter().flat_map(|part| zstd(part)).collect(),
            };
            let stream = Script::new(stored.clone(), pieces);
            let seen = stream.seen.clone();
            let mut reader = unpacking(stream, &expected(&stored, &content), workers);
            let (out, end) = drain(&mut reader, &reads);
            prop_assert!(end.is_ok());
            prop_assert!(out == content);
            prop_assert_eq!(reader.progress().stored_read(), stored.len() as u64);
            prop_assert!(seen.smallest_request.load(Ordering::Relaxed) >= 64 * 1024);
        }
    }
}
