use super::{
    pieces::{self, Pieces},
    stop::meaning,
    usage::Wire,
};
use crate::{
    Finish, Kind, Lax, Stop, classify,
    sse::Event,
    stream::{Delta, Part, Reading, Start, StreamError, Text, ToolDelta},
};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// What is read of a chunk.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    /// An error may be all there is, without a name of its own.
    #[serde(borrow, default)]
    object: Lax<'a>,
    #[serde(borrow, default)]
    r#type: Lax<'a>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<Said<'a>>,
    #[serde(borrow, default)]
    finish_reason: Lax<'a>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    content: Pieces<'a>,
    #[serde(borrow, default)]
    refusal: Lax<'a>,
    #[serde(borrow, default)]
    reasoning_content: Lax<'a>,
    /// What OpenRouter and vLLM call it.
    #[serde(borrow, default)]
    reasoning: Lax<'a>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
    /// What calls of tools were before.
    function_call: Option<IgnoredAny>,
    audio: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Call<'a> {
    index: Option<u32>,
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Lax<'a>,
    #[serde(borrow, default, deserialize_with = "pieces::arguments")]
    arguments: Lax<'a>,
}

pub(crate) fn read_event(reading: &mut Reading, event: &Event) -> Part {
    let data = &event.data;
    match data.trim_ascii() {
        b"" => return Part::Other,
        b"[DONE]" => return Part::Done,
        _ => {}
    }
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return Part::Error(reading.broken());
    };
    if chunk.is_error() || event.name() == Some("error") {
        let mut error = reading.error(data);
        let mut choices = chunk.choices.iter().flatten();
        let reason = choices.find_map(|choice| choice.finish_reason.0.as_deref());
        error.finish = reason.map(|reason| finish(reading, reason));
        return Part::Error(error);
    }
    read(reading, chunk, data)
}

impl Chunk<'_> {
    /// Whether it tells of a failure, as whole answers do.
    fn is_error(&self) -> bool {
        let is_error = |word: &Lax<'_>| word.as_str() == "error";
        self.error.is_some_and(classify::is_error)
            || is_error(&self.object)
            || is_error(&self.r#type)
    }
}

fn read(reading: &mut Reading, chunk: Chunk<'_>, data: &Bytes) -> Part {
    let choices = chunk.choices.unwrap_or_default();
    // Azure's first chunk tells what was found in the prompt, and not yet of which answer it is.
    if choices.is_empty() && chunk.usage.is_none() {
        return Part::Other;
    }
    let mut delta = Delta {
        usage: chunk.usage.map(Into::into),
        bare: choices.is_empty(),
        ..Delta::default()
    };
    if !reading.started && !choices.is_empty() {
        reading.started = true;
        delta.start = Some(Start {
            id: Text::some(chunk.id, data),
            model: Text::some(chunk.model, data),
        });
    }
    for choice in choices {
        if let Some(error) = choice.error.filter(|error| classify::is_error(error)) {
            return Part::Error(reading.error(error.get().as_bytes()));
        }
        let bit = 1 << choice.index.min(63);
        reading.choices |= bit;
        // One answer is read; of any others only whether they are there, and finish.
        let first = choice.index == 0;
        if let Some(said) = choice.delta {
            if first {
                read_said(reading, &mut delta, said, data);
            } else {
                delta.others |= said.is_content();
            }
        }
        let reason = choice.finish_reason.as_str();
        if !reason.is_empty() {
            reading.finished |= bit;
            let finish = finish(reading, reason);
            if finish.stop == Stop::Error {
                return Part::Error(failed(reading, finish));
            }
            if first {
                delta.finish = Some(finish);
            }
        }
    }
    Part::Delta(delta)
}

fn read_said(reading: &mut Reading, delta: &mut Delta, said: Said<'_>, data: &Bytes) {
    let content = said.content;
    delta.others |= said.function_call.is_some() || said.audio.is_some() || content.others;
    delta.text = Text::some(content.text, data);
    delta.refusal = Text::some(said.refusal, data);
    let reasoning = Text::some(said.reasoning_content, data);
    let reasoning = reasoning.or_else(|| Text::some(said.reasoning, data));
    delta.reasoning = reasoning.or_else(|| Text::some(content.thought, data));
    reading.refused |= delta.refusal.is_some();
    for call in said.tool_calls.into_iter().flatten() {
        let (name, arguments) = match call.function {
            Some(function) => (function.name, function.arguments),
            None => <_>::default(),
        };
        let (index, id) = place(reading, call.index.unwrap_or(0), Text::some(call.id, data));
        let call = ToolDelta {
            index,
            id,
            name: Text::some(name, data),
            arguments: Text::some(arguments, data),
        };
        if call.id.is_some() || call.name.is_some() || call.arguments.is_some() {
            delta.tool_calls.push(call);
        }
    }
}

/// Which of the answer's calls a piece is of, and the call's id where that is told first. There
/// are servers that give the same index to all of them, or none: an id that is not the one before
/// begins another call.
fn place(reading: &mut Reading, index: u32, id: Option<Text>) -> (u32, Option<Text>) {
    let said = id.as_deref().unwrap_or_default();
    let last = reading.tool_blocks.iter().rposition(|it| *it == index);
    let at = match last {
        Some(at) if said.is_empty() => at,
        Some(at) if *reading.tool_ids[at] == *said => return (number(at), None),
        Some(at) if reading.tool_ids[at].is_empty() => {
            reading.tool_ids[at] = said.into();
            at
        }
        _ => {
            reading.tool_blocks.push(index);
            reading.tool_ids.push(said.into());
            reading.tool_blocks.len() - 1
        }
    };
    (number(at), id)
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Said<'_> {
    fn is_content(&self) -> bool {
        !self.content.text.as_str().is_empty()
            || self.content.others
            || !self.refusal.as_str().is_empty()
            || self
                .tool_calls
                .as_ref()
                .is_some_and(|calls| !calls.is_empty())
    }
}

/// A model that stopped because it failed, by a word of compatible servers: no end of an answer,
/// and told as an error even where the server leaves it at that word.
fn failed(reading: &Reading, finish: Finish) -> StreamError {
    let overloaded = finish
        .verdict()
        .is_err_and(|verdict| verdict.kind == Kind::Overloaded);
    let said: &[u8] = if overloaded {
        br#"{"error":{"type":"overloaded_error"}}"#
    } else {
        br#"{"error":{"type":"server_error"}}"#
    };
    let mut error = reading.error(said);
    error.finish = Some(finish);
    error
}

fn finish(reading: &Reading, reason: &str) -> Finish {
    let stop = match meaning(reason) {
        // A refusal ends as any other answer does.
        Stop::Stop if reading.refused => Stop::ContentFilter,
        stop => stop,
    };
    Finish::new(reason, stop)
}
