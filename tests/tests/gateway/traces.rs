//! What a collector gets to know of calls.

use crate::{OPENAI, mode, read};
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{
    Answer, Gateway, Mode, Setup,
    receiver::{React, Receiver},
};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use serde_json::json;
use std::{collections::BTreeMap, sync::Mutex};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

const STREAM: Mode = mode(Dialect::OpenAi, true);

const PROMPT: &str = "a PROMPT of somebody's";
const ANSWER: &str = "an ANSWER of a model's";
const KEY: (&str, &str) = ("authorization", "Bearer sk-the-callers-KEY");

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// What stands in `traceparent` of a caller who has decided so about being traced.
fn caller(sampled: bool) -> String {
    format!("00-{TRACE}-{CALLER}-0{}", u8::from(sampled))
}

const FINE: React = React::Answer(200, "");

async fn collector() -> Receiver {
    Receiver::start([FINE]).await
}

fn at(collector: &Receiver) -> String {
    format!("telemetry.endpoint = 'http://{}'", collector.address())
}

/// Fails once, is limited from then on; another one answers.
async fn providers() -> [Provider; 2] {
    let first = Provider::openai().reply(Reply::server_error());
    let first = first.forever(Reply::rate_limited().retry_after(60));
    let second = Provider::openai().forever(Reply::text(ANSWER));
    [first.start().await.unwrap(), second.start().await.unwrap()]
}

fn before([first, second]: &[Provider; 2]) -> Setup {
    Setup::new()
        .route("first", Dialect::OpenAi, first.url())
        .route("second", Dialect::OpenAi, second.url())
}

async fn ask(gateway: &Gateway, mode: Mode, headers: &[(&str, &str)]) -> Answer {
    let messages = json!([{"role": "user", "content": PROMPT}]);
    let body = json!({"model": "any", "stream": mode.stream, "messages": messages});
    let path = mode.path();
    let open = gateway.post(&path, headers, body.to_string()).await;
    let answer = read(mode, open).await;
    assert_eq!(answer.status, 200);
    answer
}

/// The spans that were delivered at once, in the order in which they began.
fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|all| &all.scope_spans);
    let mut spans: Vec<_> = scopes.flat_map(|all| &all.spans).cloned().collect();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    spans
}

fn decoded(body: &Bytes) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body.clone()).expect("OTLP")
}

fn text(value: &AnyValue) -> String {
    match value.value.as_ref().expect("a value") {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::ArrayValue(list) => {
            let texts: Vec<_> = list.values.iter().map(text).collect();
            format!("[{}]", texts.join(", "))
        }
        other => panic!("{other:?}"),
    }
}

