//! Copying from a loader to a sink.

mod support;

use ociimg::context::Context;
use ociimg::error::{Error, Status};
use ociimg::platform::{Matcher, Platform};
use ociimg::sink::copy::{Copy, CopyOptions, Counters, Event, Progress, Source};
use ociimg::sink::{LayoutSink, SharedSink, SinkOptions};
use ociimg::text::Text;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::image::check_layout;
use support::loader::*;
use support::sink::MemorySink;

fn copy(memory: &Arc<MemoryLoader>, sink: &MemorySink, options: CopyOptions) -> Copy {
    try_copy(memory, sink, options).unwrap()
}

fn try_copy(
    memory: &Arc<MemoryLoader>,
    sink: &MemorySink,
    options: CopyOptions,
) -> Result<Copy, Error> {
    let index = load(memory)?;
    let source = Source::of_index(&index, options.sparse)?;
    Copy::new(source, Arc::new(SharedSink::new(sink.clone())), options)
}

fn run(copy: &Copy) -> Result<(), Error> {
    copy.run(&Arc::new(Context::default()))
}

fn run_threads(copy: &Copy, threads: usize) -> Vec<Result<(), Error>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| run(copy))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

fn names(names: &[&str]) -> CopyOptions {
    CopyOptions {
        names: names.iter().map(|n| Text::new(n).unwrap()).collect(),
        ..CopyOptions::default()
    }
}

fn digest(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().to_owned()
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    descriptor
}

/// Content that differs by seed, of this length.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A manifest with these layers.
fn image_of(memory: &mut MemoryLoader, layers: &[Value]) -> Value {
    let diff_ids: Vec<_> = layers.iter().map(|l| l["digest"].clone()).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = memory.put_json(CONFIG, &config);
    memory.put_json(
        MANIFEST,
        &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}),
    )
}

/// An observer that keeps all reports.
fn observed() -> (CopyOptions, Arc<Mutex<Vec<Progress>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let options = CopyOptions {
        observer: Some({
            let seen = seen.clone();
            Arc::new(move |p: &Progress| seen.lock().unwrap().push(p.clone()))
        }),
        ..CopyOptions::default()
    };
    (options, seen)
}

fn fails_with(result: Result<(), Error>, status: Status, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    assert!(error.message().contains(part), "{error}");
}

#[test]
fn a_manifest_comes_after_all_that_it_names_and_the_root_last() {
    let mut memory = MemoryLoader::default();
    let [a, b] =
        ["arm", "amd64"].map(|arch| memory.image(json!({"os": "linux", "architecture": arch})));
    let nested = memory.put_json(INDEX, &index(slice::from_ref(&b)));
    let memory = memory.with_index(&[a.clone(), nested.clone()]);
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, names(&["v1", "v2"]))).unwrap();
    sink.check();
    let order: Vec<_> = sink
        .log()
        .into_iter()
        .filter(|c| !c.starts_with("has "))
        .collect();
    let calls: Vec<_> = order.iter().map(|c| c.split(' ').next().unwrap()).collect();
    assert_eq!(
        calls,
        [
            "begin", "write", "commit", "begin", "write", "commit", "manifest", "begin", "write",
            "commit", "manifest", "manifest", "root", "root"
        ]
    );
    assert_eq!(order[6], format!("manifest {}", digest(&a)));
    assert_eq!(order[10], format!("manifest {}", digest(&b)));
    assert_eq!(order[11], format!("manifest {}", digest(&nested)));
    assert_eq!(sink.names(), [Some("v1".into()), Some("v2".into())]);
}

#[test]
fn a_second_copy_reads_no_blob() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(json!({"os": "linux", "architecture": "arm"}));
    let memory = memory.with_index(&[image]);
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, CopyOptions::default())).unwrap();
    let asked = memory.asked().len();
    let (options, seen) = observed();
    let again = copy(&memory, &sink, options);
    run(&again).unwrap();
    let blobs = memory.asked()[asked..]
        .iter()
        .filter(|a| a.starts_with("blob "))
        .count();
    // The config, for the platform of the entry.
    assert_eq!(blobs, 1);
    assert_eq!(sink.count("begin"), 2);
    // The content that the manifest names is checked nevertheless, and the manifest is put.
    assert_eq!(sink.count("has"), 4);
    assert_eq!(sink.count("manifest"), 2);
    let last = seen.lock().unwrap().last().unwrap().counters;
    assert_eq!(
        (last.blobs_skipped, last.blobs_done, last.bytes_done),
        (2, 0, 0)
    );
    assert_eq!(last.bytes_skipped, last.bytes_total);
}

