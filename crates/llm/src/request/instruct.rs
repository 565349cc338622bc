//! Instructions of this side's own, at the end of the caller's system prompt.

use super::{Fields, fields::range_of, splice::Splice};
use crate::{Dialect, dialect::MessageKind, stream::json};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Puts an instruction at the end of the system prompt.
pub(super) fn instruct(
    dialect: Dialect,
    text: &str,
    fields: &[(Cow<'_, str>, &RawValue)],
    instruction: &str,
    splice: &mut Splice<'_>,
) {
    let front = text.find('{').map_or(0, |brace| brace + 1);
    let field = |names: &[&str]| {
        let mut fields = fields.iter();
        let field = fields.find(|(name, _)| names.contains(&&**name));
        field.map(|(_, value)| value.get())
    };
    let quoted = json(instruction);
    match dialect {
        Dialect::OpenAiChat => {
            let Some(list) = field(&["messages"]) else {
                return;
            };
            let messages: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
            let system = messages.iter().map(|message| message.get());
            let is_system = |message: &&str| dialect.message_kind(message) == MessageKind::System;
            let content = system
                .take_while(is_system)
                .last()
                .and_then(|it| field_of(it, "content"));
            let part = format!(r#"{{"type":"text","text":{quoted}}}"#);
            if content.is_none_or(|content| !add(content, text, instruction, &part, splice)) {
                let comma = if messages.is_empty() { "" } else { "," };
                let message = format!(r#"{{"role":"system","content":{quoted}}}{comma}"#);
                splice.insert(range_of(list, text).start + 1, message);
            }
        }
        Dialect::AnthropicMessages | Dialect::OpenAiResponses => {
            let name = match dialect {
                Dialect::AnthropicMessages => "system",
                _ => "instructions",
            };
            let part = format!(r#"{{"type":"text","text":{quoted}}}"#);
            match field(&[name]) {
                None => splice.insert(front, format!("\"{name}\":{quoted},")),
                Some(system) if add(system, text, instruction, &part, splice) => {}
                Some(other) => splice.replace(range_of(other, text), quoted),
            }
        }
        Dialect::Gemini => {
            let part = format!(r#"{{"text":{quoted}}}"#);
            match field(&["systemInstruction", "system_instruction"]) {
                None => {
                    let system = format!("\"systemInstruction\":{{\"parts\":[{part}]}},");
                    splice.insert(front, system);
                }
                Some(system) => {
                    let parts = field_of(system, "parts");
                    if parts.is_none_or(|parts| !add(parts, text, instruction, &part, splice)) {
                        let one = parts.filter(|parts| parts.starts_with('{'));
                        let one = one.map_or_else(String::new, |one| format!("{one},"));
                        let whole = format!(r#"{{"parts":[{one}{part}]}}"#);
                        splice.replace(range_of(system, text), whole);
                    }
                }
            }
        }
    }
}

/// A field of an object.
fn field_of<'a>(object: &'a str, field: &str) -> Option<&'a str> {
    let Fields(fields) = serde_json::from_str(object).ok()?;
    let mut fields = fields.into_iter();
    let (_, value) = fields.find(|(name, _)| name == field)?;
    Some(value.get())
}

/// Adds to a text, or to a list of parts; says whether it is one of the two.
fn add(content: &str, text: &str, instruction: &str, part: &str, splice: &mut Splice<'_>) -> bool {
    let at = range_of(content, text);
    if let Ok(said) = serde_json::from_str::<Cow<'_, str>>(content) {
        splice.replace(at, json(&behind(&said, instruction)));
        return true;
    }
    let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(content) else {
        return false;
    };
    let comma = if parts.is_empty() { "" } else { "," };
    splice.insert(at.end - 1, format!("{comma}{part}"));
    true
}

/// The one behind the other.
pub(super) fn behind(said: &str, instruction: &str) -> String {
    match said.trim().is_empty() {
        true => instruction.to_owned(),
        false => format!("{said}\n\n{instruction}"),
    }
}
