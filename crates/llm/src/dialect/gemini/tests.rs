//! What the facts about translating leave open.

use super::NO_SIGNATURE;
use crate::{
    AnswerTranslator, Dialect, End, EventPipe, Feature, InvalidRequest, Kind, LlmError, LlmRequest,
    Provider, Stop, StreamReader, StreamTranslator, Target, Truncated, read_finish, read_usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const GEMINI: Dialect = Dialect::Gemini;
const OPENAI: Dialect = Dialect::OpenAiChat;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

fn parse(dialect: Dialect, body: &Value) -> LlmRequest {
    let bytes = body.to_string().into();
    match dialect {
        GEMINI => LlmRequest::parse_addressed(GEMINI, "gemini-2.5-flash", true, bytes).unwrap(),
        _ => LlmRequest::parse(dialect, bytes).unwrap(),
    }
}

fn cross(from: Dialect, target: &Target, body: &Value) -> (Value, Vec<&'static str>) {
    let encoded = parse(from, body).encode(target).unwrap();
    (
        serde_json::from_slice(&encoded.body).unwrap(),
        encoded.notes,
    )
}

/// With this model, and some more fields, from OpenAI.
fn asked(model: &str, fields: &Value) -> (Value, Vec<&'static str>) {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    cross(OPENAI, &Target::new(GEMINI).model(model), &body)
}

#[test]
fn the_address_tells_the_model_and_whether_to_stream() {
    for (model, stream, path) in [
        (
            "gemini-2.5-flash",
            false,
            "/v1beta/models/gemini-2.5-flash:generateContent",
        ),
        (
            "models/g",
            true,
            "/v1beta/models/g:streamGenerateContent?alt=sse",
        ),
        (
            "tunedModels/t-1",
            false,
            "/v1beta/tunedModels/t-1:generateContent",
        ),
        (
            "../x?y#é",
            false,
            "/v1beta/models/..%2Fx%3Fy%23%C3%A9:generateContent",
        ),
        ("", false, "/v1beta/models/:generateContent"),
    ] {
        assert_eq!(GEMINI.path(model, stream), path);
    }
    assert_eq!(OPENAI.path("m", true), "/chat/completions");
    let body = r#"{"contents": []}"#;
    let missing = LlmRequest::parse(GEMINI, body.into()).unwrap_err();
    assert_eq!(missing.field(), Some("model"));
    let missing = LlmRequest::parse_addressed(GEMINI, "", true, body.into()).unwrap_err();
    assert_eq!(missing.field(), Some("model"));
    let missing = LlmRequest::parse_addressed(GEMINI, "m", true, "{}".into()).unwrap_err();
    assert_eq!(missing.field(), Some("contents"));
}

#[test]
fn its_names_are_read() {
    assert_eq!("gemini.generateContent".parse(), Ok(GEMINI));
    assert_eq!("gemini.streamGenerateContent".parse(), Ok(GEMINI));
    assert!("gemini".parse::<Dialect>().is_err());
}

#[test]
fn the_index_sees_what_routing_needs() {
    let body = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"},
                {"inline_data": {"mime_type": "image/png", "data": "aGk="}}]},
            {"role": "model", "parts": [{"text": "Ho"}]},
        ],
        "generationConfig": {"maxOutputTokens": 9, "responseSchema": {"type": "STRING"}},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    });
    let request = parse(GEMINI, &body);
    assert_eq!(
        (request.model(), request.streams()),
        ("gemini-2.5-flash", true)
    );
    assert_eq!(
        (request.message_count(), request.max_tokens()),
        (2, Some(9))
    );
    assert!(request.wants_images() && request.wants_tools() && request.wants_json_schema());
    assert!(request.includes_usage());
    // One where there should be a list, and what looks like an image and is none.
    let request = parse(
        GEMINI,
        &json!({"contents": {"parts": {"functionCall": {"name": "f",
        "args": {"mimeType": "image/png", "type": "image"}}}}}),
    );
    assert_eq!(request.message_count(), 1);
    assert!(!request.wants_images() && !request.wants_tools());
    for (body, field) in [
        (r#"{"contents": 1}"#, "contents"),
        (
            r#"{"contents": [], "generationConfig": 1}"#,
            "generationConfig",
        ),
        (
            r#"{"contents": [], "generationConfig": {"maxOutputTokens": "x"}}"#,
            "generationConfig.maxOutputTokens",
        ),
        (
            r#"{"contents": [], "generation_config": {}, "generationConfig": {}}"#,
            "generationConfig",
        ),
        (
            r#"{"contents": [], "generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 2}}"#,
            "generationConfig.max_output_tokens",
        ),
    ] {
        let error = LlmRequest::parse_addressed(GEMINI, "m", false, body.into()).unwrap_err();
        assert_eq!(error.field(), Some(field), "{body}");
    }
}

