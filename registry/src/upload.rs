//! The upload of one blob.

use crate::cancel::{Cancel, Never, Within};
use crate::client::{Call, Client, Place};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::http::url::Url;
use crate::refusal::is_temporary;
use crate::retry::Trouble;
use crate::transfer::{Body, Failure, Method, Transfer};
use crate::web::Answer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest time for deleting an abandoned upload.
const MAX_DELETE: Duration = Duration::from_secs(1);

/// The most new logins in a row for one blob. The second is for a token that expired during
/// the upload.
const MAX_NEW_LOGINS: u32 = 2;

pub struct Upload {
    client: Arc<Client>,
    endpoint: Endpoint,
    scope: String,
    digest: String,
    home: Url,
    /// The upload URL of the server's last response.
    location: Url,
    /// Bytes that were there before this stream or, once it has ended, with it.
    offset: u64,
    /// Whether an upload of this blob broke off before.
    is_again: bool,
    /// How often in a row the upload was refused with 401 and logged in again.
    new_logins: u32,
    /// The login that was sent.
    authorization: Option<String>,
    stream: Option<Sending>,
}

struct Sending {
    method: Method,
    url: Url,
    transfer: Transfer,
}

/// Where an upload starts.
pub struct Start {
    pub location: Url,
    /// Where the whole blob goes, if the registry redirected it.
    pub target: Option<Url>,
    /// Bytes that are there.
    pub offset: u64,
    pub is_again: bool,
    pub new_logins: u32,
}

/// An upload that broke off and may be continued.
pub struct Broken {
    pub location: Url,
    /// Where it was redirected to.
    pub target: Option<Url>,
    /// Bytes that were sent, at most.
    pub sent: u64,
    /// When the server wants to be asked again.
    pub not_before: Option<Instant>,
    pub new_logins: u32,
}

/// The outcome of a stream without success.
pub enum End {
    Failed(Error),
    /// The bytes written must be sent again.
    Restart(Error, Box<Broken>),
}

impl Upload {
    /// The rest of `size` bytes will be written.
    pub fn start(
        client: &Arc<Client>,
        endpoint: &Endpoint,
        scope: &str,
        digest: &str,
        size: u64,
        from: &Start,
        ctx: &dyn Cancel,
    ) -> Result<Self, Trouble> {
        let offset = from.offset;
        let mut upload = Self {
            client: client.clone(),
            endpoint: endpoint.clone(),
            scope: scope.to_owned(),
            digest: digest.to_owned(),
            home: client.home(endpoint)?,
            location: from.location.clone(),
            offset,
            is_again: from.is_again,
            new_logins: from.new_logins,
            authorization: None,
            stream: None,
        };
        if offset == 0 {
            let to_location = || upload.location.with_parameter("digest", digest);
            let url = from.target.clone().unwrap_or_else(to_location);
            upload.stream(Method::Put, url, size, &[], ctx)?;
        } else if offset < size {
            let range = format!("Content-Range: {offset}-{}", size - 1);
            let url = upload.location.clone();
            upload.stream(Method::Patch, url, size - offset, &[range], ctx)?;
        }
        Ok(upload)
    }

    fn stream(
        &mut self,
        method: Method,
        url: Url,
        size: u64,
        headers: &[String],
        ctx: &dyn Cancel,
    ) -> Result<(), Trouble> {
        let mut headers = headers.to_vec();
        headers.push("Content-Type: application/octet-stream".to_owned());
        let call = Call {
            method,
            endpoint: &self.endpoint,
            place: Place::Url(&url),
            scope: &self.scope,
            headers: &headers,
            body: Body::Stream {
                size,
                // The failure may be one of the kept connection.
                is_alone: self.is_again,
            },
        };
        let (transfer, authorization) = self.client.start_upload(&call, &url, &self.home, ctx)?;
        self.authorization = authorization;
        self.stream = Some(Sending {
            method,
            url,
            transfer,
        });
        Ok(())
    }

    pub fn write(&mut self, bytes: &[u8], ctx: &dyn Cancel) -> Result<(), End> {
        let Some(stream) = &mut self.stream else {
            return Err(End::Failed(Error::internal(
                "bytes for an upload that has them all",
            )));
        };
        if let Err(failure) = stream.transfer.write(bytes, ctx) {
            return Err(self.broken(&failure));
        }
        // A server that answers before it has everything refuses it.
        let is_refused = stream.transfer.is_answered()
            && !matches!(stream.transfer.head(ctx), Ok(head) if is_success(head.status));
        match is_refused {
            true => self.answered(ctx).map(drop),
            false => Ok(()),
        }
    }

    /// Ends the upload: the blob is there then.
    pub fn commit(&mut self, ctx: &dyn Cancel) -> Result<(), End> {
        if let Some(stream) = &self.stream {
            let is_put = stream.method == Method::Put;
            let answer = self.answered(ctx)?;
            if is_put {
                return Ok(());
            }
            self.take_location(&answer).map_err(End::Failed)?;
        }
        let url = self.location.with_parameter("digest", &self.digest);
        let call = Call {
            method: Method::Put,
            endpoint: &self.endpoint,
            place: Place::Url(&url),
            scope: &self.scope,
            headers: &["Content-Type: application/octet-stream".to_owned()],
            body: Body::None,
        };
        match self.client.try_once(&call, ctx) {
            Ok(answer) if is_success(answer.head.status) => Ok(()),
            Ok(answer) => {
                // `try_once` has logged in again already.
                self.new_logins = MAX_NEW_LOGINS;
                Err(self.refused(answer, ctx))
            }
            Err(Trouble::Fatal(error)) => Err(End::Failed(error)),
            Err(Trouble::Retry { error, after }) => Err(self.restart(error, after)),
        }
    }

