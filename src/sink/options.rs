//! How the built-in sinks are opened.

use crate::compression::Method;

/// Options of the layout and archive sinks.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Fails with EXISTS where something is there already. An empty folder is new.
    pub must_be_new: bool,
    /// Hashes blobs that are there already, where otherwise their size is compared.
    pub verify_existing: bool,
    /// Leaves it to the system when content reaches the disk.
    pub no_sync: bool,
    /// Writes archives that `docker load` reads too.
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
