//! Loading: the walk over nested indexes, its cost, and its results.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ociimg::context::Context;
use ociimg::descriptor::Descriptor;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Result, Status};
use ociimg::index::Index;
use ociimg::load::{EntryKind, LoadOptions};
use ociimg::loader::{Loader, Stream};
use ociimg::platform::{Matcher, Platform};
use ociimg::reader::{self, Mode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use support::loader::*;

fn linux(architecture: &str) -> Value {
    json!({"os": "linux", "architecture": architecture})
}

fn architectures(index: &Index) -> Vec<String> {
    let architecture = |p: &Platform| p.architecture.as_ref().unwrap().to_string();
    index
        .entries()
        .iter()
        .map(|entry| match &entry.platform {
            Some(platform) => architecture(platform),
            None => format!("{:?}", entry.kind),
        })
        .collect()
}

/// The statuses of the broken entries, `None` for the others.
fn broken(index: &Index) -> Vec<Option<Status>> {
    let status = |e: &ociimg::load::Entry| e.error.as_ref().map(|e| e.status());
    index.entries().iter().map(status).collect()
}

fn ctx() -> Context {
    Context::default()
}

#[test]
fn nested_indexes_of_either_family_stand_where_they_are_named() {
    let mut memory = MemoryLoader::default();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|arch| memory.image(linux(arch)));
    let inner = json!({"schemaVersion": 2, "manifests": [b, c]});
    let inner = memory.put_json(DOCKER_INDEX, &inner);
    let outer = memory.put_json(INDEX, &index(&[a, inner.clone()]));
    let memory = memory.with_index(&[outer, d, inner]);
    let index = load(&memory).unwrap();
    assert_eq!(architectures(&index), ["a", "b", "c", "d", "b", "c"]);
}

#[test]
fn one_digest_is_loaded_once_however_often_it_is_named() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(linux("arm"));
    let nested = memory.put_json(INDEX, &index(&[image.clone(), image.clone()]));
    let memory = memory.with_index(&[nested.clone(), nested, image]);
    let index = load(&memory).unwrap();
    assert_eq!(architectures(&index), ["arm"; 5]);
    // The root, the nested index, the manifest, and the config for its platform.
    assert_eq!(memory.asked().len(), 4, "{:?}", memory.asked());
}

#[test]
fn a_digest_met_again_is_checked_against_this_descriptor() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(linux("arm"));
    let mut longer = image.clone();
    longer["size"] = json!(image["size"].as_u64().unwrap() + 1);
    let mut as_index = image.clone();
    as_index["mediaType"] = json!(INDEX);
    let memory = memory.with_index(&[image.clone(), longer, as_index, image]);
    let index = load(&memory).unwrap();
    assert_eq!(
        broken(&index),
        [
            None,
            Some(Status::SizeMismatch),
            Some(Status::Malformed),
            None
        ]
    );
    assert_eq!(memory.asked().len(), 3, "{:?}", memory.asked());
}

#[test]
fn a_descriptor_of_the_wrong_size_does_not_spoil_the_right_one() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(linux("arm"));
    let mut shorter = image.clone();
    shorter["size"] = json!(3);
    let memory = memory.with_index(&[shorter, image]);
    let index = load(&memory).unwrap();
    assert_eq!(broken(&index), [Some(Status::SizeMismatch), None]);
}

#[test]
fn what_was_read_decides_for_entries_before_it_too() {
    let mut memory = MemoryLoader::default();
    let config = memory.put("application/vnd.oci.empty.v1+json", "{}");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
    let artifact = memory.put_json(MANIFEST, &manifest);
    let described = on(artifact.clone(), "linux", "arm");
    let children = [described.clone(), artifact, described];
    let memory = memory.with_index(&[children[0].clone()]);
    let kinds = |memory: Arc<MemoryLoader>| {
        let index = load(&memory).unwrap();
        let kinds = index.entries().iter().map(|entry| entry.kind);
        kinds.collect::<Vec<_>>()
    };
    // Nothing is read, and nothing known.
    assert_eq!(kinds(memory.clone()), [EntryKind::Image]);
    let memory = Arc::into_inner(memory).expect("no index has it");
    assert_eq!(
        kinds(memory.with_index(&children)),
        [EntryKind::Artifact; 3]
    );
}

