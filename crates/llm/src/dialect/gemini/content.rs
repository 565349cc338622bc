//! The contents of a request, as they are read.

use super::{NO_SIGNATURE, many};
use crate::{
    Feature, InvalidRequest, Lax,
    cross::{Block, Crossing, Document, Image, Prompt, Role, Source, ToolCall, ToolResult, Turn},
    dialect::MessageKind,
    request::{Fields, Str, typed},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    role: Option<Str<'a>>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// Results are told in the user's name, and are no question of the user's.
pub(crate) fn message_kind(message: &str) -> MessageKind {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default)]
        role: Lax<'a>,
        #[serde(borrow)]
        parts: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Part {
        #[serde(alias = "function_call")]
        function_call: Option<IgnoredAny>,
        #[serde(alias = "function_response")]
        function_response: Option<IgnoredAny>,
    }
    let Ok(head) = serde_json::from_str::<Head<'_>>(message) else {
        return MessageKind::Follows;
    };
    let parts = head.parts.map(|parts| many("parts", parts.get(), ""));
    let parts: Vec<Part> = parts.and_then(Result::ok).unwrap_or_default();
    match head.role.as_str() {
        "model" if parts.iter().any(|part| part.function_call.is_some()) => MessageKind::Calls,
        "user" | "" if parts.iter().all(|part| part.function_response.is_none()) => {
            MessageKind::Asks
        }
        _ => MessageKind::Follows,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
    thought: Option<bool>,
    #[serde(alias = "thought_signature")]
    #[serde(borrow, default)]
    thought_signature: Option<Lax<'a>>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<Inline<'a>>,
    #[serde(borrow, alias = "file_data")]
    file_data: Option<File<'a>>,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<Call<'a>>,
    #[serde(borrow, alias = "function_response")]
    function_response: Option<Response<'a>>,
    #[serde(alias = "executable_code")]
    executable_code: Option<IgnoredAny>,
    #[serde(alias = "code_execution_result")]
    code_execution_result: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inline<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Str<'a>,
    #[serde(borrow)]
    data: Str<'a>,
    #[serde(borrow, alias = "display_name")]
    display_name: Option<Str<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Option<Str<'a>>,
    #[serde(borrow, alias = "file_uri")]
    file_uri: Str<'a>,
    #[serde(borrow, alias = "display_name")]
    display_name: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// The calls of a conversation, most of which have no ids.
#[derive(Default)]
struct Calls<'a>(Vec<Called<'a>>);

struct Called<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    answered: bool,
}

pub(super) fn decode_all<'a>(
    contents: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let problem = "must be a list of objects with `parts`";
    let contents: Vec<Content<'a>> = many("contents", contents, problem)?;
    let mut calls = Calls::default();
    for (at, content) in contents.into_iter().enumerate() {
        let role = match content.role.as_ref().map(|Str(role)| &**role) {
            None | Some("" | "user" | "function") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => {
                let field = format!("contents[{at}].role");
                return Err(InvalidRequest::of_field(field, "must be user or model"));
            }
        };
        let mut turn = Turn {
            role,
            content: Vec::new(),
        };
        let field = format!("contents[{at}].parts");
        if let Some(parts) = content.parts {
            for part in parts_of(&field, parts.get())? {
                part.decode(&field, crossing, &mut calls, prompt, &mut turn.content)?;
            }
        }
        prompt.turns.push(turn);
    }
    if matches!(prompt.turns.last(), Some(last) if last.role == Role::Assistant) {
        prompt.note("a turn of the model's that was to be continued is followed by a new one");
    }
    Ok(())
}

pub(super) fn decode_system<'a>(
    name: &str,
    value: &'a str,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let problem = "must be an object with `parts`";
    let content: Content<'a> = typed(name, value, problem)?;
    let parts = content.parts.map(|parts| parts_of(name, parts.get()));
    let parts = parts.transpose()?.unwrap_or_default();
    prompt.system = parts
        .into_iter()
        .filter_map(|part| part.text.map(|Str(text)| text))
        .collect();
    Ok(())
}

fn parts_of<'a>(field: &str, parts: &'a str) -> Result<Vec<Part<'a>>, InvalidRequest> {
    many(
        field,
        parts,
        "must be a list of objects, each with a text, a file, a call or a response",
    )
}

impl<'a> Part<'a> {
    fn decode(
        self,
        field: &str,
        crossing: Crossing,
        calls: &mut Calls<'a>,
        prompt: &mut Prompt<'a>,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), InvalidRequest> {
        // Only the vendor whose model thought so can use it.
        if self.thought == Some(true) {
            prompt.note("dropped thinking");
            return Ok(());
        }
        // What stands for one is none.
        let signature = self.thought_signature.as_ref();
        if signature.is_some_and(|signature| signature.as_str() != NO_SIGNATURE) {
            prompt.note("dropped thoughtSignature");
        }
        if self.executable_code.is_some() || self.code_execution_result.is_some() {
            return Err(crossing.refuse(Feature::ServerTools));
        }
        if let Some(call) = self.function_call {
            blocks.push(Block::ToolCall(calls.call(call)));
        } else if let Some(response) = self.function_response {
            blocks.push(Block::ToolResult(calls.result(field, response, crossing)?));
        } else if let Some(inline) = self.inline_data {
            blocks.push(inline.decode(crossing)?);
        } else if let Some(file) = self.file_data {
            blocks.push(file.decode(crossing)?);
        } else if let Some(Str(text)) = self.text {
            blocks.push(Block::Text(text));
        } else if self.thought_signature.is_none() {
            return Err(crossing.refuse(Feature::UnknownContent));
        }
        Ok(())
    }
}

