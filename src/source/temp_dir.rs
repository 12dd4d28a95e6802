//! The folder for temporary files.

use std::env;
use std::path::PathBuf;

/// The folder that TMPDIR names, else /tmp.
pub fn temp_dir() -> PathBuf {
    or_tmp(env::temp_dir())
}

/// An empty value of TMPDIR counts as unset.
fn or_tmp(folder: PathBuf) -> PathBuf {
    match folder.as_os_str().is_empty() {
        true => PathBuf::from("/tmp"),
        false => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_for_temporary_files_is_tmp() {
        assert_eq!(or_tmp("".into()), PathBuf::from("/tmp"));
        assert_eq!(or_tmp("/var/tmp".into()), PathBuf::from("/var/tmp"));
    }
}
