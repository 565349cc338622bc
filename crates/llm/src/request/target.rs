use super::{Prefill, Structured};
use crate::{Dialect, model};
use bytes::Bytes;
use std::sync::Arc;

/// The place that a request is written for: what it speaks, and what to change on the way.
///
/// ```
/// use buttress_llm::{Dialect, LlmRequest, Target};
///
/// let body = r#"{"model": "fast", "my_field": 1, "messages": [], "max_tokens": 9000}"#;
/// let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())?;
///
/// let target = Target::new(Dialect::OpenAiChat).model("gpt-5").max_output_tokens(4000);
/// let encoded = request.encode(&target)?;
/// let changed = r#"{"model": "gpt-5", "my_field": 1, "messages": [], "max_tokens": 4000}"#;
/// assert_eq!(encoded.body, changed);
/// assert_eq!(encoded.notes, ["clamped max_tokens"]);
/// # Ok::<_, buttress_llm::InvalidRequest>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(crate) dialect: Dialect,
    pub(crate) model: Option<Arc<str>>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) default_max_tokens: u64,
    pub(crate) legacy_max_tokens: bool,
    pub(crate) include_usage: bool,
    pub(crate) nine_letter_ids: bool,
    pub(crate) chat: Chat,
    pub(crate) prefill: Prefill,
    pub(crate) reasoning: Option<bool>,
    pub(crate) json_schema: Option<bool>,
    pub(crate) structured: Structured,
    /// The models of which that is true, by a part of their names, if not of all; the others have
    /// no more than [`Structured::Json`].
    pub(crate) structured_models: Option<&'static [&'static str]>,
}

impl Target {
    /// The default for [`default_max_tokens`](Self::default_max_tokens).
    pub const DEFAULT_MAX_TOKENS: u64 = 4096;