    /// The answer to what was streamed, if it is a success.
    fn answered(&mut self, ctx: &dyn Cancel) -> Result<Answer, End> {
        let stream = self.stream.as_mut().expect("something was streamed");
        let head = match stream.transfer.head(ctx) {
            Ok(head) => head.clone(),
            Err(failure) => return Err(self.broken(&failure)),
        };
        let sent = self.sent();
        let Sending {
            method,
            url,
            transfer,
        } = self.stream.take().expect("it was there");
        let mut answer = Answer {
            method,
            url,
            is_direct: true,
            head,
            transfer,
        };
        self.offset = sent;
        if is_success(answer.head.status) {
            crate::web::drain(&mut answer.transfer, ctx);
            return Ok(answer);
        }
        match (answer.method, answer.head.status) {
            (Method::Put, 307 | 308) => Err(self.redirected(&answer)),
            _ => Err(self.refused(answer, ctx)),
        }
    }

    /// What was sent is lost: the next stream goes where the answer leads.
    fn redirected(&mut self, answer: &Answer) -> End {
        let Answer {
            method, url, head, ..
        } = answer;
        let target = match self.client.web.led_to(*method, url, &self.home, head) {
            Ok(target) => target,
            Err(error) => return End::Failed(error),
        };
        let (place, status) = (self.client.web.shown(url), head.status);
        let error = Error::unavailable(format!("PUT {place}: HTTP {status}"));
        let mut end = self.restart(error.with_code(status.into()), None);
        if let End::Restart(_, broken) = &mut end {
            broken.target = Some(target);
        }
        end
    }

    fn sent(&self) -> u64 {
        self.offset
            + self
                .stream
                .as_ref()
                .map_or(0, |stream| stream.transfer.sent())
    }

    fn take_location(&mut self, answer: &Answer) -> Result<()> {
        if let Some(location) = answer.head.get("location") {
            let web = &self.client.web;
            self.location = web.next(&answer.url, &self.home, location).map_err(|why| {
                let (method, url) = (answer.method.name(), web.shown(&answer.url));
                Error::unavailable(format!("{method} {url}: {why}"))
            })?;
        }
        Ok(())
    }

    fn refused(&mut self, answer: Answer, ctx: &dyn Cancel) -> End {
        let (status, method) = (answer.head.status, answer.method);
        let login = match status {
            401 => self.log_in(&answer, ctx),
            _ => Ok(true),
        };
        let (error, after) = match self.client.web.refused(answer, ctx) {
            Trouble::Fatal(error) => (error, None),
            Trouble::Retry { error, after } => (error, after),
        };
        match login {
            Ok(true) => {}
            Ok(false) => return End::Failed(error),
            Err(Trouble::Fatal(error)) => return End::Failed(error),
            Err(Trouble::Retry { error, after }) => return self.restart(error, after),
        }
        let may_restart = matches!(status, 401 | 404 | 416) || is_temporary(status);
        if !may_restart || error.status() == Status::Cancelled {
            return End::Failed(error);
        }
        let mut end = self.restart(error, after);
        if let (416, Method::Patch, End::Restart(_, broken)) = (status, method, &mut end) {
            // The server has other bytes than it reported: the upload starts again.
            broken.sent = 0;
        }
        end
    }

    /// Logs in once more, for the next try; false where that did not help before.
    fn log_in(&mut self, answer: &Answer, ctx: &dyn Cancel) -> Result<bool, Trouble> {
        if self.new_logins >= MAX_NEW_LOGINS {
            return Ok(false);
        }
        self.new_logins += 1;
        if !answer.url.has_origin_of(&self.home) {
            // The next upload may have another address.
            return Ok(true);
        }
        let Client { auth, web, .. } = &*self.client;
        // Where this answer asks for no login, the next upload may.
        auth.login(
            web,
            &self.endpoint,
            &self.scope,
            self.authorization.as_deref(),
            &answer.head,
            &self.home,
            ctx,
        )
        .map(|_| true)
    }

    fn broken(&mut self, failure: &Failure) -> End {
        let (method, url) = match &self.stream {
            Some(stream) => (stream.method, &stream.url),
            None => (Method::Put, &self.location),
        };
        match self.client.web.trouble(method, url, failure) {
            Trouble::Fatal(error) => End::Failed(error),
            Trouble::Retry { error, after } => self.restart(error, after),
        }
    }

    fn restart(&mut self, error: Error, after: Option<Duration>) -> End {
        let broken = Broken {
            location: self.location.clone(),
            target: None,
            sent: self.sent(),
            not_before: after.map(|after| Instant::now() + after),
            new_logins: self.new_logins,
        };
        self.stream = None;
        End::Restart(error.with_status(Status::Restart), Box::new(broken))
    }

    /// Deletes the bytes sent. Takes at most a second.
    pub fn abort(mut self) {
        self.stream = None;
        delete(
            &self.client,
            &self.endpoint,
            &self.scope,
            &self.location,
            &deadline(),
        );
    }
}

/// Until when an abandoned upload may be deleted.
pub fn deadline() -> Within<'static> {
    Within::new(MAX_DELETE, &Never)
}

pub fn delete(
    client: &Client,
    endpoint: &Endpoint,
    scope: &str,
    location: &Url,
    until: &dyn Cancel,
) {
    let call = Call {
        method: Method::Delete,
        endpoint,
        place: Place::Url(location),
        scope,
        headers: &[],
        body: Body::None,
    };
    // The registry removes it some day, whatever it answers now.
    if let Ok(mut answer) = client.try_once(&call, until) {
        crate::web::drain(&mut answer.transfer, until);
    }
}

pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