/// Attributes, of which none is there twice.
fn attributes(of: &[KeyValue]) -> BTreeMap<&str, String> {
    let pairs = of.iter().map(|pair| {
        let value = pair.value.as_ref().expect("a value");
        (&*pair.key, text(value))
    });
    let all: BTreeMap<_, _> = pairs.collect();
    assert_eq!(all.len(), of.len(), "{of:?}");
    all
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// The proof of it all: a call fails, is tried again, and goes elsewhere.
#[tokio::test]
async fn a_call_is_a_span_with_a_child_for_each_attempt_and_each_wait() {
    let mut collector = collector().await;
    let providers = providers().await;
    let gateway = before(&providers).with(&at(&collector)).start().await;
    let traceparent = caller(true);
    let headers = [
        KEY,
        ("traceparent", &*traceparent),
        ("tracestate", "vendor=state"),
        ("x-request-id", "req-7"),
    ];
    ask(&gateway, OPENAI, &headers).await;
    gateway.stop().await;

    let told = collector.next().await;
    assert!(told.line.starts_with("POST /v1/traces "), "{}", told.line);
    assert_eq!(told.headers["content-type"], "application/x-protobuf");
    assert!(collector.more().is_none(), "they come together");
    let request = decoded(&told.body);
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "buttress");
    let scope = request.resource_spans[0].scope_spans[0].scope.as_ref();
    assert_eq!(scope.unwrap().name, "buttress");

    let spans = spans(&request);
    let [call, children @ ..] = &spans[..] else {
        panic!("no spans");
    };
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    assert_eq!(hex(&call.parent_span_id), CALLER);
    assert!(
        children
            .iter()
            .all(|child| child.parent_span_id == call.span_id)
    );
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    let expected = [
        "chat any",
        "attempt first",
        "wait",
        "attempt first",
        "attempt second",
    ];
    assert_eq!(names, expected);
    for child in children {
        assert!(child.end_time_unix_nano <= call.end_time_unix_nano);
    }

    // What the conventions want to know of it.
    assert_eq!(call.kind(), SpanKind::Client);
    let status = call.status.clone().unwrap_or_default();
    assert_eq!(status.code(), StatusCode::Unset);
    let mut of_call = attributes(&call.attributes);
    for varies in ["buttress.waited", "server.port"] {
        assert!(of_call.remove(varies).is_some(), "{varies}");
    }
    for tokens in ["input", "output"] {
        let tokens = of_call.remove(&*format!("gen_ai.usage.{tokens}_tokens"));
        assert!(tokens.unwrap().parse::<u64>().unwrap() > 0);
    }
    let expected = [
        ("buttress.attempts", "3"),
        ("buttress.request_id", "req-7"),
        ("buttress.route", "second"),
        ("buttress.status", "fallback"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "any"),
        ("gen_ai.request.stream", "false"),
        ("gen_ai.response.finish_reasons", "[stop]"),
        ("gen_ai.response.model", "second"),
        ("server.address", "127.0.0.1"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(key, value)| (key, value.to_owned())).into();
    assert_eq!(of_call, expected);
    let events: Vec<_> = call.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["entered", "gave_up", "entered"]);

    let wait = attributes(&children[1].attributes);
    assert_eq!(wait["buttress.wait.reason"], "retry");
    assert_eq!(wait["buttress.wait.expected"], "0.04");
    for (child, error) in [(0, "server_error"), (2, "rate_limited"), (3, "")] {
        let child = &children[child];
        let of = attributes(&child.attributes);
        assert_eq!(child.kind(), SpanKind::Client);
        assert_eq!(of.get("error.type").map_or("", String::as_str), error);
        let status = child.status.clone().unwrap_or_default();
        assert_eq!(status.code() == StatusCode::Error, !error.is_empty());
        assert_eq!(of["gen_ai.provider.name"], "openai");
    }

    // Each attempt goes on at the provider.
    let sent = providers.iter().flat_map(Provider::calls);
    let sent: Vec<_> = sent
        .map(|call| call.header("traceparent").unwrap().to_owned())
        .collect();
    let attempt = |at: usize| format!("00-{TRACE}-{}-01", hex(&children[at].span_id));
    assert_eq!(sent, [0, 2, 3].map(attempt));
    let [_, second] = &providers;
    assert_eq!(second.calls()[0].header("tracestate"), Some("vendor=state"));

    for secret in ["PROMPT", "ANSWER", "KEY"] {
        assert!(!contains(&told.body, secret), "{secret}");
    }
}

#[tokio::test]
async fn what_is_said_is_told_where_that_is_asked_for_and_keys_never_are() {
    for mode in [OPENAI, STREAM] {
        let mut collector = collector().await;
        let providers = providers().await;
        let setup = before(&providers).with("telemetry.content = true");
        let gateway = setup.with(&at(&collector)).start().await;
        ask(&gateway, mode, &[KEY]).await;
        gateway.stop().await;
        let told = collector.next().await;
        let spans = spans(&decoded(&told.body));
        assert!(
            spans[0].parent_span_id.is_empty(),
            "nobody says that it is in a trace"
        );
        let of_call = attributes(&spans[0].attributes);
        assert!(of_call["gen_ai.input.messages"].contains(PROMPT));
        assert!(
            of_call["gen_ai.output.messages"].contains(ANSWER),
            "{of_call:?}"
        );
        assert!(!contains(&told.body, "KEY"));
    }
}

#[tokio::test]
async fn a_caller_decides_whether_its_call_is_traced() {
    let mut collector = collector().await;
    let providers = providers().await;
    let gateway = before(&providers).with(&at(&collector)).start().await;
    let traceparent = caller(false);
    ask(&gateway, OPENAI, &[("traceparent", &traceparent)]).await;
    gateway.stop().await;
    assert!(collector.more().is_none());
    // The trace goes on all the same: somebody behind may look at it.
    let sent = providers[1].calls()[0]
        .header("traceparent")
        .unwrap()
        .to_owned();
    assert!(
        sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"),
        "{sent}"
    );
}

#[tokio::test]
async fn nobody_is_told_of_a_trace_where_there_is_no_collector() {
    let providers = providers().await;
    let gateway = before(&providers).start().await;
    let traceparent = caller(true);
    let headers = [
        ("traceparent", &*traceparent),
        ("tracestate", "vendor=state"),
    ];
    ask(&gateway, OPENAI, &headers).await;
    for call in providers.iter().flat_map(Provider::calls) {
        assert_eq!(call.header("traceparent"), None);
        assert_eq!(call.header("tracestate"), None);
    }
}

