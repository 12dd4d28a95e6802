//! Error responses of a server.

use crate::cancel::{Cancel, Within};
use crate::error::{Error, Status};
use crate::http::retry_after;
use crate::retry::Trouble;
use crate::transfer::Failure;
use crate::web::{Answer, Web};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, SystemTime};

const MAX_BODY: u64 = 1024 * 1024;

/// How long a body is waited for: the status says enough.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The most errors quoted from a response.
const MAX_ERRORS: usize = 3;

#[derive(Deserialize)]
struct Body {
    /// Of any form: an odd entry must not hide the others.
    errors: Vec<Value>,
}

pub fn of(web: &Web, mut answer: Answer, ctx: &dyn Cancel) -> Trouble {
    let code = answer.head.status;
    let body = match answer.read_to_end(MAX_BODY, &Within::new(MAX_WAIT, ctx)) {
        Ok(body) => body,
        Err(Failure::Cancelled) if ctx.is_cancelled() => return Error::cancelled().into(),
        Err(_) => Vec::new(),
    };
    let mut message = format!(
        "{} {}: HTTP {code}",
        answer.method.name(),
        web.shown(&answer.url)
    );
    for text in texts(&body) {
        message.push_str(": ");
        message.push_str(&web.quoted(&text));
    }
    let error = Error::callback(message)
        .with_status(status(code))
        .with_code(i64::from(code));
    match is_temporary(code) {
        true => {
            let field = answer.head.get("retry-after");
            let after = field.and_then(|field| retry_after::delay(field, SystemTime::now()));
            Trouble::Retry { error, after }
        }
        false => Trouble::Fatal(error),
    }
}

/// Whether another try may succeed.
pub fn is_temporary(code: u16) -> bool {
    matches!(code, 408 | 429 | 500..)
}

fn status(code: u16) -> Status {
    match code {
        401 | 403 => Status::Denied,
        404 => Status::NotFound,
        413 => Status::LimitExceeded,
        400..=499 if !is_temporary(code) => Status::Callback,
        _ => Status::Unavailable,
    }
}

fn texts(body: &[u8]) -> Vec<String> {
    let Ok(body) = serde_json::from_str::<Body>(&String::from_utf8_lossy(body)) else {
        return Vec::new();
    };
    let text = |entry: &Value, key: &str| {
        let text = entry.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let entries = body.errors.iter().take(MAX_ERRORS);
    entries
        .filter_map(
            |entry| match (text(entry, "code"), text(entry, "message")) {
                (Some(code), Some(message)) => Some(format!("{code}: {message}")),
                (code, message) => code.or(message),
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_errors() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X"},{"detail":1}]}"#;
        assert_eq!(texts(body), ["DENIED: no", "X"]);
        let body = br#"{"errors":["odd",null,{"code":"","message":"no"}]}"#;
        assert_eq!(texts(body), ["no"]);
        let body = b"{\"errors\":[{\"code\":\"X\",\"message\":\"a\xff\"}]}";
        assert_eq!(texts(body), ["X: a\u{fffd}"]);
        for body in [&b""[..], b"<html>", b"{}", b"{\"errors\":null}", b"[]"] {
            assert!(texts(body).is_empty());
        }
    }

    #[test]
    fn statuses() {
        for (code, expected) in [
            (400, Status::Callback),
            (401, Status::Denied),
            (403, Status::Denied),
            (404, Status::NotFound),
            (405, Status::Callback),
            (408, Status::Unavailable),
            (413, Status::LimitExceeded),
            (429, Status::Unavailable),
            (500, Status::Unavailable),
            (503, Status::Unavailable),
            (302, Status::Unavailable),
        ] {
            assert_eq!(status(code), expected, "{code}");
        }
    }
}
