use crate::{Usage, lax};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// OpenAI's `usage`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Wire {
    #[serde(default, deserialize_with = "lax::count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lax::count")]
    completion_tokens: Option<u64>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lax::maybe")]
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<Prompt>,
    #[serde(default, deserialize_with = "lax::maybe")]
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<Completion>,
    /// `DeepSeek`'s name for the cached ones.
    #[serde(default, deserialize_with = "lax::count", skip_serializing)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Prompt {
    #[serde(default, deserialize_with = "lax::count")]
    cached_tokens: Option<u64>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Completion {
    #[serde(default, deserialize_with = "lax::count")]
    reasoning_tokens: Option<u64>,
}

/// Reads it. Nothing is known of one that says something else than it should.
pub(crate) fn usage(usage: &RawValue) -> Usage {
    let wire = serde_json::from_str::<Option<Wire>>(usage.get());
    wire.ok().flatten().map_or_else(Usage::default, Into::into)
}

impl From<Wire> for Usage {
    fn from(wire: Wire) -> Self {
        let cached = wire.prompt_tokens_details.and_then(|it| it.cached_tokens);
        let reasoning = wire.completion_tokens_details;
        Self {
            input: wire.prompt_tokens,
            output: wire.completion_tokens,
            cached: cached.or(wire.prompt_cache_hit_tokens),
            cache_written: None,
            reasoning: reasoning.and_then(|it| it.reasoning_tokens),
        }
    }
}

impl From<Usage> for Wire {
    fn from(usage: Usage) -> Self {
        let cached_tokens = usage.cached;
        let reasoning_tokens = usage.reasoning;
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.total(),
            prompt_tokens_details: cached_tokens.map(|_| Prompt { cached_tokens }),
            completion_tokens_details: reasoning_tokens.map(|_| Completion { reasoning_tokens }),
            prompt_cache_hit_tokens: None,
        }
    }
}
