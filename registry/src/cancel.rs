//! Cancellation of a waiting call.

/// Asked at least ten times a second while a call waits.
pub trait Cancel {
    fn is_cancelled(&self) -> bool;
}

/// For calls that are never cancelled.
#[cfg(test)]
pub struct Never;

#[cfg(test)]
impl Cancel for Never {
    fn is_cancelled(&self) -> bool {
        false
    }
}
