//! The folder of a layout.

use super::extent::Extent;
use super::files::Files;
use super::system_error::{escaped, file_error, no_regular_file};
use crate::error::Result;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Opening must neither wait for the other end of a FIFO nor make a terminal the
/// controlling one.
pub const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// A folder whose files are found below it, also through links. Links that lead out of it
/// are refused, unless the options allow them.
pub struct Folder {
    folder: OwnedFd,
    name: Vec<u8>,
    follow_links: bool,
}

impl Folder {
    pub fn open(path: &Path, follow_links: bool) -> Result<Self> {
        let name = path.as_os_str().as_bytes().to_owned();
        let folder = openat(CWD, path, FOLDER, Mode::empty())
            .map_err(|e| file_error(escaped(&name), e.into()))?;
        Ok(Self {
            folder,
            name,
            follow_links,
        })
    }

    /// Opens `name` with additional flags.
    fn open_file(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self.follow_links {
            true => openat(&self.folder, name, flags, Mode::empty()),
            false => open_beneath(&self.folder, name, flags),
        }
    }
}

impl Files for Folder {
    fn find(&self, name: &str) -> Result<Extent> {
        let error = |e: Errno| file_error(self.place(name), e.into());
        // Opening a device may have effects, so the type is checked first.
        #[cfg(target_os = "linux")]
        {
            let file = self
                .open_file(name, OFlags::PATH | OFlags::CLOEXEC)
                .map_err(error)?;
            let mode = fstat(&file).map_err(error)?.st_mode;
            if FileType::from_raw_mode(mode) != FileType::RegularFile {
                return Err(no_regular_file(self.place(name)));
            }
        }
        let file = self.open_file(name, READ).map_err(error)?;
        Extent::of_file(File::from(file), &self.place(name))
    }

    fn place(&self, name: &str) -> String {
        let separator: &[u8] = match self.name.last() {
            Some(b'/') => b"",
            _ => b"/",
        };
        escaped(&[&self.name, separator, name.as_bytes()].concat())
    }
}

/// Opens `name` below `folder`; EXDEV if it leads out.
fn open_beneath(folder: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        // While another process renames folders, the kernel cannot ensure that `..` stays
        // below.
        const MAX_TRIES: usize = 8;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..MAX_TRIES {
            match openat2(folder, name, flags, Mode::empty(), beneath) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Older than Linux 5.6, or forbidden by a sandbox of that time.
                Err(Errno::NOSYS | Errno::PERM) => break,
                opened => return opened,
            }
        }
    }
    Walk::new(folder).open(name, flags)
}

/// The most links on the way to one file: the limit of Linux.
const MAX_LINKS: u32 = 40;
/// The most folders opened on the way to one file.
const MAX_STEPS: u32 = 1 << 13;

/// The walk to a file step by step, for kernels without openat2.
///
/// At most two folders are open at a time. `..` starts again at the top: the folder of a
/// descriptor may have been moved, and then its parent may be anywhere.
struct Walk<'a> {
    top: &'a OwnedFd,
    /// The names of the folders that lead to `at`; none of them is a link.
    names: Vec<OsString>,
    /// The folder reached; the top if there is none.
    at: Option<OwnedFd>,
    links: u32,
    steps: u32,
}

impl<'a> Walk<'a> {
    fn new(top: &'a OwnedFd) -> Self {
        Self {
            top,
            names: Vec::new(),
            at: None,
            links: 0,
            steps: 0,
        }
    }

