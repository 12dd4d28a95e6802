//! Platforms: what an image runs on, and which images a machine can run.

use crate::text::Text;

/// An operating system and processor, as the image specification describes them. Kept
/// as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Platform {
    pub os: Option<Text>,
    pub architecture: Option<Text>,
    pub variant: Option<Text>,
    pub os_version: Option<Text>,
    pub os_features: Box<[Text]>,
}