#[test]
fn the_entries_of_a_layout_are_roots_under_their_names() {
    let mut memory = MemoryLoader::default();
    memory.root_is_index = true;
    let [a, b] =
        ["arm", "amd64"].map(|arch| memory.image(json!({"os": "linux", "architecture": arch})));
    let nested = memory.put_json(INDEX, &index(slice::from_ref(&a)));
    let both = named(nested.clone(), "multi");
    let memory = memory.with_index(&[
        both,
        named(a.clone(), "one"),
        named(a.clone(), "two"),
        b.clone(),
    ]);
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, CopyOptions::default())).unwrap();
    sink.check();
    let expected = [
        (&nested, Some("multi")),
        (&a, Some("one")),
        (&a, Some("two")),
        (&b, None),
    ]
    .map(|(d, name)| (digest(d), name.map(str::to_owned)));
    assert_eq!(sink.roots(), expected);
    // The nested index names `a`, which is put for it too; nobody names the list itself.
    assert_eq!(sink.count("manifest"), 1);
    let log = sink.log();
    let first_root = log.iter().position(|c| c.starts_with("root")).unwrap();
    assert!(log[first_root..].iter().all(|c| c.starts_with("root")));

    let error = try_copy(&memory, &sink, names(&["x"])).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
    for part in ["\"multi\"", "\"one\"", "\"two\"", "4 images"] {
        assert!(error.message().contains(part), "{error}");
    }
}

/// A loader of a layout with images of these names, and their digests.
fn layout_of(names: &[String], padding: usize) -> (Arc<MemoryLoader>, Vec<String>) {
    let mut memory = MemoryLoader::default();
    memory.root_is_index = true;
    let mut entries = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let mut manifest = memory.manifest(json!({"os": "linux", "architecture": "arm"}));
        manifest["annotations"] = json!({"n": i.to_string(), "p": "x".repeat(padding)});
        entries.push(named(memory.put_json(MANIFEST, &manifest), name));
    }
    let digests = entries.iter().map(digest).collect();
    (memory.with_index(&entries), digests)
}

#[test]
fn a_layout_lists_all_roots_of_a_copy_with_one_change() {
    // Some names repeat: several platforms under one name.
    let names: Vec<_> = (0..60).map(|i| format!("v{}", i % 40)).collect();
    let (memory, digests) = layout_of(&names, 0);
    let folder = tempfile::TempDir::new().unwrap();
    let sink = LayoutSink::open(folder.path(), &SinkOptions::default()).unwrap();
    let index = folder.path().join("index.json");
    // The file, and the digests in it, when each root is reported.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let options = CopyOptions {
        observer: Some({
            let (seen, index) = (seen.clone(), index.clone());
            Arc::new(move |p: &Progress| {
                if p.event == Event::Root {
                    let inode = fs::metadata(&index).unwrap().ino();
                    let bytes = fs::read(&index).unwrap();
                    let digest = p.descriptor.digest.to_string();
                    seen.lock().unwrap().push((digest, inode, bytes));
                }
            })
        }),
        ..CopyOptions::default()
    };
    let source = Source::of_index(&load(&memory).unwrap(), false).unwrap();
    let copy = Copy::new(source, Arc::new(SharedSink::new(sink)), options).unwrap();
    assert!(run_threads(&copy, 3).iter().all(Result::is_ok));
    let seen = seen.lock().unwrap();
    let inode = fs::metadata(&index).unwrap().ino();
    let bytes = fs::read(&index).unwrap();
    assert!(seen.iter().all(|(_, i, b)| *i == inode && *b == bytes));
    let reported: Vec<_> = seen.iter().map(|(digest, ..)| digest.clone()).collect();
    assert_eq!(reported, digests);
    let listed: Vec<_> = check_layout(folder.path());
    let expected: Vec<_> = names.into_iter().zip(digests).collect();
    assert_eq!(listed, expected);
}

#[test]
fn roots_too_large_to_be_kept_are_put_in_the_same_order() {
    let names: Vec<_> = (0..5).map(|i| format!("v{i}")).collect();
    let (memory, digests) = layout_of(&names, 600_000);
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, CopyOptions::default())).unwrap();
    sink.check();
    let names = names.into_iter().map(Some);
    assert_eq!(
        sink.roots(),
        digests.into_iter().zip(names).collect::<Vec<_>>()
    );
}

#[test]
fn a_cancelled_copy_puts_no_further_root() {
    let ctx = Arc::new(Context::default());
    let sink = MemorySink::new(|shared| {
        let ctx = ctx.clone();
        shared.hook = Some(Box::new(move |call| {
            if call.starts_with("root") {
                ctx.cancel();
            }
            Ok(())
        }));
    });
    let (memory, digests) = layout_of(&["a", "b", "c"].map(str::to_owned), 0);
    let (options, reports) = observed();
    let copy = copy(&memory, &sink, options);
    fails_with(copy.run(&ctx), Status::Cancelled, "");
    assert_eq!(sink.count("root"), 1);
    run(&copy).unwrap();
    let calls: Vec<_> = sink
        .log()
        .into_iter()
        .filter(|c| c.starts_with("root"))
        .collect();
    let expected: Vec<_> = digests
        .iter()
        .map(|digest| format!("root {digest}"))
        .collect();
    assert_eq!(calls, expected);
    let reports = reports.lock().unwrap();
    let roots = reports.iter().filter(|p| p.event == Event::Root);
    let reported: Vec<_> = roots.map(|p| p.descriptor.digest.to_string()).collect();
    assert_eq!(reported, digests);
}

