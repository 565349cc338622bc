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

    /// Whether what follows is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        let content = self.headers.get(CONTENT_TYPE);
        let content = content.and_then(|content| content.to_str().ok());
        let stream = |content: &str| content.trim_start().starts_with("text/event-stream");
        self.status.is_success() && content.is_some_and(stream)
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
        let usage = LlmError::check(shared.provider, from, &answer)?;
        if request.streams() {
            let odd = "a whole answer to a request for a stream";
            return Err(LlmError::transport(TransportError::Other, odd));
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

/// Reads a body to its end.
pub(crate) async fn whole(
    mut body: Incoming,
    most: usize,
    watch: &mut Stopwatch,
) -> Result<Bytes, Broken> {
    // The announced length is only the other side's word.
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(most);
    let mut whole = BytesMut::with_capacity(expected.min(most).min(64 << 10));
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
            Broken::TooLarge(error) => Self::transport(TransportError::BodyCut, error),
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
