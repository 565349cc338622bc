//! Every row of the facts about translating between the dialects that are spoken here, and what
//! the rows leave open.

use crate::{
    Dialect, Feature, InvalidRequest, LlmRequest, StreamReader, Target, cross_response,
    read_finish, read_usage,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Rows about tools, images and schemas in requests, which are refused so far.
const LATER: [&str; 18] = [
    "tools-o2a",
    "choice-any-o2a",
    "choice-any-a2o",
    "choice-none-o2a",
    "choice-one-o2a",
    "choice-parallel-o2a",
    "choice-parallel-absent-o2a",
    "call-o2a",
    "call-o2a-bad-json",
    "call-o2a-empty-args",
    "result-error-a2o",
    "img-data-o2a",
    "img-url-o2a",
    "img-a2o",
    "img-type-o2a",
    "json-schema-a2o",
    "json-tool-emulation-response",
    // Of one event out of its stream; the streams' own tests have it whole.
    "stream-tool-start-a2o",
];

fn dialect(name: &Value) -> Option<Dialect> {
    match name.as_str()? {
        "openai" | "openai-compatible" | "mistral" => Some(Dialect::OpenAiChat),
        "anthropic" => Some(Dialect::AnthropicMessages),
        _ => None,
    }
}

/// Whether `part` is in `whole`: fields of objects may be more, lists may not.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| contains(a, b))
        }
        (whole, part) => whole == part,
    }
}

fn request(from: Dialect, fields: &Value) -> LlmRequest {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    LlmRequest::parse(from, body.to_string().into()).unwrap()
}

/// The request in the other dialect, and the notes.
fn cross(from: Dialect, target: &Target, fields: &Value) -> (Value, Vec<&'static str>) {
    let encoded = request(from, fields).encode(target).unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    // What comes out can be read again.
    LlmRequest::parse(target.dialect(), encoded.body).unwrap();
    (body, encoded.notes)
}

fn check_request(row: &Value, from: Dialect, to: Dialect) {
    let target = Target::new(to)
        .legacy_max_tokens(row["to"] == "openai-compatible")
        .include_usage(row["kind"] == "usage");
    let (body, notes) = cross(from, &target, &row["input"]);
    assert!(contains(&body, &row["expected"]), "{}: {body}", row["id"]);
    // Nothing gets lost without a word.
    if row["lossy"] == true {
        assert!(!notes.is_empty(), "{}: no note", row["id"]);
        for field in row["input"].as_object().unwrap().keys() {
            let kept = row["expected"].get(field).is_some();
            assert!(kept || body.get(field).is_none(), "{}: {field}", row["id"]);
        }
    }
}

fn check_response(row: &Value, from: Dialect, to: Dialect) {
    let answer = Bytes::from(row["input"].to_string());
    let crossed = cross_response(from, to, &answer).unwrap();
    let body: Value = serde_json::from_slice(&crossed).unwrap();
    let expected = &row["expected"];
    let of_choice = expected.get("message").is_some();
    let part = if of_choice {
        &body["choices"][0]
    } else {
        &body
    };
    assert!(contains(part, expected), "{}: {body}", row["id"]);
}

/// A whole answer that ended for this reason.
fn answer(dialect: Dialect, reason: &Value) -> Bytes {
    let answer = match dialect {
        Dialect::OpenAiChat => json!({"choices": [
            {"index": 0, "message": {"content": "Hi"}, "finish_reason": reason}]}),
        Dialect::AnthropicMessages => json!({
            "content": [{"type": "text", "text": "Hi"}], "stop_reason": reason}),
    };
    answer.to_string().into()
}

fn check_stop(row: &Value, from: Dialect, to: Dialect) {
    let answer = answer(from, &row["input"]);
    let finish = read_finish(from, &answer).unwrap();
    if from == to {
        assert_eq!(finish.stop.as_str(), row["expected"], "{}", row["id"]);
        return;
    }
    let crossed = cross_response(from, to, &answer).unwrap();
    let finish = read_finish(to, &crossed).unwrap();
    assert_eq!(
        *finish.raw,
        *row["expected"].as_str().unwrap(),
        "{}",
        row["id"]
    );
}

