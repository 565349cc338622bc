//! The layer as a whole, under paused time.

use crate::{Backoff, Budget, Buffered, Jitter, RetryLayer, Seed};
use buttress_core::{
    Call, Carried, Carry, Cause, Class, Classify, Event, Failure, GiveUp, Rejected,
    http::HttpStatus,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::{
    collections::VecDeque,
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit};

type Answer = Result<Response<&'static str>, BoxError>;

/// Gives these answers in turn, then successes, and notes when it was called. Insists on being
/// asked for readiness before each call.
#[derive(Debug)]
struct Provider {
    script: Arc<Mutex<VecDeque<Answer>>>,
    called: Arc<Mutex<Vec<Duration>>>,
    since: Instant,
    ready: bool,
}

impl Provider {
    fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            called: Arc::default(),
            since: Instant::now(),
            ready: false,
        }
    }

    fn failing(status: u16, times: usize) -> Self {
        Self::new((0..times).map(|_| answer(status, &[])))
    }

    fn calls(&self) -> usize {
        self.called.lock().unwrap().len()
    }

    /// The waits between the calls, in milliseconds.
    fn waits(&self) -> Vec<u128> {
        let called = self.called.lock().unwrap();
        let pairs = called.windows(2);
        pairs.map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }
}

impl Clone for Provider {
    fn clone(&self) -> Self {
        Self {
            script: Arc::clone(&self.script),
            called: Arc::clone(&self.called),
            since: self.since,
            ready: false,
        }
    }
}

impl<B> Service<Request<B>> for Provider {
    type Response = Response<&'static str>;
    type Error = BoxError;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.called.lock().unwrap().push(self.since.elapsed());
        let next = self.script.lock().unwrap().pop_front();
        ready(next.unwrap_or_else(|| answer(200, &[])))
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body("").unwrap())
}

fn asking(seconds: &str) -> Answer {
    answer(429, &[("retry-after", seconds)])
}

/// The defaults, without jitter and with an observer.
fn layer() -> RetryLayer<HttpStatus, Carried> {
    let backoff = Backoff::default().jitter(Jitter::None);
    RetryLayer::standard()
        .backoff(backoff)
        .observe(Carried::new())
}

fn request(call: &Call) -> Request<&'static str> {
    let mut request = Request::new("");
    request.set_call(call.clone());
    request
}

/// The status that comes out, and what was recorded on the way.
async fn send<S>(service: S, call: &Call) -> (Result<u16, BoxError>, Vec<Event>)
where
    S: Service<Request<&'static str>, Response = Response<&'static str>, Error = BoxError>,
{
    let result = service.oneshot(request(call)).await;
    let journey = call.journey();
    let events = journey.steps().iter().map(|step| step.event.clone());
    (
        result.map(|response| response.status().as_u16()),
        events.collect(),
    )
}

fn failed(failure: Failure) -> Event {
    Event::Failed(failure)
}

