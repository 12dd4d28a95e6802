//! Reads indexes and manifests; the fields decide which it is.

use super::descriptor::{DescriptorReader, UNREAD, no_media_type, platform_as_in_go};
use super::descriptor_list::DescriptorListBuilder;
use super::types::{BadChild, Child, Document, IndexDocument, ManifestDocument, Root};
use crate::descriptor::{Annotations, Descriptor};
use crate::error::{Error, Result};
use crate::json::{self, Checks, Defined, Fault, Parser, missing};
use crate::media_type::{self, Kind};
use crate::text::{Escaped, Text};
use std::sync::Arc;

/// The keys of both kinds: one that Go would match with a key of the other kind is just as
/// misleading.
const DEFINED: Defined = Defined::exactly(&[
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
]);

/// All that is defined in an index or a manifest.
#[derive(Default)]
struct Fields {
    schema_version: Option<i64>,
    version_is_null: bool,
    media_type: Option<Text>,
    artifact_type: Option<Text>,
    config: Option<Arc<Descriptor>>,
    layers: DescriptorListBuilder,
    children: Vec<Child>,
    subject: Option<Arc<Descriptor>>,
    annotations: Annotations,
    /// Whether the key is there, `null` too.
    has_manifests: bool,
    has_layers: bool,
    has_config: bool,
    has_fs_layers: bool,
    has_history: bool,
}

impl Document {
    /// Reads an index or manifest. Keeps at most `max_children` + 1 children of an index: a
    /// walk visits no more.
    pub fn parse(document: &[u8], max_children: u32) -> Result<Self> {
        Ok(json::document(document, |p| Fields::read(p, max_children))?.document()?)
    }
}

impl Root {
    /// As [`Document::parse`], but a document whose own media type is not that of an index
    /// or manifest is unknown, whatever its fields.
    pub fn parse(document: &[u8], max_children: u32) -> Result<Self> {
        let media_type = |p: &mut Parser<'_>| {
            let mut media_type = None;
            p.object(Defined::exactly(&["mediaType"]), |p, _| {
                media_type = p.optional_text()?;
                Ok(())
            })?;
            Ok(media_type)
        };
        let read = json::document(document, |p| p.recover(|p| Fields::read(p, max_children)))?;
        let of_other_type = |media_type: &Text| media_type::kind(media_type) == Kind::Other;
        match read {
            Ok(fields) => match fields.media_type {
                Some(media_type) if of_other_type(&media_type) => Ok(Self::Unknown(media_type)),
                _ => Ok(Self::Document(fields.document()?)),
            },
            Err(fault) => match json::document(document, media_type) {
                Ok(Some(media_type)) if of_other_type(&media_type) => Ok(Self::Unknown(media_type)),
                _ => Err(fault.into()),
            },
        }
    }
}

impl Fields {
    fn read(p: &mut Parser<'_>, max_children: u32) -> Result<Self, Fault> {
        let mut fields = Self::default();
        let mut descriptors = DescriptorReader::default();
        p.object(DEFINED, |p, name| {
            match name {
                "schemaVersion" => {
                    fields.schema_version = p.optional(Parser::integer)?;
                    fields.version_is_null = fields.schema_version.is_none();
                }
                "mediaType" => fields.media_type = p.optional_text()?,
                "artifactType" => fields.artifact_type = p.optional_text()?,
                "annotations" => {
                    fields.annotations = p.optional(Parser::text_map)?.unwrap_or_default();
                }
                "manifests" => {
                    fields.has_manifests = true;
                    p.optional(|p| fields.read_children(p, &mut descriptors, max_children))?;
                }
                "config" => {
                    fields.has_config = true;
                    let config = p.optional(|p| descriptors.read_config(p))?;
                    fields.config = config.map(Arc::new);
                }
                "layers" => {
                    fields.has_layers = true;
                    p.optional(|p| p.list(|p| fields.layers.read(p, &mut descriptors)))?;
                }
                "subject" => {
                    let subject = p.optional(|p| descriptors.read_checked(p))?;
                    fields.subject = subject.map(Arc::new);
                }
                "fsLayers" => {
                    fields.has_fs_layers = true;
                    p.skip(UNREAD)?;
                }
                _ => {
                    fields.has_history = true;
                    p.skip(UNREAD)?;
                }
            }
            Ok(())
        })?;
        Ok(fields)
    }

