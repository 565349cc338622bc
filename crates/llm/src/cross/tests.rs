//! Every row of the facts about translating between the dialects that are spoken here, and what
//! the rows leave open.

use super::{Crossing, Prompt};
use crate::{
    AnswerTranslator, Dialect, Feature, InvalidAnswer, InvalidRequest, LlmRequest, Provider,
    StreamReader, StreamTranslator, Target, read_finish, read_usage,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{fs, path::Path};

fn dialect(name: &Value) -> Option<Dialect> {
    match name.as_str()? {
        "openai" | "openai-compatible" | "mistral" => Some(Dialect::OpenAiChat),
        "anthropic" | "anthropic-thinking" => Some(Dialect::AnthropicMessages),
        "gemini" => Some(Dialect::Gemini),
        _ => None,
    }
}

fn cross_response(from: Dialect, to: Dialect, body: &Bytes) -> Result<Bytes, InvalidAnswer> {
    AnswerTranslator::new(from, to).write(body)
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
    let mut body = match from {
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}),
    };
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    parse(from, body.to_string().into()).unwrap()
}

fn parse(dialect: Dialect, body: Bytes) -> Result<LlmRequest, InvalidRequest> {
    if dialect.is_addressed() {
        LlmRequest::parse_addressed(dialect, "m", false, body)
    } else {
        LlmRequest::parse(dialect, body)
    }
}

/// The request in the other dialect, and the notes.
fn cross(from: Dialect, target: &Target, fields: &Value) -> (Value, Vec<&'static str>) {
    let encoded = request(from, fields).encode(target).unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    // What comes out can be read again.
    parse(target.dialect(), encoded.body).unwrap();
    (body, encoded.notes)
}

/// A request of which the row has a part: a message, or a piece of one.
fn whole(part: &Value) -> Value {
    match part {
        part if part.get("role").is_some() => json!({"messages": [part]}),
        part if part.get("type").is_some() => {
            json!({"messages": [{"role": "user", "content": [part]}]})
        }
        part if part.get("schema").is_some() => json!({"tools": [{"type": "function",
            "function": {"name": "f", "parameters": {"type": "object", "properties": part}}}]}),
        part if part.get("tool_result").is_some() => {
            let mut result = part["tool_result"].clone();
            result["type"] = "tool_result".into();
            json!({"messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "input": {},
                    "id": result["tool_use_id"], "name": part["name_of_call"]}]},
                {"role": "user", "content": [result]},
            ]})
        }
        whole => whole.clone(),
    }
}

/// That part of what came out.
fn part<'a>(input: &Value, to: Dialect, body: &'a Value) -> &'a Value {
    let (messages, content) = match to {
        Dialect::Gemini => ("contents", "parts"),
        _ => ("messages", "content"),
    };
    match input {
        part if part.get("role").is_some() => &body[messages][0],
        part if part.get("type").is_some() => &body[messages][0][content][0],
        part if part.get("schema").is_some() => {
            &body["tools"][0]["functionDeclarations"][0]["parameters"]["properties"]
        }
        part if part.get("tool_result").is_some() => &body[messages][1][content][0],
        _ => body,
    }
}

fn check_request(row: &Value, from: Dialect, to: Dialect) {
    let target = Target::new(to)
        .legacy_max_tokens(row["to"] == "openai-compatible")
        .include_usage(row["kind"] == "usage");
    let (input, expected) = (&row["input"], &row["expected"]);
    let fields = whole(input);
    if let Some(expected) = expected.get("error") {
        let error = request(from, &fields).encode(&target).unwrap_err();
        let InvalidRequest::CannotRead { why, .. } = error else {
            panic!("{}: {error}", row["id"]);
        };
        assert_eq!(why.to_string(), *expected, "{}", row["id"]);
        return;
    }
    let (body, notes) = cross(from, &target, &fields);
    if row["id"] == "temp-thinking" {
        // 4096 tokens, of which a high effort takes most.
        assert_eq!(
            body["thinking"],
            json!({"type": "enabled", "budget_tokens": 3276})
        );
        assert!(body.get("temperature").is_none());
    } else {
        let part = part(input, to, &body);
        assert!(contains(part, expected), "{}: {body}", row["id"]);
    }
    // Nothing gets lost without a word.
    if row["lossy"] == true && row["id"] != "result-error-a2o" {
        assert!(!notes.is_empty(), "{}: no note", row["id"]);
        for field in fields.as_object().unwrap().keys() {
            let kept = expected.get(field).is_some() || field == "messages";
            assert!(kept || body.get(field).is_none(), "{}: {field}", row["id"]);
        }
    }
}

