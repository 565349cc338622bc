//! What it costs to count a call.

use super::bare::Error;
use crate::table::{Answer::Given, Subject};
use buttress_core::{Call, Carry, Context as _, Event};
use buttress_metrics::{Metrics, MetricsLayer, Recorder, names};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use std::{sync::Arc, time::Duration};
use tower::{Layer, Service, service_fn};

/// A request that carries its call.
struct Ask(Option<Call>);

impl Carry for Ask {
    fn call(&self) -> Option<&Call> {
        self.0.as_ref()
    }

    fn set_call(&mut self, call: Call) {
        self.0 = Some(call);
    }

    fn call_or(&mut self, make: impl FnOnce() -> Call) -> &mut Call {
        self.0.get_or_insert_with(make)
    }
}

/// Answers when it is polled, and records what a fallback and the LLM client record of a healthy
/// call.
fn recorded(
    route: &Arc<str>,
) -> impl Service<Ask, Response = u64, Error = Error, Future: Send> + Clone + 'static {
    let route = Arc::clone(route);
    service_fn(move |request: Ask| {
        let route = Arc::clone(&route);
        async move {
            if let Some(call) = request.0 {
                let route = call.for_route(route, None);
                route.record(Event::Entered);
                route.record(Event::Attempt);
                route.record(Event::Answered);
            }
            Ok(1)
        }
    })
}

pub(super) fn subjects() -> Vec<Subject> {
    let route: Arc<str> = "gpt".into();
    let recorded = recorded(&route);
    let counted = |recorder: Recorder| {
        let metrics = Metrics::to(recorder, [Arc::clone(&route)]);
        MetricsLayer::new(metrics.model("gpt-5")).layer(recorded.clone())
    };
    vec![
        healthy("a call that is recorded", recorded.clone()),
        healthy(
            "counted, nowhere",
            counted(Recorder::new(::metrics::NoopRecorder)),
        ),
        healthy("counted, by Prometheus", counted(prometheus())),
        written("what Prometheus is told, by itself", &prometheus()),
    ]
}

fn prometheus() -> Recorder {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let buckets = [0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0];
    let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &buckets);
    Recorder::new(builder.expect("buckets").build_recorder())
}

fn healthy<S>(name: &'static str, service: S) -> Subject
where
    S: Service<Ask> + 'static,
{
    Subject::service(name, Given, service, || Ask(Some(Call::new())))
}

/// What is written for a healthy call, and nothing else: the recorder's share of what it costs.
fn written(name: &'static str, recorder: &Recorder) -> Subject {
    let label = || [("of", "gpt".into())];
    let [calls, attempts] = [names::CALLS, names::ATTEMPTS].map(|of| recorder.counter(of, label()));
    let [latency, attempt_seconds] =
        [names::LATENCY, names::ATTEMPT_SECONDS].map(|of| recorder.histogram(of, label()));
    let in_flight = recorder.gauge(names::IN_FLIGHT, label());
    let took = Duration::from_millis(700);
    Subject::function(name, move || {
        in_flight.increment(1);
        attempts.increment(1);
        attempt_seconds.record(took);
        calls.increment(1);
        latency.record(took);
        in_flight.decrement(1);
    })
}
