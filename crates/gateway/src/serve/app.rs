//! What callers can ask for.

use super::{answer, auth, call, models, upstreams::Upstreams};
use crate::config::Config;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use buttress::{
    StackService,
    llm::{Dialect, Kind},
};
use http::StatusCode;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// What all requests share.
pub(super) struct App {
    pub(super) config: Config,
    pub(super) upstreams: Upstreams,
    draining: AtomicBool,
}

impl App {
    pub(super) const fn new(config: Config, upstreams: Upstreams) -> Self {
        Self {
            config,
            upstreams,
            draining: AtomicBool::new(false),
        }
    }

    /// What serves this model.
    pub(super) fn stack(&self, model: &str) -> Option<StackService> {
        self.upstreams.stack(self.config.chain_index(model)?)
    }

    /// No longer ready for new calls.
    pub(super) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }
}

pub(super) fn router(app: Arc<App>) -> Router {
    let open = middleware::from_fn_with_state(Arc::clone(&app), admit);
    Router::new()
        .route("/v1/chat/completions", post(openai))
        .route("/v1/messages", post(anthropic))
        .route("/v1/models", get(models::list))
        .route_layer(open)
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

/// Turns away who does not present the key, if there is one.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match &app.config.server.client_key {
        Some(key) if !auth::is_allowed(request.headers(), key) => {
            let message = "the gateway's key is missing or wrong: send it as the API key";
            answer::refusal(
                dialect_of(&request),
                StatusCode::UNAUTHORIZED,
                Kind::Auth,
                message,
            )
        }
        _ => next.run(request).await,
    }
}

/// Whether new calls are taken, and how the routes are.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let draining = app.draining.load(Relaxed);
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
        dialect_of(&request),
        StatusCode::NOT_FOUND,
        Kind::NotFound,
        message,
    )
}

async fn wrong_method(request: Request) -> Response {
    let message = "this method is not known here";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    answer::refusal(dialect_of(&request), status, Kind::InvalidRequest, message)
}

/// In which dialect to refuse a request that was not read: as its path or its headers tell.
fn dialect_of(request: &Request<Body>) -> Dialect {
    let anthropic = request.uri().path().starts_with("/v1/messages")
        || request.headers().contains_key("anthropic-version");
    if anthropic {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenAiChat
    }
}
