//! Children of an index in the making.

use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::write;
use crate::image::Image;
use crate::json::edit::ValueMut;
use crate::json::scan::quoted;
use crate::load::{Entry, EntryKind, Known, Way};
use crate::media_type::{self, Kind};
use crate::platform::{Matcher, Platform};
use crate::text::{Text, TextRef};
use std::sync::Arc;

/// A child, and the entries that a load found below it.
#[derive(Clone)]
pub struct Child {
    /// `None` where it cannot be read.
    pub descriptor: Option<Arc<Descriptor>>,
    /// Its name in the source's own format.
    pub name: Option<Text>,
    /// The entry that it is, or those of the index that it leads to.
    pub below: Vec<Entry>,
    /// The place of its source.
    pub source: usize,
}

impl Child {
    /// The findings of the load that read these manifests.
    pub fn known(&self) -> impl Iterator<Item = (Digest, Known)> {
        self.below.iter().filter_map(|entry| {
            let d = entry.descriptor.as_ref()?;
            let was_read = matches!(entry.kind, EntryKind::Image | EntryKind::Artifact)
                && d.platform().is_none()
                && d.artifact_type().is_none();
            let known = Known {
                size: d.size,
                kind: entry.kind,
                platform: entry.platform.clone(),
            };
            was_read.then(|| (d.digest.clone(), known))
        })
    }

    fn is_index(&self) -> bool {
        let d = self.descriptor.as_ref();
        d.is_some_and(|d| media_type::kind(&d.media_type) == Kind::Index)
    }

    /// Whether it is kept when only matching images are.
    pub fn is_kept_by(&self, matcher: &Matcher) -> bool {
        if self.is_index() {
            let is_broken = |entry: &Entry| {
                entry.kind == EntryKind::Broken && same_digest(entry, self.descriptor.as_deref())
            };
            return match &*self.below {
                // The index itself could not be read.
                [entry] if is_broken(entry) => true,
                below => below.iter().any(|entry| {
                    let platform = entry.platform.as_deref();
                    entry.kind == EntryKind::Image
                        && platform.is_some_and(|platform| matcher.matches(platform))
                        && entry.way.is_open(|platform| matcher.matches(platform))
                }),
            };
        }
        let dropped = |entry: &Entry| {
            let platform = entry.platform.as_deref();
            entry.kind == EntryKind::Image
                && platform.is_some_and(|platform| !matcher.matches(platform))
        };
        !self.below.iter().any(dropped)
    }
}

fn same_digest(entry: &Entry, d: Option<&Descriptor>) -> bool {
    match (&entry.descriptor, d) {
        (Some(found), Some(d)) => found.digest == d.digest,
        _ => false,
    }
}

/// A child made from a snapshot of an image.
pub fn child_of_image(image: &Image, platform: Option<Arc<Platform>>, source: usize) -> Child {
    let manifest = image.manifest();
    let size = manifest.bytes.len() as u64;
    let media_type = image.media_type();
    let d = Descriptor::new(media_type, manifest.digest.clone(), size)
        .with_platform(platform.clone())
        .with_artifact_type(manifest.content.artifact_type.clone());
    let d = Arc::new(d);
    Child {
        descriptor: Some(d.clone()),
        name: None,
        below: vec![Entry {
            kind: EntryKind::Image,
            descriptor: Some(d),
            platform,
            error: None,
            way: Way::default(),
        }],
        source,
    }
}

/// Replaces the image of an entry. Members that describe the content change with it.
pub fn replace(entry: ValueMut<'_>, old: &Descriptor, new: &Descriptor) {
    let Some(mut entry) = entry.object() else {
        return;
    };
    entry.set("mediaType", &quoted(&new.media_type));
    entry.set("digest", &quoted(new.digest.text()));
    entry.set("size", &new.size.to_string());
    if old.digest != new.digest {
        entry.remove("data");
    }
    match new.artifact_type() {
        Some(artifact_type) => {
            entry.set("artifactType", &quoted(artifact_type));
        }
        None if old.artifact_type().is_some() => {
            entry.remove("artifactType");
        }
        None => {}
    }
    if old.platform() == new.platform() && old.platform().is_some() {
        return;
    }
    match new.platform() {
        Some(platform) => {
            let mut object = write::ObjectWriter::default();
            write::platform(&mut object, platform);
            entry.set("platform", &object.finish());
        }
        None => {
            entry.remove("platform");
        }
    }
}

/// The digest of the image that an attestation is about.
pub fn reference_of(d: &Descriptor) -> Option<TextRef<'_>> {
    let kind = d.annotation("vnd.docker.reference.type")?;
    let is_attestation = kind.as_str() == "attestation-manifest";
    is_attestation
        .then(|| d.annotation("vnd.docker.reference.digest"))
        .flatten()
}