#[test]
fn what_was_read_makes_an_image_of_what_a_descriptor_calls_an_artifact() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(linux("arm"));
    let mut typed = image.clone();
    typed["artifactType"] = json!("a/b");
    let mut attestation = image.clone();
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let described = on(image.clone(), "linux", "amd64");
    let children = [typed.clone(), image, typed, attestation, described];
    let memory = memory.with_index(&children[..1]);
    let index = load(&memory).unwrap();
    assert_eq!(index.entries()[0].kind, EntryKind::Artifact);
    assert_eq!(memory.asked(), ["root"]);
    drop(index);
    let memory = Arc::into_inner(memory).expect("no index has it");
    let memory = memory.with_index(&children);
    let index = load(&memory).unwrap();
    let kinds: Vec<_> = index.entries().iter().map(|entry| entry.kind).collect();
    use EntryKind::{Attestation, Image};
    assert_eq!(kinds, [Image, Image, Image, Attestation, Image]);
    assert_eq!(
        architectures(&index),
        ["arm", "arm", "arm", "Attestation", "amd64"]
    );
    for i in [0, 1, 2, 4] {
        assert!(index.image(i, &ctx()).is_ok(), "{i}");
    }
}

#[test]
fn diff_ids_that_do_not_fit_break_the_entry_whose_config_was_read() {
    let mut memory = MemoryLoader::default();
    let layer = memory.put(LAYER, "a layer");
    let data = memory.put("application/wasm", "data");
    let mut image = |layers: &[&Value], diff_ids: usize| {
        let mut config = linux("arm");
        let diff_ids = vec![&layer["digest"]; diff_ids];
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        let config = memory.put_json(CONFIG, &config);
        memory.put_json(
            MANIFEST,
            &json!({"schemaVersion": 2, "config": config, "layers": layers}),
        )
    };
    let rows = [
        (image(&[&layer], 1), true),
        (image(&[&layer], 0), true),
        (image(&[&layer, &data], 1), true),
        (image(&[&layer, &data], 2), true),
        (image(&[], 0), true),
        (image(&[], 1), false),
        (image(&[&layer], 2), false),
        (image(&[&layer, &layer, &data], 1), false),
        (image(&[&data], 2), false),
    ];
    let children: Vec<_> = rows.iter().map(|(child, _)| child.clone()).collect();
    let described: Vec<_> = children
        .iter()
        .map(|child| on(child.clone(), "linux", "arm"))
        .collect();
    let memory = memory.with_index(&children);
    let index = load(&memory).unwrap();
    for (i, (child, fits)) in rows.iter().enumerate() {
        let entry = &index.entries()[i];
        let Err(e) = index.image(i, &ctx()) else {
            assert!(fits, "{i}");
            continue;
        };
        assert!(!fits, "{i}: {e}");
        assert_eq!(entry.kind, EntryKind::Broken, "{i}");
        assert_eq!(
            (entry.platform.as_ref(), e.status()),
            (None, Status::Malformed)
        );
        let digest = child["digest"].as_str().unwrap();
        assert_eq!(e.digest().map(|d| &**d), Some(digest), "{e}");
        let place = format!("document {digest}: layers: found ");
        assert!(e.message().starts_with(&place), "{e}");
    }
    // Where the descriptor has a platform nothing is read at load, and the image fails.
    drop(index);
    let memory = Arc::into_inner(memory).expect("no index has it");
    let memory = memory.with_index(&described);
    let index = load(&memory).unwrap();
    for (i, (_, fits)) in rows.iter().enumerate() {
        assert_eq!(index.entries()[i].kind, EntryKind::Image, "{i}");
        let status = index.image(i, &ctx()).map(drop).map_err(|e| e.status());
        assert_eq!(status.err(), (!fits).then_some(Status::Malformed), "{i}");
    }
}

