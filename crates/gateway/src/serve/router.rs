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
use http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;

const COMPLETIONS: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const MODELS: &str = "/v1/models";

pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route(COMPLETIONS, post(openai))
        .route(MESSAGES, post(anthropic))
        .route(MODELS, get(models::list));
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
    let dialect = answer::dialect_of(request.uri(), request.headers());
    answer::unknown(request.uri().path(), dialect, message)
}

async fn wrong_method(request: Request) -> Response {
    let path = request.uri().path();
    let right = match path {
        COMPLETIONS | MESSAGES => Method::POST,
        _ => Method::GET,
    };
    let message = format!("{} is not for {path}: it takes {right}", request.method());
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let dialect = answer::dialect_of(request.uri(), request.headers());
    answer::refusal(path, dialect, status, Kind::InvalidRequest, &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http_body_util::BodyExt;
    use serde_json::Value;

    fn request(method: Method, path: &str) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    async fn error(response: Response) -> Value {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        body["error"].take()
    }

    #[tokio::test]
    async fn a_path_that_is_not_there_is_no_model() {
        let answer = unknown(request(Method::POST, "/v1/embeddings")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let error = error(answer).await;
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], "unknown_url");
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_one() {
        for (method, path, right) in [
            (Method::GET, COMPLETIONS, "POST"),
            (Method::PUT, MESSAGES, "POST"),
            (Method::POST, MODELS, "GET"),
            (Method::DELETE, "/healthz", "GET"),
        ] {
            let answer = wrong_method(request(method.clone(), path)).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
            let error = error(answer).await;
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with(method.as_str()), "{message}");
            assert!(message.ends_with(right), "{message}");
            assert_ne!(error["code"], "model_not_found");
        }
    }
}
