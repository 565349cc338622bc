//! Callers that speak Gemini's dialect, whose addresses say what they ask for.

use crate::{mode, read, well};
use buttress_testkit::Dialect;
use buttress_tests::{Answer, Gateway, Mode, Setup};
use serde_json::json;

const GEMINI: Mode = mode(Dialect::Gemini, false);
const KEY: &str = "the-callers-key";

async fn post_to(
    gateway: &Gateway,
    mode: Mode,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let open = gateway.post(path, headers, body.to_owned()).await;
    read(mode, open).await
}

#[tokio::test]
async fn the_address_says_which_model_and_how() {
    let provider = well().await;
    let gateway = Setup::new()
        .route("only", Dialect::Gemini, provider.url())
        .with("models.smart = ['only']")
        .start()
        .await;
    let body = GEMINI.request().to_string();
    let ask = async |path: &str| {
        let mode = Mode {
            stream: path.contains("stream"),
            ..GEMINI
        };
        post_to(&gateway, mode, path, &[], &body).await
    };
    for path in [
        "/v1beta/models/smart:generateContent",
        "/v1beta/models/smart:streamGenerateContent?x=1&alt=sse",
        // Its SDK for Python asks for this version, unless it is told another one.
        "/v1/models/smart:generateContent",
        "/v1/models/smart:streamGenerateContent?alt=sse",
    ] {
        ask(path).await.assert_good("Hello.", "only");
    }
    let paths: Vec<_> = provider
        .calls()
        .iter()
        .map(|call| call.path().to_owned())
        .collect();
    let (whole, stream) = (
        "/v1beta/models/only:generateContent",
        "/v1beta/models/only:streamGenerateContent?alt=sse",
    );
    assert_eq!(paths, [whole, stream, whole, stream]);
    // What goes on is what came.
    assert_eq!(provider.calls()[0].body(), body.as_bytes());

    for (path, status, says) in [
        (
            "/v1beta/models/smart:streamGenerateContent",
            400,
            "?alt=sse",
        ),
        (
            "/v1beta/models/smart:countTokens",
            404,
            "countTokens is not served",
        ),
        (
            "/v1/models/smart:countTokens",
            404,
            "countTokens is not served",
        ),
        ("/v1beta/models/smart", 404, "generateContent"),
        ("/v1beta/models/:generateContent", 400, "`model` is missing"),
        (
            "/v1beta/models/else:generateContent",
            404,
            "no route serves the model",
        ),
    ] {
        let answer = ask(path).await;
        let answer = Answer {
            mode: GEMINI,
            ..answer
        };
        answer.assert_given_up(status, "invalid_request_error");
        let told = answer.told_error()["error"]["message"].to_string();
        assert!(told.contains(says), "{path}: {told}");
    }
    assert_eq!(provider.call_count(), 4);
}

#[tokio::test]
async fn its_models_are_listed_in_its_shape() {
    let provider = well().await;
    let gateway = Setup::new()
        .route("only", Dialect::OpenAi, provider.url())
        .with("models.only = ['only']")
        .start()
        .await;
    let list = read(GEMINI, gateway.get("/v1beta/models", &[]).await).await;
    let model = json!({"name": "models/only", "displayName": "only",
        "supportedGenerationMethods": ["generateContent"]});
    assert_eq!(list.json(), json!({"models": [model]}));
    let one = read(GEMINI, gateway.get("/v1beta/models/only", &[]).await).await;
    assert_eq!(one.json(), model);
    let none = read(GEMINI, gateway.get("/v1beta/models/else", &[]).await).await;
    none.assert_given_up(404, "invalid_request_error");
}

#[tokio::test]
async fn its_sdks_put_the_key_into_a_header_of_their_own() {
    let provider = well().await;
    let gateway = Setup::new()
        .route("only", Dialect::Gemini, provider.url())
        .with("server.client_key_env = 'KEY'")
        .start()
        .await;
    let body = GEMINI.request().to_string();
    let path = GEMINI.path();
    let ask = async |path: &str, key: &str| {
        post_to(&gateway, GEMINI, path, &[("x-goog-api-key", key)], &body).await
    };
    ask(&path, KEY).await.assert_good("Hello.", "only");
    let in_address = format!("{path}?key={KEY}");
    ask(&in_address, "").await.assert_good("Hello.", "only");
    let refused = ask(&path, "wrong").await;
    refused.assert_given_up(401, "invalid_request_error");
    // It is the gateway's, and goes no further.
    for call in provider.calls() {
        assert!(call.header("x-goog-api-key").is_none() && !call.path().contains("key"));
    }
}
