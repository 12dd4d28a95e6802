//! Retries: their number and delays.

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The longest delay of a server that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The longest wait before the context is checked.
const TICK: Duration = Duration::from_millis(50);

/// Why there is no result.
#[derive(Debug)]
pub enum Trouble {
    Fatal(Error),
    /// Another try may succeed, after the time that the server named.
    Retry {
        error: Error,
        after: Option<Duration>,
    },
}

impl Trouble {
    pub fn retry(error: Error) -> Self {
        Self::Retry { error, after: None }
    }

    pub fn into_error(self) -> Error {
        match self {
            Self::Fatal(error) | Self::Retry { error, .. } => error,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// Counts the tries without progress.
pub struct Retries {
    max: u32,
    failed: u32,
}

impl Retries {
    pub fn new(max: u32) -> Self {
        Self { max, failed: 0 }
    }

    /// Records progress: earlier failures no longer count.
    pub fn progress(&mut self) {
        self.failed = 0;
    }

    /// Waits for the time of the next try; an error where there is none.
    pub fn wait(&mut self, trouble: Trouble, ctx: &dyn Cancel) -> Result<()> {
        let (error, after) = match trouble {
            Trouble::Fatal(error) => return Err(error),
            Trouble::Retry { error, after } => (error, after),
        };
        if self.failed >= self.max {
            return Err(error);
        }
        if let Some(after) = after.filter(|after| *after > MAX_RETRY_AFTER) {
            let seconds = after.as_secs();
            let message = format!("{error}; Retry-After of {seconds} seconds is too long to wait");
            return Err(Error::unavailable(message).with_code(error.code()));
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failed.min(10))
            .min(MAX_PAUSE);
        self.failed += 1;
        sleep(after.unwrap_or_default().max(pause), ctx)
    }
}

pub fn sleep(time: Duration, ctx: &dyn Cancel) -> Result<()> {
    let until = Instant::now() + time;
    loop {
        if ctx.is_cancelled() {
            return Err(Error::cancelled());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(TICK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Never;
    use crate::error::Status;

    fn trouble(after: Option<u64>) -> Trouble {
        Trouble::Retry {
            error: Error::unavailable("busy").with_code(429),
            after: after.map(Duration::from_secs),
        }
    }

    #[test]
    fn tries_are_counted_without_progress_between_them() {
        let mut retries = Retries::new(2);
        let start = Instant::now();
        assert!(retries.wait(trouble(None), &Never).is_ok());
        assert!(retries.wait(trouble(None), &Never).is_ok());
        assert!(start.elapsed() >= Duration::from_millis(300));
        assert!(retries.wait(trouble(None), &Never).is_err());
        retries.progress();
        assert!(retries.wait(trouble(None), &Never).is_ok());
    }

    #[test]
    fn a_server_that_wants_too_much_time_is_not_waited_for() {
        let mut retries = Retries::new(5);
        let error = retries.wait(trouble(Some(61)), &Never).unwrap_err();
        assert_eq!((error.status(), error.code()), (Status::Unavailable, 429));
        let start = Instant::now();
        assert!(retries.wait(trouble(Some(1)), &Never).is_ok());
        assert!(start.elapsed() >= Duration::from_secs(1));
    }
}
