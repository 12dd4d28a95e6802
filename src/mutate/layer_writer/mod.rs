//! Makes layers from tar streams that the program writes.

mod blob;
mod compress;
mod file;
mod head;
mod options;
mod output;
mod pool;
mod spool;
mod unpack;

pub use options::LayerOptions;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::layer::Layer;
use compress::Compress;
use file::LayerFile;
use output::Output;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use unpack::Unpack;

/// Takes a tar stream in writes of any size. The finished layer can be opened any number of
/// times, also after the writer was freed.
pub struct LayerWriter {
    ctx: Arc<Context>,
    state: State,
}

enum State {
    Compress(Box<Compress>),
    /// The input is stored unchanged.
    Keep(Box<Unpack>, Box<Output>),
    Failed(Error),
    Finished,
    /// A call has taken the state; found later only if that call panicked.
    Taken,
}

impl LayerWriter {
    pub fn new(options: &LayerOptions, ctx: Arc<Context>) -> Result<Self> {
        ctx.check()?;
        let state = match options.is_compressed {
            false => State::Compress(Box::new(Compress::new(options)?)),
            true => State::Keep(
                Box::new(Unpack::new(options.algorithm, options.max_size)),
                Box::new(Output::new(options)),
            ),
        };
        Ok(Self { ctx, state })
    }

    /// A failure is final: every further call fails the same way. After `finish` it is
    /// INVALID_ARGUMENT.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut state = self.take()?;
        let written = self.ctx.check().and_then(|()| match &mut state {
            State::Compress(compress) => compress.write(bytes, &self.ctx),
            State::Keep(unpack, output) => unpack.write(bytes).and_then(|()| output.write(bytes)),
            _ => unreachable!("take gives no other state"),
        });
        self.state = match &written {
            Ok(()) => state,
            Err(e) => State::Failed(e.clone()),
        };
        written
    }

    /// Ends the layer, once.
    pub fn finish(&mut self) -> Result<Layer> {
        let state = self.take()?;
        let finished = self.ctx.check().and_then(|()| match state {
            State::Compress(compress) => compress.finish(),
            State::Keep(unpack, output) => {
                let (diff_id, compression) = unpack.finish()?;
                output.finish(Some(diff_id), compression)
            }
            _ => unreachable!("take gives no other state"),
        });
        self.state = match &finished {
            Ok(_) => State::Finished,
            Err(e) => State::Failed(e.clone()),
        };
        Ok(finished?.into_layer())
    }

    /// The state of a writer that is open.
    fn take(&mut self) -> Result<State> {
        match mem::replace(&mut self.state, State::Taken) {
            State::Failed(e) => {
                self.state = State::Failed(e.clone());
                Err(e)
            }
            State::Finished => {
                self.state = State::Finished;
                Err(Error::invalid_argument(
                    "the layer writer has finished its layer already",
                ))
            }
            State::Taken => Err(Error::internal("an earlier call of this writer panicked")),
            open => Ok(open),
        }
    }
}

/// A file as a layer: a tar archive is compressed as by [`LayerWriter`]; a compressed file
/// is not copied but read from its place.
pub fn from_file(path: &Path, options: &LayerOptions, ctx: Arc<Context>) -> Result<Layer> {
    ctx.check()?;
    let file = LayerFile::open(path)?;
    let name = file.name().to_owned();
    let make = || {
        if options.is_compressed || file.is_compressed()? {
            return Ok(file.keep(options, &ctx)?.into_layer());
        }
        let mut writer = LayerWriter::new(options, ctx.clone())?;
        file.read(&ctx, |bytes| writer.write(bytes))?;
        writer.finish()
    };
    make().map_err(|e: Error| match e.message().starts_with(&name) {
        true => e,
        false => e.context(name),
    })
}
