//! The items of a conversation, as they are read.

use crate::{
    Feature, InvalidRequest, Lax,
    cross::{Block, Crossing, Document, Image, Prompt, Role, Source, ToolCall, ToolResult, Turn},
    dialect::MessageKind,
    request::{Str, typed},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    role: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    arguments: Option<Str<'a>>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

/// What the model said, thought or did is a call in that what came of it belongs to it, and that
/// it may not be torn from the thinking in front of it.
pub(crate) fn message_kind(item: &str) -> MessageKind {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Lax<'a>,
        #[serde(borrow, default)]
        role: Lax<'a>,
    }
    let head = serde_json::from_str::<Head<'_>>(item);
    head.map_or(MessageKind::Follows, |head| {
        match (head.kind.as_str(), head.role.as_str()) {
            (_, "system" | "developer") => MessageKind::System,
            (_, "user") => MessageKind::Asks,
            (kind, _) if kind.ends_with("_output") || kind.ends_with("_response") => {
                MessageKind::Follows
            }
            _ => MessageKind::Calls,
        }
    })
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    refusal: Option<Str<'a>>,
    #[serde(borrow)]
    image_url: Option<Str<'a>>,
    #[serde(borrow)]
    detail: Option<Str<'a>>,
    #[serde(borrow)]
    file_data: Option<Str<'a>>,
    #[serde(borrow)]
    file_url: Option<Str<'a>>,
    #[serde(borrow)]
    filename: Option<Str<'a>>,
    file_id: Option<IgnoredAny>,
    annotations: Option<Vec<IgnoredAny>>,
}

/// A text, which is the user's, or a list of items.
pub(super) fn decode_input<'a>(
    input: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let problem = "must be a string or a list of objects with a `type` or a `role`";
    if input.starts_with('"') {
        let Str(text) = typed("input", input, problem)?;
        say(prompt, Role::User, vec![Block::Text(text)]);
        return Ok(());
    }
    let items: Vec<Item<'a>> = typed("input", input, problem)?;
    for (at, item) in items.into_iter().enumerate() {
        item.decode(at, crossing, prompt)?;
    }
    Ok(())
}

fn say<'a>(prompt: &mut Prompt<'a>, role: Role, content: Vec<Block<'a>>) {
    prompt.turns.push(Turn { role, content });
}

/// Calls belong to the turn of the model's that is under way, and so does what is said while
/// they are: nothing may stand between a call and its result.
fn go_on<'a>(prompt: &mut Prompt<'a>, mut content: Vec<Block<'a>>) {
    let calls = |content: &[Block<'_>]| content.iter().any(|block| block.tool_call().is_some());
    match prompt.turns.last_mut() {
        Some(last) if last.role == Role::Assistant && (calls(&last.content) || calls(&content)) => {
            last.content.append(&mut content);
        }
        _ => say(prompt, Role::Assistant, content),
    }
}

impl<'a> Item<'a> {
    fn decode(
        self,
        at: usize,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
    ) -> Result<(), InvalidRequest> {
        let lacks = |what| {
            InvalidRequest::of_field(format!("input[{at}].{what}"), "is missing, or no string")
        };
        let kind = match (&self.kind, &self.role) {
            (Some(Str(kind)), _) => kind,
            (None, Some(_)) => "message",
            // Nothing but an id.
            (None, None) => "item_reference",
        };
        match kind {
            "message" => return self.message(at, crossing, prompt),
            "function_call" => {
                let call = ToolCall {
                    id: self.call_id.ok_or_else(|| lacks("call_id"))?.0,
                    name: self.name.ok_or_else(|| lacks("name"))?.0,
                    arguments: self.arguments.map_or(Cow::Borrowed(""), |Str(it)| it),
                };
                go_on(prompt, vec![Block::ToolCall(call)]);
            }
            "function_call_output" => {
                let content = match self.output {
                    Some(output) => {
                        let field = format!("input[{at}].output");
                        pieces(&field, output.get(), crossing, prompt)?
                    }
                    None => Vec::new(),
                };
                let result = ToolResult {
                    id: self.call_id.ok_or_else(|| lacks("call_id"))?.0,
                    name: None,
                    content,
                    is_error: false,
                };
                say(prompt, Role::User, vec![Block::ToolResult(result)]);
            }
            // Only the vendor whose model thought so can use it.
            "reasoning" => prompt.note("dropped thinking"),
            "item_reference" => return Err(crossing.refuse(Feature::StoredState)),
            kind if kind.starts_with("custom_tool_call") => {
                return Err(crossing.refuse(Feature::CustomTools));
            }
            kind if kind.ends_with("_call")
                || kind.ends_with("_call_output")
                || kind.starts_with("mcp_") =>
            {
                return Err(crossing.refuse(Feature::ServerTools));
            }
            _ => return Err(crossing.refuse(Feature::UnknownContent)),
        }
        Ok(())
    }

