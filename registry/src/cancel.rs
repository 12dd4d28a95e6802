//! How a call learns that it is to end.

/// Asked at least ten times a second while a call waits.
pub trait Cancel {
    fn is_cancelled(&self) -> bool;
}

/// For what nobody cancels.
pub struct Never;

impl Cancel for Never {
    fn is_cancelled(&self) -> bool {
        false
    }
}
