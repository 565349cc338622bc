//! Prompts and answers as the conventions have them: messages of parts, in JSON.
//!
//! What is written here goes into a trace only where that was asked for.

use super::spans::CallSpans;
use buttress_llm::{
    Dialect, EventStream, LlmError, LlmRequest, Said, SaidReader, StreamEvent, Target,
};
use futures_core::Stream;
use serde_json::{Value, json};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The most of all messages together, and of one text, in bytes.
const MOST: usize = 64 << 10;
const MOST_OF_ONE: usize = 16 << 10;

/// What is asked. Nothing, where it can't be told in messages.
pub(super) fn asked(request: &LlmRequest) -> Option<String> {
    // One dialect to read, whichever is spoken.
    let encoded = request.encode(&Target::new(Dialect::OpenAiChat)).ok()?;
    let mut body: Value = serde_json::from_slice(&encoded.body).ok()?;
    let Value::Array(messages) = body.get_mut("messages")?.take() else {
        return None;
    };
    Some(newest(messages.iter().map(message)))
}

/// What is answered.
pub(super) fn answered(said: &Said) -> String {
    let mut parts = Vec::new();
    for text in [&said.text, &said.refusal] {
        parts.extend((!text.is_empty()).then(|| text_part(text)));
    }
    let calls = said.calls.iter();
    parts.extend(calls.map(|call| tool_call(&call.id, &call.name, &call.arguments)));
    let finish = said.finish.as_ref().map(|finish| &*finish.raw);
    let message = json!({"role": "assistant", "parts": parts, "finish_reason": finish});
    newest([message].into_iter())
}

/// A message of OpenAI's chat.
fn message(message: &Value) -> Value {
    let role = message["role"].as_str().unwrap_or_default();
    let content = &message["content"];
    let mut parts: Vec<_> = match content {
        Value::String(text) if role == "tool" => vec![json!({
            "type": "tool_call_response",
            "id": message["tool_call_id"],
            "response": shortened(text),
        })],
        Value::String(text) => vec![text_part(text)],
        Value::Array(parts) => parts.iter().map(part).collect(),
        _ => Vec::new(),
    };
    let calls = message["tool_calls"].as_array();
    parts.extend(calls.into_iter().flatten().map(|call| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let function = &call["function"];
        tool_call(
            &text(&call["id"]),
            &text(&function["name"]),
            &text(&function["arguments"]),
        )
    }));
    json!({"role": role, "parts": parts})
}

/// A piece of its content. Of pictures and sounds only their kind is told.
fn part(part: &Value) -> Value {
    let kind = part["type"].as_str().unwrap_or_default();
    match (kind, part["text"].as_str()) {
        ("text", Some(text)) => text_part(text),
        ("image_url", _) => json!({"type": "blob", "modality": "image"}),
        ("input_audio", _) => json!({"type": "blob", "modality": "audio"}),
        _ => json!({"type": kind}),
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "text", "content": shortened(text)})
}

fn tool_call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "tool_call", "id": id, "name": name, "arguments": shortened(arguments)})
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_OF_ONE))
        .unwrap_or(text)
}

/// As many of the newest messages as there is room for, in their order.
fn newest(messages: impl DoubleEndedIterator<Item = Value>) -> String {
    let mut room = MOST;
    let mut fitting = Vec::new();
    for message in messages.rev() {
        let message = message.to_string();
        match room.checked_sub(message.len()) {
            Some(left) => room = left,
            None => break,
        }
        fitting.push(message);
    }
    fitting.reverse();
    format!("[{}]", fitting.join(","))
}

/// A stream that is read as it is given.
pub(super) struct Read {
    inner: EventStream,
    reader: Option<SaidReader>,
    spans: Arc<CallSpans>,
}

impl Read {
    /// Puts what the stream says into the span of its call, as far as it is given.
    pub(super) fn of(inner: EventStream, dialect: Dialect, spans: Arc<CallSpans>) -> EventStream {
        let reader = Some(SaidReader::new(dialect).keep(MOST));
        EventStream::new(Self {
            inner,
            reader,
            spans,
        })
    }

    fn record(&mut self) {
        if let Some(reader) = self.reader.take() {
            let messages = answered(&reader.into_said());
            self.spans.with(|span| {
                span.record("gen_ai.output.messages", messages.as_str());
            });
        }
    }
}

impl Stream for Read {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.inner).poll_next(cx));
        if let (Some(Ok(event)), Some(reader)) = (&next, &mut self.reader) {
            reader.add(event);
        }
        if !matches!(&next, Some(Ok(event)) if !event.is_last()) {
            self.record();
        }
        Poll::Ready(next)
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.record();
    }
}
