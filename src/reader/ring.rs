//! The chunks that one lane uses in turn.

use super::chunk::Chunk;
use super::hashing::Hashing;
use crate::error::Result;
use std::collections::VecDeque;
use std::sync::Arc;

/// The chunks of one lane, used in turn: their number bounds what waits to be hashed.
pub struct Ring {
    chunks: VecDeque<Arc<Chunk>>,
}

impl Ring {
    /// A ring of one.
    pub fn new(current: Chunk) -> Self {
        Self {
            chunks: VecDeque::from([Arc::new(current)]),
        }
    }

    /// Adds chunks until there are `count`; the new ones are written before the others.
    pub fn grow(&mut self, count: usize) {
        let room = self.current().room.len();
        self.chunks
            .resize_with(count, || Arc::new(Chunk::new(room)));
    }

    pub fn current(&self) -> &Arc<Chunk> {
        &self.chunks[0]
    }

    /// Makes the oldest current, to be overwritten; waits until it is hashed.
    pub fn next(&mut self, hashing: &Hashing) -> Result<&mut Chunk> {
        self.chunks.rotate_right(1);
        let chunk = &mut self.chunks[0];
        hashing.help_until(|| Arc::get_mut(chunk).is_some())?;
        Ok(Arc::get_mut(chunk).expect("no other holds it"))
    }
}
