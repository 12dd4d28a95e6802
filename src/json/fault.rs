//! Faults of a document: what is wrong, and where.

use crate::error::Error;
use crate::text::Escaped;
use std::fmt;

pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// A failure with the JSON path of the place where it was found.
#[derive(Debug)]
pub struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    error: Error,
    path: String,
    breaks_document: bool,
}

impl Fault {
    pub fn malformed(message: impl fmt::Display) -> Self {
        Error::malformed(message).into()
    }

    /// A fault of the JSON text itself: the rest cannot be read.
    pub(super) fn of_grammar(message: impl fmt::Display) -> Self {
        let mut fault = Self::malformed(message);
        fault.0.breaks_document = true;
        fault
    }

    #[cold]
    pub(super) fn named_twice(key: &str) -> Self {
        Self::malformed("found the key twice in one object, expected it once").under(key)
    }

    #[cold]
    pub(super) fn named_twice_by_case(key: &str) -> Self {
        Self::malformed(
            "found the key twice in one object, where case does not count, expected it once",
        )
        .under(key)
    }

    #[cold]
    pub(super) fn by_case(key: &str, name: &str) -> Self {
        Self::malformed(format_args!(
            "found a key that differs from \"{name}\" only by case, expected this one"
        ))
        .under(key)
    }

    /// Whether the text is no JSON, so that no part of the document can be used.
    pub fn breaks_document(&self) -> bool {
        self.0.breaks_document
    }

    /// The fault as seen from the object that has it under `key`.
    #[cold]
    pub fn under(mut self, key: &str) -> Self {
        self.0.path = format!(".{}{}", Escaped(key), self.0.path);
        self
    }

    /// The fault as seen from the array that has it at `index`.
    #[cold]
    pub fn at(mut self, index: usize) -> Self {
        self.0.path = format!("[{index}]{}", self.0.path);
        self
    }
}

impl From<Error> for Fault {
    #[cold]
    fn from(error: Error) -> Self {
        Self(Box::new(Inner {
            error,
            path: String::new(),
            breaks_document: false,
        }))
    }
}

impl From<Fault> for Error {
    #[cold]
    fn from(fault: Fault) -> Self {
        let Inner { error, path, .. } = *fault.0;
        match &*path {
            "" => error,
            path => error.context(path.strip_prefix('.').unwrap_or(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_it_was_found() {
        let fault = Fault::malformed("x").under("size").at(3).under("manifests");
        let error = Error::from(fault);
        assert_eq!(&**error.message(), "manifests[3].size: x");
        let error = Error::from(Fault::malformed("x").under("a\n"));
        assert_eq!(&**error.message(), "a\\n: x");
    }
}
