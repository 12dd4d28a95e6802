//! Results of a walk by digest.

use super::store::expect_size;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::error::Result;
use std::collections::HashMap;

/// Results by digest, each with its actual size or, if it failed, its declared size.
pub struct Memo<T>(HashMap<Digest, (u64, Result<T>)>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone> Memo<T> {
    /// The result for a descriptor's digest. Content that was read is checked against
    /// this descriptor's size; a failure counts for descriptors of the same size alone,
    /// since another size may be the right one, and for none that embeds the content.
    pub fn recall(&self, d: &Descriptor) -> Option<Result<T>> {
        match self.0.get(&d.digest)? {
            (size, Ok(content)) => Some(expect_size(d, *size).map(|()| content.clone())),
            (size, Err(e)) => (*size == d.size && d.data().is_none()).then(|| Err(e.clone())),
        }
    }

    pub fn remember(&mut self, d: &Descriptor, result: Result<T>) -> Result<T> {
        self.0.insert(d.digest.clone(), (d.size, result.clone()));
        result
    }

    /// Whether content of this digest was read.
    pub fn has(&self, digest: &Digest) -> bool {
        matches!(self.0.get(digest), Some((_, Ok(_))))
    }

    pub fn contents(&self) -> impl Iterator<Item = &T> {
        self.0
            .values()
            .filter_map(|(_, result)| result.as_ref().ok())
    }
}
