//! Content that is stored without compression.

use super::content::Content;
use super::expected::Expected;
use super::options::ReadOptions;
use super::stored::Stored;
use crate::digest::Hasher;
use crate::error::{Error, Result};

/// The stored bytes are the content.
pub struct Plain {
    stored: Stored,
    expected: Expected,
    /// Only where digest and diff ID have different algorithms. With the same algorithm
    /// both name the same bytes, so comparing them is enough.
    hasher: Option<Hasher>,
}

impl Plain {
    pub fn new(stored: Stored, expected: Expected, options: &ReadOptions) -> Result<Self> {
        if let Some(limit) = options.max_uncompressed_size
            && expected.size > limit
        {
            return Err(Error::limit_exceeded(format_args!(
                "content has {} bytes and is not compressed, expected at most {limit}",
                expected.size
            )));
        }
        let hasher = match &expected.diff_id {
            Some(diff_id) if diff_id.algorithm()? != expected.digest.algorithm()? => {
                Some(Hasher::new(diff_id.algorithm()?))
            }
            _ => None,
        };
        Ok(Self {
            stored,
            expected,
            hasher,
        })
    }
}

impl Content for Plain {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = self.stored.read(buf)?;
        match &mut self.hasher {
            Some(hasher) if n > 0 => hasher.update(&buf[..n]),
            Some(hasher) => self.expected.check_diff_id(&hasher.clone().finish())?,
            None if n > 0 => {}
            None => self.expected.check_diff_id(&self.expected.digest)?,
        }
        Ok(n)
    }
}
