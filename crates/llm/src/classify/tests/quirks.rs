//! What providers document beyond the facts, and the false friends among it.

use crate::{Answer, Fallback, Kind, Provider, Verdict, classify, classify_error_object};
use buttress_core::{Blame, Class};
use http::{HeaderMap, HeaderName};
use serde_json::json;
use std::time::Duration;

fn judge(
    provider: Provider,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<(), Verdict> {
    let headers = headers.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, value.parse().unwrap())
    });
    let headers: HeaderMap = headers.collect();
    classify(provider, &Answer::new(status, &headers, body.as_bytes()))
}

fn kinds(provider: Provider, cases: &[(u16, &str, Kind)]) {
    for (status, body, kind) in cases {
        let verdict = judge(provider, *status, &[], body).unwrap_err();
        assert_eq!(verdict.kind, *kind, "{provider} {status} {body}");
    }
}

/// An error in OpenAI's shape.
fn openai(kind: &str, code: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": kind, "code": code}}).to_string()
}

fn message(text: &str) -> String {
    json!({ "message": text }).to_string()
}

#[test]
fn openai_tells_money_from_pace_by_the_code() {
    for code in [
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
    ] {
        let body = openai("insufficient_quota", code, "");
        kinds(Provider::OpenAi, &[(429, &body, Kind::QuotaExhausted)]);
    }
    let slow_down = openai("rate_limit_error", "slow_down", "Slow down");
    let overloaded = openai("service_unavailable_error", "server_is_overloaded", "");
    let region = openai(
        "request_forbidden",
        "unsupported_country_region_territory",
        "",
    );
    let flagged = openai(
        "invalid_request_error",
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    );
    let tier = openai(
        "invalid_request_error",
        "",
        "max_tokens is too large: 32000. This model supports at most 16384 completion tokens",
    );
    let window = openai(
        "invalid_request_error",
        "",
        "Your input exceeds the context window of this model.",
    );
    kinds(
        Provider::OpenAi,
        &[
            (429, &slow_down, Kind::RateLimited),
            (503, &slow_down, Kind::Overloaded),
            (503, &overloaded, Kind::Overloaded),
            (403, &region, Kind::Permission),
            (400, &flagged, Kind::ContentPolicy),
            (400, &tier, Kind::InvalidRequest),
            (400, &window, Kind::ContextLength),
        ],
    );
}

#[test]
fn anthropic_hides_money_behind_other_types() {
    let error = |kind: &str, text: &str| {
        json!({"type": "error", "error": {"type": kind, "message": text}}).to_string()
    };
    let spend = json!({"type": "error", "error": {
        "type": "rate_limit_error", "message": "…",
        "details": {"error_code": "enforced_spend_limit_reached"},
    }});
    kinds(
        Provider::Anthropic,
        &[
            (
                400,
                &error(
                    "invalid_request_error",
                    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
                ),
                Kind::QuotaExhausted,
            ),
            (429, &spend.to_string(), Kind::QuotaExhausted),
            (
                400,
                &error(
                    "invalid_request_error",
                    "Third-party apps now draw from your extra usage, not your plan limits. Add more at claude.ai/settings/usage and keep going.",
                ),
                Kind::QuotaExhausted,
            ),
            (
                400,
                &error(
                    "invalid_request_error",
                    "Your organization has disabled Claude subscription access",
                ),
                Kind::InvalidRequest,
            ),
            (
                429,
                &error(
                    "rate_limit_error",
                    "Extra usage is required for requests with a long context window",
                ),
                Kind::RateLimited,
            ),
            (
                400,
                &error(
                    "invalid_request_error",
                    "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for this model",
                ),
                Kind::InvalidRequest,
            ),
            (
                403,
                &error(
                    "permission_error",
                    "Your API key does not have permission to use the specified resource",
                ),
                Kind::Permission,
            ),
            (
                413,
                &error("request_too_large", "Request exceeds the maximum size"),
                Kind::InvalidRequest,
            ),
            (
                500,
                &error("api_error", "Internal server error"),
                Kind::ServerError,
            ),
        ],
    );
}

#[test]
fn a_request_larger_than_the_minutes_limit_goes_elsewhere_at_once() {
    let body = openai(
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached on tokens per min (TPM): Limit 8,000, Used 0, Requested 9,500. Please try again in 11s.",
    );
    let verdict = judge(Provider::OpenAi, 429, &[("retry-after", "11")], &body).unwrap_err();
    assert_eq!(verdict.kind, Kind::ContextLength);
    assert_eq!(verdict.fallback, Fallback::Yes);
    assert!(!verdict.retry_same);
    assert_eq!(verdict.delay, None);
}

