//! Streams that are kept back until they are known to be right.

use super::{LlmCorrect, case::Case, policy::noted};
use buttress_correct::Found;
use buttress_llm::{
    AnswerBody, EventStream, LlmError, LlmResponse, SaidReader, StreamEvent, WrongAnswer,
};
use futures_core::Stream;
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
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
            response.body = AnswerBody::Stream(given_out(held, Some(events)));
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

/// These events, and then the rest of the stream that they come from.
fn given_out(held: Vec<StreamEvent>, rest: Option<EventStream>) -> EventStream {
    let held = held.into_iter();
    EventStream::new(GivenOut { held, rest })
}

struct GivenOut {
    held: vec::IntoIter<StreamEvent>,
    rest: Option<EventStream>,
}

impl Stream for GivenOut {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(event) = this.held.next() {
            return Poll::Ready(Some(Ok(event)));
        }
        match &mut this.rest {
            Some(rest) => Pin::new(rest).poll_next(cx),
            None => Poll::Ready(None),
        }
    }
}