#[test]
fn a_root_has_the_name_that_its_index_gives_it() {
    let containerd = "io.containerd.image.name";
    let oci = "org.opencontainers.image.ref.name";
    for (annotations, name) in [
        (json!({containerd: "a:1", oci: "1"}), Some("a:1")),
        (json!({containerd: "", oci: "1"}), Some("1")),
        (json!({containerd: "", oci: ""}), None),
    ] {
        let mut memory = MemoryLoader::default();
        memory.root_is_index = true;
        let mut image = memory.image(json!({"os": "linux", "architecture": "arm"}));
        image["annotations"] = annotations;
        let memory = memory.with_index(slice::from_ref(&image));
        let name = name.map(str::to_owned);
        let index = load(&memory).unwrap();
        assert_eq!(index.entry_name(0).map(|name| name.to_string()), name);
        let sink = MemorySink::default();
        run(&copy(&memory, &sink, CopyOptions::default())).unwrap();
        assert_eq!(sink.roots(), [(digest(&image), name)]);
    }
}

#[test]
fn names_are_given_to_the_only_entry_of_a_layout() {
    let mut memory = MemoryLoader::default();
    memory.root_is_index = true;
    let image = memory.image(json!({"os": "linux", "architecture": "arm"}));
    let memory = memory.with_index(&[named(image.clone(), "old")]);
    for given in [&["new"][..], &["new", "latest"]] {
        let sink = MemorySink::default();
        run(&copy(&memory, &sink, names(given))).unwrap();
        let expected: Vec<_> = given
            .iter()
            .map(|&name| (digest(&image), Some(name.into())))
            .collect();
        assert_eq!(sink.roots(), expected);
    }
}

#[test]
fn wrong_content_is_never_committed() {
    let layer = noise(1, 300_000);
    let mut short = layer.clone();
    short.pop();
    let mut long = layer.clone();
    long.push(0);
    let mut other = layer.clone();
    other[150_000] ^= 1;
    for (content, status) in [
        (short, Status::SizeMismatch),
        (long, Status::SizeMismatch),
        (other, Status::DigestMismatch),
    ] {
        for leave_out_missing in [false, true] {
            let mut memory = MemoryLoader::default();
            let descriptor = memory.put(LAYER, &layer);
            let image = image_of(&mut memory, slice::from_ref(&descriptor));
            memory.replace(&descriptor, &content);
            let memory = memory.with_index(&[image]);
            let sink = MemorySink::default();
            let options = CopyOptions {
                leave_out_missing,
                ..CopyOptions::default()
            };
            fails_with(run(&copy(&memory, &sink, options)), status, "");
            assert_eq!(sink.count(&format!("abort {}", digest(&descriptor))), 1);
            assert!(!sink.has(&digest(&descriptor)));
            assert_eq!(sink.count("manifest") + sink.count("root"), 0);
            let written = &sink.0.partial.lock().unwrap()[&digest(&descriptor)];
            assert!(written.len() <= layer.len());
        }
    }
}

#[test]
fn descriptors_of_one_blob_give_it_one_size() {
    let mut memory = MemoryLoader::default();
    let layer = memory.put(LAYER, noise(1, 700));
    let mut longer = layer.clone();
    longer["size"] = json!(701);
    let images = [
        image_of(&mut memory, &[layer]),
        image_of(&mut memory, &[longer]),
    ];
    let memory = memory.with_index(&images);
    let sink = MemorySink::default();
    let result = run(&copy(&memory, &sink, CopyOptions::default()));
    fails_with(
        result,
        Status::SizeMismatch,
        "700 in one descriptor and 701 in another",
    );
}

#[test]
fn what_a_sink_has_from_before_is_hashed_and_not_written() {
    for changed in [false, true] {
        let layer = noise(2, 700_000);
        let mut memory = MemoryLoader::default();
        let descriptor = memory.put(LAYER, &layer);
        let image = image_of(&mut memory, slice::from_ref(&descriptor));
        if changed {
            let mut other = layer.clone();
            other[5] ^= 1;
            memory.replace(&descriptor, other);
        }
        let memory = memory.with_index(&[image]);
        let sink = MemorySink::default();
        let there = layer[..400_000].to_vec();
        sink.0
            .partial
            .lock()
            .unwrap()
            .insert(digest(&descriptor), there);
        let (options, seen) = observed();
        let result = run(&copy(&memory, &sink, options));
        if changed {
            fails_with(result, Status::DigestMismatch, "");
            continue;
        }
        result.unwrap();
        sink.check();
        let last = seen.lock().unwrap().last().unwrap().counters;
        assert_eq!(last.bytes_skipped, 400_000);
        assert_eq!(last.bytes_done + last.bytes_skipped, last.bytes_total);
    }
}

