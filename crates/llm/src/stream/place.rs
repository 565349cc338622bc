use super::translate::Writer;
use crate::{
    Dialect,
    dialect::{AnthropicPlace, GeminiPlace, OpenAiPlace, ResponsesPlace},
    sse::{Decoder, Event, Frame},
};
use bytes::Bytes;

/// Where a stream stands of which these events were given: what a writer has to know to go on.
#[derive(Debug)]
pub(crate) struct Place {
    decoder: Decoder,
    at: At,
}

#[derive(Debug)]
enum At {
    OpenAi(OpenAiPlace),
    Anthropic(AnthropicPlace),
    Gemini(GeminiPlace),
    Responses(ResponsesPlace),
}

impl Place {
    /// At the beginning.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            // Frames are whole, and in memory.
            decoder: Decoder::new().max_event(usize::MAX),
            at: match dialect {
                Dialect::OpenAiChat => At::OpenAi(<_>::default()),
                Dialect::AnthropicMessages => At::Anthropic(<_>::default()),
                Dialect::Gemini => At::Gemini(<_>::default()),
                Dialect::OpenAiResponses => At::Responses(<_>::default()),
            },
        }
    }

    /// These whole events were given.
    pub(crate) fn see(&mut self, frame: Bytes) {
        self.decoder.push(frame);
        while let Some(Ok(frame)) = self.decoder.next_frame() {
            if let Frame::Event(event) = frame {
                self.at.see(&event);
            }
        }
    }

    /// Whether the end was told, so that there is no more to come.
    pub(crate) const fn finished(&self) -> bool {
        match &self.at {
            At::OpenAi(place) => place.finished,
            At::Anthropic(place) => place.finished,
            At::Gemini(place) => place.finished,
            At::Responses(place) => place.finished,
        }
    }

    /// Whether there was content of a kind that no writer has a word for.
    pub(crate) const fn strange(&self) -> bool {
        match &self.at {
            At::OpenAi(place) => place.strange,
            At::Anthropic(place) => place.strange,
            At::Gemini(place) => place.strange,
            At::Responses(place) => place.strange,
        }
    }

    /// How much is kept, in bytes.
    pub(crate) const fn kept(&self) -> usize {
        match &self.at {
            At::OpenAi(_) | At::Anthropic(_) | At::Gemini(_) => 0,
            At::Responses(place) => place.kept(),
        }
    }

    /// A writer that goes on from here, if one can.
    pub(super) fn writer(&self) -> Option<Writer> {
        Some(match &self.at {
            At::OpenAi(place) => Writer::OpenAi(place.writer()?),
            At::Anthropic(place) => Writer::Anthropic(place.writer()?),
            At::Gemini(place) => Writer::Gemini(place.writer()?),
            At::Responses(place) => Writer::Responses(place.writer()?),
        })
    }
}

impl At {
    fn see(&mut self, event: &Event) {
        match self {
            Self::OpenAi(place) => place.see(event),
            Self::Anthropic(place) => place.see(event),
            Self::Gemini(place) => place.see(event),
            Self::Responses(place) => place.see(event),
        }
    }
}
