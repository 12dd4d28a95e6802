//! The only writer of new documents: the same content always gives the same bytes. Loaded
//! documents are never rewritten here.

use crate::descriptor::{Annotations, Descriptor};
use crate::json::scan::quoted;
use crate::platform::Platform;
use crate::text::Text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::ops::Deref;

/// A JSON object that keeps its members in the order of writing.
#[derive(Default)]
pub struct ObjectWriter(String);

impl ObjectWriter {
    /// Appends a member whose value is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&quoted(key));
        self.0.push(':');
        self.0.push_str(json);
    }

    pub fn text(&mut self, key: &str, text: &str) {
        self.raw(key, &quoted(text));
    }

    pub fn optional_text(&mut self, key: &str, text: Option<&Text>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    pub fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

fn list(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    format!("[{}]", items.join(","))
}

/// An array of strings.
pub fn texts<T: Deref<Target = str>>(texts: impl IntoIterator<Item = T>) -> String {
    list(texts.into_iter().map(|text| quoted(&text)))
}

fn annotations(annotations: &Annotations) -> String {
    let mut object = ObjectWriter::default();
    for (key, value) in annotations.iter() {
        object.text(&key, &value);
    }
    object.finish()
}

/// A descriptor, its members in the order of the specification.
pub fn descriptor(d: &Descriptor) -> String {
    let mut object = ObjectWriter::default();
    object.text("mediaType", &d.media_type);
    object.text("digest", d.digest.text());
    object.raw("size", &d.size.to_string());
    if !d.urls().is_empty() {
        object.raw("urls", &texts(d.urls().iter()));
    }
    if !d.annotations().is_empty() {
        object.raw("annotations", &annotations(d.annotations()));
    }
    if let Some(data) = d.data() {
        object.text("data", &STANDARD.encode(data));
    }
    object.optional_text("artifactType", d.artifact_type());
    match d.platform() {
        Some(p) => {
            let mut inner = ObjectWriter::default();
            platform(&mut inner, p);
            object.raw("platform", &inner.finish());
        }
        // Without it, readers would take the platform from the config.
        None if d.has_incomplete_platform() => object.raw("platform", "{}"),
        None => {}
    }
    object.finish()
}

/// The members of a platform, as an index and a config have them.
pub fn platform(object: &mut ObjectWriter, platform: &Platform) {
    object.optional_text("architecture", platform.architecture.as_ref());
    object.optional_text("os", platform.os.as_ref());
    object.optional_text("os.version", platform.os_version.as_ref());
    if !platform.os_features.is_empty() {
        object.raw("os.features", &texts(platform.os_features.iter()));
    }
    object.optional_text("variant", platform.variant.as_ref());
}

/// A manifest of this type.
pub fn manifest<'a>(
    media_type: &str,
    config: &Descriptor,
    layers: impl IntoIterator<Item = &'a Descriptor>,
) -> Vec<u8> {
    let mut object = ObjectWriter::default();
    object.raw("schemaVersion", "2");
    object.text("mediaType", media_type);
    object.raw("config", &descriptor(config));
    object.raw("layers", &list(layers.into_iter().map(descriptor)));
    object.finish().into_bytes()
}

/// The config of an image without layers.
pub fn empty_config(of: &Platform) -> Vec<u8> {
    let mut object = ObjectWriter::default();
    platform(&mut object, of);
    object.raw("config", "{}");
    object.raw("rootfs", "{\"type\":\"layers\",\"diff_ids\":[]}");
    object.finish().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::digest::{Algorithm, Digest};
    use crate::document::Document;
    use crate::document::layout::index_of;
    use std::sync::Arc;

    fn text(text: &str) -> Text {
        Text::new(text).unwrap()
    }

    fn full() -> Descriptor {
        let platform = Platform {
            os: Some(text("linux")),
            architecture: Some(text("arm")),
            variant: Some(text("v7")),
            os_version: Some(text("1\"2")),
            os_features: [text("a"), text("")].into(),
        };
        let data: Arc<[u8]> = (*b"{}").into();
        Descriptor::new(text("a/b"), Digest::of(Algorithm::Sha256, &data), 2)
            .with_urls([text("https://x/\n")].into_iter().collect())
            .with_annotations(
                [(text("z"), text("1")), (text("a"), text(""))]
                    .into_iter()
                    .collect(),
            )
            .with_data(Some(data))
            .with_artifact_type(Some(text("c/d")))
            .with_platform(Some(Arc::new(platform)))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let index = index_of([descriptor(&full())]);
        let Document::Index(read) = Document::parse(index.as_bytes(), 1).unwrap() else {
            panic!("no index");
        };
        assert_eq!(**read.children[0].as_ref().unwrap(), full());
        let bytes = manifest(
            "application/vnd.oci.image.manifest.v1+json",
            &full(),
            [&full(), &full()],
        );
        let Document::Manifest(read) = Document::parse(&bytes, 0).unwrap() else {
            panic!("no manifest");
        };
        assert_eq!((&*read.config, read.layers.len()), (&full(), 2));
        let config = Config::parse(&empty_config(full().platform().unwrap())).unwrap();
        assert_eq!(config.platform.as_ref(), full().platform());
        assert!(config.diff_ids.is_empty());
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let plain = Descriptor::new(text("a/b"), Digest::parse("x:y").unwrap(), 7);
        assert_eq!(
            descriptor(&plain),
            r#"{"mediaType":"a/b","digest":"x:y","size":7}"#
        );
        let mut incomplete = plain;
        incomplete.set_incomplete_platform();
        assert_eq!(
            descriptor(&incomplete),
            r#"{"mediaType":"a/b","digest":"x:y","size":7,"platform":{}}"#
        );
        assert_eq!(descriptor(&full()), descriptor(&full()));
        assert_eq!(ObjectWriter::default().finish(), "{}");
    }
}
