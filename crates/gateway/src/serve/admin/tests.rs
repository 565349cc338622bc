//! Changes by hand, as they are asked for.

use super::{
    super::{app::App, router, running, written::Written},
    Peer,
};
use crate::config::{Config, Options, StoreUrl};
use axum::{Router, body::Body};
use buttress_client::Secret;
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc, time::Duration};
use tokio::{task::yield_now, time::timeout};
use tower::ServiceExt;
use tracing::Level;

/// A gateway that nobody is asked for, and what answers its callers.
async fn gateway() -> (Arc<App>, Router) {
    with_queue(None).await
}

async fn with_queue(store: Option<StoreUrl>) -> (Arc<App>, Router) {
    let source = "[[routes]]\nprovider = 'ollama'";
    let options = Options::new(&|_: &str| None);
    let (mut config, _) = Config::parse("buttress.toml", source, &options).unwrap();
    config.server.admin_key = Some(Secret::new("the-admin-key"));
    config.queue.store = store;
    let app = running::app(config).await.unwrap();
    let router = router::router(Arc::clone(&app));
    (app, router)
}

fn asked(path: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header("authorization", "Bearer the-admin-key")
        .header("content-type", "application/json")
        .extension(Peer(([192, 0, 2, 7], 7).into()))
        .body(Body::from(body.to_string()))
        .unwrap()
}

async fn change(router: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = router.clone().oneshot(asked(path, body)).await.unwrap();
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

/// Who drains by hand, or stops it, wants to see how the last calls end.
#[tokio::test(start_paused = true)]
async fn whoever_watches_does_so_until_it_takes_no_more_calls() {
    let (app, router) = gateway().await;
    let request = Request::get("/live/events")
        .header("authorization", "Bearer the-admin-key")
        .body(Body::empty());
    let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
    let mut watched = answer.into_body();
    app.set_draining(true);
    for frame in 0..6 {
        if frame == 3 {
            app.set_stopping();
        }
        let frame = watched.frame().await.expect("it goes on").unwrap();
        let frame = frame.into_data().unwrap();
        let text = std::str::from_utf8(&frame).unwrap();
        assert!(text.contains("\"draining\":true"), "{text}");
    }
    app.set_closing();
    watched.frame().await.expect("the last one").unwrap();
    assert!(watched.frame().await.is_none());
}

#[tokio::test]
async fn each_change_is_a_line_of_the_log() {
    let (app, router) = gateway().await;
    let route = app.serving().upstreams.routes()[0].name().to_string();
    let log = Written::default();
    let _guard = log.begin(Level::INFO);
    for (path, body, words) in [
        (
            "/admin/circuit",
            json!({"route": route, "do": "open"}),
            "circuit changed by hand",
        ),
        (
            "/admin/gate",
            json!({"route": route, "do": "park"}),
            "gate changed by hand",
        ),
        (
            "/admin/gate",
            json!({"route": route, "do": "close", "seconds": 60}),
            "gate changed by hand",
        ),
        (
            "/admin/gate",
            json!({"route": route, "do": "unpark"}),
            "gate changed by hand",
        ),
        (
            "/admin/gate",
            json!({"route": route, "do": "open"}),
            "gate changed by hand",
        ),
        (
            "/admin/drain",
            json!({"draining": true}),
            "draining changed by hand",
        ),
    ] {
        let (status, told) = change(&router, path, &body).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let lines = log.lines();
        let last = lines.last().expect("a line");
        assert!(last.contains("WARN") && last.contains(words), "{last}");
        assert!(last.contains("from=192.0.2.7:7"), "{last}");
    }
    assert_eq!(log.lines().len(), 6);
}

#[tokio::test]
async fn a_gate_that_is_opened_by_hand_is_open() {
    let (app, router) = gateway().await;
    let route = app.serving().upstreams.routes()[0].clone();
    let gate = async |act: Value| {
        let mut body = act;
        body["route"] = route.name().to_string().into();
        let (status, told) = change(&router, "/admin/gate", &body).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let state = route.gate_handle().state().as_str();
        assert_eq!(told["state"], state);
        state
    };
    let closed = json!({"do": "close", "seconds": 60});
    assert_eq!(gate(closed).await, "closed");
    assert_eq!(gate(json!({"do": "open"})).await, "open");
}

/// A gateway whose configuration stands in this file.
async fn of_file(file: &Path) -> (Arc<App>, Router) {
    let options = Options::new(&|_: &str| None);
    let (mut config, _) = Config::load(Some(file), &options).unwrap();
    config.server.admin_key = Some(Secret::new("the-admin-key"));
    let app = running::app(config).await.unwrap();
    let router = router::router(Arc::clone(&app));
    (app, router)
}

/// The first line that is logged with these words.
async fn logged(log: &Written, words: &str) -> String {
    let told = async {
        loop {
            match log.lines().into_iter().find(|line| line.contains(words)) {
                Some(line) => break line,
                None => yield_now().await,
            }
        }
    };
    timeout(Duration::from_secs(30), told).await.unwrap()
}

#[tokio::test]
async fn a_reload_is_done_and_logged_also_when_its_caller_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("buttress.toml");
    fs::write(&file, "[[routes]]\nprovider = 'ollama'").unwrap();
    let (app, router) = of_file(&file).await;
    let log = Written::default();
    let _guard = log.begin(Level::INFO);
    fs::write(&file, "[[routes]]\nprovider = 'ollama'\nname = 'other'").unwrap();
    let reload = asked("/admin/reload", &json!({}));
    let left = router.clone().oneshot(reload).now_or_never();
    assert!(left.is_none(), "the file takes a moment");
    let line = logged(&log, "told to reload by hand").await;
    assert!(
        line.contains("WARN") && line.contains("from=192.0.2.7:7"),
        "{line}"
    );
    let line = logged(&log, "reloaded").await;
    assert!(line.contains("INFO") && line.contains("asked to"), "{line}");
    assert_eq!(&**app.serving().upstreams.routes()[0].name(), "other");

    fs::write(&file, "[[routes]]").unwrap();
    let reload = asked("/admin/reload", &json!({}));
    assert!(router.clone().oneshot(reload).now_or_never().is_none());
    logged(&log, "not reloaded").await;
}

