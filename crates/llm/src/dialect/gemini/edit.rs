use super::{
    answer::{Piece, Said},
    usage::Wire,
};
use crate::{
    InvalidAnswer,
    response::{Edit, elements, fields, first},
    stream::json,
};

/// Changes what an answer says.
pub(crate) fn edit(answer: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let changed = fields(answer, |name, value| match name {
        "candidates" => first(value, |candidate| {
            fields(candidate, |name, value| match name {
                "content" if value.starts_with('{') => fields(value, |name, value| match name {
                    "parts" => elements(value, |piece| self::piece(piece, edit)),
                    _ => Ok(None),
                }),
                _ => Ok(None),
            })
        }),
        "usageMetadata" => Ok(edit.usage::<Wire>(value, &["toolUsePromptTokenCount"])),
        _ => Ok(None),
    })?;
    Ok(edit.add_usage::<Wire>(answer, changed, "usageMetadata"))
}

/// A piece without text stays for what else is in it: it may be signed.
fn piece(piece: &str, edit: &mut Edit<'_>) -> Result<Option<String>, InvalidAnswer> {
    let said = serde_json::from_str::<Piece<'_>>(piece)?.said();
    match said {
        Said::Text(_) => {
            let Some(text) = edit.text() else {
                return Ok(None);
            };
            fields(piece, |name, _| Ok((name == "text").then(|| json(text))))
        }
        Said::Call(_) => {
            let Some(args) = edit.input()? else {
                return Ok(None);
            };
            fields(piece, |name, call| match name {
                "functionCall" => {
                    fields(
                        call,
                        |name, _| Ok((name == "args").then(|| args.to_owned())),
                    )
                }
                _ => Ok(None),
            })
        }
        Said::Thought(_) | Said::Other | Said::Nothing => Ok(None),
    }
}
