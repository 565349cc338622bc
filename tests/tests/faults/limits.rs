//! Limits of a key: waits that are asked for, and sat out or not.

use crate::{always, assert_parked, one, start, two, well};
use buttress::retry_after::GateState;
use buttress_testkit::{Dialect, Received, Reply, Script};
use buttress_tests::{
    Mode, SLACK, Setup, assert_waits, assert_went_on, in_all_modes, in_modes, last_call,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What a rate limit is called.
fn limit(mode: Mode) -> &'static str {
    mode.caller("requests", "rate_limit_error")
}

#[tokio::test]
async fn a_429_with_a_wait_of_a_second() {
    in_all_modes(async |mode| {
        let limited = Reply::rate_limited().retry_after(1);
        let well = Reply::text("At last.");
        let provider = start(mode.scripted().reply(limited).then(well)).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("At last.", "only");
        assert_eq!(answer.attempts(), 2);
        assert!((SECOND..=SECOND * 3 / 2).contains(&answer.waited()));
        assert_waits(&provider, [1000..=1500]);
    })
    .await;
}

#[tokio::test]
async fn a_429_with_a_date() {
    in_all_modes(async |mode| {
        let limited = Reply::rate_limited().retry_after_date(SECOND);
        let well = Reply::text("At last.");
        let provider = start(mode.scripted().reply(limited).then(well)).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("At last.", "only");
        assert_eq!(answer.attempts(), 2);
        assert!((SECOND..=SECOND * 3 / 2).contains(&answer.waited()));
        assert_waits(&provider, [1000..=1500]);
    })
    .await;
}

#[tokio::test]
async fn a_429_for_ever_and_nowhere_to_go() {
    in_all_modes(async |mode| {
        let limited = Reply::rate_limited().header("retry-after-ms", "100");
        let provider = always(mode, limited).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(429, limit(mode));
        assert_eq!(answer.retry_after(), Some(1));
        assert_eq!(answer.attempts(), 4);
        assert!((300..=1800).contains(&answer.waited().as_millis()));
        assert_waits(&provider, [100..=600, 100..=600, 100..=600]);
        answer.assert_at_once_after(last_call(&provider));
    })
    .await;
}

