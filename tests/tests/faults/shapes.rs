//! Requests that can't work as they are and are given another shape, where that is asked for.

use crate::{always, one, start};
use buttress_testkit::{Dialect, Provider, Received, Reply};
use buttress_tests::{Answer, Gateway, Mode, in_modes};
use serde_json::{Value, json};
use std::time::Duration;

/// What is looked at here are messages.
fn with_messages() -> impl Iterator<Item = Mode> {
    Mode::all().filter(|mode| mode.has_messages())
}

async fn ask(gateway: &Gateway, mode: Mode, request: &Value) -> Answer {
    let body = request.to_string();
    let open = gateway.post(&mode.path(), &[], body).await.unwrap();
    Answer::read(mode, open).await
}

/// What was asked of the provider, call by call.
fn asked(provider: &Provider) -> Vec<Value> {
    provider.calls().iter().map(Received::json).collect()
}

#[tokio::test]
async fn a_context_too_long_is_trimmed() {
    in_modes(with_messages(), async |mode| {
        let script = mode.scripted().reply(Reply::context_too_long());
        let script = script.reply(Reply::context_too_long());
        let provider = start(script.then(Reply::text("At last."))).await;
        let setup = one(mode, &provider).with("defaults.shape.trim = '70%'");
        let gateway = setup.start().await;
        let turn = |role: &str, text: &str| {
            json!({"role": role, "content": format!("{text} {}", "x".repeat(300))})
        };
        let mut request = mode.request();
        request[Mode::conversation(mode.caller)] = json!([
            turn("user", "one"),
            turn("assistant", "two"),
            turn("user", "three"),
            turn("assistant", "four"),
            turn("user", "five"),
        ]);
        let answer = ask(&gateway, mode, &request).await;
        answer.assert_good("At last.", "only");
        assert_eq!((answer.attempts(), answer.waited()), (3, Duration::ZERO));
        let asked = asked(&provider);
        let kept = asked.iter().map(|body| {
            let messages = body[Mode::conversation(mode.provider)].as_array().unwrap();
            let last = messages.last().unwrap()["content"].as_str().unwrap();
            assert!(last.starts_with("five"));
            messages.len()
        });
        assert_eq!(kept.collect::<Vec<_>>(), [5, 3, 1]);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_trimmed_unless_it_is_asked_for() {
    in_modes(with_messages(), async |mode| {
        let provider = always(mode, Reply::context_too_long()).await;
        let gateway = one(mode, &provider).start().await;
        let mut request = mode.request();
        request[Mode::conversation(mode.caller)] = json!([
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ]);
        let answer = ask(&gateway, mode, &request).await;
        answer.assert_given_up(400, "invalid_request_error");
        assert_eq!(answer.attempts(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_takes_too_long_is_asked_for_in_small() {
    in_modes(with_messages(), async |mode| {
        let script = mode.scripted().reply(Reply::silence());
        let script = script.reply(Reply::silence());
        let provider = start(script.then(Reply::text("At last."))).await;
        let gateway = one(mode, &provider)
            .with("defaults.timeout.first_content = '200ms'")
            .with("defaults.timeout.attempt = '200ms'")
            .with("defaults.shape.fewer_tokens = 4096")
            .with("defaults.shape.smaller_model = 'small'")
            .start()
            .await;
        let mut request = mode.request();
        let limit = match mode.caller {
            Dialect::Responses => "max_output_tokens",
            _ => "max_tokens",
        };
        request[limit] = 600.into();
        let answer = ask(&gateway, mode, &request).await;
        answer.assert_good("At last.", "only");
        assert_eq!((answer.attempts(), answer.waited()), (3, Duration::ZERO));
        let asked = asked(&provider);
        let tokens = |body: &Value| {
            let fields = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
            fields.iter().find_map(|field| body[field].as_u64())
        };
        let tokens: Vec<_> = asked.iter().filter_map(tokens).collect();
        assert_eq!(tokens, [600, 300, 300]);
        assert_ne!(asked[1]["model"], "small");
        assert_eq!(asked[2]["model"], "small");
    })
    .await;
}
