//! Failures that the key or the request is to blame for: not retried, and sent elsewhere only
//! where that can help.

use crate::{always, assert_parked, one, two, well};
use buttress_testkit::{Dialect, Reply};
use buttress_tests::{Answer, Gateway, Mode, Setup, assert_went_on, in_all_modes, last_call};
use std::time::Duration;

/// What a request that can't work is called.
const fn invalid() -> &'static str {
    "invalid_request_error"
}

#[tokio::test]
async fn a_wrong_key() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::invalid_key()).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        let error = mode.caller(invalid(), "authentication_error");
        answer.assert_given_up(401, error);
        // The key is the gateway's, and none of the caller's business.
        assert!(!answer.body.contains("sk-"), "{}", answer.body);
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        answer.assert_at_once_after(last_call(&provider));
        assert_parked(&gateway, mode, (401, error)).await;
        assert_eq!(provider.call_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_and_a_fallback() {
    in_all_modes(async |mode| {
        let first = always(mode, Reply::invalid_key()).await;
        let second = well(mode).await;
        let gateway = two(mode, &first, &second).start().await;

        for attempts in [2, 1] {
            let answer = gateway.ask(mode).await;
            answer.assert_good("From the backup.", "second");
            assert_eq!(
                (answer.attempts(), answer.waited()),
                (attempts, Duration::ZERO)
            );
            assert_eq!(first.call_count(), 1, "the key is parked");
        }
        assert_went_on(&first, &second);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_and_a_fallback_that_is_limited() {
    in_all_modes(async |mode| {
        let first = always(mode, Reply::invalid_key()).await;
        let second = always(mode, Reply::rate_limited().retry_after(90)).await;
        let gateway = two(mode, &first, &second).start().await;

        // What passes by itself is worth more to know, also when nobody is asked any more.
        for attempts in [2, 0] {
            let answer = gateway.ask(mode).await;
            answer.assert_given_up(429, mode.caller("requests", "rate_limit_error"));
            assert_eq!(answer.attempts(), attempts);
        }
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
    })
    .await;
}

/// The context was too long, in the words of the caller's dialect.
fn assert_too_long(answer: &buttress_tests::Answer) {
    answer.assert_given_up(400, invalid());
    let code = &answer.told_error()["error"]["code"];
    let expected = match answer.mode.caller {
        Dialect::OpenAi | Dialect::Responses => Some("context_length_exceeded"),
        _ => None,
    };
    assert_eq!(code.as_str(), expected, "{}", answer.body);
}

#[tokio::test]
async fn a_context_too_long() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::context_too_long()).await;
        let gateway = one(mode, &provider).start().await;

        let answer = gateway.ask(mode).await;
        assert_too_long(&answer);
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!(provider.call_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_context_too_long_and_a_larger_fallback() {
    in_all_modes(async |mode| {
        let (first, second) = (
            always(mode, Reply::context_too_long()).await,
            well(mode).await,
        );
        let gateway = buttress_tests::Setup::new()
            .route("first", mode.provider, first.url())
            .and("context_window = 128_000")
            .route("second", mode.provider, second.url())
            .and("context_window = 1_000_000")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        assert_went_on(&first, &second);
    })
    .await;
}

#[tokio::test]
async fn a_context_too_long_and_no_larger_fallback() {
    in_all_modes(async |mode| {
        let (first, second) = (
            always(mode, Reply::context_too_long()).await,
            well(mode).await,
        );
        let third = well(mode).await;
        let gateway = buttress_tests::Setup::new()
            .route("first", mode.provider, first.url())
            .and("context_window = 128_000")
            .route("smaller", mode.provider, second.url())
            .and("context_window = 32_000")
            .route("unknown", mode.provider, third.url())
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        assert_too_long(&answer);
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        let calls = [&first, &second, &third].map(|provider| provider.call_count());
        assert_eq!(calls, [1, 0, 0]);
    })
    .await;
}

#[tokio::test]
async fn content_that_is_not_allowed() {
    in_all_modes(async |mode| {
        let (first, second) = (
            always(mode, Reply::content_policy()).await,
            well(mode).await,
        );
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_given_up(400, invalid());
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn content_that_is_not_allowed_and_a_fallback_that_takes_it() {
    in_all_modes(async |mode| {
        let (first, second) = (
            always(mode, Reply::content_policy()).await,
            well(mode).await,
        );
        let gateway = two(mode, &first, &second)
            .and("accepts.content_policy = true")
            .start()
            .await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        assert_went_on(&first, &second);
    })
    .await;
}

#[tokio::test]
async fn a_model_that_is_not_there() {
    in_all_modes(async |mode: Mode| {
        let missing = Reply::error(buttress_testkit::Fault::UnknownModel);
        let (first, second) = (always(mode, missing).await, well(mode).await);
        let gateway = two(mode, &first, &second).start().await;

        let answer = gateway.ask(mode).await;
        answer.assert_good("From the backup.", "second");
        assert_eq!((answer.attempts(), answer.waited()), (2, Duration::ZERO));
        assert_eq!((first.call_count(), second.call_count()), (1, 1));
        assert_went_on(&first, &second);
    })
    .await;
}

/// What can't be carried over is known before anything waits, and goes to whoever speaks the
/// caller's own dialect.
#[tokio::test]
async fn what_can_not_be_carried_over() {
    for (caller, provider) in [
        (Dialect::Anthropic, Dialect::OpenAi),
        (Dialect::OpenAi, Dialect::Anthropic),
        (Dialect::Responses, Dialect::OpenAi),
        (Dialect::Anthropic, Dialect::Responses),
    ] {
        let stream = false;
        let crossing = Mode {
            caller,
            provider,
            stream,
        };
        let own = Mode {
            caller,
            provider: caller,
            stream,
        };
        let mut request = crossing.request();
        let field = Mode::conversation(caller);
        request[field][0]["role"] = "robot".into();
        let (other, same) = (well(crossing).await, well(own).await);
        let ask = async |gateway: &Gateway| {
            let body = request.to_string();
            let open = gateway.post(&crossing.path(), &[], body).await.unwrap();
            Answer::read(crossing, open).await
        };

        // The first gate is shut for longer than a test takes.
        let gateway = one(crossing, &other).start().await;
        gateway
            .route(0)
            .gate_handle()
            .close_for(Duration::from_secs(20));
        let answer = ask(&gateway).await;
        answer.assert_given_up(400, invalid());
        let told = answer.told_error()["error"]["message"].to_string();
        assert!(told.contains(&format!("`{field}[0].role`")), "{told}");
        assert!(told.contains("can't be carried over from"), "{told}");
        assert_eq!((answer.attempts(), answer.waited()), (0, Duration::ZERO));

        // The one call that there is was not made, so it is left for the route that can.
        let gateway = Setup::new()
            .with("limits.max_calls = 1")
            .route("first", provider, other.url())
            .route("second", provider, other.url())
            .route("third", caller, same.url())
            .start()
            .await;
        gateway
            .route(0)
            .gate_handle()
            .close_for(Duration::from_secs(20));
        let answer = ask(&gateway).await;
        answer.assert_good("From the backup.", "third");
        assert_eq!((answer.attempts(), answer.waited()), (1, Duration::ZERO));
        assert_eq!((other.call_count(), same.call_count()), (0, 1));
    }
}
