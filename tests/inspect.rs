//! `tools/inspect.c` on the sample image, on damaged copies of it, and on hostile images.

mod support;

use serde_json::Value;
use sha2::Digest as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The sample's manifest for linux/arm64, and the second layer of that image.
const ARM64: &str = "sha256:94e4fa8b10466a7aae2e50bce073f308647dfd0fdad3ccfdb21cd52d8fa889fa";
const ARM64_LAYER: &str = "sha256:eb018eaf2ced6c3b9f98326562bab31180ba0edb0b4ecda43a327a4777f5bc87";

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        support::cc::program(&[&root.join("tools/inspect.c")], "inspect")
    })
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sample")
}

/// Exit status, stdout and stderr; both are pipes, no terminals.
fn inspect(args: &[&str], source: &Path) -> (i32, String, String) {
    finished(Command::new(program()).args(args).arg(source).output())
}

fn finished(run: std::io::Result<Output>) -> (i32, String, String) {
    let run = run.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = run.status.code().expect("it ends by itself");
    (status, text(run.stdout), text(run.stderr))
}

/// A copy of the sample, for a test to damage.
fn copy(name: &str) -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&copy);
    let blobs = "blobs/sha256";
    fs::create_dir_all(copy.join(blobs)).unwrap();
    for file in ["oci-layout", "index.json"] {
        fs::copy(sample().join(file), copy.join(file)).unwrap();
    }
    for blob in fs::read_dir(sample().join(blobs)).unwrap() {
        let blob = blob.unwrap();
        fs::copy(blob.path(), copy.join(blobs).join(blob.file_name())).unwrap();
    }
    copy
}

fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

/// Adds a blob; its digest and size as members of a descriptor.
fn put(layout: &Path, content: &str) -> String {
    let digest = sha2::Sha256::digest(content.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(layout.join("blobs/sha256").join(&digest), content).unwrap();
    format!(r#""digest":"sha256:{digest}","size":{}"#, content.len())
}

/// Makes this manifest the only one of the layout.
fn list(layout: &Path, manifest: &str) {
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let index =
        format!(r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{media_type}",{manifest}}}]}}"#);
    fs::write(layout.join("index.json"), index).unwrap();
}

fn flip_last_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn people_read_the_index_the_config_and_the_verified_layers() {
    let (status, stdout, stderr) = inspect(&["--platform", "linux/arm64"], &sample());
    assert_eq!((status, stderr.as_str()), (0, ""));
    let squeezed: Vec<_> = stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "KIND PLATFORM SIZE DIGEST",
        &format!("image linux/arm64/v8 788 {ARM64}"),
        "image for linux/arm64/v8",
        "created 2025-01-01T00:00:00Z",
        "user hello",
        "working_dir /",
        "entrypoint \"/bin/hello\"",
        "cmd \"world\"",
        "env \"GREETING=Hello\"",
        "exposed_ports \"8080/tcp\"",
        "volumes \"/data\"",
        "org.opencontainers.image.title=sample",
        "history layer 0 /bin/sh",
        "layer 1 /bin/sh",
        &format!("{ARM64_LAYER} 180 verified, unpacks to 2560"),
    ] {
        assert!(
            squeezed.iter().any(|l| l == line),
            "{line}\nis not in\n{stdout}"
        );
    }
    assert!(!stdout.contains("linux/amd64\n  manifest"), "{stdout}");
    // No terminal, no progress, nothing that moves a cursor.
    assert!(!stdout.contains(['\r', '\x1b']), "{stdout:?}");
}

#[test]
fn json_says_it_all() {
    let (status, stdout, stderr) = inspect(&["--json", "--all", "--ref", "1.0"], &sample());
    assert_eq!((status, stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["error"], Value::Null);
    assert_eq!(report["entries"].as_array().unwrap().len(), 3);
    let entry = &report["entries"][1];
    assert_eq!(entry["kind"], "image");
    assert_eq!(entry["platform"]["variant"], "v8");
    assert_eq!(entry["descriptor"]["digest"], ARM64);
    assert_eq!(entry["descriptor"]["size"], 788);
    let image = &report["images"][1];
    assert_eq!(image["manifest_digest"], ARM64);
    assert_eq!(image["annotations"]["org.example.platform"], "linux/arm64");
    assert_eq!(
        image["config"]["entrypoint"],
        serde_json::json!(["/bin/hello"])
    );
    assert_eq!(
        image["config"]["history"][1]["author"],
        "The ociimg authors"
    );
    assert_eq!(image["config"]["history"][0]["author"], Value::Null);
    let layer = &image["layers"][1];
    assert_eq!(layer["descriptor"]["digest"], ARM64_LAYER);
    assert_eq!(layer["uncompressed"], true);
    assert_eq!(layer["bytes_read"], 2560);
    assert_eq!(layer["verified"], true);

    let (status, stdout, _) = inspect(&["--json", "--stored", "--platform", "arm64"], &sample());
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let layer = &report["images"][0]["layers"][1];
    assert_eq!(status, 0);
    assert_eq!(
        (&layer["uncompressed"], &layer["bytes_read"]),
        (&false.into(), &180.into())
    );
}

#[test]
fn a_layer_with_a_flipped_byte_is_bad() {
    let layout = copy("inspect-flipped-layer");
    flip_last_byte(&blob(&layout, ARM64_LAYER));
    let (status, stdout, stderr) = inspect(&["--platform", "linux/arm64"], &layout);
    assert_eq!(status, 1);
    assert!(stderr.contains(ARM64_LAYER), "{stderr}");
    assert!(
        !stdout.contains(&format!("{ARM64_LAYER}         180  verified")),
        "{stdout}"
    );

    let (status, stdout, _) = inspect(&["--json", "--platform", "linux/arm64"], &layout);
    assert_eq!(status, 1);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let layers = &report["images"][0]["layers"];
    assert_eq!(layers[0]["verified"], true);
    assert_eq!(layers[1]["verified"], false);
    assert_eq!(layers[1]["error"]["digest"], ARM64_LAYER);

    // The other images are unaffected.
    assert_eq!(inspect(&["--platform", "linux/amd64"], &layout).0, 0);
    assert_eq!(inspect(&["--all"], &layout).0, 1);
}

/// Makes a manifest of these layers the only one of the layout.
fn list_layers(layout: &Path, layers: &[String], diff_ids: &[String]) {
    let diff_ids = serde_json::to_string(diff_ids).unwrap();
    let config = put(
        layout,
        &format!(
            r#"{{"os":"linux","architecture":"arm64","rootfs":{{"type":"layers","diff_ids":{diff_ids}}}}}"#
        ),
    );
    let manifest = put(
        layout,
        &format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{config}}},
        "layers":[{}]}}"#,
            layers.join(",")
        ),
    );
    list(layout, &manifest);
}

