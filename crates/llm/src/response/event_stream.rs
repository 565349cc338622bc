use crate::{LlmError, Stop, Usage, stream::Text};
use buttress_core::{AsFailure, Failure, Witness};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The events of a streamed answer, ready to be sent to its caller.
///
/// After an error nothing comes. The witnesses of those who keep score (see
/// [`AtStreamEnd`](crate::AtStreamEnd)) hear how the stream ended: well when it gave its
/// [last](StreamEvent::is_last) event or ended without an error, else of the failure.
///
/// # Cancellation
/// A stream that is dropped before its end drops its witnesses untold, and what it reads from.
pub struct EventStream {
    /// Nothing when the stream has ended.
    inner: Option<BoxStream>,
    /// Those who want to know how it ends, in the order in which they said so.
    told: Vec<BoxTally>,
    usage: Usage,
    finish: Option<Stop>,
    text_bytes: u64,
}

/// What came of a stream until it ended, or was dropped.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tally {
    /// What the answer was counted as so far.
    pub usage: Usage,
    /// Why the model stopped, if it has.
    pub finish: Option<Stop>,
    /// The length of the text that came, in bytes.
    pub text_bytes: u64,
    /// How it ended; nothing where it was dropped before its end.
    pub outcome: Option<Result<(), Failure>>,
}

impl Tally {
    /// Whether the answer is complete.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.outcome, Some(Ok(())))
    }

    /// Tells this witness how it ended; one of a stream that was dropped before is dropped untold.
    pub fn settle<W: Witness>(&self, witness: W) {
        if let Some(outcome) = self.outcome {
            witness.settled(outcome);
        }
    }
}

type BoxStream = Pin<Box<dyn Stream<Item = Result<StreamEvent, LlmError>> + Send>>;
type BoxTally = Box<dyn FnOnce(Tally) + Send>;

/// One piece of a streamed answer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StreamEvent {
    /// What to send, in the caller's dialect: one or several whole events.
    pub frame: Bytes,
    /// Whether there is content in it, see [`StreamItem::is_content`](crate::StreamItem::is_content).
    pub content: bool,
    /// Whether the model is at work: there is content in it, or thinking. What only keeps the
    /// connection alive is no progress.
    pub progress: bool,
    /// The text in it.
    pub text: Option<Text>,
    /// What the answer was counted as so far, where this event tells.
    pub usage: Option<Usage>,
    /// Why the model stopped, where this event tells.
    pub finish: Option<Stop>,
    pub(crate) last: bool,
    /// There is content in it other than text: a refusal, a call of a tool, another one of
    /// several answers.
    pub(crate) beyond_text: bool,
    /// It is of a stream that may begin with what was said before.
    pub(crate) echoes: bool,
}

impl EventStream {
    /// The events that this stream gives.
    #[must_use]
    pub fn new<S>(inner: S) -> Self
    where
        S: Stream<Item = Result<StreamEvent, LlmError>> + Send + 'static,
    {
        Self {
            inner: Some(Box::pin(inner)),
            told: Vec::new(),
            usage: Usage::default(),
            finish: None,
            text_bytes: 0,
        }
    }

    /// Tells this witness how the stream ends.
    pub fn watch<W: Witness>(&mut self, witness: W) {
        self.tally(|tally| tally.settle(witness));
    }

    /// Tells what came of the stream when it ends, or is dropped before.
    pub fn tally(&mut self, told: impl FnOnce(Tally) + Send + 'static) {
        self.told.push(Box::new(told));
    }

    fn tell(&mut self, outcome: Option<Result<(), Failure>>) {
        for told in self.told.drain(..) {
            told(Tally {
                usage: self.usage,
                finish: self.finish,
                text_bytes: self.text_bytes,
                outcome,
            });
        }
    }
}

impl Stream for EventStream {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let next = ready!(inner.as_mut().poll_next(cx));
        if let Some(Ok(event)) = &next {
            if let Some(usage) = event.usage {
                self.usage.update(usage);
            }
            self.finish = event.finish.or(self.finish);
            self.text_bytes += event.text.as_ref().map_or(0, |text| text.len() as u64);
        }
        match &next {
            Some(Ok(event)) if event.last => self.tell(Some(Ok(()))),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                // The connection goes before anyone hears of it.
                self.inner = None;
                self.tell(Some(Err(error.as_failure())));
            }
            None => {
                self.inner = None;
                self.tell(Some(Ok(())));
            }
        }
        Poll::Ready(next)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.inner = None;
        self.tell(None);
    }
}

impl StreamEvent {
    /// These bytes, without content.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        Self {
            frame,
            ..Self::default()
        }
    }

    /// Says that the answer is complete with this event: whoever reads no further has missed
    /// nothing.
    #[must_use]
    pub const fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// Takes over what was said before and there was nothing to send of.
    pub(crate) fn follow(&mut self, unsent: Self) {
        self.content |= unsent.content;
        self.progress |= unsent.progress;
        self.beyond_text |= unsent.beyond_text;
        self.finish = self.finish.or(unsent.finish);
        self.usage = match (unsent.usage, self.usage) {
            (Some(mut before), Some(usage)) => {
                before.update(usage);
                Some(before)
            }
            (before, usage) => usage.or(before),
        };
    }

    /// Whether the answer is complete with this event.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("ended", &self.inner.is_none())
            .field("told", &self.told.len())
            .finish_non_exhaustive()
    }
}
