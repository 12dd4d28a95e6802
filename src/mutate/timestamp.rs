//! Times as RFC 3339 writes them.

use crate::error::{Error, Result};
use crate::text::Escaped;

/// INVALID_ARGUMENT unless this is a time of RFC 3339 that Go's `time.Time` can read: `T`
/// and `Z` are capitals, and no minute has 61 seconds.
pub fn check(name: &str, text: &str) -> Result<()> {
    if is_time(text.as_bytes()) {
        return Ok(());
    }
    Err(Error::invalid_argument(format_args!(
        "{name}: found \"{}\", expected a time of RFC 3339, as 2006-01-02T15:04:05Z",
        Escaped(text)
    )))
}

fn is_time(text: &[u8]) -> bool {
    let Some((date_and_time, rest)) = text.split_at_checked("2006-01-02T15:04:05".len()) else {
        return false;
    };
    let shape = b"0000-00-00T00:00:00";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    if !date_and_time.iter().zip(shape).all(fits) {
        return false;
    }
    let [year, month, day] = [0..4, 5..7, 8..10].map(|span| number(&date_and_time[span]));
    let [hour, minute, second] = [11..13, 14..16, 17..19].map(|span| number(&date_and_time[span]));
    (1..=days_in(year, month)).contains(&day)
        && is_time_of_day(hour, minute)
        && second < 60
        && is_offset(behind_fraction(rest))
}

/// The text after the fraction of a second; `None` if the fraction has no digits.
fn behind_fraction(rest: &[u8]) -> &[u8] {
    let Some(digits) = rest.strip_prefix(b".") else {
        return rest;
    };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 { &[] } else { &digits[count..] }
}

fn is_offset(text: &[u8]) -> bool {
    match text {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit())
                && is_time_of_day(number(&[*h1, *h2]), number(&[*m1, *m2]))
        }
        _ => false,
    }
}

fn is_time_of_day(hour: u32, minute: u32) -> bool {
    hour < 24 && minute < 60
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_go_reads_are_taken() {
        for time in [
            "2006-01-02T15:04:05Z",
            "0000-01-01T00:00:00Z",
            "2024-02-29T23:59:59.123456789012+23:59",
            "2000-02-29T00:00:00-00:00",
        ] {
            assert!(is_time(time.as_bytes()), "{time}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for time in [
            "",
            "2006-01-02",
            "2006-01-02T15:04:05",
            "2006-01-02t15:04:05Z",
            "2006-01-02 15:04:05Z",
            "2006-01-02T15:04:05z",
            "2006-01-02T15:04:05.Z",
            "2006-01-02T15:04:05,5Z",
            "2006-01-02T15:04:60Z",
            "2006-01-02T15:60:05Z",
            "2006-01-02T24:04:05Z",
            "2006-1-02T15:04:05Z",
            "2006-13-02T15:04:05Z",
            "2006-00-02T15:04:05Z",
            "2006-04-31T15:04:05Z",
            "2006-01-00T15:04:05Z",
            "2023-02-29T15:04:05Z",
            "1900-02-29T15:04:05Z",
            "2006-01-02T15:04:05+24:00",
            "2006-01-02T15:04:05+0100",
            "2006-01-02T15:04:05+01",
            "2006-01-02T15:04:05ZZ",
            "2006-01-02T15:04:05Z\n",
            "٢٠٠٦-01-02T15:04:05Z",
        ] {
            assert!(!is_time(time.as_bytes()), "{time}");
        }
    }
}
