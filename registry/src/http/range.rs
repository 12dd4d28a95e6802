//! Content-Range of downloads, and Range of uploads.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    pub start: u64,
    /// The last byte, included.
    pub end: u64,
    pub total: Option<u64>,
}

/// `bytes 0-9/100` or `bytes 0-9/*`.
pub fn content_range(field: &str) -> Option<ContentRange> {
    let (unit, range) = field.trim().split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, total) = range.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (digits(start)?, digits(end)?);
    let total = match total.trim() {
        "*" => None,
        total => Some(digits(total)?),
    };
    let fits = start <= end && total.is_none_or(|total| end < total);
    fits.then_some(ContentRange { start, end, total })
}

/// How many bytes of an upload are there: `0-9` or `bytes=0-9` is 10.
///
/// Registries say `0-0` for none as well as for one, which counts as none.
pub fn uploaded(field: &str) -> Option<u64> {
    let range = field.trim();
    let range = range
        .strip_prefix("bytes=")
        .or_else(|| range.strip_prefix("bytes "))
        .unwrap_or(range);
    let (start, end) = range.split_once('-')?;
    match (digits(start)?, digits(end)?) {
        (0, 0) => Some(0),
        (0, end) => end.checked_add(1),
        _ => None,
    }
}

fn digits(text: &str) -> Option<u64> {
    let text = text.trim();
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let range = |start, end, total| Some(ContentRange { start, end, total });
        assert_eq!(content_range("bytes 5-9/10"), range(5, 9, Some(10)));
        assert_eq!(content_range("Bytes 5-9/*"), range(5, 9, None));
        for field in [
            "",
            "bytes */10",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "items 0-1/2",
            "bytes +5-9/10",
            "bytes 5-9",
        ] {
            assert_eq!(content_range(field), None, "{field}");
        }
    }

    #[test]
    fn ranges_of_uploads() {
        for (field, count) in [
            ("0-9", Some(10)),
            ("bytes=0-9", Some(10)),
            ("0-0", Some(0)),
            ("1-9", None),
            ("0-18446744073709551615", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(uploaded(field), count, "{field}");
        }
    }
}