impl<'a> Inline<'a> {
    fn decode(self, crossing: Crossing) -> Result<Block<'a>, InvalidRequest> {
        let source = Source::Base64 {
            media_type: self.mime_type.0,
            data: self.data.0,
        };
        file(source, self.display_name, None, crossing)
    }
}

impl<'a> File<'a> {
    /// What was uploaded to Google is nothing to anybody else; other addresses may be.
    fn decode(self, crossing: Crossing) -> Result<Block<'a>, InvalidRequest> {
        let Str(url) = self.file_uri;
        let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split('/').next());
        match host {
            None | Some("generativelanguage.googleapis.com") => {
                return Err(crossing.refuse(Feature::UploadedFiles));
            }
            Some("youtu.be" | "youtube.com" | "www.youtube.com") => {
                return Err(crossing.refuse(Feature::UnknownContent));
            }
            Some(_) => {}
        }
        file(
            Source::Url(url),
            self.display_name,
            self.mime_type,
            crossing,
        )
    }
}

/// A file is what its type says.
fn file<'a>(
    source: Source<'a>,
    name: Option<Str<'a>>,
    media_type: Option<Str<'a>>,
    crossing: Crossing,
) -> Result<Block<'a>, InvalidRequest> {
    let media_type = media_type.as_ref().map(|Str(said)| &**said);
    let media_type = media_type.or_else(|| source.media_type());
    match media_type.and_then(|it| it.split('/').next()) {
        Some("image") => Ok(Block::Image(Image { source })),
        Some("audio") => Err(crossing.refuse(Feature::Audio)),
        Some("application" | "text") => Ok(Block::Document(Document {
            source,
            name: name.map(|Str(name)| name),
        })),
        _ => Err(crossing.refuse(Feature::UnknownContent)),
    }
}

impl<'a> Calls<'a> {
    fn call(&mut self, call: Call<'a>) -> ToolCall<'a> {
        let id = call.id.map(|Str(id)| id).filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Cow::Owned(format!("call_{}", self.0.len())));
        self.0.push(Called {
            id: id.clone(),
            name: call.name.0.clone(),
            answered: false,
        });
        ToolCall {
            id,
            name: call.name.0,
            arguments: Cow::Borrowed(call.args.map_or("{}", RawValue::get)),
        }
    }

    fn result(
        &mut self,
        field: &str,
        response: Response<'a>,
        crossing: Crossing,
    ) -> Result<ToolResult<'a>, InvalidRequest> {
        let Str(name) = response.name;
        let (mut content, is_error) = match response.response {
            Some(said) => said_of(field, said.get())?,
            None => (Vec::new(), false),
        };
        if let Some(parts) = response.parts {
            for part in parts_of(field, parts.get())? {
                if let Some(inline) = part.inline_data {
                    content.push(inline.decode(crossing)?);
                } else if let Some(file) = part.file_data {
                    content.push(file.decode(crossing)?);
                } else {
                    return Err(crossing.refuse(Feature::UnknownContent));
                }
            }
        }
        Ok(ToolResult {
            id: self.answer(&name, response.id.map(|Str(id)| id)),
            name: Some(name),
            content,
            is_error,
        })
    }

    /// The id of the call that this is the result of: the one with its id, else the first one of
    /// its name that waits for a result.
    fn answer(&mut self, name: &str, id: Option<Cow<'a, str>>) -> Cow<'a, str> {
        let by_id = |call: &&mut Called<'a>| id.as_ref().is_some_and(|id| *id == call.id);
        let by_name = |call: &&mut Called<'a>| call.name == name && !call.answered;
        let call = match self.0.iter_mut().find(by_id) {
            Some(call) => Some(call),
            None => self.0.iter_mut().find(by_name),
        };
        match call {
            Some(call) => {
                call.answered = true;
                call.id.clone()
            }
            None => id.unwrap_or_else(|| Cow::Owned(name.to_owned())),
        }
    }
}

/// What a tool gave, and whether it failed: by convention an object with an `output` or an
/// `error`, and else itself.
fn said_of<'a>(field: &str, response: &'a str) -> Result<(Vec<Block<'a>>, bool), InvalidRequest> {
    let problem = "has a response that is no object";
    let Fields(fields) = typed(field, response, problem)?;
    let (said, is_error) = match &fields[..] {
        [(name, said)] if name == "output" || name == "result" => (said.get(), false),
        [(name, said)] if name == "error" => (said.get(), true),
        _ => (response, false),
    };
    let text = match serde_json::from_str::<Str<'a>>(said) {
        Ok(Str(text)) => text,
        Err(_) => Cow::Borrowed(said),
    };
    Ok((vec![Block::Text(text)], is_error))
}
