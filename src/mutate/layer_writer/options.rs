//! How a layer is made.

use crate::compression::Method;
use crate::digest::Algorithm;
use crate::source::temp_dir;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct LayerOptions {
    pub method: Method,
    /// Of digest and diff ID.
    pub algorithm: Algorithm,
    /// Where a temporary file is made if one is needed.
    pub temp_dir: PathBuf,
    /// The most bytes of the stored layer that are kept in memory; a longer one goes to a
    /// temporary file.
    pub max_memory: u64,
    /// The most bytes that the layer may have uncompressed.
    pub max_size: Option<u64>,
    /// Threads that may be started to compress.
    pub workers: u32,
    /// The input is compressed already and kept as it is.
    pub is_compressed: bool,
}

impl Default for LayerOptions {
    fn default() -> Self {
        Self {
            method: Method::Gzip(Method::DEFAULT_GZIP_LEVEL),
            algorithm: Algorithm::Sha256,
            temp_dir: temp_dir(),
            max_memory: 1 << 20,
            max_size: None,
            workers: 0,
            is_compressed: false,
        }
    }
}