fn retry(secs: u64) -> Event {
    Event::Retry {
        wait: Duration::from_secs(secs),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_not_seen() {
    let provider = Provider::new([answer(503, &[]), Err("connection reset".into())]);
    let call = Call::new();
    let (status, events) = send(layer().layer(provider.clone()), &call).await;
    assert_eq!(status.unwrap(), 200);
    let failed = failed(Failure::SERVICE);
    assert_eq!(events, [failed.clone(), retry(1), failed, retry(2)]);
    assert_eq!(provider.waits(), [1000, 2000]);
    assert_eq!(call.total_waited(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn gives_up_after_the_last_attempt_without_another_sleep() {
    let provider = Provider::failing(500, 9);
    let call = Call::new();
    let (status, events) = send(layer().layer(provider.clone()), &call).await;
    assert_eq!(status.unwrap(), 500);
    assert_eq!(provider.waits(), [1000, 2000, 4000]);
    assert_eq!(provider.since.elapsed(), Duration::from_secs(7));
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::RetriesSpent)));
}

#[tokio::test(start_paused = true)]
async fn waits_are_those_of_the_seeded_session() {
    let backoff = Backoff::default().seed(Seed::Fixed(42));
    let layer = layer().backoff(backoff);
    for session in 0..2 {
        let service = layer.layer(Provider::failing(500, 3));
        let (_, events) = send(service, &Call::new()).await;
        let waits = events.into_iter().filter_map(|event| match event {
            Event::Retry { wait } => Some(wait),
            _ => None,
        });
        assert!(waits.eq(backoff.session(session).take(3)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_is_waited_for_and_never_less_than_it_asked() {
    let provider = Provider::new([asking("20"), asking("0"), asking("1.5")]);
    let (status, _) = send(layer().layer(provider.clone()), &Call::new()).await;
    assert_eq!(status.unwrap(), 200);
    let waits = provider.waits();
    assert!((20_000..=22_001).contains(&waits[0]), "{waits:?}");
    assert_eq!(waits[1], 0);
    assert!((1500..=2001).contains(&waits[2]), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_does_not_fit_ends_the_call_at_once() {
    let long = async |call: Call, seconds| {
        let start = Instant::now();
        let service = layer().layer(Provider::new([asking(seconds)]));
        let (status, events) = send(service, &call).await;
        assert_eq!(status.unwrap(), 429);
        assert_eq!(start.elapsed(), Duration::ZERO);
        events.last().cloned().unwrap()
    };
    let too_long = long(Call::new(), "120").await;
    assert_eq!(too_long, Event::GaveUp(GiveUp::WaitTooLong));
    let deadline = Call::new().within(Duration::from_secs(10));
    let late = long(deadline, "10").await;
    assert_eq!(late, Event::GaveUp(GiveUp::DeadlineTooNear));
    let patience = Some(Duration::from_secs(2));
    let impatient = long(Call::new().for_route("first".into(), patience), "3").await;
    assert_eq!(impatient, Event::GaveUp(GiveUp::PatienceSpent));
}

#[tokio::test(start_paused = true)]
async fn patience_is_spent_by_waiting() {
    let patience = Some(Duration::from_millis(2500));
    let call = Call::new().for_route("first".into(), patience);
    let provider = Provider::failing(500, 9);
    let (_, events) = send(layer().layer(provider.clone()), &call).await;
    assert_eq!(provider.waits(), [1000]);
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::PatienceSpent)));
}

#[tokio::test(start_paused = true)]
async fn every_retry_is_a_call_of_the_requests_budget() {
    let call = Call::new().max_calls(3);
    let provider = Provider::failing(500, 9);
    let layer = layer();
    let (_, events) = send(layer.layer(provider.clone()), &call).await;
    assert_eq!(provider.calls(), 3);
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::CallsSpent)));
    // The retry that was not made cost the others nothing.
    assert_eq!(layer.settings.budget.unwrap().available(), 8);
}

#[tokio::test(start_paused = true)]
async fn all_clones_share_the_budget_which_successes_fill() {
    let budget = Budget::builder().percent(50).reserve(4).build().unwrap();
    let layer = layer().budget(budget.clone());
    let provider = Provider::failing(500, 6);
    let service = layer.layer(provider.clone());
    let (_, events) = send(service.clone(), &Call::new()).await;
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::RetriesSpent)));
    let other = layer.layer(provider.clone());
    let (status, events) = send(other, &Call::new()).await;
    assert_eq!(status.unwrap(), 500);
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::BudgetEmpty)));
    assert_eq!(provider.calls(), 6);
    for _ in 0..2 {
        assert_eq!(send(service.clone(), &Call::new()).await.0.unwrap(), 200);
    }
    assert_eq!(budget.available(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_is_shared() {
    let layer = layer().without_budget();
    for _ in 0..10 {
        let provider = Provider::failing(500, 3);
        let (status, _) = send(layer.layer(provider), &Call::new()).await;
        assert_eq!(status.unwrap(), 200);
    }
}

/// A 421 stands for a call that the service never processed, a 408 for one that nobody answered.
#[derive(Clone)]
struct ByStatus;

impl Classify<Response<&'static str>, BoxError> for ByStatus {
    fn classify(&self, outcome: Result<&Response<&'static str>, &BoxError>) -> Result<(), Failure> {
        match outcome.map(|response| response.status().as_u16()) {
            Ok(421) => Err(Failure::UNPROCESSED),
            Ok(408) => HttpStatus::new().classify(outcome).map_err(|mut failure| {
                failure.class = Class::Timeout;
                failure
            }),
            _ => HttpStatus::new().classify(outcome),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_processed_is_sent_again_for_nothing() {
    let layer = layer().classify(ByStatus).max_retries(0);
    let call = Call::new().max_calls(1);
    let provider = Provider::failing(421, 1);
    let (status, _) = send(layer.layer(provider.clone()), &call).await;
    assert_eq!(status.unwrap(), 200);
    assert_eq!(provider.waits(), [0]);
    assert_eq!(layer.settings.budget.unwrap().available(), 10);
}

#[tokio::test(start_paused = true)]
async fn timeouts_have_a_count_of_their_own() {
    let provider = Provider::failing(408, 9);
    let service = layer().classify(ByStatus).layer(provider.clone());
    let (_, events) = send(service, &Call::new()).await;
    assert_eq!(provider.calls(), 2);
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::TimeoutsSpent)));
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_not_retried() {
    for (status, headers) in [
        (401, &[][..]),
        (400, &[]),
        (500, &[("x-should-retry", "false")]),
        (429, &[("x-should-retry", "false"), ("retry-after", "1")]),
    ] {
        let provider = Provider::new([answer(status, headers)]);
        let (result, events) = send(layer().layer(provider), &Call::new()).await;
        assert_eq!(result.unwrap(), status);
        assert_eq!(events[1..], [Event::GaveUp(GiveUp::NotRetryable)]);
    }
}

#[tokio::test(start_paused = true)]
async fn classic_retries_its_five_statuses_only() {
    for (status, calls) in [
        (429, 4),
        (500, 4),
        (502, 4),
        (503, 4),
        (504, 4),
        (408, 1),
        (529, 1),
    ] {
        let provider = Provider::failing(status, 9);
        let service = RetryLayer::classic().layer(provider.clone());
        service.oneshot(Request::new("")).await.unwrap();
        assert_eq!(provider.calls(), calls, "{status}");
        let floors = [1000, 2000, 4000].iter().zip(provider.waits());
        for (floor, wait) in floors {
            assert!((*floor..=floor + 1001).contains(&wait), "{wait}");
        }
    }
    let veto = answer(503, &[("x-should-retry", "false"), ("retry-after", "1")]);
    let service = RetryLayer::classic().layer(Provider::new([veto]));
    let response = service.oneshot(Request::new("")).await.unwrap();
    assert_eq!(response.status(), 503);
    let broken = Provider::new([Err("connection reset".into())]);
    let service = RetryLayer::classic().layer(broken);
    assert!(service.oneshot(Request::new("")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_closure_decides_in_both_directions() {
    let conflicts_only = |_: &Failure, outcome: Result<&Response<&'static str>, &BoxError>| {
        outcome.is_ok_and(|response| response.status() == 404)
    };
    let layer = layer().retry_if(conflicts_only);
    let provider = Provider::failing(404, 1);
    assert_eq!(
        send(layer.layer(provider), &Call::new()).await.0.unwrap(),
        200
    );
    let provider = Provider::failing(503, 1);
    assert_eq!(
        send(layer.layer(provider), &Call::new()).await.0.unwrap(),
        503
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_answer_is_dropped_before_the_wait() {
    let connection = Arc::new(());
    let held = Arc::clone(&connection);
    let inner = tower::service_fn(move |_: ()| {
        let response = Response::builder().status(503).body(Arc::clone(&held));
        ready(Ok::<_, BoxError>(response.unwrap()))
    });
    let before = Arc::strong_count(&connection);
    let mut service = RetryLayer::standard().layer(inner);
    let mut call = tokio_test::task::spawn(service.call(()));
    // Both closures, that of the service and that of the one to clone, hold it. No answer does.
    tokio_test::assert_pending!(call.poll());
    assert_eq!(Arc::strong_count(&connection), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_sent_once() {
    let layer = layer().replay(Buffered::new().limit(4));
    for (body, calls, why) in [
        ("1234", 4, GiveUp::RetriesSpent),
        ("12345", 1, GiveUp::NotReplayable),
    ] {
        let provider = Provider::failing(503, 9);
        let call = Call::new();
        let mut request = Request::new(Full::new(Bytes::from(body)));
        request.set_call(call.clone());
        layer
            .layer(provider.clone())
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(provider.calls(), calls);
        let journey = call.journey();
        assert_eq!(journey.steps().last().unwrap().event, Event::GaveUp(why));
    }
}

#[tokio::test(start_paused = true)]
async fn a_buffered_request_arrives_whole_each_time() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let inner = tower::service_fn(move |request: Request<crate::ReplayBody<Full<Bytes>>>| {
        let log = Arc::clone(&log);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let mut log = log.lock().unwrap();
            log.push((head.method, head.uri, head.version, head.headers, body));
            let status = if log.len() < 3 { 503 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(()).unwrap())
        }
    });
    let service = layer().replay(Buffered::new()).layer(inner);
    let request = Request::put("/a?b").version(http::Version::HTTP_2);
    let request = request.header("x", "y").body(Full::from("hello"));
    service.oneshot(request.unwrap()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| *request == seen[0]));
    assert_eq!(seen[0].4, "hello");
}

// The contract that every layer keeps.

#[tokio::test(start_paused = true)]
async fn drives_the_readied_instance_and_readies_another_for_a_retry() {
    let (mut service, mut handle) = tower_test::mock::spawn_with(|mock| layer().layer(mock));
    handle.allow(0);
    tokio_test::assert_pending!(service.poll_ready());
    handle.allow(1);
    tokio_test::assert_ready_ok!(service.poll_ready());
    let mut first = tokio_test::task::spawn(service.call(Request::new("")));
    tokio_test::assert_pending!(first.poll());
    let (_, respond) = handle.next_request().await.unwrap();
    respond.send_response(answer(500, &[]).unwrap());
    tokio_test::assert_pending!(first.poll());
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Its wait is over, and it has to be let in once more.
    tokio_test::assert_pending!(first.poll());
    tokio_test::assert_pending!(handle.poll_request());
    handle.allow(1);
    tokio_test::assert_pending!(first.poll());
    let (_, respond) = handle.next_request().await.unwrap();
    respond.send_response(answer(200, &[]).unwrap());
    assert_eq!(tokio_test::assert_ready_ok!(first.poll()).status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_clone_does_not_inherit_readiness() {
    let mut service = layer().layer(Provider::new([]));
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    let _ = Service::<Request<&str>>::poll_ready(&mut service, cx);
    let clone = service.clone();
    assert!(service.get_ref().ready && !clone.get_ref().ready);
}

/// Only the original becomes ready; clones give this error.
struct Unready(bool, fn() -> BoxError);

impl Unready {
    fn new() -> Self {
        Self(false, || "gone".into())
    }
}

impl Clone for Unready {
    fn clone(&self) -> Self {
        Self(true, self.1)
    }
}

impl Service<Request<&'static str>> for Unready {
    type Response = Response<&'static str>;
    type Error = BoxError;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if self.0 { Err(self.1()) } else { Ok(()) })
    }

    fn call(&mut self, _: Request<&'static str>) -> Self::Future {
        ready(answer(500, &[]))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_will_not_become_ready_is_a_failed_attempt() {
    let (call, layer) = (Call::new(), layer().max_retries(2));
    let (result, events) = send(layer.layer(Unready::new()), &call).await;
    assert_eq!(result.unwrap_err().to_string(), "gone");
    assert_eq!(call.total_waited(), Duration::from_secs(3));
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::RetriesSpent)));
    // None of the attempts was made, so one call was enough for both of them.
    assert_eq!(layer.settings.budget.unwrap().available(), 10);
    let call = Call::new().max_calls(2);
    let layer = self::layer().max_retries(2);
    let (_, events) = send(layer.layer(Unready::new()), &call).await;
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::RetriesSpent)));
    assert_eq!(calls_left(&call), 1);
}