#[tokio::test]
async fn a_429_for_ever_and_a_fallback() {
    in_all_modes(async |mode| {
        // Longer than a route with another one behind it waits.
        let first = always(mode, Reply::rate_limited().retry_after(30)).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        answer.assert_at_once_after(last_call(&second));

        // Its gate is closed now: it is not even asked.
        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn a_short_429_for_ever_and_a_fallback() {
    in_all_modes(async |mode| {
        // Short waits are sat out, but for no longer than two seconds in all.
        let first = always(mode, Reply::rate_limited().retry_after(1)).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        let calls = first.call_count();
        assert!((2..=3).contains(&calls), "{calls}");
        assert_eq!(answer.attempts() as usize, calls + 1);
        assert!(answer.waited() <= 2 * SECOND);
        answer.assert_at_once_after(last_call(&second));
        let between = last_call(&second) - last_call(&first);
        assert!(between < SLACK, "{between:?}");
    })
    .await;
}

#[tokio::test]
async fn every_route_is_limited() {
    in_all_modes(async |mode| {
        let first = always(mode, Reply::rate_limited().retry_after(300)).await;
        let second = always(mode, Reply::rate_limited().retry_after(70)).await;
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(429, limit(mode));
        assert_eq!(answer.retry_after(), Some(70), "the soonest");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        answer.assert_at_once_after(last_call(&second));
    })
    .await;
}

#[tokio::test]
async fn a_wait_of_two_minutes_is_not_sat_out() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::rate_limited().retry_after(120)).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(429, limit(mode));
        assert_eq!(answer.retry_after(), Some(120));
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        answer.assert_at_once_after(last_call(&provider));

        // Nor does the next one try it before.
        let answer = gateway.ask(mode).await;
        answer.assert_given_up(429, limit(mode));
        assert!((118..=120).contains(&answer.retry_after().unwrap()));
        assert_eq!((answer.attempts(), answer.waited()), (0, Duration::ZERO));
        assert_eq!(provider.call_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wait_of_two_minutes_and_a_fallback() {
    in_all_modes(async |mode| {
        let first = always(mode, Reply::rate_limited().retry_after(120)).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        answer.assert_at_once_after(last_call(&second));
    })
    .await;
}

#[tokio::test]
async fn the_money_is_spent() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::insufficient_quota()).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        let status = mode.provider(429, 400);
        // Anthropic's own word for it goes through to those who know it.
        let anthropics = mode.provider("billing_error", "invalid_request_error");
        answer.assert_given_up(status, mode.caller("insufficient_quota", anthropics));
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!(provider.call_count(), 1);
        answer.assert_at_once_after(last_call(&provider));
        let spent = mode.caller((429, "insufficient_quota"), (402, "billing_error"));
        assert_parked(&gateway, mode, spent).await;
        assert_eq!(provider.call_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_money_is_spent_and_a_fallback() {
    in_all_modes(async |mode| {
        let first = always(mode, Reply::insufficient_quota()).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        for (attempts, calls) in [(2, 1), (1, 1)] {
            let answer = gateway.ask(mode).await;
            answer.assert_good("From the backup.", "second");
            assert_eq!(answer.attempts(), attempts);
            assert_eq!(answer.waited(), Duration::ZERO);
            assert_eq!(first.call_count(), calls, "the key is parked");
        }
        assert_eq!(second.call_count(), 2);
        assert_went_on(&first, &second);
    })
    .await;
}

#[tokio::test]
async fn a_wait_that_the_deadline_does_not_leave_room_for() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::rate_limited().retry_after(5)).await;
        let gateway = one(mode, &provider)
            .with("limits.deadline = '3s'")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(429, limit(mode));
        assert_eq!(answer.retry_after(), Some(5));
        assert_eq!(provider.call_count(), 1);
        answer.assert_at_once_after(last_call(&provider));
    })
    .await;
}

#[tokio::test]
async fn those_behind_a_limited_call_stand_in_line() {
    in_all_modes(async |mode| {
        let limited = Reply::rate_limited().retry_after(1);
        let well = Reply::text("At last.");
        let provider = start(mode.scripted().reply(limited).forever(well)).await;
        let gateway = one(mode, &provider).start().await;

        let first = gateway.ask(mode);
        let behind = async {
            provider.next_call().await;
            // Once its answer is there.
            tokio::time::sleep(Duration::from_millis(100)).await;
            gateway.ask(mode).await
        };
        let (first, behind) = tokio::join!(first, behind);
        first.assert_good("At last.", "only");
        behind.assert_good("At last.", "only");
        assert_eq!((first.attempts(), behind.attempts()), (2, 1));
        let waited = behind.waited();
        assert!(waited >= Duration::from_millis(500), "{waited:?}");
        assert_eq!(provider.call_count(), 3);
        let gaps = provider.gaps();
        assert!(gaps[0] >= SECOND, "{gaps:?}");
        // Not both in the same instant.
        assert!(gaps[1] >= Duration::from_millis(100), "{gaps:?}");
    })
    .await;
}

#[tokio::test]
async fn the_last_request_of_a_limit_is_followed_by_its_pace() {
    in_all_modes(async |mode| {
        // A bucket of ten that fills up in three seconds gets one token every 300 ms.
        let last = Reply::text("The last one.")
            .header("x-ratelimit-limit-requests", "10")
            .header("x-ratelimit-remaining-requests", "0")
            .header("x-ratelimit-reset-requests", "3s");
        let provider = start(mode.scripted().reply(last).then(Reply::text("Next."))).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("The last one.", "only");
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));

        let answer = gateway.ask(mode).await;
        answer.assert_good("Next.", "only");
        assert_eq!(answer.attempts(), 1);
        let waited = answer.waited().as_millis();
        assert!((150..=320).contains(&waited), "{waited}");
    })
    .await;
}

