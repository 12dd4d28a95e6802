//! A real docker-registry on loopback, in the modes that people run it.

use super::image::Image;
use super::mean::{Reply, Request, Server};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const USER: &str = "alice";
pub const PASSWORD: &str = "secret";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Plain,
    Htpasswd,
    Tls,
    TlsHtpasswd,
    Token,
}

pub const MODES: [Mode; 5] = [
    Mode::Plain,
    Mode::Htpasswd,
    Mode::Tls,
    Mode::TlsHtpasswd,
    Mode::Token,
];

impl Mode {
    fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsHtpasswd)
    }

    pub fn has_login(self) -> bool {
        matches!(self, Self::Htpasswd | Self::TlsHtpasswd | Self::Token)
    }
}

pub struct DockerRegistry {
    pub host: String,
    pub mode: Mode,
    folder: tempfile::TempDir,
    process: Child,
    _token_server: Option<Server>,
}

impl DockerRegistry {
    /// `None`, visibly, where it is not installed.
    pub fn start(mode: Mode) -> Option<Self> {
        let what = format!("docker-registry, {mode:?}");
        if !super::has("docker-registry", &what)
            || (mode.has_tls() || mode == Mode::Token) && !super::has("openssl", &what)
            || mode.has_login() && mode != Mode::Token && !super::has("htpasswd", &what)
        {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port is free")
            .port();
        let host = format!("127.0.0.1:{port}");
        let root = folder.path();
        let mut config = format!(
            "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\n\
             storage:\n  filesystem: {{rootdirectory: {0}/data}}\n  delete: {{enabled: true}}\n  \
             maintenance: {{uploadpurging: {{enabled: false}}}}\n\
             validation: {{disabled: true}}\nhttp:\n  addr: {host}\n  relativeurls: true\n",
            root.display()
        );
        if mode.has_tls() || mode == Mode::Token {
            make_certificates(root);
        }
        if mode.has_tls() {
            let root = root.display();
            config.push_str(&format!(
                "  tls: {{certificate: {root}/server.crt, key: {root}/server.key}}\n"
            ));
        }
        let mut token_server = None;
        match mode {
            Mode::Htpasswd | Mode::TlsHtpasswd => {
                let run = Command::new("htpasswd")
                    .args(["-Bbn", USER, PASSWORD])
                    .output()
                    .expect("htpasswd runs");
                fs::write(root.join("htpasswd"), run.stdout).expect("a file can be written");
                config.push_str(&format!(
                    "auth:\n  htpasswd: {{realm: test, path: {}/htpasswd}}\n",
                    root.display()
                ));
            }
            Mode::Token => {
                let server = token_server_of(root);
                config.push_str(&format!(
                    "auth:\n  token: {{realm: \"http://{}/token\", service: test-registry, issuer: test-issuer, rootcertbundle: {}/ca.crt}}\n",
                    server.host,
                    root.display()
                ));
                token_server = Some(server);
            }
            Mode::Plain | Mode::Tls => {}
        }
        fs::write(root.join("config.yml"), config).expect("a file can be written");
        let log = fs::File::create(root.join("log")).expect("a file can be made");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(root.join("config.yml"))
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("docker-registry runs");
        let registry = Self {
            host,
            mode,
            folder,
            process,
            _token_server: token_server,
        };
        let since = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            let log = || fs::read_to_string(registry.folder.path().join("log")).unwrap_or_default();
            assert!(
                since.elapsed() < Duration::from_secs(30),
                "docker-registry: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// Ends it; its data stay until it is dropped.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Uploads that were begun and neither finished nor deleted.
    pub fn open_uploads(&self, repository: &str) -> usize {
        let uploads = self
            .folder
            .path()
            .join("data/docker/registry/v2/repositories")
            .join(repository)
            .join("_uploads");
        fs::read_dir(uploads).map_or(0, |entries| entries.count())
    }

    /// A home folder with the login and the certificate that it wants.
    pub fn write_home(&self, home: &Path) {
        let certs = home.join(".config/containers/certs.d").join(&self.host);
        fs::create_dir_all(&certs).expect("a folder can be made");
        if self.mode.has_tls() {
            fs::copy(self.ca_file(), certs.join("ca.crt")).expect("a file can be copied");
        }
        let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let auths = format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, self.host);
        fs::write(home.join(".config/containers/auth.json"), auths).expect("a file can be written");
    }

    /// The options that it wants.
    pub fn options(&self) -> super::api::Options {
        let login = |text: &str| self.mode.has_login().then(|| text.to_owned());
        super::api::Options {
            username: login(USER),
            password: login(PASSWORD),
            ca_file: self
                .mode
                .has_tls()
                .then(|| self.ca_file().to_str().unwrap().to_owned()),
            ..super::api::Options::alone()
        }
    }

    /// Pushes an image with skopeo, its bytes unchanged.
    pub fn push(&self, image: &Image, repository: &str, tag: &str) {
        let layout = tempfile::tempdir().expect("a folder can be made");
        image.write_layout(layout.path(), "x");
        let source = format!("oci:{}:x", layout.path().display());
        let target = format!("docker://{}/{repository}:{tag}", self.host);
        self.skopeo(
            "copy",
            &["--preserve-digests", "-q"],
            &["--dest-tls-verify=false"],
            "--dest-creds",
            &[&source, &target],
        );
    }

    /// What skopeo reads of it, as a layout.
    pub fn pull_with_skopeo(&self, reference: &str, layout: &Path) {
        let source = format!("docker://{}/{reference}", self.host);
        let target = format!("oci:{}:x", layout.display());
        self.skopeo(
            "copy",
            &["--preserve-digests", "-q", "--all"],
            &["--src-tls-verify=false"],
            "--src-creds",
            &[&source, &target],
        );
    }

    fn skopeo(&self, command: &str, options: &[&str], tls: &[&str], creds: &str, args: &[&str]) {
        let mut skopeo = Command::new("skopeo");
        skopeo
            .args(["--insecure-policy", command])
            .args(options)
            .args(tls);
        if self.mode.has_login() {
            skopeo.arg(creds).arg(format!("{USER}:{PASSWORD}"));
        }
        let run = skopeo
            .args(args)
            .env("HOME", self.folder.path())
            .output()
            .expect("skopeo runs");
        assert!(
            run.status.success(),
            "{skopeo:?}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn openssl(folder: &Path, args: &str) {
    let run = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl runs");
    assert!(
        run.status.success(),
        "openssl {args}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// `ca.crt`, and signed by it `server.crt` for loopback and `token.crt`, with their keys.
pub fn make_certificates(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=test-CA -keyout ca.key -out ca.crt \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign",
    );
    for name in ["server", "token"] {
        openssl(
            folder,
            &format!(
                "req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
            ),
        );
        fs::write(
            folder.join("extensions"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nkeyUsage=digitalSignature,keyEncipherment\n",
        )
        .expect("a file can be written");
        openssl(
            folder,
            &format!(
                "x509 -req -days 30 -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions -out {name}.crt"
            ),
        );
    }
}

/// Gives tokens to alice, and nobody else.
fn token_server_of(folder: &Path) -> Server {
    openssl(folder, "x509 -in token.crt -outform DER -out token.der");
    let certificate = STANDARD.encode(fs::read(folder.join("token.der")).expect("it is there"));
    let key = folder.join("token.key");
    let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    Server::start(move |request, _| {
        if request.header("authorization") != Some(&basic) {
            return Reply::error(401, "UNAUTHORIZED", "bad credentials");
        }
        let token = sign(&key, &certificate, request);
        Reply::new(200).body(serde_json::json!({"token": token, "expires_in": 60}).to_string())
    })
}

fn sign(key: &Path, certificate: &str, request: &Request) -> String {
    let decoded = request
        .query()
        .replace("%3A", ":")
        .replace("%2F", "/")
        .replace("%2C", ",");
    let parameters = |name: &'static str| {
        let pairs: Vec<(String, String)> = decoded
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        pairs
            .into_iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let access: Vec<_> = parameters("scope")
        .map(|scope| {
            let parts: Vec<&str> = scope.splitn(3, ':').collect();
            let actions: Vec<&str> = parts[2].split(',').collect();
            serde_json::json!({"type": parts[0], "name": parts[1], "actions": actions})
        })
        .collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let head = serde_json::json!({"typ": "JWT", "alg": "RS256", "x5c": [certificate]});
    let claims = serde_json::json!({
        "iss": "test-issuer", "sub": USER, "aud": parameters("service").next(),
        "exp": now.as_secs() + 60, "nbf": now.as_secs() - 10, "iat": now.as_secs(),
        "jti": now.as_nanos().to_string(), "access": access,
    });
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(head), encode(claims));
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    openssl
        .stdin
        .take()
        .unwrap()
        .write_all(message.as_bytes())
        .expect("it reads");
    let signature = openssl.wait_with_output().expect("it ends").stdout;
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
