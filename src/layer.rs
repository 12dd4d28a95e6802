//! Layers of an image.

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result, Status};
use crate::load;
use crate::loader::Loader;
use crate::media_type::{self, Kind};
use crate::reader::{Expected, Mode, ReadOptions, Reader};
use crate::text::{Escaped, Text};
use std::sync::Arc;

/// URLs of a foreign layer that an error names; a descriptor may have any number.
const MAX_URLS_NAMED: usize = 3;

/// A layer: a blob of the manifest, and its diff ID from the config.
#[derive(Clone)]
pub struct Layer {
    descriptor: Arc<Descriptor>,
    diff_id: Option<Digest>,
    chain_id: Option<Digest>,
    /// The OCI name of the descriptor's media type.
    oci_media_type: Text,
    loader: Arc<dyn Loader>,
}

impl Layer {
    /// A layer with none below it.
    pub fn new(
        descriptor: Arc<Descriptor>,
        diff_id: Option<Digest>,
        loader: Arc<dyn Loader>,
    ) -> Self {
        let oci = media_type::oci_layer(&descriptor.media_type);
        let oci_media_type = if oci == &*descriptor.media_type {
            descriptor.media_type.clone()
        } else {
            Text::new(oci).expect("a media type has no NUL")
        };
        Self {
            descriptor,
            chain_id: diff_id.clone(),
            diff_id,
            oci_media_type,
            loader,
        }
    }

    pub fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }

    pub fn loader(&self) -> &Arc<dyn Loader> {
        &self.loader
    }

    /// `None` if the config has none for it.
    pub fn diff_id(&self) -> Option<&Digest> {
        self.diff_id.as_ref()
    }

    /// The digest that names this layer and all below it; `None` without a diff ID.
    ///
    /// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid>
    pub fn chain_id(&self) -> Option<&Digest> {
        self.chain_id.as_ref()
    }

    /// The same layer with this chain ID.
    pub fn with_chain_id(mut self, chain_id: Option<Digest>) -> Self {
        self.chain_id = chain_id;
        self
    }

    pub fn oci_media_type(&self) -> &Text {
        &self.oci_media_type
    }

    /// Opens the blob. In uncompressed mode the diff ID is checked beside size and digest.
    pub fn open(&self, mode: Mode, options: ReadOptions, ctx: Arc<Context>) -> Result<Reader> {
        let d = &self.descriptor;
        refuse_encrypted(d, mode)?;
        let expected = Expected {
            digest: d.digest.clone(),
            size: d.size,
            diff_id: self.diff_id.clone(),
        };
        expected.check(mode)?;
        let stream =
            load::open(&*self.loader, d, Kind::Other, &ctx).map_err(|e| name_urls(e, d))?;
        let reader = Reader::open(stream, expected, mode, options, ctx)?;
        Ok(reader.holding(self.loader.clone()))
    }
}

/// Sets the chain IDs of `layers`, which depend on the layers below; `below` is the chain
/// ID under the first. Layers without a diff ID are skipped.
pub fn stack(layers: &mut [Layer], below: Option<&Digest>) {
    let mut below = below.cloned();
    for layer in layers {
        let Some(diff_id) = &layer.diff_id else {
            layer.chain_id = None;
            continue;
        };
        let chain_id = chain_id(below.as_ref(), diff_id);
        layer.chain_id = Some(chain_id.clone());
        below = Some(chain_id);
    }
}

/// The chain IDs of layers with these diff IDs, from the base up.
pub fn chain_ids(diff_ids: impl Iterator<Item = Digest>) -> impl Iterator<Item = Digest> {
    diff_ids.scan(None, |below, diff_id| {
        *below = Some(chain_id(below.as_ref(), &diff_id));
        below.clone()
    })
}

fn chain_id(below: Option<&Digest>, diff_id: &Digest) -> Digest {
    match below {
        None => diff_id.clone(),
        Some(below) => Digest::of(Algorithm::Sha256, format!("{below} {diff_id}").as_bytes()),
    }
}

/// Refuses to unpack an encrypted layer.
pub fn refuse_encrypted(d: &Descriptor, mode: Mode) -> Result<()> {
    if mode == Mode::Stored || !media_type::is_encrypted(&d.media_type) {
        return Ok(());
    }
    Err(Error::unsupported(format_args!(
        "layer of type {} is encrypted: only its stored bytes can be read",
        Escaped(&d.media_type)
    ))
    .with_digest(d.digest.text()))
}

