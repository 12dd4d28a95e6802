//! Files by name, in a folder or in an archive.

use super::extent::Extent;
use crate::error::{Result, Status};

pub trait Files: Send + Sync {
    /// The regular file with this name, also through links.
    fn find(&self, name: &str) -> Result<Extent>;

    /// A name for error messages.
    fn place(&self, name: &str) -> String;

    /// Whether there is anything with this name, also if it is no regular file.
    fn has(&self, name: &str) -> bool {
        !matches!(self.find(name), Err(e) if e.status() == Status::NotFound)
    }
}
