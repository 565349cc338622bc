use super::Calls;
use serde_json::{Value, json};
use std::fmt::Write;

/// What a model signs its calls with, so that it knows them again.
pub const SIGNATURE: &str = "c2lnbmVk";

pub(super) fn whole(model: &str, calls: Calls<'_>) -> Value {
    let mut whole = piece(model, parts(calls));
    end(&mut whole);
    whole
}

/// A call comes in one piece.
pub(super) fn stream(model: &str, calls: Calls<'_>) -> String {
    let parts = parts(calls).into_iter();
    let mut pieces: Vec<_> = parts.map(|part| piece(model, vec![part])).collect();
    let mut last = piece(model, vec![json!({ "text": "" })]);
    end(&mut last);
    pieces.push(last);
    let mut stream = String::new();
    for piece in pieces {
        write!(stream, "data: {piece}\r\n\r\n").expect("memory");
    }
    stream
}

/// The calls, without ids, and the first one signed.
fn parts(calls: Calls<'_>) -> Vec<Value> {
    let parts = calls.iter().enumerate().map(|(at, (_, name, args))| {
        let mut part = json!({ "functionCall": { "name": name, "args": args } });
        if at == 0 {
            part["thoughtSignature"] = SIGNATURE.into();
        }
        part
    });
    parts.collect()
}

fn piece(model: &str, parts: Vec<Value>) -> Value {
    json!({
        "candidates": [{ "content": { "role": "model", "parts": parts }, "index": 0 }],
        "modelVersion": model, "responseId": "r1",
    })
}

fn end(piece: &mut Value) {
    piece["candidates"][0]["finishReason"] = "STOP".into();
    piece["usageMetadata"] = json!({
        "promptTokenCount": 20, "candidatesTokenCount": 10, "totalTokenCount": 30,
    });
}
