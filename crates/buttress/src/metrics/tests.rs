use super::{LlmMetrics, Recorder};
use crate::{Declares, Prices, Route, Stack, StackService, client::LlmClient};
use buttress_core::{Call, Carry as _, Event, Judge as _};
use buttress_llm::{
    AnswerBody, AttemptUsage, Dialect, EventStream, LlmRequest, LlmResponse, Provider, StreamEvent,
    Usage,
};
use buttress_testkit::{Builder, Reply};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::sleep;
use tower::ServiceExt;

/// A route, and what is counted of it.
struct Counts {
    route: Route,
    metrics: LlmMetrics,
    snapshotter: Snapshotter,
}

impl Counts {
    fn of(url: &str) -> Self {
        let client = LlmClient::builder(Provider::OpenAi).base_url(url);
        let declares = Declares {
            prices: Some(Prices::new(1.0, 10.0)),
            ..Declares::default()
        };
        let route = Route::new("a", client.build().unwrap().model("m")).declares(declares);
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        Self {
            metrics: LlmMetrics::new(Recorder::new(recorder), [&route]),
            route,
            snapshotter,
        }
    }

    /// Where nobody is asked.
    fn idle() -> Self {
        Self::of("http://localhost:1")
    }

    fn stack(&self) -> StackService {
        let stack = Stack::new(self.route.clone());
        stack.metrics(&self.metrics, "m").service()
    }

    fn seen(&self) -> BTreeMap<String, f64> {
        counted(&self.snapshotter)
    }

    /// With circuits and gates as they stand.
    fn sampled(&self) -> BTreeMap<String, f64> {
        self.metrics.sample();
        self.seen()
    }
}

async fn started(provider: Builder) -> (buttress_testkit::Provider, Counts) {
    let provider = provider.start().await.unwrap();
    let counts = Counts::of(&provider.base_url());
    (provider, counts)
}

/// The counters and gauges that are not zero.
fn counted(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let all = snapshotter.snapshot().into_vec().into_iter();
    let shown = all.filter_map(|(key, _, _, value)| {
        let key = key.key();
        let labels: Vec<_> = key.labels().map(metrics::Label::value).collect();
        let value = match value {
            DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(_) => 0.0,
        };
        let name = key.name().strip_prefix("buttress_")?;
        (value != 0.0).then(|| (format!("{name} {}", labels.join(" ")), value))
    });
    shown.collect()
}

fn usage(input: u64, output: u64) -> Usage {
    let mut usage = Usage::default();
    usage.input = Some(input);
    usage.output = Some(output);
    usage
}

#[tokio::test(start_paused = true)]
async fn circuits_are_followed_and_their_states_sampled() {
    let of = Counts::idle();
    let following = tokio::spawn({
        let metrics = of.metrics.clone();
        async move { metrics.follow().await }
    });
    sleep(Duration::from_millis(1)).await;
    let counts = of.sampled();
    assert_eq!(counts["circuit_state a closed"], 1.0);
    assert_eq!(counts["gate_state a open"], 1.0);

    let breaker = of.route.breaker_handle();
    breaker.force_open();
    sleep(Duration::from_secs(10)).await;
    let counts = of.sampled();
    assert_eq!(counts["circuit_state a open"], 1.0);
    assert_eq!(counts.get("circuit_state a closed"), None);
    assert_eq!(counts["circuit_transitions_total a open"], 1.0);
    assert!((counts["circuit_open_seconds a"] - 10.0).abs() < 0.1);

    breaker.force_close();
    sleep(Duration::from_secs(5)).await;
    of.route.gate_handle().park(None);
    let counts = of.sampled();
    assert_eq!(counts["circuit_transitions_total a closed"], 1.0);
    // The recorder tells what came since it was last asked.
    let more = counts.get("circuit_open_seconds a");
    assert!(more.is_none_or(|more| *more < 0.1), "{more:?}");
    assert_eq!(counts["gate_state a parked"], 1.0);
    following.abort();
}

/// What an answer counts for when it is given to a caller who takes this many events of it.
async fn given(answer: LlmResponse, events: usize) -> BTreeMap<String, f64> {
    let of = Counts::idle();
    let judge = super::Tallied::new(&of.metrics.tokens);
    let answer = judge.judge(Ok(answer.route("a".into())), ()).unwrap();
    if let AnswerBody::Stream(stream) = answer.body {
        assert_eq!(of.seen().len(), 0, "it has not ended");
        stream.take(events).for_each(async |_| {}).await;
    }
    of.seen()
}