#[test]
fn only_what_was_read_counts_to_the_size_of_all_documents() {
    let mut memory = MemoryLoader::default();
    let [missing, shorter, sound] = ["1", "2", "3"].map(|arch| memory.image(linux(arch)));
    memory.remove(&missing);
    memory.replace(&shorter, "x");
    let children = [missing, shorter, sound];
    let memory = memory.with_index(&children);
    let root = load(&memory).unwrap().root().bytes.len() as u64;
    let index = |max_total_size| {
        let options = LoadOptions {
            max_total_size,
            ..LoadOptions::default()
        };
        broken(&load_with(&memory, &options).unwrap())[2]
    };
    // The root, the byte that came of the second, and the third with its config.
    let manifest = children[2]["size"].as_u64().unwrap();
    let config = load(&memory).unwrap().image(2, &ctx()).unwrap();
    let config = config.config().bytes.len() as u64;
    let read = root + 1 + manifest + config;
    assert_eq!(index(read), None);
    assert_eq!(index(read - 1), Some(Status::LimitExceeded));
}

#[test]
fn an_index_named_often_costs_no_more_for_the_texts_in_it() {
    let times = [10, 3 << 20].map(|len| {
        let mut memory = MemoryLoader::default();
        let mut child = memory.image(linux("arm"));
        child["digest"] = json!("other:x");
        child["annotations"] = json!({"a": "x".repeat(len)});
        let nested = memory.put_json(INDEX, &index(&[child]));
        let memory = memory.with_index(&vec![nested; 8000]);
        let start = Instant::now();
        let index = load(&memory).unwrap();
        assert_eq!(broken(&index), [Some(Status::Unsupported); 8000]);
        start.elapsed()
    });
    // Looking at all of the text at each visit would be 24 GB.
    assert!(
        times[1] < times[0] * 10 + Duration::from_secs(1),
        "{times:?}"
    );
}

#[test]
fn a_walk_that_reads_nothing_can_be_cancelled() {
    /// Cancels when its end was read.
    struct Last(bool);
    impl Stream for Last {
        fn read(&mut self, buf: &mut [u8], ctx: &Context) -> Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                ctx.cancel();
                return Ok(0);
            }
            let root = index(&[json!({"mediaType": "x/y", "digest": "z:0", "size": 0})]);
            let root = root.to_string();
            buf[..root.len()].copy_from_slice(root.as_bytes());
            Ok(root.len())
        }
    }
    struct Cancelling;
    impl Loader for Cancelling {
        fn open_root_manifest(&self, _: &Context) -> Result<Box<dyn Stream>> {
            Ok(Box::new(Last(false)))
        }
        fn open_manifest(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
            unreachable!("nothing is to be read")
        }
        fn open_blob(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
            unreachable!("nothing is to be read")
        }
    }
    let loaded = Index::load(Arc::new(Cancelling), &LoadOptions::default(), &ctx());
    assert_eq!(loaded.err().unwrap().status(), Status::Cancelled);
}

#[test]
fn a_failure_is_met_once_in_a_load() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(linux("arm"));
    memory.remove(&image);
    let memory = memory.with_index(&[image.clone(), image.clone(), on(image, "linux", "arm")]);
    let index = load(&memory).unwrap();
    // A manifest whose descriptor has a platform is not read, so no fault is known.
    let missing = Some(Status::NotFound);
    assert_eq!(broken(&index), [missing, missing, None]);
    assert_eq!(memory.asked().len(), 2, "{:?}", memory.asked());
}

#[test]
fn embedded_data_is_used_though_the_loader_has_no_such_blob() {
    let mut memory = MemoryLoader::default();
    let manifest = memory.manifest(linux("arm"));
    let image = memory.put_json(MANIFEST, &manifest);
    memory.remove(&image);
    let mut embedded = image.clone();
    embedded["data"] = json!(STANDARD.encode(manifest.to_string()));
    let memory = memory.with_index(&[image.clone(), embedded, image]);
    let index = load(&memory).unwrap();
    // Once it was read, its digest is enough.
    assert_eq!(broken(&index), [Some(Status::NotFound), None, None]);
    let asked = memory.asked();
    let manifests = asked.iter().filter(|a| a.starts_with("manifest"));
    assert_eq!(manifests.count(), 1, "{asked:?}");
}

