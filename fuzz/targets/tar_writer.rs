//! Archives that are written, read back by our own table and by another reader.

use ociimg::error::Error;
use ociimg::tar::{Found, Limits, Table, normalized, writer};
use std::collections::HashMap;
use std::io::Read;

/// Writes names and contents, separated by the byte 0xff, and compares them with what two readers find.
pub fn tar_writer(data: &[u8]) {
    let mut files: HashMap<String, &[u8]> = HashMap::new();
    let mut archive = Vec::new();
    let mut pieces = data.split(|b| *b == 0xff);
    while let (Some(name), Some(content)) = (pieces.next(), pieces.next()) {
        // As sinks make them: relative, of names that are no dots.
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        let is_component = |part: &str| !part.is_empty() && part != "." && part != "..";
        // The other reader takes a line break for the end of a PAX record.
        if name.contains(['\0', '\n']) || name.len() > 3000 || !name.split('/').all(is_component) {
            continue;
        }
        if files.contains_key(name) || is_folder(&files, name) {
            continue;
        }
        let size = content.len() as u64;
        archive.extend(writer::file_header(name, size));
        archive.extend(content);
        archive.extend(writer::padding(size));
        assert_eq!(archive.len() % 512, 0);
        files.insert(name.to_owned(), content);
    }
    archive.extend(writer::END);

    let limits = Limits {
        headers: 1 << 16,
        names: 1 << 24,
    };
    let read = |buf: &mut [u8], at: u64| match archive.get(at as usize..at as usize + buf.len()) {
        Some(bytes) => {
            buf.copy_from_slice(bytes);
            Ok(())
        }
        None => Err(Error::malformed("it ends before")),
    };
    let table = Table::read(read, archive.len() as u64, limits, &[]).expect("our table takes it");
    assert_eq!(table.names().count(), files.len());
    for (name, content) in &files {
        assert!(normalized(name.as_bytes()).is_some(), "{name}");
        match table.find(name) {
            Ok(Found::File(range)) => {
                let range = range.start as usize..range.end as usize;
                assert_eq!(&archive[range], *content, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    let mut others = tar::Archive::new(&archive[..]);
    let mut found = 0;
    for entry in others.entries().expect("another reader takes it") {
        let mut entry = entry.expect("another reader takes it");
        let name = String::from_utf8(entry.path_bytes().into_owned()).expect("as it was written");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("it is whole");
        assert_eq!(files.get(&name).copied(), Some(&content[..]), "{name}");
        found += 1;
    }
    assert_eq!(found, files.len());
}

/// Whether a file and a folder would have one name.
fn is_folder(files: &HashMap<String, &[u8]>, name: &str) -> bool {
    files.keys().any(|other| {
        let below = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
        below(other, name) || below(name, other)
    })
}
