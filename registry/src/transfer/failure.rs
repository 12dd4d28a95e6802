//! The reason why there is no answer, or only a part of it.

#[derive(Clone, Debug)]
pub enum Failure {
    Cancelled,
    /// The connection was refused.
    Refused(String),
    /// The server does not speak TLS.
    NotTls(String),
    /// The server's certificate is not trusted, or ours can't be used.
    Certificate(String),
    /// The connection, the name or the protocol failed.
    Broken(String),
}

impl Failure {
    pub fn of(error: &curl::Error) -> Self {
        let text = match error.extra_description() {
            Some(extra) => extra.to_owned(),
            None => error.description().to_owned(),
        };
        match error.code() {
            curl_sys::CURLE_COULDNT_CONNECT => Self::Refused(text),
            // The peer's alerts are TLS; anything else in place of a handshake is not.
            curl_sys::CURLE_SSL_CONNECT_ERROR if !text.contains("alert") => Self::NotTls(text),
            curl_sys::CURLE_PEER_FAILED_VERIFICATION
            | curl_sys::CURLE_SSL_CERTPROBLEM
            | curl_sys::CURLE_SSL_CACERT_BADFILE
            | curl_sys::CURLE_SSL_ISSUER_ERROR => Self::Certificate(text),
            // libcurl would have sent it again itself, which an upload must not.
            curl_sys::CURLE_SEND_FAIL_REWIND => {
                Self::Broken("the server closed a connection that was kept".into())
            }
            _ => Self::Broken(text),
        }
    }

    pub fn message(&self) -> &str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Refused(text)
            | Self::NotTls(text)
            | Self::Certificate(text)
            | Self::Broken(text) => text,
        }
    }
}
