//! Circuits over sockets: opened by failures, closed by a probe.

use crate::{always, one, two, well};
use buttress::circuit_breaker::State;
use buttress_testkit::{Reply, Script};
use buttress_tests::{Answer, Gateway, Mode, Setup, in_all_modes, last_call};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::sleep;

/// Opens after three failures in a row, for half a second, until one probe succeeds.
fn nervous(setup: Setup) -> Setup {
    setup
        .with("defaults.retry.max_retries = 0")
        .with("defaults.breaker.consecutive_failures = 3")
        .with("defaults.breaker.open = '500ms'")
        .with("defaults.breaker.successes = 1")
}

async fn fail(gateway: &Gateway, mode: Mode, times: usize) {
    for _ in 0..times {
        let answer = gateway.ask(mode).await;
        answer.assert_given_up(500, mode.caller("server_error", "api_error"));
    }
}

#[tokio::test]
async fn a_circuit_opens_and_closes_again() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::server_error()).await;
        let gateway = nervous(one(mode, &provider)).start().await;
        let breaker = gateway.breaker(0);

        fail(&gateway, mode, 2).await;
        assert_eq!(breaker.state(), State::Closed);
        fail(&gateway, mode, 1).await;
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(circuit(&gateway).await, "open");

        // Nobody is asked.
        let answer = gateway.ask(mode).await;
        let error = mode.caller("service_unavailable_error", "overloaded_error");
        answer.assert_given_up(503, error);
        assert_eq!(answer.retry_after(), Some(1));
        assert_eq!((answer.attempts(), answer.waited()), (0, Duration::ZERO));
        assert_eq!(provider.call_count(), 3);

        // A probe that fails opens it for longer.
        sleep(breaker.time_until_probe().unwrap()).await;
        fail(&gateway, mode, 1).await;
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(provider.call_count(), 4);
        let longer = breaker.time_until_probe().unwrap();
        assert!(longer > Duration::from_millis(700), "{longer:?}");

        // One that succeeds closes it.
        provider.play(Script::new().forever(Reply::text("Well again.")));
        sleep(longer).await;
        gateway.ask(mode).await.assert_good("Well again.", "only");
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(circuit(&gateway).await, "closed");
        gateway.ask(mode).await.assert_good("Well again.", "only");
        assert_eq!(provider.call_count(), 6);
    })
    .await;
}

#[tokio::test]
async fn of_many_callers_one_is_the_probe() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::server_error()).await;
        let gateway = nervous(one(mode, &provider)).start().await;
        fail(&gateway, mode, 3).await;

        let slow = Reply::text("Well again.").delay(Duration::from_millis(300));
        provider.play(Script::new().forever(slow));
        sleep(gateway.breaker(0).time_until_probe().unwrap()).await;
        let callers = (0..20).map(|_| gateway.ask(mode));
        let answers = join_all(callers).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        let refused = answers.iter().filter(|answer| answer.status == 503).count();
        assert_eq!((good, refused), (1, 19));
        assert_eq!(provider.call_count(), 3 + 1);
        assert_eq!(gateway.breaker(0).state(), State::Closed);
    })
    .await;
}

#[tokio::test]
async fn an_open_circuit_costs_a_fallback_nothing() {
    in_all_modes(async |mode| {
        let (first, second) = (always(mode, Reply::server_error()).await, well(mode).await);
        let gateway = nervous(two(mode, &first, &second)).start().await;
        for _ in 0..3 {
            let answer = gateway.ask(mode).await;
            answer.assert_good("From the backup.", "second");
            assert_eq!(answer.attempts(), 2);
        }
        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (3, 4));
        answer.assert_at_once_after(last_call(&second));
    })
    .await;
}

#[tokio::test]
async fn a_circuit_that_opens_ends_the_retries() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::server_error()).await;
        let gateway = nervous(one(mode, &provider))
            .with("defaults.retry.max_retries = 9")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert_eq!((answer.attempts(), provider.call_count()), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn failures_of_others_open_no_circuit() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::rate_limited().header("retry-after-ms", "1")).await;
        let gateway = nervous(one(mode, &provider)).start().await;
        for reply in [Reply::context_too_long(), Reply::content_policy()] {
            provider.play(Script::new().forever(reply));
            for _ in 0..4 {
                assert_eq!(gateway.ask(mode).await.status, 400);
            }
        }
        assert_eq!(gateway.breaker(0).state(), State::Closed);
        assert_eq!(gateway.breaker(0).counts().failures, 0);
    })
    .await;
}

/// The state of the first route's circuit, as the gateway tells it.
async fn circuit(gateway: &Gateway) -> String {
    let mode = Mode::all().next().expect("a mode");
    let ready = gateway.get("/readyz", &[]).await.unwrap();
    let ready = Answer::read(mode, ready).await;
    assert_eq!(ready.status, 200);
    ready.json()["routes"][0]["circuit"]
        .as_str()
        .unwrap()
        .to_owned()
}
