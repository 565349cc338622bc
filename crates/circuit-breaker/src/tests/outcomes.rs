use super::{Ask, BoxError, SECOND, answer, call, give_up, layer};
use crate::{CircuitBreakerLayer, Reason, Settings, State};
use buttress_core::{
    Blame, Elapsed, Failure, Phase, classify_fn,
    http::{AtEnd, HttpStatus},
};
use http_body_util::{BodyExt, Full};
use std::time::Duration;
use tokio::time::{advance, sleep};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

#[tokio::test(start_paused = true)]
async fn failures_that_others_are_to_blame_for_count_neither_way() {
    let layer = layer(Settings::standard().consecutive_failures(1));
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(answer));
    for blame in [Blame::Key, Blame::Limit, Blame::Request, Blame::Local] {
        call(&mut service, Ask::Blame(blame)).await.unwrap_err();
        assert_eq!(handle.counts().calls, 0);
    }
    // A probe gives its place back.
    handle.force_open();
    advance(30 * SECOND).await;
    for blame in [Blame::Key, Blame::Limit, Blame::Request, Blame::Local] {
        call(&mut service, Ask::Blame(blame)).await.unwrap_err();
        let counts = handle.counts();
        assert_eq!(handle.state(), State::HalfOpen);
        assert_eq!((counts.probes, counts.successes), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_can_be_a_failure() {
    let odd_is_bad = classify_fn(|outcome: Result<&u64, &BoxError>| match outcome {
        Ok(n) if n % 2 == 0 => Ok(()),
        _ => Err(Failure::SERVICE),
    });
    let layer = CircuitBreakerLayer::standard().classify(odd_is_bad);
    let mut service = layer.layer(service_fn(async |n: u64| Ok::<_, BoxError>(n)));
    for n in [1, 2, 3] {
        assert_eq!(service.ready().await.unwrap().call(n).await.unwrap(), n);
    }
    let counts = layer.handle().counts();
    assert_eq!((counts.calls, counts.failures), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_in_an_answer_extends_the_time_open() {
    let layer = layer(Settings::standard().consecutive_failures(1)).classify(HttpStatus::new());
    let mut service = layer.layer(service_fn(async |wait: &str| {
        let answer = http::Response::builder().status(503);
        Ok::<_, BoxError>(answer.header("retry-after", wait).body(())?)
    }));
    let mut open_for = async |wait| {
        layer.handle().reset();
        service.ready().await.unwrap().call(wait).await.unwrap();
        layer.handle().time_until_probe()
    };
    assert_eq!(open_for("90").await, Some(90 * SECOND));
    assert_eq!(open_for("5").await, Some(30 * SECOND));
    assert_eq!(open_for("3600").await, Some(300 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_after_any_number_of_polls_leaves_nothing_behind() {
    const POLLS: usize = 4;
    let slow_answer = |()| async {
        for _ in 1..POLLS {
            tokio::task::yield_now().await;
        }
        Ok::<_, BoxError>(())
    };
    let layer = layer(Settings::standard().successes_to_close(1));
    let handle = layer.handle();
    for state in [State::Closed, State::HalfOpen] {
        for polls in 0..POLLS {
            if state == State::HalfOpen {
                handle.force_open();
                advance(30 * SECOND).await;
            }
            let mut service = layer.layer(service_fn(slow_answer));
            let mut response = task::spawn(service.ready().await.unwrap().call(()));
            for _ in 0..polls {
                assert_pending!(response.poll());
            }
            assert_eq!(handle.state(), state);
            drop(response);
            let counts = handle.counts();
            assert_eq!((counts.calls, counts.failures, counts.probes), (0, 0, 0));
            assert_eq!(handle.state(), state);
        }
    }
    let mut service = layer.layer(service_fn(slow_answer));
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(handle.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_can_t_hide_a_dead_service() {
    let settings = Settings::standard().slow_calls(5 * SECOND, 0.5);
    let layer = layer(settings);
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(answer));
    for _ in 0..29 {
        give_up(&mut service, 6 * SECOND).await;
    }
    let counts = handle.counts();
    assert_eq!((counts.calls, counts.slow, counts.failures), (29, 29, 0));
    give_up(&mut service, 6 * SECOND).await;
    assert_eq!(handle.state(), State::Open);
    assert_eq!(handle.watch().borrow().reason, Reason::SlowRate);
}

#[tokio::test(start_paused = true)]
async fn a_quick_caller_says_nothing_about_the_service() {
    let settings = Settings::standard().slow_calls(5 * SECOND, 0.5);
    let layer = layer(settings);
    let mut service = layer.layer(service_fn(answer));
    for _ in 0..50 {
        give_up(&mut service, 4 * SECOND).await;
    }
    assert_eq!(layer.handle().counts().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn nor_can_a_deadline_that_is_noticed_below() {
    let settings = Settings::standard().slow_calls(5 * SECOND, 0.5);
    for (deadline, state) in [(4, State::Closed), (10, State::Open)] {
        let layer = layer(settings.clone());
        let handle = layer.handle();
        let mut service = layer.layer(service_fn(move |()| async move {
            sleep(deadline * SECOND).await;
            let elapsed = Elapsed::new(Phase::Deadline, deadline * SECOND);
            Err::<(), _>(BoxError::from(elapsed))
        }));
        for _ in 0..50 {
            let response = service.ready().await.unwrap().call(());
            response.await.unwrap_err();
            if handle.state() == State::Open {
                break;
            }
        }
        assert_eq!(handle.state(), state, "{deadline} s");
        assert_eq!(handle.counts().failures, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_key_or_the_request_is_to_blame_for_is_not_slow() {
    let layer = layer(Settings::standard().slow_calls(5 * SECOND, 0.5));
    let mut service = layer.layer(service_fn(async |ask: Ask| {
        sleep(6 * SECOND).await;
        answer(ask).await
    }));
    for blame in [Blame::Key, Blame::Limit, Blame::Request] {
        call(&mut service, Ask::Blame(blame)).await.unwrap_err();
    }
    assert_eq!(layer.handle().counts().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn slow_is_the_time_to_the_answer_not_to_its_end() {
    let settings = Settings::standard().slow_calls(5 * SECOND, 1.0);
    let layer = layer(settings).judge(AtEnd::new(HttpStatus::new()));
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(async |wait: Duration| {
        sleep(wait).await;
        Ok::<_, BoxError>(http::Response::new(Full::new(bytes::Bytes::from("hi"))))
    }));
    for (wait, slow) in [(SECOND, 0), (6 * SECOND, 1)] {
        let response = service.ready().await.unwrap().call(wait).await.unwrap();
        let calls = handle.counts().calls;
        sleep(20 * SECOND).await;
        response.into_body().collect().await.unwrap();
        let counts = handle.counts();
        assert_eq!((counts.calls, counts.slow), (calls + 1, slow));
    }
}

#[tokio::test(start_paused = true)]
async fn a_straggler_from_before_the_trip_does_not_decide_the_probe() {
    let layer = layer(Settings::standard());
    let handle = layer.handle();
    let (mut service, mut inner) = mock::spawn_layer::<(), (), _>(layer);
    let mut call = || {
        assert_ready_ok!(service.poll_ready());
        task::spawn(service.call(()))
    };
    let mut early = call();
    let (_, early_answer) = inner.next_request().await.unwrap();
    handle.force_open();
    advance(30 * SECOND).await;
    let mut probe = call();
    let (_, probe_answer) = inner.next_request().await.unwrap();
    early_answer.send_error("too late");
    assert_ready_err!(early.poll());
    assert_eq!(handle.state(), State::HalfOpen);
    assert_eq!(handle.counts().probes, 1);
    probe_answer.send_response(());
    assert_ready_ok!(probe.poll());
    assert_eq!(handle.counts().successes, 1);
}
