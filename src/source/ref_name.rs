//! The name that selects images.

use crate::error::Error;
use crate::reference::Reference;
use crate::text::Escaped;

/// The most names listed in a message.
const MAX_LISTED: usize = 10;

/// The name of the wanted images.
pub struct RefName<'a> {
    text: &'a str,
    docker_name: Option<Reference>,
}

impl<'a> RefName<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            docker_name: docker_name(text),
        }
    }

    /// Docker's full name, if it is one.
    pub fn docker_name(&self) -> Option<&Reference> {
        self.docker_name.as_ref()
    }

    /// Whether `name` is exactly this text.
    pub fn is(&self, name: &str) -> bool {
        self.text == name
    }

    /// Whether both are the same name to Docker: `busybox` and
    /// `docker.io/library/busybox:latest`.
    pub fn is_docker_name(&self, name: &str) -> bool {
        self.docker_name.is_some() && self.docker_name == docker_name(name)
    }

    /// The error for a source that has only these names.
    pub fn not_found(&self, names: &[impl AsRef<str>]) -> Error {
        Error::not_found(format_args!(
            "found no image with the name \"{}\", {}",
            Escaped(self.text),
            listed(names)
        ))
    }
}

fn listed(names: &[impl AsRef<str>]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    let mut more = 0;
    for name in names.iter().map(AsRef::as_ref) {
        if distinct.contains(&name) {
            continue;
        }
        match distinct.len() < MAX_LISTED {
            true => distinct.push(name),
            false => more += 1,
        }
    }
    if distinct.is_empty() {
        return "which has no names".to_owned();
    }
    let quoted: Vec<_> = distinct
        .iter()
        .map(|name| format!("\"{}\"", Escaped(name)))
        .collect();
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("only {}{more}", quoted.join(", "))
}

/// Docker's full name for a name as users write it.
pub fn docker_name(name: &str) -> Option<Reference> {
    Reference::parse(name).ok().map(Reference::with_default_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_by_its_text_or_as_docker_reads_it() {
        assert!(!RefName::new("A").is_docker_name("A"));
        assert!(RefName::new("A").is("A"));
        assert!(!RefName::new("a").is("docker.io/library/a:latest"));
        assert!(RefName::new("a").is_docker_name("docker.io/library/a:latest"));
    }

    #[test]
    fn the_names_that_there_are_are_listed() {
        let none: [&str; 0] = [];
        let e = RefName::new("a\n").not_found(&none);
        assert!(e.message().contains("\"a\\n\", which has no names"), "{e}");
        let e = RefName::new("a").not_found(&["b", "c", "b"]);
        assert!(e.message().ends_with("only \"b\", \"c\""), "{e}");
        let many: Vec<_> = (0..13).map(|n| n.to_string()).collect();
        let e = RefName::new("a").not_found(&many);
        assert!(e.message().ends_with("\"9\" and 3 more"), "{e}");
    }
}
