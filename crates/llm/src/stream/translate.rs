use super::{Part, Place, StreamItem, Summary};
use crate::{
    Dialect, LlmError,
    dialect::{AnthropicWriter, GeminiWriter, OpenAiWriter, ResponsesWriter, now},
};
use bytes::Bytes;

/// Writes the stream of one dialect in another one, event by event.
///
/// A finish is written when the model has given one, and not otherwise: a stream that breaks off
/// ends with an [error](Self::error), and without the marker of a proper end.
///
/// ```
/// use buttress_llm::{Dialect, StreamReader, StreamTranslator};
///
/// let mut reader = StreamReader::new(Dialect::OpenAiChat);
/// let mut translator = StreamTranslator::new(Dialect::AnthropicMessages);
/// reader.push("data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n".into());
/// let events = translator.write(&reader.next_item().unwrap());
/// assert!(events.starts_with(b"event: message_start\n"));
/// ```
#[derive(Debug)]
pub struct StreamTranslator(Writer);

#[derive(Debug)]
pub(super) enum Writer {
    OpenAi(OpenAiWriter),
    Anthropic(AnthropicWriter),
    Gemini(GeminiWriter),
    Responses(ResponsesWriter),
}

impl StreamTranslator {
    /// A translator into this dialect, at the start of a stream.
    #[must_use]
    pub fn new(to: Dialect) -> Self {
        Self(match to {
            Dialect::OpenAiChat => Writer::OpenAi(OpenAiWriter::new(now())),
            Dialect::AnthropicMessages => Writer::Anthropic(AnthropicWriter::default()),
            Dialect::Gemini => Writer::Gemini(GeminiWriter::default()),
            Dialect::OpenAiResponses => Writer::Responses(ResponsesWriter::new(now())),
        })
    }

    /// A translator that goes on with a stream which stands here, if one can.
    pub(crate) fn resume(place: &Place) -> Option<Self> {
        place.writer().map(Self)
    }

    /// Sets whether the caller wants to see the usage, where its dialect leaves it the choice
    /// \[no\].
    #[must_use]
    pub const fn include_usage(mut self, include: bool) -> Self {
        if let Writer::OpenAi(writer) = &mut self.0 {
            writer.include_usage = include;
        }
        self
    }

    /// The events that say the same as this item: none, one or several. An
    /// [error](Part::Error) says nothing: it is for the caller to [tell](Self::error), who may
    /// have other plans with it.
    #[must_use]
    pub fn write(&mut self, item: &StreamItem) -> Bytes {
        if matches!(item.part, Part::Error(_) | Part::Other) {
            return Bytes::new();
        }
        let events = match &mut self.0 {
            Writer::OpenAi(writer) => writer.write(item),
            Writer::Anthropic(writer) => writer.write(item),
            Writer::Gemini(writer) => writer.write(item),
            Writer::Responses(writer) => writer.write(item),
        };
        match &item.part {
            // The marker at the end is an event of its own elsewhere.
            Part::Delta(delta) if delta.last => [events, self.finished()].concat().into(),
            _ => events,
        }
    }

    /// What is missing for a proper end, of a stream that is complete: some servers leave out the
    /// last marker. Nothing for any other one.
    #[must_use]
    pub fn end(&mut self, summary: &Summary) -> Bytes {
        if !summary.is_complete() {
            return Bytes::new();
        }
        self.finished()
    }

    fn finished(&mut self) -> Bytes {
        match &mut self.0 {
            Writer::OpenAi(writer) => writer.end(),
            Writer::Anthropic(writer) => writer.end(),
            Writer::Gemini(writer) => writer.end(),
            Writer::Responses(writer) => writer.end(),
        }
    }

    /// Whether the answer can't be written to its end. In OpenAI's responses the last event says
    /// all of it once more, so that it is kept until then, up to 8 MiB. In Anthropic's and Gemini's
    /// dialects a call of a tool is told without anything in between, so that other pieces are
    /// kept until its end, up to as much; and none of it can be told after that. Nothing is
    /// written any more, and the stream has to end with an [error](Self::error).
    #[must_use]
    pub const fn is_full(&self) -> bool {
        match &self.0 {
            Writer::OpenAi(_) => false,
            Writer::Anthropic(writer) => writer.is_full(),
            Writer::Gemini(writer) => writer.is_full(),
            Writer::Responses(writer) => writer.is_full(),
        }
    }

    /// The last event of a stream that this error broke.
    #[must_use]
    pub fn error(&self, error: &LlmError) -> Bytes {
        error.render_event(self.dialect())
    }

    /// The dialect that is written.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match &self.0 {
            Writer::OpenAi(_) => Dialect::OpenAiChat,
            Writer::Anthropic(_) => Dialect::AnthropicMessages,
            Writer::Gemini(_) => Dialect::Gemini,
            Writer::Responses(_) => Dialect::OpenAiResponses,
        }
    }
}