fn check_streamed_usage(row: &Value) {
    let start = &row["input"]["message_start"];
    let mut text =
        format!("data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{start}}}}}\n\n");
    for usage in row["input"]["message_delta"].as_array().unwrap() {
        text += &format!("data: {{\"type\":\"message_delta\",\"usage\":{usage}}}\n\n");
    }
    let mut reader = StreamReader::new(Dialect::AnthropicMessages);
    reader.push(text.into());
    while reader.next_item().is_some() {}
    let usage = reader.summary().usage();
    let usage = json!({"input_tokens": usage.input, "output_tokens": usage.output});
    assert_eq!(usage, row["expected"]);
}

#[test]
fn every_translation_is_as_the_facts_say() {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts/translate.jsonl");
    let mut seen = 0;
    let mut later = LATER.to_vec();
    for row in fs::read_to_string(facts).unwrap().lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        if let Some(at) = later.iter().position(|id| row["id"] == *id) {
            later.swap_remove(at);
            continue;
        }
        let (Some(from), Some(to)) = (dialect(&row["from"]), dialect(&row["to"])) else {
            continue;
        };
        seen += 1;
        match row["kind"].as_str().unwrap() {
            // A field of a tool call, of a dialect within the dialect.
            "request" if row["id"] == "callid-mistral" => seen -= 1,
            "request" => check_request(&row, from, to),
            "response" => check_response(&row, from, to),
            "stop_reason" => check_stop(&row, from, to),
            "usage" if row["id"] == "usage-a-stream" => check_streamed_usage(&row),
            "usage" => check_request(&row, from, to),
            // Where errors are rendered there are tests of these.
            "error" | "stream" => {}
            kind => panic!("{}: what is {kind}?", row["id"]),
        }
    }
    assert_eq!(later, [""; 0], "rows that are not there");
    assert_eq!(seen, 39);
}

const TO_ANTHROPIC: Target = Target::new(Dialect::AnthropicMessages);
const TO_OPENAI: Target = Target::new(Dialect::OpenAiChat);

#[test]
fn a_conversation_is_made_one_that_anthropic_takes() {
    let fields = json!({"messages": [
        {"role": "system", "content": [{"type": "text", "text": "A"}]},
        {"role": "user", "content": "1", "name": "bob"},
        {"role": "user", "content": [{"type": "text", "text": "2"}, {"type": "text", "text": " "}]},
        {"role": "assistant", "content": null, "refusal": "No."},
        {"role": "user", "content": ""},
        {"role": "developer", "content": "B"},
        {"role": "assistant", "content": "So \n"},
    ]});
    let (body, mut notes) = cross(Dialect::OpenAiChat, &TO_ANTHROPIC, &fields);
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(body["system"], json!([text("A"), text("B")]));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [text("1"), text("2")]},
            {"role": "assistant", "content": [text("No."), text("So")]},
        ])
    );
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            "added max_tokens",
            "dropped an empty message",
            "dropped name",
            "moved a system message to the front",
            "the model's last turn will be continued",
        ]
    );
}

#[test]
fn nothing_to_say_is_not_sent() {
    for messages in [json!([]), json!([{"role": "system", "content": "A"}])] {
        let request = request(Dialect::OpenAiChat, &json!({"messages": messages}));
        let error = request.encode(&TO_ANTHROPIC).unwrap_err();
        assert_eq!(error.field(), Some("messages"));
    }
}

#[test]
fn a_system_prompt_of_blocks_is_several_messages() {
    let fields = json!({"system": [
        {"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "B"},
    ], "messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "1"}, {"type": "text", "text": "2"},
    ]}, {"role": "user", "content": [{"type": "text", "text": "3"}]}]});
    let (body, mut notes) = cross(Dialect::AnthropicMessages, &TO_OPENAI, &fields);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "A"},
            {"role": "system", "content": "B"},
            {"role": "assistant", "content": "12"},
            {"role": "user", "content": "3"},
        ])
    );
    notes.sort_unstable();
    assert_eq!(notes, ["dropped cache_control", "dropped thinking"]);
}

