//! Common tools that read what sinks wrote.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// buildah takes the path of a layout for a name, which has no capitals.
pub fn lowercase_folder() -> TempDir {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ociimg-{}-{count}", std::process::id());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&name).rand_bytes(0).tempdir().unwrap()
}

/// The output of a command that must succeed.
pub fn run(command: &mut Command) -> String {
    let run = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        run.status.success(),
        "{command:?}: {}{}",
        text(&run.stdout),
        text(&run.stderr)
    );
    text(&run.stdout)
}

pub fn skopeo() -> Command {
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy");
    command
}

/// A buildah with a storage of its own.
pub struct Buildah {
    storage: TempDir,
}

impl Buildah {
    /// Fails with its message where it does not work.
    pub fn new() -> Result<Self, String> {
        let storage = TempDir::new().unwrap();
        let policy = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;
        fs::write(storage.path().join("policy.json"), policy).unwrap();
        let buildah = Self { storage };
        match buildah.command().arg("images").output().unwrap() {
            works if works.status.success() => Ok(buildah),
            fails => Err(String::from_utf8_lossy(&fails.stderr).into_owned()),
        }
    }

    fn command(&self) -> Command {
        let storage = self.storage.path();
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs", "--root"]);
        command.arg(storage.join("root"));
        command.arg("--runroot").arg(storage.join("run"));
        command
    }

    /// Pulls an image; gives the digest of its config.
    pub fn pull(&self, source: &str) -> String {
        let mut pull = self.command();
        pull.arg("pull").arg("--signature-policy");
        pull.arg(self.storage.path().join("policy.json"));
        let id = run(pull.arg(source));
        run(self.command().args(["rmi", "--all"]));
        format!("sha256:{}", id.trim())
    }
}

/// A containerd of its own, ended when it is dropped.
pub struct Containerd {
    folder: TempDir,
    process: Child,
}

impl Containerd {
    pub fn start() -> Result<Self, String> {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = {:?}\n",
            at("root"),
            at("state"),
            at("socket")
        );
        fs::write(at("config.toml"), config).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let process = Command::new("containerd")
            .arg("--config")
            .arg(at("config.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| e.to_string())?;
        let containerd = Self { folder, process };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if containerd
                .ctr()
                .arg("version")
                .output()
                .unwrap()
                .status
                .success()
            {
                return Ok(containerd);
            }
            thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(containerd.folder.path().join("log"));
        let log = log.unwrap_or_default();
        Err(log.lines().last().unwrap_or("no answer").to_owned())
    }

    /// Imports an archive; gives the list of all images afterwards.
    pub fn import(&self, archive: &Path) -> String {
        let mut import = self.ctr();
        import.args(["images", "import", "--no-unpack", "--all-platforms"]);
        run(import.arg(archive));
        run(self.ctr().args(["images", "list"]))
    }

    pub fn ctr(&self) -> Command {
        let mut command = Command::new("ctr");
        command
            .arg("--address")
            .arg(self.folder.path().join("socket"));
        command
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
