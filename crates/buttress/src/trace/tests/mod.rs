//! The spans of calls on real sockets, with all of the stack's layers.

mod seen;

use super::Traces;
use crate::{LlmCorrect, Route, Stack, client::LlmClient, retry::RetryLayer};
use buttress_llm::{AnswerBody, LlmRequest, Provider};
use buttress_testkit as testkit;
use buttress_testkit::Reply;
use futures_util::StreamExt;
use seen::{Collector, Seen};
use serde_json::{Value, json};
use tower::ServiceExt;

const PROMPT: &str = "a PROMPT of somebody's";
const ANSWER: &str = "an ANSWER of a model's";

async fn provider(replies: impl IntoIterator<Item = Reply>) -> testkit::Provider {
    let mut replies: Vec<_> = replies.into_iter().collect();
    let last = replies.pop().unwrap();
    let first = testkit::Provider::openai();
    let scripted = replies
        .into_iter()
        .fold(first, |all, reply| all.then(reply));
    scripted.forever(last).start().await.unwrap()
}

fn route(name: &str, provider: &testkit::Provider) -> Route {
    let client = LlmClient::builder(Provider::OpenAi)
        .base_url(provider.base_url())
        .key(crate::client::Secret::new("a-KEY"));
    Route::new(name, client.build().unwrap().model("m")).retry(RetryLayer::standard())
}

fn request() -> LlmRequest {
    LlmRequest::chat("any").user(PROMPT).build().unwrap()
}

fn streamed() -> LlmRequest {
    let request = LlmRequest::chat("any").user(PROMPT).stream(true);
    request.build().unwrap()
}

/// A stack over these routes, and what is seen of its calls.
fn traced(routes: &[Route], of: impl FnOnce(Traces) -> Traces) -> (Stack, Collector) {
    let seen = Collector::default();
    let traces = of(Traces::new(routes).to(seen.dispatch()));
    let mut routes = routes.iter().cloned();
    let stack = Stack::new(routes.next().unwrap());
    (routes.fold(stack, Stack::then).traced(&traces), seen)
}

fn plain(traces: Traces) -> Traces {
    traces
}

fn names(spans: &[Seen]) -> Vec<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

/// One call, whose children all the others are; all of them have ended.
fn assert_flat(spans: &[Seen]) {
    assert_eq!(spans[0].parent, None);
    assert!(spans[1..].iter().all(|span| span.parent == Some(0)));
    assert!(spans.iter().all(|span| span.ended), "{spans:#?}");
}

#[tokio::test]
async fn a_call_has_a_child_for_each_attempt_and_each_wait() {
    let first = provider([Reply::server_error(), Reply::rate_limited().retry_after(60)]).await;
    let second = provider([Reply::text(ANSWER)]).await;
    let routes = [route("first", &first), route("second", &second)];
    let (stack, seen) = traced(&routes, plain);
    stack.service().oneshot(request()).await.unwrap();
    let spans = seen.spans();
    assert_flat(&spans);
    assert_eq!(
        names(&spans),
        ["chat", "attempt", "wait", "attempt", "attempt"]
    );
    let port = second.url().rsplit_once(':').unwrap().1.to_owned();
    for (field, value) in [
        ("otel.name", "chat any"),
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "any"),
        ("gen_ai.request.stream", "false"),
        ("gen_ai.response.model", "m"),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
        ("buttress.route", "second"),
        ("buttress.status", "fallback"),
        ("buttress.attempts", "3"),
        ("error.type", ""),
        ("otel.status_code", ""),
    ] {
        assert_eq!(spans[0].get(field), value, "{field}");
    }
    assert_ne!(spans[0].get("gen_ai.usage.output_tokens"), "");
    let told = |span: &Seen| {
        let fields = [
            "otel.name",
            "buttress.attempt",
            "error.type",
            "otel.status_code",
        ];
        fields.map(|field| span.get(field).to_owned())
    };
    assert_eq!(
        told(&spans[1]),
        ["attempt first", "1", "server_error", "ERROR"]
    );
    assert_eq!(
        told(&spans[3]),
        ["attempt first", "2", "rate_limited", "ERROR"]
    );
    assert_eq!(told(&spans[4]), ["attempt second", "3", "", ""]);
    assert_eq!(spans[3].get("buttress.failure.retry_after"), "60.0");
    assert_ne!(spans[4].get("buttress.answered_after"), "");
    assert_eq!(spans[2].get("buttress.wait.reason"), "retry");
    let wait =
        ["expected", "duration"].map(|field| spans[2].get(&format!("buttress.wait.{field}")));
    assert!(!wait[0].is_empty() && wait[0] == wait[1], "{wait:?}");

    let events = seen.events();
    let told: Vec<_> = events
        .iter()
        .map(|event| (&*event.name, event.get("buttress.reason")))
        .collect();
    assert_eq!(told[0], ("entered", ""));
    assert!(told.contains(&("gave_up", "patience_spent")), "{told:?}");
    assert!(events.iter().all(|event| event.parent == Some(0)));
}

