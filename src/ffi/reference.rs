//! Image names.

use super::error::{ociimg_error, ociimg_status};
use super::kit::get::get_text;
use super::kit::handle::{free, invalid};
use super::kit::outcome::create;
use super::kit::text::{required_text, text_of_caller};
use crate::reference::Reference;
use crate::text::Text;
use libc::c_char;

/// The name of an image by its parts. Immutable; several threads may read one at once.
/// Freed with ociimg_reference_free.
pub struct ociimg_reference {
    registry: Option<Text>,
    repository: Text,
    tag: Option<Text>,
    digest: Option<Text>,
    format: Text,
    familiar: Text,
}

impl From<Reference> for ociimg_reference {
    fn from(reference: Reference) -> Self {
        let registry = Some(&*reference.registry).filter(|registry| !registry.is_empty());
        Self {
            registry: registry.map(text_of_caller),
            repository: text_of_caller(&reference.repository),
            tag: reference.tag.as_deref().map(text_of_caller),
            digest: reference
                .digest
                .as_ref()
                .map(|digest| digest.text().clone()),
            format: text_of_caller(&reference.to_string()),
            familiar: text_of_caller(&reference.familiar()),
        }
    }
}

/// Parses the name of an image by Docker's rules: "busybox" is
/// "docker.io/library/busybox", "index.docker.io" another name of "docker.io"; a first part
/// with a dot, a port or capitals, "localhost" and an IPv6 address in brackets
/// ("[::1]:5000/a") are registries; a tag and a digest may both be there. No tag is added.
/// text is copied. The caller frees *out with ociimg_reference_free. Any thread; runs no
/// callbacks.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT for an invalid name (also NULL, "", text that is
/// not UTF-8, 64 hexadecimal digits, which are the ID of an image, and a digest of another
/// algorithm than sha256, sha512 and blake3); the message names the part that is wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_reference_parse(
    text: *const c_char,
    out: *mut *mut ociimg_reference,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a C string or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let text = required_text(text, "text")?;
            Ok(Reference::parse(text).map_err(invalid)?.into())
        })
    }
}

/// Its registry: host, and port if it has one. NULL where the first part of the name cannot
/// be a host ("my_host.local/a"), so that Docker treats all of it as the repository. Lives
/// as long as the reference.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reference_registry(reference: Option<&ociimg_reference>) -> *const c_char {
    get_text(reference, |reference| reference.registry.as_ref())
}

/// Its repository: "library/busybox" for "busybox". Lives as long as the reference.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reference_repository(
    reference: Option<&ociimg_reference>,
) -> *const c_char {
    get_text(reference, |reference| Some(&reference.repository))
}

/// Its tag, or NULL where it has none. Lives as long as the reference.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reference_tag(reference: Option<&ociimg_reference>) -> *const c_char {
    get_text(reference, |reference| reference.tag.as_ref())
}

/// Its digest, or NULL where it has none. Lives as long as the reference.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reference_digest(reference: Option<&ociimg_reference>) -> *const c_char {
    get_text(reference, |reference| reference.digest.as_ref())
}

/// The full name, which parses as the same reference:
/// "docker.io/library/busybox:1@sha256:...". Lives as long as the reference.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reference_format(reference: Option<&ociimg_reference>) -> *const c_char {
    get_text(reference, |reference| Some(&reference.format))
}

/// The short form, without "docker.io/" and "library/" if it parses as the same reference:
/// "busybox:1". Lives as long as the reference.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_reference_familiar(reference: Option<&ociimg_reference>) -> *const c_char {
    get_text(reference, |reference| Some(&reference.familiar))
}

/// Frees a reference; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_reference_free(reference: *mut ociimg_reference) {
    // SAFETY: a reference of ours or NULL, given back once.
    unsafe { free(reference) }
}
