use super::{Metrics, MetricsLayer, Recorder, names};
use buttress_core::{
    AtOnce, Call, Carry, Cause, Class, ClassifyFn, Context as _, Event, Failure, GiveUp, Name,
    Witness, classify_fn,
};
use futures_util::FutureExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{advance, sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

const KIND: Name = Name::new(&"overloaded");

/// Metrics, and a view of what they have counted.
struct Counts {
    metrics: Metrics,
    snapshotter: Snapshotter,
}

impl Counts {
    fn new() -> Self {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let metrics = Metrics::to(Recorder::new(recorder), ["first", "second"]);
        Self {
            metrics,
            snapshotter,
        }
    }

    /// A service that does this for each call.
    fn service<F>(
        &self,
        act: impl Fn(Call) -> F + Clone,
    ) -> impl Service<http::Request<()>, Response = (), Error = Failure> + Clone
    where
        F: Future<Output = Result<(), Failure>>,
    {
        service(&self.metrics, act)
    }

    /// What was counted since the last look.
    fn seen(&self) -> BTreeMap<String, Vec<u64>> {
        counted(&self.snapshotter)
    }
}

/// What is counted of one call for which this is done.
async fn counted_of<F>(act: impl Fn(Call) -> F + Clone) -> BTreeMap<String, Vec<u64>>
where
    F: Future<Output = Result<(), Failure>>,
{
    let counts = Counts::new();
    let service = counts.service(act);
    service.oneshot(http::Request::new(())).await.unwrap();
    counts.seen()
}

/// What was counted since the last look: counters and gauges that are not zero, and the values of
/// histograms in milliseconds.
fn counted(snapshotter: &Snapshotter) -> BTreeMap<String, Vec<u64>> {
    let all = snapshotter.snapshot().into_vec().into_iter();
    let shown = all.filter_map(|(key, _, _, value)| {
        let key = key.key();
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let values: Vec<_> = match value {
            DebugValue::Counter(count) => vec![count],
            DebugValue::Gauge(value) => vec![value.into_inner() as u64],
            DebugValue::Histogram(values) => {
                let millis = |value: f64| (value * 1000.0).round() as u64;
                values.into_iter().map(|value| millis(*value)).collect()
            }
        };
        values
            .iter()
            .any(|value| *value != 0)
            .then(|| (name.trim_end().to_owned(), values))
    });
    shown.collect()
}

type Judge = AtOnce<ClassifyFn<fn(Result<&(), &Failure>) -> Result<(), Failure>>>;

/// A service that does this for each call.
fn service<F>(
    metrics: &Metrics,
    act: impl Fn(Call) -> F + Clone,
) -> impl Service<http::Request<()>, Response = (), Error = Failure> + Clone
where
    F: Future<Output = Result<(), Failure>>,
{
    let judge: Judge = AtOnce::new(classify_fn(|outcome: Result<&(), &Failure>| {
        outcome.copied().map_err(|failure| *failure)
    }));
    let layer = MetricsLayer::new(metrics.model("gpt")).judge(judge);
    layer.layer(service_fn(move |request: http::Request<()>| {
        act(request.call().expect("it was given one").clone())
    }))
}

fn expected<const N: usize>(lines: [(&str, &[u64]); N]) -> BTreeMap<String, Vec<u64>> {
    let line = |(name, values): (&str, &[u64])| (name.to_owned(), values.to_vec());
    lines.into_iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_healthy_call() {
    let counted = counted_of(async |call: Call| {
        let call = call.for_route("first".into(), None);
        call.record(Event::Entered);
        call.record(Event::Attempt);
        advance(Duration::from_millis(250)).await;
        call.record(Event::Answered);
        Ok(())
    });
    let expected = expected([
        ("ai_agent_api_calls_total gpt success", &[1]),
        ("ai_agent_api_latency_seconds gpt", &[250]),
        ("buttress_attempts_total first answered none", &[1]),
        ("buttress_attempt_seconds first", &[250]),
    ]);
    assert_eq!(counted.await, expected);
}

fn latency(counted: &BTreeMap<String, Vec<u64>>) -> u64 {
    counted["ai_agent_api_latency_seconds gpt"][0]
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_until_it_has_ended() {
    let wait = Duration::from_millis(100);
    // Something is waited for once the answer is there.
    let checked = counted_of(async |call: Call| {
        advance(wait).await;
        call.record(Event::Answered);
        advance(wait).await;
        Ok(())
    });
    assert_eq!(latency(&checked.await), 200);
    // It was there before the future was polled.
    let early = counted_of(|call: Call| {
        call.record(Event::Answered);
        advance(wait).map(Ok)
    });
    assert_eq!(latency(&early.await), 100);
    // What is computed in the poll that resolves, once the answer is there, is not waited for.
    let computed = counted_of(async |call: Call| {
        advance(wait).await;
        call.record(Event::Answered);
        let _ = advance(wait).now_or_never();
        Ok(())
    });
    assert_eq!(latency(&computed.await), 100);
}

/// Gives its witness to the caller.
#[derive(Clone)]
struct Later;

impl<T, E> buttress_core::Judge<T, E> for Later {
    type Response<W: Witness> = W;

    fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<W, E> {
        result.map(|_| witness)
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_takes_until_its_end() {
    let counts = Counts::new();
    let layer = MetricsLayer::new(counts.metrics.model("gpt")).judge(Later);
    let service = layer.layer(service_fn(async |request: http::Request<()>| {
        request.call().unwrap().record(Event::Answered);
        Ok::<_, Failure>(())
    }));
    let running = service.oneshot(http::Request::new(())).await.unwrap();
    advance(Duration::from_millis(700)).await;
    running.settled(Ok(()));
    assert_eq!(latency(&counts.seen()), 700);
}

/// Everything is counted when it happens, not when the call has ended.
#[tokio::test(start_paused = true)]
async fn a_call_that_has_to_be_recovered() {
    let counts = Counts::new();
    let failure = Failure::SERVICE.kind(KIND);
    let looked = counts.snapshotter.clone();
    let service = counts.service(move |call: Call| {
        let looked = looked.clone();
        async move {
            let first = call.for_route("first".into(), None);
            let wait = Duration::from_millis(300);
            first.record(Event::Entered);
            first.record(Event::Attempt);
            advance(Duration::from_millis(20)).await;
            first.record(Event::Failed(failure));
            first.record(Event::Retry { wait });
            advance(wait).await;
            first.waited(wait);
            first.record(Event::Queued { wait });
            first.record(Event::Rejected(Cause::GateClosed));
            first.record(Event::Failed(Failure::new(
                Class::Rejected,
                buttress_core::Blame::Local,
            )));
            first.record(Event::GaveUp(GiveUp::BudgetEmpty));
            let seen = counted(&looked);
            let now = expected([
                ("buttress_calls_in_flight gpt", &[1]),
                ("buttress_attempts_total first transient overloaded", &[1]),
                ("buttress_attempt_seconds first", &[20]),
                ("buttress_retries_total first", &[1]),
                ("buttress_wait_seconds first", &[300]),
                ("buttress_gate_waits_total first", &[1]),
                ("buttress_rejections_total first gate_closed", &[1]),
                ("buttress_gave_up_total first budget_empty", &[1]),
            ]);
            assert_eq!(seen, now);
            let second = call.for_route("second".into(), None);
            second.record(Event::Skipped { why: "too small" });
            // One that nobody named.
            let third = call.for_route("from a caller".into(), None);
            third.record(Event::Entered);
            third.record(Event::Attempt);
            third.record(Event::Answered);
            third.record(Event::Broke(failure));
            call.record(Event::Corrected("the answer is wrong"));
            Ok(())
        }
    });
    service.oneshot(http::Request::new(())).await.unwrap();
    let expected = expected([
        ("ai_agent_api_calls_total gpt fallback", &[1]),
        ("ai_agent_api_latency_seconds gpt", &[320]),
        ("buttress_attempts_total other answered none", &[1]),
        ("buttress_streams_broken_total other overloaded", &[1]),
        ("buttress_skips_total second too small", &[1]),
        ("buttress_corrections_total none the answer is wrong", &[1]),
    ]);
    assert_eq!(counts.seen(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_became_of_it() {
    let counts = Counts::new();
    for (attempts, outcome, status) in [
        (1, Ok(()), "success"),
        (2, Ok(()), "retry"),
        (1, Err(Failure::SERVICE), "failure"),
        (3, Err(Failure::SERVICE), "failure"),
    ] {
        let service = counts.service(|call: Call| {
            for _ in 0..attempts {
                call.record(Event::Attempt);
            }
            std::future::ready(outcome)
        });
        let _ = service.oneshot(http::Request::new(())).await;
        let counted = counts.seen();
        let calls: Vec<_> = counted
            .keys()
            .filter(|name| name.contains("calls"))
            .collect();
        assert_eq!(calls, [&format!("{} gpt {status}", names::CALLS)]);
    }
    let service = counts.service(async |_| std::future::pending().await);
    drop(service.oneshot(http::Request::new(())));
    assert_eq!(counts.seen(), expected([]), "it had not begun");
    let mut service = counts.service(async |_| std::future::pending().await);
    drop(service.call(http::Request::new(())));
    let expected = expected([("buttress_calls_abandoned_total gpt", &[1])]);
    assert_eq!(counts.seen(), expected);
}

/// A provider that hangs until its caller leaves has been called all the same.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_has_not_ended_with_its_call_is_counted() {
    for fails in [false, true] {
        let counts = Counts::new();
        let service = counts.service(move |call: Call| async move {
            let route = call.for_route("first".into(), None);
            route.record(Event::Attempt);
            if fails {
                sleep(Duration::from_secs(7)).await;
                return Err(Failure::SERVICE);
            }
            std::future::pending().await
        });
        let asked = service.oneshot(http::Request::new(()));
        assert!(!matches!(
            timeout(Duration::from_secs(9), asked).await,
            Ok(Ok(()))
        ));
        let counted = counts.seen();
        let of_route = |name: &str| counted.get(&format!("{name} first")).cloned();
        let attempts = counted.get("buttress_attempts_total first cut_off none");
        assert_eq!(attempts, Some(&vec![1]));
        let took = of_route(names::ATTEMPT_SECONDS);
        assert_eq!(took, Some(vec![if fails { 7000 } else { 9000 }]));
    }
}

#[tokio::test]
async fn one_that_goes_through_it_twice_is_heard_once() {
    let counts = Counts::new();
    let call = Call::new();
    for _ in 0..2 {
        let service = counts.service(async |_| Ok(()));
        let mut request = http::Request::new(());
        request.set_call(call.clone());
        service.oneshot(request).await.unwrap();
    }
    call.record(Event::Retry {
        wait: Duration::ZERO,
    });
    assert_eq!(counts.seen()["buttress_retries_total none"], [1]);
}

#[tokio::test]
async fn without_a_model_nothing_is_counted() {
    let layer = MetricsLayer::off().judge(AtOnce::new(classify_fn(
        |_: Result<&bool, &std::convert::Infallible>| Ok(()),
    )));
    let service = layer.layer(service_fn(async |request: http::Request<()>| {
        Ok(request.call().is_none())
    }));
    assert!(service.oneshot(http::Request::new(())).await.unwrap());
}

#[test]
fn a_healthy_call_takes_no_allocation() {
    let metrics = Metrics::to(Recorder::new(metrics::NoopRecorder), ["first"]);
    let mut service = service(&metrics, |call| {
        let run = |call: Call| {
            call.record(Event::Attempt);
            call.record(Event::Answered);
        };
        run(call);
        std::future::ready(Ok(()))
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let request = || {
        let call = Call::new();
        // The journey has room from here on.
        call.record(Event::Entered);
        let mut request = http::Request::new(());
        request.set_call(call);
        request
    };
    let (first, second) = (request(), request());
    runtime.block_on(service.call(first)).unwrap();
    let counted = allocation_counter::measure(|| {
        runtime.block_on(service.call(second)).unwrap();
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn each_has_one_name_that_says_what_it_is() {
    let mut seen = std::collections::BTreeSet::new();
    for metric in names::ALL {
        assert!(seen.insert(metric.name), "{} twice", metric.name);
        let total = metric.name.ends_with("_total");
        assert_eq!(
            total,
            metric.kind == names::Kind::Counter,
            "{}",
            metric.name
        );
        assert!(metric.help.ends_with('.'), "{}", metric.name);
    }
}
