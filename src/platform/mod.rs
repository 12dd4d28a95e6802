//! Platforms: the machines that an image runs on, and the images that a machine can run.
//!
//! The rules are those of <https://github.com/containerd/platforms> v1.0.0-rc.4, to the
//! letter, with one deviation: a percent escape in a specifier that gives U+0000 or bytes
//! that are no UTF-8 is refused, since neither can be handed to a C program as text.

mod fields;
mod format;
mod host;
mod ladder;
mod matcher;
mod normalize;
#[cfg(test)]
mod oracle;
mod parse;
#[cfg(test)]
mod samples;
mod windows;

pub use fields::Platform;
pub use matcher::{Key, Matcher};
pub use parse::ParseError;
