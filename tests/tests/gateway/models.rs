//! `GET /v1/models`, `/healthz` and `/readyz`.

use crate::{ANTHROPIC, OPENAI, before, read, well};
use buttress_testkit::{Dialect, Reply, Script};
use buttress_tests::Setup;
use serde_json::json;
use std::time::Duration;

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
    let well = json!({ "route": "only", "circuit": "closed", "gate": "open" });
    assert_eq!(answer.json(), json!({ "ready": true, "routes": [well] }));
    gateway.breaker(0).isolate();
    let isolated = json!({ "route": "only", "circuit": "isolated", "gate": "open" });
    assert_eq!(ready().await.json()["routes"][0], isolated);
}

#[tokio::test]
async fn it_tells_what_keeps_a_route_shut_and_for_how_long() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .route("bare", Dialect::OpenAi, provider.url())
        .and("breaker.enabled = false")
        .and("gate.enabled = false")
        .start()
        .await;
    let ready = async || read(OPENAI, gateway.get("/readyz", &[]).await).await.json();
    let bare = json!({ "route": "bare", "circuit": "off", "gate": "off" });
    assert_eq!(ready().await["routes"][1], bare);

    let route = async || ready().await["routes"][0].clone();
    let between = |shown: &serde_json::Value, least: f64, most: f64| {
        let seconds = shown.as_f64().expect("seconds");
        assert!(least < seconds && seconds <= most, "{seconds}");
    };
    gateway.breaker(0).force_open();
    let shown = route().await;
    assert_eq!(shown["circuit"], "open");
    between(&shown["circuit_seconds"], 20.0, 30.0);
    gateway.breaker(0).reset();
    assert_eq!(route().await.get("circuit_seconds"), None);

    let gate = gateway.route(0).gate_handle();
    gate.close_for(Duration::from_secs(20));
    let shown = route().await;
    assert_eq!(shown["gate"], "closed");
    between(&shown["gate_seconds"], 15.0, 20.0);
    gate.park(None);
    let shown = route().await;
    assert_eq!(
        (&shown["gate"], shown.get("gate_seconds")),
        (&json!("parked"), None)
    );
    gate.close_for(Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let shown = route().await;
    assert_eq!(shown["gate"], "reopening");
    between(&shown["gate_per_second"], 0.0, 1000.0);
}

#[tokio::test]
async fn it_tells_what_parked_a_key_at_all_of_its_routes() {
    let limited = Reply::rate_limited().retry_after(90);
    let provider = well().await;
    provider.play(Script::new().then(limited).forever(Reply::invalid_key()));
    let gateway = before(&provider).await.model("small").start().await;
    let gates = async || {
        let shown = read(OPENAI, gateway.get("/readyz", &[]).await).await.json();
        let routes = shown["routes"].as_array().expect("a list").clone();
        routes.into_iter().map(|mut route| {
            let seconds = route["gate_seconds"].take().as_f64();
            (route["gate"].take(), route["gate_kind"].take(), seconds)
        })
    };
    // The one is limited, which says nothing of the other. That shows that the key is refused,
    // which it is for both.
    gateway.ask(OPENAI).await;
    for (gate, kind, seconds) in gates().await {
        assert_eq!((gate, kind), (json!("parked"), json!("auth")));
        let seconds = seconds.expect("a wait");
        assert!((50.0..=90.0).contains(&seconds), "{seconds}");
    }
    assert_eq!(provider.call_count(), 2);

    gateway.route(1).gate_handle().unpark();
    // The key is taken to work, and the limit of the first is still its own.
    let [first, second] = Vec::from_iter(gates().await).try_into().expect("two");
    assert_eq!((first.0, first.1), (json!("closed"), json!("rate_limited")));
    assert_eq!(second, (json!("open"), json!(null), None));
    provider.play(Script::new().forever(Reply::rate_limited().retry_after(90)));
    gateway.ask(ANTHROPIC).await;
    gateway.route(1).gate_handle().open();
    let [first, second] = Vec::from_iter(gates().await).try_into().expect("two");
    assert_eq!((first.0, first.1), (json!("closed"), json!("rate_limited")));
    assert_eq!(second, (json!("open"), json!(null), None));
}

#[tokio::test]
async fn one_model_is_shown_if_it_is_served() {
    let provider = well().await;
    let gateway = Setup::new()
        .route("small", Dialect::OpenAi, provider.url())
        .with("models.smart = ['small']")
        .with("models.'meta/*' = ['small']")
        .start()
        .await;
    let headers = [("anthropic-version", "2023-06-01")];
    for (path, model) in [
        ("/v1/models/smart", "smart"),
        ("/v1/models/meta/llama-3.3", "meta/llama-3.3"),
        ("/v1/models/meta%2Fllama-3.3", "meta/llama-3.3"),
    ] {
        let answer = read(OPENAI, gateway.get(path, &[]).await).await;
        let shown = json!({ "id": model, "object": "model", "created": 0, "owned_by": "buttress" });
        assert_eq!((answer.status, answer.json()), (200, shown));
        let answer = read(ANTHROPIC, gateway.get(path, &headers).await).await;
        let shown = answer.json();
        assert_eq!(
            (&shown["type"], &shown["id"]),
            (&json!("model"), &json!(model))
        );
    }
    for (mode, headers) in [(OPENAI, &[][..]), (ANTHROPIC, &headers[..])] {
        let answer = read(mode, gateway.get("/v1/models/dull", headers).await).await;
        answer.assert_given_up(404, mode.caller("invalid_request_error", "not_found_error"));
        assert!(answer.body.contains("dull"), "{}", answer.body);
    }
    assert_eq!(provider.call_count(), 0);
}
