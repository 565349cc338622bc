//! Every layer keeps the promises that services make to each other, alone and stacked.

use buttress_circuit_breaker::{CircuitBreakerLayer, Settings};
use buttress_core::{AsFailure, AttemptLayer, ByError, Carried, Failure};
use buttress_correct::{CorrectLayer, Found, Policy};
use buttress_fallback::{ByVerdict, FallbackLayer};
use buttress_queue::{
    Degradable, DegradeLayer, DegradePolicy, Memory, Queue, Task, is_worth_queueing,
};
use buttress_retry::{RetryLayer, grpc::TrailersLayer};
use buttress_retry_after::{GateLayer, RetryAfterLayer};
use buttress_tests::contract::{Ask, Error, Probe, Reply, check};
use buttress_timeout::{DeadlineLayer, Limits, TimeoutLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use std::{cell::Cell, convert::Infallible, sync::atomic::Ordering::SeqCst, time::Duration};
use tower::{Layer, ServiceBuilder, ServiceExt, layer::layer_fn};

const MINUTE: Duration = Duration::from_secs(60);

fn retry() -> RetryLayer<ByError, Carried> {
    let layer = RetryLayer::standard().without_budget();
    layer.observe(Carried::new())
}

/// One that stays closed, however often the suite fails.
fn breaker() -> CircuitBreakerLayer {
    let settings = Settings::standard()
        .consecutive_failures(None)
        .failure_rate(1.0);
    CircuitBreakerLayer::new(settings).unwrap()
}

#[tokio::test(start_paused = true)]
async fn retry_layer() {
    check(retry()).await;
    check(RetryLayer::standard()).await;
}

#[tokio::test(start_paused = true)]
async fn gate_layer() {
    check(GateLayer::standard()).await;
    check(GateLayer::standard().observe(Carried::new())).await;
    check(GateLayer::standard().keyed(|_: &_| "a key")).await;
}

#[tokio::test(start_paused = true)]
async fn circuit_breaker_layer() {
    check(CircuitBreakerLayer::standard()).await;
    check(breaker().classify(ByError::new())).await;
    check(breaker().keyed(|_: &_| "a key")).await;
}

#[tokio::test(start_paused = true)]
async fn fallback_layer() {
    let backup = Probe::default();
    let (counts, permits) = (backup.counts(), backup.permits());
    check(FallbackLayer::new(backup.clone())).await;
    let policy = ByVerdict::new(ByError::new()).observe(Carried::new());
    check(FallbackLayer::new(backup).policy(policy)).await;
    assert!(counts.calls.load(SeqCst) > 8);
    assert_eq!(counts.in_flight.load(SeqCst), 0);
    assert_eq!(permits.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn timeout_layer() {
    check(TimeoutLayer::new(Limits::whole())).await;
    check(TimeoutLayer::new(Limits::streamed().headers(MINUTE)).observe(Carried::new())).await;
}

#[tokio::test(start_paused = true)]
async fn deadline_layer() {
    check(DeadlineLayer::new(MINUTE)).await;
    check(DeadlineLayer::new(MINUTE).set_by(())).await;
}

/// Queues what may be.
#[derive(Debug)]
struct Queueing;

impl DegradePolicy<Ask, Error> for Queueing {
    type Kept = ();

    fn keep(&self, _: &Ask) -> Option<()> {
        Some(())
    }

    fn degrades(&self, error: &Error) -> Option<Failure> {
        Some(error.as_failure()).filter(is_worth_queueing)
    }

    fn task(&self, (): (), _: &Error) -> Option<Task> {
        Task::parse(br#"{"messages": []}"#).ok()
    }
}

#[tokio::test(start_paused = true)]
async fn degrade_layer() {
    let queue = Queue::new(Memory::new(buttress_queue::Settings::new()));
    let layer = DegradeLayer::new(queue.clone(), Queueing);
    check(layer_fn(move |probe: Probe| {
        let degrade = layer.layer(probe);
        degrade.map_result(|result: Result<Degradable<Reply, Error>, Error>| result?.into_result())
    }))
    .await;
    assert!(queue.counts().await.unwrap().waiting > 8);
}

#[tokio::test(start_paused = true)]
async fn attempt_layer() {
    check(AttemptLayer::new()).await;
}

/// Finds the first answer to a request wrong, unless it is not to look.
#[derive(Clone)]
struct Strict(bool);

impl Policy<Ask, Reply, Error> for Strict {
    type Case = (Ask, u64);
    type Wrong = u64;

    fn open(&self, ask: &Ask) -> Result<Option<(Ask, u64)>, Error> {
        Ok(self.0.then(|| (ask.clone(), 0)))
    }

    async fn check(
        &self,
        (_, looked): &mut (Ask, u64),
        reply: Reply,
    ) -> Result<Found<Reply, u64>, Error> {
        *looked += 1;
        // As one that has to be read.
        tokio::task::yield_now().await;
        Ok(match *looked {
            1 => Found::Wrong(reply.0.get()),
            _ => Found::Right(reply),
        })
    }

    fn correction(&self, (ask, _): &(Ask, u64), _: &u64) -> Result<Ask, &'static str> {
        Ok(ask.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn correct_layer() {
    check(CorrectLayer::new(Strict(false))).await;
    check(CorrectLayer::new(Strict(true))).await;
    check(CorrectLayer::new(Strict(true)).observe(Carried::new())).await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_layer() {
    let over_http = |probe: Probe| {
        ServiceBuilder::new()
            .map_request(into_http)
            .map_response(from_http)
            .layer(RetryAfterLayer::new())
            .map_response(page)
            .map_request(out_of_http)
            .service(probe)
    };
    check(layer_fn(over_http)).await;
}

#[tokio::test(start_paused = true)]
async fn trailers_layer() {
    let over_http = |probe: Probe| {
        ServiceBuilder::new()
            .map_request(into_http)
            .map_response(from_http)
            .layer(TrailersLayer::new())
            .map_response(page)
            .map_request(out_of_http)
            .service(probe)
    };
    check(layer_fn(over_http)).await;
}

fn into_http(ask: Ask) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(ask);
    request
}

fn out_of_http(mut request: Request<()>) -> Ask {
    request.extensions_mut().remove().expect("put there")
}

fn page(_: Reply) -> Response<UnsyncBoxBody<Bytes, Error>> {
    let empty = Full::default().map_err(|never: Infallible| match never {});
    Response::new(empty.boxed_unsync())
}

fn from_http<B>(_: Response<B>) -> Reply {
    Reply(Cell::new(7))
}

#[tokio::test(start_paused = true)]
async fn the_whole_stack() {
    let policy = ByVerdict::new(ByError::new()).observe(Carried::new());
    let backup = Probe::default();
    let route = || {
        ServiceBuilder::new()
            .layer(retry())
            .layer(GateLayer::standard().observe(Carried::new()))
            .layer(breaker().observe(Carried::new()))
            .layer(TimeoutLayer::new(Limits::whole()).observe(Carried::new()))
    };
    let stack = ServiceBuilder::new()
        .layer(DeadlineLayer::new(MINUTE))
        .layer(FallbackLayer::new(route().service(backup.clone())).policy(policy))
        .layer(route());
    check(stack).await;
    assert!(backup.counts().calls.load(SeqCst) > 8);
    assert_eq!(backup.counts().in_flight.load(SeqCst), 0);
}
