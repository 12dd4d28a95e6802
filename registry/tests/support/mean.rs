//! A server of HTTP/1.1 that does what a test wants of it.

use super::image::{Image, MANIFEST, digest};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    fn length(&self) -> usize {
        self.header("content-length")
            .map_or(0, |text| text.parse().unwrap())
    }
}

/// What of a request's body is read.
pub struct Body<'a> {
    from: &'a mut BufReader<TcpStream>,
    left: usize,
}

impl Body<'_> {
    pub fn read(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.left.min(most)];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => self.left -= bytes.len(),
            Err(_) => bytes.clear(),
        }
        bytes
    }

    pub fn read_all(&mut self) -> Vec<u8> {
        self.read(usize::MAX)
    }
}

#[derive(Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Sends so much of the body and closes the connection.
    pub cut: Option<usize>,
    /// Sends so much of the body and says nothing more.
    pub stall: Option<usize>,
    /// Sent in place of all else; then the connection is closed, after `pause`.
    pub raw: Option<Vec<u8>>,
    pub pause: Duration,
    /// Nothing is answered at all, and the connection stays open.
    pub is_silent: bool,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }

    pub fn stall(mut self, at: usize) -> Self {
        self.stall = Some(at);
        self
    }

    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            raw: Some(bytes.into()),
            ..Self::default()
        }
    }

    pub fn after(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    pub fn silent() -> Self {
        Self {
            is_silent: true,
            ..Self::default()
        }
    }

    /// A refusal as registries write them.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status).body(body.to_string())
    }
}

type Handler = dyn Fn(&Request, &mut Body<'_>) -> Reply + Send + Sync;

pub struct Server {
    pub host: String,
    seen: Arc<Mutex<Vec<Request>>>,
    /// Connections, and those of them on which a request came.
    connections: Arc<[AtomicUsize; 2]>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(
        handler: impl Fn(&Request, &mut Body<'_>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0", handler).expect("a port is free")
    }

    pub fn start_at(
        address: &str,
        handler: impl Fn(&Request, &mut Body<'_>) -> Reply + Send + Sync + 'static,
    ) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let host = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let is_over: Arc<AtomicBool> = Arc::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let connections: Arc<[AtomicUsize; 2]> = Arc::default();
        let (log, over, counts) = (seen.clone(), is_over.clone(), connections.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (handler, log, over) = (handler.clone(), log.clone(), over.clone());
                let counts = counts.clone();
                counts[0].fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || serve(stream, &*handler, &log, &over, &counts[1]));
            }
        });
        Some(Self {
            host,
            seen,
            connections,
            is_over,
        })
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections[0].load(Ordering::SeqCst)
    }

    pub fn seen_connections(&self) -> usize {
        self.connections[1].load(Ordering::SeqCst)
    }

    pub fn count(&self, method: &str, part: &str) -> usize {
        let is_one = |request: &&Request| request.method == method && request.target.contains(part);
        self.seen().iter().filter(is_one).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.host);
    }
}