#[test]
fn gemini_counts_by_the_name_of_the_quota() {
    let error = |code: u16, status: &str, text: &str, reason: &str| {
        let details =
            json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]);
        json!({"error": {"code": code, "status": status, "message": text, "details": details}})
            .to_string()
    };
    let plan = "You exceeded your current quota, please check your plan and billing details.";
    kinds(
        Provider::Gemini,
        &[
            (
                429,
                &error(429, "RESOURCE_EXHAUSTED", plan, "RATE_LIMIT_EXCEEDED"),
                Kind::RateLimited,
            ),
            (
                429,
                &error(429, "RESOURCE_EXHAUSTED", plan, "QUOTA_EXHAUSTED"),
                Kind::QuotaExhausted,
            ),
            (
                400,
                &error(
                    400,
                    "FAILED_PRECONDITION",
                    "User location is not supported for the API use.",
                    "",
                ),
                Kind::Permission,
            ),
            (
                400,
                &error(
                    400,
                    "INVALID_ARGUMENT",
                    "API key expired. Please renew the API key.",
                    "API_KEY_INVALID",
                ),
                Kind::Auth,
            ),
            (
                403,
                &error(
                    403,
                    "PERMISSION_DENIED",
                    "Your API key was reported as leaked. Please use another API key.",
                    "",
                ),
                Kind::Auth,
            ),
            (
                403,
                &error(
                    403,
                    "PERMISSION_DENIED",
                    "Method doesn't allow unregistered callers",
                    "",
                ),
                Kind::Auth,
            ),
            (
                504,
                &error(
                    504,
                    "DEADLINE_EXCEEDED",
                    "Deadline expired before operation could complete.",
                    "",
                ),
                Kind::Timeout,
            ),
            (
                500,
                &error(500, "INTERNAL", "An internal error has occurred.", ""),
                Kind::ServerError,
            ),
            (
                404,
                &error(
                    404,
                    "NOT_FOUND",
                    "models/x is not found for API version v1beta",
                    "",
                ),
                Kind::NotFound,
            ),
            (
                200,
                r#"{"promptFeedback": {"blockReason": "SAFETY"}}"#,
                Kind::ContentPolicy,
            ),
            (
                200,
                r#"[{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}]"#,
                Kind::Overloaded,
            ),
        ],
    );
}

#[test]
fn bedrock_names_its_errors_in_a_header() {
    for (status, name, text, kind, retry) in [
        (
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            Kind::RateLimited,
            true,
        ),
        (
            400,
            "ThrottlingException",
            "Rate exceeded",
            Kind::RateLimited,
            true,
        ),
        (
            400,
            "ServiceQuotaExceededException",
            "",
            Kind::QuotaExhausted,
            false,
        ),
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            Kind::ContextLength,
            false,
        ),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            Kind::NotFound,
            false,
        ),
        (424, "ModelErrorException", "", Kind::ServerError, false),
        (500, "InternalServerException", "", Kind::ServerError, true),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            Kind::Auth,
            false,
        ),
        (
            403,
            "AccessDeniedException",
            "Bearer Token has expired",
            Kind::Auth,
            false,
        ),
        (
            403,
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel",
            Kind::Permission,
            false,
        ),
        (
            404,
            "FTUFormNotFilled",
            "Model use case details have not been submitted",
            Kind::Permission,
            false,
        ),
    ] {
        let header = format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/");
        let headers = [("x-amzn-errortype", header.as_str())];
        let verdict = judge(Provider::Bedrock, status, &headers, &message(text)).unwrap_err();
        assert_eq!(
            (verdict.kind, verdict.retry_same),
            (kind, retry),
            "{name} {text}"
        );
    }
    let named = json!({"__type": "com.amazon.coral#ThrottlingException", "message": ""});
    let verdict = judge(Provider::Bedrock, 400, &[], &named.to_string());
    assert_eq!(verdict.unwrap_err().kind, Kind::RateLimited);
}

