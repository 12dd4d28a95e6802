//! How a call learns that it is to end.

/// Asked at least ten times a second while a call waits.
pub trait Cancel {
    fn is_cancelled(&self) -> bool;
}

/// For what nobody cancels.
#[cfg(test)]
pub struct Never;

#[cfg(test)]
impl Cancel for Never {
    fn is_cancelled(&self) -> bool {
        false
    }
}
