//! Streams that break after content, and are carried on where that is asked for.

use crate::{always, broken, one, start, two, well};
use buttress_testkit::{Provider, Reply};
use buttress_tests::{Mode, Setup, in_modes};
use std::time::Duration;

const ON: &str = "limits.continuations = 2";

fn half() -> Reply {
    Reply::text("One two three four").close_after(2)
}

/// What the provider was asked last.
fn last_request(provider: &Provider) -> String {
    provider.calls().last().expect("a call").json().to_string()
}

#[tokio::test]
async fn the_same_route_carries_on() {
    in_modes(Mode::streamed(), async |mode| {
        let script = mode.scripted().reply(half());
        let provider = start(script.then(Reply::text(" three four"))).await;
        let gateway = one(mode, &provider).with(ON).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("One two three four", "only");
        assert_eq!(provider.call_count(), 2);
        let asked = last_request(&provider);
        assert!(asked.contains("\"One two\""), "{asked}");
        // The breaker has heard of both.
        let counts = gateway.breaker(0).counts();
        assert_eq!((counts.calls, counts.failures), (2, 1));
    })
    .await;
}

/// Whoever is next, in whichever dialect.
#[tokio::test]
async fn the_next_route_carries_on() {
    in_modes(Mode::pairs(true), async |mode| {
        // The second speaks as the caller does, or not.
        let script = mode.scripted().reply(half()).forever(Reply::server_error());
        let first = start(script).await;
        let second = Provider::builder(mode.caller).forever(Reply::text(" three four"));
        let second = start(second).await;
        let setup = Setup::new()
            .route("first", mode.provider, first.url())
            .route("second", mode.caller, second.url())
            .with("defaults.retry.max_retries = 1")
            .with(ON);
        let gateway = setup.start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("One two three four", "first");
        assert_eq!((first.call_count(), second.call_count()), (3, 1));
        assert!(last_request(&second).contains("\"One two\""));
    })
    .await;
}

#[tokio::test]
async fn what_breaks_again_is_carried_on_again_and_no_more_than_is_allowed() {
    in_modes(Mode::streamed(), async |mode| {
        let script = mode.scripted().reply(half());
        let script = script.then(Reply::text(" three four five").close_after(2));
        let provider = start(script.forever(Reply::text(" five six").close_after(1))).await;
        let gateway = one(mode, &provider).with(ON).start().await;

        let answer = gateway.ask(mode).await;
        let told = "One two three four five";
        answer.assert_broken_off(told, broken(mode), "only");
        assert_eq!(provider.call_count(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_carried_on() {
    in_modes(Mode::streamed(), async |mode| {
        let silent = Reply::text("One two three four").stall_after(2);
        let first = always(mode, silent).await;
        let second = start(mode.scripted().forever(Reply::text(" three four"))).await;
        let setup = two(mode, &first, &second)
            .with("defaults.timeout.idle = '300ms'")
            .with("defaults.breaker.consecutive_failures = 1")
            .with(ON);
        let answer = setup.start().await.ask(mode).await;
        answer.assert_good("One two three four", "first");
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_carries_on_is_broken_off() {
    in_modes(Mode::streamed(), async |mode| {
        let script = mode.scripted().reply(half());
        let first = start(script.forever(Reply::server_error())).await;
        let gateway = one(mode, &first).with(ON).start().await;
        let answer = gateway.ask(mode).await;
        answer.assert_broken_off("One two", broken(mode), "only");
        assert_eq!(first.call_count(), 1 + 4);
    })
    .await;
}

#[tokio::test]
async fn a_caller_s_calls_are_all_it_costs() {
    in_modes(Mode::streamed(), async |mode| {
        let (first, second) = (always(mode, half()).await, well(mode).await);
        let setup = two(mode, &first, &second).with("limits.max_calls = 1");
        let answer = setup.with(ON).start().await.ask(mode).await;
        answer.assert_broken_off("One two", broken(mode), "first");
        assert_eq!((first.call_count(), second.call_count()), (1, 0));
        assert_eq!(answer.waited(), Duration::ZERO);
    })
    .await;
}
