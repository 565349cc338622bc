//! The client over real sockets, against scripted providers.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use buttress_client::{HttpVersion, InvalidClient, LlmClient, Secret};
use buttress_core::{AsFailure, Blame, Call, Carry, Class};
use buttress_llm::{
    AnswerBody, Dialect, Kind, LlmError, LlmRequest, LlmResponse, Provider, TransportError,
};
use buttress_testkit::{Fault, Nowhere, Provider as Scripted, Reply};
use buttress_timeout::Limits;
use futures_util::StreamExt;
use std::time::Duration;
use tower::ServiceExt;

const KEY: &str = "sk-test-0123456789";

fn client(provider: &Scripted) -> LlmClient {
    builder(provider).build().unwrap()
}

fn builder(provider: &Scripted) -> buttress_client::ClientBuilder {
    LlmClient::builder(Provider::OpenAi)
        .base_url(provider.base_url())
        .key(Secret::new(KEY))
}

fn request(stream: bool) -> LlmRequest {
    let request = LlmRequest::chat("m").user("Hello?").stream(stream);
    let mut request = request.build().unwrap();
    request.set_call(Call::new());
    request
}

async fn ask(client: &LlmClient, stream: bool) -> Result<LlmResponse, LlmError> {
    client.clone().oneshot(request(stream)).await
}

/// The text of a stream, and the error that it ended with.
async fn read(answer: LlmResponse) -> (String, Option<LlmError>) {
    let AnswerBody::Stream(mut events) = answer.body else {
        panic!("not a stream");
    };
    let mut text = String::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => text.extend(event.text.as_deref()),
            Err(error) => return (text, Some(error)),
        }
    }
    (text, None)
}

#[tokio::test]
async fn a_whole_answer_goes_through_as_it_came() {
    let provider = Scripted::openai()
        .reply(Reply::text("hi"))
        .start()
        .await
        .unwrap();
    let answer = ask(&client(&provider), false).await.unwrap();
    let AnswerBody::Json(json) = answer.body else {
        panic!("not whole");
    };
    assert!(json.starts_with(b"{\"id\":\"chatcmpl-"));
    assert!(answer.usage.total().is_some());
    let call = &provider.calls()[0];
    assert_eq!(
        call.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(call.body(), request(false).body());
}

#[tokio::test]
async fn an_early_failure_of_a_stream_is_an_ordinary_error() {
    let provider = Scripted::openai()
        .reply(Reply::error_first(Fault::Overloaded))
        .then(Reply::empty_stream())
        .then(Reply::done_only())
        .then(Reply::text("hi").end_after(0))
        .then(Reply::text("hi").reset_after(0))
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    let error = ask(&client, true).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Overloaded);
    for _ in 0..4 {
        let failure = ask(&client, true).await.unwrap_err().as_failure();
        assert_eq!(
            (failure.class, failure.blame),
            (Class::Transient, Blame::Service)
        );
    }
}

#[tokio::test]
async fn a_stream_is_read_as_one_whatever_it_is_called() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n\
                  data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                  data: [DONE]\n\n";
    let called = |name: Option<&str>, body: &str| {
        let reply = Reply::raw(200).body(body.to_owned());
        match name {
            Some(name) => reply.header("content-type", name),
            None => reply,
        }
    };
    let odd = format!("\u{feff} \r\n{events}");
    let provider = Scripted::openai()
        .reply(called(None, events))
        .then(called(Some("text/plain; charset=utf-8"), events))
        .then(called(Some("Text/Event-Stream"), events))
        .then(called(Some("text/plain"), &odd).split_at([2, 4, 6, 8]))
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    for _ in 0..4 {
        let (text, error) = read(ask(&client, true).await.unwrap()).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(text, "Hi");
    }
}