#[test]
fn what_is_wrong_below_the_root_breaks_its_entry_alone() {
    let mut memory = MemoryLoader::default();
    let sound = memory.image(linux("sound"));
    let [missing, other, longer, shorter, no_json, an_index] =
        ["1", "2", "3", "4", "5", "6"].map(|arch| memory.image(linux(arch)));
    let json = |d: &Value| d["size"].as_u64().unwrap() as usize;
    memory.remove(&missing);
    memory.replace(&other, "x".repeat(json(&other)));
    memory.replace(&longer, "x".repeat(json(&longer) + 1));
    memory.replace(&shorter, "x");
    let no_json = {
        memory.remove(&no_json);
        memory.put(MANIFEST, "{")
    };
    let an_index = {
        memory.remove(&an_index);
        memory.put_json(MANIFEST, &index(&[]))
    };
    let schema1 = memory.put("application/vnd.docker.distribution.manifest.v1+json", "{}");
    let mut unknown = sound.clone();
    unknown["digest"] = json!("md5:00");
    let nested = memory.put_json(INDEX, &json!({"schemaVersion": 2}));
    let memory = memory.with_index(&[
        sound, missing, other, longer, shorter, no_json, an_index, schema1, unknown, nested,
    ]);
    let index = load(&memory).unwrap();
    use Status::*;
    assert_eq!(
        broken(&index),
        [
            None,
            Some(NotFound),
            Some(DigestMismatch),
            Some(SizeMismatch),
            Some(SizeMismatch),
            Some(Malformed),
            Some(Malformed),
            Some(Unsupported),
            Some(Unsupported),
            Some(Malformed),
        ]
    );
    for entry in &index.entries()[1..] {
        let digest = entry.descriptor.as_ref().unwrap().digest.text();
        assert_eq!(entry.error.as_ref().unwrap().digest(), Some(digest));
    }
    for i in 1..index.entries().len() {
        let error = index.image(i, &ctx()).err().unwrap();
        assert_eq!(Some(error.status()), broken(&index)[i]);
    }
}

#[test]
fn a_config_that_is_wrong_breaks_an_entry_that_needs_it_for_its_platform() {
    let mut memory = MemoryLoader::default();
    let manifest = memory.manifest(linux("arm"));
    let child = memory.put_json(MANIFEST, &manifest);
    memory.remove(&manifest["config"]);
    let described = on(child.clone(), "linux", "arm");
    let memory = memory.with_index(&[described, child]);
    let index = load(&memory).unwrap();
    assert_eq!(broken(&index), [None, Some(Status::NotFound)]);
    let error = index.image(0, &ctx()).err().unwrap();
    assert_eq!(error.status(), Status::NotFound);
    let digest = manifest["config"]["digest"].as_str().unwrap();
    assert_eq!(&**error.digest().unwrap(), digest);
}

#[test]
fn a_single_manifest_is_an_index_of_one_and_asked_for_once() {
    let mut memory = MemoryLoader::default();
    let manifest = memory.manifest(linux("s390x")).to_string();
    let memory = memory.with_root(&manifest);
    let index = load(&memory).unwrap();
    assert_eq!(architectures(&index), ["s390x"]);
    let entry = &index.entries()[0];
    let descriptor = entry.descriptor.as_ref().unwrap();
    let digest = Digest::of(Algorithm::Sha256, manifest.as_bytes());
    assert_eq!(descriptor.digest, digest);
    assert_eq!(descriptor.size, manifest.len() as u64);
    assert_eq!(&*descriptor.media_type, MANIFEST);
    assert!(descriptor.platform().is_none());
    let image = index.image(0, &ctx()).unwrap();
    assert_eq!(&*image.manifest().bytes, manifest.as_bytes());
    let blob = index.open_blob(
        descriptor,
        Mode::Stored,
        reader::ReadOptions::default(),
        Arc::default(),
    );
    assert_eq!(read_all(&mut blob.unwrap()).unwrap(), manifest.as_bytes());
    let asked = memory.asked();
    assert_eq!(asked.iter().filter(|a| *a == "root").count(), 1);
    assert!(
        !asked.iter().any(|a| a.starts_with("manifest")),
        "{asked:?}"
    );
}

