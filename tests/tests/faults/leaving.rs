//! Callers who leave: nobody's failure, and the end of all that was done for them.

use crate::{always, one};
use buttress::{circuit_breaker::Counts, retry_after::GateState};
use buttress_testkit::{Provider, Reply};
use buttress_tests::{Gateway, Mode, Setup, assert_closed_at_once, in_all_modes, in_modes};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One that takes every failure to heart.
fn touchy(mode: Mode, provider: &Provider) -> Setup {
    one(mode, provider)
        .with("defaults.breaker.consecutive_failures = 1")
        .with("defaults.retry.base = '300ms'")
        .with("defaults.retry.cap = '1s'")
}

/// Nothing was held against the provider.
fn assert_not_blamed(gateway: &Gateway) {
    assert_eq!(gateway.breaker(0).counts(), Counts::default());
}

#[tokio::test]
async fn before_there_is_an_answer() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::silence()).await;
        let gateway = touchy(mode, &provider).start().await;
        for call in 0..3 {
            let asked = gateway.open(mode);
            let left = async {
                provider.next_call().await;
                sleep(Duration::from_millis(50)).await;
            };
            tokio::select! {
                _ = asked => panic!("nobody answers"),
                () = left => {}
            }
            assert_closed_at_once(&provider, call, Instant::now()).await;
        }
        assert_eq!(provider.call_count(), 3);
        assert_not_blamed(&gateway);
    })
    .await;
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    in_modes(Mode::streamed(), async |mode| {
        let endless = Reply::text("word ".repeat(1000)).pace(Duration::from_millis(10));
        let provider = always(mode, endless).await;
        let gateway = touchy(mode, &provider).start().await;
        for call in 0..3 {
            let mut open = gateway.open(mode).await;
            assert_eq!(open.status, 200);
            for _ in 0..3 {
                open.piece().await.unwrap().expect("more of it");
            }
            drop(open);
            assert_closed_at_once(&provider, call, Instant::now()).await;
        }
        assert_eq!(provider.call_count(), 3);
        assert_not_blamed(&gateway);
    })
    .await;
}

#[tokio::test]
async fn in_the_middle_of_a_stream_that_has_stalled() {
    in_modes(Mode::streamed(), async |mode| {
        let provider = always(mode, Reply::text("One two").stall_after(1)).await;
        let gateway = touchy(mode, &provider).start().await;
        let mut open = gateway.open(mode).await;
        open.piece().await.unwrap().expect("the first word");
        sleep(Duration::from_millis(50)).await;
        drop(open);
        assert_closed_at_once(&provider, 0, Instant::now()).await;
        assert_not_blamed(&gateway);
    })
    .await;
}

#[tokio::test]
async fn between_two_attempts() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::server_error()).await;
        let gateway = one(mode, &provider)
            .with("defaults.retry.base = '300ms'")
            .with("defaults.retry.cap = '1s'")
            .start()
            .await;
        let asked = gateway.open(mode);
        let left = async {
            provider.next_call().await;
            sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            _ = asked => panic!("it waits"),
            () = left => {}
        }
        sleep(Duration::from_millis(500)).await;
        assert_eq!(provider.call_count(), 1, "nobody waits for a second one");
    })
    .await;
}

#[tokio::test]
async fn out_of_a_line() {
    in_all_modes(async |mode| {
        let limited = Reply::rate_limited().retry_after(20);
        let provider = always(mode, limited).await;
        let gateway = one(mode, &provider).start().await;
        let limited = async {
            while gateway.route(0).gate_handle().state() == GateState::Open {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = gateway.open(mode) => panic!("it waits"),
            () = limited => {}
        }
        let in_line = async {
            while gateway.route(0).gate_handle().waiting() == 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = gateway.open(mode) => panic!("it waits"),
            () = in_line => {}
        }
        sleep(Duration::from_millis(50)).await;
        assert_eq!(gateway.route(0).gate_handle().waiting(), 0);
        assert_eq!(provider.call_count(), 1);
    })
    .await;
}
