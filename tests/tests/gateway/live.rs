//! The live page's data, and changes by hand: who may, and what they do.

use crate::{OPENAI, before, read, well};
use buttress::{circuit_breaker::State, retry_after::GateState};
use buttress_gateway::{
    config::{Config, Options},
    serve::{self, Running},
};
use buttress_testkit::{Provider, Reply};
use buttress_tests::{Answer, Gateway, Setup, wire};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const KEY: [(&str, &str); 1] = [("authorization", "Bearer the-callers-key")];

/// With an admin key, which is the one that every variable has in these tests.
async fn keyed(provider: &Provider) -> Gateway {
    let setup = before(provider).await;
    setup.with("server.admin_key_env = 'ADMIN'").start().await
}

async fn change(gateway: &Gateway, path: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
    read(OPENAI, gateway.post(path, headers, body.to_string()).await).await
}

async fn changed(gateway: &Gateway, path: &str, body: Value) -> Value {
    let answer = change(gateway, path, body, &KEY).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn state(gateway: &Gateway) -> Value {
    let answer = read(OPENAI, gateway.get("/admin/state", &KEY).await).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_circuit_and_a_gate_are_changed_by_hand() {
    let provider = well().await;
    let gateway = keyed(&provider).await;
    let circuit = gateway.breaker(0);
    for (act, expected) in [
        ("open", State::Open),
        ("close", State::Closed),
        ("isolate", State::Isolated),
        ("reset", State::Closed),
    ] {
        let told = changed(
            &gateway,
            "/admin/circuit",
            json!({"route": "only", "do": act}),
        )
        .await;
        assert_eq!(circuit.state(), expected, "{act}");
        assert_eq!(told["state"], expected.as_str());
        assert_eq!(
            state(&gateway).await["routes"][0]["circuit"],
            expected.as_str()
        );
    }

    let gate = gateway.route(0).gate_handle();
    let closed = json!({"route": "only", "do": "close", "seconds": 60});
    changed(&gateway, "/admin/gate", closed).await;
    assert!(matches!(gate.state(), GateState::Closed { wait } if wait > Duration::from_secs(50)));
    changed(
        &gateway,
        "/admin/gate",
        json!({"route": "only", "do": "park"}),
    )
    .await;
    assert_eq!(gate.state(), GateState::Parked { wait: None });
    changed(
        &gateway,
        "/admin/gate",
        json!({"route": "only", "do": "unpark"}),
    )
    .await;
    gateway.ask(OPENAI).await.assert_good("Hello.", "only");
}

#[tokio::test]
async fn it_drains_and_comes_back() {
    let provider = well().await;
    let gateway = keyed(&provider).await;
    let ready = async || read(OPENAI, gateway.get("/readyz", &[]).await).await.status;
    assert_eq!(ready().await, 200);
    changed(&gateway, "/admin/drain", json!({"draining": true})).await;
    assert_eq!(ready().await, 503);
    gateway.ask(OPENAI).await.assert_good("Hello.", "only");
    changed(&gateway, "/admin/drain", json!({"draining": false})).await;
    assert_eq!(ready().await, 200);
}

#[tokio::test]
async fn what_can_not_be_done_is_said() {
    let provider = well().await;
    let gateway = keyed(&provider).await;
    for (path, body, status) in [
        (
            "/admin/circuit",
            json!({"route": "other", "do": "open"}),
            404,
        ),
        (
            "/admin/circuit",
            json!({"route": "only", "do": "explode"}),
            400,
        ),
        ("/admin/circuit", json!({"route": "only"}), 400),
        (
            "/admin/circuit",
            json!({"route": "only", "do": "open", "more": 1}),
            400,
        ),
        ("/admin/gate", json!({"route": "only", "do": "close"}), 400),
        (
            "/admin/gate",
            json!({"route": "only", "do": "close", "seconds": -1}),
            400,
        ),
        (
            "/admin/gate",
            json!({"route": "only", "do": "close", "seconds": 1e300}),
            400,
        ),
        ("/admin/queue", json!({"do": "replay"}), 404),
        (
            "/admin/sandbox",
            json!({"provider": "a", "mood": "well"}),
            404,
        ),
    ] {
        let answer = change(&gateway, path, body.clone(), &KEY).await;
        assert_eq!(answer.status, status, "{body} {}", answer.body);
        assert!(answer.json()["error"].is_string());
    }
    let huge = json!({"route": "x".repeat(1 << 20), "do": "open"});
    assert_eq!(
        change(&gateway, "/admin/circuit", huge, &KEY).await.status,
        400
    );
    assert_eq!(gateway.breaker(0).state(), State::Closed);
}

/// It would do nothing, and look as if it did.
#[tokio::test]
async fn what_is_off_is_not_changed() {
    let provider = well().await;
    let setup = before(&provider).await;
    let setup = setup
        .and("breaker.enabled = false")
        .and("gate.enabled = false");
    let gateway = setup.with("server.admin_key_env = 'ADMIN'").start().await;
    for (path, body, says) in [
        (
            "/admin/circuit",
            json!({"route": "only", "do": "isolate"}),
            "breaker.enabled",
        ),
        (
            "/admin/gate",
            json!({"route": "only", "do": "park"}),
            "gate.enabled",
        ),
    ] {
        let answer = change(&gateway, path, body, &KEY).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        let error = answer.json()["error"].take();
        assert!(error.as_str().unwrap().contains(says), "{error}");
    }
    assert_eq!(gateway.breaker(0).state(), State::Closed);
    gateway.ask(OPENAI).await.assert_good("Hello.", "only");
}

/// A web page from elsewhere can have a browser ask, and a caller elsewhere can ask by itself.
#[tokio::test]
async fn nobody_changes_anything_who_may_not() {
    let provider = well().await;
    let open = json!({"route": "only", "do": "open"});

    let gateway = keyed(&provider).await;
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong")],
        &[("x-api-key", "wrong")],
    ] {
        let answer = change(&gateway, "/admin/circuit", open.clone(), headers).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        let looked = read(OPENAI, gateway.get("/admin/state", headers).await).await;
        assert_eq!(looked.status, 401);
        let watched = read(OPENAI, gateway.get("/live/events", headers).await).await;
        assert_eq!(watched.status, 401);
    }
    // A form needs no leave of a browser to be sent.
    let form = Request::post("/admin/circuit")
        .header("host", gateway.address().to_string())
        .header("authorization", "Bearer the-callers-key")
        .header("content-type", "text/plain")
        .body(Full::new(Bytes::from(open.to_string())));
    let answer = read(OPENAI, wire::send(gateway.address(), form.unwrap()).await).await;
    assert_eq!(answer.status, 415);
    assert_eq!(gateway.breaker(0).state(), State::Closed);

    // Without a key callers on this machine may look, and pages from elsewhere may not.
    let gateway = before(&provider).await.start().await;
    assert_eq!(
        change(&gateway, "/admin/circuit", open.clone(), &[])
            .await
            .status,
        403
    );
    for (headers, status) in [
        (&[][..], 200),
        (&[("origin", "https://example.com")], 403),
        (&[("origin", "http://localhost:3000")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("x-forwarded-for", "10.1.2.3")], 403),
    ] {
        let looked = read(OPENAI, gateway.get("/admin/state", headers).await).await;
        assert_eq!(looked.status, status, "{headers:?}");
    }
    assert_eq!(gateway.breaker(0).state(), State::Closed);
}

/// Whoever owns a name can let it point here: then its pages are not foreign, by what the browser
/// says of them. The client key is nothing to that, as it is not asked for there.
#[tokio::test]
async fn pages_under_another_name_see_nothing() {
    let provider = well().await;
    let setup = before(&provider).await;
    let with_client_key = setup.clone().with("server.client_key_env = 'CLIENT'");
    for gateway in [setup.start().await, with_client_key.start().await] {
        for (headers, status) in [
            (&[("host", "localhost")][..], 200),
            (&[("host", "example.com")], 403),
            (&[("host", "gateway.local")], 403),
            (
                &[("host", "example.com"), ("origin", "http://example.com")],
                403,
            ),
        ] {
            let looked = read(OPENAI, gateway.get("/admin/state", headers).await).await;
            assert_eq!(looked.status, status, "{headers:?}");
            let watched = gateway.get("/live/events", headers).await.unwrap();
            assert_eq!(watched.status, status, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn pages_from_elsewhere_change_nothing_in_the_sandbox() {
    let running = sandbox(&|_: &str| None).await;
    let with_client_key = sandbox(&|name: &str| {
        (name == "BUTTRESS_CLIENT_KEY").then(|| "the-callers-key".to_owned())
    });
    for running in [running, with_client_key.await] {
        let address = running.address();
        let host = address.to_string();
        for (host, origin, status) in [
            (&*host, None, 200),
            (&*host, Some(format!("http://{host}")), 200),
            (&*host, Some("https://example.com".to_owned()), 403),
            (&*host, Some("http://localhost:3000".to_owned()), 403),
            ("example.com", None, 403),
            ("example.com", Some("http://example.com".to_owned()), 403),
        ] {
            let mood = json!({"provider": "sandbox-openai", "mood": "well"});
            let mut request = Request::post("/admin/sandbox")
                .header("host", host)
                .header("content-type", "application/json");
            if let Some(origin) = &origin {
                request = request.header("origin", origin);
            }
            let request = request.body(Full::new(Bytes::from(mood.to_string())));
            let told = read(OPENAI, wire::send(address, request.unwrap()).await).await;
            assert_eq!(told.status, status, "{host} {origin:?}: {}", told.body);
        }
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn dead_letters_are_shown_and_replayed() {
    let provider = Provider::openai()
        .forever(Reply::overloaded())
        .start()
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("queue.db");
    let gateway = Setup::new()
        .route("only", buttress_testkit::Dialect::OpenAi, provider.url())
        .and("retry.max_retries = 0")
        .and("breaker.enabled = false")
        .with("server.admin_key_env = 'ADMIN'")
        .with(&format!("queue.url = 'sqlite:{}'", file.display()))
        .with("queue.backoff = '50ms'")
        .with("queue.max_backoff = '50ms'")
        .with("queue.max_deliveries = 1")
        .start()
        .await;
    let queued = gateway.ask(OPENAI).await;
    assert!(queued.header("x-buttress-queued").is_some());
    let dead = async {
        loop {
            let queue = state(&gateway).await["queue"].take();
            if queue["dead"] == 1 {
                return queue;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let queue = timeout(Duration::from_secs(30), dead).await.unwrap();
    let id = queue["letters"][0]["id"].as_str().unwrap();
    assert_eq!(queued.header("x-buttress-queued"), Some(id));

    provider.play(buttress_testkit::Script::new().forever(Reply::text("Late.")));
    let told = changed(&gateway, "/admin/queue", json!({"do": "replay"})).await;
    assert_eq!(told["changed"], 1);
    let done = async {
        while state(&gateway).await["queue"]["done"] != 1 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), done)
        .await
        .expect("it is answered");
    // What is no dead letter any more is none to replay.
    let told = changed(&gateway, "/admin/queue", json!({"do": "replay"})).await;
    assert_eq!(told["changed"], 0);
}

#[tokio::test]
async fn what_happened_is_shown_as_it_happens() {
    let script = Provider::openai().reply(Reply::server_error());
    let provider = script.forever(Reply::text("Hello.")).start().await.unwrap();
    let gateway = keyed(&provider).await;
    let mut watched = gateway.get("/live/events", &KEY).await.unwrap();
    assert_eq!(
        watched.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let mut text = String::new();
    let mut event = async || loop {
        if let Some((event, rest)) = text.split_once("\n\n") {
            let told: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
            text = rest.to_owned();
            return told;
        }
        let piece = watched.piece().await.unwrap().expect("it goes on");
        text.push_str(std::str::from_utf8(&piece).unwrap());
    };
    assert_eq!(event().await["journeys"], json!([]));
    gateway.ask(OPENAI).await.assert_good("Hello.", "only");
    let told = loop {
        let told = event().await;
        if told["journeys_told"] == 1 {
            break told;
        }
    };
    let journey = &told["journeys"][0];
    assert_eq!(
        (&journey["words"], &journey["attempts"]),
        (&json!("recovered"), &json!(2))
    );
    let steps = journey["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .any(|step| step["what"].as_str().unwrap().starts_with("trying again"))
    );
    assert_eq!(sum(&told["calls"]["recovered"]), 1);
    let history = &told["routes"][0]["history"];
    assert_eq!((sum(&history["answered"]), sum(&history["failed"])), (1, 1));
    // Nothing of what was said.
    assert!(!told.to_string().contains("Hello."));
}

/// What a provider that hangs looks like: nobody waits for it for ever.
#[tokio::test]
async fn callers_who_left_are_shown_as_such() {
    let provider = Provider::openai().forever(Reply::silence());
    let provider = provider.start().await.unwrap();
    let gateway = keyed(&provider).await;
    tokio::select! {
        _ = gateway.ask(OPENAI) => panic!("nobody answers"),
        _ = provider.next_call() => {}
    }
    let left = async {
        loop {
            let told = state(&gateway).await;
            if told["journeys_told"] == 1 {
                return told;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let told = timeout(Duration::from_secs(30), left).await.unwrap();
    let counts = ["well", "recovered", "failed", "left"];
    let counts = counts.map(|how| sum(&told["calls"][how]));
    assert_eq!(counts, [0, 0, 0, 1]);
    let journey = &told["journeys"][0];
    assert_eq!(journey["outcome"], "left");
    // Which provider it was that hung.
    let last = journey["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["route"], &last["what"]),
        (&json!("only"), &json!("cut off"))
    );
    assert_eq!(sum(&told["routes"][0]["history"]["cut_off"]), 1);
}

fn sum(values: &Value) -> u64 {
    let values = values.as_array().unwrap().iter();
    values.map(|value| value.as_u64().unwrap()).sum()
}

async fn sandbox(env: &dyn Fn(&str) -> Option<String>) -> Running {
    let options = Options::new(env).listen(Some(([127, 0, 0, 1], 0).into()));
    let config = Config::sandbox(&options).unwrap_or_else(|report| panic!("{report}"));
    serve::start(config).await.unwrap()
}

async fn send(address: SocketAddr, method: Method, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())));
    read(OPENAI, wire::send(address, request.unwrap()).await).await
}

#[tokio::test]
async fn the_sandbox_s_providers_fail_on_demand() {
    let running = sandbox(&|_: &str| None).await;
    let address = running.address();
    for provider in ["sandbox-openai", "sandbox-anthropic"] {
        let mood = json!({"provider": provider, "mood": "invalid_key"});
        let told = send(address, Method::POST, "/admin/sandbox", &mood).await;
        assert_eq!(told.status, 200, "{}", told.body);
    }
    let ask = json!({"model": "any", "messages": [{"role": "user", "content": "Hello?"}]});
    let refused = send(address, Method::POST, "/v1/chat/completions", &ask).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    let none = json!({"provider": "sandbox-openai", "mood": "cheerful"});
    assert_eq!(
        send(address, Method::POST, "/admin/sandbox", &none)
            .await
            .status,
        404
    );

    let page = send(address, Method::GET, "/", &json!(null)).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(page.body.starts_with("<!doctype html>"));
    running.stop().await.unwrap();
}
