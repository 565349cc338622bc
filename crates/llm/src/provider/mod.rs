//! Who is asked, and what is known of each.
//!
//! A provider is a [`Profile`]: a name, how it is reached, and the rules for what is peculiar in
//! its failures. One that speaks OpenAI's dialect needs a variant, a line in
//! [`Provider::profile`] and a profile, which may well be without rules: those that all
//! providers share are applied after its own.

mod anthropic;
mod aws;
mod azure;
mod compatible;
mod google;
mod hosts;
mod local;
mod network;
mod openai;

use crate::{Dialect, Prefill, Structured, Target, classify::Rule, request::Chat};
use std::{error, fmt, str::FromStr};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI.
    OpenAi,
    /// OpenAI's models on Azure.
    Azure,
    /// Anthropic.
    Anthropic,
    /// Google's Gemini API, and Vertex.
    Gemini,
    /// Amazon Bedrock.
    Bedrock,
    /// Cohere.
    Cohere,
    /// Mistral.
    Mistral,
    /// Groq.
    Groq,
    /// Together.
    Together,
    /// Fireworks.
    Fireworks,
    /// DeepSeek.
    DeepSeek,
    /// OpenRouter.
    OpenRouter,
    /// Cerebras.
    Cerebras,
    /// xAI.
    Xai,
    /// A vLLM server.
    Vllm,
    /// A llama.cpp server.
    LlamaCpp,
    /// An Ollama server.
    Ollama,
    /// Anything else that speaks OpenAI's dialect.
    Compatible,
    /// A gRPC server.
    Grpc,
    /// Cloudflare, answering in a provider's stead. A source of failures, not to be asked.
    Cloudflare,
    /// Another proxy, answering in a provider's stead. A source of failures, not to be asked.
    Proxy,
    /// The connection itself. A source of failures, not to be asked.
    Transport,
}

/// What is known of a provider.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// The dialect that it is asked in; `None` where there is nothing to ask yet.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) base_url: Option<&'static str>,
    pub(crate) key_env: Option<&'static str>,
    /// It may know no other limit on tokens than `max_tokens`.
    pub(crate) legacy_max_tokens: bool,
    /// It refuses ids of tool calls that are not nine letters and digits.
    pub(crate) nine_letter_ids: bool,
    /// What it has of OpenAI's chat completions.
    pub(crate) chat: Chat,
    /// How its models go on from the beginning of an answer.
    pub(crate) prefill: Prefill,
    /// What its chat completions have to say of which form an answer should be.
    pub(crate) structured: Structured,
    /// The models of which that is true, by a part of their names, if not of all; the others have
    /// no more than JSON.
    pub(crate) structured_models: Option<&'static [&'static str]>,
    /// What its failures mean, where that is not what the same failure means elsewhere.
    pub(crate) rules: &'static [Rule],
}

impl Profile {
    /// One that speaks OpenAI's dialect, without peculiarities.
    const fn compatible(name: &'static str) -> Self {
        Self {
            name,
            dialect: Some(Dialect::OpenAiChat),
            base_url: None,
            key_env: None,
            legacy_max_tokens: true,
            nine_letter_ids: false,
            chat: Chat::OPENAI,
            prefill: Prefill::No,
            structured: Structured::Schema,
            structured_models: None,
            rules: &[],
        }
    }

    /// A source of failures that can't be asked.
    const fn source(name: &'static str) -> Self {
        Self {
            dialect: None,
            ..Self::compatible(name)
        }
    }

    /// Sets where it is found, and which environment variable usually holds its key.
    const fn at(mut self, base_url: &'static str, key_env: &'static str) -> Self {
        self.base_url = Some(base_url);
        self.key_env = Some(key_env);
        self
    }

    /// Says that it takes `max_completion_tokens`, and means by it what OpenAI does.
    const fn max_completion_tokens(mut self) -> Self {
        self.legacy_max_tokens = false;
        self
    }

    /// Says that it refuses names of tools that are longer than OpenAI's may be.
    const fn short_tool_names(mut self) -> Self {
        self.chat.tool_name = Some(64);
        self
    }

    const fn rules(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }
}

impl Provider {
    /// All providers.
    pub const ALL: [Self; 22] = [
        Self::OpenAi,
        Self::Azure,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Cohere,
        Self::Mistral,
        Self::Groq,
        Self::Together,
        Self::Fireworks,
        Self::DeepSeek,
        Self::OpenRouter,
        Self::Cerebras,
        Self::Xai,
        Self::Vllm,
        Self::LlamaCpp,
        Self::Ollama,
        Self::Compatible,
        Self::Grpc,
        Self::Cloudflare,
        Self::Proxy,
        Self::Transport,
    ];

