//! The items of a conversation, as they are written.

use crate::cross::{
    Block, Document, IdRule, Image, Role, Source, ToolCall, ToolResult, Turn, joined,
};
use bytes::Bytes;
use serde::Serialize;
use std::borrow::Cow;

/// What an id of a call may look like.
pub(super) const IDS: IdRule = IdRule::UpTo(64);

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Written<'a> {
    Message {
        role: &'static str,
        content: Content<'a>,
    },
    FunctionCall {
        call_id: Cow<'a, str>,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: Cow<'a, str>,
        output: Content<'a>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Pieces(Vec<Piece<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Piece<'a> {
    #[serde(rename = "input_text")]
    Text { text: Cow<'a, str> },
    #[serde(rename = "input_image")]
    Image {
        image_url: Cow<'a, str>,
        detail: &'static str,
    },
    #[serde(rename = "input_file")]
    File {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
    },
}

impl<'a> Written<'a> {
    fn message(role: &'static str, text: impl Into<Cow<'a, str>>) -> Self {
        Self::Message {
            role,
            content: Content::Text(text.into()),
        }
    }
}

/// Writes the conversation, behind these instructions.
pub(super) fn encode_all<'a>(
    system: &'a [Cow<'_, str>],
    turns: &'a [Turn<'_>],
) -> Vec<Written<'a>> {
    let system = system.iter();
    let mut items: Vec<_> = system
        .map(|text| Written::message("system", &**text))
        .collect();
    for turn in turns {
        match turn.role {
            Role::User => user(&mut items, &turn.content),
            Role::Assistant => assistant(&mut items, &turn.content),
        }
    }
    items
}

/// Writes these turns, to stand behind others.
pub(crate) fn encode_turns(turns: &[Turn<'_>]) -> Bytes {
    let items = serde_json::to_vec(&encode_all(&[], turns));
    items.expect("strings can be written").into()
}

fn assistant<'a>(items: &mut Vec<Written<'a>>, content: &'a [Block<'_>]) {
    let before = items.len();
    // What was said stands in front of the calls that followed it.
    for run in content.chunk_by(|one, next| one.text().is_some() == next.text().is_some()) {
        let text = joined(run);
        if !text.is_empty() {
            items.push(Written::message("assistant", text));
        }
        let calls = run.iter().filter_map(Block::tool_call);
        items.extend(calls.map(call));
    }
    if items.len() == before {
        items.push(Written::message("assistant", ""));
    }
}

fn call<'a>(call: &'a ToolCall<'_>) -> Written<'a> {
    Written::FunctionCall {
        call_id: IDS.fit(&call.id),
        name: &call.name,
        arguments: match &*call.arguments {
            // It has to be JSON.
            "" => "{}",
            arguments => arguments,
        },
    }
}

/// The results of calls are items of their own, and come first: they have to follow the calls.
fn user<'a>(items: &mut Vec<Written<'a>>, content: &'a [Block<'_>]) {
    let before = items.len();
    items.extend(content.iter().filter_map(Block::tool_result).map(result));
    let own = content.iter().filter(|block| block.tool_result().is_none());
    match own.collect::<Vec<_>>()[..] {
        [] if items.len() > before => {}
        [] => items.push(Written::message("user", "")),
        [Block::Text(text)] => items.push(Written::message("user", &**text)),
        ref own => items.push(Written::Message {
            role: "user",
            content: Content::Pieces(own.iter().filter_map(|block| piece(block)).collect()),
        }),
    }
}

fn result<'a>(result: &'a ToolResult<'_>) -> Written<'a> {
    let only_text = result.content.iter().all(|block| block.text().is_some());
    let output = if only_text {
        let text = joined(&result.content);
        Content::Text(match result.is_error {
            // There is no field that says that a call failed.
            true => format!("Error: {text}").into(),
            false => text,
        })
    } else {
        let error = result.is_error.then(|| Piece::Text {
            text: "Error:".into(),
        });
        let pieces = result.content.iter().filter_map(piece);
        Content::Pieces(error.into_iter().chain(pieces).collect())
    };
    Written::FunctionCallOutput {
        call_id: IDS.fit(&result.id),
        output,
    }
}

fn piece<'a>(block: &'a Block<'_>) -> Option<Piece<'a>> {
    Some(match block {
        Block::Text(text) => Piece::Text {
            text: Cow::Borrowed(text),
        },
        Block::Image(Image { source }) => Piece::Image {
            image_url: source.url(),
            detail: "auto",
        },
        Block::Document(document) => file(document),
        // Those of a user's turn do not exist.
        Block::ToolCall(_) | Block::ToolResult(_) => return None,
    })
}

fn file<'a>(document: &'a Document<'_>) -> Piece<'a> {
    match &document.source {
        source @ Source::Base64 { .. } => Piece::File {
            filename: Some(document.name.as_deref().unwrap_or("document.pdf")),
            file_data: Some(source.url()),
            file_url: None,
        },
        Source::Url(url) => Piece::File {
            filename: None,
            file_data: None,
            file_url: Some(url),
        },
    }
}
