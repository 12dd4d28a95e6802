//! Atomic changes of index.json that lose no entry of a concurrent writer.

use super::folder::Folder;
use crate::context::Context;
use crate::document::layout::INDEX;
use crate::error::{Error, Result, Status};
use crate::sink::system_error::name_error;
use crate::sink::temporary::TempFile;
use rustix::io::Errno;
use std::thread;
use std::time::Duration;

/// The most attempts against a writer that ignores the lock.
const MAX_ATTEMPTS: u32 = 10;

/// Replaces index.json with the result of `change`, unless that is `None`. The lock
/// excludes other sinks; a change by a writer that ignores it is detected and kept.
///
/// Without index.json `change` gets `None`.
pub fn update(
    folder: &Folder,
    ctx: &Context,
    mut change: impl FnMut(Option<&[u8]>) -> Result<Option<String>>,
) -> Result<()> {
    let _lock = folder.lock(ctx)?;
    folder.remove_abandoned()?;
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            ctx.check()?;
            pause(attempt);
        }
        let before = folder.read_document(INDEX)?;
        let after = match change(before.as_deref()) {
            Ok(Some(after)) => after,
            Ok(None) => return Ok(()),
            // Another program may be writing it in place, without the lock.
            Err(e) if e.status() == Status::Malformed => {
                if attempt + 1 == MAX_ATTEMPTS {
                    return Err(e.context(INDEX));
                }
                continue;
            }
            Err(e) => return Err(e),
        };
        if swap(folder, before.as_deref(), after.as_bytes())? {
            return folder.sync_folder();
        }
    }
    Err(conflict())
}

fn pause(attempt: u32) {
    thread::sleep(Duration::from_millis(2 * u64::from(attempt)));
}

fn conflict() -> Error {
    Error::conflict(format_args!(
        "{INDEX}: another program changed it {MAX_ATTEMPTS} times without taking the lock"
    ))
}

/// Replaces index.json if it is unchanged. Returns whether it was.
fn swap(folder: &Folder, before: Option<&[u8]>, after: &[u8]) -> Result<bool> {
    let Some(before) = before else {
        return folder.create_document(INDEX, after);
    };
    let mut temp = folder.create_temporary()?;
    folder.write_document(&mut temp, INDEX, after)?;
    if folder.read_document(INDEX)?.as_deref() != Some(before) {
        return Ok(false);
    }
    match temp.exchange(INDEX) {
        Ok(()) => {}
        Err(e) => {
            return match Errno::from_io_error(&e) {
                // Removed at this moment.
                Some(Errno::NOENT) => Ok(false),
                // The file system cannot exchange names; a change in between is not
                // detected.
                Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    folder.rename(temp, INDEX)?;
                    Ok(true)
                }
                _ => Err(name_error(INDEX, e)),
            };
        }
    }
    // The temporary name now leads to the index.json that was replaced.
    let mut displaced = read(folder, &mut temp);
    if displaced.as_deref() == Some(before) {
        return Ok(true);
    }
    // Another writer's new index.json: exchange it back, and after it every newer one.
    let mut placed = Some(after.to_vec());
    for _ in 0..MAX_ATTEMPTS {
        temp.exchange(INDEX).map_err(|e| name_error(INDEX, e))?;
        let found = read(folder, &mut temp);
        if found == placed {
            return Ok(false);
        }
        placed = std::mem::replace(&mut displaced, found);
    }
    Err(conflict())
}

