use super::{Place, Shape};
use serde_json::Value;

pub(super) static SHAPE: Shape = Shape {
    messages: "contents",
    user: Place {
        json: r#"{"role": "user", "parts": [{"text": null}]}"#,
        at: "/parts/0/text",
    },
    not_last: &[],
    pieces: &[(
        &[],
        Place {
            json: r#"{"role": "user", "parts": [null]}"#,
            at: "/parts/0",
        },
    )],
    pieces_at: &["/parts"],
    text: Place {
        json: r#"{"text": null}"#,
        at: "/text",
    },
    is_result: |_| false,
    call: Place {
        json: r#"{"role": "model", "parts": [
            {"functionCall": {"id": null, "name": "f", "args": {}}}]}"#,
        at: "/parts/0/functionCall/id",
    },
    call_name: "/parts/0/functionCall/name",
    result: Place {
        json: r#"{"role": "user", "parts": [
            {"functionResponse": {"id": null, "name": "f", "response": {}}}]}"#,
        at: "/parts/0/functionResponse/id",
    },
    result_at: "/parts/0",
    schema: Place {
        json: r#"{"tools": [{"functionDeclarations": [{"name": "f", "parameters": null}]}]}"#,
        at: "/tools/0/functionDeclarations/0/parameters",
    },
    stop: Place {
        json: r#"{"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]},
            "finishReason": null}]}"#,
        at: "/candidates/0/finishReason",
    },
    usage: Place {
        json: r#"{"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]},
            "finishReason": "STOP"}], "usageMetadata": null}"#,
        at: "/usageMetadata",
    },
    whole: |part| part,
    part,
    start: r#"{"candidates": [{"content": {"role": "model", "parts": []}}]}"#,
    // Any of them may be the first.
    is_start: |_| true,
    counted_up: |_| None,
};

fn part(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        fields.shift_remove("responseId");
        fields.shift_remove("modelVersion");
    }
    answer
}
