use super::{stop::meaning, usage::Wire};
use crate::{
    Finish, Lax,
    request::Str,
    sse::Event,
    stream::{Delta, Part, Reading, Start, Text, ToolDelta},
};
use bytes::Bytes;
use serde::Deserialize;

/// What is read of an event, whichever it is.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    index: Option<u32>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Change<'a>>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    text: Lax<'a>,
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    name: Lax<'a>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow, default)]
    text: Lax<'a>,
    #[serde(borrow, default)]
    thinking: Lax<'a>,
    #[serde(borrow, default)]
    partial_json: Lax<'a>,
    #[serde(borrow, default)]
    stop_reason: Lax<'a>,
    #[serde(borrow, default)]
    stop_sequence: Lax<'a>,
}

pub(crate) fn read_event(reading: &mut Reading, event: &Event) -> Part {
    let data = &event.data;
    if data.trim_ascii().is_empty() {
        return Part::Other;
    }
    let Ok(said) = serde_json::from_slice::<Said<'_>>(data) else {
        // What is not known need not look like what is, but it has to be JSON.
        return match serde_json::from_slice::<serde::de::IgnoredAny>(data) {
            Ok(_) if event.name() == Some("error") => Part::Error(reading.error(data)),
            Ok(_) => Part::Other,
            Err(_) => Part::Error(reading.broken()),
        };
    };
    match &*said.kind.0 {
        "message_start" => Part::Delta(start(reading, said.message, data)),
        "content_block_start" => block_start(reading, said, data).map_or(Part::Other, Part::Delta),
        "content_block_delta" => change(reading, said, data).map_or(Part::Other, Part::Delta),
        "message_delta" => Part::Delta(end(said)),
        "message_stop" => Part::Done,
        "ping" => Part::Ping,
        "error" => Part::Error(reading.error(data)),
        _ => Part::Other,
    }
}

fn start(reading: &mut Reading, message: Option<Message<'_>>, data: &Bytes) -> Delta {
    reading.started = true;
    let Some(message) = message else {
        return Delta::default();
    };
    Delta {
        start: Some(Start {
            id: Text::some(message.id, data),
            model: Text::some(message.model, data),
        }),
        usage: message.usage.map(Into::into),
        ..Delta::default()
    }
}

fn block_start(reading: &mut Reading, said: Said<'_>, data: &Bytes) -> Option<Delta> {
    let block = said.content_block?;
    match block.kind.as_str() {
        "tool_use" => {
            reading.tool_blocks.push(said.index?);
            // Blocks of text are blocks too: the first call may well be the third block.
            let index = u32::try_from(reading.tool_blocks.len() - 1).ok()?;
            let call = ToolDelta {
                index,
                id: Text::some(block.id, data),
                name: Text::some(block.name, data),
                arguments: None,
            };
            Some(Delta {
                tool_calls: vec![call],
                ..Delta::default()
            })
        }
        "text" => Some(Delta {
            text: Text::some(block.text, data),
            ..Delta::default()
        }),
        _ => None,
    }
}

fn change(reading: &Reading, said: Said<'_>, data: &Bytes) -> Option<Delta> {
    let change = said.delta?;
    let mut delta = Delta {
        text: Text::some(change.text, data),
        reasoning: Text::some(change.thinking, data),
        ..Delta::default()
    };
    if let Some(arguments) = Text::some(change.partial_json, data) {
        let block = said.index?;
        // The arguments of a tool that the server calls itself are not the caller's.
        let index = reading.tool_blocks.iter().position(|at| *at == block)?;
        delta.tool_calls.push(ToolDelta {
            index: u32::try_from(index).ok()?,
            id: None,
            name: None,
            arguments: Some(arguments),
        });
    }
    Some(delta)
}

fn end(said: Said<'_>) -> Delta {
    let mut delta = Delta {
        usage: said.usage.map(Into::into),
        ..Delta::default()
    };
    if let Some(change) = said.delta
        && let Some(reason) = change.stop_reason.0
    {
        let mut finish = Finish::new(&reason, meaning(&reason));
        finish.stop_sequence = change.stop_sequence.0.map(|text| text.into());
        delta.finish = Some(finish);
    }
    delta
}
