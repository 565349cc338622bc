//! Why a model stopped, in the words of Bedrock's Converse API. The rest of it is not spoken.

use super::side::Speaker;
use buttress_llm::{Dialect, Provider, Stop};
use serde_json::Value;

pub(super) const ONLY: &str =
    "of bedrock only reasons for stopping can be translated: --from bedrock --kind stop_reason";

/// Whose words its own are put into first.
pub(super) const AS: Speaker = Speaker::new(Dialect::OpenAiChat, Provider::Bedrock);

/// The same reason in the words of [`AS`].
pub(super) fn in_other_words(reason: &Value) -> Result<Value, String> {
    let reason = reason.as_str().ok_or(super::answer::NO_REASON)?;
    Ok(meaning(reason).as_str().into())
}

/// Its model of the service has these, and no others.
fn meaning(reason: &str) -> Stop {
    match reason {
        "end_turn" | "stop_sequence" => Stop::Stop,
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::ToolCalls,
        "content_filtered" | "guardrail_intervened" => Stop::ContentFilter,
        "malformed_model_output" | "malformed_tool_use" => Stop::Error,
        _ => Stop::Other,
    }
}
