use super::Writer;
use crate::{
    Lax,
    request::Fields,
    seconds,
    sse::Event,
    stream::{Start, Text},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Where a stream of chunks stands: what all of them begin with.
#[derive(Debug, Default)]
pub(crate) struct Place {
    head: Option<(Start, u64)>,
    pub(crate) finished: bool,
    pub(crate) strange: bool,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<Fields<'a>>,
    #[serde(borrow, default)]
    finish_reason: Lax<'a>,
}

impl Place {
    pub(crate) fn see(&mut self, event: &Event) {
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&event.data) else {
            return;
        };
        for choice in chunk.choices.into_iter().flatten() {
            self.finished |= !choice.finish_reason.as_str().is_empty();
            self.strange |= choice.index > 0;
            for (name, value) in choice.delta.into_iter().flat_map(|Fields(fields)| fields) {
                let known = [
                    "role",
                    "content",
                    "refusal",
                    "tool_calls",
                    "reasoning",
                    "reasoning_content",
                    "reasoning_details",
                ];
                self.strange |= !known.contains(&&*name) && value.get() != "null";
            }
        }
        // Azure's first chunk has neither id nor model.
        let known = |(start, _): &(Start, u64)| start.id.is_some();
        if !self.head.as_ref().is_some_and(known) {
            let start = Start {
                id: Text::some(chunk.id, &event.data),
                model: Text::some(chunk.model, &event.data),
            };
            self.head = Some((start, seconds(chunk.created)));
        }
    }

    /// Writes on from here.
    pub(crate) fn writer(&self) -> Option<Writer> {
        let (start, created) = self.head.as_ref()?;
        Some(Writer::resume(start, *created))
    }
}