fn check_response(row: &Value, from: Dialect, to: Dialect) {
    let answer = Bytes::from(row["input"].to_string());
    let translator =
        AnswerTranslator::new(from, to).json_tool(row["input"]["emulated_json_tool"] == true);
    let crossed = translator.write(&answer).unwrap();
    let body: Value = serde_json::from_slice(&crossed).unwrap();
    let expected = &row["expected"];
    let of_choice = expected.get("message").is_some();
    let part = if of_choice {
        &body["choices"][0]
    } else {
        &body
    };
    let mut expected = expected.clone();
    // An id that was made up is like no other.
    if let Some(id) = expected.pointer_mut("/message/tool_calls/0/id")
        && id == "<generated>"
    {
        *id = part["message"]["tool_calls"][0]["id"].clone();
        assert!(id.as_str().is_some_and(|id| !id.is_empty()));
    }
    assert!(contains(part, &expected), "{}: {body}", row["id"]);
}

/// The count of a whole answer.
fn check_usage(row: &Value, from: Dialect, to: Dialect) {
    let mut body: Value = serde_json::from_slice(&answer(from, &"STOP".into())).unwrap();
    body["usageMetadata"] = row["input"].clone();
    let crossed = cross_response(from, to, &body.to_string().into()).unwrap();
    let body: Value = serde_json::from_slice(&crossed).unwrap();
    assert!(
        contains(&body["usage"], &row["expected"]),
        "{}: {body}",
        row["id"]
    );
}

fn check_event(row: &Value, from: Dialect, to: Dialect) {
    if row["input"]["type"] == "error" {
        // Where errors are rendered there are tests of these.
        return;
    }
    let mut reader = StreamReader::new(from);
    let mut translator = StreamTranslator::new(to);
    reader.push(format!("data: {}\n\n", row["input"]).into());
    let events = translator.write(&reader.next_item().unwrap());
    let events = String::from_utf8(events.to_vec()).unwrap();
    let last = events.lines().rfind(|line| !line.is_empty()).unwrap();
    let last: Value = serde_json::from_str(&last["data: ".len()..]).unwrap();
    assert!(contains(&last, &row["expected"]), "{}: {last}", row["id"]);
}

/// A whole answer that ended for this reason.
fn answer(dialect: Dialect, reason: &Value) -> Bytes {
    let answer = match dialect {
        Dialect::OpenAiChat => json!({"choices": [
            {"index": 0, "message": {"content": "Hi"}, "finish_reason": reason}]}),
        Dialect::AnthropicMessages => json!({
            "content": [{"type": "text", "text": "Hi"}], "stop_reason": reason}),
        Dialect::Gemini => json!({"candidates": [
            {"content": {"parts": [{"text": "Hi"}]}, "finishReason": reason}]}),
        other => unreachable!("no row is of {other}"),
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
    for row in fs::read_to_string(facts).unwrap().lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let (Some(from), Some(to)) = (dialect(&row["from"]), dialect(&row["to"])) else {
            continue;
        };
        seen += 1;
        match row["kind"].as_str().unwrap() {
            // The dialects are the same: there is a test of its own.
            "request" if row["id"] == "callid-mistral" => {}
            "request" => check_request(&row, from, to),
            "response" => check_response(&row, from, to),
            "stop_reason" => check_stop(&row, from, to),
            "usage" if row["id"] == "usage-a-stream" => check_streamed_usage(&row),
            "usage" if from == Dialect::Gemini => check_usage(&row, from, to),
            "usage" => check_request(&row, from, to),
            "stream" => check_event(&row, from, to),
            // Where errors are rendered there are tests of these.
            "error" => {}
            kind => panic!("{}: what is {kind}?", row["id"]),
        }
    }
    assert_eq!(seen, 84);
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
    assert_eq!(notes, ["clamped max_tokens", "dropped stop sequences"]);
}

