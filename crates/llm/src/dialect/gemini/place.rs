use super::Writer;
use crate::{
    Lax,
    request::Fields,
    sse::Event,
    stream::{Start, Text},
};
use serde::Deserialize;

/// Where a stream of pieces stands: what all of them say of the answer.
#[derive(Debug, Default)]
pub(crate) struct Place {
    start: Option<Start>,
    pub(crate) finished: bool,
    pub(crate) strange: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    response_id: Lax<'a>,
    #[serde(borrow, default)]
    model_version: Lax<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Lax<'a>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Fields<'a>>>,
}

impl Place {
    pub(crate) fn see(&mut self, event: &Event) {
        let Ok(piece) = serde_json::from_slice::<Piece<'_>>(&event.data) else {
            return;
        };
        for candidate in piece.candidates.into_iter().flatten() {
            self.finished |= !candidate.finish_reason.as_str().is_empty();
            self.strange |= candidate.index > 0;
            let parts = candidate.content.and_then(|content| content.parts);
            for (name, _) in parts
                .into_iter()
                .flatten()
                .flat_map(|Fields(fields)| fields)
            {
                let known = ["text", "thought", "thoughtSignature", "functionCall"];
                self.strange |= !known.contains(&&*name);
            }
        }
        if self.start.is_none() {
            self.start = Some(Start {
                id: Text::some(piece.response_id, &event.data),
                model: Text::some(piece.model_version, &event.data),
            });
        }
    }

    /// Writes on from here.
    pub(crate) fn writer(&self) -> Option<Writer> {
        self.start.as_ref().map(Writer::resume)
    }
}
