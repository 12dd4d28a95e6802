//! Descriptors: media type, digest and size of a piece of content.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::platform::Platform;
use crate::text::{Text, TextRef};
use crate::text_list::{TextList, TextMap};
use std::sync::Arc;

/// Keys and values in the order of the document.
pub type Annotations = TextMap;

/// Sizes are at most 2^63 - 1, as the specification's `int64` has it.
pub const MAX_SIZE: u64 = i64::MAX as u64;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// As written in the document.
    pub media_type: Text,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    platform: Written,
    /// The fields that most descriptors lack; `None` if all of them are absent.
    rare: Option<Box<Rare>>,
}

/// The platform that a document has for a descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Written {
    Absent,
    /// Without os or architecture.
    Incomplete,
    Platform(Arc<Platform>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
            platform: Written::Absent,
            rare: None,
        }
    }

    pub fn with_artifact_type(self, artifact_type: Option<Text>) -> Self {
        self.with_rare(|rare| rare.artifact_type = artifact_type)
    }

    #[inline]
    pub fn with_platform(mut self, platform: Option<Arc<Platform>>) -> Self {
        self.platform = platform.map_or(Written::Absent, Written::Platform);
        self
    }

    pub fn set_platform(&mut self, platform: Arc<Platform>) {
        self.platform = Written::Platform(platform);
    }

    /// Sets that the document has a platform without os or architecture.
    pub fn set_incomplete_platform(&mut self) {
        self.platform = Written::Incomplete;
    }

    #[inline]
    pub fn with_urls(self, urls: TextList) -> Self {
        self.with_rare(|rare| rare.urls = urls)
    }

    #[inline]
    pub fn with_annotations(self, annotations: Annotations) -> Self {
        self.with_rare(|rare| rare.annotations = annotations)
    }

    /// Embeds the content itself.
    #[inline]
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
        match &self.platform {
            Written::Platform(platform) => Some(platform),
            Written::Absent | Written::Incomplete => None,
        }
    }

    /// Whether the document has a platform here that lacks os or architecture: then what
    /// the descriptor names has no platform, whatever its config says.
    pub fn has_incomplete_platform(&self) -> bool {
        matches!(self.platform, Written::Incomplete)
    }

    pub fn urls(&self) -> &TextList {
        static NONE: TextList = TextList::NONE;
        self.rare.as_ref().map_or(&NONE, |rare| &rare.urls)
    }

    pub fn annotations(&self) -> &Annotations {
        static NONE: TextMap = TextMap::NONE;
        self.rare.as_ref().map_or(&NONE, |rare| &rare.annotations)
    }

    #[inline]
    pub fn annotation(&self, key: &str) -> Option<TextRef<'_>> {
        self.rare.as_ref()?.annotations.find(key)
    }

    /// The content itself, decoded; see [`check_data`](Self::check_data).
    pub fn data(&self) -> Option<&Arc<[u8]>> {
        self.rare.as_ref()?.data.as_ref()
    }

    /// SIZE_MISMATCH unless `found` is this descriptor's size.
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

    /// Checks embedded data against size and digest. Data whose algorithm is unknown cannot
    /// be checked, and fails when it is used.
    pub fn check_data(&self) -> Result<()> {
        let Some(data) = self.data() else {
            return Ok(());
        };
        self.expect_size(data.len() as u64)?;
        match self.digest.algorithm() {
            Ok(algorithm) => self.digest.expect(&Digest::of(algorithm, data)),
            Err(_) => Ok(()),
        }
    }
}
