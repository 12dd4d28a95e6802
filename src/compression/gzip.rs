//! gzip: <https://www.rfc-editor.org/rfc/rfc1952>.

use super::decoder::{Decoder, Step};
use crate::error::{Error, Result};
use flate2::{Decompress, FlushDecompress};

/// Any number of members, one after the other. zlib checks what each says about itself:
/// method, reserved flags, header CRC, and at its end CRC and length.
pub struct Gzip {
    /// The member that is being read; `None` between two.
    member: Option<Decompress>,
}

impl Gzip {
    pub fn new() -> Self {
        Self { member: None }
    }
}

impl Decoder for Gzip {
    fn room(&self) -> usize {
        96 * 1024
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        let member = match (&mut self.member, input.first()) {
            (Some(member), _) => member,
            (None, None) => return Ok(Step::default()),
            // 15 is the largest window that deflate has, 32 KiB.
            (member @ None, Some(0x1F)) => member.insert(Decompress::new_gzip(15)),
            (None, Some(other)) => {
                return Err(Error::malformed(format_args!(
                    "gzip: byte {other:#04x} after the last member, expected the end or another member"
                )));
            }
        };
        let (read, written) = (member.total_in(), member.total_out());
        let status = member
            .decompress(input, out, FlushDecompress::None)
            .map_err(|e| {
                let found = match e.message() {
                    // The message that zlib-rs gives if it is called again after the first
                    // fault.
                    None | Some("repeated call with bad state") => "invalid compressed data",
                    Some(found) => found,
                };
                Error::malformed(format_args!("gzip: {found}"))
            })?;
        // Both fit into usize: they are differences within the two slices.
        let step = Step {
            read: (member.total_in() - read) as usize,
            written: (member.total_out() - written) as usize,
        };
        if status == flate2::Status::StreamEnd {
            self.member = None;
        }
        Ok(step)
    }

    fn finish(&mut self) -> Result<()> {
        match self.member {
            None => Ok(()),
            Some(_) => Err(Error::malformed("gzip: content ends within a member")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    /// Bits as deflate packs them, the first into the lowest of a byte.
    #[derive(Default)]
    struct Bits(Vec<u8>, usize);

    impl Bits {
        fn number(&mut self, value: u32, len: u32) {
            (0..len).for_each(|i| self.bit(value >> i & 1));
        }

        /// Huffman codes are packed with their highest bit first.
        fn code(&mut self, code: u32, len: u32) {
            (0..len).rev().for_each(|i| self.bit(code >> i & 1));
        }

        fn bit(&mut self, bit: u32) {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            self.0[self.1 / 8] |= (bit as u8) << (self.1 % 8);
            self.1 += 1;
        }
    }

    #[test]
    fn faults_of_deflate_are_named() {
        // A block of fixed codes, long enough for zlib's fast path, with a match that
        // refers 32 KiB back when there are only 300 bytes.
        let mut bits = Bits::default();
        bits.number(0b011, 3);
        let letters = |bits: &mut Bits, count| (0..count).for_each(|_| bits.code(0x30 + 97, 8));
        letters(&mut bits, 300);
        bits.code(1, 7);
        bits.code(29, 5);
        bits.number(0x1FFF, 13);
        letters(&mut bits, 600);
        let member = [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], &bits.0[..]].concat();
        for piece in [1, member.len()] {
            let mut gzip = Gzip::new();
            let e = member.chunks(piece).try_for_each(|piece| {
                let mut out = [0; 1000];
                gzip.decode(piece, &mut out).map(drop)
            });
            let e = e.unwrap_err();
            assert_eq!(e.status(), Status::Malformed);
            assert!(e.message().contains("invalid"), "{e}");
        }
    }
}
