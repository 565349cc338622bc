//! What one request may spend: retries and routes together, and all callers' retries.

use crate::{always, one, two, well};
use buttress_testkit::Reply;
use buttress_tests::{Setup, assert_waits, in_all_modes, last_call};

#[tokio::test]
async fn upstream_calls_are_counted_over_retries_and_routes() {
    in_all_modes(async |mode| {
        let down = async || always(mode, Reply::server_error()).await;
        let (a, b, c) = (down().await, down().await, down().await);
        let gateway = Setup::new()
            .route("a", mode.provider, a.url())
            .route("b", mode.provider, b.url())
            .route("c", mode.provider, c.url())
            .with("limits.max_calls = 6")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(500, mode.caller("server_error", "api_error"));
        assert_eq!(answer.attempts(), 6);
        let calls = [&a, &b, &c].map(|provider| provider.call_count());
        assert_eq!(calls, [4, 2, 0]);
        assert_waits(&b, [40..=40]);
        answer.assert_at_once_after(last_call(&b));
    })
    .await;
}

#[tokio::test]
async fn one_upstream_call_is_one() {
    in_all_modes(async |mode| {
        let (first, second) = (always(mode, Reply::server_error()).await, well(mode).await);
        let gateway = two(mode, &first, &second)
            .with("limits.max_calls = 1")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(500, mode.caller("server_error", "api_error"));
        assert_eq!((first.call_count(), second.call_count()), (1, 0));
        answer.assert_at_once_after(last_call(&first));
    })
    .await;
}

#[tokio::test]
async fn retries_of_all_callers_are_limited() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::server_error()).await;
        let gateway = one(mode, &provider)
            .with("defaults.retry.base = '1ms'")
            .with("defaults.retry.budget_reserve = 5")
            .with("defaults.breaker.enabled = false")
            .start()
            .await;
        for _ in 0..20 {
            assert_eq!(gateway.ask(mode).await.status, 500);
        }
        // Each call, and the retries that there were to begin with.
        assert_eq!(provider.call_count(), 20 + 5);
    })
    .await;
}
