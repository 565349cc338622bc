//! What callers can ask for.

use super::{
    admin,
    app::App,
    auth::Admitted,
    call::{self, Address},
    live, metrics, models,
    page::NoPage,
    queue, ready,
    refusal::Asked,
};
use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    middleware::from_extractor_with_state,
    response::Response,
    routing::{get, post},
};
use buttress::llm::{Dialect, Kind};
use http::{StatusCode, header::ALLOW};
use std::sync::Arc;
use tower::ServiceExt;

const COMPLETIONS: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const MODELS: &str = "/v1/models";
const MODEL: &str = "/v1/models/{*model}";
/// Of Gemini's, where each model has addresses of its own for what it can be asked. Some of its
/// SDKs ask for `v1`, where OpenAI and Anthropic have their models.
const GEMINI_MODELS: &str = "/v1beta/models";
const GEMINI_MODEL: &str = "/v1beta/models/{*model}";
const TASK: &str = "/v1/queue/{id}";
/// Not served: only the provider can count as the provider counts.
const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
const COUNT_BY_GEMINI: &str = ":countTokens";
/// Not served either: what a provider has stored is at that one provider.
const STORED: &str = "/v1/responses/";

pub(super) fn router(app: Arc<App>) -> Router {
    let mut calls = Router::new()
        .route(COMPLETIONS, post(openai))
        .route(MESSAGES, post(anthropic))
        .route(RESPONSES, post(responses))
        .route(MODELS, get(models::list))
        // A model's name may have slashes in it.
        .route(MODEL, post(gemini).get(models::one))
        .route(GEMINI_MODELS, get(models::list))
        .route(GEMINI_MODEL, post(gemini).get(models::one));
    if app.queue.is_some() {
        calls = calls.route(TASK, get(queue::show).delete(queue::forget));
    }
    let others = live::router().merge(admin::router()).merge(watched());
    // Before anybody is asked for a key: what a path takes is no secret.
    let routes = calls.clone().merge(others.clone());
    let routes = routes.with_state(Arc::clone(&app));
    // A layer costs every call a few allocations, so it is there only if it has something to do.
    if app.server.client_key.is_some() {
        calls = calls.route_layer(from_extractor_with_state::<Admitted, _>(Arc::clone(&app)));
    }
    calls
        .merge(others)
        .fallback(
            async |_: NoPage, State(app): State<Arc<App>>, request: Request| {
                unknown(&app, &request)
            },
        )
        .method_not_allowed_fallback(|_: NoPage, State(app): State<Arc<App>>, request: Request| {
            wrong_method(routes, app, request)
        })
        .with_state(app)
}

/// What there is to be asked of a process that serves no callers.
pub(super) fn of_worker(app: Arc<App>) -> Router {
    watched()
        .fallback(async |_: NoPage| {
            let message = "a worker serves GET /healthz, /readyz and /metrics, and no calls\n";
            (StatusCode::NOT_FOUND, message)
        })
        .with_state(app)
}

/// For those who watch over it.
fn watched() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(async |_: NoPage| "ok\n"))
        .route("/readyz", get(ready::show))
        .route("/metrics", get(metrics::show))
}

async fn openai(_: NoPage, State(app): State<Arc<App>>, request: Request) -> Response {
    call::run(&app, Dialect::OpenAiChat, None, request).await
}

async fn anthropic(_: NoPage, State(app): State<Arc<App>>, request: Request) -> Response {
    call::run(&app, Dialect::AnthropicMessages, None, request).await
}

/// What a model is asked for stands behind its name.
async fn gemini(
    _: NoPage,
    State(app): State<Arc<App>>,
    Path(asked_for): Path<String>,
    request: Request,
) -> Response {
    let (model, stream) = match asked_for.rsplit_once(':') {
        Some((model, "generateContent")) => (model, false),
        Some((model, "streamGenerateContent")) => (model, true),
        _ => return unknown(&app, &request),
    };
    let mut query = request.uri().query().unwrap_or_default().split('&');
    if stream && !query.any(|part| part == "alt=sse") {
        let asked = Asked::of(request.uri(), request.headers()).at(&app);
        let message = "a stream is served as events only: ask for it with ?alt=sse";
        return asked.refuse(StatusCode::BAD_REQUEST, Kind::InvalidRequest, message);
    }
    let address = Address { model, stream };
    call::run(&app, Dialect::Gemini, Some(address), request).await
}

async fn responses(_: NoPage, State(app): State<Arc<App>>, request: Request) -> Response {
    call::run(&app, Dialect::OpenAiResponses, None, request).await
}

fn unknown(app: &App, request: &Request) -> Response {
    nothing_here(&Asked::of(request.uri(), request.headers()).at(app))
}

fn nothing_here(asked: &Asked<'_>) -> Response {
    asked.unknown_url(match asked.path() {
        path if path.starts_with(STORED) => {
            "responses are not kept here, so none can be fetched, changed or counted: only \
             POST /v1/responses is served"
        }
        COUNT_TOKENS => {
            "tokens are not counted here: count_tokens is not served, ask the provider for it"
        }
        path if path.ends_with(COUNT_BY_GEMINI) => {
            "tokens are not counted here: countTokens is not served, ask the provider for it"
        }
        _ => {
            "there is nothing here: POST /v1/chat/completions, /v1/responses, /v1/messages or \
             /v1beta/models/MODEL:generateContent, GET /v1/models, /healthz, /readyz or /metrics"
        }
    })
}

