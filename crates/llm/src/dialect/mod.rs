//! What an API calls things: one folder per dialect, each with the same few functions.
//!
//! A dialect reads (`decode`, `read`) and writes (`encode`, `Writer`) requests, answers and stream
//! events; what stands between the two are the neutral types of [`crate::cross`] and
//! [`crate::stream`]. So a new dialect needs no word about the ones that are there.

mod anthropic_messages;
mod gemini;
mod message;
mod openai_chat;
mod openai_responses;

use crate::{
    InvalidAnswer, InvalidRequest, Provider, Target, Usage,
    cross::{Crossing, Prompt, Reply, Role, Tool},
    request::{Field, Fields},
    response::Edit,
    sse::Event,
    stream::{Part, Reading, json},
};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::{borrow::Cow, error, fmt, str::FromStr};

pub(crate) use self::{
    anthropic_messages::{JSON_TOOL, Place as AnthropicPlace, Writer as AnthropicWriter},
    gemini::{Place as GeminiPlace, Writer as GeminiWriter},
    message::MessageKind,
    openai_chat::{Place as OpenAiPlace, Writer as OpenAiWriter, now},
    openai_responses::{Place as ResponsesPlace, Writer as ResponsesWriter},
};

/// The form in which an API is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI chat completions, and the many servers that are compatible with it.
    OpenAiChat,
    /// Anthropic messages.
    AnthropicMessages,
    /// Google's `generateContent` and `streamGenerateContent`.
    Gemini,
    /// OpenAI responses.
    OpenAiResponses,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 4] = [
        Self::OpenAiChat,
        Self::AnthropicMessages,
        Self::Gemini,
        Self::OpenAiResponses,
    ];

    /// A stable name: `openai.chat`, `anthropic.messages`, `gemini.generateContent` or
    /// `openai.responses`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai.chat",
            Self::AnthropicMessages => "anthropic.messages",
            Self::Gemini => "gemini.generateContent",
            Self::OpenAiResponses => "openai.responses",
        }
    }

    /// The path below a base URL at which it is spoken, as in the official SDKs: OpenAI's base
    /// URL ends in `/v1`, the others' do not. Where the dialect is [addressed](Self::is_addressed)
    /// it tells this model, and whether to stream.
    ///
    /// ```
    /// use buttress_llm::Dialect;
    ///
    /// let path = Dialect::Gemini.path("gemini-2.5-flash", true);
    /// assert_eq!(path, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    /// ```
    #[must_use]
    pub fn path(self, model: &str, stream: bool) -> Cow<'static, str> {
        match self {
            Self::OpenAiChat => Cow::Borrowed("/chat/completions"),
            Self::AnthropicMessages => Cow::Borrowed("/v1/messages"),
            Self::OpenAiResponses => Cow::Borrowed("/responses"),
            Self::Gemini => Cow::Owned(gemini::path(model, stream)),
        }
    }

    /// Whether the address of a request says which model is asked for and whether to stream, and
    /// its body does not.
    #[must_use]
    pub const fn is_addressed(self) -> bool {
        matches!(self, Self::Gemini)
    }

    /// Whether one object may stand where a list of them is due.
    pub(crate) const fn takes_one_for_many(self) -> bool {
        matches!(self, Self::Gemini)
    }

    /// Whether a stream ends with the reason for stopping, and has no marker beside it.
    pub(crate) const fn ends_with_its_finish(self) -> bool {
        matches!(self, Self::Gemini)
    }

    /// The field with the conversation.
    pub(crate) const fn messages_field(self) -> &'static str {
        match self {
            Self::OpenAiChat | Self::AnthropicMessages => "messages",
            Self::Gemini => "contents",
            Self::OpenAiResponses => "input",
        }
    }

    /// Who is taken to be speaking it, where nothing else is said.
    #[must_use]
    pub const fn usual_provider(self) -> Provider {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => Provider::OpenAi,
            Self::AnthropicMessages => Provider::Anthropic,
            Self::Gemini => Provider::Gemini,
        }
    }

    /// What a field at the top of a request is.
    pub(crate) fn field(self, name: &str) -> Field {
        match self {
            Self::OpenAiChat => openai_chat::field(name),
            Self::AnthropicMessages => anthropic_messages::field(name),
            Self::Gemini => gemini::field(name),
            Self::OpenAiResponses => openai_responses::field(name),
        }
    }

    /// What a message of its conversations is.
    pub(crate) fn message_kind(self, message: &str) -> MessageKind {
        match self {
            Self::OpenAiChat => openai_chat::message_kind(message),
            Self::AnthropicMessages => anthropic_messages::message_kind(message),
            Self::Gemini => gemini::message_kind(message),
            Self::OpenAiResponses => openai_responses::message_kind(message),
        }
    }

    /// Whether a conversation may be a text, or be left out.
    pub(crate) const fn takes_text(self) -> bool {
        matches!(self, Self::OpenAiResponses)
    }

    /// The field for the most tokens that an answer may have.
    pub(crate) const fn max_tokens_field(self, target: &Target) -> &'static str {
        match self {
            Self::OpenAiChat => openai_chat::max_tokens_field(target),
            Self::AnthropicMessages => "max_tokens",
            Self::OpenAiResponses => "max_output_tokens",
            Self::Gemini => "maxOutputTokens",
        }
    }

    /// One turn of a conversation, as it stands in a request. One of the model's may be marked as
    /// the beginning of an answer, where the dialect is OpenAI's.
    pub(crate) fn turn(self, role: Role, text: &str, prefix: bool) -> String {
        let text = json(text);
        match (self, role) {
            (Self::Gemini, Role::User) => {
                format!(r#"{{"role":"user","parts":[{{"text":{text}}}]}}"#)
            }
            (Self::Gemini, Role::Assistant) => {
                format!(r#"{{"role":"model","parts":[{{"text":{text}}}]}}"#)
            }
            (_, Role::User) => format!(r#"{{"role":"user","content":{text}}}"#),
            (Self::OpenAiChat, Role::Assistant) if prefix => {
                format!(r#"{{"role":"assistant","content":{text},"prefix":true}}"#)
            }
            (_, Role::Assistant) => format!(r#"{{"role":"assistant","content":{text}}}"#),
        }
    }

    /// The ids of the calls in a request and of their results, as they stand in it.
    pub(crate) fn call_ids(self, request: &str) -> Vec<&RawValue> {
        match self {
            Self::OpenAiChat => openai_chat::call_ids(request),
            // Whoever is asked in these takes them as they are.
            _ => Vec::new(),
        }
    }

    pub(crate) fn decode_request<'a>(
        self,
        fields: Fields<'a>,
        crossing: Crossing,
    ) -> Result<Prompt<'a>, InvalidRequest> {
        match self {
            Self::OpenAiChat => openai_chat::decode_request(fields, crossing),
            Self::AnthropicMessages => anthropic_messages::decode_request(fields, crossing),
            Self::Gemini => gemini::decode_request(fields, crossing),
            Self::OpenAiResponses => openai_responses::decode_request(fields, crossing),
        }
    }

    pub(crate) fn encode_request(
        self,
        prompt: &mut Prompt<'_>,
        target: &Target,
        crossing: Crossing,
    ) -> Result<Bytes, InvalidRequest> {
        match self {
            Self::OpenAiChat => openai_chat::encode_request(prompt, target, crossing),
            Self::AnthropicMessages => anthropic_messages::encode_request(prompt, target, crossing),
            Self::Gemini => gemini::encode_request(prompt, target),
            Self::OpenAiResponses => Ok(openai_responses::encode_request(prompt, target, crossing)),
        }
    }

    /// The schema that the answer has to follow, in the field of a request that may have one.
    pub(crate) fn answer_schema(self, field: &str) -> Option<Cow<'_, RawValue>> {
        match self {
            Self::OpenAiChat => openai_chat::answer_schema(field),
            Self::AnthropicMessages => anthropic_messages::answer_schema(field),
            Self::Gemini => gemini::answer_schema(field),
            Self::OpenAiResponses => openai_responses::answer_schema(field),
        }
    }

    /// The functions of the caller's in the `tools` of a request.
    pub(crate) fn functions(self, tools: &str) -> Vec<Tool<'_>> {
        match self {
            Self::OpenAiChat => openai_chat::functions(tools),
            Self::AnthropicMessages => anthropic_messages::functions(tools),
            Self::Gemini => gemini::functions(tools),
            Self::OpenAiResponses => openai_responses::functions(tools),
        }
    }

    /// A list of the turns of this prompt, as they stand in a request.
    pub(crate) fn encode_turns(self, prompt: &Prompt<'_>) -> Result<Bytes, InvalidRequest> {
        let (from, to) = (self, self);
        let crossing = Crossing { from, to };
        match self {
            Self::OpenAiChat => openai_chat::encode_turns(prompt, crossing),
            Self::AnthropicMessages => anthropic_messages::encode_written(&prompt.turns, crossing),
            Self::Gemini => gemini::encode_written(prompt),
            Self::OpenAiResponses => Ok(openai_responses::encode_turns(&prompt.turns)),
        }
    }

    pub(crate) fn decode_answer(self, body: &[u8]) -> Result<Reply<'_>, InvalidAnswer> {
        match self {
            Self::OpenAiChat => openai_chat::decode_answer(body),
            Self::AnthropicMessages => anthropic_messages::decode_answer(body),
            Self::Gemini => gemini::decode_answer(body),
            Self::OpenAiResponses => openai_responses::decode_answer(body),
        }
    }

    /// Reads the `usage` of an answer.
    pub(crate) fn usage(self, usage: &RawValue) -> Usage {
        match self {
            Self::OpenAiChat => openai_chat::usage(usage),
            Self::AnthropicMessages => anthropic_messages::usage(usage),
            Self::Gemini => gemini::usage(usage),
            Self::OpenAiResponses => openai_responses::usage(usage),
        }
    }

    /// Changes what an answer says; nothing, where there is nothing to change.
    pub(crate) fn edit_answer(
        self,
        answer: &str,
        edit: &mut Edit<'_>,
    ) -> Result<Option<String>, InvalidAnswer> {
        match self {
            Self::OpenAiChat => openai_chat::edit(answer, edit),
            Self::AnthropicMessages => anthropic_messages::edit(answer, edit),
            Self::Gemini => gemini::edit(answer, edit),
            Self::OpenAiResponses => openai_responses::edit(answer, edit),
        }
    }

    pub(crate) fn encode_answer(self, reply: &Reply<'_>) -> Result<Bytes, InvalidAnswer> {
        match self {
            Self::OpenAiChat => Ok(openai_chat::encode_answer(reply)),
            Self::AnthropicMessages => anthropic_messages::encode_answer(reply),
            Self::Gemini => gemini::encode_answer(reply),
            Self::OpenAiResponses => Ok(openai_responses::encode_answer(reply)),
        }
    }

    pub(crate) fn read_event(self, reading: &mut Reading, event: &Event) -> Part {
        match self {
            Self::OpenAiChat => openai_chat::read_event(reading, event),
            Self::AnthropicMessages => anthropic_messages::read_event(reading, event),
            Self::Gemini => gemini::read_event(reading, event),
            Self::OpenAiResponses => openai_responses::read_event(reading, event),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = InvalidDialect;

    fn from_str(name: &str) -> Result<Self, InvalidDialect> {
        // What the same dialect is called where a stream is asked for.
        if name == "gemini.streamGenerateContent" {
            return Ok(Self::Gemini);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|dialect| dialect.as_str() == name)
            .ok_or(InvalidDialect(()))
    }
}

/// A name that is no dialect's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDialect(());

impl fmt::Display for InvalidDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown dialect, expected one of")?;
        for (at, dialect) in Dialect::ALL.iter().enumerate() {
            write!(f, "{} {dialect}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl error::Error for InvalidDialect {}
