//! Gemini's `generateContent`.

use super::{Answer, Events};
use crate::{Fault, Finish};
use bytes::Bytes;
use serde_json::{Value, json};

/// Its lines end as those of HTTP do.
pub(super) fn event(data: &Value) -> Bytes {
    format!("data: {data}\r\n\r\n").into()
}

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let mut whole = piece(answer, &answer.deltas.concat());
    whole["candidates"][0]["finishReason"] = finish_reason(answer.finish).into();
    whole["usageMetadata"] = usage(answer);
    whole
}

/// Every piece counts the prompt, and the last one all. It has no text of its own.
pub(super) fn events(answer: &Answer<'_>) -> Events {
    let prompt = json!({
        "promptTokenCount": answer.input_tokens,
        "totalTokenCount": answer.input_tokens,
    });
    let delta = |text: &&str| {
        let mut delta = piece(answer, text);
        delta["usageMetadata"] = prompt.clone();
        event(&delta)
    };
    let mut end = piece(answer, "");
    end["candidates"][0]["finishReason"] = finish_reason(answer.finish).into();
    end["usageMetadata"] = usage(answer);
    Events {
        before: Vec::new(),
        deltas: answer.deltas.iter().map(delta).collect(),
        after: vec![event(&end)],
    }
}

fn piece(answer: &Answer<'_>, text: &str) -> Value {
    json!({
        "candidates": [{
            "content": { "parts": [{ "text": text }], "role": "model" },
            "index": 0,
        }],
        "modelVersion": answer.model,
        "responseId": format!("r{:021}", answer.serial),
    })
}

/// Status and body, as in Google's documentation and in reports by its users.
pub(super) fn error(fault: Fault, model: &str) -> (u16, Value) {
    let (code, status, message): (_, _, &str) = match fault {
        Fault::RateLimited => {
            return limited(model, "GenerateRequestsPerMinutePerProjectPerModel");
        }
        Fault::InsufficientQuota => {
            return limited(model, "GenerateRequestsPerDayPerProjectPerModel-FreeTier");
        }
        Fault::Overloaded => (
            503,
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
        ),
        Fault::ServerError => (
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in \
             https://developers.generativeai.google/guide/troubleshooting",
        ),
        Fault::Timeout => (
            504,
            "DEADLINE_EXCEEDED",
            "The request timed out. Please try again.",
        ),
        Fault::InvalidKey => {
            let message = "API key not valid. Please pass a valid API key.";
            let (status, mut body) = told(400, "INVALID_ARGUMENT", message);
            body["error"]["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": { "service": "generativelanguage.googleapis.com" },
            }, {
                "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                "locale": "en-US",
                "message": message,
            }]);
            return (status, body);
        }
        Fault::Permission => (
            403,
            "PERMISSION_DENIED",
            "The caller does not have permission",
        ),
        Fault::UnknownModel => (
            404,
            "NOT_FOUND",
            &format!(
                "models/{model} is not found for API version v1beta, or is not supported for \
                 generateContent. Call ListModels to see the list of available models and their \
                 supported methods."
            ),
        ),
        Fault::Conflict => (409, "ABORTED", "The operation was aborted."),
        Fault::InvalidRequest => (
            400,
            "INVALID_ARGUMENT",
            "* GenerateContentRequest.generation_config.top_k: top_k must be positive",
        ),
        Fault::ContextLength => (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200293) exceeds the maximum number of tokens allowed \
             (1048576).",
        ),
        Fault::ContentPolicy => (
            400,
            "INVALID_ARGUMENT",
            "The prompt was blocked because of safety settings.",
        ),
        Fault::RequestTooLarge => (
            413,
            "INVALID_ARGUMENT",
            "Request payload size exceeds the limit: 20971520 bytes.",
        ),
    };
    told(code, status, message)
}

/// It says the same of every limit: only the name of the quota tells them apart.
fn limited(model: &str, quota: &str) -> (u16, Value) {
    let (status, mut body) = told(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    );
    body["error"]["details"] = json!([{
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
            "quotaId": quota,
            "quotaDimensions": { "location": "global", "model": model },
        }],
    }]);
    (status, body)
}

fn told(code: u16, status: &str, message: &str) -> (u16, Value) {
    let error = json!({ "code": code, "message": message, "status": status });
    (code, json!({ "error": error }))
}

pub(super) fn not_found() -> Value {
    told(404, "NOT_FOUND", "Requested entity was not found.").1
}

pub(super) fn models<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let models: Vec<_> = ids
        .map(|id| {
            json!({
                "name": format!("models/{id}"),
                "displayName": id,
                "supportedGenerationMethods": ["generateContent"],
            })
        })
        .collect();
    json!({ "models": models })
}

const fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::ContentFilter | Finish::Refusal => "SAFETY",
    }
}

fn usage(answer: &Answer<'_>) -> Value {
    json!({
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": answer.output_tokens,
        "totalTokenCount": answer.input_tokens + answer.output_tokens,
    })
}
