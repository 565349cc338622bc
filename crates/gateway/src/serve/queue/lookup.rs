//! `GET` and `DELETE /v1/queue/{id}`.

use super::{
    super::{app::App, live::Alike, page::NoPage, refusal::Asked},
    wait,
};
use crate::{command::in_full, queue::as_json};
use axum::{
    Json,
    extract::{FromRequestParts, Path, Request, State as Shared},
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
        let asked = Asked::of(&parts.uri, &parts.headers).at(app);
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
    Shared(app): Shared<Arc<App>>,
    Named { queue, id }: Named,
    request: Request,
) -> Response {
    match queue.inspect(id).await {
        Ok(Some(_)) if wants_events(request.headers()) => wait::events(app, queue, id),
        Ok(Some(kept)) => Json(describe(&kept)).into_response(),
        Ok(None) => unknown(&asked(&app, &request)),
        Err(error) => unavailable(&app, &request, &error),
    }
}

/// Takes a task out: its caller does not want it any more.
pub(in crate::serve) async fn forget(
    _: NoPage,
    Shared(app): Shared<Arc<App>>,
    Named { queue, id }: Named,
    request: Request,
) -> Response {
    match queue.remove(id).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => unknown(&asked(&app, &request)),
        Err(error) => unavailable(&app, &request, &error),
    }
}

fn asked<'a>(app: &'a App, request: &'a Request) -> Asked<'a> {
    Asked::of(request.uri(), request.headers()).at(app)
}

fn unknown(asked: &Asked<'_>) -> Response {
    let message = "there is no such task, or none any more: results are kept for a time only";
    asked.refuse(StatusCode::NOT_FOUND, Kind::NotFound, message)
}

/// Whoever waits for a task asks every second or so: that the store is down is told now and then.
fn unavailable(app: &App, request: &Request, error: &StoreError) -> Response {
    const WORDS: &str = "the queue can't be asked";
    let alike = Alike {
        words: WORDS,
        kind: Some(error.as_str()),
        status: None,
        route: None,
    };
    if let Some(before) = app.serving().recent.repeats(alike) {
        let kept_back = (before > 0).then_some(before);
        tracing::error!(error = in_full(error), kept_back, "{WORDS}");
    }
    let message = "the queue can't be reached: ask again in a moment";
    let asked = asked(app, request);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, Options},
        serve::{running, written::Written},
    };
    use axum::body::Body;
    use tracing::Level;

    /// While the store is down all who wait for tasks are told so, each second or so.
    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_down_does_not_fill_the_log() {
        let source = "[[routes]]\nprovider = 'ollama'";
        let options = Options::new(&|_: &str| None);
        let (config, _) = Config::parse("buttress.toml", source, &options).unwrap();
        let app = running::app(config).await.unwrap();
        let request = Request::get("/v1/queue/1").body(Body::empty()).unwrap();
        let log = Written::default();
        let _guard = log.begin(Level::INFO);
        for error in [
            StoreError::Unavailable("no route to it".into()),
            StoreError::Engine("it is damaged".into()),
        ] {
            for _ in 0..25 {
                let answer = unavailable(&app, &request, &error);
                assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            }
        }
        let lines = log.lines();
        let with = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
        assert_eq!(with("ERROR"), 20);
        for why in ["no route to it", "it is damaged"] {
            assert_eq!(with(why), 10, "{why}");
        }
        assert_eq!(with("refused"), 10);
    }
}
