//! The options of a handle.

use crate::auth::is_header_value;
use crate::error::{Error, Result};
use crate::reference::Mirror;
use std::path::PathBuf;
use std::time::Duration;

/// The real values: C's zeros and NULLs are translated in `ffi`.
#[derive(Clone)]
pub struct Options {
    pub username: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub auth_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub proxy: Option<String>,
    pub user_agent: String,
    pub mirrors: Vec<Mirror>,
    pub max_manifest_size: u64,
    pub is_plain_http: bool,
    pub is_insecure_tls: bool,
    pub no_auth_files: bool,
    pub no_credential_helpers: bool,
    pub no_proxy: bool,
    pub connect_timeout: Duration,
    pub stall_timeout: Duration,
    pub max_retries: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            username: None,
            password: None,
            token: None,
            auth_file: None,
            ca_file: None,
            client_cert: None,
            client_key: None,
            proxy: None,
            user_agent: concat!("ociimg-registry/", env!("CARGO_PKG_VERSION")).to_owned(),
            mirrors: Vec::new(),
            max_manifest_size: 4 * 1024 * 1024,
            is_plain_http: false,
            is_insecure_tls: false,
            no_auth_files: false,
            no_credential_helpers: false,
            no_proxy: false,
            connect_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            max_retries: 5,
        }
    }
}

impl Options {
    /// Text that would add a header field, or is invalid.
    pub fn check(&self) -> Result<()> {
        let texts = [
            ("token", self.token.as_deref()),
            ("user_agent", Some(&*self.user_agent)),
        ];
        for (name, text) in texts {
            if text.is_some_and(|text| !is_header_value(text)) {
                return Err(Error::invalid(format!("{name} holds a control character")));
            }
        }
        match self.client_key.is_some() && self.client_cert.is_none() {
            true => Err(Error::invalid("client_key without client_cert")),
            false => Ok(()),
        }
    }
}
