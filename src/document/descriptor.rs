//! Descriptors and platforms as documents hold them.

use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::json::{Checks, Defined, Fault, Parser, checked, missing};
use crate::platform::Platform;
use crate::text::Text;
use crate::text_list::TextList;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

const DEFINED: Defined = Defined::exactly(&[
    "mediaType",
    "digest",
    "size",
    "platform",
    "annotations",
    "urls",
    "data",
    "artifactType",
]);
const PLATFORM: Defined = Defined::exactly(&[
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "features",
]);

/// The checks of defined fields that are not read: they may have any type, but no duplicate
/// key and no U+0000.
pub const UNREAD: Checks = Checks {
    keys: true,
    nul: true,
};

/// Reads the descriptors of a document. Equal media types and platforms are kept once: a
/// large index repeats a handful of them thousands of times.
#[derive(Default)]
pub struct DescriptorReader {
    media_types: Interner<Text>,
    platforms: Interner<Arc<Platform>>,
}

impl DescriptorReader {
    pub fn read(&mut self, p: &mut Parser<'_>) -> Result<Descriptor, Fault> {
        let d = self.read_any(p)?;
        match d.media_type.is_empty() {
            true => Err(no_media_type().under("mediaType")),
            false => Ok(d),
        }
    }

    /// As [`read_checked`](Self::read_checked), but the media type may be "", as old
    /// daemons wrote it for configs.
    pub fn read_config(&mut self, p: &mut Parser<'_>) -> Result<Descriptor, Fault> {
        checked_data(self.read_any(p)?)
    }

    fn read_any(&mut self, p: &mut Parser<'_>) -> Result<Descriptor, Fault> {
        let (mut media_type, mut media_type_is_null) = (None, false);
        let (mut digest, mut digest_is_null) = (None, false);
        let (mut size, mut size_is_null) = (None, false);
        let mut platform = None;
        let (mut artifact_type, mut urls, mut annotations, mut data) = Default::default();
        p.object(DEFINED, |p, name| {
            match name {
                "mediaType" => {
                    media_type = p.optional(|p| self.media_type(p))?;
                    media_type_is_null = media_type.is_none();
                }
                "digest" => {
                    digest = p.optional(read_digest)?;
                    digest_is_null = digest.is_none();
                }
                "size" => {
                    size = p.optional(read_size)?;
                    size_is_null = size.is_none();
                }
                "platform" => platform = p.optional(|p| self.platform(p))?,
                "annotations" => annotations = p.optional(Parser::text_map)?,
                "urls" => urls = p.optional(Parser::texts)?,
                "data" => data = p.optional(read_base64)?,
                _ => artifact_type = p.optional_text()?,
            }
            Ok(())
        })?;
        let mut d = Descriptor::new(
            media_type.ok_or_else(|| missing("mediaType", media_type_is_null))?,
            digest.ok_or_else(|| missing("digest", digest_is_null))?,
            size.ok_or_else(|| missing("size", size_is_null))?,
        );
        match platform {
            None => {}
            Some(None) => d.set_incomplete_platform(),
            Some(Some(platform)) => d.set_platform(platform),
        }
        if artifact_type.is_none() && urls.is_none() && annotations.is_none() && data.is_none() {
            return Ok(d);
        }
        Ok(d.with_artifact_type(artifact_type)
            .with_urls(urls.unwrap_or_default())
            .with_annotations(annotations.unwrap_or_default())
            .with_data(data))
    }

    /// As [`read`](Self::read), and checks embedded data.
    #[inline]
    pub fn read_checked(&mut self, p: &mut Parser<'_>) -> Result<Descriptor, Fault> {
        checked_data(self.read(p)?)
    }

    fn media_type(&mut self, p: &mut Parser<'_>) -> Result<Text, Fault> {
        if let Some(known) = self.media_types.recall(p) {
            return Ok(known);
        }
        let (text, raw) = p.with_raw(Parser::text)?;
        Ok(self.media_types.intern(raw, text))
    }

    /// `None` where os or architecture is missing.
    fn platform(&mut self, p: &mut Parser<'_>) -> Result<Option<Arc<Platform>>, Fault> {
        if let Some(known) = self.platforms.recall(p) {
            return Ok(Some(known));
        }
        let (fields, raw) = p.with_raw(|p| {
            let mut fields = PlatformFields::default();
            p.object(PLATFORM, |p, name| fields.read(p, name))?;
            Ok(fields)
        })?;
        if !fields.is_complete() {
            return Ok(None);
        }
        let platform = Arc::new(fields.build()?);
        Ok(Some(self.platforms.intern(raw, platform)))
    }
}

