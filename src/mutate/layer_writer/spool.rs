//! Temporary storage for the bytes of a new layer.

use super::blob::Content;
use crate::error::{Error, Result};
use crate::source::Extent;
use crate::source::system_error::{escaped, os_message};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Memory for a short layer, an unnamed file for a longer one.
pub struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    temp_dir: PathBuf,
    max_memory: u64,
}

impl Spool {
    pub fn new(temp_dir: PathBuf, max_memory: u64) -> Self {
        Self {
            memory: Vec::new(),
            file: None,
            temp_dir,
            max_memory,
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(file) = &mut self.file {
            return file
                .write_all(bytes)
                .map_err(|e| system_error(&self.temp_dir, &e));
        }
        if (self.memory.len() + bytes.len()) as u64 <= self.max_memory {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let memory = std::mem::take(&mut self.memory);
        let mut start = || {
            let file = self.file.insert(BufWriter::with_capacity(
                64 << 10,
                unnamed_file(&self.temp_dir)?,
            ));
            file.write_all(&memory)?;
            file.write_all(bytes)
        };
        start().map_err(|e| system_error(&self.temp_dir, &e))
    }

    pub fn finish(self) -> Result<Content> {
        let Some(file) = self.file else {
            return Ok(Content::Memory(self.memory.into()));
        };
        let name = format!("temporary file in {}", place(&self.temp_dir));
        match file.into_inner() {
            Ok(file) => Ok(Content::File(Extent::of_file(file, &name)?)),
            Err(e) => Err(system_error(&self.temp_dir, e.error())),
        }
    }
}

/// An unnamed file in `folder`.
fn unnamed_file(folder: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, open};
        use rustix::io::Errno;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match open(folder, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok(file.into()),
            // Without O_TMPFILE a file is created and unlinked.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
            Err(e) => return Err(e.into()),
        }
    }
    tempfile::tempfile_in(folder)
}

fn place(folder: &Path) -> String {
    escaped(folder.as_os_str().as_bytes())
}

fn system_error(temp_dir: &Path, e: &io::Error) -> Error {
    Error::io(format_args!(
        "temporary file for the layer in {}: {}",
        place(temp_dir),
        os_message(e)
    ))
    .with_errno(e.raw_os_error().unwrap_or(0))
}
