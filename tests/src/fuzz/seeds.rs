//! What to begin with: the facts, in the form that each target reads.

use super::errors::STATUSES;
use buttress::llm::{Dialect, Provider};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn facts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("facts")
}

fn rows(file: &str) -> Vec<Value> {
    let rows = fs::read_to_string(facts().join(file)).expect("the facts");
    let rows = rows.lines();
    rows.map(|row| serde_json::from_str(row).expect("JSON"))
        .collect()
}

pub(super) fn headers() -> Vec<Vec<u8>> {
    let rows = ["delays.jsonl", "errors.jsonl"].into_iter().flat_map(rows);
    let lines = rows.filter_map(|row| {
        let mut lines = String::new();
        for (name, value) in row["headers"].as_object()? {
            let values = match value {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            for value in values {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                lines += &format!("{name}: {value}\n");
            }
        }
        Some(lines.into_bytes())
    });
    lines.collect()
}

pub(super) fn streams() -> Vec<Vec<u8>> {
    let rows = rows("streams.jsonl").into_iter().enumerate();
    let streams = rows.map(|(i, row)| {
        let file = row["file"].as_str().expect("a file");
        let mut seed = vec![u8::try_from(i).expect("few rows")];
        seed.extend(fs::read(facts().join(file)).expect("a stream"));
        seed
    });
    streams.collect()
}

pub(super) fn errors() -> Vec<Vec<u8>> {
    let rows = rows("errors.jsonl").into_iter();
    let errors = rows.map(|row| {
        let named = |provider: &Provider| row["provider"] == provider.as_str();
        let provider = Provider::ALL.iter().position(named);
        let status = |status: &Option<u16>| json!(status) == row["status"];
        let status = STATUSES.iter().position(status);
        let index = |at: Option<usize>| u8::try_from(at.unwrap_or(0)).expect("few of them");
        let mut seed = vec![index(provider), index(status)];
        match &row["body"] {
            Value::Null => {}
            Value::String(text) => seed.extend(text.bytes()),
            body => seed.extend(body.to_string().bytes()),
        }
        seed
    });
    errors.collect()
}

pub(super) fn dialects() -> Vec<Vec<u8>> {
    let rows = rows("translate.jsonl").into_iter();
    let mut seeds: Vec<_> = rows
        .filter_map(|row| {
            let from = row["from"].as_str()?.split('-').next()?;
            let from = if from == "mistral" { "openai" } else { from };
            let from = Dialect::ALL
                .iter()
                .position(|dialect| dialect.as_str().split('.').next() == Some(from))?;
            let mut document = row["input"].clone();
            if row["kind"] == "request" {
                document = whole(document);
            }
            let mut seed = vec![u8::try_from(from).expect("few dialects")];
            seed.extend(document.to_string().bytes());
            Some(seed)
        })
        .collect();
    seeds.extend(WHOLE.map(|(dialect, document)| {
        let mut seed = vec![dialect];
        seed.extend(document.bytes());
        seed
    }));
    seeds
}

/// A request around a part of one.
fn whole(mut part: Value) -> Value {
    if part.get("role").is_some() {
        part = json!({ "messages": [part] });
    } else if part.get("type").is_some() {
        part = json!({"messages": [{"role": "user", "content": [part]}]});
    }
    if let Some(fields) = part.as_object_mut() {
        let turn = json!([{"role": "user", "content": "Hi"}]);
        fields.entry("messages").or_insert(turn);
        fields.entry("model").or_insert_with(|| "m".into());
    }
    part
}

/// Longer ones than the facts have.
const WHOLE: [(u8, &str); 2] = [
    (
        0,
        r#"{"model":"gpt-5","messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"https://x.test/a.png"}}]},{"role":"assistant","content":"Let me see.","tool_calls":[{"id":"call_a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"call_b","type":"function","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"call_a","content":"1"},{"role":"tool","tool_call_id":"call_b","content":[{"type":"text","text":"2"}]},{"role":"user","content":"So?"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"auto","temperature":0.5,"top_p":0.9,"stop":["A"],"user":"u","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":3000,"seed":7}"#,
    ),
    (
        1,
        r#"{"model":"claude-sonnet-4-5","max_tokens":3000,"system":[{"type":"text","text":"S"},{"type":"text","text":"T"}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"document","title":"a","source":{"type":"base64","media_type":"application/pdf","data":"aGk="}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"text","text":"Let me see."},{"type":"tool_use","id":"toolu_a","name":"f","input":{"x":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_a","is_error":true,"content":[{"type":"text","text":"1"},{"type":"image","source":{"type":"url","url":"https://x.test/a.png"}}]},{"type":"text","text":"So?"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true},"thinking":{"type":"enabled","budget_tokens":2000},"stop_sequences":["A"],"metadata":{"user_id":"u"},"top_k":5}"#,
    ),
];

pub(super) fn config() -> Vec<Vec<u8>> {
    let example = include_str!("../../../docs/buttress.example.toml");
    // Its lines are comments, which say nothing until they are none.
    let spoken = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(line) if line.contains(" = ") || line.starts_with('[') => line,
        _ => line,
    });
    let spoken: Vec<_> = spoken.collect();
    let mut seeds = vec![example.into(), spoken.join("\n").into_bytes()];
    let pieces = example.split("\n\n");
    seeds.extend(pieces.map(|piece| piece.as_bytes().to_vec()));
    seeds
}