/// They answer with a 400, which is the caller's to mend: no other route would be asked.
#[test]
fn what_a_model_refuses_of_sampling_is_not_sent() {
    let anthropic = json!({"temperature": 0.2, "top_p": 0.9, "top_k": 5, "stop_sequences": ["A"]});
    let openai = json!({"temperature": 1.5, "top_p": 0.9, "frequency_penalty": 1,
        "presence_penalty": 1, "stop": "A"});
    let responses = Target::new(Dialect::OpenAiResponses);
    for (from, target, fields, left, dropped) in [
        (
            Dialect::AnthropicMessages,
            TO_OPENAI.model("gpt-5"),
            &anthropic,
            json!({}),
            &["temperature", "top_p", "stop sequences", "top_k"][..],
        ),
        (
            Dialect::AnthropicMessages,
            responses.clone().model("o3"),
            &anthropic,
            json!({}),
            &["temperature", "top_p", "stop sequences", "top_k"],
        ),
        (
            Dialect::AnthropicMessages,
            responses.model("gpt-5-chat-latest"),
            &anthropic,
            json!({"temperature": 0.2, "top_p": 0.9}),
            &["top_k", "stop sequences"],
        ),
        (
            Dialect::OpenAiChat,
            TO_ANTHROPIC.model("claude-opus-4-7"),
            &openai,
            json!({"stop_sequences": ["A"]}),
            &[
                "frequency_penalty",
                "presence_penalty",
                "temperature",
                "top_p",
            ],
        ),
        (
            Dialect::OpenAiChat,
            TO_ANTHROPIC.model("claude-opus-4-6"),
            &json!({"temperature": 0.2}),
            json!({"temperature": 0.2}),
            &[],
        ),
    ] {
        let (mut body, notes) = cross(from, &target, fields);
        let kept = [
            "temperature",
            "top_p",
            "top_k",
            "stop",
            "stop_sequences",
            "frequency_penalty",
            "presence_penalty",
        ];
        let body = body.as_object_mut().unwrap();
        body.retain(|name, _| kept.contains(&&**name));
        assert_eq!(Value::Object(body.clone()), left, "{target:?}");
        let of_sampling = notes
            .iter()
            .filter_map(|note| note.strip_prefix("dropped "));
        assert_eq!(of_sampling.collect::<Vec<_>>(), dropped, "{target:?}");
    }
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
    let user = |piece: Value| json!({"messages": [{"role": "user", "content": [piece]}]});
    let openai = [
        (json!({"tools": [{"type": "custom"}]}), Feature::CustomTools),
        (
            json!({"tools": [{"type": "web_search"}]}),
            Feature::ServerTools,
        ),
        (json!({"web_search_options": {}}), Feature::ServerTools),
        (json!({"functions": [{}]}), Feature::LegacyFunctions),
        (
            json!({"messages": [{"role": "function", "name": "f", "content": "1"}]}),
            Feature::LegacyFunctions,
        ),
        (
            user(json!({"type": "file", "file": {"file_id": "file-1"}})),
            Feature::UploadedFiles,
        ),
        (
            user(json!({"type": "file", "file": {"file_data": "data:text/csv;base64,eA=="}})),
            Feature::Documents,
        ),
        (json!({"modalities": ["text", "audio"]}), Feature::Audio),
        (user(json!({"type": "input_audio"})), Feature::Audio),
        (json!({"n": 2}), Feature::ManyAnswers),
        (user(json!({"type": "x"})), Feature::UnknownContent),
    ];
    let anthropic = [
        (
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            Feature::ServerTools,
        ),
        (json!({"mcp_servers": [{}]}), Feature::ServerTools),
        (json!({"thread": {"type": "create"}}), Feature::Threads),
        (
            json!({"thread": {"type": "continue", "previous_message_id": "msg_1"}}),
            Feature::Threads,
        ),
        (
            user(json!({"type": "web_search_tool_result", "content": []})),
            Feature::ServerTools,
        ),
        (
            user(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})),
            Feature::UploadedFiles,
        ),
        (
            user(json!({"type": "document", "source": {"type": "url", "url": "https://x.test/a"}})),
            Feature::Documents,
        ),
        (
            user(json!({"type": "search_result"})),
            Feature::UnknownContent,
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

    let odd = r#"{"choices": [{"message": {"content": "Hi"}}], "usage": "many"}"#;
    let crossed = cross_response(to, from, &odd.into()).unwrap();
    assert!(String::from_utf8_lossy(&crossed).contains("Hi"));
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

/// A conversation with tools, as OpenAI has it.
fn tool_loop() -> Value {
    json!({
        "messages": [
            {"role": "user", "content": "Weather in Paris and Rome?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_a", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}},
                {"id": "functions.weather:1", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_a", "content": "18"},
            {"role": "tool", "tool_call_id": "functions.weather:1",
                "content": [{"type": "text", "text": "24"}]},
            {"role": "user", "content": "In Kelvin."},
        ],
        "tools": [
            {"type": "function", "function": {"name": "weather"}},
            {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required",
            "tools": [{"type": "function", "function": {"name": "weather"}}]}},
        "reasoning_effort": "high",
    })
}

#[test]
fn a_tool_loop_is_carried_over() {
    let (body, notes) = cross(Dialect::OpenAiChat, &TO_ANTHROPIC, &tool_loop());
    let second = body["messages"][1]["content"][2]["id"].as_str().unwrap();
    assert!(second.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "Weather in Paris and Rome?"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": second, "name": "weather", "input": {"city": "Rome"}},
            ]},
            // All results in one turn, in front of what else there is to say.
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_a", "content": "18"},
                {"type": "tool_result", "tool_use_id": second, "content": "24"},
                {"type": "text", "text": "In Kelvin."},
            ]},
        ])
    );
    let nothing = json!({"type": "object", "properties": {}});
    assert_eq!(
        body["tools"],
        json!([{"name": "weather", "input_schema": nothing}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
    // Neither with a tool that has to be called, nor in the middle of a loop.
    assert!(body.get("thinking").is_none());
    assert_eq!(
        notes,
        [
            "left out the tools that are not allowed",
            "added max_tokens",
            "dropped reasoning"
        ]
    );

    // And back.
    let (body, _) = cross(Dialect::AnthropicMessages, &TO_OPENAI, &body);
    let mut expected = tool_loop()["messages"].take();
    expected[1]["tool_calls"][1]["id"] = second.into();
    expected[3] = json!({"role": "tool", "tool_call_id": second, "content": "24"});
    assert_eq!(body["messages"], expected);
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["tools"][0]["function"]["parameters"], nothing);
}

#[test]
fn what_a_tool_gave_may_be_more_than_text() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}});
    let fields = json!({"messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": [
            {"type": "text", "text": "here"}, image]},
        {"type": "tool_result", "tool_use_id": "u"},
        {"type": "document", "title": "a.pdf", "source":
            {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
    ]}]});
    let (body, notes) = cross(Dialect::AnthropicMessages, &TO_OPENAI, &fields);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "tool", "tool_call_id": "t", "content": "here"},
            {"role": "tool", "tool_call_id": "u", "content": ""},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                {"type": "file", "file": {"filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,aGk="}},
                {"type": "text", "text": "plain"},
            ]},
        ])
    );
    assert_eq!(
        notes,
        [
            "wrote a document of text as text",
            "moved an image out of a tool result"
        ]
    );
}