#[test]
fn sampling_parameters_are_made_what_the_other_side_takes() {
    let fields = json!({"temperature": 0.5, "top_p": 0.9, "stop": ["A", " ", ""], "stream": true,
        "stream_options": {"include_usage": true}, "safety_identifier": "new", "user": "old"});
    let (body, notes) = cross(Dialect::OpenAiChat, &TO_ANTHROPIC, &fields);
    assert_eq!(
        body,
        json!({"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.5, "stop_sequences": ["A"], "metadata": {"user_id": "new"},
            "stream": true})
    );
    assert_eq!(
        notes,
        [
            "dropped top_p",
            "dropped stop sequences",
            "added max_tokens"
        ]
    );

    let fields = json!({"max_tokens": 9000, "stop_sequences": ["1", "2", "3", "4", "5"],
        "stream": true, "metadata": {"user_id": "u"}, "thinking": {"type": "disabled"}});
    let target = TO_OPENAI.model("gpt").max_output_tokens(4000);
    let (body, notes) = cross(Dialect::AnthropicMessages, &target, &fields);
    assert_eq!(
        body,
        json!({"model": "gpt", "messages": [{"role": "user", "content": "Hi"}],
            "max_completion_tokens": 4000, "stop": ["1", "2", "3", "4"], "user": "u",
            "stream": true, "stream_options": {"include_usage": true}})
    );
    assert_eq!(
        notes,
        [
            "dropped thinking",
            "clamped max_tokens",
            "dropped stop sequences"
        ]
    );
}

#[test]
fn the_default_for_tokens_is_within_the_limit() {
    let (body, _) = cross(
        Dialect::OpenAiChat,
        &TO_ANTHROPIC.max_output_tokens(100),
        &json!({}),
    );
    assert_eq!(body["max_tokens"], 100);
    let (body, _) = cross(
        Dialect::OpenAiChat,
        &TO_ANTHROPIC.default_max_tokens(7),
        &json!({}),
    );
    assert_eq!(body["max_tokens"], 7);
}

#[test]
fn what_cannot_be_left_out_is_refused() {
    let openai = [
        (json!({"tools": [{"type": "function"}]}), Feature::Tools),
        (
            json!({"messages": [{"role": "tool", "content": "1"}]}),
            Feature::Tools,
        ),
        (
            json!({"messages": [{"role": "assistant", "content": null, "tool_calls": [{}]}]}),
            Feature::Tools,
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            Feature::Images,
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "file"}]}]}),
            Feature::Documents,
        ),
        (json!({"modalities": ["text", "audio"]}), Feature::Audio),
        (
            json!({"response_format": {"type": "json_schema"}}),
            Feature::JsonSchema,
        ),
        (json!({"n": 2}), Feature::ManyAnswers),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "x"}]}]}),
            Feature::UnknownContent,
        ),
    ];
    let anthropic = [
        (json!({"tools": [{"name": "f"}]}), Feature::Tools),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image"}]}]}),
            Feature::Images,
        ),
        (
            json!({"output_config": {"format": {"type": "json_schema"}}}),
            Feature::JsonSchema,
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
            Feature::Tools,
        ),
    ];
    let openai = openai.map(|case| (Dialect::OpenAiChat, TO_ANTHROPIC, case));
    let anthropic = anthropic.map(|case| (Dialect::AnthropicMessages, TO_OPENAI, case));
    for (from, target, (fields, feature)) in openai.into_iter().chain(anthropic) {
        let request = request(from, &fields);
        let error = request.encode(&target).unwrap_err();
        let to = target.dialect();
        let expected = InvalidRequest::CannotCross {
            what: feature,
            from,
            to,
        };
        assert_eq!(error, expected, "{fields}");
        assert!(error.elsewhere());
        // Where its own dialect is spoken it goes as it is.
        assert!(request.encode(&Target::new(from)).is_ok());
    }
}

