//! Documents that are refused and documents that are accepted, one row a rule.

mod child;
mod config;
mod root;
mod sound;
#[path = "../support/mod.rs"]
mod support;
