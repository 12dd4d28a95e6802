//! Logins: challenges, stored credentials and tokens.

mod challenge;
mod files;
mod helper;
mod token;
mod turns;

use crate::cancel::Cancel;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::http::head::Head;
use crate::http::url::Url;
use crate::options::Options;
use crate::reference::helper_names;
use crate::retry::Trouble;
use crate::web::Web;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use challenge::Challenge;
use files::{AuthFile, Credentials};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use turns::Turns;

pub struct Auth {
    own: Option<Credentials>,
    /// Whether a program named the first of the files itself.
    has_own_file: bool,
    files: Vec<PathBuf>,
    no_helpers: bool,
    stall_timeout: Duration,
    grants: Mutex<HashMap<Key, Grant>>,
    turns: Turns,
}

/// A registry, with the actions and repositories that a login is for.
type Key = (String, String);

/// The result of a login.
#[derive(Clone)]
struct Grant {
    /// The value of the Authorization field.
    authorization: String,
    expires: Option<Instant>,
    /// How it is renewed.
    challenge: Challenge,
}

impl Auth {
    pub fn new(options: &Options, web: &Web) -> Self {
        let own = match (&options.token, &options.username, &options.password) {
            (Some(token), _, _) => Some(Credentials::Token(token.clone())),
            (None, None, None) => None,
            (None, username, password) => Some(Credentials::Password {
                username: username.clone().unwrap_or_default(),
                password: password.clone().unwrap_or_default(),
            }),
        };
        if let Some(own) = &own {
            keep_secret(web, own);
        }
        let files = match &options.auth_file {
            Some(file) => vec![file.clone()],
            None if options.no_auth_files => Vec::new(),
            None => files::default_paths(),
        };
        Self {
            own,
            has_own_file: options.auth_file.is_some(),
            files,
            no_helpers: options.no_credential_helpers,
            stall_timeout: options.stall_timeout,
            grants: Mutex::default(),
            turns: Turns::default(),
        }
    }

    /// The credentials for a request: none before the server asked for a login.
    pub fn current(
        &self,
        web: &Web,
        endpoint: &Endpoint,
        scope: &str,
        home: &Url,
        ctx: &dyn Cancel,
    ) -> Result<Option<String>, Trouble> {
        let key = (endpoint.host.clone(), scope.to_owned());
        let Some(grant) = self.grants().get(&key).cloned() else {
            return Ok(None);
        };
        if grant.expires.is_none_or(|expires| expires > Instant::now()) {
            return Ok(Some(grant.authorization));
        }
        // Renewed early, so that no upload is refused in its middle.
        let _turn = self.turns.take(&key, ctx)?;
        let renewed = self.grants().get(&key).cloned();
        if let Some(renewed) = renewed.filter(|other| other.authorization != grant.authorization) {
            return Ok(Some(renewed.authorization));
        }
        let renewed = self.grant(web, endpoint, scope, grant.challenge, home, ctx)?;
        let mut grants = self.grants();
        match renewed {
            Some(grant) => {
                grants.insert(key, grant.clone());
                Ok(Some(grant.authorization))
            }
            None => {
                grants.remove(&key);
                Ok(None)
            }
        }
    }

