//! Opens what a descriptor names, and reads streams to their end.

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::error::Result;
use crate::loader::{Loader, Stream, at_most};
use crate::media_type::Kind;
use std::io::Cursor;
use std::sync::Arc;

/// Opens the content that a descriptor names: its embedded data, or what the loader has for
/// it. Manifests and indexes come from `open_manifest`, everything else from `open_blob`.
pub fn open(
    loader: &dyn Loader,
    d: &Descriptor,
    kind: Kind,
    ctx: &Context,
) -> Result<Box<dyn Stream>> {
    ctx.check()?;
    if let Some(data) = d.data() {
        return Ok(Box::new(Cursor::new(data.clone())));
    }
    match kind {
        Kind::Index | Kind::Manifest | Kind::Schema1 => loader.open_manifest(&d.digest, ctx),
        Kind::Other => loader.open_blob(&d.digest, ctx),
    }
    .map_err(|e| e.with_digest(d.digest.text()))
}

/// The most bytes that one call asks of a stream.
const CHUNK: usize = 64 << 10;

/// Bytes of a stream of unknown length, in the pieces in which they were read.
#[derive(Default)]
pub struct Pieces {
    pieces: Vec<Vec<u8>>,
    len: u64,
}

impl Pieces {
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn append(&mut self, mut rest: Self) {
        self.pieces.append(&mut rest.pieces);
        self.len += rest.len;
    }

    /// All bytes in one place.
    pub fn join(self) -> Arc<[u8]> {
        if let [piece] = &*self.pieces {
            return piece.as_slice().into();
        }
        let len = self.pieces.iter().map(Vec::len).sum();
        let mut joined: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
        let mut rest = Arc::get_mut(&mut joined).expect("nobody else has it");
        for piece in self.pieces {
            let (start, end) = rest.split_at_mut(piece.len());
            start.copy_from_slice(&piece);
            rest = end;
        }
        joined
    }
}

/// Reads a stream to its end, but at most `max` + 1 bytes; also returns the bytes before a
/// failure. Memory grows with the bytes received, never with an announced size.
pub fn drain(stream: &mut dyn Stream, max: u64, ctx: &Context) -> (Pieces, Result<()>) {
    let max = max.saturating_add(1);
    let mut read = Pieces::default();
    loop {
        let left = max - read.len;
        let room = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        if room == 0 {
            return (read, Ok(()));
        }
        let mut piece = vec![0; room];
        let (len, end) = fill(stream, &mut piece, ctx);
        piece.truncate(len);
        piece.shrink_to_fit();
        read.len += len as u64;
        if len > 0 {
            read.pieces.push(piece);
        }
        match end {
            Ok(false) => {}
            Ok(true) => return (read, Ok(())),
            Err(e) => return (read, Err(e)),
        }
    }
}

/// Fills `piece`; also returns whether the stream ended before that.
fn fill(stream: &mut dyn Stream, piece: &mut [u8], ctx: &Context) -> (usize, Result<bool>) {
    let mut len = 0;
    while len < piece.len() {
        let rest = &mut piece[len..];
        let read = ctx
            .check()
            .and_then(|()| stream.read(rest, ctx))
            .and_then(|n| at_most(rest.len(), n));
        match read {
            Ok(0) => return (len, Ok(true)),
            Ok(n) => len += n,
            Err(e) => return (len, Err(e)),
        }
    }
    (len, Ok(false))
}
