//! What the testkit has no word for: answers that call tools.

use crate::prompt::Problem;
use buttress_testkit::{Dialect, Received, Reply};
use serde_json::{Value, json};
use std::fmt::Write;

/// An answer, whole or streamed, that calls these tools: id, name, arguments.
pub fn tool_calls(call: &Received, calls: &[(&str, &str, Value)]) -> Reply {
    match (call.dialect(), call.wants_stream()) {
        (Dialect::OpenAi, false) => whole(&openai(call.model(), calls)),
        (Dialect::OpenAi, true) => Reply::sse(openai_stream(call, calls)),
        (_, false) => whole(&anthropic(call.model(), calls)),
        (_, true) => Reply::sse(anthropic_stream(call.model(), calls)),
    }
}

/// A request that is refused for this reason.
pub fn refusal(dialect: Dialect, problem: &Problem) -> Reply {
    let mut error = json!({ "type": "invalid_request_error" });
    match problem {
        Problem::Invalid(message) => error["message"] = message.as_str().into(),
        // In the words of Anthropic, whose tool runners then send the whole conversation.
        Problem::Thread => {
            error["message"] = "thread: not supported for this organization".into();
            error["details"] = json!({ "error_code": "thread_unsupported_request" });
        }
    }
    let body = match dialect {
        Dialect::OpenAi => json!({ "error": error }),
        _ => json!({ "type": "error", "error": error }),
    };
    let reply = Reply::raw(400).header("content-type", "application/json");
    reply.body(body.to_string())
}

fn whole(body: &Value) -> Reply {
    let reply = Reply::raw(200).header("content-type", "application/json");
    reply.body(body.to_string())
}

fn openai(model: &str, calls: &[(&str, &str, Value)]) -> Value {
    let calls = calls.iter().map(|(id, name, arguments)| {
        let function = json!({ "name": name, "arguments": arguments.to_string() });
        json!({ "id": format!("call_{id}"), "type": "function", "function": function })
    });
    let calls: Vec<_> = calls.collect();
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant", "content": null, "refusal": null, "tool_calls": calls,
            },
            "logprobs": null,
            "finish_reason": "tool_calls",
        }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30 },
    })
}

fn openai_stream(call: &Received, calls: &[(&str, &str, Value)]) -> String {
    let mut stream = String::new();
    let mut chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": call.model(), "choices": choices, "usage": usage,
        });
        write!(stream, "data: {chunk}\n\n").expect("memory");
    };
    let choice = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
    let role = json!({ "role": "assistant", "content": null });
    chunk(choice(role, Value::Null), Value::Null);
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        let start = json!({ "tool_calls": [{
            "index": index, "id": format!("call_{id}"), "type": "function",
            "function": { "name": name, "arguments": "" },
        }] });
        chunk(choice(start, Value::Null), Value::Null);
        for part in halves(arguments) {
            let function = json!({ "arguments": part });
            let delta = json!({ "tool_calls": [{ "index": index, "function": function }] });
            chunk(choice(delta, Value::Null), Value::Null);
        }
    }
    chunk(choice(json!({}), "tool_calls".into()), Value::Null);
    if call.json()["stream_options"]["include_usage"] == true {
        let usage = json!({ "prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30 });
        chunk(json!([]), usage);
    }
    stream + "data: [DONE]\n\n"
}

fn anthropic(model: &str, calls: &[(&str, &str, Value)]) -> Value {
    let calls = calls.iter().map(|(id, name, arguments)| {
        json!({ "type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": arguments })
    });
    let calls: Vec<_> = calls.collect();
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": calls,
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": { "input_tokens": 20, "output_tokens": 10 },
    })
}

fn anthropic_stream(model: &str, calls: &[(&str, &str, Value)]) -> String {
    let mut stream = String::new();
    let mut event = |event: Value| {
        let name = event["type"].as_str().expect("a type");
        write!(stream, "event: {name}\ndata: {event}\n\n").expect("memory");
    };
    event(json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": { "input_tokens": 20, "output_tokens": 1 },
    } }));
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        event(
            json!({ "type": "content_block_start", "index": index, "content_block": {
            "type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": {},
        } }),
        );
        for part in halves(arguments) {
            let delta = json!({ "type": "input_json_delta", "partial_json": part });
            event(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        event(json!({ "type": "content_block_stop", "index": index }));
    }
    event(json!({
        "type": "message_delta",
        "delta": { "stop_reason": "tool_use", "stop_sequence": null },
        "usage": { "output_tokens": 10 },
    }));
    event(json!({ "type": "message_stop" }));
    stream
}

fn halves(arguments: &Value) -> [String; 2] {
    let mut first = arguments.to_string();
    let second = first.split_off(first.len() / 2);
    [first, second]
}