#[test]
fn a_quota_that_may_be_one_models_leaves_the_key_to_the_others() {
    let gemini = |quota: &str| {
        let details = json!([{
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{ "quotaId": quota }],
        }]);
        let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details});
        json!({ "error": error }).to_string()
    };
    let by_the_day = gemini("GenerateRequestsPerDayPerProjectPerModel-FreeTier");
    let no_tier = message("Quota exceeded for metric: requests, limit: 0, model: gemini-3.1-pro");
    let aws = message("Too many tokens per day, please wait before trying again.");
    let aws = format!(r#"{{"__type": "ThrottlingException", {}"#, &aws[1..]);
    let money = openai(
        "insufficient_quota",
        "insufficient_quota",
        "Check your billing.",
    );
    let prepaid = message("Your prepayment credits are depleted.");
    for (provider, body, blame) in [
        (Provider::Gemini, by_the_day, Blame::Limit),
        (Provider::Gemini, no_tier, Blame::Limit),
        (Provider::Gemini, prepaid, Blame::Key),
        (Provider::Bedrock, aws, Blame::Limit),
        (
            Provider::Cerebras,
            message("Tokens per day limit exceeded"),
            Blame::Limit,
        ),
        (
            Provider::OpenRouter,
            message("Rate limit exceeded: free-models-per-day."),
            Blame::Limit,
        ),
        (
            Provider::Cohere,
            message("You are using a Trial key, limited to 1000 API calls / month"),
            Blame::Key,
        ),
        (Provider::OpenAi, money, Blame::Key),
    ] {
        let verdict = judge(provider, 429, &[], &body).unwrap_err();
        assert_eq!(
            (verdict.kind, verdict.failure().class, verdict.blame),
            (Kind::QuotaExhausted, Class::Persistent, blame),
            "{provider} {body}"
        );
    }
    // Forbidden to be sent again, it is still a limit that passes.
    let limited = openai("requests", "rate_limit_exceeded", "Rate limit reached");
    let vetoed = [("x-should-retry", "false")];
    let verdict = judge(Provider::OpenAi, 429, &vetoed, &limited).unwrap_err();
    assert_eq!(
        (verdict.kind, verdict.failure().class, verdict.blame),
        (Kind::RateLimited, Class::Persistent, Blame::Limit)
    );
}

#[test]
fn azure_blocks_a_resource_and_lacks_capacity_in_its_own_words() {
    let blocked = openai(
        "",
        "403",
        "Your resource has been temporarily blocked because we detected behavior that may violate our content policy.",
    );
    let none = openai(
        "",
        "NoCapacity",
        "The system is currently experiencing high demand and cannot process your request.",
    );
    let principal = openai(
        "",
        "PermissionDenied",
        "The principal lacks the required data action",
    );
    kinds(
        Provider::Azure,
        &[
            (403, &blocked, Kind::Permission),
            (429, &none, Kind::Overloaded),
            (401, &principal, Kind::Permission),
            (
                403,
                r#"{"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 05:12:11."}"#,
                Kind::QuotaExhausted,
            ),
        ],
    );
}

#[test]
fn the_hosts_have_their_own_words() {
    kinds(
        Provider::Mistral,
        &[
            (
                429,
                r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"invalid_request_error","code":null}"#,
                Kind::Overloaded,
            ),
            (
                400,
                r#"{"object":"error","message":"Prompt contains 65673 tokens, too large for model with 32768 maximum context length","type":"invalid_request_error"}"#,
                Kind::ContextLength,
            ),
            (
                429,
                r#"{"message":"Requests rate limit exceeded"}"#,
                Kind::RateLimited,
            ),
            (401, r#"{"detail":"Unauthorized"}"#, Kind::Auth),
        ],
    );
    kinds(
        Provider::Cohere,
        &[
            (
                400,
                &message(
                    "too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs",
                ),
                Kind::ContextLength,
            ),
            (499, &message("request cancelled by user"), Kind::Transient),
            (402, &message("billing limit reached"), Kind::QuotaExhausted),
            (200, r#"{"finish_reason":"ERROR"}"#, Kind::ServerError),
            (200, r#"{"finish_reason":"MAX_TOKENS"}"#, Kind::Partial),
        ],
    );
    kinds(
        Provider::OpenRouter,
        &[
            (
                403,
                r#"{"error":{"code":403,"message":"Budget limit exceeded","metadata":{"limit_source":"openrouter_key_limit"}}}"#,
                Kind::QuotaExhausted,
            ),
            (
                403,
                r#"{"error":{"code":403,"message":"Forbidden"}}"#,
                Kind::Permission,
            ),
            (
                529,
                r#"{"error":{"code":529,"message":"Provider returned error"}}"#,
                Kind::Overloaded,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"Provider returned error","metadata":{"raw":"{\"error\":{\"message\":\"prompt is too long\"}}"}}}"#,
                Kind::ContextLength,
            ),
            (
                429,
                r#"{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day."}}"#,
                Kind::QuotaExhausted,
            ),
        ],
    );
    kinds(
        Provider::Groq,
        &[
            (
                400,
                &openai(
                    "invalid_request_error",
                    "model_terms_required",
                    "The model `playai-tts` requires terms acceptance. Please have the org admin accept the terms",
                ),
                Kind::Permission,
            ),
            (
                400,
                &openai("invalid_request_error", "output_parse_failed", "…"),
                Kind::Partial,
            ),
        ],
    );
    kinds(
        Provider::Cerebras,
        &[
            (
                429,
                r#"{"message":"We're experiencing high traffic right now!","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}"#,
                Kind::Overloaded,
            ),
            (
                429,
                r#"{"message":"Tokens per day limit exceeded - too many tokens processed.","type":"too_many_tokens_error","code":"token_quota_exceeded"}"#,
                Kind::QuotaExhausted,
            ),
            (
                400,
                r#"{"message":"Please reduce the length of the messages or completion. Current length is 8500 while limit is 8192","type":"invalid_request_error"}"#,
                Kind::ContextLength,
            ),
        ],
    );
    kinds(
        Provider::Xai,
        &[
            (
                403,
                r#"{"code":"…","error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
                Kind::QuotaExhausted,
            ),
            (
                400,
                r#"{"error":"This model's maximum prompt length is 131072 but the request contains 537812 tokens."}"#,
                Kind::ContextLength,
            ),
        ],
    );
    kinds(
        Provider::DeepSeek,
        &[
            (
                400,
                &openai(
                    "invalid_request_error",
                    "invalid_request_error",
                    "Content Exists Risk",
                ),
                Kind::ContentPolicy,
            ),
            (
                402,
                &openai(
                    "unknown_error",
                    "invalid_request_error",
                    "Insufficient Balance",
                ),
                Kind::QuotaExhausted,
            ),
            (
                200,
                r#"{"choices":[{"finish_reason":"insufficient_system_resource","message":{}}]}"#,
                Kind::Overloaded,
            ),
        ],
    );
    kinds(
        Provider::LlamaCpp,
        &[(
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Kind::Transient,
        )],
    );
    kinds(
        Provider::Ollama,
        &[(
            404,
            r#"{"error":"model \"x\" not found, try pulling it first"}"#,
            Kind::NotFound,
        )],
    );
    kinds(
        Provider::Proxy,
        &[
            (
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: overflow",
                Kind::Overloaded,
            ),
            (503, "no healthy upstream", Kind::ServerError),
            (302, "", Kind::NotFound),
            (
                413,
                "<html><h1>413 Request Entity Too Large</h1></html>",
                Kind::InvalidRequest,
            ),
        ],
    );
}

