//! What callers can ask for.

use super::{answer, app::App, auth::Admitted, call, models};
use axum::{
    Router,
    extract::{Request, State},
    middleware::from_extractor_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use buttress::llm::{Dialect, Kind};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/v1/chat/completions", post(openai))
        .route("/v1/messages", post(anthropic))
        .route("/v1/models", get(models::list));
    // A layer costs every call a few allocations, so it is there only if it has something to do.
    if app.config.server.client_key.is_some() {
        router = router.route_layer(from_extractor_with_state::<Admitted, _>(Arc::clone(&app)));
    }
    router
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

async fn openai(State(app): State<Arc<App>>, request: Request) -> Response {
    call::run(&app, Dialect::OpenAiChat, request).await
}

async fn anthropic(State(app): State<Arc<App>>, request: Request) -> Response {
    call::run(&app, Dialect::AnthropicMessages, request).await
}

/// Whether new calls are taken, and how the routes are.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let draining = app.is_draining();
    let routes = app.upstreams.routes().iter().map(|route| {
        let circuit = route.breaker_handle().state();
        json!({ "route": &**route.name(), "circuit": circuit.as_str() })
    });
    let routes: Vec<_> = routes.collect();
    let status = if draining {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let body = json!({ "ready": !draining, "routes": routes });
    (status, axum::Json(body)).into_response()
}

async fn unknown(request: Request) -> Response {
    let message = "there is nothing here: POST /v1/chat/completions or /v1/messages, \
                   GET /v1/models, /healthz or /readyz";
    answer::refusal(
        answer::dialect_of(request.uri(), request.headers()),
        StatusCode::NOT_FOUND,
        Kind::NotFound,
        message,
    )
}

async fn wrong_method(request: Request) -> Response {
    let message = "this method is not known here";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let dialect = answer::dialect_of(request.uri(), request.headers());
    answer::refusal(dialect, status, Kind::InvalidRequest, message)
}
