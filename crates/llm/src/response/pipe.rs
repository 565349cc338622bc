use super::StreamEvent;
use crate::{
    Dialect, LlmError, Provider, StreamReader, StreamTranslator, Summary, TransportError,
    Truncated,
    stream::{Part, StreamItem},
};
use bytes::Bytes;

/// From the bytes of a provider's stream to the events for its caller: read, judged, and
/// translated where the two speak different dialects.
///
/// It has no clock and no socket: whoever has them pushes the bytes, takes the events out, and
/// says when the bytes have ended. Where nothing has to be translated, events that came in one
/// piece and say a text and nothing else may be given as one.
///
/// ```
/// use buttress_llm::{Dialect, EventPipe, LlmError};
///
/// let mut pipe = EventPipe::new(Dialect::AnthropicMessages, Dialect::OpenAiChat);
/// pipe.push("data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"Hi\"}}\n\n".into());
/// let event = pipe.next_event().expect("an event").expect("a good one");
/// assert!(event.content);
/// assert_eq!(event.text.as_deref(), Some("Hi"));
///
/// pipe.close(None);
/// let Some(Err(LlmError::Truncated(error))) = pipe.next_event() else { panic!() };
/// assert_eq!(error.emitted, 2);
/// ```
#[derive(Debug)]
pub struct EventPipe {
    reader: StreamReader,
    translator: Option<StreamTranslator>,
    hide_usage: bool,
    echoes: bool,
    /// What was said since the last event in a form in which there is nothing to send of it.
    unsent: Option<StreamEvent>,
    /// The model was at work since that was last asked.
    progress: bool,
    /// The bytes have ended, with a failure of the connection or without.
    closed: Option<Option<TransportError>>,
    /// The end has been told.
    over: bool,
}

impl EventPipe {
    /// From a provider that speaks the one dialect to a caller that speaks the other.
    #[must_use]
    pub fn new(from: Dialect, to: Dialect) -> Self {
        Self {
            reader: StreamReader::new(from),
            translator: (from != to).then(|| StreamTranslator::new(to)),
            hide_usage: false,
            echoes: false,
            unsent: None,
            progress: false,
            closed: None,
            over: false,
        }
    }

    /// Sets who is answering, which helps to judge an error [whose dialect it is].
    #[must_use]
    pub fn provider(mut self, provider: Provider) -> Self {
        self.reader = self.reader.provider(provider);
        self
    }