#[test]
fn an_offset_beyond_the_blob_breaks_the_contract() {
    let mut memory = MemoryLoader::default();
    let descriptor = memory.put(LAYER, "short");
    let image = image_of(&mut memory, slice::from_ref(&descriptor));
    let memory = memory.with_index(&[image]);
    let sink = MemorySink::default();
    let partial = vec![0; 6];
    sink.0
        .partial
        .lock()
        .unwrap()
        .insert(digest(&descriptor), partial);
    let result = run(&copy(&memory, &sink, CopyOptions::default()));
    fails_with(result, Status::CallbackContract, "offset 6");
    assert_eq!(sink.count("abort"), 1);
}

#[test]
fn a_sink_may_ask_for_a_blob_again_but_not_forever() {
    for (call, restarts, works) in [
        ("write", 3, true),
        ("write", 4, false),
        ("commit", 3, true),
        ("commit", 4, false),
    ] {
        let mut memory = MemoryLoader::default();
        let descriptor = memory.put(LAYER, noise(3, 600_000));
        let image = image_of(&mut memory, slice::from_ref(&descriptor));
        let memory = memory.with_index(&[image]);
        let left = AtomicUsize::new(restarts);
        let wanted = format!("{call} {}", digest(&descriptor));
        let sink = MemorySink::new(|shared| {
            shared.forgetful = true;
            shared.hook = Some(Box::new(move |c| {
                let again = c == wanted
                    && left
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                        .is_ok();
                if again {
                    Err(Error::restart("lost the connection"))
                } else {
                    Ok(())
                }
            }));
        });
        let (options, seen) = observed();
        let result = run(&copy(&memory, &sink, options));
        sink.0.partial.lock().unwrap().clear();
        sink.check();
        let begun = format!("begin {}", digest(&descriptor));
        assert_eq!(sink.count(&begun), 4, "{call} {restarts}");
        let aborts = if call == "write" { restarts } else { 0 };
        assert_eq!(sink.count("abort"), aborts);
        let seen = seen.lock().unwrap();
        assert_eq!(
            seen.iter().filter(|p| p.event == Event::Restarted).count(),
            3
        );
        if works {
            result.unwrap();
            let last = seen.last().unwrap().counters;
            assert_eq!(last.bytes_done, last.bytes_total);
        } else {
            fails_with(result, Status::Unavailable, "lost the connection");
        }
    }
}

#[test]
fn a_commit_that_finds_the_blob_there_is_success() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(json!({"os": "linux", "architecture": "arm"}));
    let memory = memory.with_index(&[image]);
    for (call, works) in [
        ("commit", true),
        ("write", false),
        ("manifest", false),
        ("root", false),
    ] {
        let sink = MemorySink::new(|shared| {
            shared.hook = Some(Box::new(move |c| match c.starts_with(call) {
                true => Err(Error::exists("there already")),
                false => Ok(()),
            }));
        });
        let result = run(&copy(&memory, &sink, CopyOptions::default()));
        match works {
            true => result.unwrap(),
            false => fails_with(result, Status::Exists, "there already"),
        }
    }
}

#[test]
fn missing_content_is_left_out_where_that_is_wanted() {
    let build = || {
        let mut memory = MemoryLoader::default();
        let layers = [memory.put(LAYER, "one"), memory.put(LAYER, "two")];
        let image = image_of(&mut memory, &layers);
        let gone = memory.image(json!({"os": "linux", "architecture": "arm"}));
        (
            memory,
            layers,
            on(image, "linux", "amd64"),
            on(gone, "linux", "arm"),
        )
    };
    // A layer, a manifest that the load did not read, and an entry that it found broken.
    let missing: [fn(&[Value; 2], &Value, &mut Value) -> Value; 3] = [
        |layers, _, _| layers[1].clone(),
        |_, gone, _| gone.clone(),
        |_, gone, listed| {
            listed.as_object_mut().unwrap().remove("platform");
            gone.clone()
        },
    ];
    for choose in missing {
        let (mut memory, layers, image, gone) = build();
        let mut listed = gone.clone();
        let removed = choose(&layers, &gone, &mut listed);
        memory.remove(&removed);
        let memory = memory.with_index(&[listed, image.clone()]);
        let sink = MemorySink::default();
        let result = run(&copy(&memory, &sink, CopyOptions::default()));
        fails_with(result, Status::NotFound, "");
        let begun = format!("begin {}", digest(&removed));
        assert_eq!(sink.count(&begun), 0, "the source is opened first");

        let (mut options, seen) = observed();
        options.leave_out_missing = true;
        let sink = MemorySink::default();
        run(&copy(&memory, &sink, options)).unwrap();
        sink.check();
        assert!(sink.has(&digest(&image)) && sink.has(&digest(&layers[0])));
        assert!(!sink.has(&digest(&removed)));
        assert_eq!(sink.count("root"), 1);
        let last = seen.lock().unwrap().last().unwrap().counters;
        assert_eq!(last.bytes_done + last.bytes_skipped, last.bytes_total);
        assert_eq!(last.blobs_done + last.blobs_skipped, last.blobs_total);
    }
}

