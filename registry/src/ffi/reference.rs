//! Image names, as libociimg reads them.

use super::kit::{c_text, error_of};
use crate::error::{Error, Result};
use crate::ociimg_sys::*;
use crate::reference::{Reference, Repository};
use crate::text::escaped;
use std::ffi::{CStr, c_char};
use std::ptr::null_mut;

pub fn reference(text: &str) -> Result<Reference> {
    let parts = parse(text)?;
    Ok(Reference::of_parts(
        parts.repository,
        parts.tag.as_deref(),
        parts.digest.as_deref(),
    ))
}

/// A name without tag and digest.
pub fn repository(text: &str) -> Result<Repository> {
    let parts = parse(text)?;
    match parts.tag.is_none() && parts.digest.is_none() {
        true => Ok(parts.repository),
        false => Err(Error::invalid(format!(
            "\"{}\" has a tag or digest, expected a repository",
            escaped(text)
        ))),
    }
}

struct Parts {
    repository: Repository,
    tag: Option<String>,
    digest: Option<String>,
}

fn parse(text: &str) -> Result<Parts> {
    let name = c_text(text);
    let (mut parsed, mut err) = (null_mut(), null_mut());
    // SAFETY: a text and two outputs; the reference is freed when its texts are copied.
    unsafe {
        if ociimg_reference_parse(name.as_ptr(), &raw mut parsed, &raw mut err) != OCIIMG_STATUS_OK
        {
            return Err(error_of(err));
        }
        let part = |of: unsafe extern "C" fn(*const ociimg_reference) -> *const c_char| {
            let text = of(parsed);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        };
        let registry = part(ociimg_reference_registry);
        let repository = part(ociimg_reference_repository);
        let (tag, digest) = (part(ociimg_reference_tag), part(ociimg_reference_digest));
        ociimg_reference_free(parsed);
        match (registry, repository) {
            (Some(registry), Some(name)) => Ok(Parts {
                repository: Repository { registry, name },
                tag,
                digest,
            }),
            _ => Err(Error::invalid(format!(
                "\"{}\" names no registry that can be asked",
                escaped(text)
            ))),
        }
    }
}
