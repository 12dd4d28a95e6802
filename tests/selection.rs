//! Which entries a platform selects, in which order, and which image it runs.

mod support;

use ociimg::context::Context;
use ociimg::error::{Result, Status};
use ociimg::image::Image;
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::platform::{Matcher, Platform};
use serde_json::{Value, json};
use support::loader::*;

const AMD64: &str = "linux/amd64";

fn platform(specifier: &str) -> Platform {
    Platform::parse(specifier, Platform::host()).unwrap()
}

fn selected(index: &Index, specifier: &str) -> Vec<String> {
    let selection = index.select(&Matcher::only(&platform(specifier)));
    let digest = |e: &ociimg::load::Entry| e.descriptor.as_ref().unwrap().digest.to_string();
    selection.entries().iter().map(digest).collect()
}

fn image_for(index: &Index, specifier: &str) -> Result<Image> {
    index.image_for(&platform(specifier), &Context::default())
}

/// An image of linux/amd64 that differs from those of other names.
fn amd64(memory: &mut MemoryLoader, name: &str) -> Value {
    memory.image(json!({"os": "linux", "architecture": "amd64", "author": name}))
}

fn with(mut d: Value, key: &str, value: Value) -> Value {
    d[key] = value;
    d
}

#[test]
fn an_image_with_a_platform_in_the_root_comes_first() {
    // Each shape is followed by an image that containerd and skopeo run.
    let attestation = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let own = json!({"os": "linux", "architecture": "amd64"});
    type Shape = Box<dyn Fn(&mut MemoryLoader, Value) -> Value>;
    let shapes: Vec<(&str, Shape, bool)> = vec![
        ("plain", Box::new(|_, d| on(d, "linux", "amd64")), true),
        (
            "attestation with a platform",
            Box::new(move |_, d| {
                let d = with(d, "annotations", attestation.clone());
                with(d, "platform", own.clone())
            }),
            true,
        ),
        (
            "artifactType with a platform",
            Box::new(|_, d| with(on(d, "linux", "amd64"), "artifactType", json!("x/y"))),
            true,
        ),
        ("no platform", Box::new(|_, d| d), false),
        (
            "platform {}",
            Box::new(|_, d| with(d, "platform", json!({}))),
            false,
        ),
        (
            "half a platform",
            Box::new(|_, d| with(d, "platform", json!({"os": "linux"}))),
            false,
        ),
        (
            "in an index without platform",
            Box::new(|m, d| m.put_json(INDEX, &index(&[on(d, "linux", "amd64")]))),
            false,
        ),
        (
            "in an index with the platform",
            Box::new(|m, d| {
                let nested = m.put_json(INDEX, &index(&[on(d, "linux", "amd64")]));
                on(nested, "linux", "amd64")
            }),
            true,
        ),
        (
            "in an index of another platform",
            Box::new(|m, d| {
                let nested = m.put_json(INDEX, &index(&[on(d, "linux", "amd64")]));
                on(nested, "linux", "arm64")
            }),
            false,
        ),
        (
            "in an index of half a platform",
            Box::new(|m, d| {
                let nested = m.put_json(INDEX, &index(&[on(d, "linux", "amd64")]));
                with(nested, "platform", json!({"os": "linux"}))
            }),
            false,
        ),
    ];
    for (rule, shape, comes_first) in shapes {
        let mut memory = MemoryLoader::default();
        let odd = amd64(&mut memory, "odd");
        let good = on(amd64(&mut memory, "good"), "linux", "amd64");
        let first = if comes_first { &odd } else { &good }["digest"].clone();
        let shaped = shape(&mut memory, odd);
        let index = load(&memory.with_index(&[shaped, good])).unwrap();
        assert_eq!(selected(&index, AMD64)[0], first, "{rule}");
        let image = image_for(&index, AMD64).unwrap();
        assert_eq!(&**image.manifest().digest.text(), first, "{rule}");
    }
}

#[test]
fn nothing_is_taken_below_an_index_of_another_platform() {
    let mut memory = MemoryLoader::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| on(amd64(&mut memory, name), "linux", "amd64"));
    let inner = memory.put_json(INDEX, &index(&[a]));
    let outer = memory.put_json(INDEX, &index(&[on(inner, "linux", "amd64"), b]));
    let c_nested = memory.put_json(INDEX, &index(std::slice::from_ref(&c)));
    let index = load(&memory.with_index(&[on(outer, "linux", "s390x"), c_nested])).unwrap();
    assert_eq!(index.entries().len(), 3);
    assert_eq!(selected(&index, AMD64), [c["digest"].as_str().unwrap()]);
    assert!(selected(&index, "linux/s390x").is_empty());
    // A selection can be selected from again.
    let all = index.select(&Matcher::all());
    assert_eq!(selected(&all, AMD64), [c["digest"].as_str().unwrap()]);
}

#[test]
fn nothing_is_taken_below_an_index_with_an_incomplete_platform() {
    for platform in [json!({}), json!({"os": "", "architecture": "amd64"})] {
        let mut memory = MemoryLoader::default();
        let image = on(amd64(&mut memory, "x"), "linux", "amd64");
        let nested = memory.put_json(INDEX, &index(&[image]));
        let nested = with(nested, "platform", platform);
        let index = load(&memory.with_index(&[nested])).unwrap();
        assert!(index.image(0, &Context::default()).is_ok());
        assert!(selected(&index, AMD64).is_empty());
        let e = image_for(&index, AMD64).err().unwrap();
        assert_eq!(e.status(), Status::NotFound, "{e}");
    }
}

