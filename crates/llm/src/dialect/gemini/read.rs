use super::{
    answer::{Answer, Call, Candidate, Said},
    stop::{blocked, finish},
};
use crate::{
    cross::new_id,
    sse::Event,
    stream::{Delta, Part, Reading, Start, Text, ToolDelta},
};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;

pub(crate) fn read_event(reading: &mut Reading, event: &Event) -> Part {
    let data = &event.data;
    match data.trim_ascii() {
        b"" => return Part::Other,
        // It has no such marker, but what stands before it may add one.
        b"[DONE]" => return Part::Done,
        _ => {}
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(data) else {
        // Errors come as a list of one, now and then.
        let list = serde_json::from_slice::<Vec<IgnoredAny>>(data);
        return Part::Error(match list {
            Ok(list) if !list.is_empty() => reading.error(data),
            _ => reading.broken(),
        });
    };
    if answer.error.is_some() || event.name() == Some("error") {
        return Part::Error(reading.error(data));
    }
    read(reading, answer, data).map_or(Part::Other, Part::Delta)
}

/// What a piece of an answer says; nothing, if it is none.
fn read(reading: &mut Reading, mut answer: Answer<'_>, data: &Bytes) -> Option<Delta> {
    let mut candidates = answer.candidates.take().unwrap_or_default();
    let blocked = answer.block_reason().map(blocked);
    let mut delta = Delta {
        usage: answer.usage_metadata.map(Into::into),
        bare: candidates.is_empty() && blocked.is_none(),
        ..Delta::default()
    };
    if delta.bare && delta.usage.is_none() {
        return None;
    }
    if !reading.started && !delta.bare {
        reading.started = true;
        delta.start = Some(Start {
            id: Text::some(answer.response_id, data),
            model: Text::some(answer.model_version, data),
        });
    }
    if blocked.is_some() {
        reading.choices |= 1;
        reading.finished |= 1;
        delta.finish = blocked;
    }
    for candidate in &mut candidates {
        let bit = 1 << candidate.index.min(63);
        reading.choices |= bit;
        // One answer is read; of any others only whether they are there, and finish.
        let first = candidate.index == 0;
        if first {
            read_parts(reading, &mut delta, candidate, data);
        } else {
            let mut parts = candidate.take_parts();
            delta.others |= parts.any(|said| !matches!(said, Said::Thought(_) | Said::Nothing));
        }
        let reason = candidate.finish_reason.as_str();
        if !reason.is_empty() {
            reading.finished |= bit;
            if first {
                delta.finish = Some(finish(reason, !reading.tool_blocks.is_empty()));
            }
        }
    }
    Some(delta)
}

fn read_parts(
    reading: &mut Reading,
    delta: &mut Delta,
    candidate: &mut Candidate<'_>,
    data: &Bytes,
) {
    let (mut text, mut thought) = (None, None);
    for said in candidate.take_parts() {
        match said {
            Said::Text(more) => join(&mut text, more),
            Said::Thought(more) => join(&mut thought, more),
            Said::Call(call) => match read_call(reading, call, data) {
                Some(call) => delta.tool_calls.push(call),
                None => delta.others = true,
            },
            Said::Other => delta.others = true,
            Said::Nothing => {}
        }
    }
    delta.text = text.map(|text| Text::new(text, data));
    delta.reasoning = thought.map(|thought| Text::new(thought, data));
}

fn join<'a>(text: &mut Option<Cow<'a, str>>, more: Cow<'a, str>) {
    match text {
        Some(text) => text.to_mut().push_str(&more),
        None => *text = Some(more),
    }
}

/// A call comes whole. What goes on with one piece by piece, which has to be asked for, is not
/// read.
fn read_call(reading: &mut Reading, call: Call<'_>, data: &Bytes) -> Option<ToolDelta> {
    let name = Text::some(call.name, data)?;
    let index = u32::try_from(reading.tool_blocks.len()).ok()?;
    reading.tool_blocks.push(index);
    let id = Text::some(call.id, data);
    let args = call.args.map_or("{}", RawValue::get);
    let args = match call.args {
        Some(_) => Text::new(Cow::Borrowed(args), data),
        None => Text::new(Cow::Owned(args.to_owned()), data),
    };
    Some(ToolDelta {
        index,
        // Only newer models give one, and nobody else's callers do without.
        id: id.or_else(|| Some(Text::new(Cow::Owned(new_id()), data))),
        name: Some(name),
        arguments: Some(args),
    })
}
