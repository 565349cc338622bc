use super::{
    stop::{meaning, word},
    usage::Wire,
};
use crate::{
    Finish, InvalidAnswer, Lax, Usage,
    cross::{Block, Reply, ToolCall, object},
    request::Str,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow)]
    content: Vec<Piece<'a>>,
    #[serde(borrow, default)]
    stop_reason: Lax<'a>,
    #[serde(borrow, default)]
    stop_sequence: Lax<'a>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow, default)]
    text: Lax<'a>,
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    name: Lax<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    citations: Option<IgnoredAny>,
}

impl<'a> Piece<'a> {
    /// Thinking, and what the server's own tools did, have no equivalent elsewhere.
    fn decode(self, reply: &mut Reply<'a>) {
        if self.citations.is_some() {
            reply.note("dropped citations");
        }
        match &*self.kind.0 {
            "text" => {
                let text = self.text.0.filter(|text| !text.is_empty());
                reply.content.extend(text.map(Block::Text));
            }
            "tool_use" => reply.content.push(Block::ToolCall(ToolCall {
                id: self.id.0.unwrap_or_default(),
                name: self.name.0.unwrap_or_default(),
                arguments: Cow::Borrowed(self.input.map_or("{}", RawValue::get)),
            })),
            "thinking" | "redacted_thinking" => reply.note("dropped thinking"),
            _ => reply.note("dropped what the provider's own tools did"),
        }
    }
}

pub(crate) fn decode_answer(body: &[u8]) -> Result<Reply<'_>, InvalidAnswer> {
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    let finish = answer.stop_reason.0.map(|reason| {
        let mut finish = Finish::new(&reason, meaning(&reason));
        finish.stop_sequence = answer.stop_sequence.0.map(|text| text.into());
        finish
    });
    let mut reply = Reply {
        id: answer.id.0.unwrap_or_default(),
        model: answer.model.0.unwrap_or_default(),
        finish,
        usage: answer.usage.map_or_else(Usage::default, Into::into),
        ..Reply::default()
    };
    for piece in answer.content {
        piece.decode(&mut reply);
    }
    Ok(reply)
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<WrittenPiece<'a>>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    usage: Wire,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WrittenPiece<'a> {
    Text {
        text: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
}

pub(crate) fn encode_answer(reply: &Reply<'_>) -> Result<Bytes, InvalidAnswer> {
    let refusal = reply.refusal.as_deref();
    let mut content: Vec<_> = refusal
        .map(|text| WrittenPiece::Text { text })
        .into_iter()
        .collect();
    for block in &reply.content {
        content.push(match block {
            Block::Text(text) => WrittenPiece::Text { text },
            Block::ToolCall(call) => WrittenPiece::ToolUse {
                id: &call.id,
                name: &call.name,
                input: object(&call.arguments).ok_or_else(InvalidAnswer::arguments)?,
            },
            // No model answers with these.
            Block::Image(_) | Block::Document(_) | Block::ToolResult(_) => continue,
        });
    }
    let finish = reply.finish.as_ref();
    let stop_sequence = finish.and_then(|finish| finish.stop_sequence.as_deref());
    let answer = Written {
        id: &reply.id,
        kind: "message",
        role: "assistant",
        model: &reply.model,
        content,
        stop_reason: finish.map(|finish| match stop_sequence {
            Some(_) => "stop_sequence",
            None => word(finish.stop),
        }),
        stop_sequence,
        usage: reply.usage.into(),
    };
    let answer = serde_json::to_vec(&answer).expect("strings and numbers can be written");
    Ok(answer.into())
}