#[test]
fn a_schema_is_asked_for_by_a_tool_where_there_is_no_word_for_it() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"], "additionalProperties": false});
    let fields = json!({"response_format": {"type": "json_schema",
        "json_schema": {"name": "x", "schema": schema, "strict": true}}});
    let native = TO_ANTHROPIC.model("claude-sonnet-4-5");
    let (body, _) = cross(Dialect::OpenAiChat, &native, &fields);
    let format = json!({"type": "json_schema", "schema": schema});
    assert_eq!(body["output_config"], json!({"format": format}));
    assert!(body.get("tools").is_none());

    let old = TO_ANTHROPIC.model("claude-sonnet-4-0");
    let request = request(Dialect::OpenAiChat, &fields);
    let encoded = request.encode(&old).unwrap();
    assert!(encoded.json_tool);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["tools"][0]["input_schema"], schema);
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "json"}));
    // It can be said of any model.
    let encoded = request.encode(&old.json_schema(true)).unwrap();
    assert!(!encoded.json_tool);
}

#[test]
fn a_schema_is_made_one_that_anthropic_takes() {
    let native = TO_ANTHROPIC.model("claude-sonnet-4-5");
    let ask = |schema: &Value| {
        let fields = json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "x", "schema": schema}}});
        cross(Dialect::OpenAiChat, &native, &fields)
    };
    let (body, notes) = ask(&json!({"type": "object",
        "properties": {"a": {"type": "integer", "minimum": 1}}}));
    let schema = json!({"type": "object",
        "properties": {"a": {"type": "integer", "description": "minimum: 1"}},
        "additionalProperties": false});
    assert_eq!(body["output_config"]["format"]["schema"], schema);
    assert!(notes.contains(&"simplified the schema of the answer"));

    // What can't be said so is asked for by a tool, as of a model that knows nothing of schemas.
    let names = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let (body, notes) = ask(&names);
    assert!(body.get("output_config").is_none());
    assert_eq!(body["tools"][0]["input_schema"], names);
    assert!(notes.contains(&"asked for the schema by a tool"));
}

