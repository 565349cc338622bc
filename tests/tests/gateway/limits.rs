//! Who may ask, and how much at a time.

use crate::{ANTHROPIC, BOTH, OPENAI, before, mode, post, read, well};
use buttress_testkit::{Dialect, Provider, Reply, Script};
use buttress_tests::{Gateway, SLACK};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

const KEY: &str = "the-callers-key";

#[tokio::test]
async fn a_key_is_asked_for() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .with("server.client_key_env = 'KEY'")
        .start()
        .await;

    let wrong = [
        None,
        Some(("authorization", "Bearer the-callers-ke")),
        Some(("authorization", "the-callers-key")),
        Some(("x-api-key", "the-callers-key-")),
        Some(("x-api-key", "")),
    ];
    for mode in BOTH {
        for header in wrong {
            let headers = Vec::from_iter(header);
            let body = mode.request().to_string();
            let answer = gateway.post(mode.caller.path(), &headers, body).await;
            let answer = read(mode, answer).await;
            let error = mode.caller("invalid_request_error", "authentication_error");
            answer.assert_given_up(401, error);
            assert!(!answer.body.contains(KEY));
        }
        for header in [
            ("authorization", "Bearer the-callers-key"),
            ("x-api-key", KEY),
        ] {
            let body = mode.request().to_string();
            let answer = gateway.post(mode.caller.path(), &[header], body).await;
            read(mode, answer).await.assert_good("Hello.", "only");
        }
    }
    // It is the gateway's, and goes no further.
    for call in provider.calls() {
        assert!(call.header("x-api-key").is_none());
        assert!(call.header("authorization").is_none());
    }

    let models = read(OPENAI, gateway.get("/v1/models", &[]).await).await;
    assert_eq!(models.status, 401);
    // Whoever looks after it has no key.
    for path in ["/healthz", "/readyz"] {
        assert_eq!(read(OPENAI, gateway.get(path, &[]).await).await.status, 200);
    }
    assert_eq!(provider.call_count(), 4);
}

/// A page can have its visitor's browser send what a form can, anywhere, and whatever it likes to
/// a name of its own.
#[tokio::test]
async fn a_web_page_spends_no_keys() {
    let provider = well().await;
    let open = before(&provider).await.start().await;
    let keyed = before(&provider)
        .await
        .with("server.client_key_env = 'KEY'")
        .start()
        .await;
    let key = ("x-api-key", KEY);
    for mode in BOTH {
        let ask = async |gateway: &Gateway, headers: &[_]| {
            let body = mode.request().to_string();
            read(mode, gateway.post(mode.caller.path(), headers, body).await).await
        };
        for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let kind = ("content-type", kind);
            for answer in [ask(&open, &[kind]).await, ask(&keyed, &[kind, key]).await] {
                answer.assert_given_up(415, "invalid_request_error");
                assert!(answer.body.contains("application/json"), "{}", answer.body);
            }
        }
        let foreign = [("origin", "https://example.com"), ("host", "example.com")];
        for header in foreign {
            let answer = ask(&open, &[header]).await;
            let error = mode.caller("invalid_request_error", "permission_error");
            answer.assert_given_up(403, error);
            assert!(answer.body.contains(header.0), "{}", answer.body);
            ask(&keyed, &[header, key])
                .await
                .assert_good("Hello.", "only");
        }
        let near = [
            ("origin", "http://localhost:3000"),
            ("host", "localhost:8080"),
            ("content-type", "application/json; charset=utf-8"),
        ];
        ask(&open, &near).await.assert_good("Hello.", "only");
    }
    for path in ["/v1/models", "/healthz", "/readyz", "/nowhere"] {
        let answer = open.get(path, &[("host", "example.com")]).await;
        assert_eq!(read(OPENAI, answer).await.status, 403, "{path}");
    }
    assert_eq!(provider.call_count(), 6);
}

#[tokio::test]
async fn a_body_may_be_so_large() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .with("server.max_body = '1KiB'")
        .start()
        .await;
    // The last is more than sockets hold: it is answered all the same.
    for size in [2 << 10, 100 << 10, 8 << 20] {
        for mode in BOTH {
            let mut request = mode.request();
            request["messages"][0]["content"] = "x".repeat(size).into();
            let answer = post(&gateway, mode, request.to_string()).await;
            let error = mode.caller("invalid_request_error", "request_too_large");
            answer.assert_given_up(413, error);
            assert!(answer.body.contains("1024 bytes"), "{}", answer.body);
        }
    }
    assert_eq!(provider.call_count(), 0);
    let answer = gateway.ask(OPENAI).await;
    answer.assert_good("Hello.", "only");
}