fn serve(
    stream: TcpStream,
    handler: &Handler,
    log: &Mutex<Vec<Request>>,
    over: &AtomicBool,
    count: &AtomicUsize,
) {
    let mut writer = stream.try_clone().expect("a socket can be cloned");
    let mut reader = BufReader::new(stream);
    let mut is_first = true;
    while let Some(request) = read_request(&mut reader, &mut writer) {
        if is_first {
            count.fetch_add(1, Ordering::SeqCst);
            is_first = false;
        }
        log.lock().unwrap().push(request.clone());
        let mut body = Body {
            left: request.length(),
            from: &mut reader,
        };
        let reply = handler(&request, &mut body);
        let is_unread = body.left > 0;
        let wait = || {
            while !over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(20));
            }
        };
        if reply.is_silent {
            return wait();
        }
        if let Some(raw) = &reply.raw {
            let _ = writer.write_all(raw);
            thread::sleep(reply.pause);
            return;
        }
        let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has = |name: &str| {
            reply
                .headers
                .iter()
                .any(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        if reply.status != 204 && !has("content-length") && !has("transfer-encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
        }
        head.push_str("\r\n");
        if writer.write_all(head.as_bytes()).is_err() {
            return;
        }
        if request.method == "HEAD" {
            continue;
        }
        let end = reply
            .cut
            .or(reply.stall)
            .unwrap_or(usize::MAX)
            .min(reply.body.len());
        if writer.write_all(&reply.body[..end]).is_err() {
            return;
        }
        if reply.stall.is_some() && end < reply.body.len() {
            return wait();
        }
        if reply.cut.is_some() || is_unread {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> Option<Request> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).ok()?;
    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
    let mut words = text.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next().map(str::to_owned));
    let Some(target) = target.filter(|_| text.ends_with("HTTP/1.1")) else {
        // Among others what begins a TLS connection.
        let _ = writer.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        return None;
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            return Some(Request {
                method,
                target,
                headers,
            });
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// What a registry holds that behaves.
#[derive(Default)]
pub struct Store {
    pub blobs: Mutex<HashMap<String, Vec<u8>>>,
    pub manifests: Mutex<HashMap<String, (String, Vec<u8>)>>,
    pub uploads: Mutex<HashMap<String, Vec<u8>>>,
}

impl Store {
    /// With an image, whatever the repository, under the tag `latest`.
    pub fn with(image: &Image) -> Arc<Self> {
        let store = Self::default();
        for blob in image.blobs() {
            store
                .blobs
                .lock()
                .unwrap()
                .insert(digest(blob), blob.clone());
        }
        let manifest = (MANIFEST.to_owned(), image.manifest.clone());
        let mut manifests = store.manifests.lock().unwrap();
        manifests.insert("latest".to_owned(), manifest.clone());
        manifests.insert(digest(&image.manifest), manifest);
        drop(manifests);
        Arc::new(store)
    }

    /// Answers as a registry should.
    pub fn answer(&self, request: &Request, body: &mut Body<'_>) -> Reply {
        let path = request.path().to_owned();
        if let Some((_, reference)) = path.split_once("/manifests/") {
            return self.manifest(request, reference, body);
        }
        if let Some((repository, upload)) = path.split_once("/blobs/uploads/") {
            return self.upload(request, repository, upload, body);
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return match self.blobs.lock().unwrap().get(digest) {
                Some(blob) => ranged(request, blob),
                None => Reply::error(404, "BLOB_UNKNOWN", "no such blob"),
            };
        }
        match &*path {
            "/v2/" => Reply::new(200),
            _ => Reply::error(404, "UNSUPPORTED", "no such address"),
        }
    }

    fn manifest(&self, request: &Request, reference: &str, body: &mut Body<'_>) -> Reply {
        let mut manifests = self.manifests.lock().unwrap();
        if request.method == "PUT" {
            let bytes = body.read_all();
            let media_type = request
                .header("content-type")
                .unwrap_or_default()
                .to_owned();
            let digest = digest(&bytes);
            manifests.insert(digest.clone(), (media_type.clone(), bytes.clone()));
            manifests.insert(reference.to_owned(), (media_type, bytes));
            return Reply::new(201).header("Docker-Content-Digest", digest);
        }
        match manifests.get(reference) {
            Some((media_type, bytes)) => Reply::new(200)
                .header("Content-Type", media_type)
                .body(bytes.clone()),
            None => Reply::error(404, "MANIFEST_UNKNOWN", "no such manifest"),
        }
    }

    fn upload(
        &self,
        request: &Request,
        repository: &str,
        upload: &str,
        body: &mut Body<'_>,
    ) -> Reply {
        let mut uploads = self.uploads.lock().unwrap();
        let place = |id: &str| format!("{repository}/blobs/uploads/{id}?_state=a%2Bb");
        let range = |bytes: &[u8]| format!("0-{}", bytes.len().saturating_sub(1));
        if request.method == "POST" {
            let id = format!("upload-{}", uploads.len());
            uploads.insert(id.clone(), Vec::new());
            return Reply::new(202)
                .header("Location", place(&id))
                .header("Range", "0-0");
        }
        let Some(bytes) = uploads.get_mut(upload) else {
            return Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
        };
        match &*request.method {
            "GET" => Reply::new(204)
                .header("Location", place(upload))
                .header("Range", range(bytes)),
            "DELETE" => {
                uploads.remove(upload);
                Reply::new(204)
            }
            "PATCH" | "PUT" => {
                if !request.query().starts_with("_state=a%2Bb") {
                    return Reply::error(400, "BLOB_UPLOAD_INVALID", "the query was changed");
                }
                if let Some(range) = request.header("content-range") {
                    let start: usize = range.split('-').next().unwrap().parse().unwrap();
                    if start != bytes.len() {
                        return Reply::new(416)
                            .header("Location", place(upload))
                            .header("Range", range);
                    }
                }
                bytes.extend(body.read_all());
                if request.method == "PATCH" {
                    return Reply::new(202)
                        .header("Location", place(upload))
                        .header("Range", range(bytes));
                }
                let bytes = uploads.remove(upload).unwrap();
                let digest = digest(&bytes);
                if !request.query().contains(&digest.replace(':', "%3A")) {
                    return Reply::error(400, "DIGEST_INVALID", "another digest");
                }
                self.blobs.lock().unwrap().insert(digest, bytes);
                Reply::new(201)
            }
            _ => Reply::new(405),
        }
    }
}

/// A blob, or the part of it that is asked for.
pub fn ranged(request: &Request, blob: &[u8]) -> Reply {
    let Some(range) = request.header("range") else {
        return Reply::new(200).body(blob);
    };
    let start: usize = range
        .trim_start_matches("bytes=")
        .trim_end_matches('-')
        .parse()
        .unwrap();
    if start >= blob.len() {
        return Reply::new(416);
    }
    let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
    Reply::new(206)
        .header("Content-Range", range)
        .body(&blob[start..])
}
