//! Requests as their callers wrote them, and how they are written for another place.

mod ask_for;
mod asked;
mod builder;
mod carry_on;
mod complaint;
mod correct;
mod encode;
mod fields;
mod index;
mod instruct;
mod invalid;
mod splice;
mod structured;
mod target;
#[cfg(test)]
mod tests;
mod trim;
mod unstreamed;

pub use self::{
    asked::ToolParameters,
    builder::ChatBuilder,
    carry_on::Prefill,
    complaint::Complaint,
    invalid::{Feature, InvalidRequest},
    structured::Structured,
    target::{Encoded, Target},
};
use self::{encode::Ahead, index::Index};
pub(crate) use self::{
    fields::{Fields, Str, range_of, readable},
    index::{Address, Field, not_json, typed},
    target::{Chat, Seed},
};
use crate::Dialect;
use buttress_core::{Call, Carry, Session};
use bytes::Bytes;
use http::HeaderMap;
use std::{
    fmt, str,
    sync::{Arc, LazyLock},
};

/// A request to a language model: its caller's JSON, in its caller's dialect, and a shallow index
/// of what routing needs to know.
///
/// The JSON is read over once, to find the few fields of the index and to see that it is JSON at
/// all; no tree of the conversation is built. To a place of the same dialect the request goes
/// with only the fields changed that have to be (see [`encode`](Self::encode)), so that what is
/// not known here survives.
///
/// Clones share the bytes and the index. A request carries its [`Call`].
///
/// ```
/// use buttress_llm::{Dialect, LlmRequest};
///
/// let body = r#"{"model": "claude-sonnet-4-5", "max_tokens": 100, "stream": true,
///     "messages": [{"role": "user", "content": "Hi"}]}"#;
/// let request = LlmRequest::parse(Dialect::AnthropicMessages, body.into())?;
/// assert_eq!(request.model(), "claude-sonnet-4-5");
/// assert_eq!(request.max_tokens(), Some(100));
/// assert!(request.streams());
/// # Ok::<_, buttress_llm::InvalidRequest>(())
/// ```
#[derive(Clone)]
pub struct LlmRequest {
    dialect: Dialect,
    body: Bytes,
    index: Arc<Index>,
    call: Option<Call>,
    session: Option<Session>,
    /// Shared, since a map of headers costs two allocations to clone.
    headers: Option<Arc<HeaderMap>>,
    /// The model to ask for, whatever the place is set to ask for.
    insisted: Option<Arc<str>>,
    /// What was said in answer to it, to be carried on.
    said: Option<Arc<str>>,
    ahead: Option<Arc<Ahead>>,
    /// How often the answer may be corrected.
    corrections: Option<u32>,
}

impl LlmRequest {
    /// Reads a request.
    ///
    /// Fields that are not known here are let through, and so is whatever is inside of messages
    /// and tools, as long as it is JSON: what is wrong there is for the provider to say.
    ///
    /// # Errors
    /// The body is not a JSON object, lacks `model` or `messages` (`input` may be left out of a
    /// response where it goes on from another one), has an empty `model`, has one of the fields of
    /// the index twice, or one that says something it can't, or has messages with images that are
    /// nested more than 128 deep.
    pub fn parse(dialect: Dialect, body: Bytes) -> Result<Self, InvalidRequest> {
        Self::read(dialect, body, None)
    }

