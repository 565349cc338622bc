use super::{Place, Shape};
use serde_json::{Value, json};

pub(super) static SHAPE: Shape = Shape {
    messages: "input",
    user: Place {
        json: r#"{"role": "user", "content": null}"#,
        at: "/content",
    },
    not_last: &["system", "developer", "assistant"],
    pieces: &[
        (
            &["output_text", "refusal"],
            Place {
                json: r#"{"type": "message", "role": "assistant", "content": [null]}"#,
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
        json: r#"{"type": "input_text", "text": null}"#,
        at: "/text",
    },
    // A call and what came of it are items beside the messages.
    is_result: |turn| turn.get("call_id").is_some(),
    call: Place {
        json: r#"{"type": "function_call", "call_id": null, "name": "f", "arguments": "{}"}"#,
        at: "/call_id",
    },
    call_name: "/name",
    result: Place {
        json: r#"{"type": "function_call_output", "call_id": null, "output": ""}"#,
        at: "/call_id",
    },
    result_at: "",
    schema: Place {
        json: r#"{"tools": [{"type": "function", "name": "f", "parameters": null}]}"#,
        at: "/tools/0/parameters",
    },
    // Why a response is complete is nowhere in it.
    stop: Place {
        json: r#"{"status": "incomplete", "incomplete_details": {"reason": null}, "output": [
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Hi"}]}]}"#,
        at: "/incomplete_details/reason",
    },
    usage: Place {
        json: r#"{"status": "completed", "output": [
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Hi"}]}], "usage": null}"#,
        at: "/usage",
    },
    whole,
    part,
    start: r#"{"type": "response.created", "response": {"status": "in_progress", "output": []}}"#,
    is_start: |event| event["type"] == "response.created",
    counted_up: |_| None,
};

/// Of one item, or of all of them.
fn whole(part: Value) -> Value {
    if part.get("output").is_some() {
        return part;
    }
    let output = match part {
        Value::Array(_) => part,
        item => vec![item].into(),
    };
    json!({"status": "completed", "output": output})
}

fn part(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        for made_up in ["id", "created_at", "model"] {
            fields.shift_remove(made_up);
        }
    }
    answer
}
