use super::{Ask, BoxError, SECOND, answer, call, layer, rejected};
use crate::{CircuitBreakerLayer, Settings, State};
use buttress_core::{Cause, Class, Failure, Judge, Rejected, Witness};
use futures_util::FutureExt;
use std::task::{Context, Poll};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_test::mock;

#[tokio::test(start_paused = true)]
async fn open_it_is_ready_without_asking_the_inner_service_and_rejects() {
    let layer = layer(Settings::standard());
    let (mut service, mut inner) = mock::spawn_layer::<(), (), _>(layer.clone());
    inner.allow(0);
    assert_pending!(service.poll_ready());
    layer.handle().force_open();
    advance(10 * SECOND).await;
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(()));
    let error = assert_ready_err!(response.poll());
    let expected = Rejected::new(Cause::CircuitOpen).retry_after(20 * SECOND);
    assert_eq!(*rejected(&error), expected);
    // Half an hour later the inner service is asked again.
    advance(1800 * SECOND).await;
    assert_pending!(service.poll_ready());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_not_made_ready_is_never_called() {
    let layer = layer(Settings::standard());
    let handle = layer.handle();
    let (mut service, mut inner) = mock::spawn_layer::<(), (), _>(layer);

    // It was open when readiness was polled, and is closed by the time of the call.
    handle.force_open();
    assert_ready_ok!(service.poll_ready());
    handle.force_close();
    let error = assert_ready_err!(task::spawn(service.call(())).poll());
    assert_eq!(rejected(&error).cause, Cause::CircuitOpen);

    // Readiness counts once.
    inner.allow(1);
    assert_ready_ok!(service.poll_ready());
    let _called = service.call(());
    assert_ready_err!(task::spawn(service.call(())).poll());

    // Neither does a clone inherit it.
    inner.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut clone = service.get_ref().clone();
    assert_ready_err!(task::spawn(clone.call(())).poll());
    assert_eq!(handle.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn it_calls_the_instance_that_was_made_ready() {
    struct Counting {
        ready: bool,
    }
    impl Clone for Counting {
        fn clone(&self) -> Self {
            Self { ready: false }
        }
    }
    impl Service<()> for Counting {
        type Response = ();
        type Error = BoxError;
        type Future = std::future::Ready<Result<(), BoxError>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            self.ready = true;
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, (): ()) -> Self::Future {
            assert!(std::mem::take(&mut self.ready));
            std::future::ready(Ok(()))
        }
    }
    let mut service = layer(Settings::standard()).layer(Counting { ready: false });
    for _ in 0..3 {
        service.ready().await.unwrap().call(()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_opens_between_readiness_and_call() {
    let layer = layer(Settings::standard());
    let (mut service, mut inner) = mock::spawn_layer::<(), (), _>(layer.clone());
    assert_ready_ok!(service.poll_ready());
    layer.handle().force_open();
    let error = assert_ready_err!(task::spawn(service.call(())).poll());
    assert_eq!(rejected(&error).retry_after, Some(30 * SECOND));
    assert_pending!(task::spawn(inner.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_kept_rejected_holds_no_permit_of_the_inner_one() {
    let layer = layer(Settings::standard().consecutive_failures(1));
    let handle = layer.handle();
    let open = || handle.force_open();
    let one_at_a_time = ConcurrencyLimit::new(service_fn(answer), 1);
    let mut probing = layer.layer(one_at_a_time.clone());
    let mut probe = async || {
        advance(30 * SECOND).await;
        assert_eq!(
            call(&mut probing, Ask::Answer).now_or_never(),
            Some(Ok("hello"))
        );
        handle.reset();
    };

    // It opens between readiness and call.
    let mut idle = layer.layer(one_at_a_time.clone());
    idle.ready().await.unwrap();
    open();
    let refused = idle.call(Ask::Answer).await.unwrap_err();
    assert_eq!(refused.0.class, Class::Rejected);
    probe().await;

    // It opens, and readiness is polled again.
    idle.ready().await.unwrap();
    open();
    idle.ready().await.unwrap();
    probe().await;

    // It opens while readiness is waited for: a place in the line is worth a permit.
    let mut busy = layer.layer(one_at_a_time.clone());
    let hanging = busy.ready().await.unwrap().call(Ask::Hang);
    let mut idle = task::spawn(idle);
    assert_pending!(idle.enter(|cx, mut idle| idle.poll_ready(cx)));
    open();
    assert_ready_ok!(idle.enter(|cx, mut idle| idle.poll_ready(cx)));
    drop(hanging);
    probe().await;

    // It rejects for one key only.
    let layer = layer.keyed(|ask: &Ask| *ask);
    let mut idle = layer.layer(one_at_a_time.clone());
    call(&mut idle, Ask::Fail).await.unwrap_err();
    assert_eq!(
        call(&mut idle, Ask::Fail).await.unwrap_err().class,
        Class::Rejected
    );
    let mut other = layer.layer(one_at_a_time);
    assert_eq!(
        call(&mut other, Ask::Answer).now_or_never(),
        Some(Ok("hello"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_judge_that_answers_an_error_of_readiness_has_the_call_rejected() {
    #[derive(Clone)]
    struct Forgiving;
    impl<T: Default, E> Judge<T, E> for Forgiving {
        type Response<W: Witness> = T;
        fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<T, E> {
            witness.settled(result.as_ref().map(|_| ()).map_err(|_| Failure::SERVICE));
            Ok(result.unwrap_or_default())
        }
    }
    let layer = layer(Settings::standard()).judge(Forgiving);
    let handle = layer.handle();
    let (mut service, mut inner) = mock::spawn_layer::<(), (), _>(layer);
    inner.send_error("no connection");
    assert_ready_ok!(service.poll_ready());
    assert_eq!(handle.counts().failures, 1);
    let error = assert_ready_err!(task::spawn(service.call(())).poll());
    assert_eq!(*rejected(&error), Rejected::new(Cause::CircuitOpen));
    assert_eq!(handle.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_is_an_outcome() {
    let layer = layer(Settings::standard().consecutive_failures(2));
    let handle = layer.handle();
    let (mut service, mut inner) = mock::spawn_layer::<(), (), _>(layer.clone());
    inner.send_error("no connection");
    assert_ready_err!(service.poll_ready());
    assert_eq!(handle.counts().failures, 1);

    // Also while half-open, where it is that of a probe.
    handle.force_open();
    advance(30 * SECOND).await;
    inner.send_error("still none");
    assert_ready_err!(service.poll_ready());
    assert_eq!(handle.state(), State::Open);
    assert_eq!(handle.time_until_probe(), Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_service_dropped_ready_leaves_nothing_behind() {
    let layer = layer(Settings::standard());
    layer.handle().force_open();
    advance(30 * SECOND).await;
    let mut idle = layer.layer(service_fn(answer));
    idle.ready().await.unwrap();
    // Standing ready keeps nobody out either.
    let mut other = layer.layer(service_fn(answer));
    assert_eq!(call(&mut other, Ask::Answer).await, Ok("hello"));
    drop(idle);
    assert_eq!(layer.handle().counts().probes, 0);
}

#[test]
fn it_is_as_send_as_what_it_is_made_of() {
    fn send<T: Send>(_: &T) {}
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let layer = CircuitBreakerLayer::standard();
    shared(&layer);
    shared(&layer.handle());
    let mut service = layer.layer(service_fn(answer));
    shared(&service);
    send(&service.call(Ask::Answer));
}

/// A response that is neither `Clone`, nor `Sync`, nor `Send`.
#[tokio::test(start_paused = true)]
async fn it_asks_nothing_of_responses() {
    struct Bare(std::cell::Cell<u8>, std::rc::Rc<()>);
    let inner = service_fn(async |n: u8| Ok::<_, BoxError>(Bare(n.into(), ().into())));
    let mut service = CircuitBreakerLayer::standard().layer(inner);
    let response = service.ready().await.unwrap().call(3).await.unwrap();
    assert_eq!((response.0.get(), *response.1), (3, ()));
}
