use buttress_journal::{About, Answer, BoxFuture, Pen};
use buttress_llm::{EventStream, LlmError, StreamEvent};
use futures_core::Stream;
use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A stream that is recorded as it passes, and whose end waits until it is: whoever has seen the
/// end need not pay for it again.
pub(super) struct Tape {
    events: EventStream,
    state: State,
}

enum State {
    Recording(Recording),
    /// It has ended, with this event or after the one before, and is being written down.
    Ending {
        writing: BoxFuture<'static, ()>,
        last: Option<StreamEvent>,
    },
    /// It is not recorded, or not any more.
    Passing,
}

struct Recording {
    pen: Pen,
    about: About,
    frames: Vec<u8>,
}

impl Tape {
    pub(super) const fn new(events: EventStream, pen: Pen, about: About) -> Self {
        let recording = Recording {
            pen,
            about,
            frames: Vec::new(),
        };
        Self {
            events,
            state: State::Recording(recording),
        }
    }
}

impl Recording {
    /// Puts down one event. What it becomes when there is too much of it is a stream like others.
    fn add(mut self, event: &StreamEvent) -> Option<Self> {
        if self.frames.len() + event.frame.len() > self.pen.max_bytes() {
            self.pen.leave("not recorded: the answer is too large");
            return None;
        }
        self.frames.extend_from_slice(&event.frame);
        if let Some(usage) = event.usage {
            self.about.input = usage.input.or(self.about.input);
            self.about.output = usage.output.or(self.about.output);
        }
        Some(self)
    }

    fn end(self) -> BoxFuture<'static, ()> {
        let answer = Answer::stream(self.frames.into()).about(self.about);
        self.pen.write(answer)
    }
}

impl Stream for Tape {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let State::Ending { writing, last } = &mut this.state {
                ready!(writing.as_mut().poll(cx));
                let last = last.take();
                // Ending => Passing
                this.state = State::Passing;
                if let Some(last) = last {
                    return Poll::Ready(Some(Ok(last)));
                }
                return Poll::Ready(None);
            }
            let next = ready!(Pin::new(&mut this.events).poll_next(cx));
            let State::Recording(recording) = mem::replace(&mut this.state, State::Passing) else {
                return Poll::Ready(next);
            };
            match next {
                Some(Ok(event)) => match recording.add(&event) {
                    // Recording => Ending
                    Some(recording) if event.is_last() => {
                        let (writing, last) = (recording.end(), Some(event));
                        this.state = State::Ending { writing, last };
                    }
                    Some(recording) => {
                        this.state = State::Recording(recording);
                        return Poll::Ready(Some(Ok(event)));
                    }
                    // Recording => Passing
                    None => return Poll::Ready(Some(Ok(event))),
                },
                Some(Err(error)) => {
                    recording.pen.leave("not recorded: the stream broke");
                    return Poll::Ready(Some(Err(error)));
                }
                // Recording => Ending
                None => {
                    let (writing, last) = (recording.end(), None);
                    this.state = State::Ending { writing, last };
                }
            }
        }
    }
}
