//! What callers are told whose requests were queued, or could not be.

use super::super::{
    answer::{EVENTS, JSON, NO_CACHE, QUEUED, give_up, put, tell_journey},
    log::CallLog,
};
use crate::config;
use axum::{body::Body, response::Response};
use buttress::llm::{EventStream, LlmError, LlmRequest, Said};
use buttress_queue::Degraded;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};
use std::convert::Infallible;

/// What is said where the store did not take the request either.
const NOT_KEPT: &str = "The model can't be reached just now, and the request could not be kept.";

/// The degraded answer to this request: one of its dialect, with what became of it beside.
pub(in crate::serve) fn answer(
    settings: &config::Degraded,
    request: &LlmRequest,
    degraded: &Degraded<LlmError>,
    mut log: CallLog,
) -> Response {
    // What is not kept must not be taken for an answer.
    let status = match degraded.is_queued() {
        true => StatusCode::from_u16(settings.status).unwrap_or(StatusCode::OK),
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let text = match degraded.is_queued() {
        true => &*settings.text,
        false => NOT_KEPT,
    };
    log.degraded(status.as_u16(), degraded);
    let told = told(text, degraded);
    let mut said = Said::plain(request.dialect(), request.model(), text);
    said.id = format!("buttress-{}", log.id().as_str());
    // A status that says no is raised by an SDK, which reads no stream then.
    let streams = request.streams() && status.is_success();
    let mut response = match streams {
        true => Response::new(events(said.into_stream(request.includes_usage()), told)),
        false => Response::new(Body::from(whole(&said, told))),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match streams {
        true => {
            headers.insert(CONTENT_TYPE, EVENTS);
            headers.insert(CACHE_CONTROL, NO_CACHE);
        }
        false => {
            headers.insert(CONTENT_TYPE, JSON);
        }
    }
    // It will be answered as it is: to send it again would have it answered twice.
    if degraded.is_queued() {
        give_up(headers);
    }
    let queued = degraded
        .id()
        .map_or_else(|| "false".to_owned(), |id| id.to_string());
    put(headers, QUEUED, queued);
    log.id().tell(headers);
    tell_journey(headers, log.call());
    response
}

/// `buttress` in an answer.
fn told(text: &str, degraded: &Degraded<LlmError>) -> Value {
    json!({
        "success": false,
        "content": text,
        "model": null,
        "queued_for_retry": degraded.is_queued(),
        "id": degraded.id().map(|id| id.to_string()),
        "reason": degraded.error.kind().as_str(),
    })
}

fn whole(said: &Said, told: Value) -> Bytes {
    let written = said.write().unwrap_or_default();
    let mut answer: Map<String, Value> = serde_json::from_slice(&written).unwrap_or_default();
    answer.insert("buttress".to_owned(), told);
    Value::Object(answer).to_string().into()
}

/// The events of an answer, and before them a comment, which readers of events pass over, with
/// what else there is to tell.
fn events(events: EventStream, told: Value) -> Body {
    let comment = Bytes::from(format!(": buttress {told}\n\n"));
    let frames = events.filter_map(async |event| event.ok().map(|event| event.frame));
    let all = stream::once(async { comment }).chain(frames);
    Body::from_stream(all.map(Ok::<_, Infallible>))
}