#[test]
fn verify_reads_every_entry_of_a_good_image() {
    let (status, stdout, stderr) = inspect(&["--verify"], &sample());
    assert_eq!((status, stderr.as_str()), (0, ""));
    for i in 0..3 {
        assert!(
            stdout.contains(&format!("entry {i}: verified\n")),
            "{stdout}"
        );
    }
    let (status, stdout, _) = inspect(&["--verify", "--json"], &sample());
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(status, 0);
    let verified = shown["verified"].as_array().unwrap();
    assert_eq!(verified.len(), 3);
    assert!(verified.iter().all(|entry| entry["verified"] == true));
}

#[test]
fn verify_finds_a_wrong_byte_in_a_layer() {
    let layout = copy("inspect-verify-flipped");
    flip_last_byte(&blob(&layout, ARM64_LAYER));
    let (status, stdout, stderr) = inspect(&["--verify"], &layout);
    assert_eq!(status, 1);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("inspect: "), "{stderr}");
    assert!(stderr.contains(ARM64_LAYER), "{stderr}");
    assert!(stdout.contains("entry 0: verified\n"), "{stdout}");
    assert!(!stdout.contains("entry 1: verified\n"), "{stdout}");

    let (status, stdout, _) = inspect(&["--verify", "--json"], &layout);
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(status, 1);
    assert_eq!(shown["verified"][0]["verified"], true);
    assert_eq!(shown["verified"][1]["verified"], false);
    assert_eq!(shown["verified"][1]["error"]["digest"], ARM64_LAYER);

    // A layer that is missing is as bad.
    fs::remove_file(blob(&layout, ARM64_LAYER)).unwrap();
    let (status, _, stderr) = inspect(&["--verify"], &layout);
    assert_eq!(status, 1);
    assert!(stderr.starts_with("inspect: NOT_FOUND: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// Encrypted layers are verified as they are stored; layers that are kept elsewhere may be absent,
/// but must be right where they are there.
#[test]
fn verify_knows_encrypted_and_foreign_layers() {
    let layout = copy("inspect-verify-foreign");
    let plain = "application/vnd.oci.image.layer.v1.tar+gzip";
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let encrypted = put(&layout, "not readable without a key");
    let kept_elsewhere = put(&layout, "a layer of another company");
    let digest = kept_elsewhere.split('"').nth(3).unwrap().to_owned();
    let layers = [
        format!(r#"{{"mediaType":"{plain}+encrypted",{encrypted}}}"#),
        format!(
            r#"{{"mediaType":"{foreign}","urls":["https://example.org/layer"],{kept_elsewhere}}}"#
        ),
    ];
    let diff_ids = ["1", "2"].map(|c| format!("sha256:{}", c.repeat(64)));
    list_layers(&layout, &layers, &diff_ids);
    fs::remove_file(blob(&layout, &digest)).unwrap();
    let (status, stdout, stderr) = inspect(&["--verify"], &layout);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    let line = "entry 0: verified, except 1 foreign layer that the source does not have\n";
    assert!(stdout.contains(line), "{stdout}");

    fs::write(blob(&layout, &digest), "other bytes than they should be").unwrap();
    let (status, _, stderr) = inspect(&["--verify"], &layout);
    assert_eq!(status, 1);
    assert!(stderr.contains(&digest), "{stderr}");

    fs::remove_file(blob(&layout, &digest)).unwrap();
    let digest = encrypted.split('"').nth(3).unwrap();
    flip_last_byte(&blob(&layout, digest));
    let (status, _, stderr) = inspect(&["--verify"], &layout);
    assert_eq!(status, 1);
    assert!(stderr.starts_with("inspect: DIGEST_MISMATCH: "), "{stderr}");
    assert!(stderr.contains(digest), "{stderr}");
}

#[test]
fn a_manifest_with_a_flipped_byte_is_bad() {
    let layout = copy("inspect-flipped-manifest");
    flip_last_byte(&blob(&layout, ARM64));
    let (status, _, stderr) = inspect(&["--platform", "linux/arm64"], &layout);
    assert_eq!(status, 1);
    assert!(stderr.starts_with("inspect: DIGEST_MISMATCH: "), "{stderr}");
    assert!(stderr.contains(ARM64), "{stderr}");

    let (status, stdout, _) = inspect(&["--json", "--platform", "linux/arm64"], &layout);
    assert_eq!(status, 1);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["images"][0]["error"]["status"], "DIGEST_MISMATCH");
}

#[test]
fn a_broken_entry_is_listed_with_its_error() {
    let layout = copy("inspect-broken-entry");
    let index = fs::read_to_string(layout.join("index.json")).unwrap();
    let nested = index
        .split('"')
        .find(|word| word.starts_with("sha256:"))
        .unwrap();
    flip_last_byte(&blob(&layout, nested));
    let (status, stdout, stderr) = inspect(&["--platform", "linux/arm64"], &layout);
    assert_eq!(status, 1);
    assert!(stdout.contains("broken "), "{stdout}");
    assert!(stdout.contains("            DIGEST_MISMATCH: "), "{stdout}");
    assert!(stderr.contains("no image for linux/arm64"), "{stderr}");

    let (_, stdout, _) = inspect(&["--json", "--all"], &layout);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["entries"][0]["kind"], "broken");
    assert_eq!(report["entries"][0]["error"]["digest"], nested);
    assert_eq!(report["images"], serde_json::json!([]));
}

#[test]
fn exit_status_and_message_tell_usage_from_images() {
    let sample = sample();
    let sample = sample.to_str().unwrap();
    for (args, status, message) in [
        (&["--help"][..], 0, ""),
        (&[], 2, "no source is named"),
        (&["--jsno", sample], 2, "unknown option \"--jsno\""),
        (&[sample, "--ref"], 2, "a value is missing after \"--ref\""),
        (&[sample, sample], 2, "one source at a time"),
        (
            &["--all", "--platform", "arm64", sample],
            2,
            "--platform excludes --all and --verify",
        ),
        (&["--platform", "a b", sample], 2, "INVALID_ARGUMENT"),
        (&["--platform", "linux/s390x", sample], 1, "linux/s390x"),
        (&["--ref", "2.0", sample], 1, "NOT_FOUND"),
        (&["--digest", ARM64, sample], 1, ARM64),
        (&["/nonexistent"], 1, "NOT_FOUND"),
        (&["/dev/null"], 1, "inspect: "),
        (&["--\x1b[2J"], 2, "\"--\\u001b[2J\""),
    ] {
        let (found, _, stderr) = finished(Command::new(program()).args(args).output());
        assert_eq!(found, status, "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), usize::from(status != 0), "{stderr}");
    }
    // A failure before there is an index is JSON too.
    let (status, stdout, _) = inspect(&["--json"], Path::new("/nonexistent"));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (status, &report["error"]["status"]),
        (1, &"NOT_FOUND".into())
    );
}

/// What a document says must not reach the terminal as a command: escape sequences, C1
/// controls, and what turns the direction of writing.
#[test]
fn text_from_documents_is_escaped() {
    let layout = copy("inspect-escapes");
    let evil = r#"\u001b[2J\r\n\u0007\u009b1m\u202e\u2066\ufeff\u007f\"\\é"#;
    let config = put(
        &layout,
        &format!(
            r#"{{"os":"linux","architecture":"arm64","author":"{evil}","config":{{"Env":["{evil}"],
        "Entrypoint":["{evil}"],"Labels":{{"{evil}":"{evil}"}}}}}}"#
        ),
    );
    let manifest = put(
        &layout,
        &format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{config}}},
        "layers":[],"annotations":{{"{evil}":"{evil}"}}}}"#
        ),
    );
    let platform = format!(r#"{{"os":"linux","architecture":"arm64","os.version":"{evil}"}}"#);
    list(&layout, &format!(r#"{manifest},"platform":{platform}"#));

    let harmless = |c: char| c == '\n' || c == 'é' || (' '..='~').contains(&c);
    let (status, stdout, stderr) = inspect(&["--all"], &layout);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.chars().all(harmless), "{stdout:?}");
    let escaped = r"\u001b[2J\u000d\u000a\u0007\u009b1m\u202e\u2066\ufeff\u007f";
    assert!(
        stdout.contains(&format!("  author        {escaped}\"\\é\n")),
        "{stdout}"
    );
    assert!(
        stdout.contains(&format!("  env           \"{escaped}\\\"\\\\é\"\n")),
        "{stdout}"
    );

    let (_, stdout, _) = inspect(&["--all", "--json"], &layout);
    assert!(stdout.chars().all(harmless), "{stdout:?}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let evil: String = serde_json::from_str(&format!("\"{evil}\"")).unwrap();
    let image = &report["images"][0];
    assert_eq!(image["config"]["env"][0], evil.as_str());
    assert_eq!(image["config"]["labels"][&evil], evil.as_str());
    assert_eq!(image["annotations"][&evil], evil.as_str());
}