#[test]
fn the_schema_of_a_tool_is_closed_where_it_is_followed_to_the_letter() {
    let tool = |name: &str, parameters: Value| json!({"name": name, "parameters": parameters});
    let city = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}});
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [{"functionDeclarations": [
            tool("closed", city), tool("open", json!({"type": "OBJECT"}))]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
    });
    let body = body.to_string().into();
    let request = LlmRequest::parse_addressed(Dialect::Gemini, "m", false, body).unwrap();
    let encoded = request.encode(&TO_ANTHROPIC).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let closed = json!({"type": "object", "properties": {"city": {"type": "string"}},
        "additionalProperties": false});
    assert_eq!(
        body["tools"],
        json!([
            {"name": "closed", "input_schema": closed, "strict": true},
            {"name": "open", "input_schema": {"type": "object"}},
        ])
    );
    assert!(encoded.notes.contains(&"dropped strict"));
}

#[test]
fn openai_is_asked_to_follow_only_schemas_that_it_can() {
    let schema = |required: &Value| {
        json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
            "required": required, "additionalProperties": false})
    };
    for (required, strict) in [
        (json!(["a", "b"]), json!(true)),
        // Elsewhere something may be left out.
        (json!(["a"]), Value::Null),
    ] {
        let schema = schema(&required);
        let fields = json!({
            "tools": [{"name": "f", "input_schema": schema, "strict": true}],
            "output_config": {"format": {"type": "json_schema", "schema": schema}},
        });
        let (body, notes) = cross(Dialect::AnthropicMessages, &TO_OPENAI, &fields);
        assert_eq!(body["tools"][0]["function"]["strict"], strict);
        assert_eq!(body["response_format"]["json_schema"]["strict"], strict);
        assert_eq!(notes.contains(&"dropped strict"), strict.is_null());
    }
}

