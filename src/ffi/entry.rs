//! Entries of an index: kind, platform, descriptor, error and name.

use self::ociimg_entry_kind_values::*;
use super::descriptor::ociimg_descriptor;
use super::error::ociimg_error;
use super::index::ociimg_index;
use super::kit::get::{get, get_new, get_text};
use super::platform::ociimg_platform;
use crate::load::EntryKind;
use libc::{c_char, size_t};

/// The kind of an entry of an index: one of the OCIIMG_ENTRY_KIND_ constants. More may be
/// added: take an unknown number as OCIIMG_ENTRY_KIND_UNKNOWN.
pub type ociimg_entry_kind = i32;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The values of ociimg_entry_kind.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_entry_kind_values {
    /// No entry: beyond the end, or index NULL.
    OCIIMG_ENTRY_KIND_NONE = 0,
    /// An image.
    OCIIMG_ENTRY_KIND_IMAGE = 1,
    /// A manifest about another, as BuildKit writes them.
    OCIIMG_ENTRY_KIND_ATTESTATION = 2,
    /// A manifest whose config is no image config.
    OCIIMG_ENTRY_KIND_ARTIFACT = 3,
    /// A media type that is neither manifest nor index.
    OCIIMG_ENTRY_KIND_UNKNOWN = 4,
    /// Could not be read or understood: see ociimg_index_entry_error.
    OCIIMG_ENTRY_KIND_BROKEN = 5,
}

/// Returns the kind of the entry; it never changes. OCIIMG_ENTRY_KIND_NONE beyond the end.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_entry_kind(
    index: Option<&ociimg_index>,
    i: size_t,
) -> ociimg_entry_kind {
    let kind = get(index, None, |index| Some(index.0.entries().get(i)?.kind));
    let value = match kind {
        None => OCIIMG_ENTRY_KIND_NONE,
        Some(EntryKind::Image) => OCIIMG_ENTRY_KIND_IMAGE,
        Some(EntryKind::Attestation) => OCIIMG_ENTRY_KIND_ATTESTATION,
        Some(EntryKind::Artifact) => OCIIMG_ENTRY_KIND_ARTIFACT,
        Some(EntryKind::Unknown) => OCIIMG_ENTRY_KIND_UNKNOWN,
        Some(EntryKind::Broken) => OCIIMG_ENTRY_KIND_BROKEN,
    };
    value as ociimg_entry_kind
}

/// The platform that the entry is for: as written in its descriptor, else its config's;
/// NULL where it has none. The caller frees it with ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_entry_platform(
    index: Option<&ociimg_index>,
    i: size_t,
) -> *mut ociimg_platform {
    get_new(index, |index| {
        let entry = index.0.entries().get(i)?;
        entry.descriptor.as_ref()?;
        Some(entry.platform.clone()?.into())
    })
}

/// The entry's descriptor; that of a single manifest is made from its bytes. NULL beyond
/// the end, and for a BROKEN entry whose descriptor could not be read. The caller frees it
/// with ociimg_descriptor_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_entry_descriptor(
    index: Option<&ociimg_index>,
    i: size_t,
) -> *mut ociimg_descriptor {
    get_new(index, |index| {
        let descriptor = index.0.entries().get(i)?.descriptor.clone()?;
        Some(ociimg_descriptor(descriptor))
    })
}

/// Why the entry is BROKEN: OCIIMG_STATUS_NOT_FOUND, OCIIMG_STATUS_UNSUPPORTED,
/// OCIIMG_STATUS_MALFORMED, OCIIMG_STATUS_DIGEST_MISMATCH, OCIIMG_STATUS_SIZE_MISMATCH or
/// OCIIMG_STATUS_LIMIT_EXCEEDED. NULL for any other entry. The caller frees it with
/// ociimg_error_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_entry_error(
    index: Option<&ociimg_index>,
    i: size_t,
) -> *mut ociimg_error {
    get_new(index, |index| {
        let error = index.0.entries().get(i)?.error.clone()?;
        Some(error.into())
    })
}

/// Returns the name under which the root offers the entry, or the index that it is nested
/// in: of a docker-save archive the tag as written, else the annotation
/// io.containerd.image.name of the root's descriptor, else its annotation
/// org.opencontainers.image.ref.name. NULL where it has none, and beyond the end. Lives as
/// long as the index.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_index_entry_name(
    index: Option<&ociimg_index>,
    i: size_t,
) -> *const c_char {
    get_text(index, |index| index.0.entry_name(i))
}

/// Returns the name of an entry kind, "IMAGE"; "UNKNOWN" for a number that has none.
/// Static text.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_entry_kind_name(kind: ociimg_entry_kind) -> *const c_char {
    let names = [
        (OCIIMG_ENTRY_KIND_NONE, c"NONE"),
        (OCIIMG_ENTRY_KIND_IMAGE, c"IMAGE"),
        (OCIIMG_ENTRY_KIND_ATTESTATION, c"ATTESTATION"),
        (OCIIMG_ENTRY_KIND_ARTIFACT, c"ARTIFACT"),
        (OCIIMG_ENTRY_KIND_UNKNOWN, c"UNKNOWN"),
        (OCIIMG_ENTRY_KIND_BROKEN, c"BROKEN"),
    ];
    let name = names
        .iter()
        .find(|(value, _)| *value as ociimg_entry_kind == kind);
    name.map_or(c"UNKNOWN", |(_, name)| name).as_ptr()
}
