//! Copies one blob from the loader to the sink.

use super::options::CopyOptions;
use super::progress::{Event, Meter};
use super::source::Source;
use super::step::{Blob, Counted};
use super::tee::Tee;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::loader::Stream;
use crate::media_type;
use crate::reader::{Expected, Mode, ReadOptions, Reader};
use crate::sink::shared::SharedSink;
use crate::sink::target::{Begin, BlobWriter};
use crate::text::Escaped;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are read and written at once: hashing and writing find them in the cache, and
/// the calls cost nothing that shows.
const CHUNK: usize = 128 << 10;

/// The context of copying a blob.
pub struct Transfer<'a> {
    pub source: &'a Source,
    pub sink: &'a SharedSink,
    pub options: &'a CopyOptions,
    pub meter: &'a Arc<Meter>,
    pub ctx: &'a Arc<Context>,
    /// Fails when the run failed on another thread.
    pub check: &'a dyn Fn() -> Result<()>,
    pub blob: &'a Arc<Blob>,
}

/// The outcome of an attempt that did not fail.
enum Attempt {
    Written,
    Exists,
    LeftOut,
}

impl Transfer<'_> {
    pub fn run(&self) -> Result<()> {
        self.checked()
            .map_err(|e| e.with_digest(self.blob.descriptor.digest.text()))
    }

    fn checked(&self) -> Result<()> {
        let d = &self.blob.descriptor;
        // Content that cannot be verified is not copied, even if the sink has it already.
        d.digest.algorithm()?;
        if self.blob.diff_id.is_some() && media_type::is_encrypted(&d.media_type) {
            return Err(Error::unsupported(format_args!(
                "layer of type {} is encrypted: its diff ID cannot be checked",
                Escaped(&d.media_type)
            )));
        }
        match self.blob.check_only {
            true => self.check_diff_id(),
            false => self.transfer(),
        }
    }

    fn transfer(&self) -> Result<()> {
        let d = &self.blob.descriptor;
        self.forget_attempt();
        if self.sink.sink().has_blob(d, self.ctx)? {
            self.skipped(d.size);
            return Ok(());
        }
        let mut restarts = 0;
        loop {
            let error = match self.attempt() {
                Ok(Attempt::Written) => {
                    self.meter
                        .report(Event::BlobDone, d, d.size, |c| c.blobs_done += 1);
                    return Ok(());
                }
                Ok(Attempt::Exists) => {
                    self.skipped(d.size);
                    return Ok(());
                }
                Ok(Attempt::LeftOut) => {
                    self.skipped(0);
                    return Ok(());
                }
                Err(error) if error.status() == Status::Restart => error,
                Err(error) => return Err(error),
            };
            if restarts == self.options.max_restarts {
                return Err(Error::unavailable(format_args!(
                    "blob {}: not written after {restarts} restarts: {}",
                    d.digest,
                    error.message()
                ))
                .with_callback_code(error.callback_code()));
            }
            restarts += 1;
            self.restarted();
        }
    }

    fn attempt(&self) -> Result<Attempt> {
        let d = &self.blob.descriptor;
        let _open = self.sink.open_stream(|| (self.check)())?;
        // Opened before the sink begins, so that a missing blob leaves nothing to undo.
        let stream = match self.source.open_blob(d, self.ctx) {
            Err(e) if e.status() == Status::NotFound && self.blob.absence.leave_out() => {
                return Ok(Attempt::LeftOut);
            }
            stream => stream?,
        };
        let (writer, offset) = match self.sink.sink().begin_blob(d, self.ctx)? {
            Begin::Exists => return Ok(Attempt::Exists),
            Begin::Write { writer, offset } => (writer, offset),
        };
        if offset > d.size {
            return Err(Error::callback_contract(format_args!(
                "begin_blob gave the offset {offset}, expected at most the {} bytes of the blob",
                d.size
            )));
        }
        let output = Output {
            writer,
            offset,
            at: 0,
            blob: self.blob.clone(),
            meter: self.meter.clone(),
            ctx: self.ctx.clone(),
        };
        let writer = match self.blob.diff_id {
            None => self.copy(stream, output)?,
            Some(_) => self.unpack(stream, output)?,
        };
        match writer.commit(self.ctx) {
            // Another writer was faster.
            Err(e) if e.status() == Status::Exists => Ok(Attempt::Written),
            committed => committed.map(|()| Attempt::Written),
        }
    }

    /// Copies the stored bytes, and verifies their size and digest.
    fn copy(&self, stream: Box<dyn Stream>, mut output: Output) -> Result<Box<dyn BlobWriter>> {
        let mut reader = self.reader(stream, Mode::Stored)?;
        // Small blobs are many, and the buffer is filled with zeros for each.
        let size = self.blob.descriptor.size.clamp(1, CHUNK as u64);
        let mut buf = vec![0; size as usize];
        loop {
            (self.check)()?;
            match reader.read(&mut buf)? {
                0 => return Ok(output.writer),
                n => output.take(&buf[..n])?,
            }
        }
    }

    /// Copies the stored bytes while they are unpacked, and verifies the diff ID too.
    fn unpack(&self, stream: Box<dyn Stream>, output: Output) -> Result<Box<dyn BlobWriter>> {
        let output = Arc::new(Mutex::new(Some(output)));
        let tee = Tee::new(stream, self.blob.descriptor.size, output.clone());
        self.drain(Box::new(tee))?;
        let output = output.lock().unwrap_or_else(PoisonError::into_inner).take();
        let output = output.ok_or_else(|| Error::internal("the writer is gone"))?;
        Ok(output.writer)
    }

    /// Verifies the diff ID of a blob that is in the sink.
    fn check_diff_id(&self) -> Result<()> {
        let d = &self.blob.descriptor;
        match self.source.open_blob(d, self.ctx) {
            Err(e) if e.status() == Status::NotFound && self.blob.absence.leave_out() => Ok(()),
            stream => self.drain(stream?),
        }
    }

    /// Unpacks a layer and discards the content.
    fn drain(&self, stream: Box<dyn Stream>) -> Result<()> {
        let mut reader = self.reader(stream, Mode::Uncompressed)?;
        let mut buf = vec![0; CHUNK];
        loop {
            (self.check)()?;
            if reader.read(&mut buf)? == 0 {
                return Ok(());
            }
        }
    }

    fn reader(&self, stream: Box<dyn Stream>, mode: Mode) -> Result<Reader> {
        let expected = Expected {
            digest: self.blob.descriptor.digest.clone(),
            size: self.blob.descriptor.size,
            diff_id: self.blob.diff_id.clone(),
        };
        let options = ReadOptions::default();
        Reader::open(stream, expected, mode, options, self.ctx.clone())
    }

    /// Counts the blob as skipped, with `blob_bytes` of it in the sink.
    fn skipped(&self, blob_bytes: u64) {
        let d = &self.blob.descriptor;
        let counted = self.blob.take_counted();
        self.meter
            .report(Event::BlobSkipped, d, blob_bytes, |counters| {
                counters.bytes_done -= counted.done;
                // Only the declared size of a skipped blob is known.
                let skipped = d.size - counted.skipped;
                counters.bytes_skipped = counters.bytes_skipped.saturating_add(skipped);
                counters.blobs_skipped += 1;
            });
    }

    /// Subtracts the amounts that a failed attempt of an earlier run counted.
    fn forget_attempt(&self) {
        let counted = *self.blob.lock_counted();
        if counted.done > 0 || counted.skipped > 0 {
            self.restarted();
        }
    }

    fn restarted(&self) {
        let counted = self.blob.take_counted();
        let d = &self.blob.descriptor;
        self.meter.report(Event::Restarted, d, 0, |counters| {
            counters.bytes_done -= counted.done;
            counters.bytes_skipped -= counted.skipped;
        });
    }
}

/// The sink's side of a transfer.
pub struct Output {
    writer: Box<dyn BlobWriter>,
    /// Bytes that the sink has from an earlier attempt.
    offset: u64,
    /// Bytes that were taken.
    at: u64,
    blob: Arc<Blob>,
    meter: Arc<Meter>,
    ctx: Arc<Context>,
}

impl Output {
    /// Writes the next bytes of the blob, or skips those that the sink has.
    pub fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let there = self.offset.saturating_sub(self.at).min(bytes.len() as u64);
        let rest = &bytes[there as usize..];
        if !rest.is_empty() {
            self.writer.write(rest, &self.ctx)?;
        }
        self.at += bytes.len() as u64;
        let added = Counted {
            done: rest.len() as u64,
            skipped: there,
        };
        self.blob.lock_counted().add(added);
        let d = &self.blob.descriptor;
        self.meter.report(Event::Blob, d, self.at, |counters| {
            counters.bytes_done += added.done;
            counters.bytes_skipped += added.skipped;
        });
        Ok(())
    }
}
