//! The layout sink: writing, replacing and refusing, and concurrent writers.

mod support;

use ociimg::compression::Method;
use ociimg::context::Context;
use ociimg::digest::Algorithm;
use ociimg::error::Status;
use ociimg::sink::{LayoutSink, Sink, SinkOptions};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;
use support::image::*;
use tempfile::TempDir;

fn open(path: impl AsRef<Path>) -> LayoutSink {
    LayoutSink::open(path.as_ref(), &SinkOptions::default()).unwrap()
}

fn open_status(path: impl AsRef<Path>, options: &SinkOptions) -> Option<Status> {
    let opened = LayoutSink::open(path.as_ref(), options);
    opened.err().map(|e| e.status())
}

fn must_be_new() -> SinkOptions {
    SinkOptions {
        must_be_new: true,
        ..SinkOptions::default()
    }
}

fn pair(name: &str, image: &TestImage) -> (String, String) {
    (name.to_owned(), image.manifest.digest())
}

#[test]
fn a_layout_is_made_where_there_is_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a/b");
    let sink = open(&path);
    assert_eq!(check_layout(&path), []);
    let image = image("x", "amd64", 2);
    put_image(&sink, &image, Some("v1")).unwrap();
    sink.finish(&Context::default()).unwrap();
    assert_eq!(check_layout(&path), [pair("v1", &image)]);
    check_blobs(&path);
    let mut names: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn after_finish_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let sink = open(&folder);
    sink.finish(&Context::default()).unwrap();
    let image = image("x", "amd64", 1);
    let e = sink.finish(&Context::default()).unwrap_err();
    assert_eq!(e.status(), Status::InvalidArgument);
    let e = put_image(&sink, &image, None).unwrap_err();
    assert_eq!(e.status(), Status::InvalidArgument);
}

#[test]
fn names_are_replaced_and_repeats_of_one_copy_are_added() {
    let folder = TempDir::new().unwrap();
    let images = ["a", "b", "c", "d"].map(|seed| image(seed, "amd64", 1));
    let [a, b, c, d] = &images;
    let sink = open(&folder);
    put_image(&sink, a, Some("v1")).unwrap();
    put_image(&sink, b, Some("v2")).unwrap();
    put_image(&sink, c, Some("v1")).unwrap();
    assert_eq!(check_layout(folder.path()), [pair("v1", c), pair("v2", b)]);

    // A second platform under the same name, of the same copy; twice, as after a failure.
    put_blobs(&sink, d).unwrap();
    for _ in 0..2 {
        let roots = vec![root(&d.manifest, Some("v1"), true)];
        put_roots(&sink, roots).1.unwrap();
    }
    let expected = [pair("v1", c), pair("v2", b), pair("v1", d)];
    assert_eq!(check_layout(folder.path()), expected);

    // Another copy replaces both.
    put_image(&open(&folder), a, Some("v1")).unwrap();
    assert_eq!(check_layout(folder.path()), [pair("v1", a), pair("v2", b)]);
    // Without a name what is listed is not listed again.
    put_image(&sink, a, None).unwrap();
    put_image(&sink, c, None).unwrap();
    put_image(&sink, c, Some("")).unwrap();
    let expected = [pair("v1", a), pair("v2", b), pair("", c)];
    assert_eq!(check_layout(folder.path()), expected);
}

#[test]
fn roots_are_listed_together_and_those_before_a_failure_too() {
    let folder = TempDir::new().unwrap();
    let images = ["a", "b", "c", "d"].map(|seed| image(seed, "amd64", 1));
    let [a, b, c, d] = &images;
    let sink = open(&folder);
    put_image(&sink, d, Some("v1")).unwrap();
    let blocked = folder.path().join(c.manifest.path());
    fs::create_dir(&blocked).unwrap();
    let roots = || {
        vec![
            root(&a.manifest, Some("v1"), false),
            root(&b.manifest, Some("v2"), false),
            root(&c.manifest, Some("v1"), true),
            root(&d.manifest, None, false),
        ]
    };
    images
        .iter()
        .for_each(|image| put_blobs(&sink, image).unwrap());
    let (put, result) = put_roots(&sink, roots());
    assert_eq!(result.unwrap_err().status(), Status::Malformed);
    assert_eq!(put, 2);
    assert_eq!(check_layout(folder.path()), [pair("v1", a), pair("v2", b)]);

    fs::remove_dir(&blocked).unwrap();
    let (put, result) = put_roots(&sink, roots().split_off(2));
    result.unwrap();
    assert_eq!(put, 2);
    let expected = [pair("v1", a), pair("v2", b), pair("v1", c), pair("", d)];
    assert_eq!(check_layout(folder.path()), expected);
}