    fn read_children(
        &mut self,
        p: &mut Parser<'_>,
        descriptors: &mut DescriptorReader,
        max_children: u32,
    ) -> Result<(), Fault> {
        let children = &mut self.children;
        p.list(|p| {
            if children.len() > max_children as usize {
                return p.skip(Checks::default());
            }
            let i = children.len();
            let bad = |descriptor, platform, fault: Fault| {
                Box::new(BadChild {
                    descriptor,
                    platform,
                    error: fault.at(i).under("manifests").into(),
                })
            };
            let child = match p.recover_text(|p| descriptors.read(p))?.map(Arc::new) {
                Ok(d) => match d.check_data() {
                    Ok(()) => Ok(d),
                    Err(e) => Err(bad(Some(d), None, Fault::from(e).under("data"))),
                },
                Err((fault, text)) => {
                    let platform = platform_as_in_go(text).map(Arc::new);
                    Err(bad(None, platform, fault))
                }
            };
            children.push(child);
            Ok(())
        })?;
        children.shrink_to_fit();
        Ok(())
    }

    /// The document that the fields make.
    fn document(self) -> Result<Document, Fault> {
        let written = self.media_type.as_deref().map(media_type::kind);
        let manifest_keys = [
            (self.has_layers, "layers"),
            (self.has_config, "config"),
            (self.has_fs_layers, "fsLayers"),
            (self.has_history, "history"),
        ];
        let manifest_key = manifest_keys.iter().find(|(is_there, _)| *is_there);
        let kind = match (self.has_manifests, manifest_key) {
            (true, Some((_, key))) => {
                return Err(Fault::malformed(format_args!(
                    "found \"manifests\" beside \"{key}\", expected an index or a manifest"
                )));
            }
            (true, None) => Kind::Index,
            (false, Some(_)) => Kind::Manifest,
            (false, None) if written == Some(Kind::Schema1) => Kind::Schema1,
            (false, None) => {
                let and = match self.media_type {
                    None => ", and no \"mediaType\"",
                    Some(_) => "",
                };
                return Err(Fault::malformed(format_args!(
                    "found neither \"manifests\" nor \"layers\"{and}, expected an index or a \
                     manifest"
                )));
            }
        };
        self.check_version(written)?;
        if matches!(written, Some(Kind::Index | Kind::Manifest)) && written != Some(kind) {
            return Err(Fault::malformed(format_args!(
                "found mediaType \"{}\", expected that of {kind}, as its fields are",
                Escaped(self.media_type.as_deref().unwrap_or_default()),
            )));
        }
        if kind == Kind::Index {
            return Ok(Document::Index(IndexDocument {
                media_type: self.media_type,
                children: self.children,
            }));
        }
        let config = self
            .config
            .ok_or_else(|| missing("config", self.has_config))?;
        let is_docker = |written: &Text| media_type::is_docker_manifest(written);
        if config.media_type.is_empty() && !self.media_type.as_ref().is_none_or(is_docker) {
            return Err(no_media_type().under("mediaType").under("config"));
        }
        if !self.has_layers {
            return Err(Fault::malformed("found nothing, expected a list").under("layers"));
        }
        Ok(Document::Manifest(ManifestDocument {
            media_type: self.media_type,
            artifact_type: self.artifact_type,
            config,
            layers: self.layers.finish(),
            subject: self.subject,
            annotations: self.annotations,
        }))
    }

    fn check_version(&self, written: Option<Kind>) -> Result<(), Fault> {
        let schema1 = self.schema_version == Some(1) && (self.has_fs_layers || self.has_history);
        if schema1 || written == Some(Kind::Schema1) {
            return Err(Error::unsupported(
                "found a Docker schema 1 manifest, expected an OCI or Docker schema 2 document",
            )
            .into());
        }
        match (self.schema_version, written) {
            (Some(2), _) => Ok(()),
            (None, Some(Kind::Index | Kind::Manifest)) if !self.version_is_null => Ok(()),
            (Some(version), _) => Err(Fault::malformed(format_args!(
                "found {version}, expected 2"
            ))
            .under("schemaVersion")),
            (None, _) => Err(missing("schemaVersion", self.version_is_null)),
        }
    }
}
