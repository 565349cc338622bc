//! The messages of a request, as they are written.

use super::answer::WrittenCall;
use crate::{
    Feature, InvalidRequest,
    cross::{Block, Crossing, Document, IdRule, Prompt, Role, Source, ToolResult, Turn, joined},
};
use bytes::Bytes;
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
pub(super) struct Written<'a> {
    role: &'static str,
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WrittenCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Pieces(Vec<Piece<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Cow<'a, str>,
}

#[derive(Serialize)]
struct File<'a> {
    filename: &'a str,
    file_data: Cow<'a, str>,
}

impl<'a> Written<'a> {
    fn new(role: &'static str, content: Content<'a>) -> Self {
        Self {
            role,
            content: Some(content),
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

/// Writes all messages, with ids that follow this rule.
pub(super) fn encode_all<'a>(
    prompt: &'a Prompt<'_>,
    ids: IdRule,
    crossing: Crossing,
    notes: &mut Vec<&'static str>,
) -> Result<Vec<Written<'a>>, InvalidRequest> {
    let system = prompt.system.iter();
    let mut messages: Vec<_> = system
        .map(|text| Written::new("system", Content::Text(Cow::Borrowed(text))))
        .collect();
    for turn in &prompt.turns {
        match turn.role {
            Role::User => user(&mut messages, &turn.content, ids, crossing, notes)?,
            Role::Assistant => {
                if turn.content.iter().any(Block::is_file) {
                    notes.push("dropped a file of the model's");
                }
                messages.push(assistant(turn, ids));
            }
        }
    }
    Ok(messages)
}

/// Has the model speak between what came of its calls and what the user says next, and tells
/// whether it had to. That takes nothing away, as it would to say it in a result's name.
pub(super) fn answer_results(messages: &mut Vec<Written<'_>>) -> bool {
    let before = messages.len();
    let mut after_tool = false;
    let all = std::mem::take(messages);
    for message in all {
        if after_tool && message.role == "user" {
            let words = Content::Text(Cow::Borrowed("Understood."));
            messages.push(Written::new("assistant", words));
        }
        after_tool = message.role == "tool";
        messages.push(message);
    }
    messages.len() > before
}

/// Writes these turns, to stand behind others.
pub(crate) fn encode_turns(
    prompt: &Prompt<'_>,
    crossing: Crossing,
) -> Result<Bytes, InvalidRequest> {
    let ids = IdRule::UpTo(super::request::MAX_ID);
    let messages = encode_all(prompt, ids, crossing, &mut Vec::new())?;
    let messages = serde_json::to_vec(&messages).expect("strings can be written");
    Ok(messages.into())
}

fn assistant<'a>(turn: &'a Turn<'_>, ids: IdRule) -> Written<'a> {
    let calls = turn.content.iter().filter_map(Block::tool_call);
    let tool_calls: Vec<_> = calls.map(|call| WrittenCall::new(call, ids)).collect();
    let text = joined(&turn.content);
    Written {
        role: "assistant",
        // What is nothing but calls has no content.
        content: (!text.is_empty() || tool_calls.is_empty()).then_some(Content::Text(text)),
        tool_calls,
        tool_call_id: None,
    }
}

/// The results of calls are messages of their own, and come first: they have to follow the calls.
fn user<'a>(
    messages: &mut Vec<Written<'a>>,
    content: &'a [Block<'_>],
    ids: IdRule,
    crossing: Crossing,
    notes: &mut Vec<&'static str>,
) -> Result<(), InvalidRequest> {
    let results = content.iter().filter_map(Block::tool_result);
    let before = messages.len();
    messages.extend(results.clone().map(|result| Written {
        tool_call_id: Some(ids.fit(&result.id)),
        ..Written::new("tool", Content::Text(said(result)))
    }));
    // A result can be nothing but text; what else there is in it is shown right behind.
    let shown = results.flat_map(|result| &result.content);
    let shown = shown.filter(|block| !matches!(block, Block::Text(_)));
    if shown.clone().next().is_some() {
        notes.push("moved an image out of a tool result");
    }
    let own = content.iter().filter(|block| block.tool_result().is_none());
    let rest: Vec<_> = shown.chain(own).collect();
    match rest[..] {
        [] if messages.len() > before => {}
        [] => messages.push(Written::new("user", Content::Text(Cow::Borrowed("")))),
        [Block::Text(text)] => {
            messages.push(Written::new("user", Content::Text(Cow::Borrowed(text))));
        }
        _ => {
            let pieces = rest.into_iter().filter_map(|block| piece(block, crossing));
            let pieces: Result<_, _> = pieces.collect();
            messages.push(Written::new("user", Content::Pieces(pieces?)));
        }
    }
    Ok(())
}

/// There is no field that says that a call failed.
fn said<'a>(result: &'a ToolResult<'_>) -> Cow<'a, str> {
    let text = joined(&result.content);
    if result.is_error {
        Cow::Owned(format!("Error: {text}"))
    } else {
        text
    }
}

fn piece<'a>(
    block: &'a Block<'_>,
    crossing: Crossing,
) -> Option<Result<Piece<'a>, InvalidRequest>> {
    Some(match block {
        Block::Text(text) => Ok(Piece::Text { text }),
        Block::Image(image) => Ok(Piece::ImageUrl {
            image_url: ImageUrl {
                url: image.source.url(),
            },
        }),
        Block::Document(document) => file(document, crossing).map(|file| Piece::File { file }),
        // Those of a user's turn do not exist.
        Block::ToolCall(_) | Block::ToolResult(_) => return None,
    })
}

fn file<'a>(document: &'a Document<'_>, crossing: Crossing) -> Result<File<'a>, InvalidRequest> {
    match &document.source {
        source @ Source::Base64 { .. } => Ok(File {
            filename: document.name.as_deref().unwrap_or("document.pdf"),
            file_data: source.url(),
        }),
        // It takes no addresses of files.
        Source::Url(_) => Err(crossing.refuse(Feature::Documents)),
    }
}
