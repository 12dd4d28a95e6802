//! Files that get their name when they are complete.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The prefix of the names of temporary files.
pub const PREFIX: &str = ".ociimg-";

const MODE: Mode = Mode::from_raw_mode(0o644);

/// A file that is being written. It has no name if the file system supports that
/// (O_TMPFILE), so that nothing is left when the process is killed. Dropping it removes it.
pub struct TempFile {
    file: File,
    folder: Arc<OwnedFd>,
    name: Option<String>,
}

impl TempFile {
    /// Creates a file in `folder`, a descriptor that is open for reading.
    pub fn create(folder: &Arc<OwnedFd>) -> io::Result<Self> {
        if let Some(file) = unnamed(folder.as_fd())? {
            return Ok(Self {
                file,
                folder: folder.clone(),
                name: None,
            });
        }
        let (file, name) = unique(|name| {
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(folder, name, flags, MODE)
        })?;
        Ok(Self {
            file: file.into(),
            folder: folder.clone(),
            name: Some(name),
        })
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives the file this name in `folder`; fails with EEXIST if it exists.
    pub fn link(&mut self, folder: BorrowedFd<'_>, name: impl Arg + Copy) -> io::Result<()> {
        match &self.name {
            None => self.link_unnamed(folder, name)?,
            Some(temporary) => {
                let flags = RenameFlags::NOREPLACE;
                match rustix::fs::renameat_with(&self.folder, &**temporary, folder, name, flags) {
                    // The file system has no such rename; the old name goes with `self`.
                    Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                        let flags = AtFlags::empty();
                        rustix::fs::linkat(&self.folder, &**temporary, folder, name, flags)?;
                    }
                    renamed => {
                        renamed?;
                        self.name = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the file this name in `folder`, replacing any other file.
    pub fn replace(&mut self, folder: BorrowedFd<'_>, name: impl Arg) -> io::Result<()> {
        let temporary = self.temporary_name()?.to_owned();
        rustix::fs::renameat(&self.folder, temporary, folder, name)?;
        self.name = None;
        Ok(())
    }

    /// Swaps the names of this file and of `name` in the same folder. Afterwards
    /// [`temporary_name`](Self::temporary_name) is the name of the other file.
    pub fn exchange(&mut self, name: &str) -> io::Result<()> {
        let temporary = self.temporary_name()?.to_owned();
        let flags = RenameFlags::EXCHANGE;
        Ok(rustix::fs::renameat_with(
            &self.folder,
            temporary,
            &self.folder,
            name,
            flags,
        )?)
    }

    /// The temporary name of the file; it gets one if it has none.
    pub fn temporary_name(&mut self) -> io::Result<&str> {
        if self.name.is_none() {
            let folder = self.folder.clone();
            let ((), name) = unique(|name| {
                self.link_unnamed(folder.as_fd(), name)
                    .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
            })?;
            self.name = Some(name);
        }
        Ok(self.name.as_deref().expect("just set"))
    }

    fn link_unnamed(&self, folder: BorrowedFd<'_>, name: impl Arg) -> io::Result<()> {
        let path = proc_path(self.file.as_fd());
        Ok(rustix::fs::linkat(
            CWD,
            path,
            folder,
            name,
            AtFlags::SYMLINK_FOLLOW,
        )?)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // If this fails, the next writer removes it when it is a day old.
            let _ = rustix::fs::unlinkat(&self.folder, &**name, AtFlags::empty());
        }
    }
}

/// An unnamed file that can get a name later, if the system supports it.
fn unnamed(folder: BorrowedFd<'_>) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file: File = match rustix::fs::openat(folder, ".", flags, MODE) {
        Ok(file) => file.into(),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    // Naming it needs /proc, which a container may lack.
    match rustix::fs::statat(CWD, proc_path(file.as_fd()), AtFlags::empty()) {
        Ok(_) => Ok(Some(file)),
        Err(_) => Ok(None),
    }
}

fn proc_path(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// The result of `make` for the first name that is not taken.
fn unique<T>(mut make: impl FnMut(&str) -> rustix::io::Result<T>) -> io::Result<(T, String)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{count}", process::id());
        match make(&name) {
            Err(Errno::EXIST) => {}
            made => return Ok((made?, name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use tempfile::TempDir;

    fn opened(path: &Path) -> Arc<OwnedFd> {
        Arc::new(File::open(path).unwrap().into())
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A temporary file as on file systems without O_TMPFILE.
    fn named(folder: &Arc<OwnedFd>) -> TempFile {
        let mut temp = TempFile::create(folder).unwrap();
        temp.temporary_name().unwrap();
        temp
    }

    #[test]
    fn a_file_gets_its_name_or_leaves_nothing() {
        for create in [|folder: &_| TempFile::create(folder).unwrap(), named] {
            let path = TempDir::new().unwrap();
            let folder = opened(path.path());
            let mut temp = create(&folder);
            temp.write_all(b"one").unwrap();
            temp.link(folder.as_fd(), "x").unwrap();
            drop(temp);
            assert_eq!(names(path.path()), ["x"]);

            let mut temp = create(&folder);
            temp.write_all(b"two").unwrap();
            let e = temp.link(folder.as_fd(), "x").unwrap_err();
            assert_eq!(e.kind(), io::ErrorKind::AlreadyExists);
            temp.replace(folder.as_fd(), "x").unwrap();
            drop(temp);
            assert_eq!(fs::read(path.path().join("x")).unwrap(), b"two");

            drop(create(&folder));
            assert_eq!(names(path.path()), ["x"]);
        }
    }

    #[test]
    fn an_exchange_keeps_what_was_there_until_it_was_looked_at() {
        let path = TempDir::new().unwrap();
        fs::write(path.path().join("x"), "old").unwrap();
        let folder = opened(path.path());
        let mut temp = TempFile::create(&folder).unwrap();
        temp.write_all(b"new").unwrap();
        temp.exchange("x").unwrap();
        let other = path.path().join(temp.temporary_name().unwrap());
        assert_eq!(fs::read(other).unwrap(), b"old");
        drop(temp);
        assert_eq!(names(path.path()), ["x"]);
        assert_eq!(fs::read(path.path().join("x")).unwrap(), b"new");
    }
}
