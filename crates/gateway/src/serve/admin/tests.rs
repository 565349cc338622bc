//! Changes by hand, as they are asked for.

use super::super::{app::App, router, running};
use crate::config::{Config, Options};
use axum::{Router, body::Body};
use buttress_client::Secret;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

/// A gateway that nobody is asked for, and what answers its callers.
async fn gateway() -> (Arc<App>, Router) {
    let source = "[[routes]]\nprovider = 'ollama'";
    let options = Options::new(&|_: &str| None);
    let (mut config, _) = Config::parse("buttress.toml", source, &options).unwrap();
    config.server.admin_key = Some(Secret::new("the-admin-key"));
    let app = running::app(config).await.unwrap();
    let router = router::router(Arc::clone(&app));
    (app, router)
}

async fn change(router: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header("authorization", "Bearer the-admin-key")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()));
    let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn ready(router: &Router) -> StatusCode {
    let request = Request::get("/readyz").header("host", "localhost");
    let request = request.body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn what_stops_is_not_ready_whatever_is_said_by_hand() {
    let (app, router) = gateway().await;
    assert_eq!(ready(&router).await, StatusCode::OK);
    app.set_stopping();
    let told = change(&router, "/admin/drain", &json!({"draining": false})).await;
    assert_eq!(told, (StatusCode::OK, json!({"draining": true})));
    assert_eq!(ready(&router).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// Who drains by hand wants to see how the last calls end.
#[tokio::test(start_paused = true)]
async fn whoever_watches_does_so_until_it_stops() {
    let (app, router) = gateway().await;
    let request = Request::get("/live/events")
        .header("authorization", "Bearer the-admin-key")
        .body(Body::empty());
    let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
    let mut watched = answer.into_body();
    app.set_draining(true);
    for _ in 0..3 {
        let frame = watched.frame().await.expect("it goes on").unwrap();
        let frame = frame.into_data().unwrap();
        let text = std::str::from_utf8(&frame).unwrap();
        assert!(text.contains("\"draining\":true"), "{text}");
    }
    app.set_stopping();
    watched.frame().await.expect("the last one").unwrap();
    assert!(watched.frame().await.is_none());
}
