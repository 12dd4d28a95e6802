//! Header fields of a registry's responses.
//!
//! The registry companion keeps these modules to itself. The modules that they import, `text` and
//! `http`, are declared by the crate that includes this file.

#![allow(dead_code)] // Not all is read of answers.

#[path = "../../registry/src/auth/challenge.rs"]
mod challenge;

use crate::http::head::Head;
use crate::http::url::Url;
use crate::http::{link, range, retry_after};
use std::time::SystemTime;

/// The head of an answer, line by line, and what is read from its fields.
pub fn headers(data: &[u8]) {
    let mut head = Head::default();
    for line in data.split_inclusive(|b| *b == b'\n') {
        if !head.push(line) {
            return;
        }
    }
    head.content_length();
    let page = Url::parse("https://registry.example:5000/v2/a/tags/list?n=1").expect("it is right");
    if let Some(target) = link::next(head.all("link"))
        && let Some(next) = link::at_host_of(&page, &target)
    {
        // Nothing leads to another host, or from https to http.
        assert!(next.has_host_of(&page), "{next}");
        assert!(next.to_string().starts_with("https://"), "{next}");
        is_stable(&next);
    }
    for field in head.all("location") {
        if let Some(url) = page.join(field) {
            is_stable(&url);
        }
        if let Some(url) = Url::parse(field) {
            is_stable(&url);
        }
    }
    challenge::choose(head.all("www-authenticate"));
    for field in head.all("retry-after") {
        retry_after::delay(field, SystemTime::UNIX_EPOCH);
    }
    for field in head.all("content-range") {
        range::content_range(field);
    }
    for field in head.all("range") {
        range::uploaded(field);
    }
}

/// What is written of an address is that address, in one line.
fn is_stable(url: &Url) {
    let text = url.to_string();
    assert!(!text.contains(['\r', '\n', '\0', ' ']), "{text:?}");
    assert_eq!(Url::parse(&text).as_ref(), Some(url), "{text}");
    assert!(url.join(&text).as_ref() == Some(url), "{text}");
    url.for_message();
}
