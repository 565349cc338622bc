use super::means::*;
use crate::Verdict;
use std::borrow::Cow;

/// What it means that the model stopped for this reason, in the words of any dialect
/// (`finish_reason`, `stop_reason`, `finishReason`, …). An unknown reason is no failure:
/// providers add new ones.
///
/// The answer is whole by its protocol all the same, and may be given to the caller where the
/// verdict says that it is [`usable`](Verdict::usable).
///
/// # Errors
/// The verdict, when the reason is other than that the model had said all it wanted.
pub fn classify_finish(reason: &str) -> Result<(), Verdict> {
    let mut reason = Cow::Borrowed(reason);
    if reason.bytes().any(|byte| byte.is_ascii_uppercase()) {
        reason.to_mut().make_ascii_lowercase();
    }
    Err(match &*reason {
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "model_length"
        | "model_context_window_exceeded"
        | "error_limit"
        | "incomplete" => CUT_AT_LIMIT,
        "pause_turn" => PAUSED,
        "refusal" => REFUSAL,
        "content_filter"
        | "content_filtered"
        | "guardrail_intervened"
        | "safety"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "language"
        | "image_safety"
        | "image_prohibited_content"
        | "image_recitation"
        | "model_armor"
        | "error_toxic" => FILTERED,
        "malformed_function_call"
        | "unexpected_tool_call"
        | "too_many_tool_calls"
        | "missing_thought_signature"
        | "malformed_response"
        | "malformed_model_output"
        | "malformed_tool_use"
        | "no_image"
        | "other"
        | "finish_reason_unspecified" => MALFORMED_OUTPUT,
        "timeout" => TIMEOUT,
        "insufficient_system_resource" => OVERLOADED,
        "error" | "failed" | "abort" => SERVER_ERROR,
        _ => return Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn reasons_of_all_dialects_are_known() {
        for (reason, kind) in [
            ("stop", None),
            ("end_turn", None),
            ("tool_calls", None),
            ("STOP", None),
            ("COMPLETE", None),
            ("something_new", None),
            ("length", Some(Kind::Partial)),
            ("MAX_TOKENS", Some(Kind::Partial)),
            ("SAFETY", Some(Kind::ContentPolicy)),
            ("refusal", Some(Kind::ContentPolicy)),
            ("error", Some(Kind::ServerError)),
            ("abort", Some(Kind::ServerError)),
            ("insufficient_system_resource", Some(Kind::Overloaded)),
        ] {
            let verdict = classify_finish(reason).err();
            assert_eq!(verdict.map(|verdict| verdict.kind), kind, "{reason}");
        }
    }
}