#[test]
fn foreign_layers_are_copied_where_the_source_has_them() {
    const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    for (there, skip_foreign, copied) in [
        (true, false, true),
        (true, true, false),
        (false, false, false),
        (false, true, false),
    ] {
        let mut memory = MemoryLoader::default();
        let layers = [memory.put(FOREIGN, "windows"), memory.put(LAYER, "mine")];
        let image = image_of(&mut memory, &layers);
        if !there {
            memory.remove(&layers[0]);
        }
        let memory = memory.with_index(&[image]);
        let sink = MemorySink::default();
        let options = CopyOptions {
            skip_foreign,
            ..CopyOptions::default()
        };
        run(&copy(&memory, &sink, options)).unwrap();
        assert_eq!(sink.has(&digest(&layers[0])), copied);
        assert!(sink.has(&digest(&layers[1])));
    }
}

#[test]
fn a_layer_that_is_foreign_in_one_image_is_still_missed_by_another() {
    const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    let mut memory = MemoryLoader::default();
    let foreign = memory.put(FOREIGN, "layer");
    let ours = memory.put(LAYER, "layer");
    let images = [
        image_of(&mut memory, slice::from_ref(&foreign)),
        image_of(&mut memory, &[ours]),
    ];
    memory.remove(&foreign);
    let memory = memory.with_index(&images);
    let sink = MemorySink::default();
    let result = run(&copy(&memory, &sink, CopyOptions::default()));
    fails_with(result, Status::NotFound, "");
    assert_eq!(sink.count("root"), 0);
}

#[test]
fn a_selection_is_copied_sparsely_or_not_at_all() {
    let mut memory = MemoryLoader::default();
    let images: Vec<_> = ["amd64", "arm64", "s390x"]
        .iter()
        .map(|arch| {
            on(
                memory.image(json!({"os": "linux", "architecture": arch})),
                "linux",
                arch,
            )
        })
        .collect();
    let left = memory.put_json(INDEX, &index(&images[..2]));
    let right = memory.put_json(INDEX, &index(&images[2..]));
    let memory = memory.with_index(&[left.clone(), right.clone()]);
    let whole = load(&memory).unwrap();
    let platform = Platform::parse("linux/arm64", Platform::host()).unwrap();
    let selected = whole.select(&Matcher::only(&platform));
    let error = Source::of_index(&selected, false).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("index builder"), "{error}");

    let sink = MemorySink::default();
    let source = Source::of_index(&selected, true).unwrap();
    let options = CopyOptions {
        sparse: true,
        ..CopyOptions::default()
    };
    let copy = Copy::new(source, Arc::new(SharedSink::new(sink.clone())), options).unwrap();
    run(&copy).unwrap();
    let documents: HashSet<_> = sink.0.documents.lock().unwrap().keys().cloned().collect();
    let root = whole.root().digest.to_string();
    assert_eq!(
        documents,
        HashSet::from([digest(&images[1]), digest(&left), root])
    );
    assert_eq!(sink.0.blobs.lock().unwrap().len(), 2);
}

#[test]
fn content_that_is_no_manifest_is_copied_alone() {
    let mut memory = MemoryLoader::default();
    let unknown = memory.put(
        "application/x-unknown",
        r#"{"layers": [{"digest": "sha256:x"}]}"#,
    );
    let memory = memory.with_index(slice::from_ref(&unknown));
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, CopyOptions::default())).unwrap();
    assert_eq!(sink.log()[0], format!("manifest {}", digest(&unknown)));
    assert_eq!(
        memory.asked().last().unwrap(),
        &format!("manifest {}", digest(&unknown))
    );
    assert_eq!(sink.log().len(), 2);
}

#[test]
fn embedded_data_is_written_from_the_document() {
    let mut memory = MemoryLoader::default();
    let mut layer = memory.put(LAYER, "embedded");
    layer["data"] = json!("ZW1iZWRkZWQ=");
    memory.remove(&layer);
    let image = image_of(&mut memory, &[layer.clone()]);
    let memory = memory.with_index(&[image]);
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, CopyOptions::default())).unwrap();
    assert_eq!(sink.0.blobs.lock().unwrap()[&digest(&layer)], b"embedded");
}