#[test]
fn the_rest_of_index_json_stays() {
    let folder = TempDir::new().unwrap();
    drop(open(&folder));
    let before = "{ \"schemaVersion\" : 2,\n\t\"x\": [1.0, \"\\u00e9\"], \"manifests\": [], \"annotations\": {\"a\": \"b\"} }\n";
    fs::write(folder.path().join("index.json"), before).unwrap();
    let image = image("x", "amd64", 1);
    put_image(&open(&folder), &image, None).unwrap();
    let after = fs::read_to_string(folder.path().join("index.json")).unwrap();
    let expected = before.replace("[]", &format!("[{}]", image.manifest.json()));
    assert_eq!(after, expected);
}

#[test]
fn digests_of_other_algorithms_have_folders_of_their_own() {
    let folder = TempDir::new().unwrap();
    let sink = open(&folder);
    for algorithm in [Algorithm::Sha512, Algorithm::Blake3] {
        let blob = Blob::with_algorithm(LAYER_TYPE, "content", algorithm);
        put_blob(&sink, &blob, &Context::default()).unwrap();
        assert_eq!(
            fs::read(folder.path().join(blob.path())).unwrap(),
            blob.bytes
        );
    }
    check_blobs(folder.path());
}

#[test]
fn wrong_content_is_replaced_and_right_content_is_kept() {
    let ctx = Context::default();
    let layer = Blob::new(LAYER_TYPE, "right layer");
    let config = Blob::new(CONFIG_TYPE, "{\"right\":1}");
    let shorter = |blob: &Blob| blob.bytes[1..].to_vec();
    let same_size = |blob: &Blob| vec![b'x'; blob.bytes.len()];
    // Whether it is replaced, by default and with `verify_existing`.
    for (blob, found, replaced) in [
        (&layer, layer.bytes.clone(), [false, false]),
        (&layer, shorter(&layer), [true, true]),
        (&layer, Vec::new(), [true, true]),
        (&layer, same_size(&layer), [false, true]),
        (&config, same_size(&config), [true, true]),
        (&config, config.bytes.clone(), [false, false]),
    ] {
        for (verify_existing, replaced) in [false, true].into_iter().zip(replaced) {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join(blob.path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &found).unwrap();
            let inode = fs::metadata(&path).unwrap().ino();
            let options = SinkOptions {
                verify_existing,
                ..SinkOptions::default()
            };
            let sink = LayoutSink::open(folder.path(), &options).unwrap();
            assert_eq!(sink.has_blob(&blob.descriptor, &ctx).unwrap(), !replaced);
            put_blob(&sink, blob, &ctx).unwrap();
            let is_replaced = fs::metadata(&path).unwrap().ino() != inode;
            assert_eq!(is_replaced, replaced, "{found:?} {verify_existing}");
            if replaced {
                assert_eq!(fs::read(&path).unwrap(), blob.bytes);
            }
        }
    }
}

#[test]
fn a_wrong_manifest_is_replaced() {
    let folder = TempDir::new().unwrap();
    let image = image("x", "amd64", 1);
    let path = folder.path().join(image.manifest.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, vec![b' '; image.manifest.bytes.len()]).unwrap();
    put_image(&open(&folder), &image, Some("v1")).unwrap();
    assert_eq!(check_layout(folder.path()), [pair("v1", &image)]);
}

