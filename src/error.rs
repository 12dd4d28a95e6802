//! The error type: a status, a one-line message and, where known, the digest concerned.

use crate::text::{Text, visible};
use std::fmt;

/// Lists the statuses once, each with its name on the C surface and its message.
macro_rules! statuses {
    ($($status:ident $name:literal $words:literal,)*) => {
        /// How a call failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Status {
            $($status,)*
        }

        impl Status {
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$status),*];

            /// The name as programs know it: `DIGEST_MISMATCH`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$status => $name,)*
                }
            }
        }

        /// The message of a failure without one of its own.
        impl fmt::Display for Status {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$status => $words,)*
                })
            }
        }
    };
}

statuses! {
    InvalidArgument "INVALID_ARGUMENT" "invalid argument",
    NotFound "NOT_FOUND" "not found",
    Unsupported "UNSUPPORTED" "unsupported",
    Malformed "MALFORMED" "malformed",
    DigestMismatch "DIGEST_MISMATCH" "digest mismatch",
    SizeMismatch "SIZE_MISMATCH" "size mismatch",
    LimitExceeded "LIMIT_EXCEEDED" "limit exceeded",
    Cancelled "CANCELLED" "cancelled",
    Callback "CALLBACK" "a callback failed",
    CallbackContract "CALLBACK_CONTRACT" "a callback broke its contract",
    Io "IO" "input or output failed",
    NotAnImage "NOT_AN_IMAGE" "not an image",
    Busy "BUSY" "busy",
    Internal "INTERNAL" "internal error",
    Exists "EXISTS" "exists already",
    Restart "RESTART" "restart",
    Conflict "CONFLICT" "conflict",
    Denied "DENIED" "denied",
    Unavailable "UNAVAILABLE" "unavailable",
}

impl Status {
    /// Whether it concerns the content rather than the access to it. Below the root of an
    /// index such a failure breaks one entry; any other fails the whole call.
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
    errno: i32,
}

/// One constructor for each status.
macro_rules! constructors {
    ($($name:ident $status:ident,)*) => {$(
        pub fn $name(message: impl fmt::Display) -> Self {
            Self::new(Status::$status, message)
        }
    )*};
}

impl Error {
    constructors! {
        invalid_argument InvalidArgument,
        not_found NotFound,
        unsupported Unsupported,
        malformed Malformed,
        digest_mismatch DigestMismatch,
        size_mismatch SizeMismatch,
        limit_exceeded LimitExceeded,
        cancelled Cancelled,
        callback Callback,
        callback_contract CallbackContract,
        io Io,
        not_an_image NotAnImage,
        busy Busy,
        internal Internal,
        exists Exists,
        restart Restart,
        conflict Conflict,
        denied Denied,
        unavailable Unavailable,
    }

    /// Quote untrusted text with [`Escaped`](crate::text::Escaped), which also truncates
    /// it. Callback messages are escaped here and never truncated.
    pub fn new(status: Status, message: impl fmt::Display) -> Self {
        Self::of(status, &message)
    }

    // One function for every type of message.
    #[cold]
    #[inline(never)]
    fn of(status: Status, message: &dyn fmt::Display) -> Self {
        Self(Box::new(Failure {
            status,
            message: one_line(&message.to_string()),
            digest: None,
            callback_code: 0,
            errno: 0,
        }))
    }

    /// Prefixes the message with where the failure happened.
    pub fn context(self, place: impl fmt::Display) -> Self {
        self.in_place(&place)
    }

    #[cold]
    #[inline(never)]
    fn in_place(mut self, place: &dyn fmt::Display) -> Self {
        self.0.message = one_line(&format!("{place}: {}", self.0.message));
        self
    }

    /// As [`context`](Self::context), but adds nothing where the message begins with this
    /// place already.
    pub fn at(self, place: &str) -> Self {
        let rest = self.0.message.strip_prefix(place);
        match rest.is_some_and(|rest| rest.starts_with(": ")) {
            true => self,
            false => self.context(place),
        }
    }

    /// Records the digest of the content concerned. The innermost digest stays: it names
    /// the content that was being read.
    #[cold]
    pub fn with_digest(mut self, digest: &Text) -> Self {
        self.0.digest.get_or_insert_with(|| digest.clone());
        self
    }

    pub fn with_callback_code(mut self, code: i64) -> Self {
        self.0.callback_code = code;
        self
    }

    /// Records the error number of the operating system.
    pub fn with_errno(mut self, errno: i32) -> Self {
        self.0.errno = errno;
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

    /// The error number of the operating system, or 0.
    pub fn errno(&self) -> i32 {
        self.0.errno
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
        let error = Error::callback("a\r\nb\0c\u{1b}[0m\u{202e}").context("at\n1");
        assert_eq!(
            &**error.message(),
            "at\\n1: a\\r\\nb\\0c\\u{1b}[0m\\u{202e}"
        );
        let error = Error::callback(r#""C:\x" isn't there"#);
        assert_eq!(&**error.message(), r#""C:\x" isn't there"#);
    }

    #[test]
    fn the_innermost_digest_stays() {
        let [inner, outer] = ["a:1", "b:2"].map(|text| Text::new(text).unwrap());
        let error = Error::not_found("x").with_digest(&inner);
        assert_eq!(error.with_digest(&outer).digest(), Some(&inner));
    }
}