/// The right one is what the routes themselves refuse this one with: a list of its own would miss
/// the next path.
async fn wrong_method(routes: Router, app: Arc<App>, request: Request) -> Response {
    let asked = Asked::of(request.uri(), request.headers()).at(&app);
    let mut again = Request::new(Body::empty());
    request.method().clone_into(again.method_mut());
    request.uri().clone_into(again.uri_mut());
    let Ok(refused) = routes.oneshot(again).await;
    let takes = refused.headers().get(ALLOW);
    let takes = takes.and_then(|takes| takes.to_str().ok());
    // Who takes GET takes HEAD, too.
    let takes = takes.unwrap_or_default().split(',');
    let takes: Vec<_> = takes.filter(|method| *method != "HEAD").collect();
    let message = format!(
        "{} is not for {}: it takes {}",
        request.method(),
        asked.path(),
        takes.join(" or ")
    );
    asked.refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        Kind::InvalidRequest,
        &message,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, Options, StoreUrl},
        serve::running,
    };
    use buttress_client::Secret;
    use http::Method;
    use http_body_util::BodyExt;
    use serde_json::Value;
    use std::path::Path as Folder;

    fn request(method: Method, path: &str) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    fn unknown(method: Method, path: &str) -> Response {
        let request = request(method, path);
        nothing_here(&Asked::of(request.uri(), request.headers()))
    }

    async fn error(response: Response) -> Value {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        body["error"].take()
    }

    #[tokio::test]
    async fn a_path_that_is_not_there_is_no_model() {
        let answer = unknown(Method::POST, "/v1/embeddings");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let error = error(answer).await;
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], "unknown_url");
    }

    #[tokio::test]
    async fn counting_tokens_is_said_not_to_be_served() {
        let answer = unknown(Method::POST, COUNT_TOKENS);
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let error = error(answer).await;
        assert_eq!(error["type"], "not_found_error");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("count_tokens is not served"), "{message}");
    }

    #[tokio::test]
    async fn what_gemini_is_not_asked_for_here_is_told_in_its_words() {
        for (path, word) in [
            ("/v1beta/models/g:countTokens", "countTokens is not served"),
            ("/v1/models/g:countTokens", "countTokens is not served"),
            ("/v1beta/models/g:embedContent", "generateContent"),
            ("/v1beta/files", "generateContent"),
        ] {
            let error = error(unknown(Method::POST, path)).await;
            assert_eq!(
                (&error["code"], &error["status"]),
                (&404.into(), &"NOT_FOUND".into())
            );
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(word), "{message}");
        }
    }

    #[tokio::test]
    async fn stored_responses_are_said_not_to_be_served() {
        let answer = unknown(Method::GET, "/v1/responses/resp_1");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let error = error(answer).await;
        assert_eq!(error["code"], "unknown_url");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("responses are not kept here"), "{message}");
    }

    async fn gateway(folder: &Folder, key: Option<&str>) -> Router {
        let options = Options::new(&|_: &str| None);
        let mut config = Config::sandbox(&options).unwrap();
        config.server.client_key = key.map(Secret::new);
        config.queue.store = Some(StoreUrl::Sqlite(folder.join("queue.db")));
        router(running::app(config).await.unwrap())
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_one() {
        for key in [None, Some("k")] {
            let folder = tempfile::tempdir().unwrap();
            let gateway = gateway(folder.path(), key).await;
            for (method, path, right) in [
                (Method::GET, COMPLETIONS, "POST"),
                (Method::PUT, MESSAGES, "POST"),
                (
                    Method::PUT,
                    "/v1beta/models/g:generateContent",
                    "POST or GET",
                ),
                (
                    Method::PUT,
                    "/v1/models/g:streamGenerateContent",
                    "POST or GET",
                ),
                (Method::GET, RESPONSES, "POST"),
                (Method::POST, MODELS, "GET"),
                (Method::POST, "/v1/queue/1", "GET or DELETE"),
                (Method::DELETE, "/healthz", "GET"),
                (Method::POST, "/admin/state", "GET"),
                (Method::POST, "/live/events", "GET"),
                (Method::GET, "/admin/circuit", "POST"),
                (Method::GET, "/admin/gate", "POST"),
                (Method::GET, "/admin/drain", "POST"),
                (Method::GET, "/admin/queue", "POST"),
                (Method::GET, "/admin/sandbox", "POST"),
                (Method::GET, "/admin/reload", "POST"),
            ] {
                let request = request(method.clone(), path);
                let Ok(answer) = gateway.clone().oneshot(request).await;
                assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
                let error = error(answer).await;
                let message = error["message"].as_str().unwrap();
                assert!(message.starts_with(method.as_str()), "{message}");
                assert!(message.ends_with(&format!("takes {right}")), "{message}");
                assert_ne!(error["code"], "model_not_found");
            }
        }
    }
}