#[tokio::test]
async fn a_call_that_failed_tells_of_what() {
    let provider = provider([Reply::invalid_key()]).await;
    let (stack, seen) = traced(&[route("only", &provider)], plain);
    stack.service().oneshot(request()).await.unwrap_err();
    let spans = seen.spans();
    assert_flat(&spans);
    assert_eq!(names(&spans), ["chat", "attempt"]);
    let fields = [
        "buttress.status",
        "error.type",
        "otel.status_code",
        "gen_ai.provider.name",
    ];
    assert_eq!(
        fields.map(|field| spans[0].get(field)),
        ["failure", "auth", "ERROR", "openai"]
    );
    assert_eq!(spans[1].get("buttress.failure.class"), "persistent");
}

#[tokio::test]
async fn a_stream_is_traced_until_it_ends() {
    let provider = provider([Reply::text("One two three four")]).await;
    for events in [1, usize::MAX] {
        let (stack, seen) = traced(&[route("only", &provider)], plain);
        let answer = stack.service().oneshot(streamed()).await.unwrap();
        let AnswerBody::Stream(stream) = answer.body else {
            panic!("no stream");
        };
        let spans = seen.spans();
        assert_eq!(names(&spans), ["chat", "attempt"]);
        assert!(spans.iter().all(|span| !span.ended), "it has only begun");
        assert_ne!(spans[0].get("gen_ai.response.time_to_first_chunk"), "");

        stream.take(events).for_each(async |_| {}).await;
        let spans = seen.spans();
        assert_flat(&spans);
        let status = spans[0].get("buttress.status");
        assert_eq!(status, if events == 1 { "abandoned" } else { "success" });
        let reasons = spans[0].get("gen_ai.response.finish_reasons");
        assert_eq!(reasons, if events == 1 { "" } else { "stop" });
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_its_attempt_and_its_call() {
    let provider = provider([Reply::text("One two three").reset_after(2)]).await;
    let (stack, seen) = traced(&[route("only", &provider)], plain);
    let answer = stack.service().oneshot(streamed()).await.unwrap();
    answer.into_text().await.unwrap_err();
    let spans = seen.spans();
    assert_flat(&spans);
    for span in &spans {
        assert_eq!(span.get("error.type"), "partial", "{span:?}");
        assert_eq!(span.get("otel.status_code"), "ERROR", "{span:?}");
    }
}

#[tokio::test]
async fn a_stream_that_is_carried_on_is_one_call_with_two_attempts() {
    let broken = Reply::text("One two three").reset_after(2);
    let provider = provider([broken, Reply::text("three.")]).await;
    let (stack, seen) = traced(&[route("only", &provider)], plain);
    let answer = stack.continuations(1).service().oneshot(streamed()).await;
    answer.unwrap().into_text().await.unwrap();
    let spans = seen.spans();
    assert_flat(&spans);
    let attempts = spans.iter().filter(|span| span.name == "attempt");
    let failed: Vec<_> = attempts.map(|span| span.get("error.type")).collect();
    assert_eq!(failed, ["partial", ""]);
    assert_eq!(spans[0].get("buttress.status"), "retry");
}

#[tokio::test]
async fn a_correction_lasts_until_another_answer_is_there() {
    let wrong = || Reply::text("There is none.");
    let provider = provider([wrong(), wrong(), Reply::text("{\"n\": 7}")]).await;
    let (stack, seen) = traced(&[route("only", &provider)], plain);
    let schema = json!({"type": "object", "required": ["n"]});
    let request = LlmRequest::chat("any")
        .user(PROMPT)
        .json_schema("n", schema);
    let stack = stack.correct(LlmCorrect::new()).service();
    stack.oneshot(request.build().unwrap()).await.unwrap();
    let spans = seen.spans();
    assert_flat(&spans);
    assert_eq!(
        names(&spans),
        [
            "chat",
            "attempt",
            "correction",
            "attempt",
            "correction",
            "attempt"
        ]
    );
    assert_eq!(
        spans[2].get("buttress.correction.reason"),
        "the answer is wrong"
    );
    let asked = seen
        .events()
        .into_iter()
        .filter(|event| event.parent == Some(2));
    let asked: Vec<_> = asked
        .map(|event| event.get("buttress.reason").to_owned())
        .collect();
    assert_eq!(asked, ["asking for a correction of the answer"]);
}

/// All that was told of the call, in whatever words.
fn all(seen: &Collector) -> String {
    format!("{:?} {:?}", seen.spans(), seen.events())
}

#[tokio::test]
async fn what_is_said_is_told_only_where_that_is_asked_for() {
    let provider = provider([Reply::text(ANSWER)]).await;
    for request in [request, streamed] {
        for content in [false, true] {
            let of = |traces: Traces| traces.content(content);
            let (stack, seen) = traced(&[route("only", &provider)], of);
            let answer = stack.service().oneshot(request()).await.unwrap();
            assert_eq!(answer.into_text().await.unwrap(), ANSWER);
            let told = all(&seen);
            assert!(!told.contains("KEY"), "{told}");
            assert_eq!(told.contains("PROMPT"), content, "{told}");
            assert_eq!(told.contains("ANSWER"), content, "{told}");
            if content {
                let spans = seen.spans();
                let field =
                    |name: &str| -> Value { serde_json::from_str(spans[0].get(name)).unwrap() };
                let asked =
                    json!([{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]);
                assert_eq!(field("gen_ai.input.messages"), asked);
                let said = json!([{"role": "assistant", "finish_reason": "stop",
                    "parts": [{"type": "text", "content": ANSWER}]}]);
                assert_eq!(field("gen_ai.output.messages"), said);
            }
        }
    }
}

#[tokio::test]
async fn a_provider_is_told_of_the_span_only_where_that_is_asked_for() {
    let provider = provider([Reply::text(ANSWER)]).await;
    let (stack, _) = traced(&[route("only", &provider)], plain);
    stack.service().oneshot(request()).await.unwrap();
    let (stack, _) = traced(&[route("only", &provider)], |traces| {
        traces.propagate(|span, put| put("traceparent", span.metadata().unwrap().name()))
    });
    stack.service().oneshot(request()).await.unwrap();
    let calls = provider.calls();
    let told: Vec<_> = calls
        .iter()
        .map(|call| call.header("traceparent"))
        .collect();
    assert_eq!(told, [None, Some("attempt")]);
}

#[tokio::test]
async fn who_is_asked_is_told_of_the_routes_that_are_known() {
    let provider = provider([Reply::text(ANSWER)]).await;
    let route = route("only", &provider);
    for (traces, known) in [
        (Traces::new([]), ""),
        (Traces::new([]).routes([&route]), "openai"),
        (Traces::new([&route]).routes([]), ""),
    ] {
        let seen = Collector::default();
        let traces = traces.to(seen.dispatch());
        let stack = Stack::new(route.clone()).traced(&traces).service();
        stack.oneshot(request()).await.unwrap();
        for span in seen.spans() {
            assert_eq!(span.get("gen_ai.provider.name"), known);
        }
    }
}
