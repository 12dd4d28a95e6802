//! A repository, as a sink writes into it.

use crate::auth::is_header_value;
use crate::cancel::Cancel;
use crate::client::{Call, Client, Place};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::http::range::uploaded;
use crate::http::url::Url;
use crate::reference::{Repository, is_tag};
use crate::retry::{Trouble, sleep};
use crate::text::{escaped, percent_encoded};
use crate::transfer::{Body, Method};
use crate::upload::{Broken, End, Start, Upload, deadline, delete, is_success};
use crate::web::{Answer, drain};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest delay of a server that is waited for.
const MAX_WAIT: Duration = Duration::from_secs(60);

pub struct Sink {
    client: Arc<Client>,
    endpoint: Endpoint,
    scope: String,
    /// Uploads that broke off, by digest.
    broken: Mutex<HashMap<String, Broken>>,
}

/// What a blob is named and how long it is.
pub struct BlobName {
    pub digest: String,
    pub size: u64,
}

pub enum Begin {
    Exists,
    Write { stream: Box<Stream>, offset: u64 },
}

pub struct Stream {
    blob: BlobName,
    upload: Option<Upload>,
}

impl Sink {
    pub fn new(client: Arc<Client>, repository: &Repository) -> Self {
        let endpoint = Endpoint::of_registry(repository);
        Self {
            client,
            scope: endpoint.scope("pull,push"),
            endpoint,
            broken: Mutex::default(),
        }
    }