    /// Sets how large one event may be, in bytes [1 MiB; 16 MiB of a response, which is said once
    /// more in its last event].
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.reader = self.reader.max_event(bytes);
        self
    }

    /// Sets how much of the answer the [`summary`](Self::summary) keeps, in bytes \[0\].
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.reader = self.reader.keep(bytes);
        self
    }

    /// Sets whether the caller wants to see the usage, where its dialect leaves it the choice:
    /// what [`LlmRequest::includes_usage`](crate::LlmRequest::includes_usage) says. Without
    /// translation, what comes is passed on unless it is to be [hidden](Self::hide_usage).
    #[must_use]
    pub fn include_usage(mut self, include: bool) -> Self {
        self.translator = self.translator.map(|it| it.include_usage(include));
        self
    }

    /// Sets whether to leave out the chunk with the usage, where it was asked for without the
    /// caller's knowledge: what [`Encoded::hide_usage`](crate::Encoded::hide_usage) says \[no\].
    #[must_use]
    pub const fn hide_usage(mut self, hide: bool) -> Self {
        self.hide_usage = hide;
        self
    }

    /// Sets whether the answer may begin with what was said before, of a request that
    /// [carries on](crate::LlmRequest::carrying_on): what
    /// [`Encoded::echoes`](crate::Encoded::echoes) says \[no\].
    #[must_use]
    pub const fn echoes(mut self, echoes: bool) -> Self {
        self.echoes = echoes;
        self
    }

    /// Sets whether a call of the tool by which the request asked for JSON is the text of the
    /// answer: what [`Encoded::json_tool`](crate::Encoded::json_tool) says \[no\].
    #[must_use]
    pub fn json_tool(mut self, json_tool: bool) -> Self {
        self.reader = self.reader.json_tool(json_tool);
        self
    }

    /// Says that the events are held back and not given out until [`give_out`](Self::give_out):
    /// a failure before is judged as one before any content, which may be mended by asking again.
    #[must_use]
    pub fn hold(mut self) -> Self {
        self.reader = self.reader.hold();
        self
    }

    /// Says that what was held back is given out now.
    pub const fn give_out(&mut self) {
        self.reader.give_out();
    }

    /// Adds the next piece of the stream. Take out all its events before the next one.
    pub fn push(&mut self, piece: Bytes) {
        self.reader.push(piece);
    }

    /// Says that the bytes have ended: as if all had been said, or because the connection failed.
    /// The end of the answer is still to be taken out.
    pub fn close(&mut self, error: Option<TransportError>) {
        self.reader.close();
        self.closed.get_or_insert(error);
    }

    /// What comes next: an event, an error, or nothing until more is pushed. When the pipe
    /// [is over](Self::is_over) nothing comes any more.
    ///
    /// # Errors
    /// The provider told of a failure, or the stream ended before the answer did. It is the last
    /// thing that comes.
    pub fn next_event(&mut self) -> Option<Result<StreamEvent, LlmError>> {
        while !self.over {
            // A writer writes event by event; what is only passed on is passed on as it came.
            let item = match &self.translator {
                Some(_) => self.reader.next_item(),
                None => self.reader.next_run(),
            };
            let Some(item) = item else {
                return self.end();
            };
            if let Part::Error(error) = item.part {
                self.over = true;
                return Some(Err(error.error));
            }
            if let Some(error) = self.reader.useless(&item) {
                self.over = true;
                return Some(Err(error));
            }
            let mut event = self.event(item);
            self.progress |= event.progress;
            if self
                .translator
                .as_ref()
                .is_some_and(StreamTranslator::is_full)
            {
                self.over = true;
                return Some(Err(Truncated::new(self.summary().content_bytes()).into()));
            }
            self.over = event.last;
            if let Some(unsent) = self.unsent.take() {
                event.follow(unsent);
            }
            if !event.frame.is_empty() {
                return Some(Ok(event));
            }
            self.unsent = Some(event);
        }
        None
    }

    /// Whether the model was at work since this was last asked: also where there is nothing to send
    /// of what it did, as of its thinking in a dialect that has no place for it.
    pub const fn take_progress(&mut self) -> bool {
        std::mem::replace(&mut self.progress, false)
    }

    /// Whether all has been told.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// What is known of the answer so far, and how it ended if it has.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        self.reader.summary()
    }

    fn event(&mut self, mut item: StreamItem) -> StreamEvent {
        let done = item.part.is_last();
        let last = done && self.summary().is_complete();
        let frame = match &mut self.translator {
            // A marker of the end after half an answer: whoever saw it would look no further,
            // and not find the error that is still to come.
            _ if done && !last => Bytes::new(),
            Some(translator) => translator.write(&item),
            None if self.hide_usage && is_usage_only(&item) => Bytes::new(),
            None => std::mem::take(&mut item.raw),
        };
        let content = item.is_content();
        let thinks = matches!(&item.part, Part::Delta(delta) if delta.reasoning.is_some());
        let beyond_text = matches!(&item.part, Part::Delta(delta) if delta.is_beyond_text());
        let (text, usage, finish) = match item.part {
            Part::Delta(delta) => (delta.text, delta.usage, delta.finish),
            _ => (None, None, None),
        };
        StreamEvent {
            frame,
            content,
            progress: content || thinks,
            text,
            usage,
            finish: finish.map(|finish| finish.stop),
            last,
            beyond_text,
            echoes: self.echoes,
        }
    }

    /// How the answer ended, if it has.
    fn end(&mut self) -> Option<Result<StreamEvent, LlmError>> {
        if !self.reader.is_over() && self.closed.is_none() {
            return None;
        }
        self.over = true;
        if let Some(truncated) = self.reader.truncated() {
            let error = match self.closed.flatten() {
                Some(error) => truncated.transport(error),
                None => truncated,
            };
            return Some(Err(error.into()));
        }
        let frame = match &mut self.translator {
            Some(translator) => translator.end(self.reader.summary()),
            None => Bytes::new(),
        };
        let unsent = self.unsent.take();
        if frame.is_empty() && unsent.is_none() {
            return None;
        }
        let mut event = StreamEvent::new(frame).last();
        if let Some(unsent) = unsent {
            event.follow(unsent);
        }
        Some(Ok(event))
    }
}

/// OpenAI's chunk with the usage and nothing else.
const fn is_usage_only(item: &StreamItem) -> bool {
    matches!(&item.part, Part::Delta(delta) if delta.bare && delta.usage.is_some())
}
