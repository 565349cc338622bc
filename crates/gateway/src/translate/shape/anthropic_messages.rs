use super::{Place, Shape};
use serde_json::{Value, json};

pub(super) static SHAPE: Shape = Shape {
    messages: "messages",
    user: Place {
        json: r#"{"role": "user", "content": null}"#,
        at: "/content",
    },
    not_last: &["assistant"],
    pieces: &[
        (
            &[
                "tool_use",
                "thinking",
                "redacted_thinking",
                "server_tool_use",
            ],
            Place {
                json: r#"{"role": "assistant", "content": [null]}"#,
                at: "/content/0",
            },
        ),
        (
            &[],
            Place {
                json: r#"{"role": "user", "content": [null]}"#,
                at: "/content/0",
            },
        ),
    ],
    pieces_at: &["/content"],
    text: Place {
        json: r#"{"type": "text", "text": null}"#,
        at: "/text",
    },
    is_result: |_| false,
    call: Place {
        json: r#"{"role": "assistant", "content": [
            {"type": "tool_use", "id": null, "name": "f", "input": {}}]}"#,
        at: "/content/0/id",
    },
    call_name: "/content/0/name",
    result: Place {
        json: r#"{"role": "user", "content": [{"type": "tool_result", "tool_use_id": null}]}"#,
        at: "/content/0/tool_use_id",
    },
    result_at: "/content/0",
    schema: Place {
        json: r#"{"tools": [{"name": "f", "input_schema": null}]}"#,
        at: "/tools/0/input_schema",
    },
    stop: Place {
        json: r#"{"type": "message", "role": "assistant", "content": [
            {"type": "text", "text": "Hi"}], "stop_reason": null}"#,
        at: "/stop_reason",
    },
    usage: Place {
        json: r#"{"type": "message", "role": "assistant", "content": [
            {"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "usage": null}"#,
        at: "/usage",
    },
    whole: |part| part,
    part,
    start: r#"{"type": "message_start", "message": {"type": "message", "role": "assistant",
        "content": []}}"#,
    is_start: |event| event["type"] == "message_start",
    counted_up,
};

fn part(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        fields.shift_remove("id");
        fields.shift_remove("model");
        if fields.get("stop_reason").is_some_and(Value::is_null) {
            fields.shift_remove("stop_reason");
            fields.shift_remove("stop_sequence");
        }
    }
    answer
}

/// `{"message_start": …, "message_delta": […]}`: what each event had for its usage.
fn counted_up(usage: &Value) -> Option<Vec<Value>> {
    let start = usage.get("message_start")?;
    let deltas = match usage.get("message_delta") {
        None => Vec::new(),
        Some(Value::Array(deltas)) => deltas.clone(),
        Some(delta) => vec![delta.clone()],
    };
    let mut events = vec![json!({"type": "message_start", "message": {"usage": start}})];
    events.extend(deltas.into_iter().map(|usage| {
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
    }));
    if events.len() == 1 {
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
    }
    events.push(json!({"type": "message_stop"}));
    Some(events)
}
