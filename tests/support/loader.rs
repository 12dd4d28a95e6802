//! A loader over blobs in memory, which records requests.

use ociimg::context::Context;
use ociimg::digest::{Algorithm, Digest};
use ociimg::error::{Error, Result};
use ociimg::index::Index;
use ociimg::load::LoadOptions;
use ociimg::loader::{Loader, Stream};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex};

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

#[derive(Default)]
pub struct MemoryLoader {
    root: Arc<[u8]>,
    pub root_digest: Option<String>,
    pub root_is_index: bool,
    /// A digest whose content cannot be opened, and the errno of that.
    pub unreadable: Option<(String, i32)>,
    blobs: HashMap<String, Vec<u8>>,
    /// The requests to the loader, in order: "root", "manifest DIGEST", "blob DIGEST".
    asked: Mutex<Vec<String>>,
}

impl MemoryLoader {
    /// Adds content, and returns its descriptor.
    pub fn put(&mut self, media_type: &str, content: impl AsRef<[u8]>) -> Value {
        let content = content.as_ref();
        let digest = Digest::of(Algorithm::Sha256, content).to_string();
        self.blobs.insert(digest.clone(), content.to_vec());
        json!({"mediaType": media_type, "digest": digest, "size": content.len()})
    }

    pub fn put_json(&mut self, media_type: &str, document: &Value) -> Value {
        self.put(media_type, document.to_string())
    }

    /// An image of one plain layer, whose config has these fields beside its rootfs;
    /// returns the descriptor of its manifest.
    pub fn image(&mut self, config: Value) -> Value {
        let manifest = self.manifest(config);
        self.put_json(MANIFEST, &manifest)
    }

    pub fn manifest(&mut self, mut config: Value) -> Value {
        let layer = self.put(LAYER, "a layer");
        config["rootfs"] = json!({"type": "layers", "diff_ids": [layer["digest"]]});
        let config = self.put_json(CONFIG, &config);
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]})
    }

    /// Replaces what is there under the digest of a descriptor.
    pub fn replace(&mut self, descriptor: &Value, content: impl AsRef<[u8]>) {
        let digest = descriptor["digest"].as_str().expect("a descriptor");
        self.blobs.insert(digest.into(), content.as_ref().to_vec());
    }

    pub fn remove(&mut self, descriptor: &Value) {
        self.blobs
            .remove(descriptor["digest"].as_str().expect("a descriptor"));
    }

    pub fn with_root(mut self, root: impl AsRef<[u8]>) -> Arc<Self> {
        self.root = root.as_ref().into();
        Arc::new(self)
    }

    pub fn with_index(self, children: &[Value]) -> Arc<Self> {
        self.with_root(index(children).to_string())
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn open(&self, what: &str, digest: &Digest) -> Result<Box<dyn Stream>> {
        self.asked.lock().unwrap().push(format!("{what} {digest}"));
        if let Some((unreadable, errno)) = &self.unreadable
            && **digest.text() == **unreadable
        {
            return Err(Error::io("cannot be opened").with_errno(*errno));
        }
        let blob = self.blobs.get(&**digest.text()).cloned();
        match blob {
            Some(blob) => Ok(Box::new(Cursor::new(blob))),
            None => Err(Error::not_found("no such blob")),
        }
    }
}

impl Loader for MemoryLoader {
    fn root_digest(&self, _: &Context) -> Result<Option<String>> {
        Ok(self.root_digest.clone())
    }

    fn root_is_index(&self) -> bool {
        self.root_is_index
    }

    fn open_root_manifest(&self, _: &Context) -> Result<Box<dyn Stream>> {
        self.asked.lock().unwrap().push("root".into());
        Ok(Box::new(Cursor::new(self.root.clone())))
    }

    fn open_manifest(&self, digest: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
        self.open("manifest", digest)
    }

    fn open_blob(&self, digest: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
        self.open("blob", digest)
    }
}

pub fn index(children: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})
}

pub fn on(mut descriptor: Value, os: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({"os": os, "architecture": architecture});
    descriptor
}

pub fn load(memory: &Arc<MemoryLoader>) -> Result<Index> {
    load_with(memory, &LoadOptions::default())
}

pub fn load_with(memory: &Arc<MemoryLoader>, options: &LoadOptions) -> Result<Index> {
    Index::load(memory.clone(), options, &Context::default())
}