#[test]
fn a_field_that_says_nonsense_is_named() {
    for (fields, field) in [
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"stop": 1}), "stop"),
        (json!({"messages": "Hi"}), "messages"),
        (
            json!({"messages": [{"role": "user"}, {"role": "wizard"}]}),
            "messages[1].role",
        ),
        (
            json!({"messages": [{"role": "user", "content": 1}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content",
        ),
    ] {
        let mut body = json!({"model": "m", "messages": []});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.to_string().into());
        let understood = request.is_ok();
        let error = request
            .and_then(|request| request.encode(&TO_ANTHROPIC))
            .unwrap_err();
        let named = error.field().map(str::to_owned);
        assert!(
            named.as_deref() == Some(field) || error.to_string().contains("JSON"),
            "{error}"
        );
        // What only has to be understood to be carried over may do where it need not be.
        assert_eq!(error.elsewhere(), understood, "{error}");
        let said = "can't be carried over from openai.chat to anthropic.messages";
        assert_eq!(error.to_string().contains(said), understood, "{error}");
    }
}

#[test]
fn usage_is_counted_alike() {
    let anthropic = json!({"content": [], "usage": {"input_tokens": 10, "output_tokens": 5,
        "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}});
    let anthropic = Bytes::from(anthropic.to_string());
    let usage = read_usage(Dialect::AnthropicMessages, &anthropic);
    assert_eq!(
        (usage.input, usage.cached, usage.total()),
        (Some(130), Some(100), Some(135))
    );

    let (from, to) = (Dialect::AnthropicMessages, Dialect::OpenAiChat);
    let openai = cross_response(from, to, &anthropic).unwrap();
    let body: Value = serde_json::from_slice(&openai).unwrap();
    assert_eq!(
        body["usage"],
        json!({"prompt_tokens": 130, "completion_tokens": 5, "total_tokens": 135,
            "prompt_tokens_details": {"cached_tokens": 100}})
    );
    let back = cross_response(to, from, &openai).unwrap();
    let body: Value = serde_json::from_slice(&back).unwrap();
    assert_eq!(
        body["usage"],
        json!({"input_tokens": 30, "output_tokens": 5, "cache_read_input_tokens": 100})
    );
    assert!(read_usage(from, b"{}").is_empty());
    assert!(read_usage(to, b"garbage").is_empty());
}

#[test]
fn an_answer_that_is_none_does_not_cross() {
    let (from, to) = (Dialect::OpenAiChat, Dialect::AnthropicMessages);
    for body in [
        "",
        "{}",
        "<html>",
        r#"{"choices": []}"#,
        r#"{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{x"}}]}}]}"#,
        r#"{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "1"}}]}}]}"#,
    ] {
        assert!(cross_response(from, to, &body.into()).is_err(), "{body}");
    }
    let error = cross_response(to, from, &r#"{"content": "secret"}"#.into()).unwrap_err();
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn a_refusal_keeps_its_meaning() {
    let answer = json!({"choices": [{"message": {"content": null, "refusal": "No."},
        "finish_reason": "stop"}]});
    let (from, to) = (Dialect::OpenAiChat, Dialect::AnthropicMessages);
    let crossed = cross_response(from, to, &answer.to_string().into()).unwrap();
    let body: Value = serde_json::from_slice(&crossed).unwrap();
    assert_eq!(body["stop_reason"], "refusal");
    assert_eq!(body["content"], json!([{"type": "text", "text": "No."}]));
}

#[test]
fn what_was_written_ahead_is_not_written_again() {
    let mut request = request(
        Dialect::OpenAiChat,
        &json!({"messages": [{"role": "user", "content": "Hi"}]}),
    );
    request.encode_ahead(&TO_ANTHROPIC).unwrap();
    let bytes = |request: &LlmRequest, target: &Target| request.encode(target).unwrap().body;
    let body = bytes(&request, &TO_ANTHROPIC);
    assert_eq!(
        body.as_ptr(),
        bytes(&request.clone(), &TO_ANTHROPIC).as_ptr()
    );
    // Another place gets its own.
    let other = bytes(&request, &TO_ANTHROPIC.model("other"));
    assert!(String::from_utf8_lossy(&other).contains("other"));
    assert_eq!(
        bytes(&request, &Target::new(Dialect::OpenAiChat)),
        request.body()
    );
    // It is known ahead as well when it can't be.
    let mut request = self::request(Dialect::OpenAiChat, &json!({"n": 2}));
    assert!(request.encode_ahead(&TO_ANTHROPIC).is_err());
    assert!(
        request
            .encode_ahead(&Target::new(Dialect::OpenAiChat))
            .is_ok()
    );
}
