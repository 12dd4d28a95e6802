//! The folder that a layout stands in.

use super::extent::Extent;
use super::layout::Files;
use super::{OPEN_FLAGS, file_error};
use crate::error::Result;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A folder that nothing leads out of: cap-std follows links with `openat2` and
/// RESOLVE_BENEATH, or step by step where the kernel has no such call.
pub struct Folder(Dir);

impl Folder {
    pub fn open(path: &Path) -> Result<Self> {
        Dir::open_ambient_dir(path, ambient_authority())
            .map(Self)
            .map_err(|e| file_error(path.as_os_str().as_bytes(), e))
    }
}

impl Files for Folder {
    fn find(&self, name: &str) -> Result<Extent> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OPEN_FLAGS);
        let file = self
            .0
            .open_with(name, &options)
            .map_err(|e| file_error(name.as_bytes(), e))?;
        Extent::of_file(file.into_std(), name.as_bytes())
    }
}
