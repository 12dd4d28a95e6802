//! Cancellation, and what a program wants its callbacks to find again.

use crate::error::{Error, Result};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a call and all that is opened in it run under. Any thread may cancel it; the
/// calls see that before they ask a loader for anything and before every chunk.
#[derive(Default)]
pub struct Context {
    cancelled: AtomicBool,
    user_data: Option<Box<dyn Any + Send + Sync>>,
}

impl Context {
    pub fn with_user_data(user_data: impl Any + Send + Sync) -> Self {
        Self {
            cancelled: AtomicBool::new(false),
            user_data: Some(Box::new(user_data)),
        }
    }

    /// For good: there is no way back. Only an atomic store, so a signal handler may do it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// The failure of a cancelled call.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::cancelled("cancelled through the context"));
        }
        Ok(())
    }

    pub fn user_data(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.user_data.as_deref()
    }
}
