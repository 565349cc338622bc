use super::{Continuation, StreamEvent};
use crate::{Dialect, LlmRequest, StreamTranslator, Usage, stream::Place};
use std::fmt;

#[cfg(test)]
mod tests;

/// What the caller of a stream has been told, so that another stream can be made to carry it on.
///
/// Text can be carried on. A call of a tool can't be taken up in the middle, nor can a refusal, one
/// of several answers, or what a tool of the provider's did: a stream in which one of these has
/// begun is left as it broke. So is one with more text than is kept, one whose end was told, and an
/// answer that has to be JSON: to go on with half a document is not what a model does that was told
/// to write a whole one. And so is one that the provider adds to a conversation of its own, which
/// would have the request for the rest in it for good.
///
/// ```
/// use buttress_llm::{Dialect, EventPipe, LlmRequest, Told};
///
/// let body = r#"{"model": "m", "stream": true, "messages": []}"#;
/// let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())?;
/// let (from, to) = (Dialect::AnthropicMessages, request.dialect());
/// let delta = |text| {
///     let event = format!(r#"{{"type":"content_block_delta","delta":{{"text":"{text}"}}}}"#);
///     format!("data: {event}\n\n").into()
/// };
///
/// let mut told = Told::new(to);
/// let mut broken = EventPipe::new(from, to);
/// broken.push(delta("One, two, "));
/// told.add(&broken.next_event().unwrap().unwrap());
///
/// let (_request, mut continuation) = told.carry_on(&request).unwrap();
/// let mut rest = EventPipe::new(from, to);
/// rest.push(delta("three."));
/// let event = continuation.event(rest.next_event().unwrap().unwrap()).unwrap();
/// assert_eq!(event.text.as_deref(), Some("three."));
/// # Ok::<_, buttress_llm::InvalidRequest>(())
/// ```
pub struct Told {
    place: Place,
    dialect: Dialect,
    text: String,
    room: usize,
    usage: Usage,
    /// Why it can't be carried on.
    stuck: Option<&'static str>,
}

impl Told {
    /// The default for the most text that is kept: 1 MiB, more than any model says at a time.
    pub const MOST: usize = 1 << 20;

    /// Nothing yet, to a caller who speaks this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            place: Place::new(dialect),
            dialect,
            text: String::new(),
            room: Self::MOST,
            usage: Usage::default(),
            stuck: None,
        }
    }

    /// Sets how much is kept, in bytes [[`MOST`](Self::MOST)]: the text, and in OpenAI's responses
    /// what their last event says again, the text once more among it.
    #[must_use]
    pub const fn keep(mut self, bytes: usize) -> Self {
        self.room = bytes;
        self
    }

    /// The caller is told this.
    pub fn add(&mut self, event: &StreamEvent) {
        if self.stuck.is_some() {
            return;
        }
        if let Some(usage) = event.usage {
            self.usage.update(usage);
        }
        if let Some(text) = &event.text {
            self.text.push_str(text);
        }
        self.place.see(event.frame.clone());
        if event.beyond_text || self.place.strange() {
            self.leave("a stream of more than text is not carried on");
        } else if self.place.finished() {
            self.leave("a stream whose end was told is not carried on");
        } else if self.text.len() + self.place.kept() > self.room {
            self.leave("a stream of so much text is not carried on");
        }
    }

    /// The request for the rest, and what makes its answer the rest of this one.
    ///
    /// # Errors
    /// It can't be carried on: why not, in stable words.
    pub fn carry_on(
        &self,
        request: &LlmRequest,
    ) -> Result<(LlmRequest, Continuation), &'static str> {
        if let Some(why) = self.stuck {
            return Err(why);
        }
        request.can_be_carried_on()?;
        if self.text.trim().is_empty() {
            return Err("a stream without text is not carried on");
        }
        let translator = StreamTranslator::resume(&self.place)
            .ok_or("a stream that broke within something other than text is not carried on")?
            .include_usage(request.includes_usage());
        let continuation = Continuation::new(translator, &self.text, self.usage);
        Ok((request.carrying_on(&self.text), continuation))
    }

    /// Gives up: it will never be carried on, so nothing of it has to be kept.
    fn leave(&mut self, why: &'static str) {
        self.stuck = Some(why);
        self.text = String::new();
        self.place = Place::new(self.dialect);
    }
}

/// Without what was said.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told")
            .field("text", &self.text.len())
            .field("usage", &self.usage)
            .field("stuck", &self.stuck)
            .finish_non_exhaustive()
    }
}
