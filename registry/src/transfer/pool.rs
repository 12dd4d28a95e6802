//! Multi handles with their open connections, kept for the next transfer.

use super::sys::{Line, new_line};
use std::sync::{Mutex, PoisonError};

/// The most idle handles; others are closed.
const MAX_IDLE: usize = 32;

/// Connections that each keeps open: to the registry, its token server, its storage.
const MAX_CONNECTIONS: usize = 4;

#[derive(Default)]
pub struct Pool(Mutex<Vec<Line>>);

impl Pool {
    /// The one that was used last, which has the newest connections; else a new one.
    pub fn take(&self) -> Line {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| {
            let mut line = new_line();
            let _ = line.0.set_max_connects(MAX_CONNECTIONS);
            line
        })
    }

    pub fn give_back(&self, line: Line) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(line);
        } else {
            drop(idle);
            drop(line);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
