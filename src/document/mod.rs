//! The documents that make an image's tree, as JSON: [`read`](Document::parse) strictly, and
//! written so that the same content gives the same bytes.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md> and
//! `manifest.md`; Docker's <https://distribution.github.io/distribution/spec/manifest-v2-2/>.

mod config;
mod descriptor;
mod descriptor_list;
pub mod layout;
mod read;
mod types;
pub mod write;

pub use descriptor::DescriptorReader;
pub use descriptor_list::DescriptorList;
pub use types::ManifestDocument as Manifest;
pub use types::{BadChild, Child, Document, IndexDocument, ManifestDocument, Root};