#[test]
fn a_broken_entry_fails_where_it_would_have_been_chosen() {
    let mut memory = MemoryLoader::default();
    let sound = on(amd64(&mut memory, "x"), "linux", "amd64");
    let twice = with(sound.clone(), "data", json!("AA=="));
    let v3 = on(amd64(&mut memory, "v3"), "linux", "amd64");
    let mut better = v3.clone();
    better["platform"]["variant"] = json!("v3");
    let index = load(&memory.with_index(&[sound, twice, better])).unwrap();
    // The sound one is first.
    assert!(image_for(&index, AMD64).is_ok());
    assert!(image_for(&index, "linux/amd64/v3").is_ok());

    let mut memory = MemoryLoader::default();
    let sound = on(amd64(&mut memory, "x"), "linux", "amd64");
    let broken = with(sound.clone(), "data", json!("AA=="));
    let index = load(&memory.with_index(&[broken, sound])).unwrap();
    assert_eq!(selected(&index, AMD64).len(), 1);
    let e = image_for(&index, AMD64).err().unwrap();
    assert_eq!(e.status(), Status::SizeMismatch, "{e}");
}

#[test]
fn what_turns_out_to_be_no_image_is_passed_over() {
    let mut memory = MemoryLoader::default();
    let config = memory.put("application/x-disk", "{}");
    let disk = json!({"schemaVersion": 2, "config": config, "layers": []});
    let disk = memory.put_json(MANIFEST, &disk);
    let image = on(amd64(&mut memory, "x"), "linux", "amd64");
    let disks = ["amd64", "arm64"].map(|arch| on(disk.clone(), "linux", arch));
    let [amd64, arm64] = disks;
    let index = load(&memory.with_index(&[amd64, arm64, image.clone()])).unwrap();
    let found = image_for(&index, AMD64).unwrap();
    assert_eq!(&**found.manifest().digest.text(), image["digest"]);
    let e = image_for(&index, "linux/s390x").err().unwrap();
    assert_eq!(e.status(), Status::NotFound);
    assert!(e.message().contains("found linux/amd64"), "{e}");
    let e = image_for(&index, "linux/arm64").err().unwrap();
    assert_eq!(e.status(), Status::NotFound, "{e}");
    assert!(!e.message().contains("found linux/arm64"), "{e}");
}

#[test]
fn a_manifest_that_is_no_image_is_read_once_for_all_its_entries() {
    for root_is_index in [false, true] {
        let mut memory = MemoryLoader::default();
        memory.root_is_index = root_is_index;
        let config = memory.put("application/x-disk", "{}");
        let disk = json!({"schemaVersion": 2, "config": config, "layers": []});
        let disk = on(memory.put_json(MANIFEST, &disk), "linux", "amd64");
        let image = on(amd64(&mut memory, "x"), "linux", "amd64");
        let opened = format!("manifest {}", disk["digest"].as_str().unwrap());
        let disks = vec![disk; 1000];
        let root = index(&[&disks[..], &[image], &disks].concat()).to_string();
        // The root uses up what may be kept.
        let options = LoadOptions {
            max_total_size: root.len() as u64,
            ..LoadOptions::default()
        };
        let memory = memory.with_root(root);
        let index = load_with(&memory, &options).unwrap();
        image_for(&index, AMD64).unwrap();
        let opened = memory
            .asked()
            .iter()
            .filter(|asked| **asked == opened)
            .count();
        assert_eq!(opened, 1);
    }
}

#[test]
fn a_layout_of_several_images_asks_for_a_name() {
    let offer = |names: [Option<&str>; 2], is_layout, same| {
        let mut memory = MemoryLoader::default();
        let a = amd64(&mut memory, "a");
        let b = if same {
            a.clone()
        } else {
            amd64(&mut memory, "b")
        };
        let name = |d: Value, name: Option<&str>| match name {
            Some(name) => with(
                d,
                "annotations",
                json!({"org.opencontainers.image.ref.name": name}),
            ),
            None => d,
        };
        memory.root_is_index = is_layout;
        let children = [name(a, names[0]), name(b, names[1])];
        let index = load(&memory.with_index(&children)).unwrap();
        let found = index.entries().iter().enumerate();
        let found: Vec<_> = found
            .map(|(i, _)| index.entry_name(i).map(|t| t.to_string()))
            .collect();
        assert_eq!(found, names.map(|name| name.map(str::to_owned)));
        image_for(&index, AMD64).map(drop)
    };
    let two = [Some("v1"), Some("v2")];
    let e = offer(two, true, false).unwrap_err();
    assert_eq!(e.status(), Status::InvalidArgument);
    assert!(e.message().contains("v1, v2"), "{e}");
    let nameless = offer([None, None], true, false).unwrap_err();
    assert!(nameless.message().contains("sha256:"), "{nameless}");
    assert!(offer(two, true, true).is_ok());
    assert!(offer(two, false, false).is_ok());
}

#[test]
fn a_single_manifest_without_platform_is_the_image() {
    let mut memory = MemoryLoader::default();
    let manifest = memory.manifest(json!({"os": "", "architecture": ""}));
    let index = load(&memory.with_root(manifest.to_string())).unwrap();
    assert!(selected(&index, AMD64).is_empty());
    assert!(image_for(&index, AMD64).is_ok());

    let mut memory = MemoryLoader::default();
    let manifest = memory.manifest(json!({"os": "linux", "architecture": "amd64"}));
    let index = load(&memory.with_root(manifest.to_string())).unwrap();
    assert!(image_for(&index, AMD64).is_ok());
    let e = image_for(&index, "linux/arm/v7").err().unwrap();
    assert_eq!(e.status(), Status::NotFound);
    assert!(e.message().contains(AMD64), "{e}");
}
