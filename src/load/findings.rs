//! Facts about manifests that a source found before the load.

use super::entry::EntryKind;
use crate::digest::Digest;
use crate::platform::Platform;
use std::collections::HashMap;
use std::sync::Arc;

/// The findings of an earlier load that read a manifest.
#[derive(Clone, Debug)]
pub struct Known {
    pub size: u64,
    pub kind: EntryKind,
    /// The platform of the config.
    pub platform: Option<Arc<Platform>>,
}

/// Findings by the digest of the manifest.
pub type Findings = HashMap<Digest, Known>;
