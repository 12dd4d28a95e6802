#![no_main]

#[path = "../targets/auth.rs"]
mod auth;
#[allow(dead_code)]
#[path = "../../registry/src/error.rs"]
mod error;
#[allow(dead_code)]
#[path = "../../registry/src/http/mod.rs"]
mod http;
#[allow(dead_code)]
#[path = "../../registry/src/reference.rs"]
mod reference;
#[allow(dead_code)]
#[path = "../../registry/src/text.rs"]
mod text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| auth::auth(data));
