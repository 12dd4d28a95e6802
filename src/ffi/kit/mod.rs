//! Building blocks of the C surface. From the ground up: panics and callbacks
//! (`guard`), handles (`handle`), texts (`text`), sized structs (`options`), getters
//! (`get`), and functions that return a status (`outcome`).

pub mod get;
pub mod guard;
pub mod handle;
pub mod options;
pub mod outcome;
pub mod text;
