//! Truth values.

/// A truth value: 1 or 0. C's own bool is one byte, which the bindings of several languages
/// read as four.
pub type ociimg_bool = i32;