fn read_all(reader: &mut reader::Reader) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buf = [0; 7];
    loop {
        match reader.read(&mut buf)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

#[test]
fn the_root_is_verified_where_its_digest_is_known() {
    let root = index(&[]).to_string();
    let sha256 = Digest::of(Algorithm::Sha256, root.as_bytes());
    let sha512 = Digest::of(Algorithm::Sha512, root.as_bytes());
    let other = Digest::of(Algorithm::Sha256, b"");
    let parse = |text: &str| Digest::parse(text).unwrap();
    type Row<'a> = (
        Option<String>,
        Option<Digest>,
        std::result::Result<(bool, &'a Digest), Status>,
    );
    let rows: [Row<'_>; 9] = [
        (None, None, Ok((false, &sha256))),
        (Some(sha256.to_string()), None, Ok((true, &sha256))),
        (Some(sha512.to_string()), None, Ok((true, &sha512))),
        (Some(other.to_string()), None, Err(Status::DigestMismatch)),
        (Some("x".into()), None, Err(Status::Malformed)),
        (Some("md5:00".into()), None, Err(Status::Unsupported)),
        (None, Some(sha512.clone()), Ok((true, &sha512))),
        (
            Some(other.to_string()),
            Some(sha256.clone()),
            Ok((true, &sha256)),
        ),
        (None, Some(parse("md5:00")), Err(Status::Unsupported)),
    ];
    for (known, root_digest, expected) in rows {
        let mut memory = MemoryLoader::default();
        memory.root_digest = known;
        let options = LoadOptions {
            root_digest,
            ..LoadOptions::default()
        };
        let index = load_with(&memory.with_root(&root), &options);
        let found = index.as_ref().map_err(|e| e.status());
        let found = found.map(|i| (i.root_is_verified(), &i.root().digest));
        assert_eq!(found, expected);
    }
}

#[test]
fn a_source_may_demand_an_index() {
    let mut memory = MemoryLoader::default();
    memory.root_is_index = true;
    let manifest = memory.manifest(linux("arm")).to_string();
    let error = load(&memory.with_root(manifest)).err().unwrap();
    assert_eq!(error.status(), Status::Malformed);
}

/// Indexes of which each names the one before twice, the last being the root.
fn doubling(blobs: usize) -> Arc<MemoryLoader> {
    let mut memory = MemoryLoader::default();
    let mut document = index(&[]);
    for _ in 1..blobs {
        let child = memory.put_json(INDEX, &document);
        document = index(&[child.clone(), child]);
    }
    memory.with_root(document.to_string())
}

#[test]
fn nineteen_doubling_indexes_cost_nineteen_loads() {
    let memory = doubling(19);
    let options = LoadOptions {
        max_index_depth: 32,
        max_entries: 1 << 20,
        ..LoadOptions::default()
    };
    assert!(load_with(&memory, &options).unwrap().entries().is_empty());
    assert_eq!(memory.asked().len(), 19);

    let memory = doubling(19);
    let index = load(&memory).unwrap();
    assert_eq!(broken(&index), [Some(Status::LimitExceeded); 512]);
    assert_eq!(memory.asked().len(), 9);
}

#[test]
fn limits_are_exact() {
    let exceeded = |index: Result<Index>| index.err().map(|e| e.status());
    // 2 + 4 descriptors.
    let with_entries = |max_entries| {
        load_with(
            &doubling(3),
            &LoadOptions {
                max_entries,
                ..LoadOptions::default()
            },
        )
    };
    assert!(with_entries(6).is_ok());
    assert_eq!(exceeded(with_entries(5)), Some(Status::LimitExceeded));

    let with_depth = |max_index_depth| {
        let options = LoadOptions {
            max_index_depth,
            ..LoadOptions::default()
        };
        broken(&load_with(&doubling(3), &options).unwrap())
    };
    assert_eq!(with_depth(2), []);
    assert_eq!(with_depth(1), [Some(Status::LimitExceeded); 4]);

    let root = index(&[]).to_string();
    let with_size = |max_document_size| {
        let options = LoadOptions {
            max_document_size,
            ..LoadOptions::default()
        };
        load_with(&MemoryLoader::default().with_root(&root), &options)
    };
    assert!(with_size(root.len() as u64).is_ok());
    assert_eq!(
        exceeded(with_size(root.len() as u64 - 1)),
        Some(Status::LimitExceeded)
    );
}

#[test]
fn a_document_above_the_limit_is_not_asked_for() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(linux("arm"));
    let size = image["size"].as_u64().unwrap();
    let memory = memory.with_index(&[image]);
    let limited = |max_document_size, max_total_size| {
        let options = LoadOptions {
            max_document_size,
            max_total_size,
            ..LoadOptions::default()
        };
        let before = memory.asked().len();
        let index = load_with(&memory, &options).unwrap();
        (broken(&index)[0], memory.asked().len() - before)
    };
    let root = load(&memory).unwrap().root().bytes.len() as u64;
    let config = 300;
    let any = u64::MAX - 1;
    let exceeded = Some(Status::LimitExceeded);
    assert_eq!(limited(size - 1, any), (exceeded, 1));
    assert_eq!(limited(any, root + size - 1), (exceeded, 1));
    // The manifest fits, its config does not.
    assert_eq!(limited(any, root + size), (exceeded, 2));
    assert_eq!(limited(any, root + size + config), (None, 3));
}

