use super::*;
use crate::{Feature, InvalidRequest};
use serde_json::json;

const TO_RESPONSES: Target = Target::new(RESPONSES);
const TO_CHAT: Target = Target::new(CHAT);
const TO_ANTHROPIC: Target = Target::new(ANTHROPIC);

#[test]
fn a_question_is_enough() {
    let (body, notes) = cross(RESPONSES, &TO_CHAT, &json!({"model": "m", "input": "Hi"}));
    let expected = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(body, expected);
    assert!(notes.is_empty());
    let (body, notes) = cross(CHAT, &TO_RESPONSES, &expected);
    assert_eq!(
        body,
        json!({"model": "m", "input": [{"type": "message", "role": "user", "content": "Hi"}],
            "store": false})
    );
    assert_eq!(notes, ["asked not to store the answer"]);
}

/// A conversation with tools, as responses have it.
fn tool_loop() -> Value {
    json!({
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather in Paris and Rome?"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "weather",
                "arguments": "{\"city\":\"Paris\"}", "status": "completed"},
            {"type": "function_call", "call_id": "call_b", "name": "weather",
                "arguments": "{\"city\":\"Rome\"}"},
            {"type": "function_call_output", "call_id": "call_a", "output": "18"},
            {"type": "function_call_output", "call_id": "call_b",
                "output": [{"type": "input_text", "text": "24"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "In Kelvin."}]},
        ],
        "tools": [
            {"type": "function", "name": "weather", "parameters": null},
            {"type": "function", "name": "other", "parameters": {"type": "object"}},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "required",
            "tools": [{"type": "function", "name": "weather"}]},
        "parallel_tool_calls": false,
    })
}

#[test]
fn a_tool_loop_crosses_to_chat_and_back() {
    let (body, notes) = cross(RESPONSES, &TO_CHAT, &tool_loop());
    let call = |id: &str, city: &str| {
        json!({"id": id, "type": "function", "function":
            {"name": "weather", "arguments": json!({"city": city}).to_string()}})
    };
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Paris and Rome?"},
            {"role": "assistant", "content": "Let me see.",
                "tool_calls": [call("call_a", "Paris"), call("call_b", "Rome")]},
            {"role": "tool", "tool_call_id": "call_a", "content": "18"},
            {"role": "tool", "tool_call_id": "call_b", "content": "24"},
            {"role": "user", "content": "In Kelvin."},
        ])
    );
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "function": {"name": "weather"}}])
    );
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(
        notes,
        [
            "dropped thinking",
            "left out the tools that are not allowed"
        ]
    );

    let (body, _) = cross(CHAT, &TO_RESPONSES, &body);
    let message =
        |role: &str, text: &str| json!({"type": "message", "role": role, "content": text});
    let call = |id: &str, city: &str| {
        json!({"type": "function_call", "call_id": id, "name": "weather",
            "arguments": json!({"city": city}).to_string()})
    };
    let result = |id: &str, output: &str| json!({"type": "function_call_output", "call_id": id, "output": output});
    assert_eq!(
        body["input"],
        json!([
            message("user", "Weather in Paris and Rome?"),
            message("assistant", "Let me see."),
            call("call_a", "Paris"),
            call("call_b", "Rome"),
            result("call_a", "18"),
            result("call_b", "24"),
            message("user", "In Kelvin."),
        ])
    );
    assert_eq!(body["instructions"], "Be brief.");
    // What is not said to be strict is not.
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "name": "weather", "strict": false,
            "parameters": {"type": "object", "properties": {}}}])
    );
    assert_eq!(
        (&body["tool_choice"], &body["store"]),
        (&json!("required"), &json!(false))
    );
}

#[test]
fn a_tool_loop_crosses_to_anthropic_and_back() {
    let (body, _) = cross(RESPONSES, &TO_ANTHROPIC, &tool_loop());
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "Weather in Paris and Rome?"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": "call_b", "name": "weather", "input": {"city": "Rome"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_a", "content": "18"},
                {"type": "tool_result", "tool_use_id": "call_b", "content": "24"},
                {"type": "text", "text": "In Kelvin."},
            ]},
        ])
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );

    let (back, _) = cross(ANTHROPIC, &TO_RESPONSES, &body);
    let kinds = back["input"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "message",
            "message",
            "function_call",
            "function_call",
            "function_call_output",
            "function_call_output",
            "message"
        ]
    );
    assert_eq!(back["max_output_tokens"], 4096);
    assert_eq!(back["parallel_tool_calls"], false);
}

