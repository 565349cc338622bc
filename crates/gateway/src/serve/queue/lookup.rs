//! `GET` and `DELETE /v1/queue/{id}`.

use super::{
    super::{app::App, page::NoPage, refusal::Asked},
    wait,
};
use crate::{command::in_full, queue::as_json};
use axum::{
    Json,
    extract::{FromRequestParts, Path, Request},
    response::{IntoResponse, Response},
};
use buttress::{llm::Kind, replay::error_of};
use buttress_queue::{Kept, Queue, State, StoreError, TaskId};
use http::{HeaderMap, StatusCode, header::ACCEPT, request::Parts};
use serde_json::{Value, json};
use std::sync::Arc;

/// The task that the address of a request names.
pub(in crate::serve) struct Named {
    queue: Queue,
    id: TaskId,
}

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let id = Path::<String>::from_request_parts(parts, app).await;
        let asked = Asked::of(&parts.uri, &parts.headers);
        let Some(queue) = app.queue.clone() else {
            let message = "there is no queue: none is configured";
            return Err(asked.refuse(StatusCode::NOT_FOUND, Kind::NotFound, message));
        };
        // One that is no name is not there either.
        let id = id.ok().and_then(|Path(id)| id.parse().ok());
        let id = id.ok_or_else(|| unknown(&asked))?;
        Ok(Self { queue, id })
    }
}

/// Where a task stands, and what came of it; as events, for who wants to be told.
pub(in crate::serve) async fn show(
    _: NoPage,
    Named { queue, id }: Named,
    request: Request,
) -> Response {
    match queue.inspect(id).await {
        Ok(Some(_)) if wants_events(request.headers()) => wait::events(queue, id),
        Ok(Some(kept)) => Json(describe(&kept)).into_response(),
        Ok(None) => unknown(&asked(&request)),
        Err(error) => unavailable(&asked(&request), &error),
    }
}

/// Takes a task out: its caller does not want it any more.
pub(in crate::serve) async fn forget(
    _: NoPage,
    Named { queue, id }: Named,
    request: Request,
) -> Response {
    match queue.remove(id).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => unknown(&asked(&request)),
        Err(error) => unavailable(&asked(&request), &error),
    }
}

fn asked(request: &Request) -> Asked<'_> {
    Asked::of(request.uri(), request.headers())
}

fn unknown(asked: &Asked<'_>) -> Response {
    let message = "there is no such task, or none any more: results are kept for a time only";
    asked.refuse(StatusCode::NOT_FOUND, Kind::NotFound, message)
}

fn unavailable(asked: &Asked<'_>, error: &StoreError) -> Response {
    tracing::error!(error = in_full(error), "the queue can't be asked");
    let message = "the queue can't be reached: ask again in a moment";
    asked.refuse(StatusCode::SERVICE_UNAVAILABLE, Kind::Overloaded, message)
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(ACCEPT).iter();
    let mut accept = accept.filter_map(|accept| accept.to_str().ok());
    accept.any(|accept| accept.contains("text/event-stream"))
}

/// What is told of a task to its caller: its result, and not what was asked.
pub(super) fn describe(kept: &Kept) -> Value {
    let mut told = as_json(&kept.record);
    told["object"] = "buttress.task".into();
    match &kept.result {
        Some(Ok(result)) => {
            told["result"] = serde_json::from_slice(result).unwrap_or(Value::Null);
        }
        Some(Err(unopened)) => told["error"] = json!({ "message": unopened.to_string() }),
        None => {}
    }
    if let (State::Dead, Some(Ok(task))) = (kept.record.state, &kept.task) {
        let answer = error_of(task, kept.record.reason.as_deref().unwrap_or_default());
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        told["result"] = json!({ "status": answer.status, "body": body });
    }
    told
}