#[test]
fn diff_ids_are_checked_where_that_is_wanted() {
    use std::io::Write;
    let tar = noise(4, 400_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let gzip = gzip.finish().unwrap();
    for right in [true, false] {
        let mut memory = MemoryLoader::default();
        let layer = memory.put("application/vnd.oci.image.layer.v1.tar+gzip", &gzip);
        let diff_id = memory.put(LAYER, if right { &tar[..] } else { b"other" });
        let config = json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [diff_id["digest"]]},
        });
        let config = memory.put_json(CONFIG, &config);
        let image = memory.put_json(
            MANIFEST,
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}),
        );
        let memory = memory.with_index(&[image]);
        for check_diff_ids in [false, true] {
            let sink = MemorySink::default();
            let options = CopyOptions {
                check_diff_ids,
                ..CopyOptions::default()
            };
            let result = run(&copy(&memory, &sink, options));
            sink.check();
            if right || !check_diff_ids {
                result.unwrap();
                assert_eq!(sink.0.blobs.lock().unwrap()[&digest(&layer)], gzip);
            } else {
                fails_with(result, Status::DigestMismatch, "diff ID");
                assert!(!sink.has(&digest(&layer)));
            }
        }
    }
}

#[test]
fn a_copy_goes_on_where_it_failed_whatever_call_failed() {
    let build = || {
        let mut memory = MemoryLoader::default();
        let layers: Vec<_> = (0..3)
            .map(|n| memory.put(LAYER, noise(n, 300_000)))
            .collect();
        let images = [
            image_of(&mut memory, &layers[..2]),
            image_of(&mut memory, &layers[1..]),
        ];
        memory.with_index(&images)
    };
    let memory = build();
    let sink = MemorySink::default();
    run(&copy(&memory, &sink, names(&["a", "b"]))).unwrap();
    let calls = sink.log().len();
    for at in 0..calls {
        for threads in [1, 3] {
            let memory = build();
            let seen = AtomicUsize::new(0);
            let sink = MemorySink::new(|shared| {
                shared.hook = Some(Box::new(move |_| {
                    match seen.fetch_add(1, Ordering::SeqCst) == at {
                        true => Err(Error::denied("not now")),
                        false => Ok(()),
                    }
                }));
            });
            let (mut options, reports) = observed();
            options.names = names(&["a", "b"]).names;
            let copy = copy(&memory, &sink, options);
            let mut failed = 0;
            for result in run_threads(&copy, threads) {
                // A thread that comes when the others failed starts anew and succeeds.
                if let Err(error) = result {
                    assert_eq!(error.status(), Status::Denied, "{error}");
                    failed += 1;
                }
            }
            // A failed abort has no effect.
            assert!(failed > 0 || threads > 1 || sink.log()[at].starts_with("abort"));
            assert!(run_threads(&copy, threads).iter().all(Result::is_ok));
            sink.check();
            assert_eq!(sink.names(), [Some("a".into()), Some("b".into())]);
            assert_eq!(sink.0.blobs.lock().unwrap().len(), 5);
            let last = check_reports(&reports.lock().unwrap());
            assert_eq!(last.bytes_done + last.bytes_skipped, last.bytes_total);
            assert_eq!((last.blobs_done, last.blobs_total), (5, 5));
        }
    }
}

/// Checks that the counters only move as they may; returns the last ones.
fn check_reports(reports: &[Progress]) -> Counters {
    let mut last = Counters::default();
    for p in reports {
        let c = p.counters;
        assert!(
            c.bytes_done >= last.bytes_done || p.event == Event::Restarted,
            "{p:?}"
        );
        assert!(c.bytes_skipped >= last.bytes_skipped || p.event == Event::Restarted);
        assert!(c.bytes_total >= last.bytes_total && c.blobs_total >= last.blobs_total);
        assert!(c.bytes_done + c.bytes_skipped <= c.bytes_total);
        assert!(c.blobs_done >= last.blobs_done && c.blobs_skipped >= last.blobs_skipped);
        assert!(p.blob_bytes <= p.descriptor.size);
        last = c;
    }
    last
}

#[test]
fn a_sink_of_one_stream_gets_the_same_calls_whatever_the_threads() {
    let mut memory = MemoryLoader::default();
    let layers: Vec<_> = (0..6).map(|n| memory.put(LAYER, noise(n, 1000))).collect();
    let images: Vec<_> = (0..5)
        .map(|n| image_of(&mut memory, &layers[n..n + 2]))
        .collect();
    let memory = memory.with_index(&images);
    let log = |threads| {
        let sink = MemorySink::new(|shared| shared.max_streams = 1);
        let copy = copy(&memory, &sink, CopyOptions::default());
        assert!(run_threads(&copy, threads).iter().all(Result::is_ok));
        sink.log()
    };
    let expected = log(1);
    for _ in 0..20 {
        assert_eq!(log(8), expected);
    }
}