#[test]
fn an_error_object_is_judged_without_a_status() {
    for (error, kind) in [
        (
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            Kind::Overloaded,
        ),
        (
            json!({"type": "error", "error": {"type": "api_error", "message": "…"}}),
            Kind::ServerError,
        ),
        (
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "…"}}),
            Kind::RateLimited,
        ),
        (
            json!({"error": {"message": "…", "type": "server_error", "code": null}}),
            Kind::ServerError,
        ),
        (
            json!({"error": {"message": "…", "type": "internal_server_error", "code": "over_capacity"}}),
            Kind::Overloaded,
        ),
        (
            json!({"error": {"message": "x is currently over capacity. Please try again and back off exponentially.", "type": "internal_server_error"}}),
            Kind::Overloaded,
        ),
        (
            json!({"error": {"message": "…", "type": "requests", "code": "rate_limit_exceeded"}}),
            Kind::RateLimited,
        ),
        (
            json!({"error": {"message": "…", "code": 502}}),
            Kind::ServerError,
        ),
        (
            json!({"error": {"message": "…", "type": "invalid_request_error"}}),
            Kind::InvalidRequest,
        ),
        (
            json!({"error": {"message": "…", "type": "insufficient_quota"}}),
            Kind::QuotaExhausted,
        ),
        (json!({"error": "anything else"}), Kind::ServerError),
        (json!({}), Kind::ServerError),
    ] {
        let verdict = classify_error_object(Provider::Compatible, &error);
        assert_eq!(verdict.kind, kind, "{error}");
    }
    let limited =
        json!({"error": {"code": "rate_limit_exceeded", "message": "Please try again in 80ms."}});
    let verdict = classify_error_object(Provider::OpenAi, &limited);
    assert_eq!(verdict.delay, Some(Duration::from_millis(80)));
}

#[test]
fn the_server_has_the_last_word_on_retrying() {
    let yes = [("x-should-retry", "true")];
    let no = [("x-should-retry", "false"), ("retry-after", "3")];
    let auth = judge(Provider::OpenAi, 401, &yes, "").unwrap_err();
    assert_eq!((auth.kind, auth.retry_same), (Kind::Auth, true));
    let limited = judge(Provider::OpenAi, 429, &no, "").unwrap_err();
    assert!(limited.never && !limited.retry_same);
    assert_eq!(limited.failure().wait(), Some(Duration::from_secs(3)));
    let shouted = judge(Provider::OpenAi, 400, &[("x-should-retry", "TRUE")], "").unwrap_err();
    assert_eq!(shouted.kind, Kind::InvalidRequest);
}

#[test]
fn no_wait_is_kept_where_waiting_is_no_use() {
    let headers = [("retry-after", "30")];
    for (status, kept) in [
        (400, false),
        (404, false),
        (429, true),
        (500, true),
        (401, true),
    ] {
        let verdict = judge(Provider::OpenAi, status, &headers, "").unwrap_err();
        assert_eq!(verdict.delay.is_some(), kept, "{status}");
    }
}
