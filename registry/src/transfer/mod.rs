//! One HTTP request and its answer over libcurl, driven by the thread that waits for it.

mod failure;
mod handler;
mod pool;
mod sys;

pub use failure::Failure;
pub use pool::Pool;
pub use sys::{is_readable, kill_group, spawn_alone};

use crate::cancel::Cancel;
use crate::certificates::Certificates;
use crate::http::head::Head;
use crate::http::url::Url;
use curl::easy::{Easy2, HttpVersion, List};
use handler::Exchange;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sys::Attached;

/// The longest wait before the context is checked.
const TICK: Duration = Duration::from_millis(50);

/// Bytes that libcurl asks a socket for at once.
const BUFFER: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Clone, Copy)]
pub enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    /// This many bytes, which `write` gives; on a connection of its own if it `is_alone`.
    Stream {
        size: u64,
        is_alone: bool,
    },
}

pub struct Request<'a> {
    pub method: Method,
    pub url: &'a Url,
    /// Whole lines, `Name: value`.
    pub headers: &'a [String],
    pub body: Body<'a>,
}

/// How connections are made.
pub struct Settings {
    pub user_agent: String,
    pub connect_timeout: Duration,
    pub stall_timeout: Duration,
    pub is_insecure: bool,
    pub proxy: Proxy,
}

pub enum Proxy {
    /// The proxy that libcurl finds in the environment.
    Environment,
    None,
    This(String),
}

pub struct Transfer {
    attached: Option<Attached>,
    pool: Arc<Pool>,
    stall_timeout: Duration,
    outcome: Option<Result<(), Failure>>,
}

impl Transfer {
    pub fn start(
        pool: &Arc<Pool>,
        settings: &Settings,
        certificates: &Certificates,
        request: &Request<'_>,
    ) -> Result<Self, Failure> {
        let easy = prepared(settings, certificates, request).map_err(|e| Failure::of(&e))?;
        let line = pool.take();
        let easy = line
            .0
            .add2(easy)
            .map_err(|e| Failure::Broken(e.to_string()))?;
        Ok(Self {
            attached: Some(Attached { easy, line }),
            pool: pool.clone(),
            stall_timeout: settings.stall_timeout,
            outcome: None,
        })
    }

    /// Waits for the head of the answer.
    pub fn head(&mut self, ctx: &dyn Cancel) -> Result<&Head, Failure> {
        self.drive(ctx, |exchange| exchange.head.is_final())?;
        if !self.exchange().head.is_final() {
            let outcome = self.outcome.clone().and_then(Result::err);
            return Err(outcome.unwrap_or_else(|| Failure::Broken("no HTTP answer".into())));
        }
        Ok(&self.exchange().head)
    }

    /// Reads the next bytes of the answer's body; 0 is its end.
    pub fn read(&mut self, buf: &mut [u8], ctx: &dyn Cancel) -> Result<usize, Failure> {
        // Also while there is something to read: a slow server must not be deaf to the end.
        if ctx.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        self.drive(ctx, |exchange| !exchange.received.is_empty())?;
        let n = self.exchange_mut().received.take(buf);
        match &self.outcome {
            Some(Err(failure)) if n == 0 => Err(failure.clone()),
            _ => Ok(n),
        }
    }

