//! Answers that come and are not what was asked for.

use crate::{always, broken, one, start};
use buttress_testkit::{Dialect, Finish, Provider, Received, Reply};
use buttress_tests::{Answer, Gateway, Mode, Setup, in_all_modes, in_modes};
use serde_json::{Value, json};

const RIGHT: &str = r#"{"n": 7}"#;
const WRONG: &str = r#"{"n": "SECRET"}"#;
const HEADER: &str = "x-buttress-corrections";

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": false,
    })
}

/// A request for an answer that follows the schema.
fn request(mode: Mode) -> Value {
    let mut request = mode.request();
    let (field, value) = match mode.caller {
        Dialect::OpenAi => {
            let format = json!({"name": "number", "strict": true, "schema": schema()});
            let format = json!({"type": "json_schema", "json_schema": format});
            ("response_format", format)
        }
        Dialect::Responses => {
            let format = json!({"type": "json_schema", "name": "number", "schema": schema()});
            ("text", json!({"format": format}))
        }
        Dialect::Gemini => (
            "generationConfig",
            json!({"responseMimeType": "application/json", "responseJsonSchema": schema()}),
        ),
        _ => {
            let format = json!({"type": "json_schema", "schema": schema()});
            ("output_config", json!({"format": format}))
        }
    };
    request[field] = value;
    request
}

async fn ask(gateway: &Gateway, mode: Mode, headers: &[(&str, &str)]) -> Answer {
    let body = request(mode).to_string();
    let open = gateway.post(&mode.path(), headers, body).await;
    Answer::read(mode, open.unwrap()).await
}

async fn says(mode: Mode, texts: &[&str]) -> Provider {
    let script = mode.scripted();
    let replies = texts.iter().map(|text| Reply::text(*text).usage(10, 3));
    start(replies.fold(script, |script, reply| script.then(reply))).await
}

/// What was asked of the provider, call by call.
fn asked(provider: &Provider) -> Vec<String> {
    let asked = provider.calls();
    asked
        .iter()
        .map(Received::json)
        .map(|body| body.to_string())
        .collect()
}

#[tokio::test]
async fn a_wrong_answer_is_corrected() {
    in_all_modes(async |mode| {
        let provider = says(mode, &["no", WRONG, RIGHT]).await;
        let gateway = one(mode, &provider).start().await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert_eq!(answer.attempts(), 3);
        let asked = asked(&provider);
        assert!(
            asked[2].contains("/n: value is not of type"),
            "{}",
            asked[2]
        );
        assert!(asked[2].contains("SECRET"), "{}", asked[2]);
        assert!(
            !asked[2].contains("expected value"),
            "only the last: {}",
            asked[2]
        );
    })
    .await;
}

#[tokio::test]
async fn a_right_answer_takes_one_call() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::text(RIGHT)).await;
        let gateway = one(mode, &provider).start().await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert_eq!(answer.attempts(), 1);
    })
    .await;
}

