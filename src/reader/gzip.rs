//! gzip: <https://www.rfc-editor.org/rfc/rfc1952>.

use super::compression::{Decoder, Step};
use crate::error::{Error, Result, Status};
use flate2::{Decompress, FlushDecompress};

/// Any number of members, one after the other. zlib checks what each says about itself:
/// method, reserved flags, header CRC, and at its end CRC and length.
pub struct Gzip {
    /// The member that is being read; none between two.
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

    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step> {
        let member = match (&mut self.member, input.first()) {
            (Some(member), _) => member,
            (None, None) => return Ok(Step::default()),
            // 15 is the largest window that deflate has, 32 KiB.
            (member @ None, Some(0x1F)) => member.insert(Decompress::new_gzip(15)),
            (None, Some(other)) => {
                return Err(Error::new(
                    Status::Malformed,
                    format_args!(
                        "gzip: byte {other:#04x} after the last member, expected the end or another member"
                    ),
                ));
            }
        };
        let (read, written) = (member.total_in(), member.total_out());
        let status = member
            .decompress(input, out, FlushDecompress::None)
            .map_err(|e| {
                Error::new(
                    Status::Malformed,
                    format_args!("gzip: {}", e.message().unwrap_or("invalid data")),
                )
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

    fn finish(&self) -> Result<()> {
        match self.member {
            None => Ok(()),
            Some(_) => Err(Error::new(
                Status::Malformed,
                "gzip: content ends within a member",
            )),
        }
    }
}
