use super::{
    pieces::{self, Pieces},
    stop::{meaning, word},
    usage::Wire,
};
use crate::{
    Finish, InvalidAnswer, Lax, Stop, Usage,
    cross::{Block, IdRule, Reply, ToolCall, joined},
    request::Str,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow, default)]
    finish_reason: Lax<'a>,
    logprobs: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Pieces<'a>,
    #[serde(borrow, default)]
    refusal: Lax<'a>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    audio: Option<IgnoredAny>,
    reasoning_content: Option<IgnoredAny>,
    /// What OpenRouter and vLLM call it.
    reasoning: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow, default, deserialize_with = "pieces::arguments")]
    arguments: Lax<'a>,
}

pub(crate) fn decode_answer(body: &[u8]) -> Result<Reply<'_>, InvalidAnswer> {
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    let mut choices = answer.choices.into_iter();
    let Some(choice) = choices.next() else {
        return Err(InvalidAnswer::empty());
    };
    let message = choice.message;
    let content = message.content;
    let thinks = message.reasoning_content.is_some()
        || message.reasoning.is_some()
        || content.thought.0.is_some();
    let annotated = message.annotations.is_some_and(|list| list.get() != "[]") || content.cites;
    let notes = [
        (choices.next().is_some(), "dropped further answers"),
        (choice.logprobs.is_some(), "dropped logprobs"),
        (thinks, "dropped thinking"),
        (annotated, "dropped citations"),
        (message.audio.is_some(), "dropped audio"),
    ];
    let text = content.text.0.filter(|text| !text.is_empty());
    let refusal = message.refusal.0.filter(|text| !text.is_empty());
    let calls = message
        .tool_calls
        .into_iter()
        .flatten()
        .map(|call| ToolCall {
            id: call.id.0.unwrap_or_default(),
            name: call.function.name.0,
            arguments: call.function.arguments.0.unwrap_or_default(),
        });
    let finish = choice.finish_reason.0.map(|reason| {
        let stop = match meaning(&reason) {
            Stop::Stop if refusal.is_some() => Stop::ContentFilter,
            stop => stop,
        };
        Finish::new(&reason, stop)
    });
    Ok(Reply {
        id: answer.id.0.unwrap_or_default(),
        model: answer.model.0.unwrap_or_default(),
        content: text
            .map(Block::Text)
            .into_iter()
            .chain(calls.map(Block::ToolCall))
            .collect(),
        refusal,
        finish,
        usage: answer.usage.map_or_else(Usage::default, Into::into),
        notes: notes
            .into_iter()
            .filter_map(|(there, note)| there.then_some(note))
            .collect(),
    })
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [WrittenChoice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Wire>,
}

#[derive(Serialize)]
struct WrittenChoice<'a> {
    index: u8,
    message: WrittenMessage<'a>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct WrittenMessage<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WrittenCall<'a>>,
}

/// A call of a tool, as an answer has it and as it is sent back.
#[derive(Serialize)]
pub(super) struct WrittenCall<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WrittenFunction<'a>,
}

#[derive(Serialize)]
struct WrittenFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> WrittenCall<'a> {
    pub(super) fn new(call: &'a ToolCall<'_>, ids: IdRule) -> Self {
        Self {
            id: ids.fit(&call.id),
            kind: "function",
            function: WrittenFunction {
                name: &call.name,
                arguments: match &*call.arguments {
                    // It has to be JSON.
                    "" => "{}",
                    arguments => arguments,
                },
            },
        }
    }
}

const ANY_ID: IdRule = IdRule::UpTo(usize::MAX);

pub(crate) fn encode_answer(reply: &Reply<'_>) -> Bytes {
    let tool_calls: Vec<_> = reply.content.iter().filter_map(Block::tool_call).collect();
    // As they are: it is for whoever they are sent back to what they may look like.
    let calls = tool_calls.iter().map(|call| WrittenCall::new(call, ANY_ID));
    let text = joined(&reply.content);
    // Of an answer that is nothing but calls, OpenAI's content is null.
    let content = (!text.is_empty() || tool_calls.is_empty()).then_some(text);
    let answer = Written {
        id: &reply.id,
        object: "chat.completion",
        created: now(),
        model: &reply.model,
        choices: [WrittenChoice {
            index: 0,
            message: WrittenMessage {
                role: "assistant",
                content: content.filter(|_| reply.refusal.is_none()),
                refusal: reply.refusal.as_deref(),
                tool_calls: calls.collect(),
            },
            finish_reason: reply.finish.as_ref().map(|finish| word(finish.stop)),
        }],
        usage: (!reply.usage.is_empty()).then(|| reply.usage.into()),
    };
    let answer = serde_json::to_vec(&answer).expect("strings and numbers can be written");
    answer.into()
}

/// Seconds since the epoch. OpenAI's dialect wants to know when an answer was made, and no other
/// one tells.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
