//! Requests to a registry: with logins, schemes and retries.

use crate::auth::Auth;
use crate::cancel::Cancel;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::http::host;
use crate::http::url::{Scheme, Url, split_authority};
use crate::known::KnownBlobs;
use crate::options::Options;
use crate::reference::Mirror;
use crate::refusal::is_temporary;
use crate::retry::{Retries, Trouble};
use crate::transfer::{Body, Failure, Method, Transfer};
use crate::web::{Answer, Ask, Unanswered, Web, drain};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The state shared by all loaders and sinks of one handle.
pub struct Client {
    pub web: Web,
    pub auth: Auth,
    pub known: KnownBlobs,
    pub mirrors: Vec<Mirror>,
    pub max_manifest_size: u64,
    pub max_retries: u32,
    is_plain_http: bool,
    /// Of loopback hosts, as found out.
    schemes: Mutex<HashMap<String, Scheme>>,
}

pub struct Call<'a> {
    pub method: Method,
    pub endpoint: &'a Endpoint,
    pub place: Place<'a>,
    /// The actions that its login must allow.
    pub scope: &'a str,
    pub headers: &'a [String],
    pub body: Body<'a>,
}

pub enum Place<'a> {
    /// Behind `/v2/NAME/`.
    Path(&'a str),
    Url(&'a Url),
}

impl Client {
    pub fn new(options: &Options) -> Result<Self> {
        let web = Web::new(options)?;
        Ok(Self {
            auth: Auth::new(options, &web),
            web,
            known: KnownBlobs::default(),
            mirrors: options.mirrors.clone(),
            max_manifest_size: options.max_manifest_size,
            max_retries: options.max_retries,
            is_plain_http: options.is_plain_http,
            schemes: Mutex::default(),
        })
    }

    pub fn retries(&self) -> Retries {
        Retries::new(self.max_retries)
    }

    /// Sends a request until it is answered with something that no other try would change,
    /// and gives it to `take`, which may ask for another try, too.
    pub fn send<T>(
        &self,
        call: &Call<'_>,
        ctx: &dyn Cancel,
        mut take: impl FnMut(Answer) -> Result<T, Trouble>,
    ) -> Result<T> {
        let mut retries = self.retries();
        loop {
            match self.try_once(call, ctx).and_then(&mut take) {
                Ok(taken) => return Ok(taken),
                Err(trouble) => retries.wait(trouble, ctx)?,
            }
        }
    }

    /// One try. An answer that says that another may succeed is trouble.
    pub fn try_once(&self, call: &Call<'_>, ctx: &dyn Cancel) -> Result<Answer, Trouble> {
        let answer = match &call.place {
            Place::Url(url) => self.logged_in(call, url, ctx).map_err(|e| e.trouble)?,
            Place::Path(path) => self.in_right_scheme(call, path, ctx)?,
        };
        match is_temporary(answer.head.status) {
            true => Err(self.web.refused(answer, ctx)),
            false => Ok(answer),
        }
    }

    /// Starts an upload, whose answer and login its sender sees to; with it the login that was
    /// sent.
    pub fn start_upload(
        &self,
        call: &Call<'_>,
        url: &Url,
        home: &Url,
        ctx: &dyn Cancel,
    ) -> Result<(Transfer, Option<String>), Trouble> {
        let is_home = url.has_origin_of(home);
        let authorization = match is_home {
            true => self
                .auth
                .current(&self.web, call.endpoint, call.scope, home, ctx)?,
            false => None,
        };
        let ask = Ask {
            method: call.method,
            url,
            home,
            headers: call.headers,
            body: call.body,
            authorization: authorization.as_deref(),
            keeps_login: true,
        };
        let transfer = self.web.start(&ask, url, is_home).map_err(|e| e.trouble)?;
        Ok((transfer, authorization))
    }

    /// The registry's address in the scheme that it answers in, as far as that is known.
    pub fn home(&self, endpoint: &Endpoint) -> Result<Url> {
        let schemes = self.schemes(&endpoint.host);
        self.address(endpoint, schemes[0], "/v2/".to_owned())
    }

    fn address(&self, endpoint: &Endpoint, scheme: Scheme, target: String) -> Result<Url> {
        Url::new(scheme, &endpoint.host, target).ok_or_else(|| {
            Error::invalid(format!(
                "\"{}\" is no host",
                crate::text::escaped(&endpoint.host)
            ))
        })
    }

    fn in_right_scheme(
        &self,
        call: &Call<'_>,
        path: &str,
        ctx: &dyn Cancel,
    ) -> Result<Answer, Trouble> {
        let endpoint = call.endpoint;
        let target = format!("/v2/{}/{path}", endpoint.name);
        let schemes = self.schemes(&endpoint.host);
        let mut first = None;
        for &scheme in schemes {
            let url = self.address(endpoint, scheme, target.clone())?;
            match self.logged_in(call, &url, ctx) {
                Ok(answer) => {
                    if schemes.len() > 1 {
                        self.keep_scheme(&endpoint.host, scheme);
                    }
                    return Ok(answer);
                }
                Err(Unanswered {
                    failure: Failure::Refused(_) | Failure::NotTls(_),
                    trouble,
                }) if first.is_none() && schemes.len() > 1 => {
                    first = Some(trouble);
                }
                // Neither scheme answers: the error of https counts.
                Err(Unanswered {
                    failure: Failure::Refused(_),
                    trouble,
                }) => {
                    return Err(first.unwrap_or(trouble));
                }
                Err(unanswered) => return Err(unanswered.trouble),
            }
        }
        Err(first.unwrap_or_else(|| Error::internal("no scheme to try").into()))
    }

    /// The schemes to try, in this order.
    fn schemes(&self, host: &str) -> &'static [Scheme] {
        if self.is_plain_http {
            return &[Scheme::Http];
        }
        let name = split_authority(host).map_or(host, |(name, _)| name);
        if !host::is_loopback(name) {
            return &[Scheme::Https];
        }
        let known = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(host) {
            None => &[Scheme::Https, Scheme::Http],
            Some(Scheme::Https) => &[Scheme::Https],
            Some(Scheme::Http) => &[Scheme::Http],
        }
    }

    fn keep_scheme(&self, host: &str, scheme: Scheme) {
        let mut known = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(host.to_owned(), scheme);
    }

    /// One request; with a new login, once, where it is asked for.
    fn logged_in(
        &self,
        call: &Call<'_>,
        url: &Url,
        ctx: &dyn Cancel,
    ) -> Result<Answer, Unanswered> {
        let home = match call.place {
            Place::Path(_) => url.clone(),
            Place::Url(_) => self.home(call.endpoint)?,
        };
        let is_home = url.has_origin_of(&home);
        let mut has_logged_in = false;
        loop {
            let authorization = match is_home {
                true => self
                    .auth
                    .current(&self.web, call.endpoint, call.scope, &home, ctx)
                    .map_err(of_login)?,
                false => None,
            };
            let ask = Ask {
                method: call.method,
                url,
                home: &home,
                headers: call.headers,
                body: call.body,
                authorization: authorization.as_deref(),
                keeps_login: true,
            };
            let mut answer = self.web.send(&ask, ctx)?;
            if answer.head.status != 401 || !answer.is_direct || !is_home || has_logged_in {
                return Ok(answer);
            }
            let is_logged_in = self
                .auth
                .login(
                    &self.web,
                    call.endpoint,
                    call.scope,
                    authorization.as_deref(),
                    &answer.head,
                    &home,
                    ctx,
                )
                .map_err(of_login)?;
            if !is_logged_in {
                return Ok(answer);
            }
            drain(&mut answer.transfer, ctx);
            has_logged_in = true;
        }
    }
}

fn of_login(trouble: Trouble) -> Unanswered {
    // Whatever fails there, the registry itself answered.
    Unanswered {
        failure: Failure::Broken(String::new()),
        trouble,
    }
}
