//! A blob as a stream that continues after a broken connection.

use crate::cancel::Cancel;
use crate::client::{Call, Client, Place};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::http::range::content_range;
use crate::retry::{Retries, Trouble};
use crate::transfer::{Body, Failure, Method};
use crate::web::Answer;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

pub struct Blob {
    client: Arc<Client>,
    /// The servers that may have it, the registry last; the first one is in use.
    endpoints: Vec<Endpoint>,
    digest: String,
    /// Bytes that were read and not returned yet.
    beginning: VecDeque<u8>,
    answer: Answer,
    /// Bytes returned so far.
    offset: u64,
    total: Option<u64>,
    retries: Retries,
    /// Of all bytes so far, as long as a mirror gives them.
    hash: Option<Sha256>,
    /// Whether the server reported the end.
    is_over: bool,
    /// Why it ended, where that was before its end.
    failed: Option<Error>,
}

impl Blob {
    pub fn open(
        client: &Arc<Client>,
        mut endpoints: Vec<Endpoint>,
        digest: &str,
        ctx: &dyn Cancel,
    ) -> Result<Self> {
        let mut retries = client.retries();
        let answer = loop {
            match request(client, &endpoints[0], digest, 0, ctx) {
                Ok(answer) => break answer,
                Err(trouble) => turn_to_next(&mut endpoints, &mut retries, trouble, ctx)?,
            }
        };
        let beginning = Vec::new();
        Ok(Self::of_answer(
            client, endpoints, digest, beginning, answer,
        ))
    }

    /// Goes on with an answer of the first endpoint, whose beginning was read.
    pub fn of_answer(
        client: &Arc<Client>,
        endpoints: Vec<Endpoint>,
        digest: &str,
        beginning: Vec<u8>,
        answer: Answer,
    ) -> Self {
        let is_compared = endpoints[0].is_mirror && digest.starts_with("sha256:");
        Self {
            client: client.clone(),
            endpoints,
            hash: is_compared.then(Sha256::default),
            is_over: false,
            digest: digest.to_owned(),
            total: answer.head.content_length(),
            beginning: beginning.into(),
            answer,
            offset: 0,
            retries: client.retries(),
            failed: None,
        }
    }

