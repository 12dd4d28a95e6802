//! Content of a mirror, which is never trusted: it is compared with its digest if it fits
//! into memory, and after any fault the next server is used.

use crate::cancel::Cancel;
use crate::client::{Call, Client, Place};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::manifest;
use crate::transfer::{Body, Method};
use crate::web::Answer;
use sha2::{Digest, Sha256, Sha512};

/// Blobs up to this size are compared before any of their bytes is given out.
const MAX_WHOLE: u64 = 1024 * 1024;

pub enum Found {
    Whole(Vec<u8>),
    /// It is there, and too large to be held in memory: its beginning, as far as it was read,
    /// and the rest.
    Large(Vec<u8>, Answer),
    Nothing,
}

pub fn manifest(
    client: &Client,
    endpoint: &Endpoint,
    digest: &str,
    media_types: &str,
    ctx: &dyn Cancel,
) -> Result<Option<Vec<u8>>> {
    match manifest::try_once(client, endpoint, digest, media_types, ctx) {
        Ok(manifest) if !manifest.is_too_large && fits(&manifest.bytes, digest) => {
            Ok(Some(manifest.bytes))
        }
        Ok(_) => Ok(None),
        Err(trouble) => passed_over(trouble.into_error()).map(|()| None),
    }
}

pub fn blob(client: &Client, endpoint: &Endpoint, digest: &str, ctx: &dyn Cancel) -> Result<Found> {
    let path = format!("blobs/{digest}");
    let call = Call {
        method: Method::Get,
        endpoint,
        place: Place::Path(&path),
        scope: &endpoint.scope("pull"),
        headers: &[],
        body: Body::None,
    };
    let mut answer = match client.try_once(&call, ctx) {
        Ok(answer) if answer.head.status == 200 => answer,
        Ok(_) => return Ok(Found::Nothing),
        Err(trouble) => return passed_over(trouble.into_error()).map(|()| Found::Nothing),
    };
    let length = answer.head.content_length();
    if length.is_some_and(|length| length > MAX_WHOLE) {
        return Ok(Found::Large(Vec::new(), answer));
    }
    match answer.read_beyond(MAX_WHOLE, ctx) {
        // Without a length it may turn out to be large.
        Ok(bytes) if bytes.len() as u64 > MAX_WHOLE => Ok(Found::Large(bytes, answer)),
        Ok(bytes) if fits(&bytes, digest) => Ok(Found::Whole(bytes)),
        _ if ctx.is_cancelled() => Err(Error::cancelled()),
        _ => Ok(Found::Nothing),
    }
}

fn passed_over(error: Error) -> Result<()> {
    match error.status() {
        Status::Cancelled => Err(error),
        _ => Ok(()),
    }
}

/// Whether the bytes have this digest. Of algorithms that are not known here the reader finds
/// out.
fn fits(bytes: &[u8], digest: &str) -> bool {
    let is = |hash: &[u8], hex: &str| {
        let text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        text == hex
    };
    match digest.split_once(':') {
        Some(("sha256", hex)) => is(&Sha256::digest(bytes), hex),
        Some(("sha512", hex)) => is(&Sha512::digest(bytes), hex),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_compared_with_its_digest() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(fits(b"", empty));
        assert!(!fits(b"a", empty));
    }
}
