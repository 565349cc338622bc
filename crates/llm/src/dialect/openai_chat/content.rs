//! The messages of a request, as they are read.

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
    content: Option<&'a RawValue>,
    /// What the model said in refusing.
    #[serde(borrow)]
    refusal: Option<Str<'a>>,
    name: Option<IgnoredAny>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_call_id: Option<Str<'a>>,
    function_call: Option<IgnoredAny>,
    audio: Option<IgnoredAny>,
}

pub(crate) fn message_kind(message: &str) -> MessageKind {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default)]
        role: Lax<'a>,
        tool_calls: Option<IgnoredAny>,
    }
    let head = serde_json::from_str::<Head<'_>>(message);
    head.map_or(MessageKind::Follows, |head| match head.role.as_str() {
        "system" | "developer" => MessageKind::System,
        "user" => MessageKind::Asks,
        _ if head.tool_calls.is_some() => MessageKind::Calls,
        _ => MessageKind::Follows,
    })
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    arguments: Option<Str<'a>>,
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
    image_url: Option<ImageUrl<'a>>,
    #[serde(borrow)]
    file: Option<File<'a>>,
}

/// Some clients leave out the object around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum ImageUrl<'a> {
    Object {
        #[serde(borrow)]
        url: Str<'a>,
        #[serde(borrow)]
        detail: Option<Str<'a>>,
    },
    Url(#[serde(borrow)] Str<'a>),
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    file_data: Option<Str<'a>>,
    #[serde(borrow)]
    filename: Option<Str<'a>>,
    file_id: Option<IgnoredAny>,
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
            message.decode(at, crossing, prompt)?;
        }
        Ok(())
    }

    fn decode(
        self,
        at: usize,
        crossing: Crossing,
        prompt: &mut Prompt<'a>,
    ) -> Result<(), InvalidRequest> {
        if self.function_call.is_some() || &*self.role.0 == "function" {
            return Err(crossing.refuse(Feature::LegacyFunctions));
        }
        if self.audio.is_some() {
            return Err(crossing.refuse(Feature::Audio));
        }
        if self.name.is_some() {
            prompt.note("dropped name");
        }
        let mut content = match self.content {
            Some(content) => pieces(at, content.get(), crossing, prompt)?,
            None => Vec::new(),
        };
        let refusal = self.refusal.map(|Str(text)| Block::Text(text));
        content.extend(refusal);
        let role = match &*self.role.0 {
            "system" | "developer" => {
                if !prompt.turns.is_empty() {
                    prompt.note("moved a system message to the front");
                }
                let texts = content.into_iter().filter_map(Block::into_text);
                prompt.system.extend(texts);
                return Ok(());
            }
            "user" => Role::User,
            "assistant" => {
                if let Some(calls) = self.tool_calls {
                    content.extend(self::calls(at, calls.get(), crossing)?);
                }
                Role::Assistant
            }
            "tool" => {
                let Some(Str(id)) = self.tool_call_id else {
                    let field = format!("messages[{at}].tool_call_id");
                    let problem = "is missing: add the id of the call that this is the result of";
                    return Err(InvalidRequest::of_field(field, problem));
                };
                content = vec![Block::ToolResult(ToolResult {
                    id,
                    name: None,
                    content,
                    is_error: false,
                })];
                Role::User
            }
            _ => {
                let problem = "must be one of system, developer, user, assistant and tool";
                return Err(InvalidRequest::of_field(
                    format!("messages[{at}].role"),
                    problem,
                ));
            }
        };
        prompt.turns.push(Turn { role, content });
        Ok(())
    }
}

fn calls<'a>(
    at: usize,
    calls: &'a str,
    crossing: Crossing,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    let field = format!("messages[{at}].tool_calls");
    let problem = "must be a list of objects with an `id` and a `function`";
    let calls: Option<Vec<Call<'a>>> = typed(&field, calls, problem)?;
    let calls = calls.into_iter().flatten().map(|call| match call.function {
        Some(function) => Ok(Block::ToolCall(ToolCall {
            id: call.id.0,
            name: function.name.0,
            arguments: function.arguments.map_or(Cow::Borrowed(""), |Str(it)| it),
        })),
        None if call.kind.is_some_and(|Str(kind)| kind == "custom") => {
            Err(crossing.refuse(Feature::CustomTools))
        }
        None => Err(InvalidRequest::of_field(&*field, problem)),
    });
    calls.collect()
}

/// A text, or a list of pieces.
fn pieces<'a>(
    at: usize,
    content: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    let field = format!("messages[{at}].content");
    let problem = "must be a string or a list of objects with a `type`";
    if content.starts_with('"') {
        return typed(&field, content, problem).map(|Str(text)| vec![Block::Text(text)]);
    }
    let pieces: Vec<Piece<'a>> = typed(&field, content, problem)?;
    let mut blocks = Vec::with_capacity(pieces.len());
    for piece in pieces {
        blocks.push(match &*piece.kind.0 {
            "text" => text(&field, piece.text)?,
            "refusal" => text(&field, piece.refusal)?,
            "image_url" => image(&field, piece.image_url, prompt)?,
            "file" => document(&field, piece.file, crossing)?,
            // Mistral's.
            "thinking" => {
                prompt.note("dropped thinking");
                continue;
            }
            "input_audio" => return Err(crossing.refuse(Feature::Audio)),
            _ => return Err(crossing.refuse(Feature::UnknownContent)),
        });
    }
    Ok(blocks)
}

fn text<'a>(field: &str, text: Option<Str<'a>>) -> Result<Block<'a>, InvalidRequest> {
    match text {
        Some(Str(text)) => Ok(Block::Text(text)),
        None => Err(InvalidRequest::of_field(field, "lacks its text")),
    }
}

const DATA_URL: &str = "has a data: URL that is not data:TYPE;base64,…";

fn image<'a>(
    field: &str,
    image: Option<ImageUrl<'a>>,
    prompt: &mut Prompt<'a>,
) -> Result<Block<'a>, InvalidRequest> {
    let url = match image {
        Some(ImageUrl::Object { url, detail }) => {
            if detail.is_some_and(|Str(detail)| detail != "auto") {
                prompt.note("dropped detail");
            }
            url.0
        }
        Some(ImageUrl::Url(Str(url))) => url,
        None => return Err(InvalidRequest::of_field(field, "lacks its image_url")),
    };
    match Source::of_url(url) {
        Some(source) => Ok(Block::Image(Image { source })),
        None => Err(InvalidRequest::of_field(field, DATA_URL)),
    }
}

fn document<'a>(
    field: &str,
    file: Option<File<'a>>,
    crossing: Crossing,
) -> Result<Block<'a>, InvalidRequest> {
    let Some(file) = file else {
        return Err(InvalidRequest::of_field(field, "lacks its file"));
    };
    let Some(Str(data)) = file.file_data else {
        return Err(match file.file_id {
            Some(_) => crossing.refuse(Feature::UploadedFiles),
            None => InvalidRequest::of_field(field, "lacks its file_data"),
        });
    };
    let name = file.filename.map(|Str(name)| name);
    match Source::of_url(data) {
        Some(source @ Source::Base64 { .. }) => Ok(Block::Document(Document { source, name })),
        _ => Err(InvalidRequest::of_field(field, DATA_URL)),
    }
}