fn whole() -> LlmResponse {
    let body = AnswerBody::Json(Bytes::from_static(b"{}"));
    LlmResponse::new(Dialect::OpenAiChat, "m".into(), body).usage(usage(1000, 200))
}

fn streamed() -> LlmResponse {
    let event = |at: u64| {
        let mut event = StreamEvent::new(Bytes::from_static(b"data: {}\n\n"));
        event.usage = Some(usage(1000, at * 100));
        Ok(if at == 2 { event.last() } else { event })
    };
    let stream = EventStream::new(stream::iter((0..3).map(event)));
    LlmResponse::new(Dialect::OpenAiChat, "m".into(), AnswerBody::Stream(stream))
}

fn expected<const N: usize>(counts: [(&str, f64); N]) -> BTreeMap<String, f64> {
    counts.map(|(name, value)| (name.to_owned(), value)).into()
}

#[tokio::test]
async fn tokens_are_counted_when_an_answer_has_ended() {
    let all = expected([
        ("tokens_total a input", 1000.0),
        ("tokens_total a output", 200.0),
        ("cost_usd a", 0.003),
    ]);
    assert_eq!(given(whole(), 0).await, all);
    assert_eq!(given(streamed(), 3).await, all);
}

#[tokio::test]
async fn what_nobody_got_was_paid_for_all_the_same() {
    let left = given(streamed(), 2).await;
    let part = expected([
        ("tokens_total a input", 1000.0),
        ("tokens_total a output", 100.0),
        ("abandoned_tokens_total a", 100.0),
        ("cost_usd a", 0.002),
    ]);
    assert_eq!(left, part);

    let mut corrected = whole();
    let attempt = |output| AttemptUsage::new(Some("a".into()), usage(500, output));
    corrected.attempts = vec![attempt(150), attempt(50)];
    let both = expected([
        ("tokens_total a input", 1000.0),
        ("tokens_total a output", 200.0),
        ("abandoned_tokens_total a", 150.0),
        ("cost_usd a", 0.003),
    ]);
    assert_eq!(given(corrected, 0).await, both);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_counted_and_told() {
    let provider = buttress_testkit::Provider::openai();
    let broken = Reply::text("One two three").reset_after(2);
    let (_provider, of) = started(provider.forever(broken)).await;
    let mut request = LlmRequest::chat("any")
        .user("Count.")
        .stream(true)
        .build()
        .unwrap();
    let call = Call::new();
    request.set_call(call.clone());
    let answer = of.stack().oneshot(request).await.unwrap();
    assert!(answer.into_text().await.is_err());
    let counts = of.seen();
    let broken = counts
        .keys()
        .filter(|name| name.starts_with("streams_broken_total a"));
    assert_eq!(broken.count(), 1, "{counts:?}");
    assert!(counts["abandoned_tokens_total a"] > 0.0);
    let journey = call.journey();
    let last = journey.steps().last().unwrap();
    assert!(matches!(last.event, Event::Broke(_)), "{journey}");
}

/// On a real socket, with all of the stack's layers.
#[tokio::test]
async fn a_stack_counts_its_calls() {
    let provider = buttress_testkit::Provider::openai().reply(Reply::server_error());
    let hello = Reply::text("Hello.").header("x-ratelimit-remaining-requests", "7");
    let (_provider, of) = started(provider.forever(hello)).await;
    let stack = of.stack();
    for stream in [false, true] {
        let request = LlmRequest::chat("any").user("Hello?").stream(stream);
        let answer = stack.clone().oneshot(request.build().unwrap()).await;
        assert_eq!(answer.unwrap().into_text().await.unwrap(), "Hello.");
    }
    let counts = of.sampled();
    assert_eq!(counts["attempts_total a answered none"], 2.0);
    let failed = counts
        .keys()
        .find(|name| name.starts_with("attempts_total a transient"));
    assert_eq!(counts[failed.unwrap()], 1.0);
    assert_eq!(counts["retries_total a"], 1.0);
    assert_eq!(counts["rate_limit_remaining a requests"], 7.0);
    assert!(counts["tokens_total a output"] > 0.0);
    assert_eq!(counts.get("calls_in_flight m"), None);
}
