use super::{InvalidRequest, LlmRequest};
use crate::Dialect;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Writes a request for Rust callers, in the form of OpenAI chat completions.
///
/// ```
/// use buttress_llm::LlmRequest;
///
/// let request = LlmRequest::chat("gpt-5")
///     .system("Answer in one word.")
///     .user("What is the capital of France?")
///     .max_tokens(100)
///     .build()?;
/// assert_eq!(request.message_count(), 2);
/// # Ok::<_, buttress_llm::InvalidRequest>(())
/// ```
#[derive(Clone, Serialize)]
pub struct ChatBuilder {
    model: String,
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Clone, Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

impl ChatBuilder {
    pub(crate) fn new(model: String) -> Self {
        Self {
            model,
            messages: Vec::new(),
            max_completion_tokens: None,
            temperature: None,
            stop: Vec::new(),
            user: None,
            stream: false,
            others: Map::new(),
        }
    }

    /// Adds a system prompt.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message("system", text.into())
    }

    /// Adds a turn of the user's.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message("user", text.into())
    }

    /// Adds a turn of the model's.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message("assistant", text.into())
    }

    /// Sets the most tokens that the answer may have [the provider's default].
    #[must_use]
    pub const fn max_tokens(mut self, tokens: u64) -> Self {
        self.max_completion_tokens = Some(tokens);
        self
    }

    /// Sets the temperature, 0 to 2 [the provider's default].
    #[must_use]
    pub const fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Adds a text at which the answer stops.
    #[must_use]
    pub fn stop(mut self, sequence: impl Into<String>) -> Self {
        self.stop.push(sequence.into());
        self
    }

    /// Sets an id for the end user, for the provider's abuse monitoring. Not a name.
    #[must_use]
    pub fn end_user(mut self, id: impl Into<String>) -> Self {
        self.user = Some(id.into());
        self
    }

    /// Sets whether the answer should be a stream \[no\].
    #[must_use]
    pub const fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Sets the JSON schema that the answer has to follow, under this name: letters, digits, `_` and
    /// `-`, at most 64. What a provider makes of it differs; to be sure, have the answer
    /// checked.
    #[must_use]
    pub fn json_schema(self, name: impl Into<String>, schema: impl Into<Value>) -> Self {
        let (name, schema) = (name.into(), schema.into());
        let format = json!({"name": name, "schema": schema});
        let format = json!({"type": "json_schema", "json_schema": format});
        self.field("response_format", format)
    }

    /// Sets any other field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.others.insert(name.into(), value.into());
        self
    }

    /// The request.
    ///
    /// # Errors
    /// A [`field`](Self::field) repeats one that was set by its own method, or says something
    /// that it can't.
    pub fn build(self) -> Result<LlmRequest, InvalidRequest> {
        let body = serde_json::to_vec(&self).expect("strings and numbers can be written");
        LlmRequest::parse(Dialect::OpenAiChat, body.into())
    }

    fn message(mut self, role: &'static str, content: String) -> Self {
        self.messages.push(Message { role, content });
        self
    }
}

/// Without the conversation.
impl std::fmt::Debug for ChatBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatBuilder")
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
