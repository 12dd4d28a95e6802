//! The entry of a root in index.json: its descriptor with a name.

use crate::descriptor::{Annotations, Descriptor};
use crate::document::layout::{CONTAINERD_NAME, REF_NAME};
use crate::document::write;
use crate::text::Text;

/// The annotations that give an entry its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryName {
    pub ref_name: Option<Text>,
    pub containerd_name: Option<Text>,
}

impl EntryName {
    /// The name as given, in the annotation that every reader knows.
    pub fn plain(name: Option<&Text>) -> Self {
        Self {
            ref_name: name.cloned(),
            containerd_name: None,
        }
    }
}

/// The descriptor as JSON, unchanged except for its name.
pub fn entry(d: &Descriptor, name: &EntryName) -> String {
    let annotations = renamed(d.annotations(), name);
    write::descriptor(&d.clone().with_annotations(annotations))
}

/// The annotations in their order; names are replaced where they are, new ones go last.
fn renamed(annotations: &Annotations, name: &EntryName) -> Annotations {
    let mut names = [
        (REF_NAME, name.ref_name.as_ref()),
        (CONTAINERD_NAME, name.containerd_name.as_ref()),
    ];
    let mut renamed: Vec<(Text, Text)> = Vec::new();
    for (key, value) in annotations.iter() {
        let value = match names.iter_mut().find(|(name, _)| *name == &*key) {
            None => Some(value.to_text()),
            Some((_, name)) => name.take().cloned(),
        };
        renamed.extend(value.map(|value| (key.to_text(), value)));
    }
    for (key, value) in names {
        let key = Text::new(key).expect("it has no NUL");
        renamed.extend(value.map(|value| (key, value.clone())));
    }
    renamed.into_iter().collect()
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
                r#""artifactType":"c/d","platform":{{"architecture":"arm","os":"linux","#,
                r#""os.version":"1","os.features":["f"],"variant":"v7"}}}}"#
            ),
            "sha256:3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282"
        );
        assert_eq!(written(&all, &EntryName::default()), all);
        let bare = descriptor("");
        assert_eq!(written(&bare, &EntryName::default()), bare);
    }

    #[test]
    fn an_incomplete_platform_stays_one() {
        for platform in [
            r#"{"architecture":"amd64"}"#,
            r#"{"os":"","variant":"v8"}"#,
            "{}",
        ] {
            let d = descriptor(&format!(r#","platform":{platform}"#));
            let expected = descriptor(r#","platform":{}"#);
            assert_eq!(written(&d, &EntryName::default()), expected, "{platform}");
        }
    }

    #[test]
    fn the_name_alone_changes() {
        let named = |pairs: &str| descriptor(&format!(r#","annotations":{{{pairs}}}"#));
        let old = named(&format!(
            r#""a":"b","{CONTAINERD_NAME}":"old:1","c":"d","{REF_NAME}":"1","e":"f""#
        ));
        let plain = EntryName::plain(Text::new("new").as_ref());
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
