//! The system prompt and the messages of a request, as they are read.

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
pub(super) struct Message<'a> {
    #[serde(borrow)]
    role: Str<'a>,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Results are told in the user's name, and are no question of the user's.
pub(crate) fn message_kind(message: &str) -> MessageKind {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default)]
        role: Lax<'a>,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Lax<'a>,
    }
    let Ok(head) = serde_json::from_str::<Head<'_>>(message) else {
        return MessageKind::Follows;
    };
    let parts = head
        .content
        .map(|content| serde_json::from_str(content.get()));
    let parts: Vec<Part<'_>> = parts.and_then(Result::ok).unwrap_or_default();
    let has = |kind: &str| parts.iter().any(|part| part.kind.as_str() == kind);
    match head.role.as_str() {
        "user" if has("tool_result") => MessageKind::Follows,
        "user" => MessageKind::Asks,
        _ if has("tool_use") => MessageKind::Calls,
        _ => MessageKind::Follows,
    }
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    source: Option<Place<'a>>,
    #[serde(borrow)]
    title: Option<Str<'a>>,
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_id: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    is_error: Option<bool>,
    cache_control: Option<IgnoredAny>,
}

/// Where an image or a document is.
#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    media_type: Option<Str<'a>>,
    #[serde(borrow)]
    data: Option<Str<'a>>,
    #[serde(borrow)]
    url: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
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
        piece.decode(field, crossing, prompt, &mut blocks)?;
    }
    Ok(blocks)
}

impl<'a> Piece<'a> {
    fn decode(
        self,
        field: &str,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), InvalidRequest> {
        let lacks = |what| InvalidRequest::of_field(field, format!("lacks its {what}"));
        match &*self.kind.0 {
            "text" => blocks.push(Block::Text(self.text.ok_or_else(|| lacks("text"))?.0)),
            // Only the vendor whose model thought so can use it.
            "thinking" | "redacted_thinking" => prompt.note("dropped thinking"),
            "image" => {
                let place = self.source.ok_or_else(|| lacks("source"))?;
                let source = place.file(crossing)?.ok_or_else(|| lacks("source"))?;
                blocks.push(Block::Image(Image { source }));
            }
            "document" => {
                let place = self.source.ok_or_else(|| lacks("source"))?;
                let name = self.title.map(|Str(title)| title);
                place.document(field, name, crossing, prompt, blocks)?;
            }
            "tool_use" => blocks.push(Block::ToolCall(ToolCall {
                id: self.id.ok_or_else(|| lacks("id"))?.0,
                name: self.name.ok_or_else(|| lacks("name"))?.0,
                arguments: Cow::Borrowed(self.input.map_or("{}", RawValue::get)),
            })),
            "tool_result" => {
                let content = match self.content {
                    Some(content) => pieces(field, content.get(), crossing, prompt)?,
                    None => Vec::new(),
                };
                blocks.push(Block::ToolResult(ToolResult {
                    id: self.tool_use_id.ok_or_else(|| lacks("tool_use_id"))?.0,
                    name: None,
                    content,
                    is_error: self.is_error.unwrap_or(false),
                }));
            }
            kind if kind.starts_with("server_tool_use") || kind.ends_with("_tool_result") => {
                return Err(crossing.refuse(Feature::ServerTools));
            }
            "mcp_tool_use" => return Err(crossing.refuse(Feature::ServerTools)),
            "container_upload" => return Err(crossing.refuse(Feature::UploadedFiles)),
            _ => return Err(crossing.refuse(Feature::UnknownContent)),
        }
        Ok(())
    }
}

impl<'a> Place<'a> {
    /// The bytes of a file, or its address.
    fn file(self, crossing: Crossing) -> Result<Option<Source<'a>>, InvalidRequest> {
        Ok(match &*self.kind.0 {
            "base64" => match (self.media_type, self.data) {
                (Some(Str(media_type)), Some(Str(data))) => {
                    Some(Source::Base64 { media_type, data })
                }
                _ => None,
            },
            "url" => self.url.map(|Str(url)| Source::Url(url)),
            "file" => return Err(crossing.refuse(Feature::UploadedFiles)),
            _ => return Err(crossing.refuse(Feature::UnknownContent)),
        })
    }

    fn document(
        self,
        field: &str,
        name: Option<Cow<'a, str>>,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), InvalidRequest> {
        let lacks = |what| InvalidRequest::of_field(field, format!("lacks its {what}"));
        match &*self.kind.0 {
            // A document of nothing but text is one everywhere.
            "text" => {
                let Str(text) = self.data.ok_or_else(|| lacks("data"))?;
                prompt.note("wrote a document of text as text");
                blocks.push(Block::Text(text));
            }
            "content" => {
                let content = self.content.ok_or_else(|| lacks("content"))?;
                prompt.note("wrote a document of text as text");
                blocks.extend(pieces(field, content.get(), crossing, prompt)?);
            }
            _ => {
                let source = self.file(crossing)?.ok_or_else(|| lacks("source"))?;
                blocks.push(Block::Document(Document { source, name }));
            }
        }
        Ok(())
    }
}
