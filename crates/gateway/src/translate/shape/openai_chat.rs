use super::{Place, Shape};
use serde_json::{Value, json};

pub(super) static SHAPE: Shape = Shape {
    messages: "messages",
    user: Place {
        json: r#"{"role": "user", "content": null}"#,
        at: "/content",
    },
    not_last: &["system", "developer", "assistant"],
    pieces: &[
        (
            // A call of a tool.
            &["function"],
            Place {
                json: r#"{"role": "assistant", "content": null, "tool_calls": [null]}"#,
                at: "/tool_calls/0",
            },
        ),
        (
            &["refusal"],
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
    pieces_at: &["/tool_calls", "/content"],
    text: Place {
        json: r#"{"type": "text", "text": null}"#,
        at: "/text",
    },
    is_result: |turn| turn["role"] == "tool",
    call: Place {
        json: r#"{"role": "assistant", "content": null, "tool_calls": [
            {"id": null, "type": "function", "function": {"name": "f", "arguments": "{}"}}]}"#,
        at: "/tool_calls/0/id",
    },
    call_name: "/tool_calls/0/function/name",
    result: Place {
        json: r#"{"role": "tool", "tool_call_id": null, "content": ""}"#,
        at: "/tool_call_id",
    },
    result_at: "",
    schema: Place {
        json: r#"{"tools": [{"type": "function", "function": {"name": "f", "parameters": null}}]}"#,
        at: "/tools/0/function/parameters",
    },
    stop: Place {
        json: r#"{"choices": [{"message": {"role": "assistant", "content": "Hi"},
            "finish_reason": null}]}"#,
        at: "/choices/0/finish_reason",
    },
    usage: Place {
        json: r#"{"choices": [{"message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop"}], "usage": null}"#,
        at: "/usage",
    },
    whole,
    part,
    start: r#"{"object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}"#,
    is_start: |event| event.pointer("/choices/0/delta/role").is_some(),
    counted_up: |_| None,
};

/// Of a choice, or of the message in it.
fn whole(mut part: Value) -> Value {
    if part.get("choices").is_some() {
        return part;
    }
    let usage = part
        .as_object_mut()
        .and_then(|part| part.shift_remove("usage"));
    let choice = match part.get("message") {
        Some(_) => part,
        None => json!({ "message": part }),
    };
    json!({"choices": [choice], "usage": usage})
}

/// A choice, and the usage if there is any.
fn part(mut answer: Value) -> Value {
    let mut choice = answer["choices"][0].take();
    if let Some(choice) = choice.as_object_mut() {
        choice.shift_remove("index");
        if choice.get("finish_reason").is_some_and(Value::is_null) {
            choice.shift_remove("finish_reason");
        }
        if let Some(usage) = answer
            .as_object_mut()
            .and_then(|it| it.shift_remove("usage"))
        {
            choice.insert("usage".to_owned(), usage);
        }
    }
    choice
}
