//! What only HTTP/2 has: streams that are refused or reset, of a connection that stays.

use crate::{always, assert_mended, one, start, well};
use buttress_testkit::Reply;
use buttress_tests::{
    Mode, Setup, assert_closed_at_once, assert_waits, in_all_modes, in_modes, last_call,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LIMIT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_call_that_was_never_looked_at_is_made_again_for_nothing() {
    in_all_modes(async |mode| {
        for refusal in [Reply::refused_stream(), Reply::go_away()] {
            let script = mode.scripted().reply(refusal);
            let provider = start(script.then(Reply::text("At last."))).await;
            let gateway = one(mode, &provider)
                .over_http2()
                .with("defaults.retry.max_retries = 0")
                .start()
                .await;

            let answer = gateway.ask(mode).await;
            answer.assert_good("At last.", "only");
            assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
            assert_waits(&provider, [0..=0]);
            assert_eq!(gateway.breaker(0).counts().failures, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn refused_for_ever() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::refused_stream()).await;
        let gateway = one(mode, &provider).over_http2().start().await;

        let answer = gateway.ask(mode).await;
        let error = mode.caller("server_error", "api_error");
        answer.assert_given_up(502, error);
        // Once at once, and then as often as anything else.
        assert_eq!(answer.attempts(), 5);
        assert_waits(&provider, [0..=0, 40..=40, 80..=80, 160..=160]);
        answer.assert_at_once_after(last_call(&provider));
    })
    .await;
}

#[tokio::test]
async fn reset_before_content() {
    in_all_modes(async |mode| {
        assert_mended(mode, Reply::reset(), Setup::over_http2).await;
    })
    .await;
}

#[tokio::test]
async fn closed_after_content() {
    in_modes(Mode::streamed(), async |mode| {
        let provider = always(mode, Reply::text("One two three").close_after(2)).await;
        let gateway = one(mode, &provider).over_http2().start().await;

        let answer = gateway.ask(mode).await;
        let error = mode.caller("server_error", "api_error");
        answer.assert_broken_off("One two", error, "only");
        assert_eq!(provider.call_count(), 1);
        assert_eq!(gateway.breaker(0).counts().failures, 1);
    })
    .await;
}

#[tokio::test]
async fn silence_closes_the_stream_and_not_the_connection() {
    in_all_modes(async |mode| {
        let script = mode.scripted().reply(Reply::silence());
        let (first, second) = (start(script).await, well(mode).await);
        let gateway = Setup::new()
            .route("first", mode.provider, first.url())
            .over_http2()
            .route("second", mode.provider, second.url())
            .with("defaults.timeout.first_content = '300ms'")
            .with("defaults.timeout.attempt = '300ms'")
            .with("defaults.retry.max_timeouts = 0")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert!(answer.took() >= LIMIT);
        assert_closed_at_once(&first, 0, last_call(&second)).await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("Hello from the testkit.", "first");
        let calls = first.calls();
        assert_eq!(calls[0].connection(), calls[1].connection());
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_leaves_closes_the_stream() {
    in_modes(Mode::streamed(), async |mode| {
        let endless = Reply::text("word ".repeat(1000)).pace(Duration::from_millis(10));
        let provider = always(mode, endless).await;
        let gateway = one(mode, &provider).over_http2().start().await;
        let mut open = gateway.open(mode).await;
        open.piece().await.unwrap().expect("some of it");
        sleep(Duration::from_millis(50)).await;
        drop(open);
        assert_closed_at_once(&provider, 0, Instant::now()).await;
        assert_eq!(gateway.breaker(0).counts().calls, 0);
    })
    .await;
}
