//! Routes that can't take a request, which are passed by before anything is sent.

use crate::{mode, read};
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{Gateway, Setup};
use serde_json::{Value, json};

const DIALECTS: [Dialect; 4] = [
    Dialect::OpenAi,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::Responses,
];

/// What a route does not take, and a request of each dialect that wants it: the fields that it has
/// beside the usual ones, or instead of them.
fn wants(dialect: Dialect) -> [(&'static str, Value); 5] {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let pixel = "iVBORw0KGgo=";
    let long = "word ".repeat(1000);
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let fields = match dialect {
        Dialect::OpenAi => [
            json!({"tools": [{"type": "function", "function": {"name": "f",
                "parameters": schema}}]}),
            json!({"messages": user(json!([{"type": "image_url",
                "image_url": {"url": format!("data:image/png;base64,{pixel}")}}]))}),
            json!({"response_format": {"type": "json_schema",
                "json_schema": {"name": "n", "schema": schema}}}),
            json!({"messages": user(json!(long))}),
            json!({"max_tokens": 101}),
        ],
        Dialect::Responses => [
            json!({"tools": [{"type": "function", "name": "f", "parameters": schema}]}),
            json!({"input": user(json!([{"type": "input_image",
                "image_url": format!("data:image/png;base64,{pixel}")}]))}),
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}),
            json!({"input": long}),
            json!({"max_output_tokens": 101}),
        ],
        Dialect::Gemini => [
            json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]}),
            json!({"contents": [{"role": "user", "parts": [{"inlineData":
                {"mimeType": "image/png", "data": pixel}}]}]}),
            json!({"generationConfig": {"responseMimeType": "application/json",
                "responseSchema": schema}}),
            json!({"contents": [{"role": "user", "parts": [{"text": long}]}]}),
            json!({"generationConfig": {"maxOutputTokens": 101}}),
        ],
        _ => [
            json!({"tools": [{"name": "f", "input_schema": schema}]}),
            json!({"messages": user(json!([{"type": "image", "source": {"type": "base64",
                "media_type": "image/png", "data": pixel}}]))}),
            json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
            json!({"messages": user(json!(long))}),
            json!({"max_tokens": 101}),
        ],
    };
    let mut fields = fields.into_iter();
    [
        "accepts.tools = false",
        "accepts.images = false",
        "accepts.json_schema = false",
        "context_window = 500",
        "accepts.clamped = false\nmax_output_tokens = 100",
    ]
    .map(|limit| (limit, fields.next().expect("as many")))
}

async fn provider(dialect: Dialect, text: &str) -> Provider {
    let provider = Provider::builder(dialect).forever(Reply::text(text));
    provider.start().await.expect("a port")
}

async fn limited(dialect: Dialect, first: &Provider, limit: &str) -> Setup {
    // What is answered here follows no schema.
    let setup = Setup::new().with("correct.max = 'off'");
    let setup = setup.route("first", dialect, first.url());
    limit.lines().fold(setup, Setup::and)
}

async fn ask(gateway: &Gateway, dialect: Dialect, fields: &Value) -> buttress_tests::Answer {
    let mode = mode(dialect, false);
    let mut body = mode.request();
    let fields = fields.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    let open = gateway.post(&mode.path(), &[], body.to_string()).await;
    read(mode, open).await
}

#[tokio::test]
async fn a_route_is_passed_by_that_can_not_take_a_request() {
    for dialect in DIALECTS {
        for (limit, fields) in wants(dialect) {
            let first = provider(dialect, "From the first.").await;
            let second = provider(dialect, "From the second.").await;
            let setup = limited(dialect, &first, limit).await;
            let setup = setup.route("second", dialect, second.url());
            let gateway = setup.start().await;
            let answer = ask(&gateway, dialect, &fields).await;
            answer.assert_good("From the second.", "second");
            assert_eq!(answer.attempts(), 1, "{limit}");
            assert_eq!(first.call_count(), 0, "{dialect:?}: {limit}");
            // It takes what it can.
            let answer = ask(&gateway, dialect, &json!({})).await;
            answer.assert_good("From the first.", "first");
        }
    }
}

#[tokio::test]
async fn what_no_route_can_take_is_the_request_s_fault() {
    for dialect in DIALECTS {
        for (limit, fields) in wants(dialect) {
            let first = provider(dialect, "From the first.").await;
            let gateway = limited(dialect, &first, limit).await.start().await;
            let answer = ask(&gateway, dialect, &fields).await;
            answer.assert_given_up(400, "invalid_request_error");
            let too_long = answer.body.contains("context_length_exceeded");
            let told = matches!(dialect, Dialect::OpenAi | Dialect::Responses);
            assert_eq!(
                too_long,
                told && limit.contains("window"),
                "{}",
                answer.body
            );
            assert_eq!((answer.attempts(), first.call_count()), (0, 0));
        }
    }
}

/// Unless it says otherwise, a route gives as many tokens as it can.
#[tokio::test]
async fn tokens_are_clamped() {
    for dialect in DIALECTS {
        let first = provider(dialect, "From the first.").await;
        let setup = limited(dialect, &first, "max_output_tokens = 100").await;
        let gateway = setup.start().await;
        let [.., (_, fields)] = wants(dialect);
        let answer = ask(&gateway, dialect, &fields).await;
        answer.assert_good("From the first.", "first");
        let asked = first.calls()[0].json().to_string();
        assert!(asked.contains("100") && !asked.contains("101"), "{asked}");
    }
}
