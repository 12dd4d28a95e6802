//! What is refused in a document and what is taken, one row a rule.

mod child;
mod config;
mod root;
mod sound;
#[path = "../support/mod.rs"]
mod support;
