//! Header blocks: their checksum, path and numbers.

use super::flaw::Flaw;
use super::path::joined;
use crate::text::Escaped;
use ::tar::Header;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a header; data is padded to a multiple of this.
pub const BLOCK: usize = 512;

const CHECKSUM: Range<usize> = 148..156;

/// Whether `head` starts with a tar header whose checksum fits, taken over unsigned bytes
/// or, as some old programs did, over signed ones.
pub fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return false;
    };
    let header = Header::from_byte_slice(block);
    let Ok(written) = header.cksum() else {
        return false;
    };
    // The checksum's own field counts as blanks.
    let (field, blanks) = (&block[CHECKSUM], [b' '; CHECKSUM.end - CHECKSUM.start]);
    let sum = sum(block) - plain_sum(field) + plain_sum(&blanks);
    if sum == written {
        return true;
    }
    let above_127 = |bytes: &[u8]| bytes.iter().filter(|b| **b > 127).count() as u32;
    let above_127 = above_127(block) - above_127(field);
    i64::from(sum) - 256 * i64::from(above_127) == i64::from(written)
}

/// The sum of all bytes, eight at once: a large archive has many headers.
fn sum(block: &[u8; BLOCK]) -> u32 {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    let words = block
        .as_chunks()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word));
    // Four sums of 16 bits, too few bytes for an overflow.
    let sums: u64 = words.map(|word| (word & EVEN) + (word >> 8 & EVEN)).sum();
    let sums = sums.to_le_bytes();
    let sums = sums.as_chunks().0.iter();
    sums.map(|sum| u32::from(u16::from_le_bytes(*sum))).sum()
}

fn plain_sum(bytes: &[u8]) -> u32 {
    bytes.iter().map(|b| u32::from(*b)).sum()
}

/// Whether a file that starts with `head` (of a block, unless the file is shorter) is a tar
/// archive, even an empty or broken one.
pub fn is_archive(head: &[u8]) -> bool {
    const MAGIC: Range<usize> = 257..262;
    head.len() == BLOCK
        && (is_tar(head) || head.iter().all(|b| *b == 0) || &head[MAGIC] == b"ustar")
}

/// The path in a header, without regard to extension headers.
pub(super) fn path(header: &Header) -> Cow<'_, [u8]> {
    let name = &header.as_old().name;
    match star_prefix(header).or_else(|| misplaced_prefix(header)) {
        Some(prefix) => Cow::Owned(joined(prefix, until_nul(name))),
        None => header.path_bytes(),
    }
}

/// The prefix in a header of star, which has two times at the end of POSIX's.
fn star_prefix(header: &Header) -> Option<&[u8]> {
    let is_star = header.as_ustar().is_some() && header.as_bytes().ends_with(b"tar\0");
    is_star.then(|| until_nul(&header.as_bytes()[345..476]))
}

/// POSIX's prefix in a header of GNU's format, which has two times in its place. Go wrote
/// such headers before version 1.8, and reads them where the times are none.
fn misplaced_prefix(header: &Header) -> Option<&[u8]> {
    const PREFIX: Range<usize> = 345..500;
    const TIMES: usize = 24;
    header.as_gnu()?;
    let field = &header.as_bytes()[PREFIX];
    let mut times = field[..TIMES].as_chunks().0.iter();
    if times.all(is_time) {
        return None;
    }
    let prefix = until_nul(field);
    (!prefix.is_empty() && prefix.is_ascii()).then_some(prefix)
}

/// Whether Go reads a field as a time: empty, octal, or base 256 within an i64.
fn is_time(field: &[u8; 12]) -> bool {
    if field[0] & 0x80 == 0 {
        return field[0] == 0 || octal(field).is_some();
    }
    // A negative number has ones above its digits.
    let filler = if field[0] & 0x40 == 0 { 0 } else { 0xff };
    let [first, above @ .., _, _, _, _, _, _, _] = *field;
    let [middle @ .., highest] = above;
    (first ^ filler) & 0x7f == 0
        && middle.iter().all(|byte| *byte == filler)
        && (highest ^ filler) & 0x80 == 0
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// The size that a header declares.
pub(super) fn data_size(header: &Header, at: u64) -> Result<u64, Flaw> {
    let field = &header.as_old().size;
    number(field).ok_or_else(|| Flaw::Size {
        at,
        found: Escaped(&String::from_utf8_lossy(field)).to_string(),
    })
}

/// A number in octal or in GNU's base 256; `None` if it is negative or 2^64 or more.
pub(super) fn number(field: &[u8; 12]) -> Option<u64> {
    match field {
        [0x80, 0, 0, 0, number @ ..] => Some(u64::from_be_bytes(*number)),
        [0x80..=0xff, ..] => None,
        _ => octal(field),
    }
}

/// The number in a field of octal digits, between blanks and NULs; an empty one is 0. As in
/// Go, nothing counts behind a NUL, and no blank stands between digits.
fn octal(field: &[u8]) -> Option<u64> {
    let is_padding = |b: &u8| matches!(b, b' ' | 0);
    let Some(start) = field.iter().position(|b| !is_padding(b)) else {
        return Some(0);
    };
    let end = field.iter().rposition(|b| !is_padding(b))? + 1;
    let digits = field[start..end].split(|b| *b == 0).next()?;
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// The number of decimal digits alone, without a sign.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_checksums_fit(content in prop::collection::vec(any::<u8>(), BLOCK), off in 0_u32..2) {
            let mut block: [u8; BLOCK] = content.try_into().unwrap();
            block[CHECKSUM].fill(b' ');
            let unsigned: u32 = block.iter().map(|b| u32::from(*b)).sum();
            let signed: i32 = block.iter().map(|b| i32::from(*b as i8)).sum();
            for sum in [Some(unsigned), u32::try_from(signed).ok()].into_iter().flatten() {
                block[CHECKSUM].copy_from_slice(format!("{:06o}\0 ", sum + off).as_bytes());
                // With random content no other sum fits.
                prop_assert_eq!(is_tar(&block), off == 0);
            }
        }
    }
}
