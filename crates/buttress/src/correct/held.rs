//! Streams that are kept back until they are known to be right.

use super::{LlmCorrect, case::Case, policy::noted};
use buttress_correct::Found;
use buttress_llm::{
    AnswerBody, EventStream, LlmError, LlmResponse, SaidReader, StreamEvent, Usage, WrongAnswer,
};
use futures_core::Stream;
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

/// The most bytes of events that are kept back. They are some twenty times as long as the text in
/// them, and no model says so much.
const MOST: usize = 16 << 20;

/// A stream of which more came than is kept back.
const TOO_LONG: &str = "a stream that is too long to be held is passed on unchecked";
/// Such as one with a second answer in it.
const STRANGE: &str = "a stream that is not understood is passed on unchecked";

pub(super) async fn check(
    correct: &LlmCorrect,
    case: &mut Case,
    mut response: LlmResponse,
    mut events: EventStream,
) -> Result<Found<LlmResponse, WrongAnswer>, LlmError> {
    let mut reader = SaidReader::new(response.dialect);
    let mut held = Vec::new();
    let mut bytes: usize = 0;
    while let Some(event) = poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await {
        let event = event?;
        reader.add(&event);
        bytes = bytes.saturating_add(event.frame.len());
        let is_last = event.is_last();
        held.push(event);
        let unchecked = match (bytes > MOST, reader.is_whole()) {
            (true, _) => Some(TOO_LONG),
            (_, false) => Some(STRANGE),
            _ => None,
        };
        if let Some(note) = unchecked {
            let rest = Rest {
                events,
                earlier: case.counted(),
                so_far: Usage::default(),
            };
            response.body = AnswerBody::Stream(given_out(held, Some(rest)));
            return Ok(noted(response, vec![note]));
        }
        if is_last {
            break;
        }
    }
    let mut said = reader.into_said();
    case.count(&response.route, said.usage);
    let judged = case.judge(correct, &mut said);
    if !judged.problems.is_empty() {
        return Ok(Found::Wrong(WrongAnswer::new(said, judged.problems)));
    }
    let changed = case.sum_up(&mut response, &mut said) || !judged.notes.is_empty();
    let stream = match changed {
        true => said.into_stream(case.request().includes_usage()),
        false => given_out(held, None),
    };
    response.body = AnswerBody::Stream(stream);
    Ok(noted(response, judged.notes))
}

/// The rest of a stream that is passed on unchecked.
struct Rest {
    events: EventStream,
    /// What the wrong answers before it were counted as. It is told beside what this one was
    /// counted as, and not in its words, which are passed on as they are.
    earlier: Option<Usage>,
    so_far: Usage,
}

impl Rest {
    fn counted(&mut self, mut event: StreamEvent) -> StreamEvent {
        if let (Some(earlier), Some(usage)) = (self.earlier, event.usage) {
            self.so_far.update(usage);
            event.usage = Some(self.so_far.and(earlier));
        }
        event
    }
}

/// These events, and then the rest of the stream that they come from.
fn given_out(held: Vec<StreamEvent>, rest: Option<Rest>) -> EventStream {
    let held = held.into_iter();
    EventStream::new(GivenOut { held, rest })
}

struct GivenOut {
    held: vec::IntoIter<StreamEvent>,
    rest: Option<Rest>,
}

impl Stream for GivenOut {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let event = match (this.held.next(), &mut this.rest) {
            (Some(event), _) => Some(Ok(event)),
            (None, Some(rest)) => ready!(Pin::new(&mut rest.events).poll_next(cx)),
            (None, None) => None,
        };
        Poll::Ready(match (event, &mut this.rest) {
            (Some(Ok(event)), Some(rest)) => Some(Ok(rest.counted(event))),
            (event, _) => event,
        })
    }
}