/// How many upstream calls the request may still cause; they are gone then.
fn calls_left(call: &Call) -> usize {
    let spend = || buttress_core::Context::spend_call(call).then_some(());
    std::iter::from_fn(spend).count()
}

/// Who drops the call, a timeout around the retries for instance, may still go elsewhere.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_waits_gives_the_next_attempt_s_call_back() {
    for (after, made) in [(0, 1), (500, 1), (1000, 2), (2000, 2), (3500, 3)] {
        let call = Call::new().max_calls(5);
        let provider = Provider::failing(503, 9);
        let service = layer().layer(provider.clone());
        let ended = service.oneshot(request(&call));
        let ended = tokio::time::timeout(Duration::from_millis(after), ended).await;
        assert!(ended.is_err());
        assert_eq!(provider.calls(), made);
        assert_eq!(calls_left(&call), 5 - made, "dropped after {after} ms");
    }
}

/// A clone becomes ready after this long.
struct Slow<S> {
    inner: S,
    after: Duration,
    ready: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl<S: Clone> Clone for Slow<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            after: self.after,
            ready: Some(Box::pin(tokio::time::sleep(self.after))),
        }
    }
}

impl<R, S: Service<R>> Service<R> for Slow<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if let Some(sleep) = &mut self.ready {
            std::task::ready!(sleep.as_mut().poll(cx));
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_when_its_service_is_ready_too_late() {
    for refused in [false, true] {
        let call = Call::new().max_calls(5).within(Duration::from_secs(10));
        let error = || -> BoxError {
            match refused {
                true => Rejected::new(Cause::GateClosed).into(),
                false => "broken".into(),
            }
        };
        let provider = Provider::new([Err(error())]);
        let service = Slow {
            inner: provider.clone(),
            after: Duration::from_secs(30),
            ready: None,
        };
        let layer = layer().retry_if(
            |_: &Failure, outcome: Result<&Response<&'static str>, &BoxError>| outcome.is_err(),
        );
        let (result, events) = send(layer.layer(service), &call).await;
        assert_eq!(result.unwrap_err().to_string(), error().to_string());
        assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::DeadlineTooNear)));
        assert_eq!(provider.calls(), 1);
        // What was paid for it is given back, unless it passes on: of one call that was refused
        // there is one to give back, and who hears of the refusal has it in hand.
        assert_eq!(calls_left(&call), 4, "{refused}");
        assert_eq!(layer.settings.budget.unwrap().available(), 10);
    }
}

