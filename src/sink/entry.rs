//! The entry of a root in index.json: its descriptor with a name.

use crate::descriptor::Descriptor;
use crate::document::layout::{CONTAINERD_NAME, REF_NAME};
use crate::platform::Platform;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use std::ops::Deref;

/// The annotations that give an entry its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryName {
    pub ref_name: Option<String>,
    pub containerd_name: Option<String>,
}

impl EntryName {
    /// The name as given, in the annotation that every reader knows.
    pub fn plain(name: Option<&str>) -> Self {
        Self {
            ref_name: name.map(str::to_owned),
            containerd_name: None,
        }
    }
}

/// The descriptor as JSON, unchanged except for its name.
pub fn entry(d: &Descriptor, name: &EntryName) -> String {
    let mut json = JsonObject::default();
    json.text("mediaType", &d.media_type);
    json.text("digest", d.digest.text());
    json.raw("size", &d.size.to_string());
    if !d.urls().is_empty() {
        json.raw("urls", &list(d.urls().iter()));
    }
    if let Some(annotations) = annotations(d, name) {
        json.raw("annotations", &annotations);
    }
    if let Some(data) = d.data() {
        json.text("data", &STANDARD.encode(data));
    }
    if let Some(platform) = d.platform() {
        json.raw("platform", &platform_object(platform));
    }
    if let Some(artifact_type) = d.artifact_type() {
        json.text("artifactType", artifact_type);
    }
    json.finish()
}

/// The annotations in their order; names are replaced where they are, new ones go last.
fn annotations(d: &Descriptor, name: &EntryName) -> Option<String> {
    let mut json = JsonObject::default();
    let mut names = [
        (REF_NAME, name.ref_name.as_deref()),
        (CONTAINERD_NAME, name.containerd_name.as_deref()),
    ];
    for (key, value) in d.annotations().iter() {
        match names.iter_mut().find(|(name, _)| *name == &*key) {
            None => json.text(&key, &value),
            Some((_, name)) => {
                if let Some(name) = name.take() {
                    json.text(&key, name);
                }
            }
        }
    }
    for (key, value) in names {
        if let Some(value) = value {
            json.text(key, value);
        }
    }
    (!json.is_empty()).then(|| json.finish())
}

fn platform_object(platform: &Platform) -> String {
    let mut json = JsonObject::default();
    for (key, value) in [
        ("architecture", &platform.architecture),
        ("os", &platform.os),
        ("os.version", &platform.os_version),
    ] {
        if let Some(value) = value {
            json.text(key, value);
        }
    }
    if !platform.os_features.is_empty() {
        let features = platform
            .os_features
            .iter()
            .map(|feature| feature.to_string());
        json.raw("os.features", &list(features));
    }
    if let Some(variant) = &platform.variant {
        json.text("variant", variant);
    }
    json.finish()
}

/// A JSON object whose members stay in the order in which they are added.
#[derive(Default)]
struct JsonObject(String);

impl JsonObject {
    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &quoted(value));
    }

    fn raw(&mut self, key: &str, json: &str) {
        let separator = if self.0.is_empty() { '{' } else { ',' };
        let _ = write!(self.0, "{separator}{}:{json}", quoted(key));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// An array of strings.
pub fn list(texts: impl Iterator<Item = impl Deref<Target = str>>) -> String {
    let texts: Vec<_> = texts.map(|text| quoted(&text)).collect();
    format!("[{}]", texts.join(","))
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::DescriptorReader;
    use crate::json;

    fn written(descriptor: &str, name: &EntryName) -> String {
        let read = |p: &mut json::Parser<'_>| DescriptorReader::default().read(p);
        entry(&json::document(descriptor.as_bytes(), read).unwrap(), name)
    }

    fn digest() -> String {
        format!("sha256:{}", "0".repeat(64))
    }

    fn descriptor(annotations: &str) -> String {
        format!(
            r#"{{"mediaType":"a/b","digest":"{}","size":1{annotations}}}"#,
            digest()
        )
    }

    #[test]
    fn a_descriptor_keeps_what_it_has() {
        let all = format!(
            concat!(
                r#"{{"mediaType":"a/b","digest":"{}","size":3,"urls":["http://x/\"y"],"#,
                r#""annotations":{{"k":"\u0001","e":""}},"data":"eHl6","#,
                r#""platform":{{"architecture":"arm","os":"linux","os.version":"1","#,
                r#""os.features":["f"],"variant":"v7"}},"artifactType":"c/d"}}"#
            ),
            "sha256:3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282"
        );
        assert_eq!(written(&all, &EntryName::default()), all);
        let bare = descriptor("");
        assert_eq!(written(&bare, &EntryName::default()), bare);
    }

    #[test]
    fn the_name_alone_changes() {
        let named = |pairs: &str| descriptor(&format!(r#","annotations":{{{pairs}}}"#));
        let old = named(&format!(
            r#""a":"b","{CONTAINERD_NAME}":"old:1","c":"d","{REF_NAME}":"1","e":"f""#
        ));
        let plain = EntryName::plain(Some("new"));
        let expected = named(&format!(r#""a":"b","c":"d","{REF_NAME}":"new","e":"f""#));
        assert_eq!(written(&old, &plain), expected);
        let expected = named(r#""a":"b","c":"d","e":"f""#);
        assert_eq!(written(&old, &EntryName::plain(None)), expected);
        let expected = named(&format!(r#""{REF_NAME}":"new""#));
        assert_eq!(written(&descriptor(""), &plain), expected);
        let only = named(&format!(r#""{REF_NAME}":"old""#));
        assert_eq!(written(&only, &EntryName::plain(None)), descriptor(""));
    }
}
