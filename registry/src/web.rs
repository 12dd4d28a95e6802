//! Requests to servers, and the redirects that they answer with.

use crate::cancel::{Cancel, Within};
use crate::certificates::{Certificates, folders};
use crate::error::{Error, Result};
use crate::http::head::Head;
use crate::http::host;
use crate::http::url::{Scheme, Url};
use crate::options::Options;
use crate::refusal;
use crate::retry::Trouble;
use crate::text::{Secrets, escaped};
use crate::transfer::{Body, Failure, Method, Pool, Proxy, Request, Settings, Transfer};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MAX_REDIRECTS: usize = 10;

/// The most bytes of an unused body that are read to keep its connection.
const MAX_DRAINED: usize = 64 * 1024;

/// How long they are waited for: a new connection is quicker.
const MAX_DRAIN: Duration = Duration::from_millis(250);

/// Connections, and what is known of the servers at their ends.
pub struct Web {
    pool: Arc<Pool>,
    settings: Settings,
    pub secrets: Secrets,
    home: Option<PathBuf>,
    common: Certificates,
    client: Option<(PathBuf, Option<PathBuf>)>,
    certificates: Mutex<HashMap<(String, bool), Arc<Certificates>>>,
}

/// The target of a request, and the credentials that it may send.
pub struct Ask<'a> {
    pub method: Method,
    pub url: &'a Url,
    /// The registry's address: what it leads to is held against it.
    pub home: &'a Url,
    pub headers: &'a [String],
    pub body: Body<'a>,
    /// The value of the Authorization field; for the origin of `url` alone.
    pub authorization: Option<&'a str>,
    /// Whether it is sent along a redirect that stays at that origin.
    pub keeps_login: bool,
}

/// An answer whose head is there.
pub struct Answer {
    pub method: Method,
    /// Where it came from, after redirects.
    pub url: Url,
    /// Whether it is of the origin that was asked.
    pub is_direct: bool,
    pub head: Head,
    pub transfer: Transfer,
}

/// A request that got no answer.
pub struct Unanswered {
    pub failure: Failure,
    pub trouble: Trouble,
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self {
            failure: Failure::Broken(String::new()),
            trouble: Trouble::Fatal(error),
        }
    }
}

impl Web {
    pub fn new(options: &Options) -> Result<Self> {
        let mut common = Certificates::default();
        if let Some(file) = &options.ca_file {
            common.add_authorities(file)?;
        }
        let proxy = match &options.proxy {
            _ if options.no_proxy => Proxy::None,
            None => Proxy::Environment,
            Some(proxy) => Proxy::This(proxy.clone()),
        };
        let client = options.client_cert.clone();
        Ok(Self {
            pool: Arc::default(),
            settings: Settings {
                user_agent: options.user_agent.clone(),
                connect_timeout: options.connect_timeout,
                stall_timeout: options.stall_timeout,
                is_insecure: options.is_insecure_tls,
                proxy,
            },
            secrets: Secrets::default(),
            home: std::env::home_dir(),
            common,
            client: client.map(|certificate| (certificate, options.client_key.clone())),
            certificates: Mutex::default(),
        })
    }

    /// Foreign text escaped for a message.
    pub fn quoted(&self, text: &str) -> String {
        escaped(&self.secrets.redact(text))
    }

    /// The address, fit for a message.
    pub fn shown(&self, url: &Url) -> String {
        self.secrets.redact(&url.for_message())
    }

    /// Starts a request, whose answer is not waited for.
    pub fn start(&self, ask: &Ask<'_>, url: &Url, is_direct: bool) -> Result<Transfer, Unanswered> {
        let mut headers = ask.headers.to_vec();
        if let Some(authorization) = ask.authorization.filter(|_| is_direct) {
            headers.push(format!("Authorization: {authorization}"));
        }
        let certificates = self.certificates(url, ask.home)?;
        let request = Request {
            method: ask.method,
            url,
            headers: &headers,
            body: ask.body,
        };
        Transfer::start(&self.pool, &self.settings, &certificates, &request)
            .map_err(|failure| self.unanswered(ask.method, url, failure))
    }

    /// Sends a request and follows where its answer leads.
    pub fn send(&self, ask: &Ask<'_>, ctx: &dyn Cancel) -> Result<Answer, Unanswered> {
        let mut url = ask.url.clone();
        let mut is_direct = true;
        let mut status = 0;
        for redirects in 0..=MAX_REDIRECTS {
            let started = self
                .start(ask, &url, is_direct)
                .and_then(|mut transfer| match transfer.head(ctx).cloned() {
                    Ok(head) => Ok((transfer, head)),
                    Err(failure) => Err(self.unanswered(ask.method, &url, failure)),
                });
            let (mut transfer, head) = match started {
                Ok(started) => started,
                // It says nothing about the scheme of the server that was asked.
                Err(unanswered) if redirects > 0 => {
                    return Err(Unanswered {
                        failure: Failure::Broken(String::new()),
                        ..unanswered
                    });
                }
                Err(unanswered) => return Err(unanswered),
            };
            if !may_follow(ask, head.status) {
                return Ok(Answer {
                    method: ask.method,
                    url,
                    is_direct,
                    head,
                    transfer,
                });
            }
            status = head.status;
            let next = self.led_to(ask.method, &url, ask.home, &head)?;
            is_direct &= ask.keeps_login && next.has_origin_of(ask.url);
            drain(&mut transfer, ctx);
            url = next;
        }
        let (method, url) = (ask.method.name(), self.shown(ask.url));
        Err(Error::unavailable(format!(
            "{method} {url}: more than {MAX_REDIRECTS} redirects"
        ))
        .with_code(status.into())
        .into())
    }

