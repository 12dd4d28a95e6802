//! Options of the built-in sinks.

use crate::compression::Method;

/// Options of the layout and archive sinks.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Fails with EXISTS if the path exists. An empty folder counts as new.
    pub must_be_new: bool,
    /// Hashes existing blobs; by default only their size is compared.
    pub verify_existing: bool,
    /// Does not sync files and folders.
    pub no_sync: bool,
    /// Writes archives that `docker load` can read too.
    pub docker: bool,
    /// Compression of an archive as a whole.
    pub compression: Method,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            must_be_new: false,
            verify_existing: false,
            no_sync: false,
            docker: false,
            compression: Method::None,
        }
    }
}
