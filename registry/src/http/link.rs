//! The Link field, RFC 8288.

use super::url::Url;

/// The target of the first link with the relation `next`.
pub fn next<'a>(fields: impl Iterator<Item = &'a str>) -> Option<String> {
    fields.flat_map(links).find_map(|(target, relations)| {
        let is_next = relations
            .split_ascii_whitespace()
            .any(|relation| relation.eq_ignore_ascii_case("next"));
        is_next.then_some(target)
    })
}

/// The address of the next page, if it is at the host of this one.
pub fn at_host_of(page: &Url, target: &str) -> Option<Url> {
    let next = page.join(target)?;
    // Registries behind a proxy that ends TLS say http, and mean themselves.
    next.has_host_of(page).then(|| next.at_origin_of(page))
}

/// Each link of a field: its target and its relations.
fn links(field: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        // Some registries leave out the brackets. A comma is part of the target then.
        let (quoted, close) = match rest.strip_prefix('<') {
            Some(quoted) => (quoted, '>'),
            None => (rest, ';'),
        };
        let Some(end) = quoted.find(close) else { break };
        let target = quoted[..end].trim().to_owned();
        rest = &quoted[end..];
        rest = rest.strip_prefix('>').unwrap_or(rest);
        let mut relations = None;
        loop {
            rest = rest.trim_start();
            let Some(parameter) = rest.strip_prefix(';') else {
                break;
            };
            let (name, value, after) = parameter_of(parameter);
            // The first one counts.
            if name.eq_ignore_ascii_case("rel") && relations.is_none() {
                relations = Some(value);
            }
            rest = after;
        }
        links.push((target, relations.unwrap_or_default()));
    }
    links
}

/// Name and value of a parameter, and what follows it.
fn parameter_of(text: &str) -> (&str, String, &str) {
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let name = text[..end].trim();
    let Some(value) = text[end..].strip_prefix('=') else {
        return (name, String::new(), &text[end..]);
    };
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        return (name, value[..end].trim().to_owned(), &value[end..]);
    };
    let mut content = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (name, content, &quoted[at + 1..]),
            '\\' => content.extend(chars.next().map(|(_, c)| c)),
            _ => content.push(c),
        }
    }
    (name, content, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_every_form() {
        for field in [
            "</n>; rel=\"next\"",
            "</n>;rel=next",
            "< /n >  ;  REL = Next",
            "</p>; rel=prev, </n>; rel=next",
            "</p>; rel=\"prev\"; title=\"a, <x>; rel=next\", </n>; rel=\"last next\"",
            "</n>; title=\"\\\"\"; rel=next; rel=prev",
            "/n; rel=\"next\"",
            "</p>; rel=prev, /n;rel=next",
            ",, </n>; rel=next,",
            "</p>, </n>; rel=next",
        ] {
            assert_eq!(next([field].into_iter()).as_deref(), Some("/n"), "{field}");
        }
        for field in [
            "",
            "</n>",
            "</n>; rel=prev; rel=next",
            "</n; rel=next",
            "/n",
            "/n, rel=next",
            "</n>; rel=nextly",
        ] {
            assert_eq!(next([field].into_iter()), None, "{field}");
        }
        assert_eq!(
            next(["</p>; rel=prev", "</n>; rel=next"].into_iter()).as_deref(),
            Some("/n")
        );
    }

    #[test]
    fn the_next_page_is_at_the_same_host() {
        let page = Url::parse("https://h/v2/a/tags/list").unwrap();
        let at = |target| at_host_of(&page, target).map(|url| url.to_string());
        assert_eq!(at("?n=1").as_deref(), Some("https://h/v2/a/tags/list?n=1"));
        assert_eq!(at("http://h/v2/x").as_deref(), Some("https://h/v2/x"));
        assert_eq!(at("https://other/v2/x"), None);
        assert_eq!(at("//h:5000/v2/x"), None);
    }
}