#[test]
fn kinds_go_by_descriptor_and_config() {
    let mut memory = MemoryLoader::default();
    let mut with_config = |media_type: &str, config: &str| {
        let config = memory.put(config, r#"{"os":"linux","architecture":"arm"}"#);
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
        let mut d = memory.put_json(media_type, &manifest);
        // Another document for each row, so that none is read before.
        d["annotations"] = json!({});
        d
    };
    let octets = "application/octet-stream";
    let rows = [
        (with_config(MANIFEST, CONFIG), EntryKind::Image),
        (with_config(MANIFEST, DOCKER_CONFIG), EntryKind::Image),
        (with_config(DOCKER_MANIFEST, octets), EntryKind::Image),
        (
            with_config(MANIFEST, "application/vnd.oci.empty.v1+json"),
            EntryKind::Artifact,
        ),
        (with_config(MANIFEST, octets), EntryKind::Artifact),
    ];
    let (children, kinds): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    // An entry that looks like an image may turn out to be none.
    let hidden = on(children[3].clone(), "linux", "arm");
    for (child, kind) in children.iter().zip(kinds) {
        let mut fresh = MemoryLoader::default();
        std::mem::swap(&mut fresh, &mut memory);
        let shared = fresh.with_index(std::slice::from_ref(child));
        let index = load(&shared).unwrap();
        assert_eq!(index.entries()[0].kind, kind, "{child}");
        let image = index.image(0, &ctx());
        match kind {
            EntryKind::Image => drop(image.unwrap()),
            _ => assert_eq!(image.err().unwrap().status(), Status::NotAnImage),
        }
        drop(index);
        memory = Arc::into_inner(shared).unwrap();
    }
    let index = load(&memory.with_index(&[hidden])).unwrap();
    assert_eq!(index.entries()[0].kind, EntryKind::Image);
    let error = index.image(0, &ctx()).err().unwrap();
    assert_eq!(error.status(), Status::NotAnImage);
    assert_eq!(index.entries()[0].kind, EntryKind::Image);
}

#[test]
fn a_platform_is_the_descriptors_as_written_and_never_merged() {
    let mut memory = MemoryLoader::default();
    let image = memory.image(json!({"os": "linux", "architecture": "arm64", "variant": "v8"}));
    let index = load(&memory.with_index(&[on(image, "Linux", "x86_64")])).unwrap();
    let of = |p: &Platform| p.format();
    assert_eq!(
        of(index.entries()[0].platform.as_ref().unwrap()),
        "Linux/x86_64"
    );
    let image = index.image(0, &ctx()).unwrap();
    assert_eq!(of(image.platform().unwrap()), "Linux/x86_64");
}

#[test]
fn a_second_ask_makes_no_callback() {
    let mut memory = MemoryLoader::default();
    let children = [memory.image(linux("arm")), memory.image(linux("s390x"))];
    let memory = memory.with_index(&children.map(|c| on(c, "linux", "arm")));
    let index = load(&memory).unwrap();
    assert_eq!(memory.asked().len(), 1);
    let selected = index.select(&Matcher::all());
    for _ in 0..2 {
        index.image(0, &ctx()).unwrap();
        selected.image(0, &ctx()).unwrap();
    }
    assert_eq!(memory.asked().len(), 3, "{:?}", memory.asked());
}

#[test]
fn threads_ask_one_index_for_images_at_once() {
    let mut memory = MemoryLoader::default();
    let children = ["a", "b", "c", "d"].map(|a| on(memory.image(linux(a)), "linux", a));
    let memory = memory.with_index(&children);
    let index = load(&memory).unwrap();
    thread::scope(|scope| {
        for t in 0..8 {
            let index = &index;
            scope.spawn(move || {
                for i in 0..64 {
                    let image = index.image((i + t) % 4, &ctx()).unwrap();
                    let layer = &image.layers()[0];
                    let mut reader = layer
                        .open(Mode::Stored, reader::ReadOptions::default(), Arc::default())
                        .unwrap();
                    assert_eq!(read_all(&mut reader).unwrap(), b"a layer");
                }
            });
        }
    });
    let before = memory.asked().len();
    for i in 0..4 {
        index.image(i, &ctx()).unwrap();
    }
    assert_eq!(memory.asked().len(), before);
}

#[test]
fn docker_layers_bear_their_oci_name_and_foreign_ones_load() {
    let mut memory = MemoryLoader::default();
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let layer = |media_type: &str| {
        let digest = Digest::of(Algorithm::Sha256, media_type.as_bytes());
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": 1,
            "urls": ["https://example.com/x"]})
    };
    let layers = [layer(docker), layer(foreign), layer("x/y")];
    let ids = layers.clone().map(|l| l["digest"].clone());
    let config = json!({"os": "windows", "architecture": "amd64", "rootfs": {"diff_ids": ids}});
    let config = memory.put_json(DOCKER_CONFIG, &config);
    let manifest = json!({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers});
    let memory = memory.with_root(manifest.to_string());
    let image = load(&memory).unwrap().image(0, &ctx()).unwrap();
    let names: Vec<_> = image
        .layers()
        .iter()
        .map(|l| l.oci_media_type().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "x/y"
        ]
    );
    assert_eq!(&*image.layers()[0].descriptor().media_type, docker);
    let open = image.layers()[1].open(Mode::Stored, reader::ReadOptions::default(), Arc::default());
    assert_eq!(open.err().unwrap().status(), Status::NotFound);
}