#[test]
fn no_more_streams_are_open_than_the_sink_takes() {
    let mut memory = MemoryLoader::default();
    let layers: Vec<_> = (0..12).map(|n| memory.put(LAYER, noise(n, 1000))).collect();
    let image = image_of(&mut memory, &layers);
    let memory = memory.with_index(&[image]);
    for (max_streams, most) in [(3, 3), (0, 8)] {
        let sink = MemorySink::new(|shared| {
            shared.max_streams = max_streams;
            shared.hook = Some(Box::new(|call| {
                if call.starts_with("write") {
                    thread::sleep(Duration::from_millis(2));
                }
                Ok(())
            }));
        });
        // Two copies to one sink count together.
        let shared = Arc::new(SharedSink::new(sink.clone()));
        let copies: Vec<_> = (0..2)
            .map(|_| {
                let source = Source::of_index(&load(&memory).unwrap(), false).unwrap();
                Copy::new(source, shared.clone(), CopyOptions::default()).unwrap()
            })
            .collect();
        thread::scope(|scope| {
            for n in 0..8 {
                let copy = &copies[n % 2];
                scope.spawn(move || run(copy).unwrap());
            }
        });
        let open = sink.0.most_open.load(Ordering::SeqCst);
        assert!(open > 1 && open <= most, "{open}");
    }
}

#[test]
fn two_threads_take_half_the_time() {
    let mut memory = MemoryLoader::default();
    let layers: Vec<_> = (0..20).map(|n| memory.put(LAYER, noise(n, 1000))).collect();
    let image = image_of(&mut memory, &layers);
    let memory = memory.with_index(&[image]);
    let time = |threads| {
        let sink = MemorySink::new(|shared| {
            shared.hook = Some(Box::new(|_| {
                thread::sleep(Duration::from_millis(5));
                Ok(())
            }));
        });
        let copy = copy(&memory, &sink, CopyOptions::default());
        let start = Instant::now();
        assert!(run_threads(&copy, threads).iter().all(Result::is_ok));
        start.elapsed()
    };
    // Once is enough: the machine may be busy with something else.
    let mut ratios = (0..5).map(|_| time(1).as_secs_f64() / time(2).as_secs_f64());
    assert!(ratios.any(|ratio| ratio >= 1.8));
}

#[test]
fn a_run_inside_a_callback_is_busy() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(json!({"os": "linux", "architecture": "arm"}));
    let memory = memory.with_index(&[image]);
    for max_streams in [0, 1] {
        let inner: Arc<Mutex<Option<(Arc<Copy>, Arc<SharedSink>)>>> = Arc::default();
        let busy = Arc::new(AtomicUsize::new(0));
        let sink = MemorySink::new(|shared| {
            shared.max_streams = max_streams;
            let (inner, busy) = (inner.clone(), busy.clone());
            shared.hook = Some(Box::new(move |_| {
                if let Some((copy, sink)) = inner.lock().unwrap().clone() {
                    let ctx = Arc::new(Context::default());
                    assert_eq!(copy.run(&ctx).unwrap_err().status(), Status::Busy);
                    assert_eq!(sink.finish(&ctx).unwrap_err().status(), Status::Busy);
                    busy.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            }));
        });
        let shared = Arc::new(SharedSink::new(sink.clone()));
        let source = Source::of_index(&load(&memory).unwrap(), false).unwrap();
        let copy = Copy::new(source, shared.clone(), CopyOptions::default()).unwrap();
        let copy = Arc::new(copy);
        *inner.lock().unwrap() = Some((copy.clone(), shared.clone()));
        run(&copy).unwrap();
        assert_eq!(busy.load(Ordering::SeqCst), sink.log().len());
        *inner.lock().unwrap() = None;
        shared.finish(&Context::default()).unwrap();
        let again = shared.finish(&Context::default()).unwrap_err();
        assert_eq!(again.status(), Status::InvalidArgument);
        assert_eq!(run(&copy).unwrap_err().status(), Status::InvalidArgument);
    }
}

#[test]
fn another_copy_inside_a_callback_does_not_wait_for_itself() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(json!({"os": "linux", "architecture": "arm"}));
    let memory = memory.with_index(&[image]);
    let inner: Arc<Mutex<Option<Copy>>> = Arc::default();
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let sink = MemorySink::new(|shared| {
        shared.max_streams = 1;
        let (inner, statuses) = (inner.clone(), statuses.clone());
        shared.hook = Some(Box::new(move |call| {
            if call.starts_with("write")
                && let Some(copy) = inner.lock().unwrap().take()
            {
                statuses
                    .lock()
                    .unwrap()
                    .push(run(&copy).unwrap_err().status());
            }
            Ok(())
        }));
    });
    let shared = Arc::new(SharedSink::new(sink.clone()));
    let copies = [(); 2].map(|()| {
        let source = Source::of_index(&load(&memory).unwrap(), false).unwrap();
        Copy::new(source, shared.clone(), CopyOptions::default()).unwrap()
    });
    let [outer, other] = copies;
    *inner.lock().unwrap() = Some(other);
    run(&outer).unwrap();
    assert_eq!(*statuses.lock().unwrap(), [Status::Busy]);
}

