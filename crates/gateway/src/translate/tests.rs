//! Every row of the facts about translating, run through the command's own function, and what the
//! rows leave open.

use super::*;
use crate::cli;
use std::{fs, path::Path};

/// What the command prints for this input, and how it ends.
fn run(line: &str, input: &str) -> (Vec<Value>, String, u8) {
    let line = format!("buttress translate {line}");
    let (command, _) = cli::parse(line.split_whitespace()).unwrap();
    let cli::Command::Translate(args) = command else {
        panic!("{command:?}")
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = translate(&args, &mut input.as_bytes(), &mut out, &mut err).unwrap();
    let out = String::from_utf8(out).unwrap();
    let out = out.lines().map(|line| serde_json::from_str(line).unwrap());
    (out.collect(), String::from_utf8(err).unwrap(), code)
}

/// What the only document of the input becomes.
fn one(line: &str, input: &Value) -> Value {
    let (mut out, _, code) = run(line, &input.to_string());
    assert_eq!((out.len(), code), (1, TRANSLATED), "{out:?}");
    out.swap_remove(0)
}

/// Whether what is expected is in what came out: fields of objects may be more, lists may not.
fn contains(out: &Value, expected: &Value) -> bool {
    match (out, expected) {
        (Value::Object(out), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| out.get(key).is_some_and(|out| contains(out, expected))),
        (Value::Array(out), Value::Array(expected)) => {
            out.len() == expected.len() && out.iter().zip(expected).all(|(a, b)| contains(a, b))
        }
        (out, Value::String(text)) if text.starts_with('<') => stands_for(text, out),
        (out, expected) => out == expected,
    }
}

/// Whether this is what a row leaves open.
fn stands_for(open: &str, out: &Value) -> bool {
    match open {
        "<generated>" => out.as_str().is_some_and(|id| !id.is_empty()),
        "<policy, >=1024 and < max_tokens>" => out
            .as_u64()
            .is_some_and(|budget| (1024..4096).contains(&budget)),
        "<9 chars of [a-zA-Z0-9], same for call and result>" => out
            .as_str()
            .is_some_and(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())),
        open => panic!("what is {open}?"),
    }
}

#[test]
fn every_translation_is_as_the_facts_say() {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts/translate.jsonl");
    let mut seen = 0;
    for row in fs::read_to_string(facts).unwrap().lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let field = |name: &str| row[name].as_str().unwrap();
        let (id, from, to) = (field("id"), field("from"), field("to"));
        seen += 1;
        let line = format!("--notes --from {from} --to {to} --kind {}", field("kind"));
        let (out, _, code) = run(&line, &row["input"].to_string());
        let [out] = &out[..] else {
            panic!("{id}: {out:?}")
        };
        if row["expected"].get("error").is_some_and(Value::is_string) {
            assert_eq!(code, REFUSED, "{id}");
            assert_eq!(*out, row["expected"], "{id}");
            continue;
        }
        assert_eq!(code, TRANSLATED, "{id}: {out}");
        assert!(contains(&out["output"], &row["expected"]), "{id}: {out}");
        // What gets lost is told; what a failed call came to is told in its text.
        if row["lossy"] == true && id != "result-error-a2o" {
            assert_ne!(out["notes"], json!([]), "{id}: no note");
        }
    }
    assert_eq!(seen, 90);
}

