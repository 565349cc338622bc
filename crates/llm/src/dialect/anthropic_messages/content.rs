//! The system prompt and the messages of a request.

use crate::{
    Feature, InvalidRequest,
    cross::{Block, Crossing, Prompt, Role, Turn},
    request::{Str, typed},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    role: Str<'a>,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    cache_control: Option<IgnoredAny>,
}

impl<'a> Message<'a> {
    pub(super) fn decode_all(
        messages: &'a str,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
    ) -> Result<(), InvalidRequest> {
        let problem = "must be a list of objects with a `role` and a `content`";
        let messages: Vec<Self> = typed("messages", messages, problem)?;
        for (at, message) in messages.into_iter().enumerate() {
            let role = match &*message.role.0 {
                "user" => Role::User,
                "assistant" => Role::Assistant,
                _ => {
                    let field = format!("messages[{at}].role");
                    return Err(InvalidRequest::of_field(field, "must be user or assistant"));
                }
            };
            let field = format!("messages[{at}].content");
            let content = pieces(&field, message.content.get(), crossing, prompt)?;
            prompt.turns.push(Turn { role, content });
        }
        if matches!(prompt.turns.last(), Some(last) if last.role == Role::Assistant) {
            prompt.note("a turn of the model's that was to be continued is followed by a new one");
        }
        Ok(())
    }
}

/// A text, or a list of blocks of it.
pub(super) fn decode_system<'a>(
    value: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let blocks = pieces("system", value, crossing, prompt)?;
    prompt.system = blocks.into_iter().filter_map(Block::into_text).collect();
    Ok(())
}

fn pieces<'a>(
    field: &str,
    content: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    let problem = "must be a string or a list of objects with a `type`";
    if content.starts_with('"') {
        return typed(field, content, problem).map(|Str(text)| vec![Block::Text(text)]);
    }
    let pieces: Vec<Piece<'a>> = typed(field, content, problem)?;
    let mut blocks = Vec::with_capacity(pieces.len());
    for piece in pieces {
        if piece.cache_control.is_some() {
            prompt.note("dropped cache_control");
        }
        match &*piece.kind.0 {
            "text" => match piece.text {
                Some(Str(text)) => blocks.push(Block::Text(text)),
                None => return Err(InvalidRequest::of_field(field, "lacks its text")),
            },
            // Only the vendor whose model thought so can use it.
            "thinking" | "redacted_thinking" => prompt.note("dropped thinking"),
            "image" => return Err(crossing.refuse(Feature::Images)),
            "document" => return Err(crossing.refuse(Feature::Documents)),
            "tool_use" | "tool_result" | "server_tool_use" => {
                return Err(crossing.refuse(Feature::Tools));
            }
            _ => return Err(crossing.refuse(Feature::UnknownContent)),
        }
    }
    Ok(blocks)
}

pub(super) fn is_empty(list: &str) -> bool {
    serde_json::from_str::<Vec<IgnoredAny>>(list).is_ok_and(|list| list.is_empty())
}

/// Makes the conversation one that Anthropic takes: no blank texts, turns that alternate, and no
/// white space at the end of a turn that is to be continued.
pub(super) fn tidy(prompt: &mut Prompt<'_>) {
    let blank = |text: &str| text.trim().is_empty();
    prompt.system.retain(|text| !blank(text));
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(prompt.turns.len());
    let mut emptied = false;
    for mut turn in prompt.turns.drain(..) {
        turn.content
            .retain(|block| !block.text().is_some_and(blank));
        if turn.content.is_empty() {
            emptied = true;
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.role == turn.role => last.content.append(&mut turn.content),
            _ => turns.push(turn),
        }
    }
    let mut continued = false;
    if let Some(last) = turns.last_mut()
        && last.role == Role::Assistant
    {
        continued = true;
        if let Some(Block::Text(text)) = last.content.last_mut()
            && text.trim_end().len() < text.len()
        {
            *text = Cow::Owned(text.trim_end().to_owned());
        }
    }
    prompt.turns = turns;
    if emptied {
        prompt.note("dropped an empty message");
    }
    if continued {
        prompt.note("the model's last turn will be continued");
    }
}

/// A text where there is one piece of it, else a list of blocks.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Written<'a> {
    Text(&'a str),
    Blocks(Vec<WrittenBlock<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WrittenBlock<'a> {
    Text { text: &'a str },
}

#[derive(Serialize)]
pub(super) struct WrittenTurn<'a> {
    role: &'static str,
    content: Written<'a>,
}

pub(super) fn encode_system<'a>(system: &'a [Cow<'_, str>]) -> Option<Written<'a>> {
    match system {
        [] => None,
        texts => Some(written(texts.iter().map(|text| &**text).collect())),
    }
}

pub(super) fn encode_turns<'a>(turns: &'a [Turn<'_>]) -> Vec<WrittenTurn<'a>> {
    let turns = turns.iter().map(|turn| WrittenTurn {
        role: match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        content: written(turn.content.iter().filter_map(Block::text).collect()),
    });
    turns.collect()
}

fn written(texts: Vec<&str>) -> Written<'_> {
    match texts[..] {
        [text] => Written::Text(text),
        _ => Written::Blocks(
            texts
                .into_iter()
                .map(|text| WrittenBlock::Text { text })
                .collect(),
        ),
    }
}
