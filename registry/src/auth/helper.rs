//! Credential helpers: programs that know logins.

use super::files::Credentials;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::text::escaped;
use crate::transfer::{kill_group, spawn_alone};
use serde::Deserialize;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MAX_OUTPUT: usize = 1024 * 1024;

/// The longest wait before the context is checked.
const TICK: Duration = Duration::from_millis(20);

/// The output of a helper without such a login, which also exits with failure.
const NOT_FOUND: &str = "credentials not found";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Asks `docker-credential-NAME` for the login of a server; `None` where it has none.
pub fn ask(
    name: &str,
    server: &str,
    stall_timeout: Duration,
    ctx: &dyn Cancel,
) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{name}");
    let denied = |why: &str| Error::denied(format!("{}: {why}", escaped(&program)));
    if name.is_empty() || name.contains(['/', '\0']) {
        return Err(denied("no name of a credential helper"));
    }
    // The request is in the pipe before the helper starts, so that no write can fail
    // without a reader, which would raise SIGPIPE.
    let (question, mut asker) = std::io::pipe().map_err(|e| denied(&e.to_string()))?;
    if server.len() > 4096 {
        return Err(denied("the name of the server is too long"));
    }
    asker
        .write_all(server.as_bytes())
        .map_err(|e| denied(&e.to_string()))?;
    drop(asker);

    let mut command = Command::new(&program);
    command
        .arg("get")
        .stdin(question)
        .stdout(Stdio::piped())
        .process_group(0);
    let child = spawn_alone(&mut command).map_err(|e| match e.kind() {
        ErrorKind::NotFound => denied("found no such program in PATH"),
        _ => denied(&e.to_string()),
    })?;
    drop(command);
    let mut running = Running(Some(child));
    let output = running
        .output(stall_timeout, ctx)
        .map_err(|stop| match stop {
            Stop::Cancelled => Error::cancelled(),
            Stop::Silent => denied("wrote nothing in time, and was ended"),
            Stop::TooMuch => denied("wrote too much, and was ended"),
            Stop::Failed(error) => denied(&error.to_string()),
        })?;
    let is_success = running
        .wait(stall_timeout, ctx)
        .map_err(|stop| match stop {
            Stop::Cancelled => Error::cancelled(),
            _ => denied("did not end in time, and was ended"),
        })?;
    let answer: Answer = match serde_json::from_slice(&output) {
        Ok(answer) if is_success => answer,
        _ if is_not_found(&output) => return Ok(None),
        // Its other output may contain a secret.
        Ok(_) => return Err(denied("failed")),
        Err(_) if !is_success => return Err(denied("failed")),
        Err(_) => return Err(denied("its answer is not the JSON that was expected")),
    };
    Ok(match &*answer.username {
        _ if answer.secret.is_empty() => None,
        "<token>" => Some(Credentials::Identity(answer.secret)),
        _ => Some(Credentials::Password {
            username: answer.username,
            password: answer.secret,
        }),
    })
}

fn is_not_found(output: &[u8]) -> bool {
    String::from_utf8_lossy(output)
        .to_ascii_lowercase()
        .contains(NOT_FOUND)
}

enum Stop {
    Cancelled,
    Silent,
    TooMuch,
    Failed(std::io::Error),
}

/// A helper that is ended and reaped whatever happens.
struct Running(Option<Child>);

impl Running {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("it is there until the drop")
    }

    /// All its output until it closes it.
    fn output(
        &mut self,
        stall_timeout: Duration,
        ctx: &dyn Cancel,
    ) -> std::result::Result<Vec<u8>, Stop> {
        let mut stdout = self.child().stdout.take().expect("it is a pipe");
        let mut output = Vec::new();
        let mut buf = [0; 4096];
        let mut since = Instant::now();
        loop {
            if ctx.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            if !crate::transfer::is_readable(stdout.as_fd(), TICK) {
                if since.elapsed() >= stall_timeout {
                    return Err(Stop::Silent);
                }
                // Its own children may keep the output open.
                if matches!(self.child().try_wait(), Ok(Some(_)) | Err(_))
                    && !crate::transfer::is_readable(stdout.as_fd(), TICK)
                {
                    return Ok(output);
                }
                continue;
            }
            match stdout.read(&mut buf) {
                Ok(0) => return Ok(output),
                Ok(n) => output.extend_from_slice(&buf[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(Stop::Failed(e)),
            }
            if output.len() > MAX_OUTPUT {
                return Err(Stop::TooMuch);
            }
            since = Instant::now();
        }
    }

    /// Waits for its end; whether it succeeded.
    fn wait(
        &mut self,
        stall_timeout: Duration,
        ctx: &dyn Cancel,
    ) -> std::result::Result<bool, Stop> {
        let since = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match self.child().try_wait() {
                Ok(Some(status)) => return Ok(status.success()),
                Ok(None) => {}
                // The program ignores SIGCHLD, so there is no exit status: the output has
                // to suffice.
                Err(_) => return Ok(true),
            }
            if ctx.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            if since.elapsed() >= stall_timeout {
                return Err(Stop::Silent);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(TICK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take()
            && matches!(child.try_wait(), Ok(None))
        {
            kill_group(&child);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