#[test]
fn a_part_is_answered_with_what_follows_from_it() {
    let to_anthropic = "--from openai --to anthropic --kind request";
    let to_openai = "--from anthropic --to openai --kind request";
    for (line, input, output) in [
        (to_anthropic, json!({}), json!({"max_tokens": 4096})),
        (to_openai, json!({}), json!({})),
        (
            to_openai,
            json!({"system": "A"}),
            json!({"messages": [{"role": "system", "content": "A"}]}),
        ),
        (
            to_anthropic,
            json!({"role": "system", "content": "A"}),
            json!({"system": "A"}),
        ),
        (
            to_anthropic,
            json!({"role": "assistant", "content": "A "}),
            json!({"role": "assistant", "content": "A "}),
        ),
        (
            to_anthropic,
            json!({"type": "text", "text": "A"}),
            json!({"type": "text", "text": "A"}),
        ),
        (
            to_anthropic,
            json!({"type": "function", "id": "a", "function": {"name": "f", "arguments": ""}}),
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        ),
        (
            to_anthropic,
            json!({"type": "function", "function": {"name": "f"}}),
            json!({"name": "f", "input_schema": {"type": "object", "properties": {}}}),
        ),
        (
            to_openai,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}),
            json!({"id": "a", "type": "function",
                "function": {"name": "f", "arguments": "{\"x\":1}"}}),
        ),
        (
            to_openai,
            json!({"type": "tool_result", "tool_use_id": "a", "content": "1"}),
            json!({"role": "tool", "content": "1", "tool_call_id": "a"}),
        ),
        (
            to_openai,
            json!({"tool_result": {"tool_use_id": "a", "content": "1"}, "name_of_call": "f"}),
            json!({"role": "tool", "content": "1", "tool_call_id": "a"}),
        ),
        (
            to_openai,
            json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "text", "text": "B"}]}),
            json!({"messages": [{"role": "tool", "content": "1", "tool_call_id": "a"},
                {"role": "user", "content": "B"}]}),
        ),
        (
            to_openai,
            json!({"schema": {"type": "object"}}),
            json!({"schema": {"type": "object"}}),
        ),
        (
            to_openai,
            json!({"id": "toolu_1"}),
            json!({"id": "toolu_1"}),
        ),
        (
            "--from anthropic --to mistral --kind request",
            json!({"max_tokens": 5, "tools": [], "model": "m", "messages": [
                {"role": "user", "content": "Hi"}]}),
            json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 5}),
        ),
    ] {
        assert_eq!(one(line, &input), output, "{input}");
    }
}

#[test]
fn what_an_answer_lacks_is_not_made_up() {
    let to_anthropic = "--from openai --to anthropic --kind response";
    let to_openai = "--from anthropic --to openai --kind response";
    let text = json!([{"type": "text", "text": "A"}]);
    for (line, input, output) in [
        (
            to_openai,
            json!({"content": text}),
            json!({"message": {"role": "assistant", "content": "A"}}),
        ),
        (
            to_openai,
            json!({"content": text, "stop_reason": "max_tokens",
                "usage": {"input_tokens": 1, "output_tokens": 2}}),
            json!({"message": {"role": "assistant", "content": "A"}, "finish_reason": "length",
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}),
        ),
        (
            to_anthropic,
            json!({"message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"}),
            json!({"type": "message", "role": "assistant", "content": text,
                "stop_reason": "end_turn", "stop_sequence": null}),
        ),
        (
            to_anthropic,
            json!({"role": "assistant", "content": "A"}),
            json!({"type": "message", "role": "assistant", "content": text}),
        ),
    ] {
        assert_eq!(one(line, &input), output, "{input}");
    }
    let same = json!({"content": text, "x": 1});
    let line = "--from anthropic --to anthropic --kind response";
    assert_eq!(one(line, &same), same);
}

#[test]
fn what_got_lost_is_told() {
    let to_openai = |kind| format!("--from anthropic --to openai --kind {kind}");
    let to_anthropic = |kind| format!("--from openai --to anthropic --kind {kind}");
    for (line, input, note) in [
        (to_openai("request"), json!({"top_k": 4}), "dropped top_k"),
        (
            to_openai("stop_reason"),
            json!("stop_sequence"),
            "dropped stop_sequence",
        ),
        (
            to_openai("usage"),
            json!({"input_tokens": 1, "cache_creation_input_tokens": 2}),
            "dropped some of the usage",
        ),
        (
            to_openai("response"),
            json!({"content": [{"type": "server_tool_use"},
                {"type": "text", "text": "A", "citations": []}]}),
            "dropped what the provider's own tools did",
        ),
        (
            to_anthropic("response"),
            json!({"message": {"content": "A", "reasoning_content": "B"}}),
            "dropped thinking",
        ),
        (
            to_anthropic("response"),
            json!({"message": {"refusal": "No."}, "finish_reason": "stop"}),
            "wrote a refusal as text",
        ),
        (
            to_openai("error"),
            json!({"status": 529, "body": {"type": "error",
                "error": {"type": "overloaded_error", "message": "m"}}}),
            "changed the status",
        ),
        (
            to_openai("stream"),
            json!({"type": "ping"}),
            "nothing says the same there",
        ),
    ] {
        let (_, err, code) = run(&line, &input.to_string());
        assert_eq!(code, TRANSLATED, "{input}");
        let note = format!("buttress: note: {note}\n");
        assert!(err.contains(&note), "{input}: {err}");
    }
}

