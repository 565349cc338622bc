//! One fault of each kind, with each dialect before each.

use crate::{always, broken, one, overloaded, start, two, well};
use buttress_testkit::{Fault, Reply};
use buttress_tests::{Mode, Setup, in_modes};
use std::time::Duration;

/// Each before each, whole and streamed.
fn all() -> impl Iterator<Item = Mode> {
    Mode::pairs(false).chain(Mode::pairs(true))
}

#[tokio::test]
async fn an_answer() {
    in_modes(all(), async |mode| {
        let provider = always(mode, Reply::text("Here you are.")).await;
        let answer = one(mode, &provider).start().await.ask(mode).await;
        answer.assert_good("Here you are.", "only");
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
    })
    .await;
}

#[tokio::test]
async fn a_rate_limit() {
    in_modes(all(), async |mode| {
        // Longer than anybody waits.
        let limited = || Reply::rate_limited().retry_after(90);
        let (first, second) = (always(mode, limited()).await, well(mode).await);
        let answer = two(mode, &first, &second).start().await.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((first.call_count(), second.call_count()), (1, 1));

        let answer = one(mode, &first).start().await.ask(mode).await;
        answer.assert_given_up(429, mode.caller("requests", "rate_limit_error"));
        assert!((89..=91).contains(&answer.retry_after().expect("a wait")));
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
    })
    .await;
}

#[tokio::test]
async fn an_outage() {
    in_modes(all(), async |mode| {
        let script = mode.scripted().reply(Reply::bad_gateway());
        let provider = start(script.reply(Reply::reset()).then(Reply::text("At last."))).await;
        let answer = one(mode, &provider).start().await.ask(mode).await;
        answer.assert_good("At last.", "only");
        assert_eq!(answer.attempts(), 3);

        for (reply, (status, error)) in [
            (Reply::server_error(), (500, broken(mode))),
            (Reply::overloaded(), overloaded(mode)),
        ] {
            let provider = always(mode, reply).await;
            let setup = one(mode, &provider).with("defaults.retry.max_retries = 1");
            let answer = setup.start().await.ask(mode).await;
            answer.assert_given_up(status, error);
            assert_eq!(provider.call_count(), 2);
        }
    })
    .await;
}

#[tokio::test]
async fn an_outage_and_a_fallback() {
    in_modes(all(), async |mode| {
        // The second speaks as the caller does, or not.
        let first = always(mode, Reply::server_error()).await;
        let same = Mode {
            provider: mode.caller,
            ..mode
        };
        let second = well(same).await;
        let setup = Setup::new()
            .route("first", mode.provider, first.url())
            .route("second", same.provider, second.url())
            .with("defaults.retry.max_retries = 1");
        let answer = setup.start().await.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((first.call_count(), second.call_count()), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn an_error_before_content() {
    in_modes(Mode::pairs(true), async |mode| {
        let script = mode.scripted().reply(Reply::error_first(Fault::Overloaded));
        let provider = start(script.then(Reply::text("At last."))).await;
        let answer = one(mode, &provider).start().await.ask(mode).await;
        answer.assert_good("At last.", "only");
        assert_eq!(answer.attempts(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_breaks_after_content() {
    in_modes(Mode::pairs(true), async |mode| {
        let text = || Reply::text("One two three four");
        let (_, busy) = overloaded(mode);
        for (reply, error) in [
            (text().close_after(2), broken(mode)),
            (text().end_after(2), broken(mode)),
            (text().error_after(2, Fault::Overloaded), busy),
        ] {
            let (first, second) = (always(mode, reply).await, well(mode).await);
            let answer = two(mode, &first, &second).start().await.ask(mode).await;
            answer.assert_broken_off("One two", error, "first");
            assert_eq!((first.call_count(), second.call_count()), (1, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_request() {
    in_modes(all(), async |mode| {
        for reply in [
            Reply::error(Fault::InvalidRequest),
            Reply::context_too_long(),
            Reply::content_policy(),
        ] {
            let (first, second) = (always(mode, reply).await, well(mode).await);
            let answer = two(mode, &first, &second).start().await.ask(mode).await;
            answer.assert_given_up(400, "invalid_request_error");
            assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
            assert_eq!((first.call_count(), second.call_count()), (1, 0));
        }
    })
    .await;
}
