//! Manifests and indexes, read completely.

use crate::cancel::Cancel;
use crate::client::{Call, Client, Place};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::retry::Trouble;
use crate::transfer::{Body, Method};

pub struct Manifest {
    pub bytes: Vec<u8>,
    /// Whether it is larger than the limit; then `bytes` ends one byte beyond the limit, so
    /// that a reader with the same limit sees for itself that it is too large.
    pub is_too_large: bool,
}

/// By tag or digest. The media types are of what is understood.
pub fn get(
    client: &Client,
    endpoint: &Endpoint,
    reference: &str,
    media_types: &str,
    ctx: &dyn Cancel,
) -> Result<Manifest> {
    let mut retries = client.retries();
    loop {
        match try_once(client, endpoint, reference, media_types, ctx) {
            Ok(manifest) => return Ok(manifest),
            Err(trouble) => retries.wait(trouble, ctx)?,
        }
    }
}

pub fn try_once(
    client: &Client,
    endpoint: &Endpoint,
    reference: &str,
    media_types: &str,
    ctx: &dyn Cancel,
) -> Result<Manifest, Trouble> {
    let path = format!("manifests/{reference}");
    let headers = [format!("Accept: {media_types}")];
    let call = Call {
        method: Method::Get,
        endpoint,
        place: Place::Path(&path),
        scope: &endpoint.scope("pull"),
        headers: &headers,
        body: Body::None,
    };
    let limit = client.max_manifest_size;
    let mut answer = client.try_once(&call, ctx)?;
    if answer.head.status != 200 {
        return Err(client.web.refused(answer, ctx));
    }
    let bytes = answer
        .read_to_end(limit, ctx)
        .map_err(|failure| client.web.trouble(answer.method, &answer.url, &failure))?;
    let is_too_large = bytes.len() as u64 > limit;
    Ok(Manifest {
        bytes,
        is_too_large,
    })
}

pub fn too_large(reference: &str, limit: u64) -> Error {
    Error::limit_exceeded(format!(
        "manifest {reference}: larger than the limit of {limit} bytes"
    ))
}