#[tokio::test]
async fn what_the_sandbox_is_told_is_logged() {
    let any = ([127, 0, 0, 1], 0).into();
    let options = Options::new(&|_: &str| None).listen(Some(any));
    let mut config = Config::sandbox(&options).unwrap();
    config.server.admin_key = Some(Secret::new("the-admin-key"));
    let running = running::start(config).await.unwrap();
    let router = router::router(Arc::clone(running.app()));
    let log = Written::default();
    let _guard = log.begin(Level::INFO);
    let body = json!({"provider": "sandbox-openai", "mood": "well"});
    let (status, told) = change(&router, "/admin/sandbox", &body).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in [
        "INFO",
        "sandbox changed",
        "from=192.0.2.7:7",
        "provider=\"sandbox-openai\"",
        "mood=\"well\"",
    ] {
        assert!(lines[0].contains(part), "{lines:?}");
    }
}

#[tokio::test]
async fn a_change_to_the_queue_is_logged_also_when_its_caller_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreUrl::Sqlite(folder.path().join("queue.db"));
    let (_app, router) = with_queue(Some(store)).await;
    let log = Written::default();
    let _guard = log.begin(Level::INFO);
    let dropped = asked("/admin/queue", &json!({"do": "drop"}));
    let left = router.clone().oneshot(dropped).now_or_never();
    assert!(left.is_none(), "the store takes a moment");
    let line = logged(&log, "queue changed by hand").await;
    for part in ["change=Drop", "changed=0"] {
        assert!(line.contains(part), "{line}");
    }
}

/// Nor does one who tries keys fill the log.
#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_is_logged() {
    let (_app, router) = gateway().await;
    let log = Written::default();
    let _guard = log.begin(Level::INFO);
    for _ in 0..25 {
        let request = Request::post("/admin/circuit")
            .header("authorization", "Bearer the-wrong-key")
            .body(Body::empty());
        let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 10, "{lines:?}");
    for part in [
        "WARN",
        "not let in",
        "path=\"/admin/circuit\"",
        "status=401",
    ] {
        assert!(lines[0].contains(part), "{lines:?}");
    }
    assert!(!lines[0].contains("the-wrong-key"), "{lines:?}");
}

/// The live page, which asks for the key when it is told that there has to be one.
#[tokio::test]
async fn who_looks_without_a_key_is_not_logged() {
    let (_app, router) = gateway().await;
    let log = Written::default();
    let _guard = log.begin(Level::INFO);
    let asked = async |method: &str, key: Option<&str>| {
        let mut request = Request::builder().method(method).uri("/live/events");
        if method == "POST" {
            request = request.uri("/admin/drain");
        }
        if let Some(key) = key {
            request = request.header("authorization", key);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        log.lines().len()
    };
    assert_eq!(asked("GET", None).await, 0);
    assert_eq!(asked("GET", Some("Bearer the-wrong-key")).await, 1);
    assert_eq!(asked("POST", None).await, 2);
}
