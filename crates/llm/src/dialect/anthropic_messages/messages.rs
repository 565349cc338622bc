//! The system prompt and the messages of a request, as they are written.

use crate::{
    Feature, InvalidRequest,
    cross::{
        Block, Crossing, Document, IdRule, Image, Prompt, Role, Source, ToolResult, Turn, object,
    },
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Makes the conversation one that Anthropic takes: no blank texts, no files of the model's, turns that alternate, the
/// results of calls in front of what else a turn says, and no white space at the end of a turn
/// that is to be continued.
pub(super) fn tidy(prompt: &mut Prompt<'_>) {
    let blank = |text: &str| text.trim().is_empty();
    prompt.system.retain(|text| !blank(text));
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(prompt.turns.len());
    let (mut emptied, mut files) = (false, false);
    for mut turn in prompt.turns.drain(..) {
        if turn.role == Role::Assistant && turn.content.iter().any(Block::is_file) {
            files = true;
            turn.content.retain(|block| !block.is_file());
        }
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
    for turn in &mut turns {
        turn.content
            .sort_by_key(|block| block.tool_result().is_none());
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
    if files {
        prompt.note("dropped a file of the model's");
    }
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
    Text {
        text: &'a str,
    },
    Image {
        source: WrittenSource<'a>,
    },
    Document {
        source: WrittenSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: &'a RawValue,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Written::is_empty")]
        content: Written<'a>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WrittenSource<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
}

#[derive(Serialize)]
pub(super) struct WrittenTurn<'a> {
    role: &'static str,
    content: Written<'a>,
}

impl Written<'_> {
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Blocks(blocks) if blocks.is_empty())
    }
}

pub(super) fn encode_system<'a>(system: &'a [Cow<'_, str>]) -> Option<Written<'a>> {
    match system {
        [] => None,
        [text] => Some(Written::Text(text)),
        texts => {
            let texts = texts.iter().map(|text| WrittenBlock::Text { text });
            Some(Written::Blocks(texts.collect()))
        }
    }
}

pub(super) fn encode_turns<'a>(
    turns: &'a [Turn<'_>],
    crossing: Crossing,
) -> Result<Vec<WrittenTurn<'a>>, InvalidRequest> {
    let turns = turns.iter().map(|turn| {
        Ok(WrittenTurn {
            role: match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: content(&turn.content, crossing)?,
        })
    });
    turns.collect()
}

/// Writes these turns, to stand behind others.
pub(crate) fn encode_written(
    turns: &[Turn<'_>],
    crossing: Crossing,
) -> Result<Bytes, InvalidRequest> {
    let turns = serde_json::to_vec(&encode_turns(turns, crossing)?);
    Ok(turns.expect("strings can be written").into())
}

fn content<'a>(blocks: &'a [Block<'_>], crossing: Crossing) -> Result<Written<'a>, InvalidRequest> {
    if let [Block::Text(text)] = blocks {
        return Ok(Written::Text(text));
    }
    let blocks = blocks.iter().map(|block| encode(block, crossing));
    Ok(Written::Blocks(blocks.collect::<Result<_, _>>()?))
}

/// What an id of a call may look like.
const IDS: IdRule = IdRule::Word(64);

fn encode<'a>(
    block: &'a Block<'_>,
    crossing: Crossing,
) -> Result<WrittenBlock<'a>, InvalidRequest> {
    Ok(match block {
        Block::Text(text) => WrittenBlock::Text { text },
        Block::Image(image) => WrittenBlock::Image {
            source: picture(image)?,
        },
        Block::Document(document) => WrittenBlock::Document {
            source: file(document, crossing)?,
            title: document.name.as_deref(),
        },
        Block::ToolCall(call) => WrittenBlock::ToolUse {
            id: IDS.fit(&call.id),
            name: &call.name,
            input: object(&call.arguments).ok_or_else(|| InvalidRequest::arguments(&call.id))?,
        },
        Block::ToolResult(result) => tool_result(result, crossing)?,
    })
}

fn tool_result<'a>(
    result: &'a ToolResult<'_>,
    crossing: Crossing,
) -> Result<WrittenBlock<'a>, InvalidRequest> {
    Ok(WrittenBlock::ToolResult {
        tool_use_id: IDS.fit(&result.id),
        content: content(&result.content, crossing)?,
        is_error: result.is_error,
    })
}

fn picture<'a>(image: &'a Image<'_>) -> Result<WrittenSource<'a>, InvalidRequest> {
    match &image.source {
        Source::Base64 { media_type, data } => match &**media_type {
            "image/jpeg" | "image/png" | "image/gif" | "image/webp" => {
                Ok(WrittenSource::Base64 { media_type, data })
            }
            // Not a type, but what everybody writes.
            "image/jpg" => Ok(WrittenSource::Base64 {
                media_type: "image/jpeg",
                data,
            }),
            other => Err(InvalidRequest::media_type(other, "jpeg, png, gif, webp")),
        },
        Source::Url(url) => Ok(WrittenSource::Url { url }),
    }
}

fn file<'a>(
    document: &'a Document<'_>,
    crossing: Crossing,
) -> Result<WrittenSource<'a>, InvalidRequest> {
    match &document.source {
        Source::Base64 { media_type, data } if media_type == "application/pdf" => {
            Ok(WrittenSource::Base64 { media_type, data })
        }
        Source::Url(url) => Ok(WrittenSource::Url { url }),
        Source::Base64 { .. } => Err(crossing.refuse(Feature::Documents)),
    }
}
