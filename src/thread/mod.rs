//! Threads that the library starts.

mod channel;

pub use channel::{Receiver, Sender, channel};

use crate::error::{Error, Result};
use nix::sys::signal::{SigSet, SigmaskHow};
use std::io;
use std::mem;
use std::process;
use std::thread::{Builder, JoinHandle};

/// Starts a thread on which no signal is handled: the program's handlers must not run on
/// threads that it does not know of.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    // A thread inherits the mask of the one that starts it.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let thread = Builder::new().name(name.into()).spawn(run);
    before.thread_set_mask()?;
    thread
}

/// A thread, and the owner's ends of the channels to it.
///
/// Dropping it closes the channels, which ends the thread, and joins it. In a child process
/// after `fork` the thread does not exist: nothing waits for it there, and its channels,
/// which it may have held locked, are never touched.
pub struct Helper<C> {
    /// Only taken when dropped.
    parts: Option<(C, JoinHandle<()>)>,
    process: u32,
}

impl<C> Helper<C> {
    /// Starts a thread; `run` must return once `channels` are closed.
    pub fn start(name: &str, channels: C, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Ok(Self {
            parts: Some((channels, spawn(name, run)?)),
            process: process::id(),
        })
    }

    /// UNSUPPORTED in a child process after `fork`.
    pub fn check(&self) -> Result<()> {
        if process::id() == self.process {
            return Ok(());
        }
        Err(Error::unsupported(
            "the handle has a worker thread, which a child process made by fork does not have",
        ))
    }

    /// UNSUPPORTED in a child process after `fork`.
    pub fn channels(&self) -> Result<&C> {
        self.check()?;
        let (channels, _) = self.parts.as_ref().expect("only taken when dropped");
        Ok(channels)
    }
}

impl<C> Drop for Helper<C> {
    fn drop(&mut self) {
        let parts = self.parts.take();
        if process::id() != self.process {
            mem::forget(parts);
        } else if let Some((channels, thread)) = parts {
            drop(channels);
            // A panic of the thread was reported where its results were missed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_signal_is_blocked_on_a_thread_of_the_library_and_nowhere_else() {
        let before = SigSet::thread_get_mask().unwrap();
        let (send, receive) = mpsc::channel();
        let helper = Helper::start("test", (), move || {
            send.send(SigSet::thread_get_mask().unwrap()).unwrap();
        });
        let helper = helper.unwrap();
        let mask = receive.recv().unwrap();
        for signal in nix::sys::signal::Signal::iterator() {
            // These cannot be blocked.
            let never = matches!(signal.as_str(), "SIGKILL" | "SIGSTOP");
            assert_eq!(mask.contains(signal), !never, "{signal}");
        }
        drop(helper);
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }

    #[test]
    fn dropping_closes_the_channels_and_joins() {
        let (send, receive) = mpsc::channel::<()>();
        let (ended, was_ended) = mpsc::channel();
        let helper = Helper::start("test", send, move || {
            assert!(receive.recv().is_err());
            ended.send(()).unwrap();
        });
        drop(helper.unwrap());
        was_ended.try_recv().unwrap();
    }
}
