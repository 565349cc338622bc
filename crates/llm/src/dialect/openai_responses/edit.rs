use super::usage::Wire;
use crate::{
    InvalidAnswer, Lax,
    response::{Edit, elements, fields, quoted},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
}

/// Changes what an answer says.
pub(crate) fn edit(answer: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let changed = fields(answer, |name, value| match name {
        "output" => elements(value, |item| self::item(item, edit)),
        "usage" => Ok(edit.usage::<Wire>(value, &[])),
        _ => Ok(None),
    })?;
    Ok(edit.add_usage::<Wire>(answer, changed, "usage"))
}

fn item(item: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let Kind { kind } = serde_json::from_str(item)?;
    match kind.as_str() {
        "message" => fields(item, |name, value| match name {
            "content" => elements(value, |piece| self::piece(piece, edit)),
            _ => Ok(None),
        }),
        "function_call" => {
            let Some(arguments) = quoted(edit.arguments()) else {
                return Ok(None);
            };
            fields(item, |name, _| {
                Ok((name == "arguments").then(|| arguments.clone()))
            })
        }
        _ => Ok(None),
    }
}

fn piece(piece: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let Kind { kind } = serde_json::from_str(piece)?;
    if kind.as_str() != "output_text" {
        return Ok(None);
    }
    let Some(text) = quoted(edit.text()) else {
        return Ok(None);
    };
    fields(piece, |name, _| Ok((name == "text").then(|| text.clone())))
}