    /// The repository that it is read from.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoints[0]
    }

    pub fn read(&mut self, buf: &mut [u8], ctx: &dyn Cancel) -> Result<usize> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let read = self.read_on(buf, ctx);
        if let Err(error) = &read {
            self.failed = Some(error.clone());
        }
        read
    }

    fn read_on(&mut self, buf: &mut [u8], ctx: &dyn Cancel) -> Result<usize> {
        loop {
            let read = match self.beginning.read(buf) {
                Ok(0) | Err(_) => self.answer.transfer.read(buf, ctx),
                Ok(n) => Ok(n),
            };
            let trouble = match read {
                Ok(n) if n > 0 => {
                    if let Some(hash) = &mut self.hash {
                        hash.update(&buf[..n]);
                    }
                    self.offset += n as u64;
                    self.retries.progress();
                    return Ok(n);
                }
                Ok(_) if self.total.is_none_or(|total| self.offset >= total) => {
                    match self.is_as_its_digest_says() {
                        true => return Ok(0),
                        false => self.trouble(&Failure::Broken("other content".into())),
                    }
                }
                Ok(_) => {
                    let text = format!("ended after {} bytes", self.offset);
                    self.trouble(&Failure::Broken(text))
                }
                // Nothing is missing but the end of the answer.
                Err(Failure::Broken(_)) if self.hash.is_some() && self.is_as_its_digest_says() => {
                    return Ok(0);
                }
                Err(failure) => self.trouble(&failure),
            };
            self.resume(trouble, ctx)?;
            if self.is_over {
                return Ok(0);
            }
        }
    }

    /// A mirror's content is compared, so that a short one is continued elsewhere.
    fn is_as_its_digest_says(&self) -> bool {
        let Some(hash) = &self.hash else { return true };
        let hash = hash.clone().finalize();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.digest.strip_prefix("sha256:") == Some(&*hex)
    }

    fn trouble(&self, failure: &Failure) -> Trouble {
        let Answer { method, url, .. } = &self.answer;
        self.client.web.trouble(*method, url, failure)
    }

    /// Asks for the rest: the registry, and not what it redirected to.
    fn resume(&mut self, mut trouble: Trouble, ctx: &dyn Cancel) -> Result<()> {
        loop {
            if self.endpoint().is_mirror {
                // Its length is not trusted either.
                self.total = None;
            }
            turn_to_next(&mut self.endpoints, &mut self.retries, trouble, ctx)?;
            if !self.endpoint().is_mirror {
                self.hash = None;
            }
            match self.ask_for_the_rest(ctx) {
                Ok(()) => return Ok(()),
                Err(next) => trouble = next,
            }
        }
    }

    fn ask_for_the_rest(&mut self, ctx: &dyn Cancel) -> Result<(), Trouble> {
        let answer = request(
            &self.client,
            &self.endpoints[0],
            &self.digest,
            self.offset,
            ctx,
        )?;
        let wrong = |what: &str| {
            let (method, url) = (answer.method.name(), self.client.web.shown(&answer.url));
            Error::unavailable(format!("{method} {url}: {what}"))
        };
        if answer.head.status == 416 {
            return match self.total {
                None => {
                    self.is_over = true;
                    Ok(())
                }
                Some(total) => {
                    Err(wrong(&format!("nothing after {} of {total} bytes", self.offset)).into())
                }
            };
        }
        if answer.head.status == 206 {
            let field = answer.head.get("content-range").unwrap_or_default();
            let range = content_range(field).filter(|range| {
                let totals = range.total.zip(self.total);
                range.start == self.offset && totals.is_none_or(|(one, other)| one == other)
            });
            let Some(range) = range else {
                let (field, offset) = (self.client.web.quoted(field), self.offset);
                return Err(wrong(&format!(
                    "Content-Range \"{field}\", expected a range from {offset}"
                ))
                .into());
            };
            self.total = self.total.or(range.total);
            self.answer = answer;
            return Ok(());
        }
        let total = answer.head.content_length();
        if let Some((one, other)) = total.zip(self.total)
            && one != other
        {
            return Err(wrong(&format!(
                "{one} bytes, and {other} when it was asked before"
            ))
            .into());
        }
        self.total = self.total.or(total);
        self.answer = answer;
        self.skip(ctx)
    }

    /// Skips the bytes that were returned already.
    fn skip(&mut self, ctx: &dyn Cancel) -> Result<(), Trouble> {
        let mut left = self.offset;
        let mut buf = vec![0; 64 * 1024];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
            match self.answer.transfer.read(&mut buf[..most], ctx) {
                Ok(0) => {
                    let text = "the blob is shorter than when it was asked before".to_owned();
                    return Err(self.trouble(&Failure::Broken(text)));
                }
                Ok(n) => left -= n as u64,
                Err(failure) => return Err(self.trouble(&failure)),
            }
        }
        Ok(())
    }
}

/// The next step after a failure: after a mirror the next server at once, else the same one
/// after a delay.
fn turn_to_next(
    endpoints: &mut Vec<Endpoint>,
    retries: &mut Retries,
    trouble: Trouble,
    ctx: &dyn Cancel,
) -> Result<()> {
    if endpoints.len() == 1 {
        return retries.wait(trouble, ctx);
    }
    if ctx.is_cancelled() {
        return Err(Error::cancelled());
    }
    endpoints.remove(0);
    retries.progress();
    Ok(())
}

fn request(
    client: &Client,
    endpoint: &Endpoint,
    digest: &str,
    offset: u64,
    ctx: &dyn Cancel,
) -> Result<Answer, Trouble> {
    let path = format!("blobs/{digest}");
    let range = (offset > 0).then(|| format!("Range: bytes={offset}-"));
    let headers: Vec<String> = range.into_iter().collect();
    let call = Call {
        method: Method::Get,
        endpoint,
        place: Place::Path(&path),
        scope: &endpoint.scope("pull"),
        headers: &headers,
        body: Body::None,
    };
    let answer = client.try_once(&call, ctx)?;
    match answer.head.status {
        200 => Ok(answer),
        206 | 416 if offset > 0 => Ok(answer),
        _ => Err(client.web.refused(answer, ctx)),
    }
}
