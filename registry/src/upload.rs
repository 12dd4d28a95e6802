//! The upload of one blob.

use crate::cancel::Cancel;
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

pub struct Upload {
    client: Arc<Client>,
    endpoint: Endpoint,
    scope: String,
    digest: String,
    home: Url,
    /// The upload URL of the server's last response.
    location: Url,
    /// Bytes that were there before this stream.
    offset: u64,
    /// Whether the last try was refused for its login, which is new since then.
    pub has_new_login: bool,
    /// The login that was sent.
    authorization: Option<String>,
    stream: Option<Sending>,
}

struct Sending {
    method: Method,
    url: Url,
    transfer: Transfer,
}

/// An upload that broke off and may be continued.
pub struct Broken {
    pub location: Url,
    /// Bytes that were sent, at most.
    pub sent: u64,
    /// When the server wants to be asked again.
    pub not_before: Option<Instant>,
    pub has_new_login: bool,
}

/// The outcome of a stream without success.
pub enum End {
    Failed(Error),
    /// The bytes written must be sent again.
    Restart(Error, Broken),
}

impl Upload {
    /// `offset` bytes are there; the rest of `size` will be written.
    #[expect(clippy::too_many_arguments, reason = "all that an upload is made of")]
    pub fn start(
        client: &Arc<Client>,
        endpoint: &Endpoint,
        scope: &str,
        digest: &str,
        size: u64,
        location: Url,
        offset: u64,
        ctx: &dyn Cancel,
    ) -> Result<Self, Trouble> {
        let mut upload = Self {
            client: client.clone(),
            endpoint: endpoint.clone(),
            scope: scope.to_owned(),
            digest: digest.to_owned(),
            home: client.home(endpoint)?,
            location,
            offset,
            has_new_login: false,
            authorization: None,
            stream: None,
        };
        if offset == 0 {
            let url = upload.location.with_parameter("digest", digest);
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
            body: Body::Stream(size),
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
                // A login that was asked for is in that request already.
                self.has_new_login = true;
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
        if is_success(answer.head.status) {
            crate::web::drain(&mut answer.transfer, ctx);
            return Ok(answer);
        }
        self.offset = sent;
        Err(self.refused(answer, ctx))
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

    /// Logs in once more, for the next try; false where that was done already, or there is no
    /// login.
    fn log_in(&mut self, answer: &Answer, ctx: &dyn Cancel) -> Result<bool, Trouble> {
        if std::mem::replace(&mut self.has_new_login, true) {
            return Ok(false);
        }
        if !answer.url.has_origin_of(&self.home) {
            // The next upload may have another address.
            return Ok(true);
        }
        let Client { auth, web, .. } = &*self.client;
        auth.login(
            web,
            &self.endpoint,
            &self.scope,
            self.authorization.as_deref(),
            &answer.head,
            &self.home,
            ctx,
        )
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
            sent: self.sent(),
            not_before: after.map(|after| Instant::now() + after),
            has_new_login: self.has_new_login,
        };
        self.stream = None;
        End::Restart(error.with_status(Status::Restart), broken)
    }

    /// Deletes the bytes sent. Takes at most a second.
    pub fn abort(mut self) {
        self.stream = None;
        delete(
            &self.client,
            &self.endpoint,
            &self.scope,
            &self.location,
            &Deadline::new(),
        );
    }
}

/// Until when an abandoned upload may be deleted.
pub struct Deadline(Instant);

impl Deadline {
    pub fn new() -> Self {
        Self(Instant::now() + MAX_DELETE)
    }
}

impl Cancel for Deadline {
    fn is_cancelled(&self) -> bool {
        Instant::now() >= self.0
    }
}

pub fn delete(client: &Client, endpoint: &Endpoint, scope: &str, location: &Url, until: &Deadline) {
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
