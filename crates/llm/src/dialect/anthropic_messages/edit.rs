use super::usage::Wire;
use crate::{
    InvalidAnswer, Lax,
    response::{Edit, elements, fields},
    stream::json,
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
        "content" => elements(value, |piece| self::piece(piece, edit)),
        "usage" => Ok(edit.usage::<Wire>(value, &[])),
        _ => Ok(None),
    })?;
    Ok(edit.add_usage::<Wire>(answer, changed, "usage"))
}

/// A piece without text is left out: sent back, it would be refused.
fn piece(piece: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let Kind { kind } = serde_json::from_str(piece)?;
    let (field, new) = match kind.as_str() {
        "text" => match edit.text() {
            Some("") => return Ok(Some(String::new())),
            text => ("text", text.map(json)),
        },
        "tool_use" => ("input", edit.input()?.map(str::to_owned)),
        _ => return Ok(None),
    };
    let Some(new) = new else { return Ok(None) };
    fields(piece, |name, _| Ok((name == field).then(|| new.clone())))
}
