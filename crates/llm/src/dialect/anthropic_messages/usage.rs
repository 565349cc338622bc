use crate::{Usage, lax};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Anthropic's `usage`. Its `input_tokens` are those that have nothing to do with the cache.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Wire {
    #[serde(default, deserialize_with = "lax::count")]
    pub(super) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lax::count")]
    pub(super) output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lax::count")]
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lax::count")]
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation_input_tokens: Option<u64>,
}

/// Reads it. Nothing is known of one that says something else than it should.
pub(crate) fn usage(usage: &RawValue) -> Usage {
    let wire = serde_json::from_str::<Option<Wire>>(usage.get());
    wire.ok().flatten().map_or_else(Usage::default, Into::into)
}

impl From<Wire> for Usage {
    fn from(wire: Wire) -> Self {
        let cached = wire.cache_read_input_tokens;
        let written = wire.cache_creation_input_tokens;
        let with_cache = |input: u64| {
            let read = cached.unwrap_or(0);
            input
                .saturating_add(read)
                .saturating_add(written.unwrap_or(0))
        };
        Self {
            input: wire.input_tokens.map(with_cache),
            output: wire.output_tokens,
            cached,
            cache_written: written,
            reasoning: None,
        }
    }
}

/// What is not known is zero: the dialect demands numbers.
impl From<Usage> for Wire {
    fn from(usage: Usage) -> Self {
        let input = usage.input.unwrap_or(0);
        let cache = usage
            .cached
            .unwrap_or(0)
            .saturating_add(usage.cache_written.unwrap_or(0));
        Self {
            input_tokens: Some(input.saturating_sub(cache)),
            output_tokens: Some(usage.output.unwrap_or(0)),
            cache_read_input_tokens: usage.cached,
            cache_creation_input_tokens: usage.cache_written,
        }
    }
}
