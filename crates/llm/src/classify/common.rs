//! What codes and words mean everywhere: applied after a provider's own rules.

use super::{Rule, means::*};
use crate::Verdict;

/// Statuses that requests refused for what they hold come with.
const REFUSED: &[u16] = &[0, 400, 403, 413, 422, 500];

/// Particular codes and words, whatever the status says.
pub(super) const RULES: &[Rule] = &[
    // Too large for the minute's budget comes with the codes of an ordinary rate limit.
    Rule::new(TOO_LARGE_FOR_LIMIT)
        .status(&[0, 413, 429])
        .says(&[&["request too large for"]]),
    Rule::new(TOO_LARGE_FOR_LIMIT)
        .status(&[0, 413, 429])
        .over_limit(),
    Rule::new(QUOTA).named(&[
        "insufficient_quota",
        "billing_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "insufficient_credits",
        "insufficient_funds",
        "exceeded_current_quota_error",
        "credit_balance_exhausted",
        "enforced_spend_limit_reached",
        "quota_exhausted",
        "insufficient_g1_credits_balance",
        "payment_required",
    ]),
    Rule::new(QUOTA).named_like(&[
        "spend_limit_exceeded",
        "usage_limit_exceeded",
        "spending_limit_exceeded",
    ]),
    Rule::new(QUOTA).status(&[0, 400, 402, 403, 429]).says(&[
        &["credit balance is too low"],
        &["insufficient balance"],
        &["insufficient credits"],
        &["insufficient funds"],
        &["usage limit", "reached"],
        &["monthly spend"],
        &["spending limit"],
        &["used all available credits"],
        &["out of credits"],
        &["account is suspended"],
        &["account has been suspended"],
        &["monthly", "limit"],
        &["per month"],
    ]),
    Rule::new(POLICY).named(&[
        "content_filter",
        "content_policy_violation",
        "content_filtered",
        "content_policy",
        "responsibleaipolicyviolation",
        "moderation_blocked",
        "data_inspection_failed",
        "flagged_input",
    ]),
    Rule::new(POLICY).status(REFUSED).says(&[
        &["content management policy"],
        &["content filtering policy"],
        &["safety system"],
        &["content exists risk"],
        &["flagged", "usage polic"],
        &["flagged", "moderation"],
        &["violat", "usage guidelines"],
        &["violat", "usage polic"],
        &["violat", "content polic"],
        &["blocked by", "content filter"],
        &["could not be submitted", "sensitive words"],
    ]),
    // The parameter that limits the output is no matter of the window.
    Rule::new(INVALID).status(&[400, 422]).says(&[
        &["maximum allowed number of output tokens"],
        &["maximum output for this model"],
        &["supports at most", "completion tokens"],
    ]),
    Rule::new(TOO_LONG).named(&[
        "context_length_exceeded",
        "context_window_exceeded",
        "exceed_context_size_error",
        "model_context_window_exceeded",
    ]),
    Rule::new(TOO_LONG).status(REFUSED).says(&[
        &["maximum context length"],
        &["context length is only"],
        &["context length of only"],
        &["model's context length"],
        &["model context length"],
        &["maximum model length"],
        &["exceeds the max_model_len"],
        &["maximum prompt length"],
        &["context window"],
        &["context limit"],
        &["exceeds context length"],
        &["exceeded max context length"],
        &["prompt is too long"],
        &["prompt too long"],
        &["input is too long"],
        &["too many input tokens"],
        &["exceeded model token limit"],
        &["token limit exceeded"],
        &["context size"],
        &["greater than the context length"],
        &["maximum allowed input length"],
        &["input token count", "exceeds"],
        &["input token count", "only supports up to"],
        &["input tokens exceed"],
        &["exceeds the maximum number of tokens"],
        &["prompt token count", "exceeds the limit"],
        &["tokens in the prompt cannot exceed"],
        &["`inputs` tokens + `max_new_tokens` must be"],
        &["`inputs` must have less than"],
        &["reduce the length of the messages"],
        &["reduce the length of the input"],
        &["range of input length should be"],
    ]),
    Rule::new(AUTH).named(&[
        "invalid_api_key",
        "incorrect_api_key",
        "api_key_invalid",
        "api_key_expired",
        "access_token_expired",
        "invalid_authentication_error",
    ]),
    Rule::new(AUTH).status(&[0, 400, 403]).says(&[
        &["api key not valid"],
        &["invalid api key"],
        &["incorrect api key"],
        &["api key expired"],
        &["api key", "leaked"],
    ]),
    // OpenAI's, of models that are only for those whom it knows. It comes as a value that is not
    // supported, or as a model that is not found.
    Rule::new(PERMISSION)
        .status(&[0, 400, 403, 404])
        .says(&[&["organization must be verified"]]),
    Rule::new(REGION).named(&["unsupported_country_region_territory"]),
    Rule::new(REGION).status(&[400, 403]).says(&[
        &["location is not supported"],
        &["not available in your country"],
    ]),
    // Who came up too fast is limited; the same code with a 503 is about everybody.
    Rule::new(RATE_LIMITED).status(&[429]).named(&["slow_down"]),
    // A limit of one's own is told by other words; these say that everybody is short of it.
    Rule::new(OVERLOADED).named(&[
        "overloaded_error",
        "overloaded",
        "server_overloaded",
        "server_is_overloaded",
        "engine_overloaded",
        "engine_overloaded_error",
        "slow_down",
        "capacity_exceeded",
        "provider_overloaded",
        "model_capacity_exhausted",
        "model_overloaded",
        "queue_exceeded",
        "nocapacity",
        "over_capacity",
    ]),
    Rule::new(OVERLOADED)
        .status(&[0, 400, 429, 500, 502, 503])
        .says(&[
            &["currently overloaded"],
            &["model is overloaded"],
            &["high demand"],
            &["tier capacity exceeded"],
            &["no capacity available"],
            &["at capacity"],
            &["currently over capacity"],
            &["high traffic"],
            &["engine is overloaded"],
            &["servers are overloaded"],
        ]),
    Rule::new(OVERLOADED)
        .status(&[429])
        .named(&["server_error"]),
    Rule::new(OVERLOADED).named_like(&["temporary-reduced-capacity"]),
    // Envoy, whose own circuit breaker is full.
    Rule::new(OVERLOADED)
        .status(&[503])
        .says(&[&["upstream connect error", "overflow"]]),
    // An envoy that lost its upstream says 503, which for once is no word on load.
    Rule::new(SERVER_ERROR)
        .status(&[503])
        .says(&[&["upstream connect error"], &["no healthy upstream"]]),
    Rule::new(MALFORMED_OUTPUT).named(&[
        "tool_use_failed",
        "json_validate_failed",
        "output_parse_failed",
    ]),
    Rule::new(NOT_FOUND).status(&[0, 400]).named(&[
        "model_not_found",
        "unknown_model",
        "model_not_available",
    ]),
];

