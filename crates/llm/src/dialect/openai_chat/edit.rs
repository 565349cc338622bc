use super::usage::Wire;
use crate::{
    InvalidAnswer, Lax,
    response::{Edit, elements, fields, first, quoted},
};
use serde::Deserialize;

/// `DeepSeek`'s names for what the details tell.
const TOLD_TWICE: [&str; 2] = ["prompt_cache_hit_tokens", "prompt_cache_miss_tokens"];

/// Changes what an answer says.
pub(crate) fn edit(answer: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let changed = fields(answer, |name, value| match name {
        "choices" => first(value, |choice| {
            fields(choice, |name, value| match name {
                "message" => message(value, edit),
                _ => Ok(None),
            })
        }),
        "usage" => Ok(edit.usage::<Wire>(value, &TOLD_TWICE)),
        _ => Ok(None),
    })?;
    Ok(edit.add_usage::<Wire>(answer, changed, "usage"))
}

fn message(message: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    fields(message, |name, value| match name {
        "content" if value == "null" || value.starts_with('"') => Ok(quoted(edit.text())),
        "content" if value.starts_with('[') => elements(value, |piece| self::piece(piece, edit)),
        "tool_calls" => elements(value, |call| {
            fields(call, |name, value| match name {
                "function" => fields(value, |name, _| match name {
                    "arguments" => Ok(quoted(edit.arguments())),
                    _ => Ok(None),
                }),
                _ => Ok(None),
            })
        }),
        _ => Ok(None),
    })
}

/// Changes a piece of what was said; one that says nothing any more is left out.
fn piece(piece: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Lax<'a>,
    }
    let Kind { kind } = serde_json::from_str(piece)?;
    if kind.as_str() != "text" {
        return Ok(None);
    }
    let text = match edit.text() {
        Some("") => return Ok(Some(String::new())),
        text => quoted(text),
    };
    let Some(text) = text else { return Ok(None) };
    fields(piece, |name, _| Ok((name == "text").then(|| text.clone())))
}
