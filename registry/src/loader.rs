//! An image in a registry, as a loader reads it.

use crate::blob::Blob;
use crate::cancel::Cancel;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::manifest::{self, Manifest};
use crate::mirror;
use crate::reference::{Reference, Target};
use std::sync::Arc;

pub struct Loader {
    client: Arc<Client>,
    /// The mirrors, and last the registry.
    endpoints: Vec<Endpoint>,
    media_types: String,
    root: Root,
}

enum Root {
    Digest(String),
    /// The manifest that the tag led to.
    Bytes(Arc<[u8]>),
}

pub enum Stream {
    Bytes {
        bytes: Arc<[u8]>,
        read: usize,
    },
    /// The beginning of a manifest that is too large: its reader need not want more.
    Beginning {
        bytes: Arc<[u8]>,
        read: usize,
        digest: String,
        limit: u64,
    },
    Blob(Box<Blob>),
}

impl Loader {
    pub fn new(
        client: Arc<Client>,
        reference: &Reference,
        media_types: String,
        ctx: &dyn Cancel,
    ) -> Result<Self> {
        let registry = Endpoint::of_registry(&reference.repository);
        let root = match &reference.target {
            Target::Digest(digest) => Root::Digest(digest.clone()),
            Target::Tag(tag) => {
                let manifest = manifest::get(&client, &registry, tag, &media_types, ctx)?;
                if manifest.is_too_large {
                    return Err(manifest::too_large(tag, client.max_manifest_size));
                }
                Root::Bytes(manifest.bytes.into())
            }
        };
        let mirrors = client.mirrors.iter();
        let mut endpoints: Vec<Endpoint> = mirrors
            .map(|mirror| Endpoint::of_mirror(mirror, &reference.repository))
            .collect();
        endpoints.push(registry);
        Ok(Self {
            client,
            endpoints,
            media_types,
            root,
        })
    }

    pub fn root_digest(&self) -> Option<&str> {
        match &self.root {
            Root::Digest(digest) => Some(digest),
            Root::Bytes(_) => None,
        }
    }

    pub fn open_root(&self, ctx: &dyn Cancel) -> Result<Stream> {
        match &self.root {
            Root::Digest(digest) => self.open_manifest(digest, ctx),
            Root::Bytes(bytes) => Ok(Stream::Bytes {
                bytes: bytes.clone(),
                read: 0,
            }),
        }
    }

    pub fn open_manifest(&self, digest: &str, ctx: &dyn Cancel) -> Result<Stream> {
        let (registry, mirrors) = self.endpoints.split_last().expect("the registry is in it");
        for endpoint in mirrors {
            if let Some(bytes) =
                mirror::manifest(&self.client, endpoint, digest, &self.media_types, ctx)?
            {
                return Ok(Stream::Bytes {
                    bytes: bytes.into(),
                    read: 0,
                });
            }
        }
        let Manifest {
            bytes,
            is_too_large,
        } = manifest::get(&self.client, registry, digest, &self.media_types, ctx)?;
        let (bytes, read) = (bytes.into(), 0);
        Ok(match is_too_large {
            false => Stream::Bytes { bytes, read },
            true => Stream::Beginning {
                bytes,
                read,
                digest: digest.to_owned(),
                limit: self.client.max_manifest_size,
            },
        })
    }

    pub fn open_blob(&self, digest: &str, ctx: &dyn Cancel) -> Result<Stream> {
        let mut endpoints = self.endpoints.clone();
        while endpoints.len() > 1 {
            match mirror::blob(&self.client, &endpoints[0], digest, ctx)? {
                mirror::Found::Whole(bytes) => {
                    return Ok(Stream::Bytes {
                        bytes: bytes.into(),
                        read: 0,
                    });
                }
                mirror::Found::Large(beginning, answer) => {
                    let blob = Blob::of_answer(&self.client, endpoints, digest, beginning, answer);
                    return Ok(Stream::Blob(Box::new(blob)));
                }
                mirror::Found::Nothing => drop(endpoints.remove(0)),
            }
        }
        let blob = Blob::open(&self.client, endpoints, digest, ctx)?;
        let registry = blob.endpoint();
        self.client
            .known
            .add(&registry.host, &registry.name, digest);
        Ok(Stream::Blob(Box::new(blob)))
    }
}

impl Stream {
    pub fn read(&mut self, buf: &mut [u8], ctx: &dyn Cancel) -> Result<usize> {
        match self {
            Self::Blob(blob) => blob.read(buf, ctx),
            Self::Bytes { bytes, read } => Ok(take(bytes, read, buf)),
            Self::Beginning {
                bytes,
                read,
                digest,
                limit,
            } => match take(bytes, read, buf) {
                0 => Err(manifest::too_large(digest, *limit)),
                n => Ok(n),
            },
        }
    }
}

fn take(bytes: &[u8], read: &mut usize, buf: &mut [u8]) -> usize {
    let unread = &bytes[*read..];
    let n = unread.len().min(buf.len());
    buf[..n].copy_from_slice(&unread[..n]);
    *read += n;
    n
}
