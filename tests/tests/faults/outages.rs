//! Services that are down, overloaded, or not there.

use crate::{always, assert_mended, broken, one, overloaded, start, two, well};
use buttress_testkit::{Nowhere, Reply};
use buttress_tests::{Setup, assert_waits, in_all_modes, last_call};
use std::{convert::identity, time::Duration};

/// What is waited for in all before the fourth attempt.
const ALL_WAITS: Duration = Duration::from_millis(40 + 80 + 160);

#[tokio::test]
async fn overloaded_once() {
    in_all_modes(async |mode| {
        assert_mended(mode, Reply::overloaded(), identity).await;
    })
    .await;
}

#[tokio::test]
async fn overloaded_for_ever() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::overloaded()).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        let (status, error) = overloaded(mode);
        answer.assert_given_up(status, error);
        assert_eq!((answer.attempts(), answer.waited()), (4, ALL_WAITS));
        assert_waits(&provider, [40..=40, 80..=80, 160..=160]);
        answer.assert_at_once_after(last_call(&provider));
    })
    .await;
}

#[tokio::test]
async fn overloaded_for_ever_and_a_fallback() {
    in_all_modes(async |mode| {
        let first = always(mode, Reply::overloaded()).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (5, ALL_WAITS));
        assert_waits(&first, [40..=40, 80..=80, 160..=160]);
        assert_eq!(second.call_count(), 1);
        let between = last_call(&second) - last_call(&first);
        assert!(between < buttress_tests::SLACK, "{between:?}");
    })
    .await;
}

#[tokio::test]
async fn a_500_twice() {
    in_all_modes(async |mode| {
        let script = mode.scripted().times(2, Reply::server_error());
        let provider = start(script.then(Reply::text("At last."))).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("At last.", "only");
        assert_eq!(answer.attempts(), 3);
        assert_eq!(answer.waited(), Duration::from_millis(120));
        assert_waits(&provider, [40..=40, 80..=80]);
    })
    .await;
}

#[tokio::test]
async fn an_html_page() {
    in_all_modes(async |mode| {
        assert_mended(mode, Reply::bad_gateway(), identity).await;
    })
    .await;
}

#[tokio::test]
async fn an_html_page_for_ever() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::bad_gateway()).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(502, broken(mode));
        assert!(!answer.body.contains("html"), "{}", answer.body);
        assert_eq!((answer.attempts(), answer.waited()), (4, ALL_WAITS));
        assert_waits(&provider, [40..=40, 80..=80, 160..=160]);
        answer.assert_at_once_after(last_call(&provider));
    })
    .await;
}

#[tokio::test]
async fn nobody_listens() {
    in_all_modes(async |mode| {
        let nowhere = Nowhere::new().unwrap();
        let setup = Setup::new().route("only", mode.provider, nowhere.url());
        let gateway = setup.start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(502, broken(mode));
        assert_eq!((answer.attempts(), answer.waited()), (4, ALL_WAITS));
        let took = answer.took();
        assert!(
            ALL_WAITS <= took && took < ALL_WAITS + buttress_tests::SLACK,
            "{took:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_listens_and_a_fallback() {
    in_all_modes(async |mode| {
        let (nowhere, second) = (Nowhere::new().unwrap(), well(mode).await);
        let gateway = Setup::new()
            .route("first", mode.provider, nowhere.url())
            .route("second", mode.provider, second.url())
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (5, ALL_WAITS));
        assert_eq!(second.call_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_service_that_restarts() {
    in_all_modes(async |mode| {
        let mut provider = always(mode, Reply::text("Here.")).await;
        let gateway = one(mode, &provider).start().await;
        gateway.ask(mode).await.assert_good("Here.", "only");

        // The connections that the gateway keeps break with it.
        provider.kill().await;
        let (answer, ()) = tokio::join!(gateway.ask(mode), async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            provider.restart().await.unwrap();
        });
        answer.assert_good("Here.", "only");
        assert!((2..=4).contains(&answer.attempts()));
    })
    .await;
}

#[tokio::test]
async fn back_off_is_spread_out() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::server_error()).await;
        let gateway = one(mode, &provider)
            .with("defaults.retry.jitter = 'full'")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        assert_eq!(answer.attempts(), 4);
        assert!(answer.waited() <= ALL_WAITS);
        assert_waits(&provider, [0..=40, 0..=80, 0..=160]);
    })
    .await;
}

/// The base URL is wrong: that is no missing model, no fault of the caller's, and no word on the
/// health of anything.
#[tokio::test]
async fn a_redirect() {
    in_all_modes(async |mode| {
        let moved = || {
            let reply = Reply::raw(301).header("content-type", "text/html");
            reply.header("location", "https://example.com/v2/chat?token=secret")
        };
        let first = always(mode, moved()).await;
        let gateway = one(mode, &first).start().await;
        for _ in 0..10 {
            let answer = gateway.ask(mode).await;
            answer.assert_given_up(502, mode.caller("server_error", "api_error"));
            assert!(!answer.body.contains("example.com"), "{}", answer.body);
        }
        assert_eq!(first.call_count(), 10, "neither retried nor held back");

        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;
        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
    })
    .await;
}
