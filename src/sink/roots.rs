//! The roots of a copy, as a sink gets them.

use crate::descriptor::Descriptor;
use crate::error::Result;
use crate::text::Text;
use std::sync::Arc;

/// A root, to be listed under one name or without one.
#[derive(Clone)]
pub struct Root {
    pub descriptor: Arc<Descriptor>,
    pub name: Option<Text>,
    /// Whether the copy lists another root under the name before this one (several platforms
    /// under one name): then the entries with the name stay.
    pub keeps_name: bool,
}

/// The roots of a copy in their order, one document at a time: all of them may be too large
/// to be in memory together.
pub trait Roots {
    /// The next root and its document, which is verified; `None` after the last one.
    fn next(&mut self) -> Result<Option<(Root, Arc<[u8]>)>>;

    /// Records that the next `count` roots of those returned are put: stored and listed.
    fn put(&mut self, count: usize);
}
