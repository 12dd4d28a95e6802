//! The Retry-After field.

use std::time::{Duration, SystemTime};

/// How long to wait; `None` where the field is neither a number of seconds nor a date.
pub fn delay(field: &str, now: SystemTime) -> Option<Duration> {
    let field = field.trim();
    if !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()) {
        // A value that does not fit is longer than any wait.
        return Some(Duration::from_secs(field.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(field).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (field, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                delay(field, now),
                seconds.map(Duration::from_secs),
                "{field}"
            );
        }
    }
}