    /// A place that speaks this dialect and gets the request otherwise unchanged.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            model: None,
            max_output_tokens: None,
            default_max_tokens: Self::DEFAULT_MAX_TOKENS,
            legacy_max_tokens: false,
            include_usage: false,
            nine_letter_ids: false,
            chat: Chat::OPENAI,
            prefill: Prefill::No,
            reasoning: None,
            json_schema: None,
            structured: Structured::Schema,
            structured_models: None,
        }
    }

    /// Sets which dialect is spoken there.
    #[must_use]
    pub const fn speaking(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets the model to ask for in place of the one that the request names \[unchanged\].
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the most tokens that an answer may have [no limit]. A request that asks for more, or
    /// does not say, asks for this many.
    #[must_use]
    pub const fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Sets how many tokens to ask for where a dialect demands a number and the request has none
    /// [[`DEFAULT_MAX_TOKENS`](Self::DEFAULT_MAX_TOKENS)]. Anthropic does.
    #[must_use]
    pub const fn default_max_tokens(mut self, tokens: u64) -> Self {
        self.default_max_tokens = tokens;
        self
    }

    /// Sets whether an OpenAI-compatible server knows only `max_tokens` and not
    /// `max_completion_tokens` \[no\]. OpenAI's own newer models refuse the former; vLLM, Mistral
    /// and others may refuse the latter.
    #[must_use]
    pub const fn legacy_max_tokens(mut self, legacy: bool) -> Self {
        self.legacy_max_tokens = legacy;
        self
    }

    /// Sets whether to ask for the usage of streams, which OpenAI only tells when asked \[no\].
    /// A caller that has not asked for it should not be shown it:
    /// [`Encoded::hide_usage`] says so.
    #[must_use]
    pub const fn include_usage(mut self, include: bool) -> Self {
        self.include_usage = include;
        self
    }

    /// Sets whether the ids of tool calls must be exactly nine letters and digits \[no\]: Mistral
    /// refuses all others, and so the ids that other vendors gave to earlier calls.
    #[must_use]
    pub const fn nine_letter_ids(mut self, nine: bool) -> Self {
        self.nine_letter_ids = nine;
        self
    }

    /// Sets what is there of OpenAI's chat completions.
    pub(crate) const fn chat(mut self, chat: Chat) -> Self {
        self.chat = chat;
        self
    }

    /// Sets how a model there is made to go on from the beginning of an answer
    /// [[`Prefill::No`]: it is asked to].
    #[must_use]
    pub const fn prefill(mut self, prefill: Prefill) -> Self {
        self.prefill = prefill;
        self
    }

    /// Sets whether the model thinks before it answers if it is told to [by its name]. To one
    /// that does not, how much to think is not carried over.
    #[must_use]
    pub const fn reasoning(mut self, reasons: bool) -> Self {
        self.reasoning = Some(reasons);
        self
    }

    /// Sets whether the model can be told the JSON schema of its answer [by its name]. One that
    /// can't is made to call a tool with that schema for its arguments.
    #[must_use]
    pub const fn json_schema(mut self, follows: bool) -> Self {
        self.json_schema = Some(follows);
        self
    }

    /// Sets what is there to say of which form an answer should be [[`Structured::Schema`]; what
    /// is known of a [provider](crate::Provider::target), and of each of its models]. What the
    /// place has no word for is told to the model in words.
    ///
    /// ```
    /// use buttress_llm::{Dialect, LlmRequest, Provider, Structured};
    ///
    /// let body = r#"{"model": "m", "response_format": {"type": "json_object"}, "messages": []}"#;
    /// let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())?;
    /// let target = Provider::Vllm.target().unwrap();
    /// assert_eq!(request.encode(&target)?.body, body);
    ///
    /// let encoded = request.encode(&target.structured(Structured::Words))?;
    /// let told = br#"{"model": "m", "messages": [{"role":"system","content":"When you answer, "#;
    /// assert!(encoded.body.starts_with(&told[..told.len() - 1]));
    /// assert_eq!(encoded.notes, ["asked for JSON in words"]);
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    #[must_use]
    pub const fn structured(mut self, structured: Structured) -> Self {
        self.structured = structured;
        self.structured_models = None;
        self
    }

    /// Sets of which models alone that is true, if not of all.
    pub(crate) const fn structured_models(
        mut self,
        models: Option<&'static [&'static str]>,
    ) -> Self {
        self.structured_models = models;
        self
    }

    /// What there is to say to this model of which form its answer should be.
    pub(crate) fn structured_of(&self, model: &str) -> Structured {
        match self.structured_models {
            Some(models) if !models.iter().any(|part| model.contains(part)) => Structured::Json,
            _ => self.structured,
        }
    }

    /// Whether the usage of a stream is to be asked for on this side's own account.
    pub(crate) const fn asks_for_usage(&self) -> bool {
        self.include_usage && self.chat.stream_options
    }

    /// Whether this model thinks.
    pub(crate) fn reasons(&self, model: &str) -> bool {
        self.reasoning.unwrap_or_else(|| model::reasons(model))
    }

    /// Whether this model, which is one of Anthropic's, follows a schema by itself.
    pub(crate) fn follows_schemas(&self, model: &str) -> bool {
        let by_name = || model::claude_follows_schemas(model);
        self.json_schema.unwrap_or_else(by_name)
    }

    /// The dialect that is spoken there.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The tokens to ask for, of as many as the request asks for.
    pub(crate) fn clamp(&self, asked: Option<u64>) -> Option<u64> {
        match (asked, self.max_output_tokens) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        }
    }
}

/// What a place has of OpenAI's chat completions, and what it has in their stead. Some refuse a
/// request for a field that they do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chat {
    /// The usage of a stream has to be asked for; elsewhere it always comes.
    pub(crate) stream_options: bool,
    /// The end user's id.
    pub(crate) user: bool,
    /// The field for what makes the same answer come again.
    pub(crate) seed: Seed,
    /// What the user says may follow what came of calls. Elsewhere the model has to speak first.
    pub(crate) user_after_tool: bool,
    /// The longest name that a tool may have, in bytes, where there is a limit.
    pub(crate) tool_name: Option<usize>,
}

/// The fields for a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seed {
    Seed,
    RandomSeed,
}

impl Chat {
    /// All of it, without limits that others do not have.
    pub(crate) const OPENAI: Self = Self {
        stream_options: true,
        user: true,
        seed: Seed::Seed,
        user_after_tool: true,
        tool_name: None,
    };
}

/// A request as it goes out.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Encoded {
    /// The JSON to send.
    pub body: Bytes,
    /// What could not be carried over or had to be changed, in stable words. Never anything of
    /// the conversation.
    pub notes: Vec<&'static str>,
    /// The stream's usage was asked for on this side's own account: the caller, who did not ask,
    /// should not see it.
    pub hide_usage: bool,
    /// The schema of the answer was asked for by a tool, whose call is the answer. What
    /// [`AnswerTranslator`](crate::AnswerTranslator::json_tool) and
    /// [`EventPipe`](crate::EventPipe::json_tool) have to know.
    pub json_tool: bool,
    /// The answer may begin with what the request [carries on](crate::LlmRequest::carrying_on).
    pub echoes: bool,
}
