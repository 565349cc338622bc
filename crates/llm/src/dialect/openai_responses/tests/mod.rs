//! What crosses from responses to the other dialects and back.

mod answers;
mod requests;
mod streams;

use crate::{Dialect, LlmRequest, Target};
use serde_json::Value;

const RESPONSES: Dialect = Dialect::OpenAiResponses;
const CHAT: Dialect = Dialect::OpenAiChat;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

/// The request in the other dialect, and the notes in their order.
fn cross(from: Dialect, target: &Target, body: &Value) -> (Value, Vec<&'static str>) {
    let request = LlmRequest::parse(from, body.to_string().into()).unwrap();
    let mut encoded = request.encode(target).unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    // What comes out can be read again.
    LlmRequest::parse(target.dialect(), encoded.body).unwrap();
    encoded.notes.sort_unstable();
    (body, encoded.notes)
}
