//! The callbacks of libcurl during a transfer.

use crate::http::head::Head;
use curl::easy::{Handler, ReadError, SeekResult, WriteError};
use std::io::SeekFrom;

/// The most bytes of a body that wait to be read; then the connection is paused.
const MAX_BUFFERED: usize = 512 * 1024;

#[derive(Default)]
pub struct Exchange {
    pub head: Head,
    pub received: Received,
    pub sending: Sending,
    /// Whether the head was refused for its size.
    pub is_head_too_large: bool,
    /// Grows whenever a byte comes or goes.
    pub moved: u64,
}

/// Bytes of the body that are not read yet.
#[derive(Default)]
pub struct Received {
    bytes: Vec<u8>,
    read: usize,
    pub is_paused: bool,
}

impl Received {
    pub fn is_empty(&self) -> bool {
        self.read == self.bytes.len()
    }

    pub fn take(&mut self, buf: &mut [u8]) -> usize {
        let unread = &self.bytes[self.read..];
        let n = unread.len().min(buf.len());
        buf[..n].copy_from_slice(&unread[..n]);
        self.read += n;
        if self.is_empty() {
            self.bytes.clear();
            self.read = 0;
        }
        n
    }
}

/// Bytes of the request's body that wait to be sent.
#[derive(Default)]
pub struct Sending {
    bytes: Vec<u8>,
    sent: usize,
    /// Where in the body `bytes` begins.
    start: u64,
    /// Whether the server keeps bytes of a broken request: then libcurl must not repeat it, only
    /// the sender may.
    pub is_upload: bool,
    pub is_paused: bool,
}

impl Sending {
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Bytes that libcurl took.
    pub fn taken(&self) -> u64 {
        self.start + self.sent as u64
    }

    /// Replaces what was sent. It is kept until then: libcurl may ask for it again where a
    /// kept connection turns out to be dead.
    pub fn replace(&mut self, bytes: &[u8]) {
        self.start += self.bytes.len() as u64;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.sent = 0;
    }
}

impl Handler for Exchange {
    fn header(&mut self, line: &[u8]) -> bool {
        self.moved += line.len() as u64;
        let fits = self.head.push(line);
        self.is_head_too_large |= !fits;
        fits
    }

    fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        let received = &mut self.received;
        if !received.is_empty() && received.bytes.len() + data.len() > MAX_BUFFERED {
            received.is_paused = true;
            return Err(WriteError::Pause);
        }
        received.bytes.extend_from_slice(data);
        self.moved += data.len() as u64;
        Ok(data.len())
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let sending = &mut self.sending;
        let unsent = &sending.bytes[sending.sent..];
        if unsent.is_empty() {
            // libcurl knows the length of the body, and does not ask when all is sent.
            sending.is_paused = true;
            return Err(ReadError::Pause);
        }
        let n = unsent.len().min(into.len());
        into[..n].copy_from_slice(&unsent[..n]);
        sending.sent += n;
        self.moved += n as u64;
        Ok(n)
    }

    fn seek(&mut self, to: SeekFrom) -> SeekResult {
        let sending = &mut self.sending;
        let SeekFrom::Start(to) = to else {
            return SeekResult::Fail;
        };
        if sending.is_upload && sending.taken() > 0 {
            return SeekResult::Fail;
        }
        match to.checked_sub(sending.start) {
            Some(at) if at <= sending.bytes.len() as u64 => {
                sending.sent = at as usize;
                SeekResult::Ok
            }
            _ => SeekResult::Fail,
        }
    }
}
