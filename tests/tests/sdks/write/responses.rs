use super::{Calls, halves};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn whole(model: &str, calls: Calls<'_>) -> Value {
    let items = calls
        .iter()
        .map(|(id, name, arguments)| item(id, name, "completed", &arguments.to_string()));
    response(model, "completed", items.collect())
}

pub(super) fn stream(model: &str, calls: Calls<'_>) -> String {
    let mut stream = String::new();
    let mut sequence = 0;
    let mut event = |name: &str, mut event: Value| {
        event["type"] = name.into();
        event["sequence_number"] = sequence.into();
        sequence += 1;
        write!(stream, "event: {name}\ndata: {event}\n\n").expect("memory");
    };
    for name in ["response.created", "response.in_progress"] {
        let response = response(model, "in_progress", Vec::new());
        event(name, json!({ "response": response }));
    }
    for (at, (id, name, arguments)) in calls.iter().enumerate() {
        let of_item = |key: &str, value: &str| json!({ "item_id": format!("fc_{id}"), "output_index": at, key: value });
        let begun = item(id, name, "in_progress", "");
        let added = json!({ "output_index": at, "item": begun });
        event("response.output_item.added", added);
        for part in halves(arguments) {
            let delta = of_item("delta", &part);
            event("response.function_call_arguments.delta", delta);
        }
        let arguments = arguments.to_string();
        let done = of_item("arguments", &arguments);
        event("response.function_call_arguments.done", done);
        let item = item(id, name, "completed", &arguments);
        let done = json!({ "output_index": at, "item": item });
        event("response.output_item.done", done);
    }
    let done = json!({ "response": whole(model, calls) });
    event("response.completed", done);
    stream
}

fn item(id: &str, name: &str, status: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call", "id": format!("fc_{id}"), "call_id": format!("call_{id}"),
        "name": name, "arguments": arguments, "status": status,
    })
}

fn response(model: &str, status: &str, output: Vec<Value>) -> Value {
    let usage = json!({
        "input_tokens": 20, "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": 10, "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": 30,
    });
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": model,
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "output": output, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0,
        "tool_choice": "auto", "tools": [],
        "usage": if status == "completed" { usage } else { Value::Null },
    })
}
