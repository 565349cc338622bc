//! Anthropic messages.

use super::{Answer, Events};
use crate::{Fault, Finish};
use bytes::Bytes;
use serde_json::{Value, json};

/// An event, named by its own type as Anthropic names them.
pub(super) fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or("error");
    format!("event: {name}\ndata: {data}\n\n").into()
}

pub(super) fn ping() -> Bytes {
    event(&json!({ "type": "ping" }))
}

pub(super) fn stop() -> Bytes {
    event(&json!({ "type": "message_stop" }))
}

pub(super) fn start(answer: &Answer<'_>) -> Bytes {
    event(&json!({ "type": "message_start", "message": {
        "id": id(answer),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": { "input_tokens": answer.input_tokens, "output_tokens": 1 },
    } }))
}

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let mut message = json!({
        "id": id(answer),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [{ "type": "text", "text": answer.deltas.concat() }],
        "stop_reason": stop_reason(answer.finish),
        "stop_sequence": null,
        "usage": { "input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens },
    });
    if let Some(details) = stop_details(answer.finish) {
        message["stop_details"] = details;
    }
    message
}

pub(super) fn events(answer: &Answer<'_>) -> Events {
    let delta = |text: &&str| {
        event(&json!({
            "type": "content_block_delta",
            "index": 0,
            "delta": { "type": "text_delta", "text": text },
        }))
    };
    let mut end = json!({ "stop_reason": stop_reason(answer.finish), "stop_sequence": null });
    if let Some(details) = stop_details(answer.finish) {
        end["stop_details"] = details;
    }
    Events {
        before: vec![
            start(answer),
            event(&json!({
                "type": "content_block_start",
                "index": 0,
                "content_block": { "type": "text", "text": "" },
            })),
            ping(),
        ],
        deltas: answer.deltas.iter().map(delta).collect(),
        after: vec![
            event(&json!({ "type": "content_block_stop", "index": 0 })),
            event(&json!({
                "type": "message_delta",
                "delta": end,
                "usage": { "output_tokens": answer.output_tokens },
            })),
            stop(),
        ],
    }
}

/// Status and body, as in Anthropic's documentation and in reports by its users.
pub(super) fn error(fault: Fault, model: &str) -> (u16, Value) {
    const REQUEST: &str = "invalid_request_error";
    let (status, kind, message): (_, _, &str) = match fault {
        Fault::RateLimited => (
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 50 requests per minute.",
        ),
        Fault::InsufficientQuota => (
            400,
            REQUEST,
            "Your credit balance is too low to access the Anthropic API. \
             Please go to Plans & Billing to upgrade or purchase credits.",
        ),
        Fault::Overloaded => (529, "overloaded_error", "Overloaded"),
        Fault::ServerError => (500, "api_error", "Internal server error"),
        Fault::Timeout => (
            504,
            "timeout_error",
            "Request timed out while processing. Consider streaming for long requests.",
        ),
        Fault::InvalidKey => (401, "authentication_error", "invalid x-api-key"),
        Fault::Permission => (
            403,
            "permission_error",
            "Your API key does not have permission to use the specified resource.",
        ),
        Fault::UnknownModel => (404, "not_found_error", &format!("model: {model}")),
        Fault::Conflict => (
            409,
            "conflict_error",
            "The request conflicts with the current state of the resource.",
        ),
        Fault::InvalidRequest => (
            400,
            REQUEST,
            "max_tokens: Input should be greater than or equal to 1",
        ),
        Fault::ContextLength => (
            400,
            REQUEST,
            "prompt is too long: 208310 tokens > 200000 maximum",
        ),
        Fault::ContentPolicy => (400, REQUEST, "Output blocked by content filtering policy"),
        Fault::RequestTooLarge => (413, "request_too_large", "Request exceeds the maximum size"),
    };
    let body = json!({ "type": "error", "error": { "type": kind, "message": message } });
    (status, body)
}

pub(super) fn not_found() -> Value {
    json!({ "type": "error", "error": { "type": "not_found_error", "message": "Not Found" } })
}

pub(super) fn models<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let data: Vec<_> = ids
        .map(|id| {
            json!({
                "type": "model",
                "id": id,
                "display_name": id,
                "created_at": "1970-01-01T00:00:00Z",
            })
        })
        .collect();
    let edge = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
    json!({
        "first_id": edge(data.first()),
        "last_id": edge(data.last()),
        "has_more": false,
        "data": data,
    })
}

fn id(answer: &Answer<'_>) -> String {
    format!("msg_01{:022}", answer.serial)
}

const fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ContentFilter | Finish::Refusal => "refusal",
    }
}

fn stop_details(finish: Finish) -> Option<Value> {
    matches!(finish, Finish::ContentFilter | Finish::Refusal)
        .then(|| json!({ "type": "refusal", "category": null, "explanation": null }))
}
