//! `GET /v1/models`, `/healthz` and `/readyz`.

use crate::{ANTHROPIC, OPENAI, before, read, well};
use buttress_testkit::Dialect;
use buttress_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn the_models_are_listed_in_both_shapes() {
    let provider = well().await;
    let gateway = Setup::new()
        .route("big", Dialect::OpenAi, provider.url())
        .route("small", Dialect::OpenAi, provider.url())
        .with("models.smart = ['big', 'small']")
        .with("models.'*' = ['small']")
        .start()
        .await;

    let answer = read(OPENAI, gateway.get("/v1/models", &[]).await).await;
    assert_eq!(answer.status, 200);
    let list = answer.json();
    assert_eq!(list["object"], "list");
    let model = json!({ "id": "smart", "object": "model", "created": 0, "owned_by": "buttress" });
    assert_eq!(list["data"][0], model);
    assert_eq!(list["data"][1]["id"], "small");
    assert_eq!(list["data"].as_array().unwrap().len(), 2);

    let headers = [("anthropic-version", "2023-06-01")];
    let answer = read(ANTHROPIC, gateway.get("/v1/models", &headers).await).await;
    assert_eq!(answer.status, 200);
    let list = answer.json();
    assert_eq!(list["first_id"], "smart");
    assert_eq!(list["last_id"], "small");
    assert_eq!(list["has_more"], false);
    let model = &list["data"][0];
    assert_eq!(
        (&model["type"], &model["id"]),
        (&json!("model"), &json!("smart"))
    );
    assert_eq!(model["display_name"], "smart");
    assert!(model["created_at"].as_str().unwrap().ends_with('Z'));
    // Nobody upstream was asked for it.
    assert_eq!(provider.call_count(), 0);
}

#[tokio::test]
async fn it_tells_that_it_lives_and_how_its_routes_are() {
    let provider = well().await;
    let gateway = before(&provider).await.start().await;
    let answer = read(OPENAI, gateway.get("/healthz", &[]).await).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));

    let ready = async || read(OPENAI, gateway.get("/readyz", &[]).await).await;
    let answer = ready().await;
    assert_eq!(answer.status, 200);
    let route =
        |circuit| json!({ "ready": true, "routes": [{ "route": "only", "circuit": circuit }] });
    assert_eq!(answer.json(), route("closed"));
    gateway.breaker(0).isolate();
    assert_eq!(ready().await.json(), route("isolated"));
}
