//! Bytes that are hashed while they are used.

/// Bytes that are hashed while they are used.
pub struct Chunk {
    pub room: Box<[u8]>,
    pub len: usize,
}

impl Chunk {
    pub fn new(room: usize) -> Self {
        Self {
            room: vec![0; room].into_boxed_slice(),
            len: 0,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }
}