#[test]
fn a_stream_of_the_json_tool_is_one_of_text() {
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c"}}),
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "json", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": "{\"a\""}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": ":1}"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        json!({"type": "message_stop"}),
    ];
    let mut reader = StreamReader::new(Dialect::AnthropicMessages)
        .json_tool(true)
        .keep(100);
    let mut translator = StreamTranslator::new(Dialect::OpenAiChat);
    let mut written = String::new();
    for event in events {
        reader.push(format!("data: {event}\n\n").into());
        while let Some(item) = reader.next_item() {
            written += std::str::from_utf8(&translator.write(&item)).unwrap();
        }
    }
    assert_eq!(reader.summary().text(), r#"{"a":1}"#);
    assert!(reader.summary().tool_calls().is_empty());
    assert!(!written.contains("tool_calls"), "{written}");
    assert!(written.contains(r#""finish_reason":"stop""#), "{written}");
}

#[test]
fn how_much_to_think_is_said_in_the_words_of_the_model() {
    let effort = |effort: &str| json!({"reasoning_effort": effort, "max_tokens": 10_000});
    let thinking = |model: &str, fields: &Value| {
        let target = TO_ANTHROPIC.model(model);
        let (body, _) = cross(Dialect::OpenAiChat, &target, fields);
        (body["thinking"].clone(), body["output_config"].clone())
    };
    let (enabled, _) = thinking("claude-sonnet-4-5", &effort("low"));
    assert_eq!(enabled, json!({"type": "enabled", "budget_tokens": 2000}));
    let (enabled, _) = thinking("claude-sonnet-4-5", &effort("minimal"));
    assert_eq!(enabled, json!({"type": "enabled", "budget_tokens": 1024}));
    let adaptive = thinking("claude-opus-4-7", &effort("xhigh"));
    assert_eq!(
        adaptive,
        (json!({"type": "adaptive"}), json!({"effort": "max"}))
    );
    for (model, fields) in [
        ("claude-3-5-sonnet", effort("high")),
        ("claude-sonnet-4-5", effort("none")),
        (
            "claude-sonnet-4-5",
            json!({"reasoning_effort": "high", "max_tokens": 1000}),
        ),
    ] {
        assert_eq!(
            thinking(model, &fields),
            (Value::Null, Value::Null),
            "{model}"
        );
    }

    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 5000},
        "max_tokens": 10_000});
    let effort = |model: &str, fields: &Value| {
        let target = TO_OPENAI.model(model);
        let (body, _) = cross(Dialect::AnthropicMessages, &target, fields);
        body["reasoning_effort"].clone()
    };
    assert_eq!(effort("gpt-5", &budget), "medium");
    assert_eq!(effort("gpt-4.1", &budget), Value::Null);
    let max = json!({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}});
    assert_eq!(effort("gpt-5", &max), "high");
}

#[test]
fn mistral_gets_the_ids_it_wants() {
    let target = TO_OPENAI.nine_letter_ids(true);
    let (body, _) = cross(
        Dialect::AnthropicMessages,
        &target,
        &json!({"messages": [
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01"}]},
        ]}),
    );
    let call = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!(call.len(), 9);
    assert!(call.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(body["messages"][1]["tool_call_id"], call);
}

/// Anthropic takes 128, and what is told of MCP's servers in a name is often that long.
#[test]
fn names_of_tools_that_are_too_long_are_for_another_place() {
    let name = "n".repeat(65);
    let fields = json!({"tools": [{"name": name, "input_schema": {"type": "object"}}]});
    let request = request(Dialect::AnthropicMessages, &fields);
    let encode = |target: Option<Target>| request.encode(&target.unwrap());
    for provider in [
        Provider::OpenAi,
        Provider::Azure,
        Provider::Mistral,
        Provider::DeepSeek,
    ] {
        let error = encode(provider.target()).unwrap_err();
        assert!(error.elsewhere(), "{provider}: {error}");
        assert_eq!(error.field(), Some("tools"));
    }
    for provider in [Provider::Vllm, Provider::Compatible, Provider::Anthropic] {
        assert!(encode(provider.target()).is_ok(), "{provider}");
    }
    let responses = Provider::OpenAi.target().unwrap();
    let responses = responses.speaking(Dialect::OpenAiResponses);
    assert!(encode(Some(responses)).is_ok());
}

/// It answers a 422 to fields that it does not know, and a 400 to roles in another order.
#[test]
fn mistral_gets_what_it_knows() {
    let target = Provider::Mistral.target().unwrap().include_usage(true);
    let fields = json!({"stream": true, "metadata": {"user_id": "u"}, "messages": [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_01", "content": "7"},
            {"type": "text", "text": "So?"}]},
    ]});
    let encoded = request(Dialect::AnthropicMessages, &fields)
        .encode(&target)
        .unwrap();
    assert!(!encoded.hide_usage, "it is not asked for");
    assert_eq!(
        encoded.notes,
        [
            "dropped user",
            "added a turn of the model's after what came of a call"
        ]
    );
    let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let messages = body["messages"].take();
    assert_eq!(
        body,
        json!({"model": "m", "messages": null, "stream": true})
    );
    let said = |at: usize| {
        (
            messages[at]["role"].clone(),
            messages[at]["content"].clone(),
        )
    };
    assert_eq!(said(2), (json!("tool"), json!("7")));
    assert_eq!(said(3), (json!("assistant"), json!("Understood.")));
    assert_eq!(said(4), (json!("user"), json!("So?")));

    // Where the model is to go on from the results, nobody speaks for it.
    let (body, notes) = cross(
        Dialect::Gemini,
        &target,
        &json!({"generationConfig": {"seed": 7}, "contents": [
            {"role": "user", "parts": [{"text": "Look."}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"a": 1}}}]},
        ]}),
    );
    assert_eq!(
        (&body["seed"], &body["random_seed"]),
        (&Value::Null, &json!(7))
    );
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert!(!notes.contains(&"added a turn of the model's after what came of a call"));
    let (body, _) = cross(
        Dialect::Gemini,
        &Provider::OpenAi.target().unwrap(),
        &json!({"generationConfig": {"seed": 7}}),
    );
    assert_eq!(
        (&body["seed"], &body["random_seed"]),
        (&json!(7), &Value::Null)
    );

    // Its own dialect goes on as it is, with nothing added that it does not know.
    let request = request(Dialect::OpenAiChat, &json!({"stream": true}));
    let encoded = request.encode(&target).unwrap();
    assert_eq!(encoded.body, request.body());
    assert!(!encoded.hide_usage);
}