#[test]
fn a_cancelled_thread_ends_the_run_of_all() {
    let mut memory = MemoryLoader::default();
    let layers: Vec<_> = (0..4).map(|n| memory.put(LAYER, noise(n, 1000))).collect();
    let image = image_of(&mut memory, &layers);
    let memory = memory.with_index(&[image]);
    let go = Arc::new(AtomicBool::new(false));
    let sink = MemorySink::new(|shared| {
        // One stream: the others wait.
        shared.max_streams = 1;
        let go = go.clone();
        shared.hook = Some(Box::new(move |call| {
            while call.starts_with("write") && !go.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }));
    });
    let copy = copy(&memory, &sink, CopyOptions::default());
    let ctx = Arc::new(Context::default());
    thread::scope(|scope| {
        let writing = scope.spawn(|| run(&copy));
        while sink.count("write") == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let waiting = scope.spawn(|| copy.run(&ctx));
        thread::sleep(Duration::from_millis(30));
        ctx.cancel();
        // The waiting thread returns although nothing moves.
        fails_with(waiting.join().unwrap(), Status::Cancelled, "");
        go.store(true, Ordering::SeqCst);
        fails_with(writing.join().unwrap(), Status::Cancelled, "");
    });
    assert!(run_threads(&copy, 2).iter().all(Result::is_ok));
    sink.check();
}

#[test]
fn a_panic_spoils_the_copy_and_leaves_nobody_waiting() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(json!({"os": "linux", "architecture": "arm"}));
    let memory = memory.with_index(&[image]);
    let sink = MemorySink::new(|shared| {
        shared.hook = Some(Box::new(|call| {
            assert!(!call.starts_with("commit"), "a bug");
            Ok(())
        }));
    });
    let copy = copy(&memory, &sink, CopyOptions::default());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| run(&copy))).collect();
        let mut panics = 0;
        for thread in threads {
            match thread.join() {
                Ok(result) => fails_with(result, Status::Internal, "panicked"),
                Err(_) => panics += 1,
            }
        }
        assert!(panics > 0);
    });
    fails_with(run(&copy), Status::Internal, "panicked");
}

/// A tree of indexes over a few images that share layers.
#[derive(Clone, Debug)]
enum Tree {
    Image(Vec<usize>),
    Index(Vec<Tree>),
}

fn tree() -> impl Strategy<Value = Vec<Tree>> {
    let image = prop::collection::vec(0..6_usize, 0..4).prop_map(Tree::Image);
    let tree = image.prop_recursive(3, 24, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Tree::Index)
    });
    prop::collection::vec(tree, 0..5)
}

/// Puts a tree into a loader, and records which document names what.
fn plant(
    memory: &mut MemoryLoader,
    tree: &Tree,
    names: &mut HashMap<String, Vec<String>>,
) -> Value {
    let (descriptor, children): (Value, Vec<Value>) = match tree {
        Tree::Image(layers) => {
            let layers: Vec<_> = layers
                .iter()
                .map(|n| memory.put(LAYER, noise(*n as u64, 100 * n)))
                .collect();
            let image = image_of(memory, &layers);
            (image, layers)
        }
        Tree::Index(children) => {
            let children: Vec<_> = children.iter().map(|c| plant(memory, c, names)).collect();
            (memory.put_json(INDEX, &index(&children)), children)
        }
    };
    names.insert(digest(&descriptor), children.iter().map(digest).collect());
    descriptor
}

proptest! {
    #[test]
    fn whatever_the_tree_all_comes_once_and_in_order(
        tree in tree(),
        is_list in any::<bool>(),
        threads in 1..4_usize,
        max_streams in 0..3_u32,
    ) {
        let mut memory = MemoryLoader::default();
        memory.root_is_index = is_list;
        let mut named = HashMap::new();
        let children: Vec<_> = tree.iter().map(|t| plant(&mut memory, t, &mut named)).collect();
        let memory = memory.with_index(&children);
        let sink = MemorySink::new(|shared| {
            shared.max_streams = max_streams;
            shared.forgetful = true;
        });
        let copy = copy(&memory, &sink, CopyOptions::default());
        for result in run_threads(&copy, threads) {
            result.unwrap();
        }
        sink.check();
        let mut there = HashSet::new();
        let mut roots = false;
        for call in sink.log() {
            let (call, digest) = call.split_once(' ').unwrap();
            match call {
                "commit" => prop_assert!(there.insert(digest.to_owned()), "{digest} twice"),
                "manifest" => {
                    prop_assert!(!roots, "a manifest after a root");
                    prop_assert!(there.insert(digest.to_owned()), "{digest} twice");
                }
                "root" => roots = true,
                _ => continue,
            }
            for child in named.get(digest).into_iter().flatten() {
                prop_assert!(there.contains(child), "{digest} before {child}");
            }
        }
        let expected: Vec<_> = match is_list {
            true => children.iter().map(digest).collect(),
            false => vec![load(&memory).unwrap().root().digest.to_string()],
        };
        let roots: Vec<_> = sink.roots().into_iter().map(|(digest, _)| digest).collect();
        prop_assert_eq!(roots, expected);
        for digest in named.keys() {
            prop_assert!(sink.has(digest));
        }
    }
}
