//! The repositories that have a blob, as far as a handle knows: it need not be uploaded
//! again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// More blobs than this are not remembered.
const MAX_BLOBS: usize = 16384;

/// Of one blob.
const MAX_REPOSITORIES: usize = 4;

#[derive(Default)]
pub struct KnownBlobs(Mutex<HashMap<(String, String), Vec<String>>>);

impl KnownBlobs {
    pub fn add(&self, host: &str, repository: &str, digest: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host.to_owned(), digest.to_owned());
        if known.len() >= MAX_BLOBS && !known.contains_key(&key) {
            return;
        }
        let repositories = known.entry(key).or_default();
        if repositories.len() < MAX_REPOSITORIES
            && !repositories.iter().any(|name| name == repository)
        {
            repositories.push(repository.to_owned());
        }
    }

    /// Another repository of the registry that has the blob.
    pub fn elsewhere(&self, host: &str, repository: &str, digest: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let repositories = known.get(&(host.to_owned(), digest.to_owned()))?;
        repositories
            .iter()
            .find(|name| *name != repository)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_known_of_other_repositories_of_its_registry() {
        let known = KnownBlobs::default();
        known.add("h", "a", "d");
        assert_eq!(known.elsewhere("h", "b", "d").as_deref(), Some("a"));
        assert_eq!(known.elsewhere("h", "a", "d"), None);
        assert_eq!(known.elsewhere("g", "b", "d"), None);
        assert_eq!(known.elsewhere("h", "b", "e"), None);
    }
}
