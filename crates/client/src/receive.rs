//! Whole answers: read within a limit, judged, and brought into the caller's dialect.

use crate::{fault::transport_error, shared::Asked, wait::within};
use buttress_llm::{
    Answer, AnswerBody, AnswerTranslator, Dialect, Encoded, LlmError, LlmRequest, LlmResponse,
    ProviderError, TransportError, passed_on,
};
use buttress_timeout::Stopwatch;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE, response::Parts};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::{
    error, fmt,
    time::{Duration, SystemTime},
};
use tokio::time::timeout;

/// How long the body of a failing answer is waited for. Its head tells enough to go on with, and
/// whoever is to be asked next should not wait for the rest of a server that is failing.
const FAILURE_PATIENCE: Duration = Duration::from_secs(5);

/// What is kept of the head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// When it came, for dates in its headers.
    now: SystemTime,
}

impl Head {
    pub(crate) fn new(head: Parts, now: SystemTime) -> Self {
        Self {
            status: head.status,
            headers: head.headers,
            now,
        }
    }

    /// Whether what follows is a stream of events, as far as the head tells.
    pub(crate) fn is_stream(&self) -> Option<bool> {
        if !self.status.is_success() {
            return Some(false);
        }
        let content = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let content = content.split(';').next()?.trim().to_ascii_lowercase();
        match &*content {
            "text/event-stream" => Some(true),
            json if json == "application/json" || json.ends_with("+json") => Some(false),
            _ => None,
        }
    }

    /// The answer that has this body.
    pub(crate) fn answer(
        self,
        Asked { shared, place }: &Asked,
        spoken: Dialect,
        request: &LlmRequest,
        encoded: &Encoded,
        body: Result<Bytes, Broken>,
    ) -> Result<LlmResponse, LlmError> {
        let body = match body {
            Ok(body) => body,
            Err(broken) if self.status.is_success() => return Err(broken.into()),
            Err(_) => Bytes::new(),
        };
        let answer = Answer::new(self.status.as_u16(), &self.headers, &body).at(self.now);
        let (from, to) = (spoken, request.dialect());
        let usage = LlmError::check(shared.provider, from, &answer);
        let usage = usage.map_err(|error| shared.secrets.redact(error))?;
        if request.streams() {
            let odd = "a whole answer to a request for a stream";
            return Err(LlmError::transport(TransportError::Protocol, odd));
        }
        let body = AnswerTranslator::new(from, to)
            .json_tool(encoded.json_tool)
            .write(&body)
            .map_err(|error| LlmError::transport(TransportError::Other, error))?;
        let answer = LlmResponse::new(to, place.model(request), AnswerBody::Json(body));
        Ok(answer.usage(usage).headers(passed_on(&self.headers)))
    }
}

/// A body that could not be read to its end.
pub(crate) enum Broken {
    Cut(hyper::Error),
    TooLarge(TooLarge),
    Elapsed(LlmError),
}

/// An answer above the limit.
#[derive(Debug)]
pub(crate) struct TooLarge(usize);

/// A body of which the start may have been looked at.
pub(crate) struct Opened {
    pub(crate) start: Bytes,
    pub(crate) rest: Incoming,
}

impl Opened {
    /// Nothing was looked at.
    pub(crate) const fn new(rest: Incoming) -> Self {
        let start = Bytes::new();
        Self { start, rest }
    }

    /// Reads on until it is seen whether this is a stream of events, which some servers send under
    /// another name, or none.
    ///
    /// # Errors
    /// It can't be an answer. What a server calls its answers is how it was set up, so asking it
    /// again is no use.
    pub(crate) async fn is_stream(&mut self, watch: &mut Stopwatch) -> Result<bool, LlmError> {
        /// The most of white space that is looked through.
        const MAX_START: usize = 4 << 10;
        let mut read = BytesMut::new();
        let look = loop {
            let look = look(&read);
            if look != Look::TooShort || read.len() > MAX_START {
                break look;
            }
            let frame = within(watch, self.rest.frame()).await?;
            let Some(frame) = frame.transpose().map_err(Broken::Cut)? else {
                break look;
            };
            if let Ok(data) = frame.into_data() {
                read.extend_from_slice(&data);
            }
        };
        self.start = read.freeze();
        match look {
            Look::Stream(at) => {
                // Before the name of a field there may be nothing.
                let _ = self.start.split_to(at);
                Ok(true)
            }
            Look::Whole | Look::TooShort => Ok(false),
            Look::Neither => {
                let odd = "an answer that is neither a stream nor JSON";
                Err(LlmError::transport(TransportError::Protocol, odd))
            }
        }
    }
}

