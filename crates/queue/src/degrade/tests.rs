use super::*;
use crate::{
    Queue, Settings, State, Task,
    flaky::{Flaky, Mode},
};
use buttress_core::{AsFailure, Blame, Cause, Class, Elapsed, Failure, Phase, Rejected};
use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

/// Numbers that fail by their verdict.
#[derive(Clone, Copy, Debug)]
struct Numbers;

impl DegradePolicy<u64, Failure> for Numbers {
    type Kept = u64;

    fn keep(&self, request: &u64) -> Option<u64> {
        Some(*request).filter(|&request| request != 13)
    }

    fn degrades(&self, error: &Failure) -> Option<Failure> {
        Some(*error).filter(is_worth_queueing)
    }

    fn task(&self, kept: u64, _: &Failure) -> Option<Task> {
        Task::parse(format!(r#"{{"messages": [{kept}]}}"#).as_bytes()).ok()
    }
}

type Outcome = Result<Degradable<u64, Failure>, Failure>;

fn layer(store: &Flaky) -> DegradeLayer<Numbers> {
    DegradeLayer::new(Queue::new(store.clone()), Numbers)
}

fn flaky() -> Flaky {
    Flaky::new(Settings::new())
}

async fn fails(store: &Flaky, request: u64, failure: Failure) -> Outcome {
    let service = service_fn(move |_| std::future::ready(Err::<u64, _>(failure)));
    layer(store).layer(service).oneshot(request).await
}

fn degraded(outcome: Outcome) -> Box<Degraded<Failure>> {
    match outcome {
        Ok(Degradable::Degraded(degraded)) => degraded,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_as_it_is() {
    let store = flaky();
    let service = layer(&store).layer(service_fn(async |n: u64| Ok::<_, Failure>(n + 1)));
    let answer = service.oneshot(1).await.unwrap();
    assert!(answer.is_answered());
    assert_eq!(answer.into_result().unwrap(), 2);
    assert_eq!(store.calls("enqueue"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_queued_before_its_caller_hears_of_it() {
    let store = flaky();
    let degraded = degraded(fails(&store, 7, Failure::SERVICE).await);
    assert!(degraded.is_queued());
    assert_eq!(
        (degraded.failure, degraded.error),
        (Failure::SERVICE, Failure::SERVICE)
    );
    let queue = Queue::new(store);
    let kept = queue
        .inspect(degraded.id().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.record.state, State::Waiting);
    assert_eq!(kept.task.unwrap().unwrap().messages.get(), "[7]");
}

#[tokio::test(start_paused = true)]
async fn what_is_the_request_s_fault_is_an_error() {
    let store = flaky();
    for failure in [
        Failure::new(Class::BadInput, Blame::Request),
        Failure::new(Class::BadInput, Blame::Local),
        Failure::new(Class::Partial, Blame::Service),
        Failure::new(Class::Persistent, Blame::Request),
        Failure::new(Class::Transient, Blame::Request),
    ] {
        assert_eq!(fails(&store, 7, failure).await.unwrap_err(), failure);
    }
    let kept_out = fails(&store, 13, Failure::SERVICE).await;
    assert_eq!(kept_out.unwrap_err(), Failure::SERVICE);
    assert_eq!(store.calls("enqueue"), 0);
}

#[test]
fn what_is_not_the_request_s_fault_is_worth_it() {
    let deadline = Elapsed::new(Phase::Deadline, Duration::ZERO).as_failure();
    for failure in [
        Failure::SERVICE,
        Failure::UNPROCESSED,
        Failure::new(Class::Timeout, Blame::Service),
        Failure::new(Class::Persistent, Blame::Key),
        Failure::new(Class::Transient, Blame::Limit),
        Failure::new(Class::Persistent, Blame::Local),
        deadline,
    ] {
        assert!(is_worth_queueing(&failure), "{failure}");
    }
    for cause in [
        Cause::CircuitOpen,
        Cause::GateClosed,
        Cause::KeyUnusable,
        Cause::QueueFull,
        Cause::DeadlinePast,
        Cause::CallsSpent,
    ] {
        assert!(is_worth_queueing(&Rejected::new(cause).as_failure()));
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_store_is_down_too_nothing_is_said_to_be_queued() {
    let store = flaky();
    store.set(Mode::Gone);
    let gone = degraded(fails(&store, 7, Failure::SERVICE).await);
    assert!(!gone.is_queued() && gone.id().is_none());
    assert!(
        matches!(&gone.queued, Err(NotQueued::Refused(error)) if error.as_str() == "unavailable")
    );
    assert_eq!(gone.error, Failure::SERVICE);

    store.set(Mode::Full);
    let full = degraded(fails(&store, 7, Failure::SERVICE).await);
    assert!(matches!(&full.queued, Err(NotQueued::Refused(error)) if error.as_str() == "full"));

    store.set(Mode::Silent);
    let began = Instant::now();
    let silent = degraded(fails(&store, 7, Failure::SERVICE).await);
    assert!(matches!(silent.queued, Err(NotQueued::TimedOut)));
    assert_eq!(began.elapsed(), DegradeLayer::<Numbers>::DEFAULT_LIMIT);

    let limit = Duration::from_millis(300);
    let service = service_fn(async |_| Err::<u64, _>(Failure::SERVICE));
    let began = Instant::now();
    let hasty = layer(&store).limit(limit).layer(service).oneshot(7).await;
    assert!(!degraded(hasty).is_queued());
    assert_eq!(began.elapsed(), limit);
    assert_eq!(store.memory().len(), 0);
}

/// Dropped at whatever point, the task is in the queue or it is not, and the inner call is over.
#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_at_any_point() {
    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            UNDER_WAY.fetch_sub(1, SeqCst);
        }
    }
    let mut kept = Vec::new();
    for polls in 0..7 {
        let store = flaky();
        store.set(Mode::Slow);
        let service = service_fn(async |_: u64| {
            UNDER_WAY.fetch_add(1, SeqCst);
            let _guard = Guard;
            tokio::task::yield_now().await;
            Err::<u64, _>(Failure::SERVICE)
        });
        let mut service = layer(&store).layer(service);
        let cx = &mut Context::from_waker(Waker::noop());
        let mut future = Box::pin(service.call(1));
        let told = (0..polls).any(|_| future.as_mut().poll(cx).is_ready());
        drop(future);
        assert_eq!(UNDER_WAY.load(SeqCst), 0);
        kept.push((store.memory().len(), told));
    }
    kept.dedup();
    assert_eq!(kept, [(0, false), (1, false), (1, true)]);
}

#[tokio::test(start_paused = true)]
async fn drives_the_readied_instance() {
    let store = flaky();
    let (mut service, mut handle) = mock::spawn_with(|mock| {
        layer(&store).layer(tower::ServiceExt::<u64>::map_err(mock, |_| {
            Failure::SERVICE
        }))
    });
    handle.allow(0);
    tokio_test::assert_pending!(service.poll_ready());
    handle.allow(1);
    tokio_test::assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call(5));
    tokio_test::assert_pending!(call.poll());
    let (request, respond) = handle.next_request().await.unwrap();
    assert_eq!(request, 5);
    respond.send_response(6_u64);
    let answer = tokio_test::assert_ready_ok!(call.poll());
    assert_eq!(answer.into_result().unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_clone_does_not_inherit_readiness_and_futures_are_send() {
    #[derive(Debug, Default)]
    struct Once(bool);
    impl Clone for Once {
        fn clone(&self) -> Self {
            Self(false)
        }
    }
    impl Service<u64> for Once {
        type Response = std::cell::Cell<u64>;
        type Error = Failure;
        type Future = std::future::Ready<Result<Self::Response, Failure>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> std::task::Poll<Result<(), Failure>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: u64) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called before it was ready");
            std::future::ready(Err(Failure::SERVICE))
        }
    }
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let mut service = layer(&flaky()).layer(Once::default());
    std::future::poll_fn(|cx| service.poll_ready(cx))
        .await
        .unwrap();
    assert!(service.get_ref().0 && !service.clone().get_ref().0);
    let degraded = is_send(service.call(1)).await.unwrap();
    assert!(!degraded.is_answered());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_first_is_not_queued() {
    let store = flaky();
    let service = service_fn(async |_| {
        sleep(Duration::from_secs(9)).await;
        Err::<u64, _>(Failure::SERVICE)
    });
    let call = layer(&store).layer(service).oneshot(7);
    let given_up = tokio::time::timeout(Duration::from_secs(3), call).await;
    assert!(given_up.is_err());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.calls("enqueue"), 0);
}