/// What a server calls its answers, and whether it can stream, is how it was set up.
#[tokio::test]
async fn what_is_no_stream_is_not_asked_for_again() {
    let plain = || Reply::raw(200).header("content-type", "text/plain");
    let answer = r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let provider = Scripted::openai()
        .reply(plain().body("Hello!").split_at([3]).stall_after(1))
        .then(plain().body(answer))
        .then(
            Reply::raw(200)
                .header("content-type", "application/json")
                .body(answer),
        )
        .then(plain().body(r#"{"error":{"message":"m","type":"server_error"}}"#))
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    for _ in 0..3 {
        let error = ask(&client, true).await.unwrap_err();
        let verdict = error.verdict();
        assert!(!verdict.retry_same, "{error:?}");
        assert_eq!(verdict.fallback, buttress_llm::Fallback::Yes);
        assert_eq!(error.status_for(buttress_llm::Dialect::OpenAiChat), 502);
    }
    let error = ask(&client, true).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ServerError);
}

#[tokio::test]
async fn a_late_failure_of_a_stream_is_told_in_the_stream() {
    let provider = Scripted::openai()
        .reply(Reply::text("one two three").deltas(3).end_after(1))
        .then(
            Reply::text("one two three")
                .deltas(3)
                .error_after(1, Fault::ServerError),
        )
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    for kind in [Kind::Partial, Kind::ServerError] {
        let (text, error) = read(ask(&client, true).await.unwrap()).await;
        assert!(
            !text.is_empty() && text.len() < "one two three".len(),
            "{text}"
        );
        let error = error.unwrap();
        assert_eq!(error.kind(), kind);
        assert_ne!(error.as_failure().class, Class::Transient);
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_stream() {
    let provider = Scripted::openai()
        .forever(Reply::text("hi"))
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    for _ in 0..2 {
        let (text, error) = read(ask(&client, true).await.unwrap()).await;
        assert!(error.is_none());
        assert_eq!(text, "hi");
        // The end of the body is read by a task of its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let calls = provider.calls();
    assert_eq!(calls[0].connection(), calls[1].connection());
}

#[tokio::test]
async fn whoever_leaves_closes_the_connection() {
    let provider = Scripted::openai()
        .reply(Reply::silence())
        .then(Reply::text("hi").stall_after(1))
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { ask(&client, false).await }
    });
    provider.next_call().await;
    waiting.abort();
    provider.wait_closed(0).await;

    let answer = ask(&client, true).await.unwrap();
    drop(answer);
    provider.wait_closed(1).await;
}

#[tokio::test]
async fn silence_is_given_up_in_time_and_pings_are_silence() {
    let ping = Duration::from_millis(20);
    let provider = Scripted::openai()
        .reply(Reply::silence())
        .then(Reply::headers_only())
        .then(Reply::text("hi").stall_after(0).keep_alive(ping))
        .then(
            Reply::text("one two")
                .deltas(2)
                .stall_after(1)
                .keep_alive(ping),
        )
        .start()
        .await
        .unwrap();
    let limits = Limits::none()
        .first_content(Duration::from_millis(150))
        .idle(Duration::from_millis(150));
    let client = client(&provider).stream_limits(limits);
    for _ in 0..3 {
        let error = ask(&client, true).await.unwrap_err();
        assert_eq!(error.as_failure().class, Class::Timeout);
    }
    let (_, error) = read(ask(&client, true).await.unwrap()).await;
    assert!(matches!(error, Some(LlmError::Elapsed(_))), "{error:?}");
}

/// The time stands still while anybody has something to do.
#[tokio::test(start_paused = true)]
async fn a_failing_answer_that_stalls_is_judged_by_its_head() {
    let busy = || Reply::raw(503).body("0123456789").split_at([5]);
    let provider = Scripted::openai()
        .reply(busy().stall_after(1))
        .then(busy().pace(Duration::from_secs(1)))
        .start()
        .await
        .unwrap();
    let client = client(&provider);
    for (soonest, latest) in [(5, 6), (1, 3)] {
        let start = tokio::time::Instant::now();
        let error = ask(&client, false).await.unwrap_err();
        assert_eq!(error.status_for(buttress_llm::Dialect::OpenAiChat), 503);
        let took = start.elapsed().as_secs();
        assert!((soonest..=latest).contains(&took), "{took} s: {error:?}");
    }
}

#[tokio::test]
async fn a_failing_answer_is_read_as_far_as_it_is_kept() {
    let endless = Reply::raw(500).body(vec![b'x'; 1 << 20]).stall_after(1);
    let provider = Scripted::openai().reply(endless).start().await.unwrap();
    let error = ask(&client(&provider), false).await.unwrap_err();
    let kept = error.provider_error().unwrap().body().len();
    assert_eq!(kept, buttress_llm::ProviderError::MAX_BODY);
}

#[tokio::test]
async fn failures_of_the_connection_are_told_apart() {
    let nowhere = Nowhere::new().unwrap();
    let refused = LlmClient::builder(Provider::OpenAi).base_url(nowhere.url());
    let error = ask(&refused.build().unwrap(), false).await.unwrap_err();
    let expected = TransportError::Refused;
    assert!(
        matches!(error, LlmError::Transport { error, .. } if error == expected),
        "{error:?}"
    );

    let dns = LlmClient::builder(Provider::OpenAi).base_url("http://nobody.invalid/v1");
    let error = ask(&dns.build().unwrap(), false).await.unwrap_err();
    let expected = TransportError::Dns;
    assert!(
        matches!(error, LlmError::Transport { error, .. } if error == expected),
        "{error:?}"
    );

    let provider = Scripted::openai()
        .reply(Reply::reset())
        .then(Reply::hang_up())
        .then(Reply::text("hi").content_length(5000))
        .start()
        .await
        .unwrap();
    for expected in [
        TransportError::Reset,
        TransportError::Reset,
        TransportError::BodyCut,
    ] {
        let error = ask(&client(&provider), false).await.unwrap_err();
        assert!(
            matches!(error, LlmError::Transport { error, .. } if error == expected),
            "{expected:?}: {error:?}"
        );
    }
}

/// Accepted by the system, and then nothing.
#[tokio::test]
async fn a_host_that_never_shakes_hands_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", silent.local_addr().unwrap());
    let total = Limits::none().attempt(Duration::from_secs(5));
    let client = LlmClient::builder(Provider::OpenAi)
        .base_url(url)
        .connect_timeout(Duration::from_millis(300))
        .build()
        .unwrap()
        .whole_limits(total);
    let error = ask(&client, false).await.unwrap_err();
    let expected = TransportError::ConnectTimeout;
    assert!(
        matches!(error, LlmError::Transport { error, .. } if error == expected),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_stream_refused_over_http2_was_not_looked_at() {
    let provider = Scripted::openai()
        .reply(Reply::refused_stream())
        .then(Reply::go_away())
        .then(Reply::text("hi"))
        .start()
        .await
        .unwrap();
    let client = builder(&provider)
        .http_version(HttpVersion::Http2)
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = ask(&client, false).await.unwrap_err();
        assert!(error.as_failure().is_unprocessed(), "{error:?}");
    }
    assert!(ask(&client, false).await.is_ok());
}

#[tokio::test]
async fn an_answer_above_the_limit_is_not_taken() {
    let provider = Scripted::openai()
        .reply(Reply::huge(1 << 20))
        .start()
        .await
        .unwrap();
    let client = builder(&provider).max_answer(64 << 10).build().unwrap();
    let error = ask(&client, false).await.unwrap_err();
    let verdict = error.verdict();
    assert!(!verdict.retry_same, "another attempt would bring as much");
    assert_eq!(verdict.blame, Blame::Request);
}

#[tokio::test]
async fn the_other_dialect_is_crossed_into() {
    let provider = Scripted::anthropic()
        .forever(Reply::text("hi"))
        .start()
        .await
        .unwrap();
    let client = LlmClient::builder(Provider::Anthropic)
        .base_url(provider.base_url())
        .key(Secret::new(KEY))
        .build()
        .unwrap()
        .model("claude");
    let answer = ask(&client, false).await.unwrap();
    let AnswerBody::Json(json) = answer.body else {
        panic!("not whole");
    };
    let json = String::from_utf8(json.to_vec()).unwrap();
    assert!(json.contains("\"object\":\"chat.completion\""), "{json}");
    let (text, error) = read(ask(&client, true).await.unwrap()).await;
    assert!(error.is_none());
    assert_eq!(text, "hi");
    let call = &provider.calls()[0];
    assert_eq!((call.path(), call.model()), ("/v1/messages", "claude"));
    assert_eq!(call.header("x-api-key"), Some(KEY));
    assert!(call.header("anthropic-version").is_some());
}

#[tokio::test]
async fn gemini_is_asked_at_an_address_of_its_model() {
    let provider = Scripted::gemini()
        .key(KEY)
        .forever(Reply::text("hi"))
        .start()
        .await
        .unwrap();
    let client = LlmClient::builder(Provider::Gemini)
        .base_url(provider.base_url())
        .key(Secret::new(KEY))
        .build()
        .unwrap();
    ask(&client, false).await.unwrap();
    let (text, error) = read(ask(&client.model("g/1"), true).await.unwrap()).await;
    assert!(error.is_none());
    assert_eq!(text, "hi");
    let own = request(true).for_model("own");
    client.model("other").oneshot(own).await.unwrap();
    let calls = provider.calls();
    let paths = calls.iter().map(|call| call.path());
    assert!(paths.eq([
        "/v1beta/models/m:generateContent",
        "/v1beta/models/g%2F1:streamGenerateContent?alt=sse",
        "/v1beta/models/own:streamGenerateContent?alt=sse",
    ]));
    assert_eq!(calls[0].header("x-goog-api-key"), Some(KEY));
    assert_eq!(calls[0].header("authorization"), None);
    let long = "x".repeat(70_000);
    let error = ask(&client.model(long), false).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidRequest);
}

#[tokio::test]
async fn a_provider_is_asked_in_responses_if_it_is_to_be() {
    let provider = Scripted::responses().forever(Reply::text("hi"));
    let provider = provider.start().await.unwrap();
    let client = builder(&provider).dialect(Dialect::OpenAiResponses);
    let client = client.build().unwrap();
    assert_eq!(client.dialect(), Dialect::OpenAiResponses);
    let answer = ask(&client, false).await.unwrap();
    assert_eq!(answer.usage.output, Some(1));
    assert_eq!(answer.into_text().await.unwrap(), "hi");
    let (text, error) = read(ask(&client, true).await.unwrap()).await;
    assert!(error.is_none());
    assert_eq!(text, "hi");
    let call = &provider.calls()[0];
    assert_eq!(call.path(), "/v1/responses");
    assert!(String::from_utf8_lossy(call.body()).contains(r#""store":false"#));

    let other = LlmClient::builder(Provider::Anthropic).dialect(Dialect::OpenAiResponses);
    assert!(other.build().is_err());
}

#[tokio::test]
async fn callers_are_asked_for_in_their_own_dialect_where_it_is_known() {
    let provider = Scripted::openai().forever(Reply::text("hi"));
    let provider = provider.start().await.unwrap();
    let client = builder(&provider).callers_dialect(true).build().unwrap();
    assert!(client.asks_as_callers_do());
    let client = client.model("n");
    let body = r#"{"model": "m", "previous_response_id": "resp_1", "input": "Hi"}"#;
    let mut request = LlmRequest::parse(Dialect::OpenAiResponses, body.into()).unwrap();
    client.encode_ahead(&mut request).unwrap();
    let answer = client.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.dialect, Dialect::OpenAiResponses);
    assert_eq!(answer.into_text().await.unwrap(), "hi");
    assert!(ask(&client, false).await.is_ok());
    let calls = provider.calls();
    assert_eq!(calls[0].path(), "/v1/responses");
    assert_eq!(calls[0].body(), &body.replace("\"m\"", "\"n\""));
    assert_eq!(calls[1].path(), "/v1/chat/completions");
}

#[tokio::test]
async fn headers_go_along_where_the_dialect_is_the_same() {
    let provider = Scripted::openai()
        .any_path()
        .forever(Reply::text("hi"))
        .start()
        .await
        .unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("openai-beta", "assistants=v2".parse().unwrap());
    let request = request(false).headers(headers);
    let same = client(&provider);
    same.oneshot(request.clone()).await.unwrap();
    let other = LlmClient::builder(Provider::Anthropic).base_url(provider.url());
    other.build().unwrap().oneshot(request).await.unwrap();
    let calls = provider.calls();
    assert_eq!(calls[0].header("openai-beta"), Some("assistants=v2"));
    assert_eq!(calls[1].header("openai-beta"), None);
}

#[tokio::test]
async fn a_key_is_never_shown() {
    let provider = Scripted::openai().key("another").start().await.unwrap();
    let builder = builder(&provider);
    let client = builder.clone().build().unwrap();
    let error = ask(&client, false).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Auth);
    let shown = format!("{builder:?} {client:?} {error:?} {error}");
    assert!(!shown.contains("sk-test"), "{shown}");
}

/// Keys of some providers look like nothing in particular.
#[tokio::test]
async fn a_key_that_a_provider_quotes_reaches_nobody() {
    const PLAIN: &str = "0f3a77aabbccddeeff00112233445566";
    const OTHER: &str = "a-token-of-a-proxy";
    let quote = |kind: &str| {
        format!(
            r#"{{"error":{{"message":"key {PLAIN} via {OTHER} is bad","type":"{kind}","param":"{PLAIN}"}}}}"#
        )
    };
    let event = |kind| format!("data: {}\n\n", quote(kind));
    let streamed = |body: String| {
        let reply = Reply::raw(200).header("content-type", "text/event-stream");
        reply.body(body)
    };
    let content = r#"data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
    let mut script = Scripted::openai().any_path();
    for status in [400, 401, 403, 404, 429, 500] {
        script = script.then(Reply::raw(status).body(quote("x")));
    }
    let provider = script
        .then(Reply::raw(200).body(quote("x")))
        .then(streamed(event("server_error")))
        .then(streamed(format!("{content}\n\n{}", event("server_error"))))
        .start()
        .await
        .unwrap();
    let mut headers = http::HeaderMap::new();
    let mut other = http::HeaderValue::try_from(format!("Bearer {OTHER}")).unwrap();
    other.set_sensitive(true);
    headers.insert("x-proxy-authorization", other);
    let client = LlmClient::builder(Provider::Mistral)
        .base_url(provider.base_url())
        .key(Secret::new(PLAIN))
        .headers(headers)
        .build()
        .unwrap();
    let check = |error: LlmError| {
        let own = error.provider_error().unwrap();
        let (message, body) = (own.message().unwrap(), own.body());
        let mut shown = format!("{error} {error:?} {message} {:?} {body:?}", own.param());
        for dialect in buttress_llm::Dialect::ALL {
            let (answer, event) = (error.render(dialect), error.render_event(dialect));
            shown += &format!("{answer:?} {event:?}");
        }
        assert!(shown.contains("[key]"), "{shown}");
        for secret in [PLAIN, OTHER] {
            assert!(!shown.contains(secret), "{shown}");
        }
    };
    for _ in 0..7 {
        check(ask(&client, false).await.unwrap_err());
    }
    check(ask(&client, true).await.unwrap_err());
    let (text, error) = read(ask(&client, true).await.unwrap()).await;
    assert_eq!(text, "Hi");
    check(error.unwrap());
    assert_eq!(provider.call_count(), 9);
}

#[tokio::test]
async fn what_may_be_a_key_in_a_base_url_is_refused_and_not_shown() {
    for url in [
        "https://user:hunter2secret@example.com/v1",
        "https://example.com/v1?key=hunter2secret",
        "https://example.com/v1#hunter2secret",
        "ftp://hunter2secret/v1",
        "hunter2secret",
        "https://hunter2secret@",
        "https://example.com/hunter2secret/chat/completions",
    ] {
        let builder = LlmClient::builder(Provider::Compatible).base_url(url);
        let shown = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        assert!(matches!(error, InvalidClient::BaseUrl(_)), "{error:?}");
        let shown = format!("{shown} {error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let builder = LlmClient::builder(Provider::Compatible).base_url("http://localhost/v1/");
    assert!(format!("{builder:?}").contains("http://localhost/v1"));
    assert!(builder.build().is_ok());
}

#[tokio::test]
async fn a_client_decides_alone_how_its_requests_are_framed() {
    let with = |name: &'static str| {
        let headers = http::HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            http::HeaderValue::from_static("a-value-of-somebody"),
        )]);
        LlmClient::builder(Provider::OpenAi).headers(headers)
    };
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "content-type",
        "te",
    ] {
        let error = with(name).build().unwrap_err();
        assert!(
            matches!(&error, InvalidClient::Header(found) if found == name),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("somebody"));
    }
    // A key may go in another header than the usual one, and is one there too.
    let quote = r#"{"error":{"message":"bad a-value-of-somebody"}}"#;
    let reply = Reply::raw(400).body(quote);
    let provider = Scripted::openai().any_path().reply(reply).start().await;
    let provider = provider.unwrap();
    let client = with("api-key").base_url(provider.base_url()).build();
    let error = ask(&client.unwrap(), false).await.unwrap_err();
    let body = error.provider_error().unwrap().body();
    assert_eq!(body, &quote.replace("a-value-of-somebody", "[key]"));
}