    fn open(mut self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        // Components still to be walked, the next one last.
        let mut pending = Vec::new();
        push_components(&mut pending, name.as_bytes())?;
        while let Some(component) = pending.pop() {
            if component == ".." {
                self.go_up()?;
                continue;
            }
            let folder = self.at.as_ref().unwrap_or(self.top).as_fd();
            let is_last = pending.is_empty();
            let kind = match is_last {
                true => flags,
                false => FOLDER,
            };
            match openat(folder, &component, kind | OFlags::NOFOLLOW, Mode::empty()) {
                // With O_PATH a link is opened itself.
                Ok(file) if is_last && !is_link(&file)? => return Ok(file),
                Ok(file) if !is_last => {
                    self.step()?;
                    self.at = Some(file);
                    self.names.push(component);
                    continue;
                }
                Ok(_) | Err(Errno::LOOP | Errno::MLINK | Errno::NOTDIR) => {}
                Err(e) => return Err(e),
            }
            let target = rustix::fs::readlinkat(folder, &component, Vec::new());
            let target = target.map_err(|e| match e {
                // No link: a file in the place of a folder.
                Errno::INVAL => Errno::NOTDIR,
                e => e,
            })?;
            self.links += 1;
            if self.links > MAX_LINKS {
                return Err(Errno::LOOP);
            }
            push_components(&mut pending, target.as_bytes())?;
        }
        // The name of a folder, or of nothing.
        match self.at {
            Some(folder) => Ok(folder),
            None => openat(self.top, ".", FOLDER, Mode::empty()),
        }
    }

