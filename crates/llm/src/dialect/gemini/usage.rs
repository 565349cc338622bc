use crate::Usage;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Gemini's `usageMetadata`. Its candidates are the answer without the thinking, and what its own
/// tools read in is no part of its prompt.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    #[serde(default, skip_serializing)]
    tool_use_prompt_token_count: Option<u64>,
}

/// Reads it. Nothing is known of one that says something else than it should.
pub(crate) fn usage(usage: &RawValue) -> Usage {
    let wire = serde_json::from_str::<Option<Wire>>(usage.get());
    wire.ok().flatten().map_or_else(Usage::default, Into::into)
}

/// Both together, as far as they are known.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

impl From<Wire> for Usage {
    fn from(wire: Wire) -> Self {
        let tools = wire.tool_use_prompt_token_count;
        Self {
            input: sum(wire.prompt_token_count, tools),
            output: sum(wire.candidates_token_count, wire.thoughts_token_count),
            cached: wire.cached_content_token_count,
            cache_written: None,
            reasoning: wire.thoughts_token_count,
        }
    }
}

impl From<Usage> for Wire {
    fn from(usage: Usage) -> Self {
        let thought = usage.reasoning.unwrap_or(0);
        Self {
            prompt_token_count: usage.input,
            candidates_token_count: usage.output.map(|output| output.saturating_sub(thought)),
            total_token_count: usage.total(),
            cached_content_token_count: usage.cached,
            thoughts_token_count: usage.reasoning,
            tool_use_prompt_token_count: None,
        }
    }
}