#[tokio::test]
async fn a_collector_that_is_down_loses_traces_and_no_calls() {
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nowhere.local_addr().unwrap();
    drop(nowhere);
    let providers = providers().await;
    let setup = before(&providers).with("telemetry.timeout = '100ms'");
    let endpoint = format!("telemetry.endpoint = 'http://{address}'");
    let gateway = setup.with(&endpoint).start().await;
    for _ in 0..3 {
        let answer = ask(&gateway, OPENAI, &[]).await;
        assert_eq!(answer.header("x-buttress-route"), Some("second"));
    }
    assert_eq!(gateway.stop().await, 0);
}

#[tokio::test]
async fn what_a_collector_can_not_take_now_is_brought_again() {
    let busy = React::Answer(503, "");
    let mut collector = Receiver::start([busy, React::HangUp, FINE]).await;
    let providers = providers().await;
    let gateway = before(&providers).with(&at(&collector)).start().await;
    ask(&gateway, OPENAI, &[]).await;
    gateway.stop().await;
    let first = collector.next().await;
    for _ in 0..2 {
        assert_eq!(collector.next().await.body, first.body);
    }
    assert!(collector.more().is_none());
}

#[tokio::test]
async fn what_a_collector_does_not_want_is_not_brought_again() {
    let mut collector = Receiver::start([React::Answer(400, "")]).await;
    let providers = providers().await;
    let gateway = before(&providers).with(&at(&collector)).start().await;
    ask(&gateway, OPENAI, &[]).await;
    gateway.stop().await;
    collector.next().await;
    assert!(collector.more().is_none());
}

/// Nobody waits for it, so it is in no caller's trace.
#[tokio::test]
async fn what_is_answered_later_is_a_call_of_its_own() {
    let mut collector = collector().await;
    let provider = Provider::openai().reply(Reply::server_error());
    let provider = provider.forever(Reply::text(ANSWER)).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let gateway = Setup::new()
        .route("only", Dialect::OpenAi, provider.url())
        .with("limits.max_calls = 1")
        .with("queue.backoff = '100ms'")
        .with(&format!(
            "queue.url = 'sqlite:{}'",
            folder.path().join("q.db").display()
        ))
        .with(&at(&collector))
        .start()
        .await;
    let traceparent = caller(true);
    ask(&gateway, OPENAI, &[("traceparent", &traceparent)]).await;
    for _ in 0..2 {
        provider.next_call().await;
    }
    gateway.stop().await;
    let mut calls = Vec::new();
    while calls.len() < 2 {
        let all = spans(&decoded(&collector.next().await.body));
        calls.extend(all.into_iter().filter(|span| span.name == "chat any"));
    }
    let [asked, later] = &calls[..] else {
        panic!("{calls:?}");
    };
    let status = |call: &Span| attributes(&call.attributes)["buttress.status"].clone();
    assert_eq!(
        (hex(&asked.trace_id), status(asked)),
        (TRACE.into(), "failure".into())
    );
    assert_eq!(status(later), "success");
    assert!(later.parent_span_id.is_empty() && later.trace_id != asked.trace_id);
}

/// A collector that speaks gRPC, and is busy at first.
struct Grpc {
    busy: Mutex<bool>,
    tell: mpsc::UnboundedSender<ExportTraceServiceRequest>,
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        if std::mem::take(&mut *self.busy.lock().unwrap()) {
            return Err(Status::unavailable("busy"));
        }
        self.tell.send(request.into_inner()).unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn a_collector_may_speak_grpc() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let busy = Mutex::new(true);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::builder()
        .add_service(TraceServiceServer::new(Grpc { busy, tell }))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            let _ = stopped.await;
        });
    let server = tokio::spawn(server);

    let providers = providers().await;
    let gateway = before(&providers)
        .with(&format!("telemetry.endpoint = 'http://{address}'"))
        .with("telemetry.protocol = 'grpc'")
        .with("telemetry.service_name = 'mine'")
        .start()
        .await;
    ask(&gateway, STREAM, &[]).await;
    gateway.stop().await;
    let request = told.recv().await.unwrap();
    assert_eq!(spans(&request).len(), 5);
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "mine");
    assert!(told.try_recv().is_err());
    drop(stop);
    server.await.unwrap().unwrap();
}
