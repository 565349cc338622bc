use buttress_llm::{Dialect, EventPipe, EventStream, LlmError, StreamEvent, Usage};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    pin::Pin,
    task::{Context, Poll},
    vec,
};

/// So much is read at a time.
const PIECE: usize = 64 << 10;

/// The events of a stream of this dialect that was recorded. Nothing when it is not whole: then
/// none of it is given.
pub(super) fn replayed(dialect: Dialect, mut recorded: Bytes, usage: Usage) -> Option<EventStream> {
    let mut pipe = EventPipe::new(dialect, dialect).max_event(recorded.len().max(1));
    let mut events = Vec::new();
    loop {
        match pipe.next_event() {
            Some(Ok(event)) => events.push(event),
            Some(Err(_)) => return None,
            None if pipe.is_over() => break,
            None if recorded.is_empty() => pipe.close(None),
            None => pipe.push(recorded.split_to(PIECE.min(recorded.len()))),
        }
    }
    // Some dialects end without saying so; here it is known.
    let mut last = events.pop()?.last();
    // Its caller may not have asked to see what it was counted as.
    if last.usage.is_none() && !usage.is_empty() && events.iter().all(|event| event.usage.is_none())
    {
        last.usage = Some(usage);
    }
    events.push(last);
    Some(EventStream::new(Events(events.into_iter())))
}

struct Events(vec::IntoIter<StreamEvent>);

impl Stream for Events {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
