//! OpenAI chat completions.

use super::{Answer, Events};
use crate::{Fault, Finish};
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// As compatible servers send it while a request waits; OpenAI itself sends nothing.
pub(super) const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

pub(super) fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let text = answer.deltas.concat();
    let (content, refusal) = match answer.finish {
        Finish::Refusal => (Value::Null, Value::from(text)),
        _ => (Value::from(text), Value::Null),
    };
    json!({
        "id": id(answer),
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content, "refusal": refusal },
            "logprobs": null,
            "finish_reason": finish_reason(answer.finish),
        }],
        "usage": usage(answer),
        "system_fingerprint": null,
    })
}

pub(super) fn events(answer: &Answer<'_>) -> Events {
    let (opening, field) = match answer.finish {
        Finish::Refusal => (
            json!({ "role": "assistant", "content": null, "refusal": "" }),
            "refusal",
        ),
        _ => (
            json!({ "role": "assistant", "content": "", "refusal": null }),
            "content",
        ),
    };
    let mut after = vec![chunk(
        answer,
        &json!({}),
        finish_reason(answer.finish).into(),
    )];
    if answer.include_usage {
        after.push(usage_chunk(answer));
    }
    after.push(DONE);
    Events {
        before: vec![chunk(answer, &opening, Value::Null)],
        deltas: answer
            .deltas
            .iter()
            .map(|text| chunk(answer, &json!({ field: text }), Value::Null))
            .collect(),
        after,
    }
}

/// Status and body, as in OpenAI's documentation and in reports by its users.
pub(super) fn error(fault: Fault, model: &str) -> (u16, Value) {
    const REQUEST: &str = "invalid_request_error";
    let error = |message: &str, kind: &str, param: Option<&str>, code: Option<&str>| json!({ "error": { "message": message, "type": kind, "param": param, "code": code } });
    match fault {
        Fault::RateLimited => (
            429,
            error(
                &format!(
                    "Rate limit reached for {model} on requests per min (RPM): \
                     Limit 500, Used 500, Requested 1."
                ),
                "requests",
                None,
                Some("rate_limit_exceeded"),
            ),
        ),
        Fault::InsufficientQuota => (
            429,
            error(
                "You exceeded your current quota, please check your plan and billing details. \
                 For more information on this error, read the docs: \
                 https://platform.openai.com/docs/guides/error-codes/api-errors.",
                "insufficient_quota",
                None,
                Some("insufficient_quota"),
            ),
        ),
        Fault::Overloaded => (
            503,
            error(
                "Slow down.",
                "service_unavailable_error",
                None,
                Some("slow_down"),
            ),
        ),
        Fault::ServerError => (
            500,
            error(
                "The server had an error while processing your request. Sorry about that!",
                "server_error",
                None,
                None,
            ),
        ),
        Fault::Timeout => (408, error("Request timed out.", "timeout", None, None)),
        Fault::InvalidKey => (
            401,
            error(
                "Incorrect API key provided: sk-****. \
                 You can find your API key at https://platform.openai.com/account/api-keys.",
                REQUEST,
                None,
                Some("invalid_api_key"),
            ),
        ),
        Fault::Permission => (
            403,
            error(
                &format!("Project `proj_x` does not have access to model `{model}`"),
                REQUEST,
                None,
                Some("model_not_found"),
            ),
        ),
        Fault::UnknownModel => (
            404,
            error(
                &format!("The model `{model}` does not exist or you do not have access to it."),
                REQUEST,
                None,
                Some("model_not_found"),
            ),
        ),
        Fault::Conflict => (
            409,
            error(
                "The request conflicts with another request.",
                REQUEST,
                None,
                None,
            ),
        ),
        Fault::InvalidRequest => (
            400,
            error(
                "Unsupported value: 'temperature' does not support 0.2 with this model. \
                 Only the default (1) value is supported.",
                REQUEST,
                Some("temperature"),
                Some("unsupported_value"),
            ),
        ),
        Fault::ContextLength => (
            400,
            error(
                "This model's maximum context length is 128000 tokens. \
                 However, your messages resulted in 202868 tokens \
                 (202767 in the messages, 101 in the functions). \
                 Please reduce the length of the messages or functions.",
                REQUEST,
                Some("messages"),
                Some("context_length_exceeded"),
            ),
        ),
        Fault::ContentPolicy => (
            400,
            error(
                "Your request was rejected as a result of our safety system. \
                 Your prompt may contain text that is not allowed by our safety system.",
                REQUEST,
                None,
                Some("content_policy_violation"),
            ),
        ),
        Fault::RequestTooLarge => (413, error("Request body too large.", REQUEST, None, None)),
    }
}

pub(super) fn not_found(method: &str, path: &str) -> Value {
    json!({ "error": {
        "message": format!("Invalid URL ({method} {path})"),
        "type": "invalid_request_error",
        "param": null,
        "code": null,
    } })
}

pub(super) fn models<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let data: Vec<_> = ids
        .map(|id| json!({ "id": id, "object": "model", "created": 0, "owned_by": "testkit" }))
        .collect();
    json!({ "object": "list", "data": data })
}

fn id(answer: &Answer<'_>) -> String {
    format!("chatcmpl-{:024}", answer.serial)
}

const fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        // A refusal is text of its own kind, after which the model stops as ever.
        Finish::Stop | Finish::Refusal => "stop",
        Finish::Length => "length",
        Finish::ContentFilter => "content_filter",
    }
}

fn usage(answer: &Answer<'_>) -> Value {
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    })
}

fn chunk(answer: &Answer<'_>, delta: &Value, finish_reason: Value) -> Bytes {
    let choice = json!({
        "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
    });
    // Asked for usage, every chunk but the last carries an explicit null.
    let usage = answer.include_usage.then_some(Value::Null);
    event(&envelope(answer, vec![choice], usage))
}

fn usage_chunk(answer: &Answer<'_>) -> Bytes {
    event(&envelope(answer, Vec::new(), Some(usage(answer))))
}

fn envelope(answer: &Answer<'_>, choices: Vec<Value>, usage: Option<Value>) -> Value {
    let mut envelope = json!({
        "id": id(answer),
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": null,
        "choices": choices,
    });
    if let Some(usage) = usage {
        envelope["usage"] = usage;
    }
    envelope
}