#[test]
fn within_the_dialect_only_the_limit_changes() {
    let target = Target::new(GEMINI).model("other");
    let limited = target.clone().max_output_tokens(50);
    let encode = |body: &str, target: &Target| {
        let body = body.to_owned().into();
        let request = LlmRequest::parse_addressed(GEMINI, "m", false, body).unwrap();
        let body = request.encode(target).unwrap().body;
        (String::from_utf8(body.to_vec()).unwrap(), request)
    };
    for (body, expected) in [
        (
            r#"{ "contents":[], "x" : 1 }"#,
            r#"{"generationConfig":{"maxOutputTokens":50}, "contents":[], "x" : 1 }"#,
        ),
        (
            r#"{"contents":[],"generationConfig": {}}"#,
            r#"{"contents":[],"generationConfig": {"maxOutputTokens":50}}"#,
        ),
        (
            r#"{"contents":[],"generationConfig":null}"#,
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":50}}"#,
        ),
        (
            r#"{"contents":[],"generation_config":{ "topK":1}}"#,
            r#"{"contents":[],"generation_config":{"maxOutputTokens":50, "topK":1}}"#,
        ),
        (
            r#"{"generationConfig":{"maxOutputTokens":null},"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":50},"contents":[]}"#,
        ),
        (
            r#"{"generationConfig":{"topP":1, "max_output_tokens": 99},"contents":[]}"#,
            r#"{"generationConfig":{"topP":1, "max_output_tokens": 50},"contents":[]}"#,
        ),
        (
            r#"{"generationConfig":{"maxOutputTokens":7},"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":7},"contents":[]}"#,
        ),
    ] {
        assert_eq!(encode(body, &limited).0, expected);
        let (same, request) = encode(body, &target);
        assert_eq!(same, body);
        assert_eq!(request.model_at(&target), "other");
        assert_eq!(request.for_model("own").model_at(&target), "own");
    }
}

#[test]
fn a_smaller_request_keeps_its_address() {
    let text = "x".repeat(300);
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": text}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
        {"role": "user", "parts": {"text": "last"}},
    ], "generationConfig": {"maxOutputTokens": 1000}});
    let request = parse(GEMINI, &body);
    let trimmed = request.without_oldest_turns(50).unwrap();
    assert_eq!(trimmed.message_count(), 1);
    assert_eq!(
        (trimmed.model(), trimmed.streams()),
        (request.model(), true)
    );
    assert_eq!(
        request.with_half_the_tokens(4096).unwrap().max_tokens(),
        Some(500)
    );
}

/// A conversation with tools, as OpenAI has it.
fn tool_loop() -> Value {
    json!({"model": "m", "messages": [
        {"role": "system", "content": "A"},
        {"role": "developer", "content": "B"},
        {"role": "user", "content": "Weather?"},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "w", "arguments": "{\"c\":1}"}},
            {"id": "b", "type": "function", "function": {"name": "w", "arguments": ""}},
        ]},
        {"role": "tool", "tool_call_id": "b", "content": "24"},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "18"}]},
        {"role": "user", "content": "In Kelvin."},
    ]})
}

#[test]
fn a_tool_loop_is_carried_over() {
    let (body, notes) = cross(
        OPENAI,
        &Target::new(GEMINI).model("gemini-2.5-pro"),
        &tool_loop(),
    );
    assert_eq!(
        body,
        json!({
            "systemInstruction": {"parts": [{"text": "A"}, {"text": "B"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Weather?"}]},
                {"role": "model", "parts": [
                    {"text": "Let me see."},
                    {"functionCall": {"name": "w", "args": {"c": 1}}},
                    {"functionCall": {"name": "w", "args": {}}},
                ]},
                // In the order of the calls: there is nothing else to tell them apart by.
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "w", "response": {"output": "18"}}},
                    {"functionResponse": {"name": "w", "response": {"output": "24"}}},
                    {"text": "In Kelvin."},
                ]},
            ],
        })
    );
    assert_eq!(notes, ["dropped an empty message"]);

    // Newer models want the first call of each turn signed.
    for model in ["gemini-3-pro-preview", "gemini-flash-latest"] {
        let (signed, _) = cross(OPENAI, &Target::new(GEMINI).model(model), &tool_loop());
        let parts = &signed["contents"][1]["parts"];
        assert_eq!(parts[1]["thoughtSignature"], NO_SIGNATURE);
        assert_eq!(parts[2].get("thoughtSignature"), None);
    }

    // And back.
    let (back, _) = cross(GEMINI, &Target::new(OPENAI), &body);
    assert_eq!(
        back["messages"],
        json!([
            {"role": "system", "content": "A"},
            {"role": "system", "content": "B"},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "call_0", "type": "function",
                    "function": {"name": "w", "arguments": "{\"c\":1}"}},
                {"id": "call_1", "type": "function", "function": {"name": "w", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_0", "content": "18"},
            {"role": "tool", "tool_call_id": "call_1", "content": "24"},
            {"role": "user", "content": "In Kelvin."},
        ])
    );
    assert_eq!(
        (&back["model"], &back["stream"]),
        (&json!("gemini-2.5-flash"), &json!(true))
    );
}

