use super::{EventStream, Usage};
use crate::{Dialect, LlmError, TransportError, cross::joined};
use bytes::Bytes;
use futures_core::Stream as _;
use http::HeaderMap;
use std::{future::poll_fn, pin::Pin, sync::Arc};

/// The answer to an LLM request, in the dialect of the request.
#[derive(Debug)]
#[non_exhaustive]
pub struct LlmResponse {
    /// The dialect in which it is written.
    pub dialect: Dialect,
    /// The model that was asked, as its provider calls it.
    pub model: Arc<str>,
    /// The route that gave it, where there was a choice.
    pub route: Option<Arc<str>>,
    /// The tokens that a whole answer was counted as; a stream tells at its end, see
    /// [`StreamEvent::usage`](crate::StreamEvent::usage).
    pub usage: Usage,
    /// Of the provider's headers those that are worth passing on, such as its id of the call.
    pub headers: HeaderMap,
    /// What each of several answers was counted as, where this one was corrected: the wrong ones
    /// and itself, in their order. [`usage`](Self::usage) is then that of all of them together.
    pub attempts: Vec<AttemptUsage>,
    /// What was answered.
    pub body: AnswerBody,
}

/// What one of several answers was counted as.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptUsage {
    /// The route that gave it, where there was a choice.
    pub route: Option<Arc<str>>,
    /// The tokens.
    pub usage: Usage,
}

impl AttemptUsage {
    /// An answer of this route was counted as that.
    #[must_use]
    pub const fn new(route: Option<Arc<str>>, usage: Usage) -> Self {
        Self { route, usage }
    }
}

/// What was answered.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an answer is whole, or it is not")]
pub enum AnswerBody {
    /// A whole answer.
    Json(Bytes),
    /// A stream, whose first content is there.
    Stream(EventStream),
}

impl LlmResponse {
    /// An answer in this dialect, by this model.
    #[must_use]
    pub fn new(dialect: Dialect, model: Arc<str>, body: AnswerBody) -> Self {
        Self {
            dialect,
            model,
            route: None,
            usage: Usage::default(),
            headers: HeaderMap::new(),
            attempts: Vec::new(),
            body,
        }
    }

    /// Sets the route that gave it.
    #[must_use]
    pub fn route(mut self, route: Arc<str>) -> Self {
        self.route = Some(route);
        self
    }

    /// Sets the tokens that it was counted as.
    #[must_use]
    pub const fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// All the text of the answer: of a whole one at once, of a stream when it has ended. Tool
    /// calls and thinking are no text.
    ///
    /// # Errors
    /// The stream breaks off, or the answer is not one of its dialect.
    ///
    /// # Cancellation
    /// Ends the stream.
    pub async fn into_text(self) -> Result<String, LlmError> {
        match self.body {
            AnswerBody::Json(json) => {
                let reply = self.dialect.decode_answer(&json);
                let reply =
                    reply.map_err(|error| LlmError::transport(TransportError::Other, error))?;
                Ok(joined(&reply.content).into_owned())
            }
            AnswerBody::Stream(mut events) => {
                let mut text = String::new();
                while let Some(event) = poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await {
                    text.extend(event?.text.as_deref());
                }
                Ok(text)
            }
        }
    }

    /// Sets the headers to pass on.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }
}

impl From<Bytes> for AnswerBody {
    fn from(json: Bytes) -> Self {
        Self::Json(json)
    }
}

impl From<EventStream> for AnswerBody {
    fn from(stream: EventStream) -> Self {
        Self::Stream(stream)
    }
}
