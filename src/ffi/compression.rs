//! The compression of layers and archives.

/// A compression: one of the OCIIMG_COMPRESSION_ constants.
pub type ociimg_compression = i32;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The values of ociimg_compression.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_compression_values {
    /// gzip for a layer, none for an archive as a whole.
    OCIIMG_COMPRESSION_DEFAULT = 0,
    /// No compression.
    OCIIMG_COMPRESSION_NONE = 1,
    /// gzip (RFC 1952).
    OCIIMG_COMPRESSION_GZIP = 2,
    /// zstd (RFC 8878).
    OCIIMG_COMPRESSION_ZSTD = 3,
}
