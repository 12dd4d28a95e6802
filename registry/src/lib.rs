//! Images out of and into registries, as a loader and a sink of libociimg.
//!
//! | module | what it is |
//! |---|---|
//! | `ffi` | the C surface, `include/ociimg_registry.h` |
//! | `ociimg_sys` | what is used of `include/ociimg.h` |
//! | `loader`, `blob`, `manifest`, `mirror` | pull |
//! | `sink`, `upload`, `known` | push |
//! | `tags` | the tags of a repository |
//! | `client` | requests with logins, schemes and retries |
//! | `auth` | challenges, tokens, auth files, credential helpers |
//! | `web`, `refusal`, `retry` | requests, redirects, refusals |
//! | `transfer`, `certificates` | libcurl |
//! | `http`, `reference`, `endpoint`, `text` | formats |
//!
//! libociimg is used through its C header alone, never through its Rust crate.

mod auth;
mod blob;
mod cancel;
mod certificates;
mod client;
mod endpoint;
mod error;
pub mod ffi;
mod http;
mod known;
mod loader;
mod manifest;
mod mirror;
pub mod ociimg_sys;
mod options;
mod reference;
mod refusal;
mod retry;
mod sink;
mod tags;
mod text;
mod transfer;
mod upload;
mod web;
