//! How the built-in sinks are opened.

/// Options of the layout and archive sinks.
#[derive(Clone, Debug, Default)]
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
    pub compression: Option<OuterCompression>,
}

/// How an archive is compressed as a whole; a level of `None` is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OuterCompression {
    Gzip(Option<i32>),
    Zstd(Option<i32>),
}