    /// Logs in as the head of a 401 asks; false if there are no credentials. `sent` is the
    /// refused value.
    #[expect(clippy::too_many_arguments, reason = "a login concerns all of them")]
    pub fn login(
        &self,
        web: &Web,
        endpoint: &Endpoint,
        scope: &str,
        sent: Option<&str>,
        head: &Head,
        home: &Url,
        ctx: &dyn Cancel,
    ) -> Result<bool, Trouble> {
        let key = (endpoint.host.clone(), scope.to_owned());
        let Some(challenge) = challenge::choose(head.all("www-authenticate")) else {
            let mut grants = self.grants();
            if grants.get(&key).map(|grant| &*grant.authorization) == sent {
                grants.remove(&key);
            }
            return Ok(false);
        };
        // Threads that need the same login share one.
        let _turn = self.turns.take(&key, ctx)?;
        {
            let mut grants = self.grants();
            match grants.get(&key) {
                // Another thread was quicker.
                Some(grant) if Some(&*grant.authorization) != sent => return Ok(true),
                _ => grants.remove(&key),
            };
        }
        match self.grant(web, endpoint, scope, challenge, home, ctx)? {
            Some(grant) => {
                self.grants().insert(key, grant);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn grant(
        &self,
        web: &Web,
        endpoint: &Endpoint,
        scope: &str,
        challenge: Challenge,
        home: &Url,
        ctx: &dyn Cancel,
    ) -> Result<Option<Grant>, Trouble> {
        let credentials = self.credentials(endpoint, ctx)?;
        if let Some(credentials) = &credentials {
            keep_secret(web, credentials);
        }
        let (authorization, expires) = match (&challenge, &credentials) {
            (_, Some(Credentials::Token(token))) => (format!("Bearer {token}"), None),
            (Challenge::Basic, Some(Credentials::Password { username, password })) => {
                (basic(username, password), None)
            }
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer { realm, service }, credentials) => {
                let token = token::fetch(
                    web,
                    home,
                    realm,
                    service.as_deref(),
                    scope,
                    credentials.as_ref(),
                    ctx,
                )?;
                web.secrets.add_token(&token.text);
                (format!("Bearer {}", token.text), Some(token.expires))
            }
        };
        if !is_header_value(&authorization) {
            return Err(Error::denied(format!(
                "{}: the login holds control characters",
                web.shown(home)
            ))
            .into());
        }
        Ok(Some(Grant {
            authorization,
            expires,
            challenge,
        }))
    }

    fn credentials(&self, endpoint: &Endpoint, ctx: &dyn Cancel) -> Result<Option<Credentials>> {
        if let Some(own) = self.own.as_ref().filter(|_| !endpoint.is_mirror) {
            return Ok(Some(own.clone()));
        }
        let (registry, repository) = (&*endpoint.login_registry, &*endpoint.name);
        for (i, path) in self.files.iter().enumerate() {
            let Some(file) = AuthFile::read(path)? else {
                if i == 0 && self.has_own_file {
                    let name = crate::text::escaped(&path.to_string_lossy());
                    return Err(Error::denied(format!("{name}: found no such auth file")));
                }
                continue;
            };
            if let Some(found) = self.ask(file.helper(registry, repository), registry, ctx)? {
                return Ok(Some(found));
            }
            let found = file.credentials(registry, repository).map_err(|e| {
                let name = crate::text::escaped(&path.to_string_lossy());
                Error::denied(format!("{name}: {}", e.message()))
            })?;
            if let Some(found) = found {
                return Ok(Some(found));
            }
            if let Some(found) = self.ask(file.store.as_deref(), registry, ctx)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn ask(
        &self,
        helper: Option<&str>,
        registry: &str,
        ctx: &dyn Cancel,
    ) -> Result<Option<Credentials>> {
        let Some(helper) = helper.filter(|name| !self.no_helpers && !name.is_empty()) else {
            return Ok(None);
        };
        for server in helper_names(registry) {
            if let Some(found) = helper::ask(helper, &server, self.stall_timeout, ctx)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn grants(&self) -> MutexGuard<'_, HashMap<Key, Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// Checks a value for a header field: a line end in it would start another field.
pub fn is_header_value(text: &str) -> bool {
    text.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

fn keep_secret(web: &Web, credentials: &Credentials) {
    let secrets = &web.secrets;
    let add = |secret: &str| {
        secrets.add_login(secret);
        secrets.add_login(&crate::text::percent_encoded(secret));
        secrets.add_login(&STANDARD.encode(secret));
    };
    match credentials {
        Credentials::Password { username, password } => {
            add(password);
            add(&format!("{username}:{password}"));
        }
        Credentials::Identity(token) | Credentials::Token(token) => add(token),
    }
}
