use super::{
    NO_SIGNATURE,
    stop::{blocked, finish, word},
    usage::Wire,
};
use crate::{
    InvalidAnswer, Lax, Usage,
    cross::{Block, Reply, ToolCall, new_id, object},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What is read of an answer, and of each piece of a streamed one: they look alike.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    pub(super) usage_metadata: Option<Wire>,
    #[serde(borrow, default)]
    pub(super) model_version: Lax<'a>,
    #[serde(borrow, default)]
    pub(super) response_id: Lax<'a>,
    pub(super) error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Lax<'a>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Piece<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow, default)]
    text: Lax<'a>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(borrow)]
    function_call: Option<Call<'a>>,
    inline_data: Option<IgnoredAny>,
    executable_code: Option<IgnoredAny>,
    code_execution_result: Option<IgnoredAny>,
    thought_signature: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow, default)]
    pub(super) id: Lax<'a>,
    #[serde(borrow, default)]
    pub(super) name: Lax<'a>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow, default)]
    block_reason: Lax<'a>,
}

/// What a piece is. The texts of the first two are not empty.
pub(super) enum Said<'a> {
    Text(Cow<'a, str>),
    Thought(Cow<'a, str>),
    Call(Call<'a>),
    /// An image, or code that the server runs: content that nobody else has a word for.
    Other,
    Nothing,
}

impl<'a> Answer<'a> {
    /// Why the prompt was not let through, if it was not.
    pub(super) fn block_reason(&self) -> Option<&str> {
        let reason = self.prompt_feedback.as_ref()?.block_reason.as_str();
        (!reason.is_empty()).then_some(reason)
    }
}

impl<'a> Candidate<'a> {
    /// Whether there is something in it that only Google can use again.
    fn is_signed(&self) -> bool {
        let content = self.content.as_ref();
        let mut parts = content
            .and_then(|content| content.parts.as_ref())
            .into_iter()
            .flatten();
        parts.any(|piece| piece.thought_signature.is_some())
    }

    pub(super) fn take_parts(&mut self) -> impl Iterator<Item = Said<'a>> + use<'a> {
        let parts = self.content.take().and_then(|content| content.parts);
        parts.into_iter().flatten().map(Piece::said)
    }
}

impl<'a> Piece<'a> {
    pub(super) fn said(self) -> Said<'a> {
        let other = [
            self.inline_data,
            self.executable_code,
            self.code_execution_result,
        ];
        let other = other.iter().any(Option::is_some);
        match (self.function_call, self.text.0) {
            (Some(call), _) => Said::Call(call),
            (None, Some(text)) if !text.is_empty() => match self.thought {
                Some(true) => Said::Thought(text),
                _ => Said::Text(text),
            },
            _ if other => Said::Other,
            _ => Said::Nothing,
        }
    }
}

pub(crate) fn decode_answer(body: &[u8]) -> Result<Reply<'_>, InvalidAnswer> {
    let mut answer: Answer<'_> = serde_json::from_slice(body)?;
    let blocked = answer.block_reason().map(blocked);
    let candidates = answer.candidates.take();
    let candidate = candidates.and_then(|candidates| candidates.into_iter().next());
    let (mut content, mut notes) = (Vec::new(), Vec::new());
    let reason = match candidate {
        Some(mut candidate) => {
            if candidate.is_signed() {
                notes.push("dropped thoughtSignature");
            }
            for said in candidate.take_parts() {
                match said {
                    Said::Text(text) => content.push(Block::Text(text)),
                    Said::Call(call) => content.push(Block::ToolCall(call.decode())),
                    Said::Thought(_) => notes.push("dropped thinking"),
                    Said::Other => notes.push("dropped what the provider's own tools did"),
                    Said::Nothing => {}
                }
            }
            notes.dedup();
            candidate.finish_reason.0
        }
        None if blocked.is_some() => None,
        None => return Err(InvalidAnswer::empty()),
    };
    let calls = content.iter().any(|block| block.tool_call().is_some());
    Ok(Reply {
        id: answer.response_id.0.unwrap_or_default(),
        model: answer.model_version.0.unwrap_or_default(),
        content,
        refusal: None,
        finish: reason.map(|reason| finish(&reason, calls)).or(blocked),
        usage: answer
            .usage_metadata
            .map_or_else(Usage::default, Into::into),
        notes,
    })
}

impl<'a> Call<'a> {
    fn decode(self) -> ToolCall<'a> {
        let id = self.id.0.filter(|id| !id.is_empty());
        ToolCall {
            // Only newer models give one, and nobody else's callers do without.
            id: id.unwrap_or_else(|| Cow::Owned(new_id())),
            name: self.name.0.unwrap_or_default(),
            arguments: Cow::Borrowed(self.args.map_or("{}", RawValue::get)),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    candidates: [WrittenCandidate<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Wire>,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenCandidate<'a> {
    content: WrittenContent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u8,
}

#[derive(Serialize)]
struct WrittenContent<'a> {
    parts: Vec<WrittenPart<'a>>,
    role: &'static str,
}

/// A part of an answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WrittenPart<'a> {
    Text {
        text: &'a str,
    },
    #[serde(rename_all = "camelCase")]
    Call {
        function_call: WrittenCall<'a>,
        /// The caller sends it back, perhaps to a model that refuses a call without.
        #[serde(skip_serializing_if = "Option::is_none")]
        thought_signature: Option<&'static str>,
    },
}

#[derive(Serialize)]
pub(super) struct WrittenCall<'a> {
    id: &'a str,
    name: &'a str,
    args: &'a RawValue,
}

impl<'a> WrittenPart<'a> {
    /// A call of a tool, the first one of its answer or a later one: only the first is signed.
    /// None where its arguments are not an object.
    pub(super) fn call(id: &'a str, name: &'a str, args: &'a str, first: bool) -> Option<Self> {
        let args = object(args)?;
        Some(Self::Call {
            function_call: WrittenCall { id, name, args },
            thought_signature: first.then_some(NO_SIGNATURE),
        })
    }
}

pub(crate) fn encode_answer(reply: &Reply<'_>) -> Result<Bytes, InvalidAnswer> {
    let refusal = reply.refusal.as_deref();
    let mut parts: Vec<_> = refusal
        .map(|text| WrittenPart::Text { text })
        .into_iter()
        .collect();
    let mut first = true;
    for block in &reply.content {
        parts.push(match block {
            Block::Text(text) => WrittenPart::Text { text },
            Block::ToolCall(call) => {
                let first = std::mem::take(&mut first);
                WrittenPart::call(&call.id, &call.name, &call.arguments, first)
                    .ok_or_else(InvalidAnswer::arguments)?
            }
            // No model answers with these.
            Block::Image(_) | Block::Document(_) | Block::ToolResult(_) => continue,
        });
    }
    let answer = Written {
        candidates: [WrittenCandidate {
            content: WrittenContent {
                parts,
                role: "model",
            },
            finish_reason: reply.finish.as_ref().map(|finish| word(finish.stop)),
            index: 0,
        }],
        usage_metadata: (!reply.usage.is_empty()).then(|| reply.usage.into()),
        model_version: &reply.model,
        response_id: &reply.id,
    };
    let answer = serde_json::to_vec(&answer).expect("strings and numbers can be written");
    Ok(answer.into())
}