    fn go_up(&mut self) -> Result<(), Errno> {
        self.names.pop().ok_or(Errno::XDEV)?;
        self.at = None;
        for i in 0..self.names.len() {
            self.step()?;
            let folder = self.at.as_ref().unwrap_or(self.top);
            let flags = FOLDER | OFlags::NOFOLLOW;
            self.at = Some(openat(folder, &self.names[i], flags, Mode::empty())?);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Errno> {
        self.steps += 1;
        match self.steps > MAX_STEPS {
            true => Err(Errno::LOOP),
            false => Ok(()),
        }
    }
}

/// Adds the components of a path before those that are pending.
fn push_components(pending: &mut Vec<OsString>, path: &[u8]) -> Result<(), Errno> {
    if path.first() == Some(&b'/') {
        return Err(Errno::XDEV);
    }
    let components = path.split(|b| *b == b'/').rev();
    let components = components.filter(|c| !c.is_empty() && *c != b".");
    pending.extend(components.map(|c| OsString::from_vec(c.to_owned())));
    Ok(())
}

fn is_link(file: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    fn opened(path: &Path) -> OwnedFd {
        openat(CWD, path, FOLDER, Mode::empty()).unwrap()
    }

    /// The content of a file or the error, by the kernel's walk and step by step.
    fn both(top: &OwnedFd, name: &str) -> [Result<String, Errno>; 2] {
        [
            open_beneath(top, name, READ),
            Walk::new(top).open(name, READ),
        ]
        .map(|file| {
            let file = File::from(file?);
            Ok(std::io::read_to_string(file).unwrap_or_default())
        })
    }

    #[test]
    fn both_walks_agree() {
        let outer = TempDir::new().unwrap();
        let top = outer.path().join("top");
        fs::create_dir_all(top.join("a/b/c")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(top.join("file"), "top").unwrap();
        fs::write(top.join("a/b/c/file"), "deep").unwrap();
        let links = [
            ("link", "file"),
            ("a/up", "../file"),
            ("a/b/c/round", "../../../a/./b//c/../../up"),
            ("folder", "a/b"),
            ("a/inner", "b/c"),
            ("out", "../secret"),
            ("a/out", "../../top/file"),
            ("absolute", "/etc/hostname"),
            ("loop", "loop"),
            ("one", "two"),
            ("two", "one"),
            ("dangling", "no"),
            ("through a file", "file/x"),
            ("dot", "."),
        ];
        for (link, target) in links {
            symlink(target, top.join(link)).unwrap();
        }
        for n in 0..50 {
            let target = if n == 0 {
                "file".to_owned()
            } else {
                (n - 1).to_string()
            };
            symlink(target, top.join(n.to_string())).unwrap();
        }
        let top = opened(&top);
        let rows: [(&str, Result<&str, Errno>); 25] = [
            ("file", Ok("top")),
            ("./a/b//c/file", Ok("deep")),
            ("a/../file", Ok("top")),
            ("link", Ok("top")),
            ("a/up", Ok("top")),
            ("a/b/c/round", Ok("top")),
            ("folder/c/file", Ok("deep")),
            ("folder/../up", Ok("top")),
            ("a/inner/file", Ok("deep")),
            ("a/inner/../../up", Ok("top")),
            ("dot/dot/file", Ok("top")),
            ("39", Ok("top")),
            ("49", Err(Errno::LOOP)),
            ("../top/file", Err(Errno::XDEV)),
            ("a/../../top/file", Err(Errno::XDEV)),
            ("out", Err(Errno::XDEV)),
            ("a/out", Err(Errno::XDEV)),
            ("absolute", Err(Errno::XDEV)),
            ("loop", Err(Errno::LOOP)),
            ("one", Err(Errno::LOOP)),
            ("no", Err(Errno::NOENT)),
            ("dangling", Err(Errno::NOENT)),
            ("a/no/file", Err(Errno::NOENT)),
            ("file/x", Err(Errno::NOTDIR)),
            ("through a file", Err(Errno::NOTDIR)),
        ];
        for (name, expected) in rows {
            let expected = expected.map(str::to_owned);
            assert_eq!(both(&top, name), [expected.clone(), expected], "{name}");
        }
        // A folder is opened as one.
        for folder in both(&top, "a/b/..") {
            assert_eq!(folder.as_deref(), Ok(""));
        }
    }

    #[test]
    fn a_long_way_is_walked_and_an_endless_one_is_not() {
        let folder = TempDir::new().unwrap();
        let top = opened(folder.path());
        let mut at = opened(folder.path());
        const DEPTH: usize = 1900;
        for _ in 0..DEPTH {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", FOLDER, Mode::empty()).unwrap();
        }
        rustix::fs::symlinkat("file", &at, "link").unwrap();
        let flags = OFlags::CREATE | OFlags::WRONLY;
        drop(openat(&at, "file", flags, Mode::RUSR | Mode::WUSR).unwrap());
        let way = format!("{}link", "d/".repeat(DEPTH));
        assert!(Walk::new(&top).open(&way, READ).is_ok());
        // A path with very many `..` ends.
        let up = format!("{}{}", "d/".repeat(700), "../d/".repeat(400));
        let error = Walk::new(&top).open(&format!("{up}x"), READ).map(drop);
        assert_eq!(error, Err(Errno::LOOP));
        // The folders are too deep for a recursive removal by path.
        std::process::Command::new("rm")
            .arg("-rf")
            .arg(folder.path().join("d"))
            .status()
            .unwrap();
    }

    #[test]
    fn links_are_followed_anywhere_when_asked() {
        let outer = TempDir::new().unwrap();
        let top = outer.path().join("top");
        fs::create_dir(&top).unwrap();
        fs::write(outer.path().join("cached"), "content").unwrap();
        symlink("../cached", top.join("out")).unwrap();
        symlink(outer.path().join("cached"), top.join("absolute")).unwrap();
        symlink("..", top.join("folder")).unwrap();
        symlink("/dev/null", top.join("device")).unwrap();
        symlink("../no", top.join("dangling")).unwrap();
        symlink("loop", top.join("loop")).unwrap();
        use crate::error::Status::{Malformed, NotFound};
        let rows = [
            ("out", Ok(7)),
            ("absolute", Ok(7)),
            ("folder/cached", Ok(7)),
            // It must still be a regular file.
            ("device", Err(Malformed)),
            ("folder", Err(Malformed)),
            ("loop", Err(Malformed)),
            ("dangling", Err(NotFound)),
        ];
        for (name, expected) in rows {
            for follow_links in [true, false] {
                let folder = Folder::open(&top, follow_links).unwrap();
                let found = folder.find(name);
                let found = found.map(|file| file.size()).map_err(|e| e.status());
                let expected = match follow_links {
                    true => expected,
                    false => Err(Malformed),
                };
                assert_eq!(found, expected, "{name}, {follow_links}");
            }
        }
    }
}