#[test]
fn a_result_without_its_call_is_not_made_up() {
    let body = json!({"model": "m", "messages": [
        {"role": "tool", "tool_call_id": "gone", "content": "1"}]});
    let error = parse(OPENAI, &body)
        .encode(&Target::new(GEMINI))
        .unwrap_err();
    assert_eq!(error.field(), Some("messages"));
    assert!(error.elsewhere());
    let body = json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{x"}}]}]});
    assert!(parse(OPENAI, &body).encode(&Target::new(GEMINI)).is_err());
}

#[test]
fn results_stand_in_the_order_of_their_calls() {
    let call = |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let result =
        |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    // There are servers that number their calls anew in each answer.
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call("0", "f"), call("1", "f")]},
        result("1", "second"), result("0", "first"),
        {"role": "user", "content": "and"},
        {"role": "assistant", "tool_calls": [call("0", "g")]},
        result("0", "third"),
    ]});
    let (body, _) = cross(OPENAI, &Target::new(GEMINI), &body);
    let given = |turn: usize, part: usize| {
        let part = &body["contents"][turn]["parts"][part]["functionResponse"];
        (part["name"].clone(), part["response"]["output"].clone())
    };
    assert_eq!(given(2, 0), (json!("f"), json!("first")));
    assert_eq!(given(2, 1), (json!("f"), json!("second")));
    assert_eq!(body["contents"][2]["parts"][2]["text"], "and");
    assert_eq!(given(4, 0), (json!("g"), json!("third")));
}

#[test]
fn results_are_read_as_they_are_meant() {
    let result = |fields: Value| {
        let mut response = json!({"name": "f"});
        for (name, value) in fields.as_object().unwrap() {
            response[name] = value.clone();
        }
        let body = json!({"contents": [
            {"role": "model", "parts": [{"functionCall": {"id": "own", "name": "f", "args": null},
                "thoughtSignature": "c2ln"}]},
            {"role": "function", "parts": [{"function_response": response}]},
        ]});
        let (body, notes) = cross(GEMINI, &Target::new(ANTHROPIC), &body);
        assert!(notes.contains(&"dropped thoughtSignature"));
        body["messages"][1]["content"][0].clone()
    };
    for (response, content, is_error) in [
        (json!({"output": "x"}), json!("x"), false),
        (json!({"result": {"a": 1}}), json!("{\"a\":1}"), false),
        (json!({"error": "boom"}), json!("boom"), true),
        (
            json!({"temperature": 20, "unit": "C"}),
            json!("{\"temperature\":20,\"unit\":\"C\"}"),
            false,
        ),
    ] {
        let expected = match is_error {
            true => json!({"type": "tool_result", "tool_use_id": "own", "content": content,
                "is_error": true}),
            false => json!({"type": "tool_result", "tool_use_id": "own", "content": content}),
        };
        assert_eq!(result(json!({"response": response})), expected);
        assert_eq!(result(json!({"response": response, "id": "own"})), expected);
    }
    let image = json!({"response": {"output": "see"},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]});
    let source = json!({"type": "base64", "media_type": "image/png", "data": "aGk="});
    assert_eq!(
        result(image)["content"],
        json!([{"type": "text", "text": "see"}, {"type": "image", "source": source}])
    );
}

#[test]
fn a_request_in_either_spelling_is_read() {
    let body = json!({
        "system_instruction": {"parts": {"text": "S"}},
        "contents": {"parts": [
            {"text": "Hi"},
            {"inline_data": {"mime_type": "image/png", "data": "aGk="}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.test/a"}},
        ]},
        "generation_config": {"temperature": 0.5, "topP": 0.9, "top_k": 40.0, "maxOutputTokens": 9,
            "stopSequences": ["a"], "seed": 3, "presencePenalty": 0.1, "candidateCount": 1,
            "response_mime_type": "application/json", "thinkingConfig": {"thinkingBudget": 0},
            "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
        "tools": {"function_declarations": [
            {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}},
            {"name": "g", "parametersJsonSchema": {"type": "object"}},
            {"name": "h"},
        ]},
        "tool_config": {"function_calling_config":
            {"mode": "validated", "allowed_function_names": ["f", "g"]}},
        "safetySettings": [],
    });
    let (body, mut notes) = cross(GEMINI, &Target::new(OPENAI).model("m"), &body);
    let schema = |kind: &str| json!({"type": "object", "properties": {"a": {"type": kind}}});
    assert_eq!(
        body,
        json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": "S"},
                {"role": "user", "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                    {"type": "image_url", "image_url": {"url": "https://x.test/a"}},
                ]},
            ],
            "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 3,
            "presence_penalty": 0.1, "stop": ["a"],
            "tools": [
                {"type": "function", "function":
                    {"name": "f", "parameters": schema("integer")}},
                {"type": "function", "function":
                    {"name": "g", "parameters": {"type": "object"}}},
            ],
            "tool_choice": "auto",
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "response", "schema": schema("string")}},
        })
    );
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            "dropped reasoning",
            "dropped safetySettings",
            "dropped strict",
            "dropped top_k",
            "left out the tools that are not allowed",
        ]
    );
}