/// The fields of a platform, which an index has in an object and a config among its own.
#[derive(Default)]
pub struct PlatformFields<'a> {
    os: Cow<'a, str>,
    architecture: Cow<'a, str>,
    variant: Cow<'a, str>,
    os_version: Cow<'a, str>,
    os_features: TextList,
}

impl<'a> PlatformFields<'a> {
    /// Reads the field of this name.
    pub fn read(&mut self, p: &mut Parser<'a>, name: &str) -> Result<(), Fault> {
        let field = match name {
            "os" => &mut self.os,
            "architecture" => &mut self.architecture,
            "variant" => &mut self.variant,
            "os.version" => &mut self.os_version,
            "os.features" => {
                self.os_features = p.optional(Parser::texts)?.unwrap_or_default();
                return Ok(());
            }
            _ => return p.skip(UNREAD),
        };
        *field = p.item()?;
        match field.contains('\0') {
            true => checked(field).map(drop),
            false => Ok(()),
        }
    }

    pub fn is_complete(&self) -> bool {
        !self.os.is_empty() && !self.architecture.is_empty()
    }

    pub fn build(self) -> Result<Platform, Fault> {
        let text = |field: Cow<'_, str>| match field.is_empty() {
            true => Ok(None),
            false => checked(&field).map(Some),
        };
        Ok(Platform {
            os: text(self.os)?,
            architecture: text(self.architecture)?,
            variant: text(self.variant)?,
            os_version: text(self.os_version)?,
            os_features: self.os_features,
        })
    }
}

/// The platform that readers in Go see in a descriptor which is refused here: they match keys
/// in any case and take the last of duplicate members. Where they would run such a descriptor,
/// choosing an image fails instead of choosing another.
pub fn platform_as_in_go(descriptor: &str) -> Option<Platform> {
    let mut fields = PlatformFields::default();
    let mut p = Parser::new(descriptor);
    let read = p.members_as_written(|p, key| {
        if !matches!(DEFINED.name_of(key), Some("platform")) {
            return p.skip(Checks::default());
        }
        if p.null()? {
            fields = PlatformFields::default();
            return Ok(());
        }
        p.members_as_written(|p, key| match PLATFORM.name_of(key) {
            Some(name) => fields.read(p, name),
            None => p.skip(Checks::default()),
        })
    });
    read.ok()?;
    fields.is_complete().then(|| fields.build().ok())?
}

/// Keeps equal values once.
struct Interner<T> {
    /// The first few as written, which are recognised without parsing.
    first: Vec<(Box<str>, T)>,
    all: HashSet<T>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            all: HashSet::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    const FIRST: usize = 8;
    const MAX_RAW: usize = 256;

    /// Reads the next value if it is written exactly like one of the first.
    fn recall(&self, p: &mut Parser<'_>) -> Option<T> {
        let known = |(raw, _): &&(Box<str>, T)| p.take_raw(raw);
        self.first
            .iter()
            .find(known)
            .map(|(_, value)| value.clone())
    }

    fn intern(&mut self, raw: &str, value: T) -> T {
        let value = match self.all.get(&value) {
            Some(known) => known.clone(),
            None => {
                self.all.insert(value.clone());
                value
            }
        };
        // Only flat values: they are valid at any depth.
        let is_flat = !raw[1..].contains(['{', '[']);
        if self.first.len() < Self::FIRST && is_flat && raw.len() <= Self::MAX_RAW {
            self.first.push((raw.into(), value.clone()));
        }
        value
    }
}

fn checked_data(d: Descriptor) -> Result<Descriptor, Fault> {
    d.check_data().map_err(|e| Fault::from(e).under("data"))?;
    Ok(d)
}

pub fn no_media_type() -> Fault {
    Fault::malformed("found \"\", expected a media type")
}

pub fn read_digest(p: &mut Parser<'_>) -> Result<Digest, Fault> {
    Digest::parse(&p.string()?).map_err(Fault::malformed)
}

fn read_size(p: &mut Parser<'_>) -> Result<u64, Fault> {
    let size = p.integer()?;
    u64::try_from(size)
        .map_err(|_| Fault::malformed(format_args!("found {size}, expected no less than 0")))
}

fn read_base64(p: &mut Parser<'_>) -> Result<Arc<[u8]>, Fault> {
    let data = STANDARD
        .decode(&*p.string()?)
        .map_err(|e| Fault::malformed(format_args!("expected base64 (RFC 4648): {e}")))?;
    Ok(data.into())
}
