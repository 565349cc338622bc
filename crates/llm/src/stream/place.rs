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

    /// Whether the end was told, so that there is no more to come.
    pub(crate) const fn finished(&self) -> bool {
        match self {
            Self::OpenAi(place) => place.finished,
            Self::Anthropic(place) => place.finished,
            Self::Gemini(place) => place.finished,
            Self::Responses(place) => place.finished,
        }
    }

    /// Whether there was content of a kind that no writer has a word for.
    pub(crate) const fn strange(&self) -> bool {
        match self {
            Self::OpenAi(place) => place.strange,
            Self::Anthropic(place) => place.strange,
            Self::Gemini(place) => place.strange,
            Self::Responses(place) => place.strange,
        }
    }

    /// How much is kept, in bytes.
    pub(crate) const fn kept(&self) -> usize {
        match self {
            Self::OpenAi(_) | Self::Anthropic(_) | Self::Gemini(_) => 0,
            Self::Responses(place) => place.kept(),
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
