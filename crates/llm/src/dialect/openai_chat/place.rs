use super::Writer;
use crate::{
    Lax,
    sse::Event,
    stream::{Start, Text},
};
use serde::Deserialize;

/// Where a stream of chunks stands: what all of them begin with.
#[derive(Debug, Default)]
pub(crate) struct Place {
    head: Option<(Start, u64)>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(default)]
    created: u64,
}

impl Place {
    pub(crate) fn see(&mut self, event: &Event) {
        // Azure's first chunk has neither.
        let known = |(start, _): &(Start, u64)| start.id.is_some();
        if self.head.as_ref().is_some_and(known) {
            return;
        }
        if let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&event.data) {
            let start = Start {
                id: Text::some(chunk.id, &event.data),
                model: Text::some(chunk.model, &event.data),
            };
            self.head = Some((start, chunk.created));
        }
    }

    /// Writes on from here.
    pub(crate) fn writer(&self) -> Option<Writer> {
        let (start, created) = self.head.as_ref()?;
        Some(Writer::resume(start, *created))
    }
}
