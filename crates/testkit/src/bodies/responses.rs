//! OpenAI responses. Its errors are those of chat completions.

use super::{Answer, Events};
use crate::Finish;
use bytes::Bytes;
use serde_json::{Value, json};

/// An event, named by its own type.
fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or("error");
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// An error as it is sent, which is not as it is documented.
pub(super) fn error_event(body: &Value) -> Bytes {
    event(&json!({ "type": "error", "sequence_number": 2, "error": body["error"] }))
}

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let output = json!([message(
        answer,
        &answer.deltas.concat(),
        status(answer.finish)
    )]);
    response(answer, status(answer.finish), &output)
}

/// What comes before anything is said.
pub(super) fn start(answer: &Answer<'_>) -> Vec<Bytes> {
    let begun = response(answer, "in_progress", &json!([]));
    let names = ["response.created", "response.in_progress"];
    let events = names.iter().zip(0..);
    events
        .map(|(name, at)| event(&json!({ "type": name, "sequence_number": at, "response": begun })))
        .collect()
}

pub(super) fn events(answer: &Answer<'_>) -> Events {
    let (what, field) = match answer.finish {
        Finish::Refusal => ("refusal", "refusal"),
        _ => ("output_text", "text"),
    };
    let said = answer.deltas.concat();
    let numbered = |at: usize, name: &str, fields: &Value| {
        let mut data = json!({ "type": name, "sequence_number": at, "output_index": 0 });
        if let (Some(data), Some(fields)) = (data.as_object_mut(), fields.as_object()) {
            data.extend(fields.clone());
        }
        data
    };
    // Of a part of the message.
    let of_part = |at: usize, name: &str, key: &str, value: Value| {
        let fields = json!({ "item_id": item_id(answer), "content_index": 0, key: value });
        event(&numbered(at, name, &fields))
    };
    let mut empty = message(answer, "", "in_progress");
    empty["content"] = json!([]);
    let mut before = start(answer);
    before.push(event(&numbered(
        2,
        "response.output_item.added",
        &json!({ "item": empty }),
    )));
    before.push(of_part(
        3,
        "response.content_part.added",
        "part",
        part(answer.finish, ""),
    ));
    let deltas = answer.deltas.iter().zip(before.len()..);
    let deltas: Vec<_> = deltas
        .map(|(text, at)| {
            of_part(
                at,
                &format!("response.{what}.delta"),
                "delta",
                (*text).into(),
            )
        })
        .collect();
    let at = before.len() + deltas.len();
    let status = status(answer.finish);
    let item = message(answer, &said, status);
    let end = response(answer, status, &json!([item]));
    let after = vec![
        of_part(
            at,
            &format!("response.{what}.done"),
            field,
            said.as_str().into(),
        ),
        of_part(
            at + 1,
            "response.content_part.done",
            "part",
            part(answer.finish, &said),
        ),
        event(&numbered(
            at + 2,
            "response.output_item.done",
            &json!({ "item": item }),
        )),
        event(&json!({
            "type": format!("response.{status}"),
            "sequence_number": at + 3,
            "response": end,
        })),
    ];
    Events {
        before,
        deltas,
        after,
    }
}

fn response(answer: &Answer<'_>, status: &str, output: &Value) -> Value {
    let reason = match answer.finish {
        _ if status != "incomplete" => None,
        Finish::ContentFilter => Some("content_filter"),
        _ => Some("max_output_tokens"),
    };
    json!({
        "id": format!("resp_{:048}", answer.serial),
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": null,
        "incomplete_details": reason.map(|reason| json!({ "reason": reason })),
        "instructions": null,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": (status != "in_progress").then(|| usage(answer)),
    })
}

fn message(answer: &Answer<'_>, text: &str, status: &str) -> Value {
    json!({
        "type": "message",
        "id": item_id(answer),
        "status": status,
        "role": "assistant",
        "content": [part(answer.finish, text)],
    })
}

fn part(finish: Finish, text: &str) -> Value {
    match finish {
        Finish::Refusal => json!({ "type": "refusal", "refusal": text }),
        _ => json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }),
    }
}

fn item_id(answer: &Answer<'_>) -> String {
    format!("msg_{:048}", answer.serial)
}

const fn status(finish: Finish) -> &'static str {
    match finish {
        // A refusal is a part of its own kind, of an answer that is complete.
        Finish::Stop | Finish::Refusal => "completed",
        Finish::Length | Finish::ContentFilter => "incomplete",
    }
}

fn usage(answer: &Answer<'_>) -> Value {
    json!({
        "input_tokens": answer.input_tokens,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": answer.input_tokens + answer.output_tokens,
    })
}
