//! The WWW-Authenticate field, RFC 9110, 11.6.1.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    Bearer {
        realm: String,
        service: Option<String>,
    },
    Basic,
}

/// The challenge chosen from all fields: Bearer, else Basic.
pub fn choose<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for (scheme, parameters) in fields.flat_map(challenges) {
        let parameter = |name: &str| {
            let mut found = parameters
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            // Without a realm there is nobody to ask.
            if let Some(realm) = parameter("realm").filter(|realm| !realm.is_empty()) {
                let service = parameter("service");
                return Some(Challenge::Bearer { realm, service });
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        }
    }
    basic
}

type Parameters = Vec<(String, String)>;

/// Each challenge of a field: its scheme and its parameters.
fn challenges(field: &str) -> Vec<(String, Parameters)> {
    let mut all: Vec<(String, Parameters)> = Vec::new();
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return all;
        }
        let (word, after) = token(rest);
        if word.is_empty() {
            // This is no challenge; the text after the next comma may be one.
            rest = rest.split_once(',').map_or("", |(_, rest)| rest);
            continue;
        }
        let behind = after.trim_start_matches([' ', '\t']);
        let value = behind
            .strip_prefix('=')
            .filter(|value| !value.starts_with('='));
        match (value, all.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
                parameters.push((word.to_owned(), value));
                rest = after;
            }
            _ => {
                all.push((word.to_owned(), Vec::new()));
                rest = without_token68(after);
            }
        }
    }
}

/// Skips the token that some schemes have instead of parameters.
fn without_token68(after: &str) -> &str {
    let text = after.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
    let word = &text[..end];
    let is_token68 = !word.is_empty()
        && !word.contains('"')
        && !word.trim_end_matches('=').contains('=')
        && (word.ends_with('=')
            || text[end..].trim_start_matches([' ', '\t']).starts_with(',')
            || end == text.len());
    match is_token68 && !text[end..].trim_start_matches([' ', '\t']).starts_with('=') {
        true => &text[end..],
        false => after,
    }
}

fn token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: service.map(str::to_owned),
        })
    }

    #[test]
    fn bearer_is_found_at_any_place() {
        for fields in [
            &[r#"Bearer realm="https://a/t",service="s""#][..],
            &[r#"bearer Realm = "https://a/t" , SERVICE=s"#],
            &[r#"Negotiate, Bearer realm="https://a/t",service="s""#],
            &[r#"Basic realm="x, Bearer realm=\"y\"", Bearer realm="https://a/t",service="s""#],
            &[r#"Bearer realm="https://a/t",service="s", Basic realm="x""#],
            &["Basic realm=x", r#"Bearer service="s",realm="https://a/t""#],
            &[r#"Negotiate YII=, Bearer realm="https://a/t",service="s""#],
            &[r#"NTLM abc123, Bearer error="invalid_token",realm="https://a/t",service="s""#],
            &[r#",, Digest realm="d", nonce="a,b", Bearer realm="https:\/\/a/t",service="s""#],
        ] {
            assert_eq!(
                choose(fields.iter().copied()),
                bearer("https://a/t", Some("s")),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn others_are_passed_over() {
        for (field, expected) in [
            ("Basic", Some(Challenge::Basic)),
            ("BASIC realm=\"a\"", Some(Challenge::Basic)),
            ("Bearer service=s, Basic", Some(Challenge::Basic)),
            ("Bearer", None),
            ("Bearer realm=\"\",service=s", None),
            ("Bearer realm=\"\", Basic realm=x", Some(Challenge::Basic)),
            ("Bearer realm=\"a\" service=\"b\"", bearer("a", Some("b"))),
            ("Negotiate", None),
            ("Digest realm=\"Basic\"", None),
            ("", None),
            ("\"Basic\"", None),
            ("Bearer realm=\"a\"", bearer("a", None)),
        ] {
            assert_eq!(choose([field].into_iter()), expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read_to_its_end(field in "[ -~]{0,80}") {
            let _ = choose([field.as_str()].into_iter());
        }
    }
}
