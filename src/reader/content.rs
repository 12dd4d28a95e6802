//! The interface of every kind of content to a reader.

use crate::error::Result;

/// A blob in the form in which it is handed out.
pub trait Content: Send {
    /// Reads up to `buf.len()` (more than 0) bytes; 0 once the end was verified. Not
    /// called again after that, nor after a failure.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;
}
