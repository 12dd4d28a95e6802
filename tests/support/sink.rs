//! A sink into memory, which records its calls and can fail at any of them.

use ociimg::context::Context;
use ociimg::descriptor::Descriptor;
use ociimg::digest::Digest;
use ociimg::error::Result;
use ociimg::sink::{Begin, BlobWriter, Roots, Sink};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The call as a hook sees it, "begin sha256:...", before the sink does anything.
type Hook = Box<dyn Fn(&str) -> Result<()> + Send + Sync>;

#[derive(Clone, Default)]
pub struct MemorySink(pub Arc<Shared>);

#[derive(Default)]
pub struct Shared {
    pub max_streams: u32,
    /// Whether it reports the blobs that it has, and their sizes.
    pub forgetful: bool,
    pub hook: Option<Hook>,
    pub blobs: Mutex<HashMap<String, Vec<u8>>>,
    /// The bytes of blobs that were not committed.
    pub partial: Mutex<HashMap<String, Vec<u8>>>,
    pub documents: Mutex<HashMap<String, Vec<u8>>>,
    pub roots: Mutex<Vec<(String, Option<String>)>>,
    pub log: Mutex<Vec<String>>,
    open: AtomicUsize,
    pub most_open: AtomicUsize,
}

impl MemorySink {
    pub fn new(change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Shared::default();
        change(&mut shared);
        Self(Arc::new(shared))
    }

    pub fn log(&self) -> Vec<String> {
        self.0.log.lock().unwrap().clone()
    }

    /// How often such a call was made.
    pub fn count(&self, call: &str) -> usize {
        self.log().iter().filter(|c| c.starts_with(call)).count()
    }

    pub fn roots(&self) -> Vec<(String, Option<String>)> {
        self.0.roots.lock().unwrap().clone()
    }

    pub fn names(&self) -> Vec<Option<String>> {
        self.roots().into_iter().map(|(_, name)| name).collect()
    }

    pub fn has(&self, digest: &str) -> bool {
        self.0.blobs.lock().unwrap().contains_key(digest)
            || self.0.documents.lock().unwrap().contains_key(digest)
    }

    /// Checks that every blob and document matches its digest, and that no stream is open.
    pub fn check(&self) {
        assert_eq!(self.0.open.load(Ordering::SeqCst), 0, "streams are open");
        for content in [&self.0.blobs, &self.0.documents] {
            for (digest, content) in content.lock().unwrap().iter() {
                let digest = Digest::parse(digest).unwrap();
                let found = Digest::of(digest.algorithm().unwrap(), content);
                assert_eq!(digest, found);
            }
        }
    }

    fn call(&self, call: &str, d: &Descriptor) -> Result<()> {
        let call = format!("{call} {}", d.digest);
        self.0.log.lock().unwrap().push(call.clone());
        match &self.0.hook {
            Some(hook) => hook(&call),
            None => Ok(()),
        }
    }
}

impl Sink for MemorySink {
    fn max_streams(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.0.max_streams)
    }

    fn has_blob(&self, d: &Descriptor, _: &Context) -> Result<bool> {
        self.call("has", d)?;
        let has = self
            .0
            .blobs
            .lock()
            .unwrap()
            .contains_key(&**d.digest.text());
        Ok(has && !self.0.forgetful)
    }

    fn begin_blob(&self, d: &Arc<Descriptor>, _: &Context) -> Result<Begin> {
        self.call("begin", d)?;
        let partial = self.0.partial.lock().unwrap().remove(&**d.digest.text());
        let content = partial.filter(|_| !self.0.forgetful).unwrap_or_default();
        let open = self.0.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_open.fetch_max(open, Ordering::SeqCst);
        Ok(Begin::Write {
            offset: content.len() as u64,
            writer: Box::new(Writer {
                sink: self.clone(),
                descriptor: d.clone(),
                content: Some(content),
            }),
        })
    }

    fn put_manifest(&self, d: &Arc<Descriptor>, bytes: &[u8], _: &Context) -> Result<()> {
        self.call("manifest", d)?;
        let mut documents = self.0.documents.lock().unwrap();
        documents.insert(d.digest.to_string(), bytes.to_vec());
        Ok(())
    }

    fn put_roots(&self, roots: &mut dyn Roots, _: &Context) -> Result<()> {
        while let Some((root, bytes)) = roots.next()? {
            self.call("root", &root.descriptor)?;
            let digest = root.descriptor.digest.to_string();
            let mut documents = self.0.documents.lock().unwrap();
            documents.insert(digest.clone(), bytes.to_vec());
            let name = root.name.as_deref().map(str::to_owned);
            self.0.roots.lock().unwrap().push((digest, name));
            roots.put(1);
        }
        Ok(())
    }

    fn finish(&self, _: &Context) -> Result<()> {
        self.0.log.lock().unwrap().push("finish".into());
        Ok(())
    }
}

struct Writer {
    sink: MemorySink,
    descriptor: Arc<Descriptor>,
    content: Option<Vec<u8>>,
}

impl BlobWriter for Writer {
    fn write(&mut self, bytes: &[u8], _: &Context) -> Result<()> {
        assert!(!bytes.is_empty());
        self.sink.call("write", &self.descriptor)?;
        self.content.as_mut().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn commit(mut self: Box<Self>, _: &Context) -> Result<()> {
        let content = self.content.take().unwrap();
        self.sink.0.open.fetch_sub(1, Ordering::SeqCst);
        self.sink.call("commit", &self.descriptor)?;
        let digest = self.descriptor.digest.to_string();
        self.sink.0.blobs.lock().unwrap().insert(digest, content);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            self.sink.0.open.fetch_sub(1, Ordering::SeqCst);
            let _ = self.sink.call("abort", &self.descriptor);
            let digest = self.descriptor.digest.to_string();
            self.sink.0.partial.lock().unwrap().insert(digest, content);
        }
    }
}
