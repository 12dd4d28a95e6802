//! Recognises content that is not JSON.

/// Names the format of a document that is not JSON, if its first bytes show it.
pub fn foreign_format(document: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: &[(&[u8], &str)] = &[
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"\x1f\x8b", "a gzip file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ\0", "bytes of an xz file"),
        (b"PK\x03\x04", "a zip file"),
        (b"version https://git-lfs", "a Git LFS pointer"),
    ];
    let known = BEGINNINGS.iter().find(|(b, _)| document.starts_with(b));
    match (known, document) {
        (Some((_, name)), _) => Some(name),
        // "{" or "[" of UTF-16 without a byte order mark.
        (None, [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..]) => Some("UTF-16"),
        (None, _) if document.trim_ascii_start().starts_with(b"<") => Some("HTML or XML"),
        (None, _) => None,
    }
}
