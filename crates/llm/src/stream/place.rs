use super::translate::Writer;
use crate::{
    Dialect,
    dialect::{AnthropicPlace, GeminiPlace, OpenAiPlace, ResponsesPlace},
    sse::Event,
};

/// Where a stream stands of which these events were given: what a writer has to know to go on.
#[derive(Debug)]
pub(crate) enum Place {
    OpenAi(OpenAiPlace),
    Anthropic(AnthropicPlace),
    Gemini(GeminiPlace),
    Responses(ResponsesPlace),
}

impl Place {
    /// At the beginning.
    pub(crate) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::OpenAi(<_>::default()),
            Dialect::AnthropicMessages => Self::Anthropic(<_>::default()),
            Dialect::Gemini => Self::Gemini(<_>::default()),
            Dialect::OpenAiResponses => Self::Responses(<_>::default()),
        }
    }

    /// This event was given.
    pub(crate) fn see(&mut self, event: &Event) {
        match self {
            Self::OpenAi(place) => place.see(event),
            Self::Anthropic(place) => place.see(event),
            Self::Gemini(place) => place.see(event),
            Self::Responses(place) => place.see(event),
        }
    }

    /// A writer that goes on from here, if one can.
    pub(super) fn writer(&self) -> Option<Writer> {
        Some(match self {
            Self::OpenAi(place) => Writer::OpenAi(place.writer()?),
            Self::Anthropic(place) => Writer::Anthropic(place.writer()?),
            Self::Gemini(place) => Writer::Gemini(place.writer()?),
            Self::Responses(place) => Writer::Responses(place.writer()?),
        })
    }
}
