//! `GET /readyz`.

use super::{app::App, page::NoPage};
use crate::config;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use buttress::{
    Route,
    circuit_breaker::{Handle, State as Circuit},
    retry_after::{GateHandle, GateState},
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};

/// Whether new calls are taken, and how the routes are.
pub(super) async fn show(_: NoPage, State(app): State<Arc<App>>) -> Response {
    let draining = app.is_draining();
    let serving = app.serving();
    let routes = serving.upstreams.routes().iter();
    let routes = routes.zip(&serving.config.routes);
    let routes = routes.map(|(route, settings)| {
        let mut shown = Map::new();
        self::route(&mut shown, route, settings);
        Value::Object(shown)
    });
    let body = json!({ "ready": !draining, "routes": routes.collect::<Value>() });
    let status = if draining {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    (status, Json(body)).into_response()
}

/// How a route is.
pub(super) fn route(shown: &mut Map<String, Value>, route: &Route, settings: &config::Route) {
    put(shown, "route", &**route.name());
    match settings.breaker.enabled {
        true => circuit(shown, &route.breaker_handle()),
        false => put(shown, "circuit", "off"),
    }
    match settings.gate.enabled {
        true => gate(shown, &route.gate_handle()),
        false => put(shown, "gate", "off"),
    }
}

/// The circuit, and while it is open the seconds until a probe may go out.
fn circuit(shown: &mut Map<String, Value>, handle: &Handle) {
    let state = handle.state();
    put(shown, "circuit", state.as_str());
    if state == Circuit::Open
        && let Some(wait) = handle.time_until_probe()
    {
        put(shown, "circuit_seconds", seconds(wait));
    }
}

/// The gate, while it is shut the seconds until it opens, what shut it, and how many wait.
fn gate(shown: &mut Map<String, Value>, handle: &GateHandle) {
    let state = handle.state();
    put(shown, "gate", state.as_str());
    if let GateState::Reopening { per_second } = state {
        put(shown, "gate_per_second", per_second);
    }
    if let Some(wait) = state.wait() {
        put(shown, "gate_seconds", seconds(wait));
    }
    if let Some(kind) = handle.origin() {
        put(shown, "gate_kind", kind.as_str());
    }
    match handle.waiting() {
        0 => {}
        waiting => put(shown, "gate_waiting", waiting),
    }
}

fn put(shown: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    shown.insert(name.to_owned(), value.into());
}

/// To a thousandth, so that it can be read.
fn seconds(wait: Duration) -> f64 {
    (wait.as_secs_f64() * 1e3).round() / 1e3
}
