//! Readers: the bytes of one blob, verified while they stream.
