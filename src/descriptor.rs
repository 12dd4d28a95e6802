//! Descriptors: what names a piece of content, and says how large it is.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::json::{Fault, Object, Value};
use crate::platform::Platform;
use crate::text::Text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;
use std::sync::Arc;

/// Keys and values in the order of the document.
pub type Annotations = Vec<(Text, Text)>;

/// Sizes are at most 2^63 - 1, as the specification's `int64` has it.
pub const LARGEST_SIZE: u64 = i64::MAX as u64;

const DEFINED: &[&str] = &[
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "artifactType",
    "platform",
];
const PLATFORM_DEFINED: &[&str] = &[
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "features",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// As written in the document.
    pub media_type: Text,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub artifact_type: Option<Text>,
    pub platform: Option<Arc<Platform>>,
    pub urls: Vec<Text>,
    pub annotations: Annotations,
    /// The content itself, decoded; see [`check_data`](Self::check_data).
    pub data: Option<Arc<[u8]>>,
}

impl Descriptor {
    pub fn new(media_type: Text, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            artifact_type: None,
            platform: None,
            urls: Vec::new(),
            annotations: Vec::new(),
            data: None,
        }
    }

    /// A descriptor as documents hold it.
    pub fn read(value: Value<'_>, shared: &mut Shared) -> Result<Self, Fault> {
        let object = value.object(DEFINED)?;
        Ok(Self {
            media_type: object.required("mediaType", |v| shared.media_type(v))?,
            digest: object.required("digest", digest)?,
            size: object.required("size", size)?,
            artifact_type: object.text("artifactType")?,
            platform: object
                .optional("platform", |v| shared.platform(v))?
                .flatten(),
            urls: object.list("urls", Value::text)?,
            annotations: object.map("annotations", Value::text)?,
            data: object.optional("data", base64)?,
        })
    }

    pub fn annotation(&self, key: &str) -> Option<&Text> {
        find(&self.annotations, key)
    }

    /// SIZE_MISMATCH unless content of so many bytes is of this descriptor's size.
    pub fn expect_size(&self, found: u64) -> Result<()> {
        if found == self.size {
            return Ok(());
        }
        Err(Error::size_mismatch(format_args!(
            "content has {found} bytes, expected {}",
            self.size
        ))
        .with_digest(self.digest.text()))
    }

    /// A mismatch where there is embedded data that is not of this size or digest. What
    /// cannot be checked, since the algorithm is unknown, is told when it is wanted.
    pub fn check_data(&self) -> Result<(), Fault> {
        let Some(data) = &self.data else {
            return Ok(());
        };
        self.expect_size(data.len() as u64)
            .and_then(|()| match self.digest.algorithm() {
                Ok(algorithm) => self.digest.expect(&Digest::of(algorithm, data)),
                Err(_) => Ok(()),
            })
            .map_err(|e| Fault::from(e).under("data"))
    }
}

/// What many descriptors of a document have in common, kept once: an index names a
/// handful of media types and platforms thousands of times.
#[derive(Default)]
pub struct Shared {
    media_types: HashSet<Text>,
    platforms: HashSet<Arc<Platform>>,
}

impl Shared {
    fn media_type(&mut self, value: Value<'_>) -> Result<Text, Fault> {
        let written = value.string()?;
        if written.is_empty() {
            return Err(Fault::malformed("found \"\", expected a media type"));
        }
        if let Some(known) = self.media_types.get(&*written) {
            return Ok(known.clone());
        }
        let text = value.text()?;
        self.media_types.insert(text.clone());
        Ok(text)
    }

    fn platform(&mut self, value: Value<'_>) -> Result<Option<Arc<Platform>>, Fault> {
        let object = value.object(PLATFORM_DEFINED)?;
        let platform = platform(&object)?;
        object.pass_over(&["features"])?;
        match (&platform.os, &platform.architecture) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {}
            (found, _) => {
                let (found, missing) = match found {
                    Some(_) => ("os", "architecture"),
                    None => ("architecture", "os"),
                };
                return Err(Fault::malformed(format_args!(
                    "found {found} without {missing}, expected both or neither"
                )));
            }
        }
        if let Some(known) = self.platforms.get(&platform) {
            return Ok(Some(known.clone()));
        }
        let platform = Arc::new(platform);
        self.platforms.insert(platform.clone());
        Ok(Some(platform))
    }
}

/// The platform that is written in these keys: an index has an object for it, a config
/// holds them among its own.
pub fn platform(object: &Object<'_>) -> Result<Platform, Fault> {
    Ok(Platform {
        os: object.text("os")?,
        architecture: object.text("architecture")?,
        variant: object.text("variant")?,
        os_version: object.text("os.version")?,
        os_features: object.list("os.features", Value::text)?.into(),
    })
}

pub fn digest(value: Value<'_>) -> Result<Digest, Fault> {
    Ok(Digest::parse(&value.string()?)?)
}

pub fn find<'a>(annotations: &'a Annotations, key: &str) -> Option<&'a Text> {
    let (_, value) = annotations.iter().find(|(k, _)| &**k == key)?;
    Some(value)
}

fn size(value: Value<'_>) -> Result<u64, Fault> {
    u64::try_from(value.integer()?).map_err(|_| {
        Fault::malformed(format_args!(
            "found {}, expected no less than 0",
            value.raw()
        ))
    })
}

fn base64(value: Value<'_>) -> Result<Arc<[u8]>, Fault> {
    let data = STANDARD
        .decode(&*value.string()?)
        .map_err(|e| Fault::malformed(format_args!("expected base64 (RFC 4648): {e}")))?;
    Ok(data.into())
}
