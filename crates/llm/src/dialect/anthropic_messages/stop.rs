use crate::Stop;

/// What Anthropic's `stop_reason` means.
pub(super) fn meaning(reason: &str) -> Stop {
    match reason {
        // A paused turn is whole as far as it goes; the verdict on it says what is missing.
        "end_turn" | "stop_sequence" | "pause_turn" => Stop::Stop,
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::ToolCalls,
        "refusal" => Stop::ContentFilter,
        "error" => Stop::Error,
        _ => Stop::Other,
    }
}

/// Anthropic's word. A stop sequence that matched is told in a field of its own.
pub(super) const fn word(stop: Stop) -> &'static str {
    match stop {
        Stop::Stop | Stop::Other | Stop::Error => "end_turn",
        Stop::Length => "max_tokens",
        Stop::ToolCalls => "tool_use",
        Stop::ContentFilter => "refusal",
    }
}
