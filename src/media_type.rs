//! Media types: what a descriptor says that its content is.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md>, and of
//! Docker's <https://distribution.github.io/distribution/spec/manifest-v2-2/>.


pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