/// The layer above hears that the last attempt was refused, and does not pay for its next one.
#[tokio::test(start_paused = true)]
async fn the_call_of_a_refused_attempt_is_left_to_who_hears_of_it() {
    let call = Call::new().max_calls(3);
    let refused = Rejected::new(Cause::GateClosed);
    let provider = Provider::new([answer(503, &[]), Err(refused.into())]);
    let (result, events) = send(layer().layer(provider), &call).await;
    assert!(result.is_err());
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::NotRetryable)));
    assert_eq!(calls_left(&call), 1);
    // Refused before it was made, it is not given back to who has it in hand already.
    let call = Call::new().max_calls(3);
    let refusing = Unready(false, || Rejected::new(Cause::QueueFull).into());
    assert!(send(layer().layer(refusing), &call).await.0.is_err());
    assert_eq!(calls_left(&call), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_refused_passes_its_call_on() {
    let refused = |times: usize| {
        Provider::new((0..times).map(|_| {
            let refused = Rejected::new(Cause::GateClosed);
            Err(refused.into())
        }))
    };
    let always = |_: &Failure, outcome: Result<&Response<&'static str>, &BoxError>| {
        outcome.is_err() || outcome.is_ok_and(|response| response.status() != 200)
    };
    let layer = layer().retry_if(always);
    let call = Call::new().max_calls(1);
    let provider = refused(2);
    let (status, events) = send(layer.layer(provider.clone()), &call).await;
    assert_eq!(status.unwrap(), 200, "{events:?}");
    assert_eq!(provider.calls(), 3);
    // One that was made does not.
    let call = Call::new().max_calls(1);
    let (_, events) = send(layer.layer(Provider::failing(500, 1)), &call).await;
    assert_eq!(events.last(), Some(&Event::GaveUp(GiveUp::CallsSpent)));
}

