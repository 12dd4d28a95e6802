//! The names that users give images.

use crate::error::{Error, Status};
use crate::text::Escaped;
use oci_spec::distribution::Reference;

/// The name of the images that are wanted.
pub struct RefName<'a> {
    text: &'a str,
    reference: Option<Reference>,
}

impl<'a> RefName<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            reference: parse(text),
        }
    }

    /// Whether it is just this name.
    pub fn is(&self, name: &str) -> bool {
        self.text == name
    }

    /// Whether docker takes it for this name: `busybox` for
    /// `docker.io/library/busybox:latest`.
    pub fn is_docker_name(&self, name: &str) -> bool {
        self.reference.is_some() && self.reference == parse(name)
    }

    pub fn not_found(&self) -> Error {
        Error::new(
            Status::NotFound,
            format_args!("found no image with the name \"{}\"", Escaped(self.text)),
        )
    }
}

/// The whole name that docker makes of a name as users write it.
pub fn docker_name(name: &str) -> Option<String> {
    parse(name).map(|reference| reference.whole())
}

/// <https://github.com/distribution/reference/blob/v0.6.0/normalize.go>: 64 hexadecimal
/// digits are no name there, but the ID of an image.
fn parse(name: &str) -> Option<Reference> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if name.len() == 64 && name.bytes().all(hex) {
        return None;
    }
    name.parse().ok()
}
