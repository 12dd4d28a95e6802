//! Cancellation and the caller's user data.

use crate::error::{Error, Result};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};

/// The context of a call and of all that it opens. Any thread may cancel it; calls check
/// for that before they ask a loader for anything and before every chunk.
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

    /// Cancels permanently. It is only an atomic store, so a signal handler may call it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// CANCELLED once the context was cancelled.
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