    /// Sends the next bytes of the request's body. An answer that comes before all is sent
    /// ends this early: then `is_answered`.
    pub fn write(&mut self, bytes: &[u8], ctx: &dyn Cancel) -> Result<(), Failure> {
        self.exchange_mut().sending.replace(bytes);
        self.drive(ctx, |exchange| {
            exchange.sending.is_empty() || exchange.head.is_final()
        })?;
        match &self.outcome {
            Some(Err(failure)) if !self.exchange().head.is_final() => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// How much of the request's body went out, at most.
    pub fn sent(&self) -> u64 {
        self.exchange().sending.taken()
    }

    /// Whether the head of the final answer is there already.
    pub fn is_answered(&self) -> bool {
        self.exchange().head.is_final()
    }

    fn attached(&self) -> &Attached {
        self.attached.as_ref().expect("it is there until the drop")
    }

    fn exchange(&self) -> &Exchange {
        self.attached().easy.get_ref()
    }

    fn exchange_mut(&mut self) -> &mut Exchange {
        let attached = self.attached.as_mut().expect("it is there until the drop");
        attached.easy.get_mut()
    }

    /// Runs the transfer until `is_enough`, or it ended.
    fn drive(
        &mut self,
        ctx: &dyn Cancel,
        is_enough: impl Fn(&Exchange) -> bool,
    ) -> Result<(), Failure> {
        let mut moved = self.exchange().moved;
        let mut since = Instant::now();
        while self.outcome.is_none() && !is_enough(self.exchange()) {
            self.step();
            if self.outcome.is_some() || is_enough(self.exchange()) {
                break;
            }
            if ctx.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            if self.exchange().moved != moved || !sys::is_connected(&self.attached().easy) {
                moved = self.exchange().moved;
                since = Instant::now();
            } else if since.elapsed() >= self.stall_timeout {
                let seconds = self.stall_timeout.as_secs_f64();
                return Err(Failure::Broken(format!("no byte in {seconds} seconds")));
            }
            let tick = TICK.min(self.stall_timeout);
            if let Err(error) = self.attached().line.0.poll(&mut [], tick) {
                return Err(Failure::Broken(error.to_string()));
            }
        }
        Ok(())
    }

    /// Lets libcurl do what can be done without waiting.
    fn step(&mut self) {
        self.unpause();
        let attached = self.attached();
        let perform = || attached.line.0.perform();
        let performed = match sys::is_connected(&attached.easy) {
            true => perform(),
            false => sys::without_signals(perform),
        };
        if let Err(error) = performed {
            self.outcome = Some(Err(Failure::Broken(error.to_string())));
            return;
        }
        let mut outcome = None;
        attached.line.0.messages(|message| {
            if let Some(result) = message.result_for2(&attached.easy) {
                outcome = Some(result);
            }
        });
        if let Some(result) = outcome {
            let is_too_large = self.exchange().is_head_too_large;
            self.outcome = Some(match result {
                Err(_) if is_too_large => Err(Failure::Broken(
                    "the head of the answer is too large".into(),
                )),
                result => result.map_err(|error| Failure::of(&error)),
            });
        }
    }

    fn unpause(&mut self) {
        let exchange = self.exchange_mut();
        let write = exchange.received.is_paused && exchange.received.is_empty();
        let read = exchange.sending.is_paused && !exchange.sending.is_empty();
        exchange.received.is_paused &= !write;
        exchange.sending.is_paused &= !read;
        if write || read {
            // Both directions are set at once; one that must wait pauses again.
            let _ = self.attached().easy.unpause_write();
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(Attached { easy, line }) = self.attached.take() {
            // One that did not end takes its connection along.
            let _ = line.0.remove2(easy);
            self.pool.give_back(line);
        }
    }
}

fn prepared(
    settings: &Settings,
    certificates: &Certificates,
    request: &Request<'_>,
) -> Result<Easy2<Exchange>, curl::Error> {
    let mut easy = Easy2::new(Exchange::default());
    easy.url(&request.url.to_string())?;
    easy.path_as_is(true)?;
    easy.useragent(&settings.user_agent)?;
    // Of a libcurl without HTTP/2 this fails, and it does without.
    let _ = easy.http_version(HttpVersion::V2TLS);
    // What comes is hashed as it comes.
    let _ = easy.http_content_decoding(false);
    easy.connect_timeout(settings.connect_timeout)?;
    easy.tcp_keepalive(true)?;
    easy.buffer_size(BUFFER)?;
    sys::set_raw_options(&easy);

    match &settings.proxy {
        Proxy::Environment => {}
        Proxy::None => easy.proxy("")?,
        Proxy::This(proxy) => {
            easy.proxy(proxy)?;
            easy.noproxy("")?;
        }
    }
    if settings.is_insecure {
        easy.ssl_verify_peer(false)?;
        easy.ssl_verify_host(false)?;
    }
    certificates.apply(&mut easy)?;

    let mut headers = List::new();
    for header in request.headers {
        headers.append(header)?;
    }
    match request.method {
        Method::Get => easy.get(true)?,
        Method::Head => easy.nobody(true)?,
        Method::Delete => easy.custom_request("DELETE")?,
        Method::Post => {
            easy.post(true)?;
            easy.post_fields_copy(match request.body {
                Body::Bytes(bytes) => bytes,
                Body::None | Body::Stream { .. } => b"",
            })?;
            if matches!(request.body, Body::None) {
                // An empty text is no form.
                headers.append("Content-Type:")?;
            }
        }
        Method::Put | Method::Patch => {
            easy.upload(true)?;
            easy.upload_buffer_size(BUFFER)?;
            easy.custom_request(request.method.name())?;
            let size = match request.body {
                Body::None => 0,
                Body::Bytes(bytes) => {
                    easy.get_mut().sending.replace(bytes);
                    bytes.len() as u64
                }
                Body::Stream { size, is_alone } => {
                    easy.get_mut().sending.is_upload = true;
                    if is_alone {
                        easy.fresh_connect(true)?;
                        // libcurl can lose an early answer of HTTP/2, which says why.
                        easy.http_version(HttpVersion::V11)?;
                    }
                    size
                }
            };
            easy.in_filesize(size)?;
            // An answer that comes early is seen without it, and waiting for it takes time.
            headers.append("Expect:")?;
        }
    }
    easy.http_headers(headers)?;
    Ok(easy)
}