#[tokio::test]
async fn one_that_stays_wrong_is_an_error_that_says_why() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::text(WRONG)).await;
        let gateway = one(mode, &provider).start().await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_given_up(502, broken(mode));
        assert_eq!(answer.attempts(), 3);
        let told = answer.told_error().to_string();
        assert!(told.contains("/n: value is not of type"), "{told}");
        assert!(!told.contains("SECRET"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn what_is_around_the_json_is_taken_off() {
    in_all_modes(async |mode| {
        let fenced = format!("Here you are:\n```json\n{RIGHT}\n```");
        let provider = always(mode, Reply::text(fenced.clone())).await;
        let gateway = one(mode, &provider).start().await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert_eq!(answer.attempts(), 1);

        let provider = says(mode, &[&fenced, RIGHT]).await;
        let setup = one(mode, &provider).with("correct.repair = false");
        let answer = ask(&setup.start().await, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert_eq!(answer.attempts(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_caller_chooses_how_often_up_to_what_is_configured() {
    in_modes(Mode::whole(), async |mode| {
        let provider = always(mode, Reply::text(WRONG)).await;
        let gateway = one(mode, &provider).start().await;
        for (times, attempts) in [("1", 2), ("9", 3)] {
            let answer = ask(&gateway, mode, &[(HEADER, times)]).await;
            answer.assert_given_up(502, broken(mode));
            assert_eq!(answer.attempts(), attempts);
        }
        let unlooked = ask(&gateway, mode, &[(HEADER, "0")]).await;
        unlooked.assert_good(WRONG, "only");
        let calls = provider.call_count();
        let refused = ask(&gateway, mode, &[(HEADER, "some")]).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.body.contains(HEADER));
        assert_eq!(provider.call_count(), calls);

        let off = one(mode, &provider)
            .with("correct.max = 'off'")
            .start()
            .await;
        ask(&off, mode, &[(HEADER, "2")])
            .await
            .assert_good(WRONG, "only");
    })
    .await;
}

#[tokio::test]
async fn corrections_spend_the_budget() {
    in_all_modes(async |mode| {
        let provider = always(mode, Reply::text(WRONG)).await;
        let gateway = one(mode, &provider)
            .with("limits.max_calls = 2")
            .start()
            .await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_given_up(502, broken(mode));
        assert_eq!((answer.attempts(), provider.call_count()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_correction_is_retried_as_any_call_is() {
    in_all_modes(async |mode| {
        let script = mode.scripted().reply(Reply::text(WRONG));
        let script = script.then(Reply::server_error());
        let provider = start(script.then(Reply::text(RIGHT))).await;
        let gateway = one(mode, &provider).start().await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert_eq!(answer.attempts(), 3);
    })
    .await;
}

#[tokio::test]
async fn one_that_was_cut_off_is_asked_for_more_briefly() {
    in_all_modes(async |mode| {
        let cut = Reply::text(r#"{"n": 1"#).finish(Finish::Length);
        let provider = start(mode.scripted().reply(cut).then(Reply::text(RIGHT))).await;
        let gateway = one(mode, &provider).start().await;
        let answer = ask(&gateway, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert!(asked(&provider)[1].contains("cut off"));
    })
    .await;
}

#[tokio::test]
async fn a_stream_may_be_passed_on_and_stopped() {
    in_modes(Mode::streamed(), async |mode| {
        let provider = always(mode, Reply::text("Sure, here you are: it is 7.")).await;
        let setup = one(mode, &provider).with("correct.stream = 'pass'");
        let answer = ask(&setup.start().await, mode, &[]).await;
        assert_eq!(answer.status, 200);
        let told = answer.told_error().to_string();
        assert!(told.contains("not JSON"), "{told}");
        assert!(!answer.has_end());

        let provider = always(mode, Reply::text(RIGHT)).await;
        let setup = one(mode, &provider).with("correct.stream = 'pass'");
        let answer = ask(&setup.start().await, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
    })
    .await;
}

#[tokio::test]
async fn a_stronger_model_is_asked_last() {
    in_all_modes(async |mode| {
        let weak = always(mode, Reply::text(WRONG)).await;
        let strong = always(mode, Reply::text(RIGHT)).await;
        let setup = Setup::new()
            .route("weak", mode.provider, weak.url())
            .route("strong", mode.provider, strong.url())
            .with("models.any = ['weak']")
            .with("models.large = ['strong']")
            .with("correct.stronger = 'large'");
        let answer = ask(&setup.start().await, mode, &[]).await;
        answer.assert_good(RIGHT, "strong");
        assert_eq!((weak.call_count(), strong.call_count()), (3, 1));
        assert_eq!(strong.calls()[0].model(), "strong");
    })
    .await;
}

#[tokio::test]
async fn all_attempts_are_paid_for() {
    in_modes(Mode::whole(), async |mode| {
        let provider = says(mode, &[WRONG, RIGHT]).await;
        let setup = one(mode, &provider)
            .and("cost_per_million_input = 1000")
            .and("cost_per_million_output = 1000");
        let answer = ask(&setup.start().await, mode, &[]).await;
        answer.assert_good(RIGHT, "only");
        assert_eq!(answer.header("x-buttress-cost-usd"), Some("0.026000"));
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_can_not_be_checked_asks_nobody() {
    in_modes(
        Mode::whole().filter(|mode| mode.caller == Dialect::OpenAi),
        async |mode| {
            let provider = always(mode, Reply::text(RIGHT)).await;
            let gateway = one(mode, &provider).start().await;
            let mut request = request(mode);
            let out = json!({"$ref": "https://example.com/schema.json"});
            request["response_format"]["json_schema"]["schema"] = out;
            let open = gateway.post(&mode.path(), &[], request.to_string()).await;
            let answer = Answer::read(mode, open.unwrap()).await;
            answer.assert_given_up(400, "invalid_request_error");
            assert_eq!(provider.call_count(), 0);
        },
    )
    .await;
}

/// An answer that calls a tool.
fn called(arguments: &str) -> Reply {
    let function = json!({"name": "add", "arguments": arguments});
    let call = json!({"id": "call_1", "type": "function", "function": function});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    let body = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]});
    Reply::raw(200)
        .header("content-type", "application/json")
        .body(body.to_string())
}

#[tokio::test]
async fn a_tool_is_called_with_what_it_takes_where_that_is_asked_for() {
    let chat = Mode::whole().filter(|mode| mode.provider == Dialect::OpenAi);
    in_modes(
        chat.filter(|mode| mode.caller == Dialect::OpenAi),
        async |mode| {
            let function = json!({"name": "add", "parameters": schema()});
            let mut request = mode.request();
            request["tools"] = json!([{"type": "function", "function": function}]);
            for (tools, attempts, arguments) in [("never", 1, WRONG), ("whole", 2, RIGHT)] {
                let script = mode.scripted().reply(called(WRONG));
                let provider = start(script.then(called(RIGHT))).await;
                let setup = one(mode, &provider).with(&format!("correct.tools = '{tools}'"));
                let gateway = setup.start().await;
                let open = gateway.post(&mode.path(), &[], request.to_string()).await;
                let answer = Answer::read(mode, open.unwrap()).await;
                assert_eq!(answer.attempts(), attempts, "{}", answer.body);
                let called = "/choices/0/message/tool_calls/0/function/arguments";
                let body = answer.json();
                assert_eq!(body.pointer(called).unwrap(), arguments);
            }
        },
    )
    .await;
}
