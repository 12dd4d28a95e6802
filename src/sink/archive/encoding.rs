//! Compression of an archive as a whole.

use crate::compression::{Encoder, Layout, Method, Piece, Trailer};
use crate::error::Result;

/// Splits a stream into the pieces that an encoder takes.
pub struct Encoding {
    encoder: Box<dyn Encoder>,
    layout: Layout,
    trailer: Trailer,
    /// The bytes before the next piece.
    header: &'static [u8],
    /// The history that the next piece may refer to, and the bytes of that piece so far.
    buffer: Vec<u8>,
    history: usize,
    pieces: u64,
}

impl Encoding {
    /// `None` if nothing is compressed.
    pub fn new(method: Method) -> Result<Option<Self>> {
        Ok(method.encoder()?.map(|encoder| Self {
            encoder,
            layout: method.layout(),
            trailer: Trailer::new(method),
            header: method.header(),
            buffer: Vec::new(),
            history: 0,
            pieces: 0,
        }))
    }

    /// Compresses `bytes`; appends the output so far to `out`.
    pub fn write(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.trailer.update(bytes);
        while !bytes.is_empty() {
            let room = self.layout.piece - (self.buffer.len() - self.history);
            // The last piece is only known at the end.
            if room == 0 {
                self.encode(false, out)?;
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Ends the compressed stream.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<()> {
        self.encode(true, out)?;
        out.extend(self.trailer.finish());
        Ok(())
    }

    fn encode(&mut self, is_last: bool, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(std::mem::take(&mut self.header));
        let piece = Piece {
            bytes: std::mem::take(&mut self.buffer),
            history: self.history,
            starts_unit: self.layout.starts_unit(self.pieces),
            ends_unit: is_last || self.layout.ends_unit(self.pieces),
            is_last,
        };
        self.encoder.encode(&piece, out)?;
        self.buffer = piece.bytes;
        let end = self.buffer.len().saturating_sub(self.layout.history);
        self.buffer.drain(..end);
        self.history = self.buffer.len();
        self.pieces += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn compressed(method: Method, input: &[u8], piece: usize) -> Vec<u8> {
        let mut encoding = Encoding::new(method).unwrap().expect("it compresses");
        let mut out = Vec::new();
        for piece in input.chunks(piece) {
            encoding.write(piece, &mut out).unwrap();
        }
        encoding.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn the_bytes_depend_on_the_content_alone() {
        let input: Vec<u8> = (0..600_000_u32)
            .flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes())
            .collect();
        for len in [1, 1 << 20, input.len()] {
            let input = &input[..len];
            for method in [Method::gzip(6), Method::gzip(1), Method::zstd(3)] {
                let method = method.unwrap();
                let whole = compressed(method, input, input.len());
                for piece in [1000, 65_536, 100_003] {
                    let other = compressed(method, input, piece);
                    assert!(other == whole, "{method:?} {len}");
                }
                let mut content = Vec::new();
                match method {
                    Method::Gzip(_) => {
                        flate2::read::GzDecoder::new(&*whole).read_to_end(&mut content)
                    }
                    _ => zstd::Decoder::new(&*whole)
                        .unwrap()
                        .read_to_end(&mut content),
                }
                .unwrap();
                assert!(content == input, "{method:?} {len}");
            }
        }
    }
}
