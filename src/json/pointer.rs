//! JSON pointers (RFC 6901).

use super::document::document;
use super::parse::Parser;
use super::schema::Checks;

/// The value at `pointer` in a document that was read strictly before, as written.
pub fn at<'a>(json: &'a [u8], pointer: &str) -> Option<&'a str> {
    let mut value = document(json, |p| p.raw(Checks::default())).ok()?;
    if pointer.is_empty() {
        return Some(value);
    }
    for token in pointer.strip_prefix('/')?.split('/') {
        value = child(value, &unescaped(token)?)?;
    }
    Some(value)
}

/// The token with its escapes resolved; `None` for an invalid escape.
fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        text.push(match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        text.push_str(&part[1..]);
    }
    Some(text)
}

fn child<'a>(value: &'a str, token: &str) -> Option<&'a str> {
    let mut p = Parser::new(value);
    let mut found = None;
    match p.peek()? {
        b'{' => p.map(|p, key| {
            let value = p.raw(Checks::default())?;
            if key == token {
                found = Some(value);
            }
            Ok(())
        }),
        b'[' => {
            let is_number = token.bytes().all(|b| b.is_ascii_digit());
            if !is_number || token.len() > 1 && token.starts_with('0') {
                return None;
            }
            let mut left: usize = token.parse().ok()?;
            p.list(|p| {
                let value = p.raw(Checks::default())?;
                if left == 0 && found.is_none() {
                    found = Some(value);
                }
                left = left.saturating_sub(1);
                Ok(())
            })
        }
        _ => return None,
    }
    .ok()?;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        let json = br#" {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3,
            "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "\u0061": 1e0} "#;
        let whole = str::from_utf8(json).unwrap().trim();
        for (pointer, value) in [
            ("", Some(whole)),
            ("/foo", Some(r#"["bar", "baz"]"#)),
            ("/foo/0", Some("\"bar\"")),
            ("/foo/1", Some("\"baz\"")),
            ("/", Some("0")),
            ("/a~1b", Some("1")),
            ("/c%d", Some("2")),
            ("/e^f", Some("3")),
            ("/g|h", Some("4")),
            ("/i\\j", Some("5")),
            ("/k\"l", Some("6")),
            ("/ ", Some("7")),
            ("/m~0n", Some("8")),
            ("/a", Some("1e0")),
            ("foo", None),
            ("/bar", None),
            ("/FOO", None),
            ("/foo/", None),
            ("/foo/2", None),
            ("/foo/-", None),
            ("/foo/00", None),
            ("/foo/+0", None),
            ("/foo/99999999999999999999", None),
            ("/foo/0/0", None),
            ("/m~2n", None),
            ("/m~", None),
        ] {
            assert_eq!(at(json, pointer), value, "{pointer}");
        }
    }
}