#[test]
fn what_is_said_among_calls_keeps_its_place() {
    let body = json!({"model": "m", "max_tokens": 50, "messages": [
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
            {"type": "text", "text": "and"},
            {"type": "tool_use", "id": "b", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"},
            {"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": "no"}]},
    ]});
    let (body, _) = cross(ANTHROPIC, &TO_RESPONSES, &body);
    assert_eq!(
        body["input"],
        json!([
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "message", "role": "assistant", "content": "and"},
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": ""},
            {"type": "function_call_output", "call_id": "b", "output": "Error: no"},
        ])
    );
    // Nothing stands between a call and its result elsewhere.
    let (back, _) = cross(RESPONSES, &TO_CHAT, &body);
    let messages = back["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0]["tool_calls"].as_array().unwrap().len(), 2);
}

#[test]
fn images_and_documents_cross_both_ways() {
    let input = json!([{"role": "user", "content": [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "high"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,aGk="},
    ]}]);
    let body = json!({"model": "m", "input": input});
    let (chat, notes) = cross(RESPONSES, &TO_CHAT, &body);
    assert_eq!(
        chat["messages"][0]["content"],
        json!([
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "file", "file": {"filename": "a.pdf",
                "file_data": "data:application/pdf;base64,aGk="}},
        ])
    );
    assert_eq!(notes, ["dropped detail"]);
    let (anthropic, _) = cross(RESPONSES, &TO_ANTHROPIC, &body);
    assert_eq!(
        anthropic["messages"][0]["content"][2]["source"]["data"],
        "aGk="
    );
    let mut expected = input;
    expected[0]["type"] = "message".into();
    expected[0]["content"][1]["detail"] = "auto".into();
    assert_eq!(cross(CHAT, &TO_RESPONSES, &chat).0["input"], expected);
    expected[0]["content"][3]["filename"] = "a.pdf".into();
    assert_eq!(
        cross(ANTHROPIC, &TO_RESPONSES, &anthropic).0["input"],
        expected
    );

    // A document that is somewhere is a document to Anthropic alone.
    let body = json!({"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_file", "file_url": "https://x.test/a.pdf"}]}]});
    let (anthropic, _) = cross(RESPONSES, &TO_ANTHROPIC, &body);
    let (back, _) = cross(ANTHROPIC, &TO_RESPONSES, &anthropic);
    assert_eq!(
        back["input"][0]["content"],
        json!([{"type": "input_file", "file_url": "https://x.test/a.pdf"}])
    );
    // What a tool gave may be an image here.
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}});
    let body = json!({"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": [image], "is_error": true}]}]});
    let (body, _) = cross(ANTHROPIC, &TO_RESPONSES, &body);
    assert_eq!(
        body["input"][0]["output"],
        json!([{"type": "input_text", "text": "Error:"},
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"}])
    );
}

#[test]
fn schemas_and_efforts_cross_both_ways() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"], "additionalProperties": false});
    let format = json!({"name": "x", "description": "d", "schema": schema, "strict": true});
    let mut flat = format.clone();
    flat["type"] = "json_schema".into();
    let body = json!({"model": "m", "input": "Hi", "text": {"format": flat, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto"}});
    let (chat, notes) = cross(RESPONSES, &TO_CHAT, &body);
    assert_eq!(
        chat["response_format"],
        json!({"type": "json_schema", "json_schema": format})
    );
    assert_eq!(chat["reasoning_effort"], "high");
    assert_eq!(
        notes,
        ["dropped the summary of reasoning", "dropped verbosity"]
    );
    let (back, _) = cross(CHAT, &TO_RESPONSES, &chat);
    assert_eq!(back["text"], json!({"format": flat}));
    assert_eq!(back["reasoning"], json!({"effort": "high"}));

    let tomorrow = json!({"model": "m", "input": "Hi", "reasoning": {"effort": "tomorrow"}});
    let (chat_of, notes) = cross(RESPONSES, &TO_CHAT, &tomorrow);
    assert!(chat_of.get("reasoning_effort").is_none());
    assert_eq!(notes, ["dropped reasoning"]);

    let native = TO_ANTHROPIC.model("claude-sonnet-4-5");
    let (anthropic, _) = cross(RESPONSES, &native, &body);
    assert_eq!(anthropic["output_config"]["format"]["schema"], schema);
    let (back, _) = cross(ANTHROPIC, &TO_RESPONSES, &anthropic);
    // It has to have a name.
    assert_eq!(back["text"]["format"]["name"], "response");
    assert_eq!(back["text"]["format"]["strict"], true);

    let body = json!({"model": "m", "input": "Hi", "text": {"format": {"type": "json_object"}}});
    let (chat, _) = cross(RESPONSES, &TO_CHAT, &body);
    assert_eq!(chat["response_format"], json!({"type": "json_object"}));
    assert_eq!(cross(CHAT, &TO_RESPONSES, &chat).0["text"], body["text"]);
}

#[test]
fn what_has_no_place_there_is_left_out_with_a_note() {
    let long = "u".repeat(100);
    let body = json!({"model": "m", "messages": [{"role": "system", "content": "A"},
        {"role": "system", "content": "B"}, {"role": "user", "content": "Hi"}],
        "max_tokens": 5, "stop": "END", "seed": 1, "presence_penalty": 0.5, "temperature": 0.5,
        "top_p": 0.9, "user": long, "stream": true});
    let (body, notes) = cross(CHAT, &TO_RESPONSES, &body);
    let user = body["safety_identifier"].as_str().unwrap();
    assert!(user.len() <= 64, "{user}");
    assert_eq!(
        body,
        json!({"model": "m", "instructions": "A", "input": [
            {"type": "message", "role": "system", "content": "B"},
            {"type": "message", "role": "user", "content": "Hi"}],
            "max_output_tokens": 16, "temperature": 0.5, "top_p": 0.9, "store": false,
            "safety_identifier": user, "stream": true})
    );
    assert_eq!(
        notes,
        [
            "asked not to store the answer",
            "dropped presence_penalty",
            "dropped seed",
            "dropped stop sequences",
            "raised max_tokens"
        ]
    );

    let body = json!({"model": "m", "input": "Hi", "store": true, "metadata": {"a": "b"},
        "include": [], "truncation": "auto", "service_tier": "flex", "prompt_cache_key": "k",
        "background": false, "user": "old", "safety_identifier": "new", "own": 1,
        "conversation": null, "top_p": 0.5, "tools": [], "tool_choice": "auto",
        "stream_options": {"include_obfuscation": true}, "stream": true});
    let (body, notes) = cross(RESPONSES, &TO_CHAT, &body);
    assert_eq!(
        body,
        json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "top_p": 0.5,
            "user": "new", "stream": true, "stream_options": {"include_usage": true}})
    );
    assert_eq!(
        notes,
        [
            "dropped an unknown field",
            "dropped include",
            "dropped metadata",
            "dropped prompt_cache_key",
            "dropped service_tier",
            "dropped store",
            "dropped stream_options",
            "dropped truncation",
        ]
    );
}

#[test]
fn nothing_but_instructions_is_an_input_too() {
    let body = json!({"model": "m", "messages": [{"role": "system", "content": "A"}]});
    let (body, _) = cross(CHAT, &TO_RESPONSES, &body);
    assert_eq!(
        body["input"],
        json!([{"type": "message", "role": "system", "content": "A"}])
    );
    assert!(body.get("instructions").is_none());
}

#[test]
fn an_id_is_at_most_64_characters_long() {
    let long = "x".repeat(65);
    let body = json!({"model": "m", "messages": [
        {"role": "assistant", "tool_calls": [
            {"id": long, "type": "function", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": long, "content": "1"}]});
    let (body, _) = cross(CHAT, &TO_RESPONSES, &body);
    let id = body["input"][0]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64);
    assert_eq!(body["input"][1]["call_id"], id);
}

#[test]
fn what_can_not_be_left_out_is_refused() {
    let piece = |piece: Value| json!({"input": [{"role": "user", "content": [piece]}]});
    let item = |kind: &str| json!({"input": [{"type": kind, "id": "x", "call_id": "x"}]});
    for (fields, feature) in [
        (
            json!({"previous_response_id": "resp_1"}),
            Feature::StoredState,
        ),
        (json!({"conversation": "conv_1"}), Feature::StoredState),
        (json!({"prompt": {"id": "p"}}), Feature::StoredState),
        (json!({"background": true}), Feature::StoredState),
        (item("item_reference"), Feature::StoredState),
        (json!({"input": [{"id": "msg_1"}]}), Feature::StoredState),
        (
            json!({"tools": [{"type": "web_search"}]}),
            Feature::ServerTools,
        ),
        (
            json!({"tools": [{"type": "mcp", "server_url": "x"}]}),
            Feature::ServerTools,
        ),
        (
            json!({"tool_choice": {"type": "file_search"}}),
            Feature::ServerTools,
        ),
        (item("web_search_call"), Feature::ServerTools),
        (item("computer_call_output"), Feature::ServerTools),
        (item("mcp_approval_response"), Feature::ServerTools),
        (
            json!({"tools": [{"type": "custom", "name": "x"}]}),
            Feature::CustomTools,
        ),
        (item("custom_tool_call_output"), Feature::CustomTools),
        (
            piece(json!({"type": "input_image", "file_id": "f"})),
            Feature::UploadedFiles,
        ),
        (
            piece(json!({"type": "input_file", "file_id": "f"})),
            Feature::UploadedFiles,
        ),
        (piece(json!({"type": "input_audio"})), Feature::Audio),
        (piece(json!({"type": "x"})), Feature::UnknownContent),
        (item("x"), Feature::UnknownContent),
    ] {
        let mut body = json!({"model": "m", "input": "Hi"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let request = LlmRequest::parse(RESPONSES, body.to_string().into()).unwrap();
        for to in [CHAT, ANTHROPIC] {
            let error = request.encode(&Target::new(to)).unwrap_err();
            let expected = InvalidRequest::CannotCross {
                what: feature,
                from: RESPONSES,
                to,
            };
            assert_eq!(error, expected, "{fields}");
        }
        // Where its own dialect is spoken it goes as it is.
        assert!(request.encode(&TO_RESPONSES).is_ok());
    }
}

#[test]
fn a_field_that_says_nonsense_is_named() {
    let piece = |piece: Value| json!([{"role": "user", "content": [piece]}]);
    for (input, field) in [
        (Value::Null, "input"),
        (json!([1]), "input"),
        (json!([{"role": "wizard"}]), "input[0].role"),
        (json!([{"type": "message"}]), "input[0].role"),
        (json!([{"role": "user", "content": 1}]), "input[0].content"),
        (piece(json!({"type": "input_text"})), "input[0].content"),
        (piece(json!({"type": "input_image"})), "input[0].content"),
        (
            piece(json!({"type": "input_image", "image_url": "data:image/png,x"})),
            "input[0].content",
        ),
        (
            piece(json!({"type": "input_file", "file_data": "aGk="})),
            "input[0].content",
        ),
        (
            json!([{"type": "function_call", "name": "f"}]),
            "input[0].call_id",
        ),
        (
            json!([{"type": "function_call", "call_id": "c"}]),
            "input[0].name",
        ),
        (
            json!([{"type": "function_call_output", "output": ""}]),
            "input[0].call_id",
        ),
        (
            json!([{"type": "function_call_output", "call_id": "c", "output": {}}]),
            "input[0].output",
        ),
    ] {
        let body = json!({"model": "m", "input": input}).to_string();
        let request = LlmRequest::parse(RESPONSES, body.into()).unwrap();
        let error = request.encode(&TO_CHAT).unwrap_err();
        assert_eq!(error.field(), Some(field), "{input}: {error}");
        assert!(error.elsewhere());
    }
}
