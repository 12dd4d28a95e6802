//! The descriptors that an index lists, as written, and their names.

use super::ref_name::RefName;
use crate::document::Document;
use crate::document::layout::{CONTAINERD_NAME, REF_NAME};
use crate::error::{Error, Result};
use crate::json::{self, Value};
use crate::text::Text;
use crate::text_list::TextMap;

/// A descriptor of an index.
pub struct Listed<'a> {
    /// As written.
    pub raw: &'a str,
    pub containerd_name: Option<Text>,
    pub ref_name: Option<Text>,
}

impl<'a> Listed<'a> {
    /// One that cannot be read has no name; an empty name is none.
    fn read(descriptor: Value<'a>) -> Self {
        let annotations = descriptor
            .object(&["annotations"])
            .and_then(|object| object.map("annotations", Value::item))
            .map(TextMap::from_iter)
            .unwrap_or_default();
        let annotation = |key| {
            let name = annotations.find(key).filter(|name| !name.is_empty())?;
            Text::new(&name)
        };
        Self {
            raw: descriptor.raw(),
            containerd_name: annotation(CONTAINERD_NAME),
            ref_name: annotation(REF_NAME),
        }
    }

    pub fn has_name(&self, name: &RefName<'_>) -> bool {
        self.ref_name.as_ref().is_some_and(|own| name.is(own))
            || self
                .containerd_name
                .as_ref()
                .is_some_and(|own| name.is_docker_name(own))
    }

    /// The name in its annotations.
    pub fn name(&self) -> Option<&Text> {
        self.containerd_name.as_ref().or(self.ref_name.as_ref())
    }
}

/// The descriptors of an index.
pub fn listed(index: &[u8]) -> Result<Vec<Listed<'_>>> {
    let Document::Index(_) = Document::parse(index, 0)? else {
        return Err(Error::malformed("found a manifest, expected an index"));
    };
    let object = json::parse(index)?.object(&["manifests"])?;
    Ok(object.list("manifests", |value| Ok(Listed::read(value)))?)
}
