use super::*;
use crate::{
    InvalidRequest, Target, ToolCallSeen, Usage,
    request::complaint::{LEFT_OUT, NOT_RUN, WRONG},
};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;

fn parse(dialect: Dialect, body: &Value) -> LlmRequest {
    let body = Bytes::from(body.to_string());
    let parsed = match dialect {
        Dialect::Gemini => LlmRequest::parse_addressed(dialect, "m", false, body),
        _ => LlmRequest::parse(dialect, body),
    };
    parsed.unwrap()
}

/// A request with two tools, in each dialect.
fn request(dialect: Dialect) -> LlmRequest {
    let schema = json!({"type": "object", "properties": {}});
    let messages = json!([{"role": "user", "content": "Hi"}]);
    parse(
        dialect,
        &match dialect {
            Dialect::OpenAiChat => {
                json!({"model": "m", "own": [1], "messages": messages, "tools": [
                {"type": "function", "function": {"name": "f", "parameters": schema}}]})
            }
            Dialect::AnthropicMessages => {
                json!({"model": "m", "max_tokens": 9, "own": [1], "messages": messages,
                    "tools": [{"name": "f", "input_schema": schema}]})
            }
            Dialect::OpenAiResponses => json!({"model": "m", "own": [1], "input": "Hi", "tools": [
                {"type": "function", "name": "f", "parameters": schema}]}),
            Dialect::Gemini => json!({"own": [1], "contents": {"parts": [{"text": "Hi"}]},
                "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]}),
        },
    )
}

fn said(dialect: Dialect, text: &str, calls: &[(&str, &str, &str)]) -> Said {
    let calls = calls.iter().map(|(id, name, arguments)| {
        let mut call = ToolCallSeen::default();
        (call.id, call.name, call.arguments) = (
            (*id).to_owned(),
            (*name).to_owned(),
            (*arguments).to_owned(),
        );
        call
    });
    Said {
        dialect,
        id: "a".to_owned(),
        model: String::new(),
        text: text.to_owned(),
        refusal: String::new(),
        calls: calls.collect(),
        finish: None,
        usage: Usage::default(),
    }
}

fn turns(request: &LlmRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["own"], json!([1]));
    let list = &body[request.dialect().messages_field()];
    list.as_array().unwrap().clone()
}

#[test]
fn a_wrong_text_is_followed_by_the_complaint() {
    for (dialect, expected) in [
        (
            Dialect::OpenAiChat,
            json!([{"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "{\"a\""}, {"role": "user", "content": "No: \"a\""}]),
        ),
        (
            Dialect::AnthropicMessages,
            json!([{"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "{\"a\""}, {"role": "user", "content": "No: \"a\""}]),
        ),
        (
            Dialect::OpenAiResponses,
            json!([{"role": "user", "content": "Hi"},
                {"type": "message", "role": "assistant", "content": "{\"a\""},
                {"type": "message", "role": "user", "content": "No: \"a\""}]),
        ),
        (
            Dialect::Gemini,
            json!([{"parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "{\"a\""}]},
                {"role": "user", "parts": [{"text": "No: \"a\""}]}]),
        ),
    ] {
        let request = request(dialect);
        let complaint = Complaint::new("No: \"a\"");
        let corrected = request.correcting(&said(dialect, "{\"a\"", &[]), &complaint);
        assert_eq!(json!(turns(&corrected.unwrap())), expected, "{dialect}");
        // There is nothing to give back.
        for nothing in ["", " \n"] {
            let corrected = request.correcting(&said(dialect, nothing, &[]), &complaint);
            let corrected = turns(&corrected.unwrap());
            assert_eq!(corrected.len(), 2);
            assert_eq!(corrected[1], expected[2]);
        }
    }
}

#[test]
fn each_call_gets_its_result() {
    let calls = [("c1", "f", r#"{"a":1}"#), ("c2", "f", "{\"a")];
    let first = NOT_RUN;
    let second = format!("a: missing\n{LEFT_OUT}{{\"a\nAgain.");
    for (dialect, expected) in [
        (
            Dialect::OpenAiChat,
            json!([{"role": "assistant", "content": "So:", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": format!("Error: {first}")},
                {"role": "tool", "tool_call_id": "c2", "content": format!("Error: {second}")}]),
        ),
        (
            Dialect::AnthropicMessages,
            json!([{"role": "assistant", "content": [{"type": "text", "text": "So:"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "f", "input": {}}]},
                {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": first, "is_error": true},
                {"type": "tool_result", "tool_use_id": "c2", "content": second, "is_error": true}]}]),
        ),
        (
            Dialect::OpenAiResponses,
            json!([{"type": "message", "role": "assistant", "content": "So:"},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
                {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": format!("Error: {first}")},
                {"type": "function_call_output", "call_id": "c2", "output": format!("Error: {second}")}]),
        ),
        (
            Dialect::Gemini,
            json!([{"role": "model", "parts": [{"text": "So:"},
                {"functionCall": {"name": "f", "args": {"a": 1}},
                    "thoughtSignature": "skip_thought_signature_validator"},
                {"functionCall": {"name": "f", "args": {}}}]},
                {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"error": first}}},
                {"functionResponse": {"name": "f", "response": {"error": second}}}]}]),
        ),
    ] {
        let complaint = Complaint::new("Again.").call(1, "a: missing");
        let corrected = request(dialect).correcting(&said(dialect, "So:", &calls), &complaint);
        let turns = turns(&corrected.unwrap());
        assert_eq!(json!(turns[1..]), expected, "{dialect}");
    }
}

#[test]
fn what_the_model_had_to_go_on_from_is_one_turn_with_it() {
    let body = json!({"model": "m", "max_tokens": 9, "own": [1], "messages": [
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{"}]});
    let request = parse(Dialect::AnthropicMessages, &body);
    let said = said(Dialect::AnthropicMessages, "\"a\"", &[]);
    let corrected = request.correcting(&said, &Complaint::default()).unwrap();
    assert_eq!(
        turns(&corrected)[1..],
        [
            json!({"role": "assistant", "content": "{\"a\""}),
            json!({"role": "user", "content": WRONG})
        ]
    );
    assert_eq!(corrected.message_count(), 3);
}

#[test]
fn ids_and_names_are_such_as_can_be_sent() {
    let long = "x".repeat(100);
    let calls = [
        ("", "", ""),
        ("", "functions.f h\u{1f600}", "[]"),
        ("same", &long, "{}"),
        ("same", "f", "{}"),
        (&*long, "f", "{}"),
    ];
    for dialect in Dialect::ALL {
        let request = request(dialect);
        let said = said(dialect, "", &calls);
        let corrected = request.correcting(&said, &Complaint::new("No.")).unwrap();
        let again = request.correcting(&said, &Complaint::new("No.")).unwrap();
        assert_eq!(corrected.body(), again.body(), "the same each time");
        let (mut called, mut answered) = (Vec::new(), Vec::new());
        fn walk(value: &Value, called: &mut Vec<String>, answered: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    let text = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
                    let output = fields.contains_key("output");
                    answered.extend(text("tool_call_id").or_else(|| text("tool_use_id")));
                    answered.extend(text("call_id").filter(|_| output));
                    called.extend(text("call_id").filter(|_| !output).or_else(|| text("id")));
                    if let Some(name) = text("name") {
                        let plain =
                            |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                        assert!(!name.is_empty() && name.len() <= 64 && name.bytes().all(plain));
                    }
                    fields.values().for_each(|it| walk(it, called, answered));
                }
                Value::Array(list) => list.iter().for_each(|it| walk(it, called, answered)),
                _ => {}
            }
        }
        walk(&json!(turns(&corrected)), &mut called, &mut answered);
        assert_eq!(called, answered, "{dialect}");
        if dialect != Dialect::Gemini {
            assert_eq!(called.iter().collect::<HashSet<_>>().len(), calls.len());
            assert!(
                called.iter().all(|id| (1..=64).contains(&id.len())),
                "{called:?}"
            );
        }
    }
}

#[test]
fn anthropics_models_are_not_asked_for_what_they_thought() {
    let thinking = |kind: Value, calls: &[(&str, &str, &str)]| {
        let body =
            json!({"model": "m", "max_tokens": 9, "own": [1], "thinking": kind, "messages": []});
        let request = parse(Dialect::AnthropicMessages, &body);
        let said = said(Dialect::AnthropicMessages, "x", calls);
        let corrected = request.correcting(&said, &Complaint::default()).unwrap();
        let body: Value = serde_json::from_slice(corrected.body()).unwrap();
        body["thinking"].clone()
    };
    let budget = json!({"type": "enabled", "budget_tokens": 2000});
    let (call, off) = ([("c", "f", "{}")], json!({"type": "disabled"}));
    assert_eq!(thinking(budget.clone(), &call), off);
    assert_eq!(thinking(budget.clone(), &[]), budget);
    for kind in [json!({"type": "adaptive"}), off, Value::Null] {
        assert_eq!(thinking(kind.clone(), &call), kind);
    }
}

#[test]
fn what_would_stay_in_a_conversation_is_not_corrected() {
    let chat = |field: &str, value: Value| {
        let body = json!({"model": "m", "messages": [], field: value});
        (Dialect::OpenAiChat, body)
    };
    let response = |field: &str, value: Value| {
        let body = json!({"model": "m", "input": "Hi", field: value});
        (Dialect::OpenAiResponses, body)
    };
    let gemini = |count: Value| {
        let body = json!({"contents": [], "generationConfig": {"candidateCount": count}});
        (Dialect::Gemini, body)
    };
    let body = json!({"model": "m", "max_tokens": 9, "messages": [], "thread": {"id": "t"}});
    let thread = (Dialect::AnthropicMessages, body);
    let words = Complaint::new("No.");
    for ((dialect, body), why) in [
        (response("conversation", json!("conv_1")), "kept"),
        (response("conversation", json!({"id": "conv_1"})), "kept"),
        (thread, "kept"),
        (response("background", json!(true)), "later"),
        (chat("n", json!(2)), "several"),
        (gemini(json!(2)), "several"),
    ] {
        let request = parse(dialect, &body);
        let refused = request.correcting(&said(dialect, "x", &[]), &words);
        assert!(refused.unwrap_err().contains(why), "{body}");
    }
    for (dialect, body) in [
        response("conversation", Value::Null),
        response("background", json!(false)),
        // It goes on from there again, with what was said behind it.
        response("previous_response_id", json!("resp_1")),
        (
            Dialect::OpenAiResponses,
            json!({"model": "m", "previous_response_id": "resp_1"}),
        ),
        (
            Dialect::OpenAiResponses,
            json!({"model": "m", "input": null}),
        ),
        chat("n", json!(1)),
        chat("thread", json!("a field of its own")),
        gemini(json!(1)),
        gemini(Value::Null),
    ] {
        let corrected = parse(dialect, &body).correcting(&said(dialect, "x", &[]), &words);
        let count = corrected.unwrap().message_count();
        assert!(count >= 2, "{body}: {count}");
    }
}

#[test]
fn it_is_the_callers_request_otherwise() {
    let mut headers = http::HeaderMap::new();
    headers.insert("anthropic-beta", "x".parse().unwrap());
    let body = "{\"model\" : \"m\",\n \"x\\u0079\":1e400, \"messages\":[ {\"role\":\"user\", \"content\":\"Hi\"} ] ,\"z\":{} }";
    let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())
        .unwrap()
        .headers(headers)
        .for_model("large");
    let wrong = said(Dialect::OpenAiChat, "\u{1f600}", &[]);
    let corrected = request.correcting(&wrong, &Complaint::new("No.")).unwrap();
    let kept = "{\"model\" : \"m\",\n \"x\\u0079\":1e400, \"messages\":[{\"role\":\"user\", \"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"\u{1f600}\"},{\"role\":\"user\",\"content\":\"No.\"}] ,\"z\":{} }";
    assert_eq!(corrected.body(), kept);
    assert_eq!(corrected.insists_on(), Some("large"));
    assert_eq!(corrected.own_headers().len(), 1);
    // What it is made of does not grow.
    let second = request.correcting(&wrong, &Complaint::new("No.")).unwrap();
    assert_eq!(second.body(), corrected.body());
    assert!(!format!("{:?}", Complaint::new("No.").call(0, "No.")).contains("No."));
    assert!(!format!("{wrong:?}").contains('\u{1f600}'));
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\[\\]{}\",:\\\\ \u{0}-\u{20}a-z]{0,20}",
        Just("{\"a\": \"\\ud800\"}".to_owned()),
        Just(String::new()),
        Just(format!(
            "{{\"image\":{}{}}}",
            "[".repeat(300),
            "]".repeat(300)
        )),
        Just("x".repeat(100_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the model said, what is sent is JSON, and can be sent to everybody.
    #[test]
    fn a_correction_can_be_sent_anywhere(
        text in texts(),
        calls in prop::collection::vec((texts(), texts(), texts()), 0..3),
        complaint in texts(),
        at in 0_usize..3,
        wrong in texts(),
    ) {
        let calls: Vec<_> = calls.iter().map(|(id, name, it)| (&**id, &**name, &**it)).collect();
        let complaint = Complaint::new(complaint).call(at, wrong);
        for from in Dialect::ALL {
            let said = said(from, &text, &calls);
            let corrected = request(from).correcting(&said, &complaint).unwrap();
            let body: Value = serde_json::from_slice(corrected.body()).unwrap();
            prop_assert_eq!(&body["own"], &json!([1]));
            for to in Dialect::ALL {
                let encoded = corrected.encode(&Target::new(to));
                let encoded = encoded.map_err(|error: InvalidRequest| TestCaseError::fail(format!("{from} to {to}: {error}")))?;
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&encoded.body).is_ok());
            }
        }
    }
}