#[test]
fn how_to_choose_is_carried_over() {
    let choice = |config: Value| {
        let body = json!({"contents": [{"parts": [{"text": "Hi"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
            "toolConfig": {"functionCallingConfig": config}});
        cross(GEMINI, &Target::new(OPENAI), &body).0["tool_choice"].clone()
    };
    assert_eq!(choice(json!({"mode": "AUTO"})), "auto");
    assert_eq!(choice(json!({"mode": "NONE"})), "none");
    assert_eq!(choice(json!({"mode": "ANY"})), "required");
    assert_eq!(choice(json!({})), Value::Null);
    let one = json!({"type": "function", "function": {"name": "g"}});
    assert_eq!(
        choice(json!({"mode": "ANY", "allowedFunctionNames": ["g"]})),
        one
    );

    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (choice, config) in [
        (json!("auto"), json!({"mode": "AUTO"})),
        (json!("required"), json!({"mode": "ANY"})),
    ] {
        let (body, _) = asked(
            "gemini-3-pro",
            &json!({"tools": tools, "tool_choice": choice}),
        );
        assert_eq!(body["toolConfig"], json!({"functionCallingConfig": config}));
        let declared = json!([{"functionDeclarations": [{"name": "f"}]}]);
        assert_eq!(body["tools"], declared);
    }
}

#[test]
fn what_cannot_be_left_out_is_refused() {
    for (fields, feature) in [
        (
            json!({"tools": [{"googleSearch": {}}]}),
            Feature::ServerTools,
        ),
        (
            json!({"cachedContent": "cachedContents/x"}),
            Feature::UploadedFiles,
        ),
        (
            json!({"generationConfig": {"candidateCount": 2}}),
            Feature::ManyAnswers,
        ),
        (
            json!({"generationConfig": {"responseModalities": ["AUDIO"]}}),
            Feature::Audio,
        ),
        (
            json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}),
            Feature::Images,
        ),
        (
            json!({"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/x"}}]}]}),
            Feature::UploadedFiles,
        ),
        (
            json!({"contents": [{"parts": [{"fileData": {"fileUri":
                "https://generativelanguage.googleapis.com/v1beta/files/x"}}]}]}),
            Feature::UploadedFiles,
        ),
        (
            json!({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/mp3", "data": ""}}]}]}),
            Feature::Audio,
        ),
        (
            json!({"contents": [{"parts": [{"executableCode": {"code": "1"}}]}]}),
            Feature::ServerTools,
        ),
        (
            json!({"contents": [{"parts": [{"new": 1}]}]}),
            Feature::UnknownContent,
        ),
    ] {
        let mut body = json!({"contents": []});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let error = parse(GEMINI, &body)
            .encode(&Target::new(OPENAI))
            .unwrap_err();
        let InvalidRequest::CannotCross { what, .. } = error else {
            panic!("{body}: {error}")
        };
        assert_eq!(what, feature, "{body}");
    }
    let gif = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,aGk="}}]}], "model": "m"});
    assert!(parse(OPENAI, &gif).encode(&Target::new(GEMINI)).is_err());
    let nothing = json!({"messages": [{"role": "system", "content": "A"}], "model": "m"});
    let error = parse(OPENAI, &nothing)
        .encode(&Target::new(GEMINI))
        .unwrap_err();
    assert_eq!(error.field(), Some("messages"));
}

