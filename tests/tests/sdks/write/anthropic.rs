use super::{Calls, halves};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn whole(model: &str, calls: Calls<'_>) -> Value {
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

pub(super) fn stream(model: &str, calls: Calls<'_>) -> String {
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
