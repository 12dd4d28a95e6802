//! The root of a load.

use super::options::LoadOptions;
use super::stream::drain;
use super::verified::Verified;
use crate::context::Context;
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result};
use crate::loader::Loader;

/// Reads the bytes of the root; also returns whether they were checked against a digest
/// known beforehand.
pub fn read_root(
    loader: &dyn Loader,
    options: &LoadOptions,
    ctx: &Context,
) -> Result<(Verified<()>, bool)> {
    ctx.check()?;
    let known = match &options.root_digest {
        Some(required) => Some(required.clone()),
        None => match loader.root_digest(ctx)? {
            Some(text) => Some(
                Digest::parse(&text)
                    .map_err(|e| Error::malformed(e).context("the root's digest"))?,
            ),
            None => None,
        },
    };
    let algorithm = match &known {
        Some(digest) => digest
            .algorithm()
            .map_err(|e| e.context("the root's digest"))?,
        None => Algorithm::Sha256,
    };
    let concern = |e: Error| match &known {
        Some(digest) => e.with_digest(digest.text()),
        None => e,
    };
    let at_root = |e: Error| e.at(&place(loader));
    ctx.check()?;
    let mut stream = loader.open_root_manifest(ctx).map_err(concern)?;
    let max = options.max_document_size.min(options.max_total_size);
    let (pieces, end) = drain(&mut *stream, max, ctx);
    drop(stream);
    end.map_err(concern)?;
    if pieces.len() > max {
        return Err(at_root(concern(Error::limit_exceeded(format_args!(
            "found more than {max} bytes, expected at most that many"
        )))));
    }
    let bytes = pieces.join();
    let digest = Digest::of(algorithm, &bytes);
    if let Some(known) = &known {
        known.expect(&digest).map_err(at_root)?;
    }
    let root = Verified {
        bytes,
        digest,
        content: (),
    };
    Ok((root, known.is_some()))
}

/// The root's name in messages: its file, where the source has files.
pub fn place(loader: &dyn Loader) -> String {
    loader.root_file().unwrap_or_else(|| "root".to_owned())
}