#[test]
fn how_much_to_think_is_said_in_the_words_of_the_model() {
    let thinking = |model: &str, fields: &Value| {
        let (body, _) = asked(model, fields);
        body["generationConfig"]["thinkingConfig"].clone()
    };
    let effort = |effort: &str| json!({"reasoning_effort": effort});
    let budget = |tokens: i64| json!({"thinkingBudget": tokens});
    let level = |level: &str| json!({"thinkingLevel": level});
    for (model, fields, expected) in [
        ("gemini-2.5-flash", effort("low"), budget(1024)),
        ("gemini-2.5-flash", effort("medium"), budget(8192)),
        ("gemini-2.5-pro", effort("high"), budget(24_576)),
        ("gemini-2.5-pro", effort("xhigh"), budget(32_768)),
        ("gemini-2.5-flash", effort("none"), budget(0)),
        // It can't be told not to.
        ("gemini-2.5-pro", effort("none"), budget(128)),
        // The answer needs some room, too.
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "high", "max_tokens": 1000}),
            budget(800),
        ),
        (
            "gemini-3-flash-preview",
            effort("minimal"),
            level("minimal"),
        ),
        ("gemini-3-pro-preview", effort("minimal"), level("low")),
        ("gemini-3-pro-preview", effort("medium"), level("high")),
        ("gemini-3.1-pro-preview", effort("medium"), level("medium")),
        ("gemini-flash-latest", effort("xhigh"), level("high")),
        ("gemini-2.0-flash", effort("high"), Value::Null),
        ("gemma-3-27b-it", effort("high"), Value::Null),
    ] {
        assert_eq!(thinking(model, &fields), expected, "{model} {fields}");
    }
    let anthropic = |model: &str, thinking: Value| {
        let body = json!({"model": "m", "max_tokens": 10_000, "thinking": thinking,
            "messages": [{"role": "user", "content": "Hi"}]});
        let (body, _) = cross(ANTHROPIC, &Target::new(GEMINI).model(model), &body);
        body["generationConfig"]["thinkingConfig"].clone()
    };
    let enabled = json!({"type": "enabled", "budget_tokens": 5000});
    assert_eq!(anthropic("gemini-2.5-flash", enabled.clone()), budget(5000));
    assert_eq!(anthropic("gemini-3-flash", enabled), level("medium"));
    assert_eq!(
        anthropic("gemini-2.5-flash", json!({"type": "adaptive"})),
        budget(-1)
    );

    for (config, expected) in [
        (json!({"thinkingBudget": 5000}), json!("medium")),
        (json!({"thinkingLevel": "LOW"}), json!("low")),
        (json!({"thinkingBudget": -1}), Value::Null),
        (json!({"includeThoughts": true}), Value::Null),
    ] {
        let body = json!({"contents": [{"parts": [{"text": "Hi"}]}],
            "generationConfig": {"maxOutputTokens": 10_000, "thinkingConfig": config}});
        let (body, _) = cross(GEMINI, &Target::new(OPENAI).model("gpt-5"), &body);
        assert_eq!(body["reasoning_effort"], expected);
    }
}

#[test]
fn a_schema_beside_tools_is_asked_for_by_a_tool_of_old_models() {
    let fields = json!({
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x",
            "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}},
    });
    let (body, notes) = asked("gemini-2.5-flash", &fields);
    assert!(body.get("generationConfig").is_none());
    assert_eq!(body["tools"][0]["functionDeclarations"][1]["name"], "json");
    assert_eq!(body["toolConfig"]["functionCallingConfig"]["mode"], "ANY");
    assert_eq!(notes, ["asked for the schema by a tool"]);
    let (body, _) = asked("gemini-3-flash", &fields);
    assert_eq!(
        body["generationConfig"]["responseMimeType"],
        "application/json"
    );
    assert!(body.get("toolConfig").is_none());
}

#[test]
fn what_is_dropped_is_noted() {
    let fields = json!({"user": "u", "parallel_tool_calls": false,
        "stop": ["1", "2", "3", "4", "", "5", "6"]});
    let (body, mut notes) = asked("gemini-2.5-flash", &fields);
    assert_eq!(
        body["generationConfig"],
        json!({"stopSequences": ["1", "2", "3", "4", "5"]})
    );
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            "dropped parallel_tool_calls",
            "dropped stop sequences",
            "dropped user"
        ]
    );
}

