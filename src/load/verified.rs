//! Documents with the bytes that were read.

use crate::digest::Digest;
use std::sync::Arc;

/// A document whose bytes have this digest.
#[derive(Debug)]
pub struct Verified<T> {
    pub bytes: Arc<[u8]>,
    pub digest: Digest,
    pub content: T,
}
