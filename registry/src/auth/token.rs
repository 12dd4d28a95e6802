//! Bearer tokens: <https://distribution.github.io/distribution/spec/auth/token/>.

use super::basic;
use super::files::Credentials;
use crate::cancel::Cancel;
use crate::error::{Error, Status};
use crate::http::url::{Scheme, Url};
use crate::retry::Trouble;
use crate::text::percent_encoded;
use crate::transfer::{Body, Method};
use crate::web::{Ask, Web, check_reach};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

const MAX_ANSWER: u64 = 64 * 1024;
const CLIENT_ID: &str = "ociimg-registry";

/// The lifetime that servers mean with a smaller value:
/// <https://github.com/moby/moby/issues/9298>.
const MIN_LIFETIME: u64 = 60;

/// Far longer than the lifetime of any token.
const MAX_LIFETIME: u64 = 366 * 24 * 3600;

pub struct Token {
    pub text: String,
    pub expires: Instant,
}

/// As written: what one of them is must not spoil the others.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
}

/// `scope` holds one or more scopes, with spaces between them.
pub fn fetch(
    web: &Web,
    home: &Url,
    realm: &str,
    service: Option<&str>,
    scope: &str,
    credentials: Option<&Credentials>,
    ctx: &dyn Cancel,
) -> Result<Token, Trouble> {
    let place = || {
        format!(
            "{}: token realm \"{}\"",
            web.shown(home),
            web.quoted(realm.split('?').next().unwrap_or_default())
        )
    };
    let denied = |why: &str| Error::denied(format!("{}: {why}", place()));
    let mut url =
        Url::parse(realm).ok_or_else(|| denied("expected an address in http or https"))?;
    check_reach(home, &url).map_err(denied)?;
    // A password is not sent with less protection than the registry itself has.
    let is_exposed = home.scheme() == Scheme::Https && url.scheme() == Scheme::Http;
    let credentials = credentials.filter(|_| !is_exposed);

    let mut headers = vec!["Accept: application/json".to_owned()];
    let mut authorization = None;
    let mut form = String::new();
    let method = match credentials {
        Some(Credentials::Identity(identity)) => {
            form = format!(
                "grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={}",
                percent_encoded(identity)
            );
            form.push_str(&format!("&scope={}", percent_encoded(scope)));
            if let Some(service) = service {
                form.push_str(&format!("&service={}", percent_encoded(service)));
            }
            headers.push("Content-Type: application/x-www-form-urlencoded".to_owned());
            Method::Post
        }
        credentials => {
            if let Some(service) = service {
                url = url.with_parameter("service", service);
            }
            for scope in scope.split(' ') {
                url = url.with_parameter("scope", scope);
            }
            if let Some(Credentials::Password { username, password }) = credentials {
                authorization = Some(basic(username, password));
            }
            Method::Get
        }
    };
    let ask = Ask {
        method,
        url: &url,
        home,
        headers: &headers,
        body: match method {
            Method::Post => Body::Bytes(form.as_bytes()),
            _ => Body::None,
        },
        authorization: authorization.as_deref(),
        keeps_login: false,
    };
    let started = Instant::now();
    let mut answer = web
        .send(&ask, ctx)
        .map_err(|unanswered| unanswered.trouble)?;
    if answer.head.status != 200 {
        return Err(match web.refused(answer, ctx) {
            // Whatever it is that the token server does not have: there is no login.
            Trouble::Fatal(error)
                if error.status() != Status::Cancelled && error.status() != Status::Unavailable =>
            {
                error.with_status(Status::Denied).into()
            }
            trouble => trouble,
        });
    }
    let (method, url) = (answer.method, answer.url.clone());
    let body = answer
        .read_to_end(MAX_ANSWER, ctx)
        .map_err(|failure| web.trouble(method, &url, &failure))?;
    let denied = |why: &str| Error::denied(format!("{} {}: {why}", method.name(), web.shown(&url)));
    if body.len() as u64 > MAX_ANSWER {
        return Err(denied("the answer of the token server is larger than 64 KiB").into());
    }
    let answer: Answer<'_> = serde_json::from_slice(&body)
        .map_err(|_| denied("the answer of the token server is not the JSON that was expected"))?;
    let text = [answer.token, answer.access_token]
        .into_iter()
        .flatten()
        .filter_map(|value| serde_json::from_str::<String>(value.get()).ok())
        .find(|text| !text.is_empty())
        .ok_or_else(|| denied("the token server gave no token"))?;
    let expires_in = answer.expires_in.map_or("", RawValue::get);
    Ok(Token {
        text,
        expires: started + lifetime(expires_in),
    })
}

/// The lifetime in a JSON text.
fn lifetime(expires_in: &str) -> Duration {
    // A number of JSON is one of Rust, however large; what else JSON has is none.
    let seconds: f64 = expires_in.parse().unwrap_or_default();
    Duration::from_secs((seconds as u64).clamp(MIN_LIFETIME, MAX_LIFETIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes() {
        for (value, seconds) in [
            ("", 60),
            ("null", 60),
            ("true", 60),
            ("{}", 60),
            ("[300]", 60),
            ("5", 60),
            ("300", 300),
            ("300.9", 300),
            ("3e2", 300),
            ("\"300\"", 60),
            ("-1", 60),
            ("-1e400", 60),
            ("1e-400", 60),
            ("1e400", MAX_LIFETIME),
            ("18446744073709551616", MAX_LIFETIME),
        ] {
            assert_eq!(lifetime(value), Duration::from_secs(seconds), "{value}");
        }
    }

    #[test]
    fn a_lifetime_of_any_kind_leaves_the_token_as_it_is() {
        for value in ["1e400", "-1e400", "{}", "\"x\"", "null"] {
            let text = format!("{{\"token\":\"t\",\"expires_in\":{value}}}");
            let answer: Answer<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(answer.token.map(RawValue::get), Some("\"t\""), "{text}");
        }
    }
}
