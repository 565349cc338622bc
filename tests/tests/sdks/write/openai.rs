use super::{Calls, halves};
use buttress_testkit::Received;
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn whole(model: &str, calls: Calls<'_>) -> Value {
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

pub(super) fn stream(call: &Received, calls: Calls<'_>) -> String {
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
