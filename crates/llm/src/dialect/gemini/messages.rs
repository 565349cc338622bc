//! The system prompt and the contents of a request, as they are written.

use super::NO_SIGNATURE;
use crate::{
    InvalidRequest,
    cross::{Block, Document, Image, Prompt, Role, Source, ToolResult, Turn, joined, object},
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::HashMap};

/// Makes the conversation one that Gemini takes: no empty texts, turns that alternate, and the
/// results of calls in front of what else a turn says, in the order of their calls, as they have
/// no ids to be told apart by.
pub(super) fn tidy(prompt: &mut Prompt<'_>) {
    prompt.system.retain(|text| !text.is_empty());
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(prompt.turns.len());
    let mut emptied = false;
    for mut turn in prompt.turns.drain(..) {
        turn.content
            .retain(|block| block.text().is_none_or(|text| !text.is_empty()));
        if turn.content.is_empty() {
            emptied = true;
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.role == turn.role => last.content.append(&mut turn.content),
            _ => turns.push(turn),
        }
    }
    let mut order = HashMap::new();
    for turn in &mut turns {
        if turn.role == Role::Assistant {
            let calls = turn.content.iter().filter_map(Block::tool_call);
            order = calls
                .enumerate()
                .map(|(at, call)| (call.id.clone().into_owned(), at))
                .collect();
            continue;
        }
        turn.content.sort_by_key(|block| match block.tool_result() {
            Some(result) => order.get(&*result.id).copied().unwrap_or(order.len()),
            None => usize::MAX,
        });
    }
    prompt.turns = turns;
    if emptied {
        prompt.note("dropped an empty message");
    }
}

#[derive(Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Part<'a> {
    Text {
        text: &'a str,
    },
    Inline {
        inline_data: Inline<'a>,
    },
    File {
        file_data: File<'a>,
    },
    Call {
        function_call: Call<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        thought_signature: Option<&'static str>,
    },
    Response {
        function_response: Response<'a>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inline<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    file_uri: &'a str,
}

#[derive(Serialize)]
struct Call<'a> {
    name: &'a str,
    args: &'a RawValue,
}

#[derive(Serialize)]
struct Response<'a> {
    name: &'a str,
    response: Given<'a>,
}

/// What came of a call.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Given<'a> {
    Output(Cow<'a, str>),
    Error(Cow<'a, str>),
}

pub(super) fn encode_system<'a>(system: &'a [Cow<'_, str>]) -> Option<Content<'a>> {
    let parts = system.iter().map(|text| Part::Text { text });
    (!system.is_empty()).then(|| Content {
        role: None,
        parts: parts.collect(),
    })
}

/// Writes all turns, with the calls signed if the model asks for that.
pub(super) fn encode_turns<'a>(
    prompt: &'a Prompt<'_>,
    sign: bool,
    notes: &mut Vec<&'static str>,
) -> Result<Vec<Content<'a>>, InvalidRequest> {
    let turns = prompt.turns.iter().enumerate().map(|(at, turn)| {
        let results = in_order(prompt, at);
        let given = results.iter().map(|result| response(prompt, at, result));
        let mut parts = given.collect::<Result<Vec<_>, _>>()?;
        parts.reserve(turn.content.len());
        // The first call of a turn is signed for all of them.
        let mut signature = sign.then_some(NO_SIGNATURE);
        for block in &turn.content {
            match block {
                Block::Text(text) => parts.push(Part::Text { text }),
                Block::Image(image) => parts.push(picture(image)?),
                Block::Document(document) => parts.push(file(document)),
                Block::ToolCall(call) => parts.push(Part::Call {
                    function_call: Call {
                        name: &call.name,
                        args: object(&call.arguments)
                            .ok_or_else(|| InvalidRequest::arguments(&call.id))?,
                    },
                    thought_signature: signature.take(),
                }),
                Block::ToolResult(_) => {}
            }
        }
        // A result is an object; what else there is in it is shown behind all of them.
        for block in results.into_iter().flat_map(|result| &result.content) {
            parts.push(match block {
                Block::Image(image) => picture(image)?,
                Block::Document(document) => file(document),
                Block::Text(_) | Block::ToolCall(_) | Block::ToolResult(_) => continue,
            });
            notes.push("moved an image out of a tool result");
        }
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "model",
        };
        Ok(Content {
            role: Some(role),
            parts,
        })
    });
    turns.collect()
}

/// Writes these turns, to stand behind others.
pub(crate) fn encode_written(prompt: &Prompt<'_>) -> Result<Bytes, InvalidRequest> {
    // What is not signed is refused by newer models, and read over by others.
    let turns = encode_turns(prompt, true, &mut Vec::new())?;
    let turns = serde_json::to_vec(&turns).expect("strings can be written");
    Ok(turns.into())
}

/// The results in a turn, in the order of their calls: without ids, that is all that tells those
/// of one tool apart.
fn in_order<'a>(prompt: &'a Prompt<'_>, at: usize) -> Vec<&'a ToolResult<'a>> {
    let results = prompt.turns[at].content.iter();
    let mut results: Vec<_> = results.filter_map(Block::tool_result).collect();
    let called = at
        .checked_sub(1)
        .map_or(&[][..], |at| &prompt.turns[at].content);
    let calls = called.iter().filter_map(Block::tool_call);
    let places: HashMap<_, _> = calls
        .enumerate()
        .map(|(at, call)| (&*call.id, at))
        .collect();
    results.sort_by_key(|result| places.get(&*result.id));
    results
}

/// A result names its tool, which most dialects tell with the call alone.
fn response<'a>(
    prompt: &'a Prompt<'_>,
    at: usize,
    result: &'a ToolResult<'_>,
) -> Result<Part<'a>, InvalidRequest> {
    let name = prompt.called(&result.id, at).or(result.name.as_deref());
    let Some(name) = name else {
        let problem = "has a result of a tool call that is not there: keep the call with it";
        return Err(InvalidRequest::of_field("messages", problem));
    };
    let said = joined(&result.content);
    Ok(Part::Response {
        function_response: Response {
            name,
            response: if result.is_error {
                Given::Error(said)
            } else {
                Given::Output(said)
            },
        },
    })
}

fn picture<'a>(image: &'a Image<'_>) -> Result<Part<'a>, InvalidRequest> {
    let Source::Base64 { media_type, data } = &image.source else {
        return Ok(place(&image.source));
    };
    let mime_type = match &**media_type {
        // Not a type, but what everybody writes.
        "image/jpg" => "image/jpeg",
        known @ ("image/jpeg" | "image/png" | "image/webp" | "image/heic" | "image/heif") => known,
        other => {
            let allowed = "jpeg, png, webp, heic, heif";
            return Err(InvalidRequest::media_type(other, allowed));
        }
    };
    Ok(Part::Inline {
        inline_data: Inline { mime_type, data },
    })
}

fn file<'a>(document: &'a Document<'_>) -> Part<'a> {
    place(&document.source)
}

fn place<'a>(source: &'a Source<'_>) -> Part<'a> {
    match source {
        Source::Base64 { media_type, data } => Part::Inline {
            inline_data: Inline {
                mime_type: media_type,
                data,
            },
        },
        Source::Url(url) => Part::File {
            file_data: File {
                mime_type: source.media_type(),
                file_uri: url,
            },
        },
    }
}