#[test]
fn a_blob_that_is_dropped_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let sink = open(&folder);
    let blob = Blob::new(LAYER_TYPE, "x");
    let begun = sink.begin_blob(&blob.descriptor, &Context::default());
    let ociimg::sink::Begin::Write { mut writer, .. } = begun.unwrap() else {
        panic!("it is not there");
    };
    writer.write(b"x", &Context::default()).unwrap();
    drop(writer);
    assert!(
        !sink
            .has_blob(&blob.descriptor, &Context::default())
            .unwrap()
    );
    let blobs = fs::read_dir(folder.path().join("blobs/sha256")).unwrap();
    assert_eq!(blobs.count(), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_layout_that_must_be_new_is() {
    let ctx = Context::default();
    let folder = TempDir::new().unwrap();
    let image = image("x", "amd64", 1);
    // An empty folder, a missing one, one that is not empty.
    for (name, prepare, expected) in [
        ("empty", Some(false), None),
        ("missing", None, None),
        ("full", Some(true), Some(Status::Exists)),
    ] {
        let path = folder.path().join(name);
        if let Some(full) = prepare {
            fs::create_dir(&path).unwrap();
            if full {
                fs::write(path.join("x"), "").unwrap();
            }
        }
        assert_eq!(open_status(&path, &must_be_new()), expected, "{name}");
    }
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    assert_eq!(open_status(&path, &must_be_new()), Some(Status::Exists));

    let path = folder.path().join("alone");
    let sink = LayoutSink::open(&path, &must_be_new()).unwrap();
    assert_eq!(open_status(&path, &must_be_new()), Some(Status::Exists));
    put_image(&sink, &image, Some("v1")).unwrap();
    put_image(&sink, &image, Some("v2")).unwrap();
    sink.finish(&ctx).unwrap();

    let path = folder.path().join("together");
    let sink = LayoutSink::open(&path, &must_be_new()).unwrap();
    put_image(&open(&path), &image, Some("other")).unwrap();
    let e = put_image(&sink, &image, Some("v1")).unwrap_err();
    assert_eq!(e.status(), Status::Exists);
    let e = sink.finish(&ctx).unwrap_err();
    assert_eq!(e.status(), Status::Exists);
    assert_eq!(check_layout(&path), [pair("other", &image)]);
}

#[test]
fn what_is_no_layout_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let none = SinkOptions::default();
    assert_eq!(open_status(&file, &none), Some(Status::InvalidArgument));
    let below = file.join("x");
    assert_eq!(open_status(below, &none), Some(Status::InvalidArgument));
    for (marker, expected) in [
        (r#"{"imageLayoutVersion":"2.0.0"}"#, Status::Unsupported),
        ("{}", Status::Malformed),
        ("", Status::Malformed),
    ] {
        let path = folder.path().join("layout");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("oci-layout"), marker).unwrap();
        assert_eq!(open_status(&path, &none), Some(expected), "{marker}");
        assert!(!path.join("index.json").exists());
    }
    for options in [
        SinkOptions {
            docker: true,
            ..none.clone()
        },
        SinkOptions {
            compression: Method::Gzip(6),
            ..none.clone()
        },
    ] {
        let path = folder.path().join("new");
        assert_eq!(open_status(&path, &options), Some(Status::InvalidArgument));
        assert!(!path.exists());
    }
}

#[test]
fn a_hostile_layout_leads_nowhere_and_is_not_waited_for() {
    let image = image("x", "amd64", 1);
    let layer = &image.blobs[0];
    type Make<'a> = &'a dyn Fn(&Path, &Path);
    let malformed = Some(Status::Malformed);
    // What a layout has in it before, beside a folder that nothing may be written to.
    let rows: [(&str, Make<'_>, Option<Status>); 18] = [
        ("nothing", &|_, _| (), None),
        (
            "blobs leads out",
            &|layout, outside| symlink(outside, layout.join("blobs")).unwrap(),
            malformed,
        ),
        (
            "blobs leads up",
            &|layout, _| symlink("../outside", layout.join("blobs")).unwrap(),
            malformed,
        ),
        (
            "blobs leads nowhere",
            &|layout, _| symlink("none", layout.join("blobs")).unwrap(),
            malformed,
        ),
        (
            "blobs leads to itself",
            &|layout, _| symlink("blobs", layout.join("blobs")).unwrap(),
            malformed,
        ),
        (
            "blobs is a file",
            &|layout, _| fs::write(layout.join("blobs"), "").unwrap(),
            malformed,
        ),
        (
            "blobs leads elsewhere inside",
            &|layout, _| {
                fs::create_dir(layout.join("there")).unwrap();
                symlink("there", layout.join("blobs")).unwrap();
            },
            None,
        ),
        (
            "sha256 leads out",
            &|layout, outside| {
                fs::create_dir(layout.join("blobs")).unwrap();
                symlink(outside, layout.join("blobs/sha256")).unwrap();
            },
            malformed,
        ),
        (
            "a blob leads out",
            &|layout, outside| {
                fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
                fs::write(outside.join("victim"), "victim").unwrap();
                symlink(outside.join("victim"), layout.join(layer.path())).unwrap();
            },
            None,
        ),
        (
            "a blob is a FIFO",
            &|layout, _| {
                fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
                fifo(&layout.join(layer.path()));
            },
            None,
        ),
        (
            "a blob is a folder",
            &|layout, _| fs::create_dir_all(layout.join(layer.path())).unwrap(),
            malformed,
        ),
        (
            "index.json leads out",
            &|layout, outside| {
                fs::write(
                    outside.join("index"),
                    r#"{"schemaVersion":2,"manifests":[]}"#,
                )
                .unwrap();
                symlink(outside.join("index"), layout.join("index.json")).unwrap();
            },
            malformed,
        ),
        (
            "index.json leads nowhere",
            &|layout, _| symlink("none", layout.join("index.json")).unwrap(),
            malformed,
        ),
        (
            "oci-layout leads nowhere",
            &|layout, _| symlink("../outside/none", layout.join("oci-layout")).unwrap(),
            malformed,
        ),
        (
            "a blob leads nowhere",
            &|layout, outside| {
                fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
                symlink(outside.join("none"), layout.join(layer.path())).unwrap();
            },
            None,
        ),
        (
            "index.json is a FIFO",
            &|layout, _| fifo(&layout.join("index.json")),
            malformed,
        ),
        (
            "index.json is no index",
            &|layout, _| fs::write(layout.join("index.json"), "[]").unwrap(),
            malformed,
        ),
        (
            "index.json is huge",
            &|layout, _| {
                let file = fs::File::create(layout.join("index.json")).unwrap();
                file.set_len(1 << 40).unwrap();
            },
            Some(Status::LimitExceeded),
        ),
    ];
    for (row, make, expected) in rows {
        let folder = TempDir::new().unwrap();
        let [layout, outside] = ["layout", "outside"].map(|name| folder.path().join(name));
        fs::create_dir(&layout).unwrap();
        fs::create_dir(&outside).unwrap();
        make(&layout, &outside);
        let before = content(&outside);
        let write = || {
            let sink = LayoutSink::open(&layout, &SinkOptions::default())?;
            put_image(&sink, &image, Some("v1"))
        };
        let status = write().err().map(|e| e.status());
        assert_eq!(status, expected, "{row}");
        assert_eq!(content(&outside), before, "{row}");
        if expected.is_none() {
            assert_eq!(check_layout(&layout), [pair("v1", &image)], "{row}");
        }
    }
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

fn content(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut content: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect();
    content.sort();
    content
}

const WRITERS: usize = 32;

/// The entries that the writer `i` of several makes.
fn write_as(i: usize, path: &Path) {
    let sink = open(path);
    // All share one image; each has another of its own.
    put_image(
        &sink,
        &image("shared", "amd64", 2),
        Some(&format!("shared-{i}")),
    )
    .unwrap();
    put_image(
        &sink,
        &image(&format!("{i}"), "amd64", 1),
        Some(&format!("own-{i}")),
    )
    .unwrap();
    sink.finish(&Context::default()).unwrap();
}

fn check_all_names(path: &Path) {
    let mut names: Vec<_> = check_layout(path)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    names.sort();
    let mut expected: Vec<_> = (0..WRITERS)
        .flat_map(|i| [format!("own-{i}"), format!("shared-{i}")])
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    check_blobs(path);
}

#[test]
fn writers_in_threads_keep_every_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("layout");
    thread::scope(|scope| {
        for i in 0..WRITERS {
            let path = &path;
            scope.spawn(move || write_as(i, path));
        }
    });
    check_all_names(&path);
}

#[test]
fn writers_in_processes_keep_every_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("layout");
    let writers: Vec<_> = (0..WRITERS)
        .map(|i| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "one_writer_of_several", "--ignored"])
                .env("OCIIMG_TEST_WRITER", i.to_string())
                .env("OCIIMG_TEST_LAYOUT", &path)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    check_all_names(&path);
}

