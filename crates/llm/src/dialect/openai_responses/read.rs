use super::{answer::Incomplete, stop, usage::Wire};
use crate::{
    Lax,
    request::Str,
    sse::Event,
    stream::{Delta, Part, Reading, Start, Text, ToolDelta},
};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// What is read of an event, whichever it is.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    output_index: Option<u32>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
    /// Of some events it is an object.
    #[serde(borrow, default)]
    delta: Lax<'a>,
}

#[derive(Default, Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    call_id: Lax<'a>,
    #[serde(borrow, default)]
    name: Lax<'a>,
    #[serde(borrow, default)]
    arguments: Lax<'a>,
}

/// An error that comes without the name of an event, from whoever stands in between.
#[derive(Deserialize)]
struct Unnamed {
    error: Option<IgnoredAny>,
}

pub(crate) fn read_event(reading: &mut Reading, event: &Event) -> Part {
    let data = &event.data;
    match data.trim_ascii() {
        b"" => return Part::Other,
        // Not OpenAI's here, but of some who speak its dialect.
        b"[DONE]" => return Part::Done,
        _ => {}
    }
    let Ok(said) = serde_json::from_slice::<Said<'_>>(data) else {
        // What is not known need not look like what is, but it has to be JSON.
        return match serde_json::from_slice::<IgnoredAny>(data) {
            Ok(_) if event.name() == Some("error") || is_error(data) => {
                Part::Error(reading.error(data))
            }
            Ok(_) => Part::Other,
            Err(_) => Part::Error(reading.broken()),
        };
    };
    let delta = match &*said.kind.0 {
        "response.created" | "response.in_progress" | "response.queued" => {
            start(reading, said, data)
        }
        "response.output_text.delta" => text(said, data),
        "response.refusal.delta" => refusal(reading, said, data),
        "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
            reasoning(said, data)
        }
        "response.output_item.added" => item(reading, said, data, true),
        "response.output_item.done" => item(reading, said, data, false),
        "response.function_call_arguments.delta" => arguments(reading, said, data),
        "response.completed" => Some(end(reading, said, "completed")),
        "response.incomplete" => Some(end(reading, said, "incomplete")),
        "response.failed" => return failed(reading, said),
        "keepalive" => return Part::Ping,
        "error" => return Part::Error(reading.error(data)),
        // Of what is said piece by piece, each whole is told as well.
        kind if kind.starts_with("response.") => return Part::Other,
        _ if event.name() == Some("error") || is_error(data) => {
            return Part::Error(reading.error(data));
        }
        _ => return Part::Other,
    };
    delta.map_or(Part::Other, Part::Delta)
}

fn is_error(data: &[u8]) -> bool {
    serde_json::from_slice::<Unnamed>(data).is_ok_and(|unnamed| unnamed.error.is_some())
}

fn start(reading: &mut Reading, said: Said<'_>, data: &Bytes) -> Option<Delta> {
    let response = said.response?;
    // It is told more than once.
    if std::mem::replace(&mut reading.started, true) {
        return None;
    }
    Some(Delta {
        start: Some(Start {
            id: Text::some(response.id, data),
            model: Text::some(response.model, data),
        }),
        ..Delta::default()
    })
}

fn text(said: Said<'_>, data: &Bytes) -> Option<Delta> {
    Some(Delta {
        text: Some(Text::some(said.delta, data)?),
        ..Delta::default()
    })
}

fn refusal(reading: &mut Reading, said: Said<'_>, data: &Bytes) -> Option<Delta> {
    let refusal = Text::some(said.delta, data)?;
    reading.refused = true;
    Some(Delta {
        refusal: Some(refusal),
        ..Delta::default()
    })
}

fn reasoning(said: Said<'_>, data: &Bytes) -> Option<Delta> {
    Some(Delta {
        reasoning: Some(Text::some(said.delta, data)?),
        ..Delta::default()
    })
}

/// A call of a tool begins, or has ended without having begun: then all of it is there.
fn item(reading: &mut Reading, said: Said<'_>, data: &Bytes, begins: bool) -> Option<Delta> {
    let item = said.item?;
    if item.kind.as_str() != "function_call" {
        return None;
    }
    let block = said.output_index?;
    if !begins && reading.tool_blocks.contains(&block) {
        return None;
    }
    let call = ToolDelta {
        index: call_at(reading, block)?,
        id: Text::some(item.call_id, data),
        name: Text::some(item.name, data),
        arguments: Text::some(item.arguments, data),
    };
    Some(Delta {
        tool_calls: vec![call],
        ..Delta::default()
    })
}

fn arguments(reading: &mut Reading, said: Said<'_>, data: &Bytes) -> Option<Delta> {
    let arguments = Text::some(said.delta, data)?;
    let call = ToolDelta {
        index: call_at(reading, said.output_index?)?,
        id: None,
        name: None,
        arguments: Some(arguments),
    };
    Some(Delta {
        tool_calls: vec![call],
        ..Delta::default()
    })
}

/// Which of the calls this item is: what is said is an item too, and the first call may well be
/// the third of them.
fn call_at(reading: &mut Reading, item: u32) -> Option<u32> {
    let known = reading.tool_blocks.iter().position(|at| *at == item);
    let index = known.unwrap_or_else(|| {
        reading.tool_blocks.push(item);
        reading.tool_blocks.len() - 1
    });
    u32::try_from(index).ok()
}

fn end(reading: &Reading, said: Said<'_>, status: &str) -> Delta {
    let response = said.response.unwrap_or_default();
    let details = response.incomplete_details.unwrap_or_default();
    let calls = !reading.tool_blocks.is_empty();
    Delta {
        finish: stop::finish(status, details.reason.as_str(), calls, reading.refused),
        usage: response.usage.map(Into::into),
        last: true,
        ..Delta::default()
    }
}

/// Why it failed stands in the response. The event that tells of it is the last one.
fn failed(reading: &Reading, said: Said<'_>) -> Part {
    let why = said.response.and_then(|response| response.error);
    let mut error = reading.error(why.map_or(b"{}", |why| why.get().as_bytes()));
    error.finish = stop::finish("failed", "", false, false);
    error.last = true;
    Part::Error(error)
}
