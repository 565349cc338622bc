//! The messages of a request.

use crate::{
    Feature, InvalidRequest,
    cross::{Block, Crossing, Prompt, Role, Turn, joined},
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
    content: Option<&'a RawValue>,
    /// What the model said in refusing.
    #[serde(borrow)]
    refusal: Option<Str<'a>>,
    name: Option<IgnoredAny>,
    tool_calls: Option<Vec<IgnoredAny>>,
    function_call: Option<IgnoredAny>,
    audio: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(borrow)]
    refusal: Option<Str<'a>>,
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
        let calls = self.tool_calls.is_some_and(|calls| !calls.is_empty());
        if calls || self.function_call.is_some() || matches!(&*self.role.0, "tool" | "function") {
            return Err(crossing.refuse(Feature::Tools));
        }
        if self.audio.is_some() {
            return Err(crossing.refuse(Feature::Audio));
        }
        if self.name.is_some() {
            prompt.note("dropped name");
        }
        let mut content = match self.content {
            Some(content) => pieces(at, content.get(), crossing)?,
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
            "assistant" => Role::Assistant,
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

/// A text, or a list of pieces of it.
fn pieces<'a>(
    at: usize,
    content: &'a str,
    crossing: Crossing,
) -> Result<Vec<Block<'a>>, InvalidRequest> {
    let field = format!("messages[{at}].content");
    let problem = "must be a string or a list of objects with a `type`";
    if content.starts_with('"') {
        return typed(&field, content, problem).map(|Str(text)| vec![Block::Text(text)]);
    }
    let pieces: Vec<Piece<'a>> = typed(&field, content, problem)?;
    let pieces = pieces.into_iter().map(|piece| {
        let text = match &*piece.kind.0 {
            "text" => piece.text,
            "refusal" => piece.refusal,
            "image_url" => return Err(crossing.refuse(Feature::Images)),
            "input_audio" => return Err(crossing.refuse(Feature::Audio)),
            "file" => return Err(crossing.refuse(Feature::Documents)),
            _ => return Err(crossing.refuse(Feature::UnknownContent)),
        };
        match text {
            Some(Str(text)) => Ok(Block::Text(text)),
            None => Err(InvalidRequest::of_field(&*field, "lacks its text")),
        }
    });
    pieces.collect()
}

#[derive(Serialize)]
pub(super) struct Written<'a> {
    role: &'static str,
    content: WrittenContent<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenContent<'a> {
    Text(Cow<'a, str>),
    Pieces(Vec<WrittenPiece<'a>>),
}

#[derive(Serialize)]
struct WrittenPiece<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

pub(super) fn encode_all<'a>(prompt: &'a Prompt<'_>) -> Vec<Written<'a>> {
    let system = prompt.system.iter().map(|text| Written {
        role: "system",
        content: WrittenContent::Text(Cow::Borrowed(text)),
    });
    let turns = prompt.turns.iter().map(|turn| match turn.role {
        Role::User => Written {
            role: "user",
            content: user_content(&turn.content),
        },
        Role::Assistant => Written {
            role: "assistant",
            content: WrittenContent::Text(joined(&turn.content)),
        },
    });
    system.chain(turns).collect()
}

fn user_content<'a>(content: &'a [Block<'_>]) -> WrittenContent<'a> {
    if let [] | [Block::Text(_)] = content {
        return WrittenContent::Text(joined(content));
    }
    let texts = content.iter().filter_map(Block::text);
    let pieces = texts.map(|text| WrittenPiece { kind: "text", text });
    WrittenContent::Pieces(pieces.collect())
}
