//! Sinks whose writing fails or whose process is killed, at every system call: layouts stay
//! readable, archives appear whole or not at all.

#![cfg(target_os = "linux")]

mod support;

use ociimg::context::Context;
use ociimg::error::Status;
use ociimg::sink::{LayoutSink, Sink, SinkOptions};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use support::image::*;
use support::{has, in_small_file_system};
use tempfile::TempDir;

/// The system calls that change a file system or depend on its state.
const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "mkdirat",
    "mkdir",
    "write",
    "linkat",
    "renameat",
    "renameat2",
    "unlinkat",
    "fsync",
    "flock",
];

/// OCIIMG_STATUS_IO, with which the program ends.
const STATUS_IO: i32 = 11;

/// The most times that each call is hit; all of them with OCIIMG_TESTS_LONG=1.
fn most_hits() -> usize {
    match std::env::var_os("OCIIMG_TESTS_LONG").is_some_and(|set| set == "1") {
        true => usize::MAX,
        false => 4,
    }
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        support::cc::program(&[&root.join("tests/c/write.c")], "write")
    })
}

/// A layout to read from, and targets to write to.
struct Ground {
    folder: TempDir,
    old: TestImage,
    new: TestImage,
}

impl Ground {
    fn new() -> Self {
        let ground = Self {
            folder: TempDir::new().unwrap(),
            old: image("old", "amd64", 1),
            new: image("new", "amd64", 2),
        };
        ground.put(&ground.at("source"), &ground.new, "x");
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, layout: &Path, image: &TestImage, name: &str) {
        let options = SinkOptions {
            no_sync: true,
            ..SinkOptions::default()
        };
        let sink = LayoutSink::open(layout, &options).unwrap();
        put_image(&sink, image, Some(name)).unwrap();
        sink.finish(&Context::default()).unwrap();
    }

    /// A layout that has the old image under a name that the new one takes.
    fn layout(&self) -> PathBuf {
        let layout = self.at("layout");
        let _ = fs::remove_dir_all(&layout);
        self.put(&layout, &self.old, "kept");
        self.put(&layout, &self.old, "name");
        layout
    }

    /// Runs the program; `inject` is what strace does to it.
    fn write(&self, kind: &str, target: &Path, inject: Option<&str>) -> ExitStatus {
        let mut command = match inject {
            None => Command::new(program()),
            Some(inject) => {
                let mut strace = Command::new("strace");
                strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
                strace.arg(format!("inject={inject}")).arg(program());
                strace
            }
        };
        command.arg(self.at("source")).arg(kind).arg(target);
        command.arg("name").stderr(Stdio::null());
        command.status().unwrap()
    }

    /// Checks a layout that something was done to. Whether it has the new image.
    fn check(&self, layout: &Path, what: &str) -> bool {
        let listed = check_layout(layout);
        check_blobs(layout);
        let [old, new] = [&self.old, &self.new].map(|image| image.manifest.digest());
        let entries = |name: &str| [("kept".into(), old.clone()), ("name".into(), name.into())];
        let is_new = listed == entries(&new);
        assert!(is_new || listed == entries(&old), "{what}: {listed:?}");
        is_new
    }
}

/// Does something to each system call of the program, in turn, until none is left.
fn for_each_call(does: &str, mut run: impl FnMut(&str) -> bool) {
    for call in CALLS {
        for number in 1..=most_hits() {
            if !run(&format!("{call}:{does}:when={number}")) {
                break;
            }
        }
    }
}

fn was_killed(status: ExitStatus) -> bool {
    // strace ends as the program does.
    status.signal() == Some(9) || status.code() == Some(128 + 9)
}