/// A layer that takes very long to read: a file that is one hole.
fn endless(name: &str) -> PathBuf {
    let layout = copy(name);
    let manifest = fs::read_to_string(blob(&layout, ARM64)).unwrap();
    let size = 1u64 << 36;
    let path = blob(&layout, ARM64_LAYER);
    fs::File::create(&path).unwrap().set_len(size).unwrap();
    let (before, after) = manifest.rsplit_once(r#""size":180"#).unwrap();
    let manifest = format!(r#"{before}"size":{size}{after}"#);
    let manifest = put(&layout, &manifest);
    list(&layout, &manifest);
    layout
}

#[test]
fn an_interrupt_ends_it_in_order() {
    let layout = endless("inspect-endless");
    let mut run = Command::new(program())
        .args(["--json", "--all", "--stored"])
        .arg(&layout)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The output before the layers is written before they are read.
    let mut stdout = BufReader::new(run.stdout.take().unwrap());
    let mut report = stdout.fill_buf().unwrap().to_vec();
    stdout.consume(report.len());
    assert!(!report.is_empty());
    let kill = Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    stdout.read_to_end(&mut report).unwrap();
    let run = run.wait_with_output().unwrap();
    // The large file is removed in any case.
    fs::remove_dir_all(layout).unwrap();
    assert_eq!(run.status.code(), Some(130));
    assert!(
        String::from_utf8(run.stderr)
            .unwrap()
            .contains("inspect: CANCELLED")
    );
    let report: Value = serde_json::from_slice(&report).unwrap();
    let last = report["images"][0]["layers"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    assert_eq!(last["error"]["status"], "CANCELLED");
}

/// Runs it on a terminal, which stdout and stderr share.
#[test]
fn a_terminal_gets_a_progress_bar() {
    if !support::has("script", "the progress bar of inspect") {
        return;
    }
    let command = format!(
        "'{}' --platform arm64 '{}'",
        program().display(),
        sample().display()
    );
    let run = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{shown}");
    assert!(
        shown.contains("\r  [##################################################] 100 %"),
        "{shown:?}"
    );
}
