//! What a model said, where it may be a list of pieces.

use crate::Lax;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A text, or a list of pieces: so Mistral's models send it that think.
#[derive(Debug, Default)]
pub(super) struct Pieces<'a> {
    pub(super) text: Lax<'a>,
    pub(super) thought: Lax<'a>,
    /// There are references to where something stands.
    pub(super) cites: bool,
    /// There is something of a kind that is not read.
    pub(super) others: bool,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    text: Lax<'a>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Pieces<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = <&RawValue>::deserialize(deserializer)?.get();
        if said.starts_with('[') {
            return Ok(list(said));
        }
        let text = serde_json::from_str(said).map_err(D::Error::custom)?;
        Ok(Self {
            text,
            ..Self::default()
        })
    }
}

fn list(said: &str) -> Pieces<'_> {
    let mut pieces = Pieces::default();
    for piece in each(said) {
        match piece.kind.as_str() {
            "text" => join(&mut pieces.text, piece.text),
            "thinking" => {
                let thinking = piece.thinking.map_or("", RawValue::get);
                let Ok(thought) = serde_json::from_str(thinking) else {
                    continue;
                };
                join(&mut pieces.thought, thought);
                // What is in there is not looked into any deeper.
                for piece in each(thinking) {
                    join(&mut pieces.thought, piece.text);
                }
            }
            "reference" => pieces.cites = true,
            _ => pieces.others = true,
        }
    }
    pieces
}

/// The pieces of a list, as far as they can be read.
fn each(list: &str) -> impl Iterator<Item = Piece<'_>> {
    let list: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
    list.into_iter()
        .filter_map(|piece| serde_json::from_str(piece.get()).ok())
}

/// They are pieces of one text.
fn join<'a>(Lax(text): &mut Lax<'a>, Lax(more): Lax<'a>) {
    let more = more.filter(|more| !more.is_empty());
    *text = match (text.take(), more) {
        (Some(text), Some(more)) => Some(text + more),
        (text, more) => text.or(more),
    };
}

/// The arguments of a call: JSON as a text, or the JSON itself, as servers send it that are not
/// quite compatible.
pub(super) fn arguments<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Lax<'a>, D::Error> {
    let arguments = <&RawValue>::deserialize(deserializer)?.get();
    if arguments.starts_with(['{', '[']) {
        return Ok(Lax(Some(Cow::Borrowed(arguments))));
    }
    serde_json::from_str(arguments).map_err(D::Error::custom)
}
