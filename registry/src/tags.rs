//! The tags of a repository, page after page.

use crate::cancel::Cancel;
use crate::client::{Call, Client, Place};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::http::link;
use crate::http::url::Url;
use crate::transfer::{Body, Method};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

const MAX_PAGE: u64 = 4 * 1024 * 1024;

/// Pages without a tag in succession, after which listing fails.
const MAX_EMPTY_PAGES: usize = 16;

/// A map, so that nothing but an object is taken for one.
type Page = HashMap<String, Value>;

/// Gives each tag to `visit`, until it fails.
pub fn list(
    client: &Client,
    endpoint: &Endpoint,
    ctx: &dyn Cancel,
    mut visit: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let scope = endpoint.scope("pull");
    // Not the addresses themselves: there may be any number of pages.
    let hasher = RandomState::new();
    let mut seen = HashSet::new();
    let mut empty_pages = 0;
    let mut next: Option<Url> = None;
    loop {
        let call = Call {
            method: Method::Get,
            endpoint,
            place: match &next {
                None => Place::Path("tags/list"),
                Some(url) => Place::Url(url),
            },
            scope: &scope,
            headers: &["Accept: application/json".to_owned()],
            body: Body::None,
        };
        let (tags, url, link) = client.send(&call, ctx, |mut answer| {
            if answer.head.status != 200 {
                return Err(client.web.refused(answer, ctx));
            }
            let link = link::next(answer.head.all("link"));
            let (method, url) = (answer.method, answer.url.clone());
            let body = answer
                .read_to_end(MAX_PAGE, ctx)
                .map_err(|failure| client.web.trouble(method, &url, &failure))?;
            let tags = tags_of(&body).map_err(|error| {
                let place = format!("{} {}", method.name(), client.web.shown(&url));
                Error::callback(format!("{place}: {error}")).with_status(error.status())
            })?;
            Ok((tags, url, link))
        })?;
        for tag in &tags {
            if ctx.is_cancelled() {
                return Err(Error::cancelled());
            }
            visit(tag)?;
        }
        let Some(link) = link else { return Ok(()) };
        let failed = |why: &str| {
            let place = client.web.shown(&url);
            Error::unavailable(format!("GET {place}: {why}"))
        };
        empty_pages = if tags.is_empty() { empty_pages + 1 } else { 0 };
        if empty_pages >= MAX_EMPTY_PAGES {
            return Err(failed("16 pages in turn without a tag"));
        }
        seen.insert(hasher.hash_one(url.to_string()));
        let page = link::at_host_of(&url, &link)
            .ok_or_else(|| failed("the next page of tags is not at the same host"))?;
        if seen.contains(&hasher.hash_one(page.to_string())) {
            return Err(failed("led to a page of tags that was seen before"));
        }
        next = Some(page);
    }
}

fn tags_of(body: &[u8]) -> Result<Vec<String>> {
    if body.len() as u64 > MAX_PAGE {
        return Err(Error::limit_exceeded(format!(
            "a page of tags larger than {MAX_PAGE} bytes"
        )));
    }
    let malformed = |e: serde_json::Error| {
        Error::malformed(format!(
            "no JSON list of tags, line {} column {}",
            e.line(),
            e.column()
        ))
    };
    let mut page: Page = serde_json::from_slice(body).map_err(malformed)?;
    let tags: Option<Vec<String>> = match page.remove("tags") {
        Some(tags) => serde_json::from_value(tags)
            .map_err(|_| Error::malformed("\"tags\": expected a list of texts"))?,
        None => None,
    };
    let tags = tags.unwrap_or_default();
    match tags.iter().any(|tag| tag.contains('\0')) {
        true => Err(Error::malformed("a tag holds NUL")),
        false => Ok(tags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn pages() {
        assert_eq!(
            tags_of(br#"{"name":"a","tags":["x","y"]}"#).unwrap(),
            ["x", "y"]
        );
        for page in [r#"{"tags":null}"#, r#"{"tags":[]}"#, "{}"] {
            assert!(tags_of(page.as_bytes()).unwrap().is_empty());
        }
        for page in [
            "",
            "<html>",
            "[]",
            r#"{"tags":[1]}"#,
            r#"{"tags":"x"}"#,
            r#"{"tags":["a\u0000"]}"#,
        ] {
            assert_eq!(
                tags_of(page.as_bytes()).unwrap_err().status(),
                Status::Malformed,
                "{page}"
            );
        }
    }
}
