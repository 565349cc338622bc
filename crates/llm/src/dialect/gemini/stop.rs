use crate::{Finish, Stop};

/// What Gemini's `finishReason` means, of an answer that calls tools or does not: for that it has
/// no word.
pub(super) fn finish(reason: &str, calls: bool) -> Finish {
    let stop = match reason {
        "STOP" if calls => Stop::ToolCalls,
        "STOP" => Stop::Stop,
        "MAX_TOKENS" => Stop::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Stop::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "LANGUAGE"
        | "NO_IMAGE"
        | "IMAGE_OTHER"
        | "OTHER" => Stop::Error,
        _ => Stop::Other,
    };
    Finish::new(reason, stop)
}

/// What it means that the prompt was not let through, for this `blockReason`.
pub(super) fn blocked(reason: &str) -> Finish {
    Finish::new(reason, Stop::ContentFilter)
}

/// Gemini's word.
pub(super) const fn word(stop: Stop) -> &'static str {
    match stop {
        Stop::Stop | Stop::ToolCalls | Stop::Other => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::ContentFilter => "SAFETY",
        Stop::Error => "OTHER",
    }
}
