#![no_main]

#[path = "../targets/headers.rs"]
mod headers;
#[allow(dead_code)]
#[path = "../../registry/src/http/mod.rs"]
mod http;
#[allow(dead_code)]
#[path = "../../registry/src/text.rs"]
mod text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| headers::headers(data));
