use crate::Usage;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The `usage` of a response. Unlike Anthropic's, its `input_tokens` are all of them.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Wire {
    input_tokens: Option<u64>,
    input_tokens_details: Option<Input>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<Output>,
    total_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Input {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Output {
    reasoning_tokens: Option<u64>,
}

/// Reads it. Nothing is known of one that says something else than it should.
pub(crate) fn usage(usage: &RawValue) -> Usage {
    let wire = serde_json::from_str::<Option<Wire>>(usage.get());
    wire.ok().flatten().map_or_else(Usage::default, Into::into)
}

impl From<Wire> for Usage {
    fn from(wire: Wire) -> Self {
        Self {
            input: wire.input_tokens,
            output: wire.output_tokens,
            cached: wire.input_tokens_details.and_then(|it| it.cached_tokens),
            cache_written: None,
            reasoning: wire
                .output_tokens_details
                .and_then(|it| it.reasoning_tokens),
        }
    }
}

/// What is not known is zero: the dialect demands numbers.
impl From<Usage> for Wire {
    fn from(usage: Usage) -> Self {
        let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
        Self {
            input_tokens: Some(input),
            input_tokens_details: Some(Input {
                cached_tokens: Some(usage.cached.unwrap_or(0)),
            }),
            output_tokens: Some(output),
            output_tokens_details: Some(Output {
                reasoning_tokens: Some(usage.reasoning.unwrap_or(0)),
            }),
            total_tokens: Some(input.saturating_add(output)),
        }
    }
}
