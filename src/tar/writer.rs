//! Headers of the archives that the library writes.
//!
//! ustar as POSIX defines it, with a PAX header only before an entry whose name or size
//! does not fit. Nothing in a header depends on the machine, the user or the clock.
//!
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>

use tar::{EntryType, Header};

pub const BLOCK: usize = 512;

/// The end of an archive: two blocks of zeros.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The largest size that the 11 octal digits of a header hold; above it is a PAX record.
const MAX_USTAR_SIZE: u64 = 0o77_777_777_777;

/// The PAX header's own name, which readers with PAX support ignore.
const PAX_NAME: &str = "PaxHeaders.0/entry";

/// The header of a regular file with this path and size in bytes.
pub fn file_header(path: &str, size: u64) -> Vec<u8> {
    header(EntryType::Regular, path, size, 0o444)
}

/// The header of a folder, whose path ends with a slash.
pub fn folder_header(path: &str) -> Vec<u8> {
    header(EntryType::Directory, path, 0, 0o755)
}

/// The zeros that follow content of this size.
pub fn padding(size: u64) -> &'static [u8] {
    &END[..(size.next_multiple_of(BLOCK as u64) - size) as usize]
}

fn header(kind: EntryType, path: &str, size: u64, mode: u32) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    let mut records = Vec::new();
    if header.set_path(path).is_err() {
        records.extend(record("path", path));
        // Readers without PAX support see the end of the name; for a blob that is most of
        // its digest.
        let name = &mut header.as_old_mut().name;
        let end = &path.as_bytes()[path.len().saturating_sub(name.len())..];
        name[..end.len()].copy_from_slice(end);
    }
    if size > MAX_USTAR_SIZE {
        records.extend(record("size", &size.to_string()));
    }

    let mut blocks = Vec::new();
    if !records.is_empty() {
        let mut pax = Header::new_ustar();
        pax.set_entry_type(EntryType::XHeader);
        pax.set_mode(0o444);
        pax.set_path(PAX_NAME).expect("it fits");
        blocks.extend(finished(pax, records.len() as u64));
        blocks.extend(&records);
        blocks.extend(padding(records.len() as u64));
    }
    let size = if size > MAX_USTAR_SIZE { 0 } else { size };
    blocks.extend(finished(header, size));
    blocks
}

fn finished(mut header: Header, size: u64) -> [u8; BLOCK] {
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    // Zeros for devices too: some readers want digits in every number.
    header.set_device_major(0).expect("ustar has the field");
    header.set_device_minor(0).expect("ustar has the field");
    header.set_cksum();
    *header.as_bytes()
}

/// A PAX record, `LENGTH KEY=VALUE\n`, whose length counts its own digits.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    fn octal(field: &[u8]) -> u64 {
        let digits = std::str::from_utf8(field).unwrap().trim_end_matches('\0');
        u64::from_str_radix(digits, 8).unwrap()
    }

    #[test]
    fn a_header_has_only_a_name_a_size_and_a_mode() {
        let header = file_header("index.json", 5);
        assert_eq!(header.len(), BLOCK);
        assert!(header.starts_with(b"index.json\0"));
        assert_eq!(octal(&header[100..108]), 0o444);
        for zero in [108..116, 116..124, 136..148, 329..337, 337..345] {
            assert_eq!(octal(&header[zero]), 0);
        }
        assert_eq!(octal(&header[124..136]), 5);
        assert_eq!(header[156], b'0');
        assert_eq!(&header[257..265], b"ustar\x0000");
        assert!(header[265..329].iter().all(|byte| *byte == 0), "no names");

        let folder = folder_header("blobs/sha256/");
        assert!(folder.starts_with(b"blobs/sha256/\0"));
        assert_eq!((folder[156], octal(&folder[100..108])), (b'5', 0o755));
    }

    #[test]
    fn pax_comes_only_where_a_name_or_size_needs_it() {
        let sha256 = format!("blobs/sha256/{}", "a".repeat(64));
        let sha512 = format!("blobs/sha512/{}", "b".repeat(128));
        assert_eq!(file_header(&sha256, MAX_USTAR_SIZE).len(), BLOCK);
        for (path, size, expected) in [
            (&sha512, 1, format!("151 path={sha512}\n")),
            (&sha256, MAX_USTAR_SIZE + 1, "19 size=8589934592\n".into()),
        ] {
            let header = file_header(path, size);
            assert_eq!(header.len(), 3 * BLOCK);
            assert_eq!(header[156], b'x');
            assert_eq!(octal(&header[124..136]), expected.len() as u64);
            assert_eq!(&header[BLOCK..][..expected.len()], expected.as_bytes());
            assert_eq!(header[2 * BLOCK + 156], b'0');
        }
        assert!(file_header(&sha512, 1)[2 * BLOCK..].starts_with(&[b'b'; 100]));
    }

    proptest! {
        #[test]
        fn another_reader_finds_every_path_and_content(
            entries in prop::collection::vec(("[a-z]{1,120}(/[a-z]{1,120}){0,3}", 0..2000_usize), 0..4)
        ) {
            let mut archive = Vec::new();
            for (path, size) in &entries {
                archive.extend(file_header(path, *size as u64));
                archive.extend(vec![b'.'; *size]);
                archive.extend(padding(*size as u64));
            }
            archive.extend(END);
            prop_assert_eq!(archive.len() % BLOCK, 0);
            let mut archive = tar::Archive::new(&archive[..]);
            let found: Vec<_> = archive
                .entries()
                .unwrap()
                .map(|entry| {
                    let mut entry = entry.unwrap();
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).unwrap();
                    (entry.path().unwrap().to_str().unwrap().to_owned(), content.len())
                })
                .collect();
            prop_assert_eq!(found, entries);
        }
    }

    #[test]
    fn a_record_counts_its_own_digits() {
        for value in [
            0, 1, 4, 5, 91, 92, 93, 94, 95, 96, 991, 992, 993, 994, 995, 996,
        ] {
            let record = record("a", &"v".repeat(value));
            let text = String::from_utf8(record.clone()).unwrap();
            let (count, _) = text.split_once(' ').unwrap();
            assert_eq!(count.parse(), Ok(record.len()), "{text}");
        }
    }
}
