//! The error of a failed call.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    InvalidArgument,
    NotFound,
    Unsupported,
    Malformed,
    LimitExceeded,
    Cancelled,
    Callback,
    Internal,
    Restart,
    Denied,
    Unavailable,
}

#[derive(Clone, Debug)]
pub struct Error {
    status: Status,
    code: i64,
    message: String,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! constructors {
    ($($name:ident => $status:ident),* $(,)?) => {
        impl Error {
            $(pub fn $name(message: impl Into<String>) -> Self {
                Self { status: Status::$status, code: 0, message: message.into() }
            })*
        }
    };
}

constructors! {
    invalid => InvalidArgument,
    unsupported => Unsupported,
    malformed => Malformed,
    limit_exceeded => LimitExceeded,
    callback => Callback,
    internal => Internal,
    denied => Denied,
    unavailable => Unavailable,
}

impl Error {
    pub fn cancelled() -> Self {
        Self {
            status: Status::Cancelled,
            code: 0,
            message: "cancelled".into(),
        }
    }

    /// The same failure with another status.
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// What a callback of the program returned, or the HTTP status of a refusal.
    pub fn with_code(mut self, code: i64) -> Self {
        self.code = code;
        self
    }

    pub fn status(&self) -> Status {
        self.status
    }

    pub fn code(&self) -> i64 {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
