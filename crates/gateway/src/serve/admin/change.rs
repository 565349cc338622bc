//! What can be changed. Each change is logged, with where it came from.

use super::{
    super::{
        app::App,
        reload::{self, NotReloaded, Why},
    },
    may::{MayChange, refuse, refuse_with},
    tasks::{self, Which},
};
use crate::{config, queue::Change};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use buttress::Route;
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tracing::field;

/// What a body of a change may take, in bytes.
const MOST: usize = 16 << 10;

/// The longest that something can be closed or parked for: a day.
const LONGEST: f64 = 86_400.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Circuit {
    route: String,
    #[serde(rename = "do")]
    act: OnCircuit,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnCircuit {
    Open,
    Close,
    Isolate,
    Reset,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gate {
    route: String,
    #[serde(rename = "do")]
    act: OnGate,
    seconds: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnGate {
    Open,
    Close,
    Park,
    Unpark,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    draining: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfQueue {
    #[serde(rename = "do")]
    act: Change,
    /// One task; all dead letters, where none is named.
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfSandbox {
    provider: String,
    mood: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reload {}

/// Opens, closes, isolates or resets a route's circuit.
pub(super) async fn circuit(
    may: MayChange,
    State(app): State<Arc<App>>,
    Asked(asked): Asked<Circuit>,
) -> Response {
    let route = match route(&app, &asked.route, |settings| settings.breaker.enabled) {
        Ok(route) => route,
        Err(NoRoute::Unknown) => return no_route(),
        Err(NoRoute::Off) => return off("breaker"),
    };
    let circuit = route.breaker_handle();
    match asked.act {
        OnCircuit::Open => circuit.force_open(),
        OnCircuit::Close => circuit.force_close(),
        OnCircuit::Isolate => circuit.isolate(),
        OnCircuit::Reset => circuit.reset(),
    }
    tracing::warn!(from = may.from, route = &**route.name(), change = ?asked.act, "circuit changed by hand");
    Json(json!({"state": circuit.state().as_str()})).into_response()
}

/// Opens or closes the gate of a route's key, or parks the key.
pub(super) async fn gate(
    may: MayChange,
    State(app): State<Arc<App>>,
    Asked(asked): Asked<Gate>,
) -> Response {
    let route = match route(&app, &asked.route, |settings| settings.gate.enabled) {
        Ok(route) => route,
        Err(NoRoute::Unknown) => return no_route(),
        Err(NoRoute::Off) => return off("gate"),
    };
    let wait = match asked.seconds {
        Some(seconds) if !(0.0..=LONGEST).contains(&seconds) => {
            return refuse(StatusCode::BAD_REQUEST, "seconds: from 0 to 86400");
        }
        seconds => seconds.map(Duration::from_secs_f64),
    };
    let gate = route.gate_handle();
    match (asked.act, wait) {
        (OnGate::Open, _) => gate.open(),
        (OnGate::Unpark, _) => gate.unpark(),
        (OnGate::Park, wait) => gate.park(wait),
        (OnGate::Close, Some(wait)) => gate.close_for(wait),
        (OnGate::Close, None) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "seconds: say for how long to close it",
            );
        }
    }
    tracing::warn!(
        from = may.from, route = &**route.name(), change = ?asked.act, seconds = asked.seconds,
        "gate changed by hand"
    );
    Json(json!({"state": gate.state().as_str()})).into_response()
}

/// Has `/readyz` say that no more calls should come, or that they may come again. A gateway that
/// stops goes on draining.
pub(super) async fn drain(
    may: MayChange,
    State(app): State<Arc<App>>,
    Asked(asked): Asked<Drain>,
) -> Response {
    app.set_draining(asked.draining);
    tracing::warn!(
        from = may.from,
        draining = asked.draining,
        "draining changed by hand"
    );
    Json(json!({"draining": app.is_draining()})).into_response()
}

/// Queues dead letters again, or drops them.
pub(super) async fn queue(
    may: MayChange,
    State(app): State<Arc<App>>,
    Asked(asked): Asked<OfQueue>,
) -> Response {
    let Some(queue) = app.queue.clone() else {
        return refuse(StatusCode::NOT_FOUND, "there is no queue: set queue.url");
    };
    let which = match asked.id.as_deref().map(str::parse) {
        Some(Ok(id)) => Which::One(id),
        Some(Err(_)) => return refuse(StatusCode::BAD_REQUEST, "id: not the name of a task"),
        None => Which::AllDead,
    };
    // A caller who leaves does not cut it off, nor the line that tells of it.
    let done = tokio::spawn(async move {
        let (changed, ended) = tasks::change(&queue, asked.act, which).await;
        let error = ended.as_ref().err().map(field::display);
        tracing::warn!(
            from = may.from, change = ?asked.act, id = asked.id, changed, error,
            "queue changed by hand"
        );
        (changed, ended)
    });
    match done.await {
        Ok((changed, Ok(()))) => Json(json!({"changed": changed})).into_response(),
        Ok((changed, Err(error))) => {
            let body = json!({"error": error.to_string(), "changed": changed});
            refuse_with(StatusCode::SERVICE_UNAVAILABLE, body)
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Has a provider of the sandbox fail in some way, or be well again.
pub(super) async fn sandbox(
    may: MayChange,
    State(app): State<Arc<App>>,
    Asked(asked): Asked<OfSandbox>,
) -> Response {
    let Some(sandbox) = &app.sandbox else {
        return refuse(StatusCode::NOT_FOUND, "this is no sandbox");
    };
    if !sandbox.set(&asked.provider, &asked.mood) {
        return refuse(
            StatusCode::NOT_FOUND,
            "there is no such provider, or it can't do that",
        );
    }
    tracing::info!(
        from = may.from,
        provider = asked.provider,
        mood = asked.mood,
        "sandbox changed"
    );
    Json(sandbox.moods()).into_response()
}

/// Reads the configuration again.
pub(super) async fn reload(
    may: MayChange,
    State(app): State<Arc<App>>,
    Asked(Reload {}): Asked<Reload>,
) -> Response {
    tracing::warn!(from = may.from, "told to reload by hand");
    // A caller who leaves does not cut it off: what was told is done, and how that went is logged.
    let done = tokio::spawn(async move { reload::reload(&app, Why::Asked).await });
    match done.await {
        Ok(Ok(changes)) => Json(json!({
            "reloaded": true,
            "changed": changes.taken,
            "at_restart": changes.at_start,
        }))
        .into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Ok(Err(error)) => {
            let status = match error {
                NotReloaded::NoFile => StatusCode::CONFLICT,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            refuse(status, &error.to_string())
        }
    }
}

enum NoRoute {
    Unknown,
    /// It is there, and what is to be changed is off.
    Off,
}

fn route(
    app: &App,
    name: &str,
    is_on: impl FnOnce(&config::Route) -> bool,
) -> Result<Route, NoRoute> {
    let serving = app.serving();
    let routes = serving.upstreams.routes().iter();
    let mut routes = routes.zip(&serving.config.routes);
    match routes.find(|(route, _)| **route.name() == *name) {
        None => Err(NoRoute::Unknown),
        Some((_, settings)) if !is_on(settings) => Err(NoRoute::Off),
        Some((route, _)) => Ok(route.clone()),
    }
}

fn no_route() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is no route of this name")
}

/// A change to what calls do not pass would do nothing, and look as if it did.
fn off(layer: &str) -> Response {
    let message = format!("the {layer} of this route is off: its `{layer}.enabled` is false");
    refuse(StatusCode::CONFLICT, &message)
}

/// A small body of JSON.
pub(super) struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Asked<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Response> {
        let body = axum::body::to_bytes(request.into_body(), MOST).await;
        let wrong = |message: &str| refuse(StatusCode::BAD_REQUEST, message);
        let body = body.map_err(|_| wrong("the body is too large, or ended too early"))?;
        let read = serde_json::from_slice(&body);
        read.map(Self).map_err(|error| wrong(&error.to_string()))
    }
}