#[test]
fn a_killed_writer_leaves_a_layout_that_is_right() {
    if !has("strace", "writers that are killed") {
        return;
    }
    let ground = Ground::new();
    let mut outcomes = BTreeSet::new();
    for_each_call("signal=SIGKILL", |inject| {
        let layout = ground.layout();
        let status = ground.write("layout", &layout, Some(inject));
        outcomes.insert((was_killed(status), ground.check(&layout, inject)));
        // The next writer continues, and leaves nothing behind except files younger than a
        // day.
        assert!(ground.write("layout", &layout, None).success(), "{inject}");
        assert!(ground.check(&layout, inject));
        was_killed(status)
    });
    assert!(outcomes.contains(&(true, false)), "{outcomes:?}");
    assert!(outcomes.contains(&(true, true)) || most_hits() < usize::MAX);
    assert!(outcomes.contains(&(false, true)), "{outcomes:?}");
}

#[test]
fn a_layout_that_was_not_made_to_the_end_is_made_by_the_next_writer() {
    if !has("strace", "writers that are killed while they make a layout") {
        return;
    }
    let ground = Ground::new();
    let layout = ground.at("layout");
    for_each_call("signal=SIGKILL", |inject| {
        let _ = fs::remove_dir_all(&layout);
        let status = ground.write("layout", &layout, Some(inject));
        check_blobs(&layout);
        if layout.join("oci-layout").exists() && layout.join("index.json").exists() {
            check_layout(&layout);
        }
        assert!(ground.write("layout", &layout, None).success(), "{inject}");
        assert_eq!(
            check_layout(&layout),
            [("name".to_owned(), ground.new.manifest.digest())]
        );
        was_killed(status)
    });
}

#[test]
fn a_killed_writer_leaves_the_archive_that_was_there() {
    if !has("strace", "writers of archives that are killed") {
        return;
    }
    let ground = Ground::new();
    let whole = ground.at("whole.tar");
    assert!(ground.write("archive", &whole, None).success());
    let whole = fs::read(whole).unwrap();
    let archive = ground.at("archives/x.tar");
    fs::create_dir(archive.parent().unwrap()).unwrap();
    for old in [Some("old"), None] {
        for_each_call("signal=SIGKILL", |inject| {
            let _ = fs::remove_file(&archive);
            if let Some(old) = old {
                fs::write(&archive, old).unwrap();
            }
            let status = ground.write("archive", &archive, Some(inject));
            match fs::read(&archive) {
                Ok(found) => assert!(
                    found == whole || Some(&*found) == old.map(str::as_bytes),
                    "{inject}"
                ),
                Err(_) => assert!(old.is_none(), "{inject}"),
            }
            was_killed(status)
        });
    }
}

#[test]
fn a_write_that_fails_is_an_error_and_harms_nothing() {
    if !has("strace", "writes that fail") {
        return;
    }
    let ground = Ground::new();
    let archive = ground.at("archives/x.tar");
    fs::create_dir(archive.parent().unwrap()).unwrap();
    let mut failed = 0;
    for errno in ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE"] {
        for_each_call(&format!("error={errno}"), |inject| {
            // A failed unlink has no effect.
            let layout = ground.layout();
            let status = ground.write("layout", &layout, Some(inject));
            assert!(status.code().is_some(), "{inject}: {status}");
            let is_new = ground.check(&layout, inject);
            assert!(is_new || !status.success(), "{inject}");
            assert!(ground.write("layout", &layout, None).success(), "{inject}");
            assert!(ground.check(&layout, inject));

            let _ = fs::remove_file(&archive);
            let archived = ground.write("archive", &archive, Some(inject));
            assert!(archived.success() || !archive.exists() || inject.starts_with("fsync"));
            assert!(!archived.success() || archive.exists(), "{inject}");
            let left = fs::read_dir(archive.parent().unwrap()).unwrap().count();
            assert!(left <= 1 || inject.starts_with("unlinkat"), "{inject}");
            let done = status.success() && archived.success();
            failed += usize::from(!done);
            !done
        });
    }
    assert!(failed > 50, "{failed}");
}