fn answer(body: &Value, from: Dialect, to: Dialect) -> Value {
    let translator = AnswerTranslator::new(from, to);
    let answer = translator.write(&body.to_string().into()).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

#[test]
fn an_answer_crosses_both_ways() {
    let gemini = json!({
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "hm", "thought": true}, {"text": "Let "}, {"text": "me see."},
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "own", "name": "f"}},
        ]}}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7,
            "cachedContentTokenCount": 4, "toolUsePromptTokenCount": 2, "totalTokenCount": 24},
        "modelVersion": "gemini-2.5-flash", "responseId": "r",
    });
    let openai = answer(&gemini, GEMINI, OPENAI);
    let choice = &openai["choices"][0];
    assert_eq!(
        (&openai["id"], &openai["model"]),
        (&json!("r"), &json!("gemini-2.5-flash"))
    );
    assert_eq!(choice["message"]["content"], "Let me see.");
    assert_eq!(choice["finish_reason"], "tool_calls");
    let calls = &choice["message"]["tool_calls"];
    assert_eq!(
        calls[0]["function"],
        json!({"name": "f", "arguments": "{\"a\":1}"})
    );
    assert_eq!(
        (&calls[1]["id"], &calls[1]["function"]["arguments"]),
        (&json!("own"), &json!("{}"))
    );
    // Made up, and each time another one.
    assert_ne!(
        calls[0]["id"],
        answer(&gemini, GEMINI, OPENAI)["choices"][0]["message"]["tool_calls"][0]["id"]
    );
    assert_eq!(openai["usage"]["prompt_tokens"], 12);
    assert_eq!(openai["usage"]["completion_tokens"], 12);
    assert_eq!(
        openai["usage"]["completion_tokens_details"]["reasoning_tokens"],
        7
    );
    assert_eq!(
        read_usage(GEMINI, gemini.to_string().as_bytes()).cached,
        Some(4)
    );

    let back = answer(&openai, OPENAI, GEMINI);
    assert_eq!(
        back,
        json!({
            "candidates": [{"content": {"parts": [
                {"text": "Let me see."},
                {"functionCall": {"id": calls[0]["id"], "name": "f", "args": {"a": 1}},
                    "thoughtSignature": NO_SIGNATURE},
                {"functionCall": {"id": "own", "name": "f", "args": {}}},
            ], "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 5,
                "totalTokenCount": 24, "cachedContentTokenCount": 4, "thoughtsTokenCount": 7},
            "modelVersion": "gemini-2.5-flash", "responseId": "r",
        })
    );
}

#[test]
fn a_prompt_that_was_blocked_is_a_filtered_answer() {
    for reason in ["SAFETY", "OTHER", "JAILBREAK"] {
        let blocked = json!({"promptFeedback": {"blockReason": reason},
            "usageMetadata": {"promptTokenCount": 3}});
        let openai = answer(&blocked, GEMINI, OPENAI);
        assert_eq!(openai["choices"][0]["finish_reason"], "content_filter");
        let finish = read_finish(GEMINI, blocked.to_string().as_bytes()).unwrap();
        assert_eq!((&*finish.raw, finish.stop), (reason, Stop::ContentFilter));

        let mut reader = StreamReader::new(GEMINI);
        reader.push(format!("data: {blocked}\r\n\r\n").into());
        reader.close();
        while reader.next_item().is_some() {}
        assert_eq!(reader.summary().end(), End::Complete);
        let verdict = reader.summary().outcome().unwrap_err();
        assert_eq!(verdict.kind, Kind::ContentPolicy);
        assert!(verdict.usable);
    }
}

#[test]
fn an_answer_that_is_none_does_not_cross() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"candidates": []}"#,
        r#"{"candidates": [{"content": {"parts": 1}}]}"#,
    ] {
        let translator = AnswerTranslator::new(GEMINI, OPENAI);
        assert!(translator.write(&body.into()).is_err(), "{body}");
    }
    let malformed = json!({"choices": [{"message": {"tool_calls": [
        {"id": "a", "function": {"name": "f", "arguments": "{x"}}]}}]});
    let translator = AnswerTranslator::new(OPENAI, GEMINI);
    assert!(translator.write(&malformed.to_string().into()).is_err());
}

/// Chunks of Gemini's: parts, and a reason if it is the last one.
fn chunk(parts: &Value, reason: Option<&str>) -> String {
    let mut chunk = json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 9}, "modelVersion": "g", "responseId": "r"});
    if let Some(reason) = reason {
        chunk["candidates"][0]["finishReason"] = reason.into();
        chunk["usageMetadata"]["candidatesTokenCount"] = 2.into();
    }
    format!("data: {chunk}\r\n\r\n")
}

/// What comes out of a pipe: the frames, and the error at its end.
fn pipe(from: Dialect, to: Dialect, text: &str) -> (String, Option<LlmError>) {
    let mut pipe = EventPipe::new(from, to).include_usage(true);
    pipe.push(text.to_owned().into());
    pipe.close(None);
    let mut out = String::new();
    while let Some(event) = pipe.next_event() {
        match event {
            Ok(event) => out += std::str::from_utf8(&event.frame).unwrap(),
            Err(error) => return (out, Some(error)),
        }
    }
    (out, None)
}

