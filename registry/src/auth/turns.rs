//! Turns to log in: one thread at a time for each login.

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest wait before the context is checked.
const TICK: Duration = Duration::from_millis(50);

type Key = (String, String);

#[derive(Default)]
pub struct Turns {
    taken: Mutex<HashSet<Key>>,
    changed: Condvar,
}

pub struct Turn<'a> {
    of: &'a Turns,
    key: Key,
}

impl Turns {
    /// Waits until no other thread has this turn. No lock is held during it.
    pub fn take(&self, key: &Key, ctx: &dyn Cancel) -> Result<Turn<'_>> {
        let mut taken = self.taken();
        while !taken.insert(key.clone()) {
            if ctx.is_cancelled() {
                return Err(Error::cancelled());
            }
            let waited = self.changed.wait_timeout(taken, TICK);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(Turn {
            of: self,
            key: key.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.of.taken().remove(&self.key);
        self.of.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Never;
    use std::thread;

    #[test]
    fn a_turn_is_one_thread_s() {
        let turns = Turns::default();
        let key = ("host".to_owned(), "scope".to_owned());
        let count = Mutex::new((0, 0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = turns.take(&key, &Never).unwrap();
                    count.lock().unwrap().0 += 1;
                    thread::sleep(Duration::from_millis(2));
                    let mut count = count.lock().unwrap();
                    assert_eq!(count.0, 1);
                    *count = (0, count.1 + 1);
                });
            }
        });
        assert_eq!(count.into_inner().unwrap().1, 8);
    }
}
