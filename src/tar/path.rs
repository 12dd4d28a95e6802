//! Names of entries, by their components.

/// The longest path, as in Linux.
pub(super) const MAX_NAME: usize = 4096;

/// `path` without `.`, `..` and empty components (so a leading `/` has no meaning). `None`
/// if it leads out of the archive or is too long.
pub fn normalized(path: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(path.len());
    for component in path.split(|b| *b == b'/') {
        push(&mut name, component)?;
    }
    (name.len() <= MAX_NAME).then_some(name)
}

/// The same where `..` stays at the root of the archive, as in programs that unpack it in a
/// root of their own.
pub(super) fn normalized_at_root(path: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(path.len());
    for component in path.split(|b| *b == b'/') {
        // Fails only where it leads out, and changes nothing then.
        let _ = push(&mut name, component);
    }
    (name.len() <= MAX_NAME).then_some(name)
}

/// Appends a component to `name`, or removes one for `..`; returns whether `name` grew,
/// `None` if that leads out.
pub(super) fn push(name: &mut Vec<u8>, component: &[u8]) -> Option<bool> {
    match component {
        b"" | b"." => return Some(false),
        b".." if name.is_empty() => return None,
        b".." => {
            name.truncate(name.iter().rposition(|b| *b == b'/').unwrap_or(0));
            return Some(false);
        }
        _ => {}
    }
    if !name.is_empty() {
        name.push(b'/');
    }
    name.extend_from_slice(component);
    Some(true)
}

/// Joins `folder` and `path` with a slash.
pub(super) fn joined(folder: &[u8], path: &[u8]) -> Vec<u8> {
    match folder {
        b"" => path.to_owned(),
        _ => [folder, b"/", path].concat(),
    }
}