    pub fn has_blob(&self, blob: &BlobName, ctx: &dyn Cancel) -> Result<bool> {
        let path = format!("blobs/{}", blob.digest);
        let call = self.call(Method::Head, Place::Path(&path), &[], Body::None);
        let head = self.client.send(&call, ctx, |answer| Ok(answer.head));
        let head = match head {
            Ok(head) => head,
            // The server failed: the upload shows whether it can be reached.
            Err(error) if error.code() != 0 && error.status() != Status::Denied => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let is_there = head.status == 200 && head.content_length().is_none_or(|n| n == blob.size);
        if is_there {
            self.remember(&blob.digest);
        }
        Ok(is_there)
    }

    pub fn begin_blob(&self, blob: BlobName, ctx: &dyn Cancel) -> Result<Begin> {
        let digest = blob.digest.clone();
        let broken = self.broken().remove(&digest);
        let begun = self.begin(blob, broken.as_ref(), ctx);
        if let (Err(_), Some(broken)) = (&begun, broken) {
            // A later call goes on with it.
            self.broken().insert(digest, broken);
        }
        begun
    }

    fn begin(&self, blob: BlobName, broken: Option<&Broken>, ctx: &dyn Cancel) -> Result<Begin> {
        let is_again = broken.is_some();
        let new_logins = broken.map_or(0, |broken| broken.new_logins);
        let was_sent = broken.is_some_and(|broken| broken.sent >= blob.size);
        let mut target = None;
        let resumed = match broken {
            Some(Broken {
                location,
                target: Some(redirected),
                ..
            }) => {
                target = Some(redirected.clone());
                Some((location.clone(), 0))
            }
            Some(broken) => self.resumed(broken, &blob, ctx)?,
            None => None,
        };
        let (location, offset) = match resumed {
            Some(resumed) => resumed,
            // The registry may have taken it, and only its answer was lost.
            None if was_sent && matches!(self.has_blob(&blob, ctx), Ok(true)) => {
                return Ok(Begin::Exists);
            }
            None => match self.begin_anew(&blob.digest, ctx)? {
                Some(location) => (location, 0),
                None => return Ok(Begin::Exists),
            },
        };
        let from = Start {
            location,
            target,
            offset,
            is_again,
            // The bytes that are there were accepted with a login, so the count starts again.
            new_logins: if offset == 0 { new_logins } else { 0 },
        };
        let mut retries = self.client.retries();
        let upload = loop {
            let BlobName { digest, size } = &blob;
            let (client, endpoint) = (&self.client, &self.endpoint);
            match Upload::start(client, endpoint, &self.scope, digest, *size, &from, ctx) {
                Ok(upload) => break upload,
                Err(trouble) => retries.wait(trouble, ctx)?,
            }
        };
        let upload = Some(upload);
        let stream = Box::new(Stream { blob, upload });
        Ok(Begin::Write { stream, offset })
    }

    pub fn write(&self, stream: &mut Stream, bytes: &[u8], ctx: &dyn Cancel) -> Result<()> {
        let Some(upload) = &mut stream.upload else {
            return Err(Error::internal("a write to an upload that has ended"));
        };
        let written = upload.write(bytes, ctx);
        written.map_err(|end| self.ended(stream, end))
    }

    pub fn commit(&self, mut stream: Stream, ctx: &dyn Cancel) -> Result<()> {
        let Some(upload) = &mut stream.upload else {
            return Err(Error::internal("a commit of an upload that has ended"));
        };
        match upload.commit(ctx) {
            Ok(()) => {
                self.remember(&stream.blob.digest);
                Ok(())
            }
            Err(end) => {
                let error = self.ended(&mut stream, end);
                self.abort(stream);
                Err(error)
            }
        }
    }

    pub fn abort(&self, mut stream: Stream) {
        if let Some(upload) = stream.upload.take() {
            upload.abort();
        }
    }

    pub fn put_manifest(
        &self,
        media_type: &str,
        reference: &str,
        bytes: &[u8],
        ctx: &dyn Cancel,
    ) -> Result<()> {
        if !is_header_value(media_type) {
            let media_type = escaped(media_type);
            return Err(Error::invalid(format!(
                "manifest {reference}: media type \"{media_type}\""
            )));
        }
        let path = format!("manifests/{reference}");
        let headers = [format!("Content-Type: {media_type}")];
        let call = self.call(
            Method::Put,
            Place::Path(&path),
            &headers,
            Body::Bytes(bytes),
        );
        self.client.send(&call, ctx, |mut answer| {
            if !is_success(answer.head.status) {
                return Err(self.client.web.refused(answer, ctx));
            }
            drain(&mut answer.transfer, ctx);
            Ok(())
        })
    }

    /// Under a tag, or without a name by its digest.
    pub fn put_root(
        &self,
        media_type: &str,
        digest: &str,
        bytes: &[u8],
        name: Option<&str>,
        ctx: &dyn Cancel,
    ) -> Result<()> {
        match name {
            None => self.put_manifest(media_type, digest, bytes, ctx),
            Some(tag) if is_tag(tag) => self.put_manifest(media_type, tag, bytes, ctx),
            Some(other) => {
                let name = escaped(other);
                Err(Error::invalid(format!(
                    "name \"{name}\": expected a tag of a registry"
                )))
            }
        }
    }

    fn call<'a>(
        &'a self,
        method: Method,
        place: Place<'a>,
        headers: &'a [String],
        body: Body<'a>,
    ) -> Call<'a> {
        Call {
            method,
            endpoint: &self.endpoint,
            place,
            scope: &self.scope,
            headers,
            body,
        }
    }

    /// The address of a new upload; `None` if the registry has the blob by now.
    fn begin_anew(&self, digest: &str, ctx: &dyn Cancel) -> Result<Option<Url>> {
        let Endpoint { host, name, .. } = &self.endpoint;
        if let Some(from) = self.client.known.elsewhere(host, name, digest) {
            match self.mount(digest, &from, ctx) {
                Ok(mounted) => return Ok(mounted),
                Err(error) if error.status() == Status::Cancelled => return Err(error),
                // The other repository may not be readable: upload without mounting.
                Err(_) => {}
            }
        }
        let call = self.post("blobs/uploads/", &self.scope);
        self.client
            .send(&call, ctx, |mut answer| match answer.head.status {
                200 | 202 | 204 => self.location(&mut answer, ctx).map(Some),
                _ => Err(self.unexpected(answer, ctx)),
            })
    }

    fn mount(&self, digest: &str, from: &str, ctx: &dyn Cancel) -> Result<Option<Url>> {
        let scope = format!("{} repository:{from}:pull", self.scope);
        let path = format!(
            "blobs/uploads/?mount={}&from={}",
            percent_encoded(digest),
            percent_encoded(from)
        );
        let call = self.post(&path, &scope);
        self.client
            .send(&call, ctx, |mut answer| match answer.head.status {
                201 => {
                    self.remember(digest);
                    drain(&mut answer.transfer, ctx);
                    Ok(None)
                }
                202 => self.location(&mut answer, ctx).map(Some),
                _ => Err(self.unexpected(answer, ctx)),
            })
    }

    fn post<'a>(&'a self, path: &'a str, scope: &'a str) -> Call<'a> {
        Call {
            method: Method::Post,
            endpoint: &self.endpoint,
            place: Place::Path(path),
            scope,
            headers: &[],
            body: Body::None,
        }
    }

    fn location(&self, answer: &mut Answer, ctx: &dyn Cancel) -> Result<Url, Trouble> {
        let web = &self.client.web;
        let place = || format!("{} {}", answer.method.name(), web.shown(&answer.url));
        let location = answer.head.get("location").ok_or_else(|| {
            Error::unavailable(format!("{}: an upload without Location", place()))
        })?;
        let location = web
            .next(&answer.url, &self.client.home(&self.endpoint)?, location)
            .map_err(|why| Error::unavailable(format!("{}: {why}", place())))?;
        drain(&mut answer.transfer, ctx);
        Ok(location)
    }

    fn unexpected(&self, answer: Answer, ctx: &dyn Cancel) -> Trouble {
        self.client.web.refused(answer, ctx)
    }

    /// Where an upload that broke off goes on, and from which byte.
    fn resumed(
        &self,
        broken: &Broken,
        blob: &BlobName,
        ctx: &dyn Cancel,
    ) -> Result<Option<(Url, u64)>> {
        if let Some(not_before) = broken.not_before {
            let wait = not_before.saturating_duration_since(Instant::now());
            if wait > MAX_WAIT {
                let seconds = wait.as_secs();
                let place = self.client.web.shown(&broken.location);
                return Err(Error::unavailable(format!(
                    "{place}: Retry-After of {seconds} seconds is too long to wait"
                )));
            }
            sleep(wait, ctx)?;
        }
        let call = self.call(Method::Get, Place::Url(&broken.location), &[], Body::None);
        let found = self.client.send(&call, ctx, |mut answer| {
            if !is_success(answer.head.status) {
                return Ok(None);
            }
            // Without a range that can be understood nothing was received.
            let offset = answer.head.get("range").and_then(uploaded).unwrap_or(0);
            let location = match answer.head.get("location") {
                Some(_) => self.location(&mut answer, ctx)?,
                None => broken.location.clone(),
            };
            Ok(Some((location, offset)))
        });
        let found = match found {
            Ok(found) => found,
            Err(error) if error.status() == Status::Cancelled => return Err(error),
            Err(_) => None,
        };
        match found {
            Some((location, offset)) if offset > 0 && offset <= broken.sent.min(blob.size) => {
                Ok(Some((location, offset)))
            }
            Some((location, _)) => {
                delete(
                    &self.client,
                    &self.endpoint,
                    &self.scope,
                    &location,
                    &deadline(),
                );
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn ended(&self, stream: &mut Stream, end: End) -> Error {
        match end {
            End::Failed(error) => error,
            End::Restart(error, broken) => {
                // It is not deleted: the next stream goes on with it.
                stream.upload = None;
                self.broken().insert(stream.blob.digest.clone(), *broken);
                error
            }
        }
    }

    fn remember(&self, digest: &str) {
        let Endpoint { host, name, .. } = &self.endpoint;
        self.client.known.add(host, name, digest);
    }

    fn broken(&self) -> std::sync::MutexGuard<'_, HashMap<String, Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let broken = std::mem::take(&mut *self.broken());
        let until = deadline();
        for upload in broken.into_values() {
            delete(
                &self.client,
                &self.endpoint,
                &self.scope,
                &upload.location,
                &until,
            );
        }
    }
}