    pub(crate) const fn profile(self) -> &'static Profile {
        match self {
            Self::OpenAi => &openai::OPENAI,
            Self::Azure => &azure::AZURE,
            Self::Anthropic => &anthropic::ANTHROPIC,
            Self::Gemini => &google::GEMINI,
            Self::Bedrock => &aws::BEDROCK,
            Self::Cohere => &hosts::COHERE,
            Self::Mistral => &hosts::MISTRAL,
            Self::Groq => &hosts::GROQ,
            Self::Together => &hosts::TOGETHER,
            Self::Fireworks => &hosts::FIREWORKS,
            Self::DeepSeek => &hosts::DEEPSEEK,
            Self::OpenRouter => &hosts::OPENROUTER,
            Self::Cerebras => &hosts::CEREBRAS,
            Self::Xai => &hosts::XAI,
            Self::Vllm => &local::VLLM,
            Self::LlamaCpp => &local::LLAMA_CPP,
            Self::Ollama => &local::OLLAMA,
            Self::Compatible => &compatible::COMPATIBLE,
            Self::Grpc => &network::GRPC,
            Self::Cloudflare => &network::CLOUDFLARE,
            Self::Proxy => &network::PROXY,
            Self::Transport => &network::TRANSPORT,
        }
    }

    /// Its stable lower-case name, as used in configuration, logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.profile().name
    }

    /// The dialect that it is asked in, or `None` when it can't be asked: a bare connection, a
    /// proxy.
    ///
    /// Several providers have a dialect of their own as well; this is the one that they are
    /// asked in here.
    #[must_use]
    pub const fn dialect(self) -> Option<Dialect> {
        self.profile().dialect
    }

    /// How a request is written for it: in its dialect, and as it wants it. `None` when it can't
    /// be asked.
    ///
    /// ```
    /// use buttress_llm::{LlmRequest, Provider};
    ///
    /// let body = r#"{"model": "mistral-large-latest", "messages": [
    ///     {"role": "assistant", "tool_calls": [{"id": "call_PTLP8xhu3uw"}]}]}"#;
    /// let request = LlmRequest::parse(Provider::OpenAi.dialect().unwrap(), body.into())?;
    /// let encoded = request.encode(&Provider::Mistral.target().unwrap())?;
    /// assert_eq!(encoded.body.len(), body.len() - "call_PTLP8xhu3uw".len() + 9);
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    #[must_use]
    pub fn target(self) -> Option<Target> {
        let profile = self.profile();
        let target = Target::new(profile.dialect?)
            .legacy_max_tokens(profile.legacy_max_tokens)
            .nine_letter_ids(profile.nine_letter_ids)
            .chat(profile.chat)
            .prefill(profile.prefill)
            .structured(profile.structured)
            .structured_models(profile.structured_models);
        Some(target)
    }

    /// Whether it may be asked in this dialect: its own, or OpenAI's responses where that is
    /// OpenAI's chat. Whether a server that is compatible with the one knows the other as well is
    /// for whoever asks it to know.
    #[must_use]
    pub fn speaks(self, dialect: Dialect) -> bool {
        let own = self.dialect();
        own == Some(dialect)
            || dialect == Dialect::OpenAiResponses && own == Some(Dialect::OpenAiChat)
    }

    /// Where it is found, unless it is told otherwise: what the dialect's paths
    /// (`/chat/completions`, `/v1/messages`) are put behind, as in the official SDKs. `None`
    /// where that differs from customer to customer.
    #[must_use]
    pub const fn base_url(self) -> Option<&'static str> {
        self.profile().base_url
    }

    /// The environment variable that usually holds its key; `None` where a key is not usual.
    #[must_use]
    pub const fn key_env(self) -> Option<&'static str> {
        self.profile().key_env
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = InvalidProvider;

    fn from_str(name: &str) -> Result<Self, InvalidProvider> {
        let mut all = Self::ALL.into_iter();
        all.find(|provider| provider.as_str().eq_ignore_ascii_case(name))
            .ok_or(InvalidProvider(()))
    }
}

/// A name that is no provider's. Anything that speaks OpenAI's dialect can be asked as
/// [`Provider::Compatible`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidProvider(());

impl fmt::Display for InvalidProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown provider, expected one of")?;
        for (i, provider) in Provider::ALL.iter().enumerate() {
            write!(f, "{} {provider}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl error::Error for InvalidProvider {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_each_wants_it() {
        let legacy = |provider: Provider| provider.target().unwrap().legacy_max_tokens;
        for provider in [Provider::OpenAi, Provider::Azure, Provider::Groq] {
            assert!(!legacy(provider), "{provider}");
        }
        for provider in [Provider::Mistral, Provider::Vllm, Provider::Compatible] {
            assert!(legacy(provider), "{provider}");
        }
        for provider in Provider::ALL {
            let nine = provider.target().is_some_and(|it| it.nine_letter_ids);
            assert_eq!(nine, provider == Provider::Mistral, "{provider}");
        }
        assert!(Provider::Proxy.target().is_none());
    }

    #[test]
    fn every_name_is_read_back() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse(), Ok(provider));
        }
        assert_eq!("OpenAI".parse(), Ok(Provider::OpenAi));
        assert!("".parse::<Provider>().is_err());
    }
}
