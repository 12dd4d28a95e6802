//! The size and digests that a blob must have.

use super::options::Mode;
use crate::digest::Digest;
use crate::error::Result;

/// Size and digests of a blob.
#[derive(Clone, Debug)]
pub struct Expected {
    pub digest: Digest,
    /// Of the stored blob.
    pub size: u64,
    /// Digest of the decompressed blob. Only layers have one.
    pub diff_id: Option<Digest>,
}

impl Expected {
    /// UNSUPPORTED if `mode` has to check a digest of an unknown algorithm. Lets a caller
    /// fail before it asks a loader for the stream.
    pub fn check(&self, mode: Mode) -> Result<()> {
        self.digest.algorithm()?;
        if let (Mode::Uncompressed, Some(diff_id)) = (mode, &self.diff_id) {
            diff_id.algorithm()?;
        }
        Ok(())
    }

    /// DIGEST_MISMATCH if there is a diff ID other than `found`.
    pub fn check_diff_id(&self, found: &Digest) -> Result<()> {
        let Some(diff_id) = &self.diff_id else {
            return Ok(());
        };
        diff_id
            .expect(found)
            .map_err(|e| e.context(format_args!("diff ID of {}", self.digest)))
    }
}