#[test]
fn a_writer_without_the_lock_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("layout");
    let sink = open(&path);
    let foreign = image("foreign", "amd64", 1);
    put_image(&sink, &foreign, Some("foreign-0")).unwrap();
    // It knows its own names alone: those of others it may lose.
    let index_of = |count: usize| {
        let entry = |i| {
            let entry = foreign.manifest.json();
            let entry = entry.trim_end_matches('}');
            let key = "org.opencontainers.image.ref.name";
            format!(r#"{entry},"annotations":{{"{key}":"foreign-{i}"}}}}"#)
        };
        let entries: Vec<_> = (0..count).map(entry).collect();
        format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            entries.join(",")
        )
    };
    const FOREIGN: usize = 300;
    let ours = image("ours", "amd64", 1);
    let mut outcomes = [0, 0];
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for count in 1..=FOREIGN {
                fs::write(folder.path().join("new"), index_of(count)).unwrap();
                fs::rename(folder.path().join("new"), path.join("index.json")).unwrap();
            }
        });
        let mut i = 0;
        while !writer.is_finished() || i < 10 {
            match put_image(&sink, &ours, Some(&format!("ours-{i}"))) {
                Ok(()) => outcomes[0] += 1,
                Err(e) => {
                    assert_eq!(e.status(), Status::Conflict, "{e}");
                    outcomes[1] += 1;
                }
            }
            i += 1;
        }
    });
    let listed = check_layout(&path);
    for i in 0..FOREIGN {
        let name = format!("foreign-{i}");
        assert!(
            listed.iter().any(|(n, _)| *n == name),
            "{name} {outcomes:?}"
        );
    }
    assert!(outcomes[0] > 0, "{outcomes:?}");
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn one_writer_of_several() {
    let Some(path) = std::env::var_os("OCIIMG_TEST_LAYOUT") else {
        return;
    };
    let i = std::env::var("OCIIMG_TEST_WRITER").unwrap();
    write_as(i.parse().unwrap(), Path::new(&path));
}