#[test]
fn content_of_an_index_is_opened_by_the_rules_of_layers() {
    let mut memory = MemoryLoader::default();
    let encrypted = memory.put(
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "ciphertext",
    );
    let absent = Digest::of(Algorithm::Sha256, b"not there");
    let layers = json!([encrypted, {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": absent.to_string(), "size": 9, "urls": ["https://example.com/layer"],
    }]);
    let config = memory.put_json(CONFIG, &json!({}));
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    let memory = memory.with_root(manifest.to_string());
    let index = load(&memory).unwrap();
    let (manifest, _) = index.manifest(0, &ctx()).unwrap();
    let open = |at: usize, mode| {
        let d = manifest.content.layers.get(at).unwrap();
        index.open_blob(&d, mode, reader::ReadOptions::default(), Arc::default())
    };
    assert_eq!(
        read_all(&mut open(0, Mode::Stored).unwrap()).unwrap(),
        b"ciphertext"
    );
    let refused = open(0, Mode::Uncompressed).err().unwrap();
    assert_eq!(refused.status(), Status::Unsupported);
    assert!(refused.to_string().contains("encrypted"), "{refused}");
    let missing = open(1, Mode::Stored).err().unwrap();
    assert_eq!(missing.status(), Status::NotFound);
    assert!(missing.to_string().contains("https://example.com/layer"));
}

