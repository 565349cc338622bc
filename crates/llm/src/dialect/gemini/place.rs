use super::{Writer, answer::Answer};
use crate::{
    sse::Event,
    stream::{Start, Text},
};

/// Where a stream of pieces stands: what all of them say of the answer.
#[derive(Debug, Default)]
pub(crate) struct Place {
    start: Option<Start>,
}

impl Place {
    pub(crate) fn see(&mut self, event: &Event) {
        if self.start.is_some() {
            return;
        }
        if let Ok(answer) = serde_json::from_slice::<Answer<'_>>(&event.data) {
            self.start = Some(Start {
                id: Text::some(answer.response_id, &event.data),
                model: Text::some(answer.model_version, &event.data),
            });
        }
    }

    /// Writes on from here.
    pub(crate) fn writer(&self) -> Option<Writer> {
        self.start.as_ref().map(Writer::resume)
    }
}