fn data(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let json = lines.filter(|data| *data != "[DONE]");
    json.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[test]
fn a_stream_crosses_to_the_others() {
    let text = [
        chunk(&json!([{"text": "hm", "thought": true}]), None),
        chunk(&json!([{"text": "H"}, {"text": "i"}]), None),
        chunk(
            &json!([{"functionCall": {"name": "f", "args": {"a": 1}}}]),
            None,
        ),
        chunk(&json!([{"functionCall": {"name": "g"}}]), Some("STOP")),
    ]
    .concat();
    let (openai, error) = pipe(GEMINI, OPENAI, &text);
    assert!(
        error.is_none() && openai.ends_with("data: [DONE]\n\n"),
        "{openai}"
    );
    let chunks = data(&openai);
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(said, "Hi");
    let calls: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"].get("tool_calls"))
        .map(|calls| (calls[0]["index"].clone(), calls[0]["function"].clone()))
        .collect();
    assert_eq!(
        calls,
        [
            (json!(0), json!({"name": "f", "arguments": "{\"a\":1}"})),
            (json!(1), json!({"name": "g", "arguments": "{}"})),
        ]
    );
    let [.., finish, usage] = &chunks[..] else {
        panic!("{openai}")
    };
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        usage["usage"],
        json!({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})
    );

    let (anthropic, error) = pipe(GEMINI, ANTHROPIC, &text);
    assert!(error.is_none());
    let events = data(&anthropic);
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    let stop = &events[events.len() - 2];
    assert_eq!(stop["delta"]["stop_reason"], "tool_use");
    assert_eq!(stop["usage"]["output_tokens"], 2);

    // Nothing of it is touched on its way to a caller of its own.
    let (same, error) = pipe(GEMINI, GEMINI, &text);
    assert!(error.is_none());
    assert_eq!(same, text);
}

#[test]
fn a_stream_without_its_finish_is_cut_off() {
    let text = chunk(&json!([{"text": "Hi"}]), None);
    for (to, text) in [
        (OPENAI, text.clone()),
        (GEMINI, text.clone()),
        (ANTHROPIC, format!("{text}data: [DONE]\n\n")),
    ] {
        let (out, error) = pipe(GEMINI, to, &text);
        assert!(
            matches!(error, Some(LlmError::Truncated(error)) if error.emitted == 2),
            "{out}"
        );
        assert!(
            !out.contains("[DONE]") && !out.contains("message_stop"),
            "{out}"
        );
    }
}

#[test]
fn a_finish_that_leaves_nothing_is_a_failure() {
    let malformed = chunk(&json!([]), Some("MALFORMED_FUNCTION_CALL"));
    for to in Dialect::ALL {
        let (out, error) = pipe(GEMINI, to, &malformed);
        let verdict = error.expect("a failure").verdict();
        assert_eq!(
            (verdict.kind, verdict.retry_same),
            (Kind::Partial, true),
            "{out}"
        );
    }
    // What was given can't be taken back.
    let text = chunk(&json!([{"text": "Hi"}]), None) + &malformed;
    let (out, error) = pipe(GEMINI, OPENAI, &text);
    assert!(
        error.is_none() && out.contains(r#""finish_reason":"error""#),
        "{out}"
    );
    // A filter's answer is one.
    let (_, error) = pipe(GEMINI, OPENAI, &chunk(&json!([]), Some("SAFETY")));
    assert!(error.is_none());
}

#[test]
fn the_others_streams_cross_to_it() {
    let openai = |delta: Value, finish: Value| {
        format!(
            "data: {}\n\n",
            json!({"id": "c", "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        )
    };
    let call = |call: Value| openai(json!({"tool_calls": [call]}), Value::Null);
    let text = [
        ": comment\n\n".to_owned(),
        openai(json!({"role": "assistant", "content": ""}), Value::Null),
        openai(json!({"content": "Hi \"you\""}), Value::Null),
        call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"x\":"}})),
        call(json!({"index": 0, "function": {"arguments": "1}"}})),
        call(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}})),
        openai(json!({}), json!("tool_calls")),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n"
            .to_owned(),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let (out, error) = pipe(OPENAI, GEMINI, &text);
    assert!(error.is_none());
    assert!(!out.contains("comment") && !out.contains("[DONE]"));
    let part = |part: Value| {
        json!({"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
            "modelVersion": "m", "responseId": "c"})
    };
    let mut last = part(json!({"text": ""}));
    last["candidates"][0]["finishReason"] = "STOP".into();
    last["usageMetadata"] =
        json!({"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11});
    assert_eq!(
        data(&out),
        [
            part(json!({"text": "Hi \"you\""})),
            part(
                json!({"functionCall": {"id": "a", "name": "f", "args": {"x": 1}},
                "thoughtSignature": NO_SIGNATURE})
            ),
            part(json!({"functionCall": {"id": "b", "name": "g", "args": {}}})),
            last,
        ]
    );
    // It reads back as what it was.
    let mut reader = StreamReader::new(GEMINI).keep(1000);
    reader.push(out.into());
    while reader.next_item().is_some() {}
    let summary = reader.summary();
    assert_eq!(summary.text(), "Hi \"you\"");
    assert_eq!(summary.tool_calls()[0].id, "a");
    assert_eq!(summary.finish().unwrap().stop, Stop::ToolCalls);
    assert!(summary.terminal_marker());

    let malformed = [
        call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{x"}})),
        openai(json!({}), json!("tool_calls")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let (out, _) = pipe(OPENAI, GEMINI, &malformed.concat());
    assert!(
        !out.contains("functionCall") && out.contains("MALFORMED_FUNCTION_CALL"),
        "{out}"
    );
}

#[test]
fn an_error_is_told_in_its_words() {
    let truncated = LlmError::from(Truncated::new(2));
    let event = truncated.render_event(GEMINI);
    let event = data(std::str::from_utf8(&event).unwrap()).remove(0);
    assert_eq!(event["error"]["code"], 502);
    assert_eq!(event["error"]["status"], "UNAVAILABLE");
    assert!(event["error"]["message"].is_string());

    // Its own words go through; those of others are said in them.
    let own = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[]}}"#;
    let error = LlmError::in_stream(Provider::Gemini, own.as_bytes(), false);
    assert_eq!(error.render(GEMINI).body, own);
    assert_eq!(error.render(GEMINI).status, 429);
    let limited = r#"{"error":{"message":"Please try again in 1.2s","type":"tokens",
        "code":"rate_limit_exceeded"}}"#;
    let error = LlmError::in_stream(Provider::OpenAi, limited.as_bytes(), false);
    let body: Value = serde_json::from_slice(&error.render(GEMINI).body).unwrap();
    assert_eq!(body["error"]["code"], 429);
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(body["error"]["details"][0]["retryDelay"], "2s");
}