    /// Where a redirect leads.
    pub fn led_to(&self, method: Method, from: &Url, home: &Url, head: &Head) -> Result<Url> {
        let next = match head.get("location") {
            Some(location) => self.next(from, home, location),
            None => Err("a redirect without Location".to_owned()),
        };
        next.map_err(|why| {
            let place = format!("{} {}", method.name(), self.shown(from));
            Error::unavailable(format!("{place}: {why}")).with_code(head.status.into())
        })
    }

    /// The address that a server leads to, if it may; else why not.
    pub fn next(&self, from: &Url, home: &Url, location: &str) -> Result<Url, String> {
        let Some(next) = from.join(location) else {
            return Err(format!(
                "led to \"{}\", expected an address in http or https",
                self.quoted(without_query(location))
            ));
        };
        if from.scheme() == Scheme::Https && next.scheme() == Scheme::Http {
            return Err(format!("led from https to {}", self.shown(&next)));
        }
        check_reach(home, &next).map_err(|why| format!("led to {}, {why}", self.shown(&next)))?;
        Ok(next)
    }

    pub fn unanswered(&self, method: Method, url: &Url, failure: Failure) -> Unanswered {
        let trouble = self.trouble(method, url, &failure);
        Unanswered { failure, trouble }
    }

    pub fn trouble(&self, method: Method, url: &Url, failure: &Failure) -> Trouble {
        let (place, text) = (
            format!("{} {}", method.name(), self.shown(url)),
            self.quoted(failure.message()),
        );
        match failure {
            Failure::Cancelled => Error::cancelled().into(),
            Failure::Certificate(_) => {
                Error::unavailable(format!("{place}: certificate: {text}")).into()
            }
            _ => Trouble::retry(Error::unavailable(format!("{place}: {text}"))),
        }
    }

    /// The error for a refusal by the server.
    pub fn refused(&self, answer: Answer, ctx: &dyn Cancel) -> Trouble {
        refusal::of(self, answer, ctx)
    }

    fn certificates(&self, url: &Url, home: &Url) -> Result<Arc<Certificates>> {
        let is_home = url.has_origin_of(home);
        if url.scheme() == Scheme::Http {
            return Ok(Arc::default());
        }
        let key = (url.authority(), is_home);
        let known = |web: &Self| {
            web.certificates
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&key)
                .cloned()
        };
        if let Some(certificates) = known(self) {
            return Ok(certificates);
        }
        let mut certificates = self.common.clone();
        if let Some((certificate, private_key)) = self.client.as_ref().filter(|_| is_home) {
            certificates.set_client(certificate, private_key.as_deref());
        }
        let hub = (url.host() == "registry-1.docker.io").then_some("docker.io");
        // certs.d has a folder HOST:PORT where the reference names the port, even the default one.
        let with_port = format!("{}:{}", url.host(), url.port());
        let with_port = (with_port != key.0).then_some(&*with_port);
        for host in [Some(&*key.0), with_port, hub].into_iter().flatten() {
            for folder in folders(self.home.as_deref(), host) {
                certificates
                    .add_folder(&folder)
                    .map_err(|e| Error::unavailable(format!("certificate: {e}")))?;
            }
        }
        let certificates = Arc::new(certificates);
        let mut all = self
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(all.entry(key).or_insert(certificates).clone())
    }
}

/// Whether the request may be sent again where the answer leads. Only 307 and 308 keep a
/// method that writes. A body with a login goes nowhere else.
fn may_follow(ask: &Ask<'_>, status: u16) -> bool {
    match (ask.method, ask.body) {
        (Method::Get | Method::Head, _) => matches!(status, 301 | 302 | 303 | 307 | 308),
        (_, Body::None) => matches!(status, 307 | 308),
        (_, Body::Bytes(_)) => ask.keeps_login && matches!(status, 307 | 308),
        (_, Body::Stream { .. }) => false,
    }
}

/// A registry with a public name must not redirect into a private network.
pub fn check_reach(home: &Url, next: &Url) -> Result<(), &'static str> {
    match host::is_public_name(home.host()) && host::is_inner(next.host()) {
        true => Err("a private address, from a public registry"),
        false => Ok(()),
    }
}

fn without_query(location: &str) -> &str {
    location.split('?').next().unwrap_or_default()
}

/// Reads what is left of a short body, so that its connection serves the next request.
pub fn drain(transfer: &mut Transfer, ctx: &dyn Cancel) {
    let within = Within::new(MAX_DRAIN, ctx);
    let mut buf = [0; 4096];
    let mut left = MAX_DRAINED;
    while left > 0 {
        match transfer.read(&mut buf, &within) {
            Ok(0) | Err(_) => return,
            Ok(n) => left = left.saturating_sub(n),
        }
    }
}

impl Answer {
    /// The body; of a longer one the first `limit` + 1 bytes.
    pub fn read_to_end(&mut self, limit: u64, ctx: &dyn Cancel) -> Result<Vec<u8>, Failure> {
        let mut body = self.read_beyond(limit, ctx)?;
        body.truncate(usize::try_from(limit.saturating_add(1)).unwrap_or(usize::MAX));
        Ok(body)
    }

    /// The body; of a longer one what was read when it had more than `limit` bytes.
    pub fn read_beyond(&mut self, limit: u64, ctx: &dyn Cancel) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let mut buf = vec![0; 16 * 1024];
        loop {
            let n = self.transfer.read(&mut buf, ctx)?;
            body.extend_from_slice(&buf[..n]);
            if n == 0 || body.len() as u64 > limit {
                return Ok(body);
            }
        }
    }
}