#[test]
fn a_process_without_descriptors_fails_and_harms_nothing() {
    let ground = Ground::new();
    let archive = ground.at("archives/x.tar");
    fs::create_dir(archive.parent().unwrap()).unwrap();
    let limited = |limit: usize, kind: &str, target: &Path| {
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -n "$0" && exec "$@""#]);
        command.arg(limit.to_string()).arg(program());
        command.arg(ground.at("source")).arg(kind).arg(target);
        command.arg("name").output().unwrap()
    };
    for (kind, target) in [
        ("layout", ground.at("layout")),
        ("archive", archive.clone()),
    ] {
        let mut failed = 0;
        for limit in 4.. {
            let _ = fs::remove_file(&archive);
            ground.layout();
            let run = limited(limit, kind, &target);
            let message = String::from_utf8_lossy(&run.stderr);
            let is_new = match kind {
                "layout" => ground.check(&target, &message),
                _ => archive.exists(),
            };
            assert_eq!(is_new, run.status.success(), "{limit}: {message}");
            let left = fs::read_dir(archive.parent().unwrap()).unwrap().count();
            assert_eq!(left, usize::from(archive.exists()));
            assert_eq!(fs::read_dir(ground.at("layout")).unwrap().count(), 3);
            if run.status.success() {
                break;
            }
            // With too few the program does not even start.
            if message.contains("(errno 24)") {
                assert_eq!(run.status.code(), Some(STATUS_IO), "{message}");
                failed += 1;
            }
            assert!(limit < 100, "{message}");
        }
        assert!(failed > 2, "{kind}: {failed}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_harms_nothing() {
    in_small_file_system("full_disk", "a disk that is full");
}

#[test]
#[ignore = "run by the test above, in a mount namespace of its own"]
fn full_disk() {
    let Some(mount) = std::env::var_os("OCIIMG_TEST_MOUNT") else {
        return;
    };
    let ground = Ground::new();
    let layout = Path::new(&mount).join("layout");
    ground.put(&layout, &ground.old, "kept");
    ground.put(&layout, &ground.old, "name");
    let options = SinkOptions::default();
    let sink = LayoutSink::open(&layout, &options).unwrap();
    let filler = Path::new(&mount).join("filler");
    let large = Blob::new(LAYER_TYPE, vec![1; 300 << 10]);
    for filled in [1 << 10, 128 << 10, 256 << 10] {
        // As much as there is room for.
        let _ = fs::write(&filler, vec![0; filled]);
        let e = put_blob(&sink, &large, &Context::default()).unwrap_err();
        assert_eq!((e.status(), e.errno()), (Status::Io, 28), "{e}");
        assert!(!ground.check(&layout, "full"));
    }
    let e = put_image(&sink, &ground.new, Some("name")).unwrap_err();
    assert_eq!((e.status(), e.errno()), (Status::Io, 28), "{e}");
    assert!(!ground.check(&layout, "full"));
    fs::remove_file(&filler).unwrap();
    put_image(&sink, &ground.new, Some("name")).unwrap();
    assert!(ground.check(&layout, "room again"));
    assert_eq!(fs::read_dir(&layout).unwrap().count(), 3);

    // An archive: nothing is left of it.
    let archive = Path::new(&mount).join("x.tar");
    let sink = ociimg::sink::ArchiveSink::create(&archive, &options).unwrap();
    let e = put_blob(&sink, &large, &Context::default()).unwrap_err();
    assert_eq!((e.status(), e.errno()), (Status::Io, 28), "{e}");
    let again = sink.finish(&Context::default()).unwrap_err();
    assert_eq!((again.status(), again.errno()), (Status::Io, 28), "{again}");
    drop(sink);
    assert_eq!(fs::read_dir(&mount).unwrap().count(), 1);

    // And a disk that may only be read.
    let mut remount = Command::new("mount");
    remount.args(["-o", "remount,ro"]).arg(&mount);
    assert!(remount.status().unwrap().success());
    let opened = LayoutSink::open(&layout, &options).unwrap();
    let e = put_blob(&opened, &large, &Context::default()).unwrap_err();
    assert_eq!((e.status(), e.errno()), (Status::Io, 30), "{e}");
    let created = ociimg::sink::ArchiveSink::create(&archive, &options).map(drop);
    let e = created.unwrap_err();
    assert_eq!((e.status(), e.errno()), (Status::Io, 30), "{e}");
    assert!(ground.check(&layout, "read only"));
}