    /// Reads a request of a dialect whose [address](Dialect::path) says which model is asked for
    /// and whether to stream: Gemini's.
    ///
    /// ```
    /// use buttress_llm::{Dialect, LlmRequest};
    ///
    /// let body = r#"{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}"#;
    /// let dialect = Dialect::Gemini;
    /// let request = LlmRequest::parse_addressed(dialect, "gemini-2.5-flash", true, body.into())?;
    /// assert_eq!(request.model(), "gemini-2.5-flash");
    /// assert!(request.streams());
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse); the model is empty.
    pub fn parse_addressed(
        dialect: Dialect,
        model: &str,
        stream: bool,
        body: Bytes,
    ) -> Result<Self, InvalidRequest> {
        if model.is_empty() {
            return Err(InvalidRequest::Missing { field: "model" });
        }
        Self::read(dialect, body, Some(Address { model, stream }))
    }

    fn read(
        dialect: Dialect,
        body: Bytes,
        address: Option<Address<'_>>,
    ) -> Result<Self, InvalidRequest> {
        let text = str::from_utf8(&body).map_err(|error| InvalidRequest::Json {
            problem: format!("not UTF-8 at byte {}", error.valid_up_to()),
        })?;
        let index = Arc::new(Index::read(dialect, text, address)?);
        Ok(Self {
            dialect,
            body,
            index,
            call: None,
            session: None,
            headers: None,
            insisted: None,
            said: None,
            ahead: None,
            corrections: None,
        })
    }

    /// Begins a request in the form of OpenAI chat completions.
    #[must_use]
    pub fn chat(model: impl Into<String>) -> ChatBuilder {
        ChatBuilder::new(model.into())
    }

    /// Sets headers that go along where the request's own dialect is spoken, such as
    /// `anthropic-beta`. Elsewhere they mean nothing and are left out.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = (!headers.is_empty()).then(|| Arc::new(headers));
        self
    }

    /// Says which session the request belongs to \[none\].
    #[must_use]
    pub fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// The session that the request belongs to, if to one.
    #[must_use]
    pub const fn own_session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The headers that go along where its own dialect is spoken.
    #[must_use]
    pub fn own_headers(&self) -> &HeaderMap {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        self.headers.as_deref().unwrap_or(&NONE)
    }

    /// The dialect in which it is written.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The JSON, as its caller wrote it.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The model that is asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.index.model
    }

    /// The model to ask for at this place.
    #[must_use]
    pub fn model_at<'a>(&'a self, target: &'a Target) -> &'a str {
        let other = self.insisted.as_ref().or(target.model.as_ref());
        other.map_or(&*self.index.model, |model| model)
    }

    /// Whether the answer should be a stream.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.index.stream
    }

    /// The most tokens that the answer may have, if the request says so. Of OpenAI's two fields
    /// for it, `max_completion_tokens` counts where both are there.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        self.index.max_tokens()
    }

    /// How many messages the conversation has; a system prompt counts where it is one of them.
    #[must_use]
    pub fn message_count(&self) -> usize {
        self.index.messages
    }

    /// Whether it offers tools.
    #[must_use]
    pub fn wants_tools(&self) -> bool {
        self.index.tools
    }

    /// Whether there are images in the conversation.
    #[must_use]
    pub fn wants_images(&self) -> bool {
        self.index.images
    }

    /// Whether the answer has to follow a JSON schema.
    #[must_use]
    pub fn wants_json_schema(&self) -> bool {
        self.index.json_schema
    }

    /// Whether the answer has to be JSON, of a schema or of any form.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.index.json || self.index.json_schema
    }

    /// Whether the caller gets to see the usage of a stream: OpenAI's clients have to ask.
    #[must_use]
    pub fn includes_usage(&self) -> bool {
        match self.dialect {
            Dialect::OpenAiChat => {
                let options = self.index.stream_options.as_ref();
                options.is_some_and(|options| options.include_usage)
            }
            Dialect::AnthropicMessages | Dialect::Gemini | Dialect::OpenAiResponses => true,
        }
    }

    /// About how many tokens the request is: a token for every four bytes of its JSON, field
    /// names and all.
    ///
    /// That is OpenAI's rule of thumb for English. It is too low for scripts of three bytes a
    /// character and far too high for images sent along: good for passing over a route whose
    /// window is clearly too small, not for billing.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        let said = self.said.as_ref().map_or(0, |said| said.len());
        (self.body.len() + said).div_ceil(BYTES_PER_TOKEN) as u64
    }
}

/// About so many bytes of text are one token.
const BYTES_PER_TOKEN: usize = 4;

impl Carry for LlmRequest {
    fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    fn set_call(&mut self, call: Call) {
        self.call = Some(call);
    }

    fn call_or(&mut self, make: impl FnOnce() -> Call) -> &mut Call {
        self.call.get_or_insert_with(make)
    }
}

/// Without the conversation.
impl fmt::Debug for LlmRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmRequest")
            .field("dialect", &self.dialect)
            .field("model", &self.index.model)
            .field("stream", &self.index.stream)
            .field("max_tokens", &self.max_tokens())
            .field("messages", &self.index.messages)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
