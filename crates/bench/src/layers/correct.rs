//! Checking an answer by its schema.

use crate::table::Subject;
use buttress_correct::json::{Prefix, Schema, Schemas, repair::repair};
use serde_json::{Value, json};
use std::hint::black_box;

/// As large as an answer of 2,500 tokens.
const BYTES: usize = 10_000;

pub(super) fn subjects() -> Vec<Subject> {
    let text = schema().to_string();
    let schemas = Schemas::new();
    let schema = Schema::compile(&text).expect("a schema");
    let value = answer();
    let answer = value.to_string();
    let fenced = format!("```json\n{answer}\n```");
    let parsed = answer.clone();
    let checked = answer.clone();
    let passed = answer;
    let kept = schema.clone();
    vec![
        Subject::function("parsed by serde_json", move || {
            let value: Value = serde_json::from_str(black_box(&parsed)).expect("JSON");
            black_box(value);
        }),
        Subject::function("checked, of what is parsed", move || {
            assert!(kept.violations(black_box(&value)).is_empty());
        }),
        Subject::function("parsed and checked, schema looked up", move || {
            let value: Value = serde_json::from_str(black_box(&checked)).expect("JSON");
            let schema = schemas.get(black_box(&text)).expect("a schema");
            assert!(schema.violations(&value).is_empty());
        }),
        Subject::function("repaired", move || {
            assert!(repair(black_box(&fenced), false).is_some());
        }),
        Subject::function("heard as the text of a stream", move || {
            assert!(Prefix::new().push(black_box(&passed)));
        }),
    ]
}

fn schema() -> Value {
    let item = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 80},
            "kind": {"enum": ["book", "record", "map"]},
            "price": {"type": "number", "minimum": 0},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z-]+$"}},
        },
        "required": ["name", "kind", "price", "tags"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}},
        "required": ["items"],
        "additionalProperties": false,
        "$defs": {"item": item},
    })
}

fn answer() -> Value {
    let mut items = Vec::new();
    while json!(items).to_string().len() < BYTES {
        let name = format!("An atlas of the islands, number {}", items.len());
        let tags = ["old", "out-of-print"];
        items.push(json!({"name": name, "kind": "map", "price": 12.5, "tags": tags}));
    }
    json!({"items": items})
}