/// A loader with endless content.
struct Endless;

impl Stream for Endless {
    fn read(&mut self, buf: &mut [u8], _: &Context) -> Result<usize> {
        buf.fill(b' ');
        Ok(buf.len())
    }
}

impl Loader for Endless {
    fn open_root_manifest(&self, _: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Endless))
    }

    fn open_manifest(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Endless))
    }

    fn open_blob(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
        Ok(Box::new(Endless))
    }
}

#[test]
fn a_root_without_end_is_left_at_the_limit() {
    let error = Index::load(Arc::new(Endless), &LoadOptions::default(), &ctx())
        .err()
        .unwrap();
    assert_eq!(error.status(), Status::LimitExceeded);
}

#[test]
fn a_cancelled_call_asks_for_nothing() {
    let memory = MemoryLoader::default().with_index(&[]);
    let cancelled = Context::default();
    cancelled.cancel();
    let load = Index::load(memory.clone(), &LoadOptions::default(), &cancelled);
    assert_eq!(load.err().unwrap().status(), Status::Cancelled);
    assert!(memory.asked().is_empty());
}

#[test]
fn any_blob_of_the_source_can_be_read_by_its_descriptor() {
    let mut memory = MemoryLoader::default();
    let blob = memory.put("x/y", "some content");
    let nested = memory.put_json(INDEX, &index(std::slice::from_ref(&blob)));
    let memory = memory.with_index(&[]);
    let index = load(&memory).unwrap();
    for (described, what) in [(&blob, "blob"), (&nested, "manifest")] {
        let text = |key: &str| described[key].as_str().unwrap();
        let descriptor = Descriptor::new(
            ociimg::text::Text::new(text("mediaType")).unwrap(),
            Digest::parse(text("digest")).unwrap(),
            described["size"].as_u64().unwrap(),
        );
        let reader = index.open_blob(
            &descriptor,
            Mode::Stored,
            reader::ReadOptions::default(),
            Arc::default(),
        );
        let content = read_all(&mut reader.unwrap()).unwrap();
        assert_eq!(Digest::of(Algorithm::Sha256, &content), descriptor.digest);
        let asked = memory.asked().pop().unwrap();
        assert_eq!(asked, format!("{what} {}", descriptor.digest));
    }
}

#[test]
fn one_blob_that_may_not_be_read_breaks_its_entry_alone() {
    const EACCES: i32 = 13;
    const EIO: i32 = 5;
    for (errno, breaks_one) in [(EACCES, true), (EIO, false)] {
        let mut memory = MemoryLoader::default();
        // Without a platform the manifest and the config are read at load.
        let manifest = memory.manifest(json!({"os": "linux", "architecture": "arm64"}));
        let denied = memory.put_json(MANIFEST, &manifest);
        let other = memory.image(json!({"os": "linux", "architecture": "amd64"}));
        for unreadable in [&denied, &manifest["config"]] {
            memory.unreadable = Some((unreadable["digest"].as_str().unwrap().into(), errno));
            let shared = std::mem::take(&mut memory).with_index(&[denied.clone(), other.clone()]);
            match load(&shared) {
                Ok(index) => {
                    assert!(breaks_one);
                    let kinds: Vec<_> = index.entries().iter().map(|e| e.kind).collect();
                    assert_eq!(kinds, [EntryKind::Broken, EntryKind::Image]);
                    let e = index.entries()[0].error.as_ref().unwrap();
                    assert_eq!((e.status(), e.errno()), (Status::Io, errno), "{e}");
                }
                Err(e) => {
                    assert!(!breaks_one, "{e}");
                    assert_eq!((e.status(), e.errno()), (Status::Io, errno), "{e}");
                }
            }
            memory = Arc::into_inner(shared).expect("the index is freed");
        }
    }
}