/// Returns the content of the file under the temporary name; `None` where it cannot be read.
fn read(folder: &Folder, temp: &mut TempFile) -> Option<Vec<u8>> {
    let name = temp.temporary_name().ok()?.to_owned();
    folder.read_document(&name).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::Arc;
    use tempfile::TempDir;

    fn open(path: &TempDir) -> Folder {
        Folder::open(path.path(), true).unwrap()
    }

    fn text(before: Option<&[u8]>) -> String {
        String::from_utf8(before.unwrap_or_default().to_vec()).unwrap()
    }

    fn names(path: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_writer_that_ignores_the_lock_once_is_kept() {
        // In place, by a rename, and by making the file where there was none.
        for start in [Some("a"), None] {
            let path = TempDir::new().unwrap();
            let index = path.path().join(INDEX);
            if let Some(start) = start {
                fs::write(&index, start).unwrap();
            }
            let mut foreign = Some("foreign");
            update(&open(&path), &Context::default(), |before| {
                if let Some(foreign) = foreign.take() {
                    fs::write(path.path().join("f"), foreign).unwrap();
                    fs::rename(path.path().join("f"), &index).unwrap();
                }
                Ok(Some(text(before) + "+ours"))
            })
            .unwrap();
            assert_eq!(fs::read_to_string(&index).unwrap(), "foreign+ours");
            assert_eq!(names(&path), [INDEX]);
        }
    }

    #[test]
    fn a_writer_that_never_takes_the_lock_is_a_conflict_and_stays() {
        let path = TempDir::new().unwrap();
        let index = path.path().join(INDEX);
        fs::write(&index, "0").unwrap();
        let mut count = 0;
        let e = update(&open(&path), &Context::default(), |before| {
            count += 1;
            fs::write(&index, count.to_string()).unwrap();
            Ok(Some(text(before) + "+ours"))
        })
        .unwrap_err();
        assert_eq!(e.status(), Status::Conflict);
        assert_eq!(count, MAX_ATTEMPTS);
        assert_eq!(fs::read_to_string(&index).unwrap(), count.to_string());
        assert_eq!(names(&path), [INDEX]);
    }

    #[test]
    fn a_document_that_is_being_written_is_waited_for() {
        let path = TempDir::new().unwrap();
        let index = path.path().join(INDEX);
        fs::write(&index, "").unwrap();
        let mut first = true;
        update(&open(&path), &Context::default(), |before| {
            if std::mem::take(&mut first) {
                fs::write(&index, "whole").unwrap();
                return Err(Error::malformed("half"));
            }
            Ok(Some(text(before) + "+ours"))
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&index).unwrap(), "whole+ours");
        let e = update(&open(&path), &Context::default(), |_| {
            Err(Error::malformed("never right"))
        });
        assert_eq!(e.unwrap_err().status(), Status::Malformed);
    }

    #[test]
    fn threads_keep_each_others_changes() {
        let path = TempDir::new().unwrap();
        fs::write(path.path().join(INDEX), "").unwrap();
        let folder = Arc::new(open(&path));
        thread::scope(|scope| {
            for i in 0..8 {
                let folder = folder.clone();
                scope.spawn(move || {
                    for _ in 0..10 {
                        update(&folder, &Context::default(), |before| {
                            Ok(Some(text(before) + &i.to_string()))
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read(path.path().join(INDEX)).unwrap().len(), 80);
    }

    #[test]
    fn a_context_ends_the_waiting_for_the_lock() {
        let path = TempDir::new().unwrap();
        let folder = open(&path);
        let _held = open(&path).lock(&Context::default()).unwrap();
        let ctx = Context::default();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| update(&folder, &ctx, |_| Ok(None)));
            thread::sleep(Duration::from_millis(30));
            assert!(!waiting.is_finished());
            ctx.cancel();
            assert_eq!(
                waiting.join().unwrap().unwrap_err().status(),
                Status::Cancelled
            );
        });
    }

    #[test]
    fn what_killed_writers_left_goes_after_a_day() {
        let path = TempDir::new().unwrap();
        let folder = open(&path);
        for (name, hours) in [(".ociimg-1-0", 25), (".ociimg-1-1", 23), ("other", 25)] {
            let file = fs::File::create(path.path().join(name)).unwrap();
            let time = std::time::SystemTime::now() - Duration::from_secs(hours * 3600);
            file.set_modified(time).unwrap();
        }
        update(&folder, &Context::default(), |_| Ok(None)).unwrap();
        let mut left = names(&path);
        left.sort();
        assert_eq!(left, [".ociimg-1-1", "other"]);
    }
}
