//! Options of a copy.

use super::progress::Observer;
use crate::text::Text;

/// How to copy.
#[derive(Clone)]
pub struct CopyOptions {
    /// Names under which the root is put. With none, the entries of a layout keep theirs,
    /// and another root is put without a name.
    pub names: Vec<Text>,
    /// Copies the root of a selection unchanged, and below it only the selected entries.
    pub sparse: bool,
    /// Skips content that the source lacks, and broken entries.
    pub leave_out_missing: bool,
    /// Skips nondistributable layers; by default those that the source has are copied.
    pub skip_foreign: bool,
    /// Unpacks layers on the way and checks their diff IDs.
    pub check_diff_ids: bool,
    /// How often the sink may ask for one blob again.
    pub max_restarts: u32,
    pub observer: Option<Observer>,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            sparse: false,
            leave_out_missing: false,
            skip_foreign: false,
            check_diff_ids: false,
            max_restarts: 3,
            observer: None,
        }
    }
}
