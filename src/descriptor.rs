//! Descriptors: what names a piece of content, and says how large it is.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::json::{Fault, Object, Value};
use crate::platform::Platform;
use crate::text::{Text, TextRef};
use crate::text_list::{TextList, TextMap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;
use std::sync::Arc;

/// Keys and values in the order of the document.
pub type Annotations = TextMap;

/// Sizes are at most 2^63 - 1, as the specification's `int64` has it.
pub const MAX_SIZE: u64 = i64::MAX as u64;

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
    platform: Option<Arc<Platform>>,
    /// Most descriptors have none of these. `Some` only where one of them is there.
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    artifact_type: Option<Text>,
    urls: TextList,
    annotations: Annotations,
    data: Option<Arc<[u8]>>,
}

impl Descriptor {
    pub fn new(media_type: Text, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            platform: None,
            rare: None,
        }
    }

    /// A descriptor as documents hold it.
    pub fn read(value: Value<'_>, shared: &mut Shared) -> Result<Self, Fault> {
        let object = value.object(DEFINED)?;
        Ok(Self {
            media_type: object.required("mediaType", |v| shared.media_type(v))?,
            digest: object.required("digest", digest)?,
            size: object.required("size", size)?,
            platform: object
                .optional("platform", |v| shared.platform(v))?
                .flatten(),
            rare: None,
        }
        .with_artifact_type(object.text("artifactType")?)
        .with_urls(object.list("urls", Value::text)?.iter().collect())
        .with_annotations(
            object
                .map("annotations", Value::text)?
                .into_iter()
                .collect(),
        )
        .with_data(object.optional("data", base64)?))
    }

    pub fn with_artifact_type(self, artifact_type: Option<Text>) -> Self {
        self.with_rare(|rare| rare.artifact_type = artifact_type)
    }

    pub fn with_platform(mut self, platform: Option<Arc<Platform>>) -> Self {
        self.platform = platform;
        self
    }

    pub fn with_urls(self, urls: TextList) -> Self {
        self.with_rare(|rare| rare.urls = urls)
    }

    pub fn with_annotations(self, annotations: Annotations) -> Self {
        self.with_rare(|rare| rare.annotations = annotations)
    }

    /// Embeds the content itself.
    pub fn with_data(self, data: Option<Arc<[u8]>>) -> Self {
        self.with_rare(|rare| rare.data = data)
    }

    fn with_rare(mut self, set: impl FnOnce(&mut Rare)) -> Self {
        let mut rare = self.rare.take().map_or_else(Rare::default, |rare| *rare);
        set(&mut rare);
        self.rare = (rare != Rare::default()).then(|| Box::new(rare));
        self
    }

    pub fn artifact_type(&self) -> Option<&Text> {
        self.rare.as_ref()?.artifact_type.as_ref()
    }

    /// As written in the document; `None` without os or architecture.
    pub fn platform(&self) -> Option<&Arc<Platform>> {
        self.platform.as_ref()
    }

    pub fn urls(&self) -> &TextList {
        static NONE: TextList = TextList::NONE;
        self.rare.as_ref().map_or(&NONE, |rare| &rare.urls)
    }

    pub fn annotations(&self) -> &Annotations {
        static NONE: TextMap = TextMap::NONE;
        self.rare.as_ref().map_or(&NONE, |rare| &rare.annotations)
    }

    pub fn annotation(&self, key: &str) -> Option<TextRef<'_>> {
        self.annotations().find(key)
    }

    /// The content itself, decoded; see [`check_data`](Self::check_data).
    pub fn data(&self) -> Option<&Arc<[u8]>> {
        self.rare.as_ref()?.data.as_ref()
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
        let Some(data) = self.data() else {
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
    Digest::parse(&value.string()?).map_err(Fault::malformed)
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