/// Dropped after k polls, for every k: the service's permit is back, and no more is gone from the
/// budget than was spent on attempts.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let mut finished = false;
    for polls in 0.. {
        let budget = Budget::builder().reserve(5).build().unwrap();
        let permits = Arc::new(Semaphore::new(1));
        let calls = AtomicU32::new(0);
        let slow = tower::service_fn(|_: ()| {
            calls.fetch_add(1, Relaxed);
            async {
                tokio::task::yield_now().await;
                answer(500, &[])
            }
        });
        let inner = ConcurrencyLimit::with_semaphore(slow, Arc::clone(&permits));
        let mut service = RetryLayer::standard().budget(budget.clone()).layer(inner);
        let future = service.ready().await.unwrap().call(());
        let mut future = tokio_test::task::spawn(future);
        for _ in 0..polls {
            finished = future.poll().is_ready();
            tokio::time::advance(Duration::from_secs(5)).await;
        }
        drop(future);
        assert_eq!(permits.available_permits(), 1, "after {polls} polls");
        let retries = calls.load(Relaxed) - 1;
        assert_eq!(budget.available(), 5 - retries, "after {polls} polls");
        if finished {
            assert_eq!(retries, 3);
            break;
        }
    }
    assert!(finished);
}

#[test]
fn futures_are_send_and_answers_need_be_nothing() {
    fn is_send<T: Send>(_: &T) {}
    /// Neither `Clone` nor `Sync`.
    struct Plain(#[expect(dead_code, reason = "makes it what it is")] std::cell::Cell<u8>);
    let plain = tower::service_fn(|_: u64| ready(Ok::<_, BoxError>(Plain(0.into()))));
    let mut service = RetryLayer::standard()
        .classify(buttress_core::ByError::new())
        .layer(plain);
    let future = service.call(1);
    is_send(&future);
    is_send(&service);
}
