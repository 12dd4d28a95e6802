//! What failed, and how it is told.

use crate::text::{Text, visible};
use std::fmt;

/// How a call ended; the numbers are those of the C surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Status {
    InvalidArgument = 1,
    NotFound = 2,
    Unsupported = 3,
    Malformed = 4,
    DigestMismatch = 5,
    SizeMismatch = 6,
    LimitExceeded = 7,
    Cancelled = 8,
    Callback = 9,
    CallbackContract = 10,
    Io = 11,
    NotAnImage = 12,
    Busy = 13,
    Internal = 14,
}

impl Status {
    /// Whether it concerns the content rather than the way to it: below the root such a
    /// failure breaks one entry of an index, any other fails the whole call.
    pub fn is_of_content(self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Unsupported
                | Self::Malformed
                | Self::DigestMismatch
                | Self::SizeMismatch
                | Self::LimitExceeded
        )
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure: its status, one line that says what was found and what was expected, and
/// the digest of the content concerned where there is one.
#[derive(Clone, Debug)]
pub struct Error(Box<Failure>);

#[derive(Clone, Debug)]
struct Failure {
    status: Status,
    message: Text,
    digest: Option<Text>,
    callback_code: i64,
}

impl Error {
    /// Whoever writes the message cuts what is foreign in it with
    /// [`Escaped`](crate::text::Escaped); what callbacks say is escaped here, and stays
    /// whole.
    pub fn new(status: Status, message: impl fmt::Display) -> Self {
        Self(Box::new(Failure {
            status,
            message: one_line(&message.to_string()),
            digest: None,
            callback_code: 0,
        }))
    }

    /// The same failure, told with what it happened in before it.
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.message = one_line(&format!("{place}: {}", self.0.message));
        self
    }

    /// The same failure, concerning the content with this digest. The innermost digest
    /// stays: it is the one that was being looked at.
    pub fn concerning(mut self, digest: &Text) -> Self {
        self.0.digest.get_or_insert_with(|| digest.clone());
        self
    }

    pub fn with_callback_code(mut self, code: i64) -> Self {
        self.0.callback_code = code;
        self
    }

    pub fn status(&self) -> Status {
        self.0.status
    }

    pub fn message(&self) -> &Text {
        &self.0.message
    }

    pub fn digest(&self) -> Option<&Text> {
        self.0.digest.as_ref()
    }

    pub fn callback_code(&self) -> i64 {
        self.0.callback_code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

fn one_line(message: &str) -> Text {
    Text::new(&visible(message)).expect("U+0000 is escaped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_says() {
        let error = Error::new(Status::Callback, "a\r\nb\0c\u{1b}[0m\u{202e}").within("at\n1");
        assert_eq!(
            &**error.message(),
            "at\\n1: a\\r\\nb\\0c\\u{1b}[0m\\u{202e}"
        );
        let error = Error::new(Status::Callback, r#""C:\x" isn't there"#);
        assert_eq!(&**error.message(), r#""C:\x" isn't there"#);
    }

    #[test]
    fn the_innermost_digest_stays() {
        let [inner, outer] = ["a:1", "b:2"].map(|text| Text::new(text).unwrap());
        let error = Error::new(Status::NotFound, "x").concerning(&inner);
        assert_eq!(error.concerning(&outer).digest(), Some(&inner));
    }
}