#[test]
fn an_error_in_a_stream_may_come_as_a_list() {
    let error = r#"[{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}]"#;
    let (_, error) = pipe(GEMINI, OPENAI, &format!("data: {error}\n\n"));
    assert_eq!(error.unwrap().kind(), Kind::Overloaded);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,6}".prop_map(Value::from),
    ];
    let words = prop::sample::select(vec![
        "type",
        "properties",
        "items",
        "anyOf",
        "enum",
        "const",
        "required",
        "nullable",
        "$ref",
        "allOf",
        "format",
        "additionalProperties",
        "$defs",
        "object",
        "x",
    ]);
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let value = prop_oneof![
            3 => inner.clone(),
            1 => prop::sample::select(vec!["object", "string", "array", "null", "#/$defs/x", "#"])
                .prop_map(Value::from),
        ];
        prop_oneof![
            prop::collection::vec(value.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((words.clone(), value), 0..4).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_is_written_one_way_or_the_other(schema in any_json()) {
        let schema = serde_json::value::to_raw_value(&schema).unwrap();
        let _ = super::schema::for_gemini(&schema);
        let _ = super::schema::from_gemini(&schema);
    }

    #[test]
    fn whatever_a_conversation_is_it_comes_back(
        turns in prop::collection::vec((any::<bool>(), prop::collection::vec("[a-z ]{1,8}", 1..3)), 1..6),
        limit in prop::option::of(1u64..10_000),
    ) {
        let contents: Vec<_> = turns.iter().map(|(user, texts)| {
            let parts: Vec<_> = texts.iter().map(|text| json!({"text": text})).collect();
            json!({"role": if *user { "user" } else { "model" }, "parts": parts})
        }).collect();
        let mut body = json!({"contents": contents});
        if let Some(limit) = limit {
            body["generationConfig"]["maxOutputTokens"] = limit.into();
        }
        let (openai, _) = cross(GEMINI, &Target::new(OPENAI), &body);
        let (back, _) = cross(OPENAI, &Target::new(GEMINI), &openai);
        let texts = |body: &Value| -> String {
            let contents = body["contents"].as_array().unwrap().iter();
            contents.flat_map(|content| content["parts"].as_array().unwrap().clone())
                .map(|part| part["text"].as_str().unwrap().to_owned()).collect()
        };
        prop_assert_eq!(texts(&back), texts(&body));
        prop_assert_eq!(&back["generationConfig"], &body["generationConfig"]);
        let roles: Vec<_> = back["contents"].as_array().unwrap().iter().map(|it| it["role"].clone()).collect();
        prop_assert!(roles.windows(2).all(|two| two[0] != two[1]));
    }

    #[test]
    fn a_stream_crosses_wherever_it_is_cut(texts in prop::collection::vec("[a-z\"\\\\é]{1,6}", 1..5), at in any::<prop::sample::Index>()) {
        let mut text: String = texts.iter().map(|text| chunk(&json!([{"text": text}]), None)).collect();
        text += &chunk(&json!([]), Some("STOP"));
        let mut reader = StreamReader::new(GEMINI);
        let mut translator = StreamTranslator::new(OPENAI);
        let (before, after) = text.as_bytes().split_at(at.index(text.len() + 1));
        let mut said = String::new();
        for piece in [before, after] {
            reader.push(bytes::Bytes::copy_from_slice(piece));
            while let Some(item) = reader.next_item() {
                let out = translator.write(&item);
                said.extend(data(std::str::from_utf8(&out).unwrap()).iter()
                    .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()));
            }
        }
        prop_assert_eq!(said, texts.concat());
        prop_assert!(reader.summary().is_complete());
    }
}