/// What an answer looks like at its start.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Look {
    /// A stream of events that begins here.
    Stream(usize),
    /// JSON, or a page in place of it.
    Whole,
    Neither,
    TooShort,
}

fn look(read: &[u8]) -> Look {
    const FIELDS: [&[u8]; 5] = [b":", b"data:", b"event:", b"id:", b"retry:"];
    let mark = "\u{feff}".as_bytes();
    let text = read.trim_ascii_start();
    if text.len() < mark.len() && mark.starts_with(text) {
        return Look::TooShort;
    }
    let text = text.strip_prefix(mark).unwrap_or(text).trim_ascii_start();
    let like = |field: &&[u8]| text.starts_with(field);
    match text.first() {
        None => Look::TooShort,
        Some(b'{' | b'[' | b'"' | b'<') => Look::Whole,
        _ if FIELDS.iter().any(like) => Look::Stream(read.len() - text.len()),
        _ if FIELDS.iter().any(|field| field.starts_with(text)) => Look::TooShort,
        _ => Look::Neither,
    }
}

/// Reads a body to its end.
pub(crate) async fn whole(
    body: Opened,
    most: usize,
    watch: &mut Stopwatch,
) -> Result<Bytes, Broken> {
    let Opened {
        start,
        rest: mut body,
    } = body;
    // The announced length is only the other side's word.
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > most {
        return Err(Broken::TooLarge(TooLarge(most)));
    }
    let mut whole = BytesMut::with_capacity(expected.min(most).min(64 << 10));
    whole.extend_from_slice(&start);
    loop {
        let frame = within(watch, body.frame()).await;
        let Some(frame) = frame.map_err(Broken::Elapsed)? else {
            return Ok(whole.freeze());
        };
        let Ok(data) = frame.map_err(Broken::Cut)?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > most {
            return Err(Broken::TooLarge(TooLarge(most)));
        }
        if !data.is_empty() {
            watch.content();
        }
        whole.extend_from_slice(&data);
    }
}

/// Reads what a failing answer says: the most of it that is kept, and nothing if it does not come
/// soon, or not whole. What its head says is enough to judge it, if it must be.
pub(crate) async fn of_failure(mut body: Incoming, watch: &mut Stopwatch) -> Bytes {
    let mut read = BytesMut::new();
    let reading = async {
        // One byte more than is kept shows that it is not the whole.
        while read.len() <= ProviderError::MAX_BODY {
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        read.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => return false,
                None => break,
            }
        }
        true
    };
    match within(watch, timeout(FAILURE_PATIENCE, reading)).await {
        Ok(Ok(true)) => read.freeze(),
        _ => Bytes::new(),
    }
}

impl From<Broken> for LlmError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Cut(error) => {
                let fault = match transport_error(&error) {
                    TransportError::Unprocessed | TransportError::Reset | TransportError::Other => {
                        TransportError::BodyCut
                    }
                    fault => fault,
                };
                Self::transport(fault, error)
            }
            Broken::TooLarge(error) => Self::transport(TransportError::TooLarge, error),
            Broken::Elapsed(error) => error,
        }
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is larger than {} bytes", self.0)
    }
}

impl error::Error for TooLarge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_known_by_its_first_field() {
        for (text, expected) in [
            ("data: {}", Look::Stream(0)),
            ("event:x", Look::Stream(0)),
            ("id: 1", Look::Stream(0)),
            ("retry: 1", Look::Stream(0)),
            (": ping", Look::Stream(0)),
            ("\r\n \n: ping", Look::Stream(4)),
            ("\u{feff}\ndata:", Look::Stream(4)),
            ("{\"data\"", Look::Whole),
            ("\u{feff} [", Look::Whole),
            ("<html>", Look::Whole),
            ("", Look::TooShort),
            (" \n", Look::TooShort),
            ("\u{feff}", Look::TooShort),
            ("dat", Look::TooShort),
            ("data", Look::TooShort),
            ("data {", Look::Neither),
            ("Hello", Look::Neither),
        ] {
            assert_eq!(look(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(look(b" \xef\xbb"), Look::TooShort);
    }
}