/// What is wrong with a key is so for all that is asked with it, and found out once.
#[tokio::test]
async fn a_key_is_refused_for_all_of_its_models() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::invalid_key()).await;
        let gateway = one(mode, &provider).model("another").start().await;
        let answer = gateway.ask(mode).await;
        answer.assert_given_up(
            401,
            mode.caller("invalid_request_error", "authentication_error"),
        );
        assert_eq!((answer.attempts(), provider.call_count()), (1, 1));
        for route in [0, 1] {
            let gate = gateway.route(route).gate_handle();
            assert!(matches!(gate.state(), GateState::Parked { .. }));
        }
    })
    .await;
}

#[tokio::test]
async fn the_money_is_spent_for_all_models_of_a_key() {
    // What Gemini says to be spent is the day's quota of one model.
    let modes = Mode::all().filter(|mode| mode.provider != Dialect::Gemini);
    in_modes(modes, async |mode| {
        let first = always(mode, Reply::insufficient_quota()).await;
        let second = well(mode).await;
        let gateway = one(mode, &first)
            .model("small")
            .route("second", mode.provider, second.url())
            .start()
            .await;

        // The other model is not even asked, at first or later.
        for (attempts, calls) in [(2, 1), (1, 1)] {
            let answer = gateway.ask(mode).await;
            answer.assert_good("From the backup.", "second");
            assert_eq!(answer.attempts(), attempts);
            assert_eq!(answer.waited(), Duration::ZERO);
            assert_eq!(first.call_count(), calls, "the key is parked");
        }
        assert_went_on(&first, &second);

        // Once it works for one, it does for all.
        first.play(Script::new().forever(Reply::text("Paid.")));
        for route in [0, 1] {
            let gate = gateway.route(route).gate_handle();
            assert!(matches!(gate.state(), GateState::Parked { .. }));
        }
        gateway.route(1).gate_handle().park(Some(Duration::ZERO));
        gateway.ask(mode).await.assert_good("Paid.", "only");
        let other = gateway.route(1).gate_handle().state();
        assert!(matches!(other, GateState::Reopening { .. }), "{other:?}");
    })
    .await;
}

/// The large model is limited, and no other one.
fn large_is_limited(limit: Reply) -> impl Fn(&Received) -> Reply + Clone {
    move |call| match call.model() {
        "large" => limit.clone(),
        model => Reply::text(format!("From {model}.")),
    }
}

#[tokio::test]
async fn a_limit_of_one_model_leaves_the_others_of_the_key() {
    in_all_modes(async |mode| {
        let minute = Reply::rate_limited().retry_after(60);
        // As another gateway tells that it has given up.
        let vetoed = minute.clone().header("x-should-retry", "false");
        let quota = (mode.provider == Dialect::Gemini).then(Reply::insufficient_quota);
        for limit in [minute, vetoed].into_iter().chain(quota) {
            let provider = start(mode.scripted().forever(large_is_limited(limit))).await;
            let gateway = Setup::new()
                .route("large", mode.provider, provider.url())
                .model("small")
                .start()
                .await;
            for attempts in [2, 1, 1] {
                let answer = gateway.ask(mode).await;
                answer.assert_good("From small.", "small");
                assert_eq!(answer.attempts(), attempts);
                assert_eq!(answer.waited(), Duration::ZERO);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn routes_to_one_model_of_a_key_meet_its_limit_once() {
    in_all_modes(async |mode| {
        let limited = large_is_limited(Reply::rate_limited().retry_after(90));
        let provider = start(mode.scripted().forever(limited)).await;
        let gateway = Setup::new()
            .route("large", mode.provider, provider.url())
            .again("short")
            .and("max_output_tokens = 10")
            .again("bare")
            .and("gate.enabled = false")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(429, limit(mode));
        // The one without a gate finds out by itself.
        assert_eq!((answer.attempts(), provider.call_count()), (2, 2));
    })
    .await;
}
