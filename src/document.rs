//! The documents that make an image's tree: indexes and manifests, read as what they are
//! by their fields.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md> and
//! `manifest.md`; Docker's <https://distribution.github.io/distribution/spec/manifest-v2-2/>.

use crate::descriptor::{Annotations, Descriptor, Shared};
use crate::error::{Error, Result};
use crate::json::{self, Fault, Object, Value};
use crate::media_type::{self, Kind};
use crate::text::{Escaped, Text};
use oci_spec::image::MediaType;
use std::sync::Arc;

/// Of both kinds: a key that Go would take for one of the other kind is as misleading.
const DEFINED: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "fsLayers",
    "history",
];
/// The keys that make a document a manifest, or make believe that it were one.
const MANIFEST_KEYS: &[&str] = &["layers", "config", "fsLayers", "history"];

#[derive(Debug)]
pub enum Document {
    Index(Index),
    Manifest(Manifest),
}

#[derive(Debug)]
pub struct Index {
    /// As written, if it was.
    pub media_type: Option<Text>,
    /// The manifests and indexes named, in order; what is wrong with one concerns no other.
    pub children: Vec<Result<Arc<Descriptor>, BadChild>>,
}

/// A child of an index that cannot be followed.
#[derive(Debug)]
pub struct BadChild {
    /// `None` where it could not even be read; there where its embedded data is not what
    /// it says.
    pub descriptor: Option<Arc<Descriptor>>,
    pub error: Error,
}

#[derive(Debug)]
pub struct Manifest {
    /// As written, if it was.
    pub media_type: Option<Text>,
    pub config: Descriptor,
    pub layers: Vec<Arc<Descriptor>>,
    pub annotations: Annotations,
}

impl Document {
    /// Reads an index or manifest. Of an index at most `most_children` and one more are
    /// kept: nobody may visit more.
    pub fn parse(document: &[u8], most_children: u32) -> Result<Self> {
        let object = json::parse(document)?.object(DEFINED)?;
        let media_type = object.text("mediaType")?;
        let written = media_type.as_deref().map(media_type::kind);

        let manifest_key = MANIFEST_KEYS.iter().find(|key| object.has(key));
        let kind = match (object.has("manifests"), manifest_key) {
            (true, Some(key)) => {
                return Err(malformed(format_args!(
                    "found \"manifests\" beside \"{key}\", expected an index or a manifest"
                )));
            }
            (true, None) => Kind::Index,
            (false, Some(_)) => Kind::Manifest,
            (false, None) if written == Some(Kind::Schema1) => Kind::Schema1,
            (false, None) => {
                return Err(malformed(
                    "found neither \"manifests\" nor \"layers\", expected an index or a manifest",
                ));
            }
        };
        check_version(&object, written)?;
        object.text("artifactType")?;
        object.pass_over(&["subject", "fsLayers", "history"])?;
        if matches!(written, Some(Kind::Index | Kind::Manifest)) && written != Some(kind) {
            return Err(malformed(format_args!(
                "found mediaType \"{}\", expected that of {}, as its fields are",
                Escaped(media_type.as_deref().unwrap_or_default()),
                kind,
            )));
        }
        Ok(match kind {
            Kind::Index => Self::Index(Index::read(&object, media_type, most_children)?),
            _ => Self::Manifest(Manifest::read(&object, media_type)?),
        })
    }
}

impl Index {
    fn read(
        object: &Object<'_>,
        media_type: Option<Text>,
        most_children: u32,
    ) -> Result<Self, Fault> {
        object.map("annotations", Value::text)?;
        let mut shared = Shared::default();
        let mut children = Vec::new();
        object.optional("manifests", |list| {
            list.each(|value| {
                if children.len() <= most_children as usize {
                    let bad = |descriptor, fault: Fault| BadChild {
                        descriptor,
                        error: fault.at(children.len()).under("manifests").into(),
                    };
                    let child = match Descriptor::read(value, &mut shared).map(Arc::new) {
                        Ok(d) => d
                            .check_data()
                            .map_err(|f| bad(Some(d.clone()), f))
                            .map(|()| d),
                        Err(f) => Err(bad(None, f)),
                    };
                    children.push(child);
                }
                Ok(())
            })
        })?;
        Ok(Self {
            media_type,
            children,
        })
    }
}

impl Manifest {
    fn read(object: &Object<'_>, media_type: Option<Text>) -> Result<Self, Fault> {
        let mut shared = Shared::default();
        let mut descriptor = |value| {
            let d = Descriptor::read(value, &mut shared)?;
            d.check_data()?;
            Ok(d)
        };
        let config = object.required("config", &mut descriptor)?;
        if !object.has("layers") {
            return Err(Fault::malformed("found nothing, expected a list").under("layers"));
        }
        let layers = object.list("layers", |v| descriptor(v).map(Arc::new))?;
        Ok(Self {
            media_type,
            config,
            layers,
            annotations: object
                .map("annotations", Value::text)?
                .into_iter()
                .collect(),
        })
    }

    /// The type that the manifest has by itself: as written, if that is a manifest's, else
    /// OCI's, since Docker's demands that it be written.
    pub fn own_media_type(&self) -> Text {
        let written = self.media_type.clone();
        written
            .filter(|written| media_type::kind(written) == Kind::Manifest)
            .unwrap_or_else(|| {
                Text::new(MediaType::ImageManifest.as_ref()).expect("a media type has no NUL")
            })
    }
}

fn check_version(object: &Object<'_>, written: Option<Kind>) -> Result<()> {
    let version = object.optional("schemaVersion", Value::integer)?;
    let schema1 = version == Some(1) && (object.has("fsLayers") || object.has("history"));
    if schema1 || written == Some(Kind::Schema1) {
        return Err(Error::unsupported(
            "found a Docker schema 1 manifest, expected an OCI or Docker schema 2 document",
        ));
    }
    match object.required("schemaVersion", Value::integer)? {
        2 => Ok(()),
        version => Err(malformed(format_args!(
            "schemaVersion: found {version}, expected 2"
        ))),
    }
}

fn malformed(message: impl std::fmt::Display) -> Error {
    Error::malformed(message)
}
