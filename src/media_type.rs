//! Media types: the declared kind of a descriptor's content.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md>, and of
//! Docker's <https://distribution.github.io/distribution/spec/manifest-v2-2/>.

use oci_spec::image::MediaType;
use std::fmt;

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The kinds of document that descriptors lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An OCI image index or a Docker manifest list.
    Index,
    /// An OCI image manifest or a Docker v2 schema 2 manifest.
    Manifest,
    /// A Docker v2 schema 1 manifest, which is not supported.
    Schema1,
    /// Neither manifest nor index.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "an index",
            Self::Manifest => "a manifest",
            Self::Schema1 => "a Docker schema 1 manifest",
            Self::Other => "neither manifest nor index",
        })
    }
}

/// The supported media types of a kind of document, OCI's first.
pub fn supported(kind: Kind) -> Vec<String> {
    let (oci, docker) = match kind {
        Kind::Index => (MediaType::ImageIndex, DOCKER_MANIFEST_LIST),
        Kind::Manifest => (MediaType::ImageManifest, DOCKER_MANIFEST),
        Kind::Schema1 | Kind::Other => return Vec::new(),
    };
    vec![oci.to_string(), docker.to_owned()]
}

pub fn kind(media_type: &str) -> Kind {
    match media_type {
        _ if is(media_type, MediaType::ImageIndex) => Kind::Index,
        _ if is(media_type, MediaType::ImageManifest) => Kind::Manifest,
        DOCKER_MANIFEST_LIST => Kind::Index,
        DOCKER_MANIFEST => Kind::Manifest,
        DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED => Kind::Schema1,
        _ => Kind::Other,
    }
}

/// Compares as text: making a [`MediaType`] copies it, which may be megabytes.
#[inline]
fn is(media_type: &str, name: MediaType) -> bool {
    media_type == name.as_ref()
}

/// Whether it is the type of an image's config, in a manifest of type `manifest`.
///
/// Old Docker daemons and registries wrote configs of other types. In an OCI manifest those
/// types have no meaning.
pub fn is_image_config(media_type: &str, manifest: &str) -> bool {
    const OF_OLD_DAEMONS: [&str; 4] = [
        "application/octet-stream",
        "application/json",
        "text/html",
        "",
    ];
    is(media_type, MediaType::ImageConfig)
        || media_type == DOCKER_CONFIG
        || (is_docker_manifest(manifest) && OF_OLD_DAEMONS.contains(&media_type))
}

/// Whether it is the type of a Docker v2 schema 2 manifest.
pub fn is_docker_manifest(media_type: &str) -> bool {
    media_type == DOCKER_MANIFEST
}

/// Whether a layer has one of the types that the OCI or Docker specification defines,
/// encrypted or not. Only such layers have a diff ID for certain.
pub fn is_layer(media_type: &str) -> bool {
    let plain = media_type
        .strip_suffix("+encrypted")
        .or_else(|| media_type.strip_suffix("+enc"))
        .unwrap_or(media_type);
    let rest = oci_layer(plain).strip_prefix("application/vnd.oci.image.layer.");
    let rest = rest.map(|rest| rest.strip_prefix("nondistributable.").unwrap_or(rest));
    matches!(rest, Some("v1.tar" | "v1.tar+gzip" | "v1.tar+zstd"))
}

/// Whether content of this type is encrypted, by the suffix that ocicrypt (`+encrypted`)
/// or Docker's tools (`+enc`) add.
pub fn is_encrypted(media_type: &str) -> bool {
    media_type.ends_with("+encrypted") || media_type.ends_with("+enc")
}

/// The OCI name of a Docker layer type; any other type is its own name.
pub fn oci_layer(media_type: &str) -> &str {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar" => "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => {
            "application/vnd.oci.image.layer.v1.tar+gzip"
        }
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => {
            "application/vnd.oci.image.layer.v1.tar+zstd"
        }
        "application/vnd.docker.image.rootfs.foreign.diff.tar" => {
            "application/vnd.oci.image.layer.nondistributable.v1.tar"
        }
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => {
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        }
        "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd" => {
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_known_by_their_types() {
        for name in [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd+encrypted",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip+enc",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ] {
            assert!(is_layer(name), "{name}");
        }
        for name in [
            "",
            "application/wasm",
            "application/vnd.oci.image.layer.v1.tar+wasm",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.wasm.content.layer.v1+wasm",
        ] {
            assert!(!is_layer(name), "{name}");
        }
    }

    #[test]
    fn configs_of_old_daemons_count_in_docker_manifests_alone() {
        for name in [
            "application/octet-stream",
            "application/json",
            "text/html",
            "",
        ] {
            assert!(is_image_config(name, DOCKER_MANIFEST), "{name}");
            assert!(
                !is_image_config(name, MediaType::ImageManifest.as_ref()),
                "{name}"
            );
        }
        for manifest in [DOCKER_MANIFEST, MediaType::ImageManifest.as_ref()] {
            assert!(is_image_config(DOCKER_CONFIG, manifest));
            assert!(is_image_config(MediaType::ImageConfig.as_ref(), manifest));
            assert!(!is_image_config("text/plain", manifest));
        }
    }
}
