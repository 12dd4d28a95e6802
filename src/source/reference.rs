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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let rows = [
            ("busybox", Some("docker.io/library/busybox:latest")),
            ("busybox:1", Some("docker.io/library/busybox:1")),
            ("a/b", Some("docker.io/a/b:latest")),
            (
                "docker.io/busybox",
                Some("docker.io/library/busybox:latest"),
            ),
            (
                "index.docker.io/busybox",
                Some("docker.io/library/busybox:latest"),
            ),
            ("localhost/a", Some("localhost/a:latest")),
            ("localhost:5000/a/b:c", Some("localhost:5000/a/b:c")),
            ("example.org:1", Some("docker.io/library/example.org:1")),
            ("A/b", Some("docker.io/A/b:latest")),
            ("Busybox", None),
            ("busybox:", None),
            ("busybox latest", None),
            ("busybox\n", None),
            ("", None),
        ];
        for (name, whole) in rows {
            assert_eq!(docker_name(name).as_deref(), whole, "{name}");
        }
        assert_eq!(
            docker_name(&format!("busybox@{digest}")),
            Some(format!("docker.io/library/busybox@{digest}"))
        );
        let id = "0".repeat(64);
        assert_eq!(docker_name(&id), None);
        assert!(docker_name(&id[1..]).is_some());
    }

    #[test]
    fn what_docker_takes_for_no_name_is_no_docker_name() {
        assert!(!RefName::new("A").is_docker_name("A"));
        assert!(RefName::new("A").is("A"));
        assert!(!RefName::new("a").is("docker.io/library/a:latest"));
        assert!(RefName::new("a").is_docker_name("docker.io/library/a:latest"));
    }
}