/// Adds the URLs of a foreign layer that the source does not have.
pub fn name_urls(e: Error, d: &Descriptor) -> Error {
    if e.status() != Status::NotFound || d.urls().is_empty() {
        return e;
    }
    let urls = d.urls().iter().take(MAX_URLS_NAMED);
    let urls: Vec<_> = urls.map(|url| Escaped(&url).to_string()).collect();
    let more = match d.urls().len().saturating_sub(MAX_URLS_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    e.context(format_args!(
        "foreign layer, to be fetched from {}{more}",
        urls.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::Stream;
    use crate::text_list::TextList;
    use std::io::Cursor;

    struct Only(&'static [u8]);

    impl Loader for Only {
        fn open_root_manifest(&self, _: &Context) -> Result<Box<dyn Stream>> {
            Err(Error::not_found("no root"))
        }
        fn open_manifest(&self, _: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
            Err(Error::not_found("no manifests"))
        }
        fn open_blob(&self, digest: &Digest, _: &Context) -> Result<Box<dyn Stream>> {
            match Digest::of(Algorithm::Sha256, self.0) == *digest {
                true => Ok(Box::new(Cursor::new(self.0))),
                false => Err(Error::not_found("no such blob")),
            }
        }
    }

    fn text(text: &str) -> Text {
        Text::new(text).unwrap()
    }

    fn layer(media_type: &str, content: &[u8], diff_id: Option<Digest>) -> Layer {
        let digest = Digest::of(Algorithm::Sha256, content);
        let d = Descriptor::new(text(media_type), digest, content.len() as u64);
        Layer::new(Arc::new(d), diff_id, Arc::new(Only(b"content")))
    }

    fn open(layer: &Layer, mode: Mode) -> Result<()> {
        layer
            .open(mode, ReadOptions::default(), Arc::default())?
            .finish()
    }

    #[test]
    fn chain_ids_pass_over_layers_without_a_diff_id() {
        let of = |content: &[u8]| Digest::of(Algorithm::Sha256, content);
        let [a, b] = [of(b"a"), of(b"b")];
        let made = |diff_id: Option<&Digest>| layer("x/tar", b"content", diff_id.cloned());
        let mut layers = [made(None), made(Some(&a)), made(None), made(Some(&b))];
        stack(&mut layers, None);
        let both = of(format!("{a} {b}").as_bytes());
        let both_again = chain_ids([a.clone(), b.clone()].into_iter()).last();
        assert_eq!(both_again.as_ref(), Some(&both));
        let ids: Vec<_> = layers.iter().map(Layer::chain_id).collect();
        assert_eq!(ids, [None, Some(&a), None, Some(&both)]);
        // On other layers.
        let mut upper = [made(Some(&b))];
        assert_eq!(upper[0].chain_id(), Some(&b));
        stack(&mut upper, Some(&a));
        assert_eq!(upper[0].chain_id(), Some(&both));
    }

    #[test]
    fn without_a_diff_id_size_and_digest_are_checked() {
        open(&layer("x/tar", b"content", None), Mode::Uncompressed).unwrap();
        let other = Digest::of(Algorithm::Sha256, b"other");
        let e = open(&layer("x/tar", b"content", Some(other)), Mode::Uncompressed).unwrap_err();
        assert_eq!(e.status(), Status::DigestMismatch);
    }

    #[test]
    fn encrypted_layers_are_only_read_as_stored() {
        for (media_type, encrypted) in [
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                true,
            ),
            (
                "application/vnd.docker.image.rootfs.diff.tar.gzip+enc",
                true,
            ),
            ("application/vnd.oci.image.layer.v1.tar+encoded", false),
        ] {
            let layer = layer(media_type, b"content", None);
            open(&layer, Mode::Stored).unwrap();
            match open(&layer, Mode::Uncompressed) {
                Ok(()) => assert!(!encrypted, "{media_type}"),
                Err(e) => {
                    assert!(encrypted, "{media_type}");
                    assert_eq!(e.status(), Status::Unsupported);
                    assert!(e.message().contains("encrypted"), "{e}");
                }
            }
        }
    }

    #[test]
    fn the_error_for_a_missing_foreign_layer_names_its_urls() {
        let missing = layer("x/tar", b"missing", None);
        let e = open(&missing, Mode::Stored).unwrap_err();
        assert_eq!(&**e.message(), "no such blob");
        for (count, named, more) in [(1, 1, ""), (3, 3, ""), (5, 3, " and 2 more")] {
            let urls: TextList = (0..count)
                .map(|i| text(&format!("https://{i}/\n")))
                .collect();
            let d = (**missing.descriptor()).clone().with_urls(urls);
            let layer = Layer::new(Arc::new(d), None, missing.loader().clone());
            let e = open(&layer, Mode::Stored).unwrap_err();
            assert_eq!(e.status(), Status::NotFound);
            assert_eq!(e.message().matches("https://").count(), named, "{e}");
            assert!(e.message().contains("https://0/\\n"), "{e}");
            assert!(
                e.message().contains(&format!("{more}: no such blob")),
                "{e}"
            );
            assert!(e.digest().is_some());
        }
    }
}