#[tokio::test]
async fn all_bodies_together_may_be_so_large() {
    let slow = Reply::text("Hello.").delay(Duration::from_millis(500));
    for mode in BOTH {
        let provider = Provider::openai().forever(slow.clone());
        let provider = provider.start().await.unwrap();
        let gateway = before(&provider)
            .await
            .with("server.max_body = '64KiB'")
            .with("server.max_in_flight_bytes = '64KiB'")
            .start()
            .await;
        let mut request = mode.request();
        request["messages"][0]["content"] = "x".repeat(40 << 10).into();
        let request = request.to_string();
        let second = async {
            provider.next_call().await;
            // A small one still fits.
            let (large, small) =
                tokio::join!(post(&gateway, mode, request.clone()), gateway.ask(mode));
            small.assert_good("Hello.", "only");
            large
        };
        let (first, second) = tokio::join!(post(&gateway, mode, request.clone()), second);
        first.assert_good("Hello.", "only");
        assert_eq!(second.status, 503, "{}", second.body);
        let error = mode.caller("service_unavailable_error", "overloaded_error");
        assert_eq!(second.told_error()["error"]["type"], error);
        assert_eq!(second.retry_after(), Some(1));
        // Nothing was begun: an SDK may send it again.
        assert_eq!(second.header("x-should-retry"), None);
        let again = post(&gateway, mode, request).await;
        again.assert_good("Hello.", "only");
    }
}

#[tokio::test]
async fn there_may_be_so_many_connections() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .with("server.max_connections = 1")
        .start()
        .await;
    let mut first = TcpStream::connect(gateway.address()).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    first.write_all(request).await.unwrap();
    first.read_u8().await.unwrap();

    let mut second = TcpStream::connect(gateway.address()).await.unwrap();
    second.write_all(request).await.unwrap();
    let answer = timeout(Duration::from_millis(200), second.read_u8()).await;
    assert!(answer.is_err(), "it is served beside the first");
    drop(first);
    let answer = timeout(SLACK, second.read_u8()).await.expect("its turn");
    assert_eq!(answer.unwrap(), b'H');
}

#[tokio::test]
async fn headers_may_be_so_large() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .with("server.max_header = '8KiB'")
        .start()
        .await;
    let ask = async |length| {
        let header = ("x-long", &*"x".repeat(length));
        let body = ANTHROPIC.request().to_string();
        read(
            ANTHROPIC,
            gateway.post("/v1/messages", &[header], body).await,
        )
        .await
    };
    assert_eq!(ask(20 << 10).await.status, 431);
    assert_eq!(provider.call_count(), 0);
    ask(1 << 10).await.assert_good("Hello.", "only");
}

#[tokio::test]
async fn headers_may_be_so_many() {
    let provider = well().await;
    let gateway = before(&provider).await.start().await;
    let ask = async |count| {
        let names: Vec<_> = (0..count).map(|at| format!("x-{at}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        let body = ANTHROPIC.request().to_string();
        let answer = gateway.post("/v1/messages", &headers, body).await;
        read(ANTHROPIC, answer).await
    };
    // Three are the client's own.
    ask(97).await.assert_good("Hello.", "only");
    assert_eq!(ask(98).await.status, 431);
    assert_eq!(provider.call_count(), 1);
}

#[tokio::test]
async fn an_answer_costs_what_the_route_says() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .and("cost_per_million_input = 2.0")
        .and("cost_per_million_output = 8.0")
        .start()
        .await;
    let answer = gateway.ask(OPENAI).await;
    let usage = &answer.json()["usage"];
    let tokens = |name: &str| usage[name].as_f64().unwrap();
    let cost = (tokens("prompt_tokens") * 2.0 + tokens("completion_tokens") * 8.0) / 1e6;
    assert_eq!(
        answer.header("x-buttress-cost-usd"),
        Some(&*format!("{cost:.6}"))
    );
    assert_ne!(usage, &json!(null));
}

#[tokio::test]
async fn headers_may_take_so_long() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .with("server.header_timeout = '200ms'")
        .start()
        .await;
    let limit = Duration::from_millis(200);
    // The second may be the beginning of HTTP/2.
    let beginnings = ["", "P", "POST /v1/messages HTTP/1.1\r\nhost"];
    for beginning in beginnings {
        let mut socket = TcpStream::connect(gateway.address()).await.unwrap();
        let begun = Instant::now();
        socket.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = timeout(limit + SLACK, socket.read_to_end(&mut answer)).await;
        end.unwrap_or_else(|_| panic!("{beginning:?} is waited for"))
            .unwrap();
        assert!(begun.elapsed() >= limit - Duration::from_millis(10));
    }
    // A call may take longer, and a stream too.
    let pace = Duration::from_millis(100);
    let slow = Reply::text("One two three four").pace(pace).delay(limit);
    provider.play(Script::new().forever(slow));
    let answer = gateway.ask(mode(Dialect::OpenAi, true)).await;
    answer.assert_good("One two three four", "only");
    assert!(answer.end - answer.sent > 2 * limit);
}
