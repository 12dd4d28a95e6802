//! Cancellation of a waiting call.

use std::time::{Duration, Instant};

/// Asked at least ten times a second while a call waits.
pub trait Cancel {
    fn is_cancelled(&self) -> bool;
}

/// For calls that are never cancelled.
pub struct Never;

impl Cancel for Never {
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A call with a time limit: cancelled when the time is over or the call is.
pub struct Within<'a> {
    until: Instant,
    call: &'a dyn Cancel,
}

impl<'a> Within<'a> {
    pub fn new(time: Duration, call: &'a dyn Cancel) -> Self {
        Self {
            until: Instant::now() + time,
            call,
        }
    }
}

impl Cancel for Within<'_> {
    fn is_cancelled(&self) -> bool {
        self.call.is_cancelled() || Instant::now() >= self.until
    }
}
