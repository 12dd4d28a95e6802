//! Entries of an index.

use crate::descriptor::Descriptor;
use crate::error::Error;
use crate::platform::Platform;
use std::sync::Arc;

/// The kind of an entry of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Image,
    /// A manifest about another, as BuildKit writes them.
    Attestation,
    /// A manifest whose config is no image config.
    Artifact,
    /// A media type that is neither manifest nor index.
    Unknown,
    /// Could not be read or understood.
    Broken,
}

/// A manifest that an index names, or an artifact, attestation, unknown or broken entry.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: EntryKind,
    /// `None` where not even the descriptor could be read.
    pub descriptor: Option<Arc<Descriptor>>,
    /// The descriptor's as written, else the config's. If the descriptor could not be read,
    /// the platform that other readers may see in it.
    pub platform: Option<Arc<Platform>>,
    /// Why it is broken.
    pub error: Option<Error>,
    pub way: Way,
}

/// The way from the root to an entry.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The place in the root of the descriptor that the way begins with.
    pub root_child: u32,
    /// Whether that descriptor has a platform.
    pub begins_with_platform: bool,
    /// Whether, in a layout or archive, the next descriptor on the way has a platform: its
    /// index.json only lists roots that a registry would offer separately.
    pub goes_on_with_platform: bool,
    /// The platforms that nested indexes on the way have themselves, the innermost first.
    pub(super) platforms: Option<Arc<WayPlatform>>,
}

/// The platform of a nested index, and those of the indexes that it is nested in.
#[derive(Debug)]
pub struct WayPlatform {
    /// `None` for one without os or architecture, which matches nothing.
    platform: Option<Arc<Platform>>,
    outer: Option<Arc<WayPlatform>>,
}

impl Way {
    /// Entries with a higher number are preferred.
    pub fn precedence(&self) -> u8 {
        match (self.begins_with_platform, self.goes_on_with_platform) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// The way continued through a nested index.
    pub fn through(&self, index: &Descriptor) -> Self {
        let mut way = self.clone();
        let platform = index.platform();
        if platform.is_some() || index.has_incomplete_platform() {
            way.platforms = Some(Arc::new(WayPlatform {
                platform: platform.cloned(),
                outer: way.platforms.take(),
            }));
        }
        way
    }

    /// Whether every nested index on the way that has a platform has one that matches.
    pub fn is_open(&self, mut matches: impl FnMut(&Platform) -> bool) -> bool {
        let mut next = self.platforms.as_deref();
        while let Some(nested) = next {
            if !nested.platform.as_deref().is_some_and(&mut matches) {
                return false;
            }
            next = nested.outer.as_deref();
        }
        true
    }
}