#[test]
fn the_documents_of_a_stream_are_one_stream() {
    let line = "--from openai --to anthropic --kind stream";
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"c","model":"m","choices":[{{"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let input = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"content":"A"}"#, "null"),
        chunk(r#"{"content":"B"}"#, "null"),
        chunk("{}", r#""stop""#),
        r#""[DONE]""#.to_owned(),
    ];
    let (out, _, code) = run(line, &input.concat());
    assert_eq!(code, TRANSLATED);
    let kinds = |out: &Value| match out {
        Value::Array(events) => events.iter().map(|event| event["type"].clone()).collect(),
        event => vec![event["type"].clone()],
    };
    let kinds: Vec<_> = out.iter().map(kinds).collect();
    assert_eq!(
        json!(kinds),
        json!([
            ["message_start"],
            ["content_block_start", "content_block_delta"],
            ["content_block_delta"],
            ["content_block_stop"],
            ["message_delta", "message_stop"],
        ])
    );
    assert_eq!(out[0]["message"]["id"], "c");
    // Alone, it is told all the same.
    let (out, _, _) = run(line, &chunk("{}", r#""length""#));
    assert_eq!(out[0][0]["delta"]["stop_reason"], "max_tokens");
    // What is behind an error is no part of it.
    let error = r#"{"error": {"message": "m", "type": "server_error"}}"#;
    let (out, _, code) = run(line, &[error, &chunk("{}", "null")].concat());
    assert_eq!(code, REFUSED);
    assert_eq!(out[0]["error"]["type"], "api_error");
    assert!(out[1]["error"].is_string());
}

#[test]
fn the_usage_of_a_stream_is_told_in_either_dialect() {
    let usage = json!({"message_start": {"input_tokens": 25, "output_tokens": 1},
        "message_delta": [{"output_tokens": 10}, {"output_tokens": 15}]});
    let there = one("--from anthropic --to openai --kind usage", &usage);
    let expected = json!({"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40});
    assert_eq!(there, expected);
    let usage = json!({"message_start": {"input_tokens": 2, "output_tokens": 1}});
    let here = one("--from anthropic --to anthropic --kind usage", &usage);
    assert_eq!(here, json!({"input_tokens": 2, "output_tokens": 1}));
}

#[test]
fn the_rest_is_translated_when_some_of_it_cannot_be() {
    let line = "--from openai --to anthropic --kind request";
    let input = "{\"n\": 2}\n\n{\"stop\": \"A\"} [1] {\"max_tokens\": 5}";
    let (out, _, code) = run(line, input);
    assert_eq!(code, REFUSED);
    let refused = "more than one answer (`n`) can't be carried over from openai.chat to \
                   anthropic.messages";
    assert_eq!(out[0], json!({ "error": refused }));
    assert_eq!(out[1]["stop_sequences"], json!(["A"]));
    assert!(out[2]["error"].as_str().unwrap().contains("is an array"));
    assert_eq!(out[3], json!({"max_tokens": 5}));
}

#[test]
fn what_is_no_document_is_refused() {
    for (kind, input) in [
        ("request", ""),
        ("request", "{\"a\": "),
        ("request", "{} nonsense"),
        ("request", "\"text\""),
        ("request", "{\"tool_result\": 1}"),
        ("response", "[]"),
        ("response", "{\"content\": 1}"),
        ("stop_reason", "{}"),
        ("usage", "1"),
        ("stream", "1"),
        ("stream", "\"nonsense\""),
        ("error", "{\"body\": {}}"),
        (
            "error",
            "{\"status\": 200, \"body\": {\"content\": [], \"stop_reason\": \"end_turn\"}}",
        ),
    ] {
        let line = format!("--from anthropic --to openai --kind {kind}");
        let (out, _, code) = run(&line, input);
        assert_eq!(code, REFUSED, "{kind} {input}: {out:?}");
        assert!(out.last().unwrap()["error"].is_string(), "{out:?}");
    }
}

#[test]
fn of_bedrock_only_reasons_are_known() {
    for line in [
        "--from bedrock --to openai --kind request",
        "--from openai --to bedrock --kind stop_reason",
    ] {
        let (out, err, code) = run(line, "{}");
        assert_eq!((out.len(), code), (0, WRONG));
        assert!(err.starts_with("buttress: of bedrock only"), "{err}");
    }
    let reason = |reason: &str| {
        let line = "--from bedrock --to anthropic --kind stop_reason";
        one(line, &reason.into())
    };
    assert_eq!(reason("guardrail_intervened"), "refusal");
    assert_eq!(reason("tool_use"), "tool_use");
    assert_eq!(reason("something_new"), "end_turn");
}