/// Codes that say no more than a status does: asked where there is no status, in an answer that
/// says 200 or in a stream.
pub(super) const WITHOUT_STATUS: &[Rule] = &[
    Rule::new(RATE_LIMITED).named(&[
        "rate_limit_exceeded",
        "rate_limit_error",
        "rate_limited",
        "tokens",
        "requests",
        "resource_exhausted",
        "too_many_requests",
        "throttlingexception",
    ]),
    Rule::new(TIMEOUT).named(&["timeout", "timeout_error", "deadline_exceeded"]),
    Rule::new(AUTH).named(&["authentication_error", "unauthenticated"]),
    Rule::new(PERMISSION).named(&["permission_error", "permission_denied"]),
    Rule::new(NOT_FOUND).named(&["not_found_error", "not_found"]),
    Rule::new(OVERLOADED).named(&[
        "service_unavailable_error",
        "service_unavailable",
        "unavailable",
        "serviceunavailableexception",
    ]),
    Rule::new(CONFLICT).named(&["conflict_error", "aborted"]),
    Rule::new(CANCELLED).named(&["cancelled"]),
    // Before the general `invalid_request_error` that may stand beside it.
    Rule::new(SERVER_ERROR).named(&[
        "server_error",
        "internal_server_error",
        "internal_error",
        "api_error",
        "internal",
    ]),
    Rule::new(INVALID).named(&[
        "invalid_request_error",
        "invalid_prompt",
        "invalid_argument",
        "request_too_large",
        "badrequesterror",
        "validationexception",
    ]),
    Rule::new(OVERLOADED).says(&[&["overloaded"]]),
    Rule::new(RATE_LIMITED).says(&[&["rate limit"], &["too many requests"]]),
];

/// What a status means by itself.
pub(super) const fn by_status(status: u16) -> Verdict {
    match status {
        300..400 => REDIRECT,
        401 | 407 => AUTH,
        402 => QUOTA,
        403 | 451 => PERMISSION,
        404 | 405 | 410 => NOT_FOUND,
        408 | 504 | 524 => TIMEOUT,
        409 | 421 | 425 => CONFLICT,
        429 => RATE_LIMITED,
        499 => CANCELLED,
        501 | 505 => NOT_HERE,
        503 | 529 => OVERLOADED,
        400..=499 => INVALID,
        // Also what an answer without any status and any known word is.
        _ => SERVER_ERROR,
    }
}
