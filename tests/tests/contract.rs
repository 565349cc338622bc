//! Every layer keeps the promises that services make to each other, alone and stacked.

use buttress_circuit_breaker::{CircuitBreakerLayer, Settings};
use buttress_core::{ByError, Carried};
use buttress_fallback::{ByVerdict, FallbackLayer};
use buttress_retry::RetryLayer;
use buttress_retry_after::GateLayer;
use buttress_tests::contract::{Probe, check};
use buttress_timeout::{DeadlineLayer, Limits, TimeoutLayer};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tower::ServiceBuilder;

const MINUTE: Duration = Duration::from_secs(60);

fn retry() -> RetryLayer<ByError, Carried> {
    let layer = RetryLayer::standard().without_budget();
    layer.classify(ByError::new()).observe(Carried::new())
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
    check(RetryLayer::standard().classify(ByError::new())).await;
}

#[tokio::test(start_paused = true)]
async fn gate_layer() {
    check(GateLayer::by_error()).await;
    check(GateLayer::by_error().observe(Carried::new())).await;
    check(GateLayer::by_error().keyed(|_: &_| "a key")).await;
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

#[tokio::test(start_paused = true)]
async fn the_whole_stack() {
    let policy = ByVerdict::new(ByError::new()).observe(Carried::new());
    let backup = Probe::default();
    let route = || {
        ServiceBuilder::new()
            .layer(retry())
            .layer(GateLayer::by_error().observe(Carried::new()))
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