    fn message(
        self,
        at: usize,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
    ) -> Result<(), InvalidRequest> {
        let content = match self.content {
            Some(content) => {
                let field = format!("input[{at}].content");
                pieces(&field, content.get(), crossing, prompt)?
            }
            None => Vec::new(),
        };
        match self.role.as_ref().map_or("", |Str(role)| role) {
            "system" | "developer" => {
                if !prompt.turns.is_empty() {
                    prompt.note("moved a system message to the front");
                }
                let texts = content.into_iter().filter_map(Block::into_text);
                prompt.system.extend(texts);
            }
            "user" => say(prompt, Role::User, content),
            "assistant" => go_on(prompt, content),
            _ => {
                let problem = "must be one of system, developer, user and assistant";
                return Err(InvalidRequest::of_field(
                    format!("input[{at}].role"),
                    problem,
                ));
            }
        }
        Ok(())
    }
}

/// A text, or a list of pieces.
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
    let pieces = pieces
        .into_iter()
        .map(|piece| piece.decode(field, crossing, prompt));
    pieces.collect()
}

const DATA_URL: &str = "has a data: URL that is not data:TYPE;base64,…";

impl<'a> Piece<'a> {
    fn decode(
        self,
        field: &str,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
    ) -> Result<Block<'a>, InvalidRequest> {
        match &*self.kind.0 {
            "input_text" | "output_text" => {
                if self.annotations.is_some_and(|list| !list.is_empty()) {
                    prompt.note("dropped annotations");
                }
                text(field, self.text)
            }
            "refusal" => text(field, self.refusal),
            "input_image" => {
                if self.detail.is_some_and(|Str(detail)| detail != "auto") {
                    prompt.note("dropped detail");
                }
                let lacks = || lacks(field, "image_url", self.file_id, crossing);
                let Str(url) = self.image_url.ok_or_else(lacks)?;
                let source = Source::of_url(url);
                let source = source.ok_or_else(|| InvalidRequest::of_field(field, DATA_URL))?;
                Ok(Block::Image(Image { source }))
            }
            "input_file" => {
                let name = self.filename.map(|Str(name)| name);
                let source = match (self.file_data, self.file_url) {
                    (Some(Str(data)), _) => match Source::of_url(data) {
                        Some(source @ Source::Base64 { .. }) => source,
                        _ => return Err(InvalidRequest::of_field(field, DATA_URL)),
                    },
                    (None, Some(Str(url))) => Source::Url(url),
                    (None, None) => {
                        return Err(lacks(field, "file_data", self.file_id, crossing));
                    }
                };
                Ok(Block::Document(Document { source, name }))
            }
            "input_audio" => Err(crossing.refuse(Feature::Audio)),
            _ => Err(crossing.refuse(Feature::UnknownContent)),
        }
    }
}

fn text<'a>(field: &str, text: Option<Str<'a>>) -> Result<Block<'a>, InvalidRequest> {
    match text {
        Some(Str(text)) => Ok(Block::Text(text)),
        None => Err(InvalidRequest::of_field(field, "lacks its text")),
    }
}

/// There is no file: it was uploaded, or forgotten.
fn lacks(
    field: &str,
    what: &str,
    uploaded: Option<IgnoredAny>,
    crossing: Crossing,
) -> InvalidRequest {
    match uploaded {
        Some(_) => crossing.refuse(Feature::UploadedFiles),
        None => InvalidRequest::of_field(field, format!("lacks its {what}")),
    }
}
