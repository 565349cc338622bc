use crate::Stop;

/// What OpenAI's `finish_reason` means, and what compatible servers say in its place.
pub(super) fn meaning(reason: &str) -> Stop {
    match reason {
        "stop" | "eos" | "stop_sequence" | "end_turn" | "complete" => Stop::Stop,
        "length" | "max_tokens" | "model_length" => Stop::Length,
        "tool_calls" | "function_call" | "tool_use" => Stop::ToolCalls,
        "content_filter" | "refusal" | "safety" => Stop::ContentFilter,
        // `abort` is vLLM's: the engine ended the answer, and not the model.
        "error" | "insufficient_system_resource" | "abort" => Stop::Error,
        _ => Stop::Other,
    }
}

/// OpenAI's word. There is none for a reason that is not known, or for a failure: both are
/// written as they are understood by most clients.
pub(super) const fn word(stop: Stop) -> &'static str {
    match stop {
        Stop::Stop | Stop::Other => "stop",
        Stop::Length => "length",
        Stop::ToolCalls => "tool_calls",
        Stop::ContentFilter => "content_filter",
        Stop::Error => "error",
    }
}