#[test]
fn a_file_of_the_models_is_not_left_out_without_a_word() {
    let turns = |piece: Value| {
        json!({"messages": [{"role": "user", "content": "Draw."},
            {"role": "assistant", "content": [{"type": "text", "text": "There."}, piece]},
            {"role": "user", "content": "Again."}]})
    };
    let url = "https://x.test/a.png";
    let openai = turns(json!({"type": "image_url", "image_url": {"url": url}}));
    let anthropic = turns(json!({"type": "image", "source": {"type": "url", "url": url}}));
    for (from, target, fields) in [
        (Dialect::OpenAiChat, TO_ANTHROPIC, openai),
        (Dialect::AnthropicMessages, TO_OPENAI, anthropic),
    ] {
        let (body, notes) = cross(from, &target, &fields);
        assert_eq!(body["messages"][1]["content"], "There.");
        assert!(
            notes.contains(&"dropped a file of the model's"),
            "{notes:?}"
        );
    }
}

/// A dialect reads all that it writes: what was read and written once stays as it is from then on.
#[test]
fn what_was_decoded_is_encoded_as_it_was() {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts/translate.jsonl");
    let rows = fs::read_to_string(facts).unwrap();
    let rows = rows.lines().map(|row| serde_json::from_str(row).unwrap());
    let rows = rows.filter(|row: &Value| row["kind"] == "request");
    let inputs = rows.filter_map(|row| Some((dialect(&row["from"])?, whole(&row["input"]))));
    let mut seen = 0;
    for (from, fields) in inputs.chain([(Dialect::OpenAiChat, tool_loop())]) {
        let crossing = Crossing { from, to: from };
        let target = Target::new(from);
        let written = |text: &str| {
            let mut prompt = Prompt::decode(text, crossing).ok()?;
            let body = prompt.encode(&target, crossing).ok()?;
            Some(String::from_utf8(body.to_vec()).unwrap())
        };
        let text = String::from_utf8(request(from, &fields).body().to_vec()).unwrap();
        // What no prompt can hold is refused on the way to any other dialect.
        let Some(once) = written(&text) else { continue };
        seen += 1;
        assert_eq!(written(&once).as_ref(), Some(&once), "{text}");
    }
    assert!(seen > 40, "{seen}");
}
